"""Retention rules at work: what is removed and recorded, and what no rule removes."""

from io import StringIO

import pytest
from django.core.management import call_command

from accounts.models import Event
from registry import storage
from registry.actions import publish, withdraw
from registry.models import Feed, PackageVersion
from releases import retention
from releases.actions import ReleaseRefused, create
from releases.models import RetentionRule
from releases.retention import Stay, Stays
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import went_live
from tests.factories import a_lone_project, a_package, a_release, a_stack, a_user, a_version
from tests.registry.packages import SCRIPT, a_zip

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.PACKAGES_DIR = tmp_path / "packages"


def a_rule(package: str | None = None, **fields: object) -> RetentionRule:
    """Enabled; it keeps the highest version only, unless it is told otherwise."""
    named = a_package(package) if package else None
    fields = {"enabled": True} | (fields or {"keep_newest": 1})
    return RetentionRule.objects.create(package=named, **fields)


def a_real_version(name: str, number: str) -> PackageVersion:
    """Published with bytes, which are the same whenever the same is asked for."""
    data = a_zip({"release.sh": SCRIPT, "about": f"{name} {number}".encode()})
    received = storage.receive([data], max_bytes=10_000)
    return publish(received, name=name, version=number, filename="a.zip", by=a_user("ci")).version


def real_versions(name: str, *numbers: str) -> list[PackageVersion]:
    return [a_real_version(name, number) for number in numbers]


def removed() -> list[str]:
    return [str(version) for version in PackageVersion.objects.filter(removed_at__isnull=False).order_by("pk")]


# -- what is removed --------------------------------------------------------------------------------------------------


def test_what_the_rule_lets_go_is_removed_and_its_bytes_with_it(pass_days):
    old, new = real_versions("ui", "1.0.0", "2.0.0")
    a_rule()
    pass_days(2)

    removals = retention.apply()

    assert [removal.version.name for removal in removals] == removed() == ["ui 1.0.0"]
    assert not old.artifact.path.exists()
    assert storage.verify(new.artifact.sha256)


def test_each_removal_leaves_a_line_with_the_rule_in_it(pass_days):
    real_versions("ui", "1.0.0", "2.0.0")
    rule = a_rule("ui", keep_days=30, keep_newest=1)
    pass_days(40)

    retention.apply()

    line = Event.objects.get(verb="version.removed")
    assert line.actor is None
    assert line.sentence == (
        "ui 1.0.0 was removed: no release holds it, it is older than 30 days and a higher one may be used (rule for ui)."
    )
    assert line.data["rule"] == rule.pk
    assert PackageVersion.objects.get(version="1.0.0").removed_reason in line.sentence


def test_what_was_removed_is_not_removed_again(pass_days):
    real_versions("ui", "1.0.0", "2.0.0")
    a_rule()
    pass_days(2)
    retention.apply()

    again = retention.apply()

    assert again == []
    assert Event.objects.filter(verb="version.removed").count() == 1


def test_no_more_than_asked_for_are_removed_at_once(pass_days):
    real_versions("ui", "1.0.0", "1.1.0", "1.2.0", "1.3.0", "1.4.0")
    a_rule()
    pass_days(2)

    counts = [len(retention.apply(at_most=3)) for _ in range(3)]

    assert counts == [3, 1, 0]


def test_a_rule_that_is_not_enabled_removes_nothing(pass_days):
    real_versions("ui", "1.0.0", "2.0.0")
    a_rule(enabled=False, keep_newest=1)
    pass_days(2)

    assert retention.apply() == []
    assert removed() == []


def test_a_packages_own_rule_that_is_not_enabled_spares_it_from_the_general_one(pass_days):
    real_versions("api", "1.0.0", "2.0.0")
    real_versions("ui", "1.0.0", "2.0.0")
    a_rule()
    a_rule("ui", enabled=False, keep_newest=1)
    pass_days(2)

    retention.apply()

    assert removed() == ["api 1.0.0"]


def test_a_version_in_an_outside_store_has_no_bytes_to_remove(pass_days):
    outside = Feed.objects.create(slug="exchange", name="Exchange", kind="maven", url="https://exchange.example")
    package = outside.packages.create(name="com.example:api")
    about = {"format": "reference", "members": 0, "unpacked_bytes": 0, "published_by": a_user("ci")}
    package.versions.create(version="1.0.0", sort_key="1", original="1.0.0", digest="x", **about)
    package.versions.create(version="2.0.0", sort_key="2", original="2.0.0", digest="x", **about)
    a_rule()
    pass_days(2)

    assert retention.foresee() == retention.apply() == []


def test_a_withdrawn_version_is_removed_and_stays_withdrawn(pass_days):
    withdrawn = withdraw(a_real_version("ui", "1.0.0"), by=a_user("rita"), reason="It leaks.")
    a_real_version("ui", "2.0.0")
    a_rule()
    pass_days(2)

    retention.apply()

    withdrawn.refresh_from_db()
    assert withdrawn.is_removed
    assert withdrawn.withdrawn_reason == "It leaks."


# -- what no rule removes ---------------------------------------------------------------------------------------------


def test_what_any_release_holds_is_never_removed(pass_days):
    shop = a_stack("Shop", components={"UI": 1})
    a_release(shop, ui="1.0.0")
    a_version("ui", "1.1.0"), a_version("ui", "2.0.0")
    a_rule()
    pass_days(9999)

    retention.apply()

    assert removed() == ["ui 1.1.0"]


def test_what_is_live_and_what_was_live_before_in_any_environment_is_never_removed(pass_days):
    shop = a_stack("Shop", components={"UI": 1})
    previous, live, only_in_test = (a_release(shop, ui=number) for number in ("1.0.0", "1.1.0", "1.2.0"))
    [went_live(release, place) for release in (previous, live) for place in ("TEST", "PROD")]
    went_live(only_in_test, "TEST")
    a_version("ui", "0.9.0"), a_version("ui", "2.0.0")
    a_rule(keep_days=1, keep_newest=1)
    pass_days(9999)

    retention.apply()

    assert removed() == ["ui 0.9.0"]


def test_the_highest_version_is_never_removed(pass_days):
    a_real_version("ui", "1.0.0")
    a_rule(keep_days=1)
    pass_days(9999)

    assert retention.apply() == []


def test_a_release_that_was_made_after_the_plan_keeps_its_version(pass_days):
    website = a_lone_project("Website")
    old = a_version("website", "1.0.0")
    a_version("website", "2.0.0")
    a_rule()
    pass_days(2)
    (planned,) = [verdict for verdict in retention.foresee() if not isinstance(verdict, Stay)]
    create(website, by=a_user("rita"), versions={"website": "1.0.0"})

    assert retention.remove(planned.version.pk) is None
    assert not PackageVersion.objects.get(pk=old.pk).is_removed


def test_a_rule_that_was_switched_off_after_the_plan_removes_nothing(pass_days):
    old = a_version("ui", "1.0.0")
    a_version("ui", "2.0.0")
    a_rule()
    pass_days(2)
    RetentionRule.objects.update(enabled=False)

    assert retention.remove(old.pk) is None
    assert removed() == []


def test_what_came_back_is_kept_for_as_many_days_as_if_it_were_new(pass_days):
    real_versions("ui", "1.0.0", "2.0.0")
    a_rule(keep_days=30)
    pass_days(40)
    retention.apply()
    a_real_version("ui", "1.0.0")
    pass_days(29)

    assert retention.apply() == []
    assert removed() == []


# -- what becomes of a removed version --------------------------------------------------------------------------------


def test_no_release_is_made_of_a_removed_version(pass_days):
    website = a_lone_project("Website")
    a_version("website", "1.0.0"), a_version("website", "2.0.0")
    a_rule()
    pass_days(2)
    retention.apply()

    with pytest.raises(
        ReleaseRefused, match=r"website 1\.0\.0 was removed on .* Push the same package again"
    ) as refusal:
        create(website, by=a_user("rita"), versions={"website": "1.0.0"})

    assert refusal.value.code == "removed"


# -- looking first ----------------------------------------------------------------------------------------------------


def test_what_is_foreseen_is_what_happens(pass_days):
    real_versions("ui", "1.0.0", "1.1.0", "1.2.0", "1.3.0")
    a_rule(keep_newest=2)
    pass_days(2)

    foreseen = [verdict for verdict in retention.foresee() if not isinstance(verdict, Stay)]

    assert removed() == []
    assert foreseen == retention.apply()


def test_every_version_that_a_rule_concerns_is_foreseen_with_its_reason():
    a_release(a_stack("Shop", components={"UI": 1}), ui="1.0.0")
    a_version("ui", "1.1.0"), a_version("ui", "2.0.0")
    rule = a_rule(keep_newest=1, enabled=False)

    verdicts = {verdict.version.name: verdict for verdict in retention.foresee(rule)}

    assert {name: verdict.why for name, verdict in verdicts.items()} == {
        "ui 1.0.0": Stays.HELD,
        "ui 1.1.0": Stays.YOUNG,
        "ui 2.0.0": Stays.HIGHEST,
    }


def test_the_dry_run_of_one_rule_leaves_out_what_other_rules_are_about():
    a_version("ui", "1.0.0"), a_version("api", "1.0.0")
    general, own = a_rule(keep_newest=1), a_rule("ui", keep_newest=1)

    names = [[verdict.version.name for verdict in retention.foresee(rule)] for rule in (general, own, None)]

    assert names == [["api 1.0.0"], ["ui 1.0.0"], ["api 1.0.0", "ui 1.0.0"]]


@pytest.mark.parametrize("count", [1, 7])
def test_looking_takes_as_many_queries_for_many_versions_as_for_few(django_assert_num_queries, count):
    [a_version("ui", f"1.{minor}.0") for minor in range(count)]
    a_rule()

    with django_assert_num_queries(2):
        retention.foresee()


# -- the command ------------------------------------------------------------------------------------------------------


def commanded(*arguments: str) -> list[str]:
    output = StringIO()
    call_command("remove_old_versions", *arguments, stdout=output)
    return output.getvalue().splitlines()


def test_the_command_removes_and_says_what_and_why(pass_days):
    real_versions("ui", "1.0.0", "2.0.0")
    a_rule()
    pass_days(2)

    first, last = commanded()

    assert first == "ui 1.0.0: no release holds it and a higher one may be used (rule for every package)"
    assert last.startswith("1 version removed and ")
    assert removed() == ["ui 1.0.0"]


def test_the_dry_run_of_the_command_removes_nothing_and_knows_rules_that_are_not_enabled(pass_days):
    real_versions("ui", "1.0.0", "2.0.0")
    a_rule(enabled=False, keep_newest=1)
    pass_days(2)

    first, last = commanded("--dry-run")

    assert first.endswith("(rule for every package), which is not enabled")
    assert last.endswith("Nothing was removed: this was a dry run.")
    assert removed() == []


def test_the_command_says_when_there_is_nothing_to_do():
    assert commanded() == commanded("--dry-run") == ["Nothing to remove."]
