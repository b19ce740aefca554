"""A release is ready only when every component that its manifest names is in the store where a manifest source places it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Event
from registry import outside
from registry.models import Listing
from releases import needs
from releases.models import ResolvedEntry
from releases.needs import State
from tests.factories import (
    a_lone_project,
    a_package,
    a_release,
    a_source,
    a_stack,
    a_version,
    an_outside_feed,
    an_outside_package,
)

pytestmark = pytest.mark.django_db
API = "com:patient-api"


@pytest.fixture
def state():
    """A project whose package names APIs that lie in Exchange."""
    project = a_lone_project("State", package="state")
    a_source(a_package("state"), "*-api", "com:{component}")
    return project


def lists(*lines: tuple[str, str], name: str = API, label: str = "Patient API", ago: int = 0) -> Listing:
    """What Exchange listed of one package: version and digest, highest first."""
    package = outside.watch(an_outside_feed(), name)
    package.label = label
    package.save()
    fields = {
        "versions": [[version, version, digest, ""] for version, digest in lines],
        "checked_at": timezone.now() - timedelta(minutes=ago),
    }
    Listing.objects.filter(package=package).update(**fields)
    return Listing.objects.get(package=package)


def a_state(project, version: str = "1.0.0", **contents: str):
    a_version("state", version, contents={name.replace("_", "-"): text for name, text in contents.items()})
    return a_release(project, state=version)


def at(listing: Listing) -> str:
    return f"{timezone.localtime(listing.checked_at):%H:%M}"


# -- what is needed ---------------------------------------------------------------------------------------------------


def test_without_manifest_sources_nothing_is_needed():
    project = a_lone_project("State", package="state")

    assert needs.needs_of(a_state(project, patient_api="1.4.113")) == []


def test_a_component_that_no_source_places_is_not_needed(state):
    release = a_state(state, runtime="4.6.0")

    assert needs.needs_of(release) == []


def test_a_listed_version_is_found(state):
    listing = lists(("1.4.113", ""))

    [need] = needs.needs_of(a_state(state, patient_api="1.4.113"))

    assert (need.state, need.is_met) == (State.FOUND, True)
    assert need.sentence == f"Patient API 1.4.113 is in Anypoint Exchange (checked {at(listing)})."


def test_a_version_that_is_not_listed_is_missing_and_says_when_it_was_looked_for(state):
    listing = lists(("1.4.112", ""))

    [need] = needs.needs_of(a_state(state, patient_api="1.4.113"))

    assert (need.state, need.is_met) == (State.MISSING, False)
    assert need.sentence.startswith(f"Patient API 1.4.113 is not in Anypoint Exchange (checked {at(listing)}).")


def test_a_check_of_another_day_names_the_day(state):
    listing = lists(("1.4.112", ""), ago=60 * 24 * 3)

    [need] = needs.needs_of(a_state(state, patient_api="1.4.113"))

    assert f"(checked {timezone.localtime(listing.checked_at):%d %B %Y at %H:%M})" in need.sentence


def test_without_a_label_people_read_the_name_of_the_manifest(state):
    lists(("1.4.112", ""), label="")

    [need] = needs.needs_of(a_state(state, patient_api="1.4.113"))

    assert need.sentence.startswith("patient-api 1.4.113 is not in Anypoint Exchange")


def test_what_was_never_looked_up_is_unknown(state):
    [need] = needs.needs_of(a_state(state, patient_api="1.4.113"))

    assert need.state is State.UNKNOWN
    assert need.sentence.startswith("Whether patient-api 1.4.113 is in Anypoint Exchange is not known yet.")


def test_a_store_that_cannot_be_asked_is_named_with_its_problem(state):
    listing = lists(("1.4.112", ""))
    Listing.objects.filter(pk=listing.pk).update(
        problem="exchange.example is down.", failing_since=timezone.now(), failures=1
    )

    [need] = needs.needs_of(a_state(state, patient_api="1.4.113"))

    assert need.sentence.endswith("Since then it cannot be asked: exchange.example is down.")


def test_what_was_found_stays_found_while_the_store_cannot_be_asked(state):
    listing = lists(("1.4.113", ""))
    Listing.objects.filter(pk=listing.pk).update(problem="down", failing_since=timezone.now(), failures=1)

    [need] = needs.needs_of(a_state(state, patient_api="1.4.113"))

    assert need.is_met


def test_a_switched_off_feed_is_named(state):
    lists(("1.4.112", ""))
    feed = an_outside_feed()
    feed.enabled = False
    feed.save()

    [need] = needs.needs_of(a_state(state, patient_api="1.4.113"))

    assert need.sentence.endswith("An administrator has switched this feed off.")


def test_a_stack_needs_what_its_components_need():
    shop = a_stack("Shop", components={"State": 1, "UI": 2})
    a_source(a_package("state"), "*-api", "com:{component}")
    a_version("state", "1.0.0", contents={"patient-api": "1.4.113"})

    release = a_release(shop, state="1.0.0", ui="2.0.0")

    assert [(need.component, need.version) for need in needs.needs_of(release)] == [("patient-api", "1.4.113")]


def test_a_release_that_needs_nothing_costs_one_query(django_assert_num_queries):
    release = a_release(a_stack("Shop", components={"API": 1, "UI": 2}))

    with django_assert_num_queries(1):
        needs.needs_of(release)


@pytest.mark.parametrize("components", [1, 30])
def test_however_much_is_needed_it_costs_five_queries(state, django_assert_num_queries, components):
    for number in range(components):
        lists(("1.0.0", ""), name=f"com:n{number}-api")
    release = a_state(state, **{f"n{number}-api": "1.0.0" for number in range(components)})

    with django_assert_num_queries(5):
        found = needs.needs_of(release)

    assert len(found) == components


# -- what is looked up ------------------------------------------------------------------------------------------------


def test_what_a_published_manifest_names_is_looked_up_from_then_on(state):
    needs.look_for(a_version("state", contents={"patient-api": "1.4.113", "runtime": "1"}))

    assert list(Listing.objects.values_list("package__name", flat=True)) == [API]


def test_what_is_not_known_to_be_there_is_looked_up_at_once(state):
    listing = lists(("1.4.112", ""))
    Listing.objects.filter(pk=listing.pk).update(next_at=timezone.now() + timedelta(minutes=5))

    needs.look_for(a_version("state", contents={"patient-api": "1.4.113"}))

    assert [due.pk for due in outside.due(timezone.now())] == [listing.pk]


def test_what_is_known_to_be_there_waits_for_its_turn(state):
    listing = lists(("1.4.113", ""))
    Listing.objects.filter(pk=listing.pk).update(next_at=timezone.now() + timedelta(minutes=5))

    needs.look_for(a_version("state", contents={"patient-api": "1.4.113"}))

    assert outside.due(timezone.now()) == []


def test_sources_that_are_configured_later_are_looked_up_too():
    a_version("state", contents={"patient-api": "1.4.113"})
    a_source(a_package("state"), "*-api", "com:{component}")

    needs.watch_all()

    assert Listing.objects.get().package.name == API


STRANGE = ("a/b", "../up", "a:b:c:d", "pa ket", "päckchen", "o" * 300)


@pytest.mark.parametrize("name", STRANGE)
def test_a_name_that_nothing_in_the_store_can_have_is_said_and_keeps_nobody_else_waiting(state, name):
    a_source(a_package("state"), "*", "com:{component}", position=1)
    version = a_version("state", contents={name: "1.0.0", "patient-api": "1.4.113"})

    needs.look_for(version)
    needs.watch_all()

    found = {need.component: need for need in needs.needs_of(a_release(state, state="1.0.0"))}
    strange, usual = found[name], found["patient-api"]
    assert list(Listing.objects.values_list("package__name", flat=True)) == [API]
    assert (strange.state, strange.is_met) == (State.MISSING, False)
    assert strange.sentence.startswith(
        f"{name} 1.0.0 cannot be in Anypoint Exchange: its manifest source calls it “com:"
    )
    assert strange.sentence.endswith("Correct the manifest, or the source.")
    assert usual.state is State.UNKNOWN


# -- what was resolved ------------------------------------------------------------------------------------------------


def resolve(digest: str | None = "") -> None:
    package = Listing.objects.select_related("package__feed").get().package
    needs.resolve(package, lambda *_: digest)


def test_what_the_store_has_is_recorded_on_the_release(state):
    release = a_state(state, patient_api="1.4.113")
    lists(("1.4.113", "sha256:aa"))

    resolve()

    entry = ResolvedEntry.objects.get()
    assert (entry.release, entry.component, entry.version, entry.digest) == (
        release, "patient-api", "1.4.113", "sha256:aa",
    )  # fmt: skip


def test_a_digest_that_the_listing_does_not_state_is_asked_for(state):
    a_state(state, patient_api="1.4.113")
    lists(("1.4.113", ""))

    resolve("sha256:bb")

    assert ResolvedEntry.objects.get().digest == "sha256:bb"


def test_while_the_digest_cannot_be_asked_for_nothing_is_recorded(state):
    a_state(state, patient_api="1.4.113")
    lists(("1.4.113", ""))

    resolve(None)

    assert not ResolvedEntry.objects.exists()


def test_what_is_not_there_is_not_recorded(state):
    a_state(state, patient_api="1.4.113")
    lists(("1.4.112", "sha256:aa"))

    resolve()

    assert not ResolvedEntry.objects.exists()


def test_a_moved_tag_keeps_the_release_from_being_ready_and_is_on_record(state):
    release = a_state(state, patient_api="1.4.113")
    lists(("1.4.113", "sha256:aaaaaaaaaaaaaaaa"))
    resolve()
    lists(("1.4.113", "sha256:bbbbbbbbbbbbbbbb"))

    resolve()

    [need] = needs.needs_of(release)
    assert need.state is State.MOVED
    assert "is no longer what this release was put together with: it was sha256:aaaaaaaaaaaa…" in need.sentence
    assert Event.objects.filter(verb="release.moved").count() == 1


def test_a_moved_tag_that_is_put_back_makes_the_release_ready_again(state):
    release = a_state(state, patient_api="1.4.113")
    for digest in ("sha256:aa", "sha256:bb", "sha256:aa"):
        lists(("1.4.113", digest))
        resolve()

    [need] = needs.needs_of(release)

    assert need.is_met


def test_a_digest_that_was_just_compared_is_not_asked_for_again(state):
    a_state(state, patient_api="1.4.113")
    lists(("1.4.113", ""))
    resolve("sha256:aa")

    resolve("sha256:bb")

    assert ResolvedEntry.objects.get().now_digest == ""


def test_after_an_hour_it_is_compared_again(state):
    a_state(state, patient_api="1.4.113")
    lists(("1.4.113", ""))
    resolve("sha256:aa")
    ResolvedEntry.objects.update(now_digest="sha256:aa", now_at=timezone.now() - timedelta(minutes=61))

    resolve("sha256:bb")

    assert ResolvedEntry.objects.get().has_moved


def test_another_package_of_the_feed_is_left_alone(state):
    a_state(state, patient_api="1.4.113")
    lists(("1.4.113", "sha256:aa"))
    other = an_outside_package("com:other-api")

    needs.resolve(other, lambda *_: "")

    assert not ResolvedEntry.objects.exists()
