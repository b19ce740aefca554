"""What is new in an outside store leads to what a push would have led to, and what a waiting deployment needs is looked for."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments import outside, policy
from deployments.models import Deployment, Status
from deployments.policy import Stops
from deployments.sweep import Sweep
from projects.models import Project
from registry.models import Feed, Listing, PackageVersion
from registry.outside import watch
from releases.actions import ReleaseRefused, create
from releases.models import Release, ResolvedEntry, TriggerEvaluation
from tests.deployments.scenes import a_real_version, deployed, requested
from tests.deployments.scripts import output_of
from tests.factories import (
    a_lone_project,
    a_package,
    a_release,
    a_source,
    a_trigger,
    a_user,
    a_version,
    an_environment,
    an_outside_feed,
)
from tests.registry.stores import Store, a_store, digest_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def store():
    with a_store() as running:
        yield running


@pytest.fixture
def feed(store: Store) -> Feed:
    feed = an_outside_feed()
    Feed.objects.filter(pk=feed.pk).update(url=store.url)
    return Feed.objects.get(pk=feed.pk)


@pytest.fixture
def site(db: None) -> Project:
    return a_lone_project("Site", package="site")


def looked_round() -> None:
    """One round of a worker in which everything is due."""
    Listing.objects.update(next_at=timezone.now())
    outside.look_up_what_is_due()


def with_manifest(site: Project, version: str = "1.0.0") -> Release:
    """A release that needs patient-api 1.4.113 from Exchange."""
    a_source(a_package("site"), "*-api", "com:{component}")
    a_version("site", version, contents={"patient-api": "1.4.113"})
    outside.needs.watch_all()
    return a_release(site, site=version)


def a_release_of(site: Project, versions: dict[str, str]) -> Release:
    a_version("site")
    return create(site, by=a_user("rita"), versions=versions)[0]


def evaluations() -> list[tuple[str, str]]:
    return [(found.outcome, found.sentence) for found in TriggerEvaluation.objects.order_by("pk")]


# -- a trigger that watches an outside store ----------------------------------------------------------------------------


def test_a_new_version_of_a_package_that_a_project_holds_creates_a_release(store, feed, site):
    package = watch(feed, "com:api")
    site.project_packages.create(package=package, position=2)
    a_version("site")
    a_trigger(site)
    store.publish("api", "1.0.0")

    looked_round()

    release = Release.objects.get(project=site)
    assert evaluations() == [("created", "com:api 1.0.0 led to Site 1.0.0.")]
    assert [str(line.version) for line in release.packages.all()] == ["site 1.0.0", "com:api 1.0.0"]


def test_the_automatic_deployment_of_that_release_is_requested_in_nobodys_name(store, feed, site):
    phase = site.track.phases.order_by("position").first()
    phase.places.update(automatic=True)
    site.project_packages.create(package=watch(feed, "com:api"), position=2)
    a_version("site")
    a_trigger(site)
    store.publish("api", "1.0.0")

    looked_round()

    assert str(Deployment.objects.get().requested_by) == "Signalbox"


def test_a_look_that_finds_nothing_new_leaves_no_evaluation(store, feed, site):
    site.project_packages.create(package=watch(feed, "com:api"), position=2)
    a_version("site")
    a_trigger(site)
    store.publish("api", "1.0.0")
    looked_round()

    looked_round()

    assert len(evaluations()) == 1


def test_every_version_that_appeared_since_the_last_look_is_evaluated_in_order(store, feed, site):
    site.project_packages.create(package=watch(feed, "com:api"), position=2)
    a_version("site")
    a_trigger(site)
    store.publish("api", "1.0.0")
    looked_round()
    store.publish("api", "1.2.0", "1.1.0")

    looked_round()

    assert [sentence.split(" led")[0] for _, sentence in evaluations()] == [
        "com:api 1.0.0", "com:api 1.1.0", "com:api 1.2.0",
    ]  # fmt: skip


def test_a_package_that_only_a_trigger_names_leaves_a_visible_evaluation(store, feed, site):
    a_version("site")
    a_release(site)
    a_trigger(site, "Exchange", watch(feed, "com:api"))
    store.publish("api", "1.0.0")

    looked_round()

    assert evaluations() == [
        ("existing", "Site 1.0.0 holds the newest of everything already; com:api is no part of it.")
    ]


def test_a_package_that_nobody_watches_is_only_listed(store, feed):
    watch(feed, "com:api")
    store.publish("api", "1.0.0")

    looked_round()

    assert not PackageVersion.objects.exists()
    assert Listing.objects.get().versions[0][0] == "1.0.0"


def test_a_package_that_begins_to_be_watched_after_its_first_look_is_noted_too(store, feed, site):
    package = watch(feed, "com:api")
    store.publish("api", "1.0.0")
    looked_round()
    site.project_packages.create(package=package, position=2)

    looked_round()

    assert [str(version) for version in package.versions.all()] == ["com:api 1.0.0"]


def test_a_look_that_was_cut_off_before_it_was_kept_loses_and_doubles_nothing(store, feed, site, monkeypatch):
    site.project_packages.create(package=watch(feed, "com:api"), position=2)
    a_version("site")
    a_trigger(site)
    store.publish("api", "1.0.0")
    with monkeypatch.context() as patch:
        patch.setattr(outside.outside, "keep", lambda *_: (_ for _ in ()).throw(RuntimeError("the power failed")))
        looked_round()

    looked_round()

    assert len(evaluations()) == 1
    assert Listing.objects.get().checked_at is not None


def test_one_package_that_fails_does_not_keep_the_others_waiting(store, feed):
    other = Feed.objects.create(slug="other", name="Other", kind="npm", url="http://127.0.0.1:1")
    watch(other, "left-pad")
    watch(feed, "com:api")
    store.publish("api", "1.0.0")

    looked_round()

    assert [listing.checked_at is not None for listing in Listing.objects.order_by("pk")] == [False, True]


def test_a_release_can_be_made_of_any_version_that_the_store_lists(store, feed, site):
    package = watch(feed, "com:api")
    site.project_packages.create(package=package, position=2)
    store.publish("api", "1.0.0", "0.9.0")
    looked_round()

    release = a_release_of(site, {"com:api": "0.9"})

    assert [str(line.version) for line in release.packages.all()] == ["site 1.0.0", "com:api 0.9.0"]


def test_a_version_that_the_store_does_not_list_cannot_be_chosen(store, feed, site):
    site.project_packages.create(package=watch(feed, "com:api"), position=2)
    store.publish("api", "1.0.0")
    looked_round()

    with pytest.raises(ReleaseRefused, match=r"Site has no package com:api 2\.0"):
        a_release_of(site, {"com:api": "2.0"})


def test_a_script_is_told_what_else_the_release_holds(store, feed):
    site = a_lone_project("Site", package="site")
    a_real_version("site", "1.0.0", 'echo "$SIGNALBOX_PACKAGES" >told.json; cat told.json')
    site.project_packages.create(package=watch(feed, "com:api"), position=2)
    store.publish("api", "v1.0")
    looked_round()

    deployment = deployed(a_release_of(site, {}))

    assert deployment.status == Status.SUCCEEDED
    assert '"version": "v1.0", "digest": ""}' in output_of(deployment)


# -- readiness ----------------------------------------------------------------------------------------------------------


def test_what_is_missing_lets_a_deployment_be_requested_and_wait(feed, site):
    release = with_manifest(site)
    looked_round()

    deployment = requested(release)

    [blocker] = policy.why_not_deployable(release, an_environment("TEST"), deployment=deployment)
    assert (deployment.status, blocker.code, blocker.stops) == (Status.SCHEDULED, "outside_missing", Stops.STARTING)
    assert blocker.sentence.startswith("patient-api 1.4.113 is not in Anypoint Exchange (checked ")


def test_what_was_never_looked_up_makes_a_deployment_wait(feed, site):
    release = with_manifest(site)

    deployment = requested(release)

    [blocker] = policy.why_not_deployable(release, an_environment("TEST"), deployment=deployment)
    assert (deployment.status, blocker.code) == (Status.SCHEDULED, "outside_unknown")


def test_a_waiting_deployment_starts_once_the_version_has_been_published(store, feed, site):
    release = with_manifest(site)
    looked_round()
    deployment = requested(release)
    store.publish("patient-api", "1.4.113")
    Listing.objects.update(next_at=timezone.now(), tried_at=None)

    Sweep().watch.once()

    deployment.refresh_from_db()
    assert deployment.status == Status.QUEUED


def test_what_was_resolved_is_recorded_on_the_release(store, feed, site):
    release = with_manifest(site)
    store.publish("patient-api", "1.4.113")

    looked_round()

    entry = ResolvedEntry.objects.get(release=release)
    assert (entry.version, entry.digest) == ("1.4.113", digest_of("patient-api 1.4.113"))


def test_a_version_whose_bytes_were_replaced_keeps_the_release_from_starting(store, feed, site):
    release = with_manifest(site)
    store.publish("patient-api", "1.4.113")
    looked_round()
    store.assets["patient-api"]["1.4.113"] = b"something else"
    ResolvedEntry.objects.update(now_digest="", now_at=timezone.now() - timedelta(hours=2))

    looked_round()

    codes = [found.code for found in policy.why_not_deployable(release, an_environment("TEST"))]
    assert codes == ["outside_moved"]


def test_what_a_waiting_deployment_lacks_is_asked_for_before_its_turn(store, feed, site):
    release = with_manifest(site)
    looked_round()
    requested(release)
    Listing.objects.update(tried_at=timezone.now() - timedelta(seconds=outside.HURRY_SECONDS + 1))

    outside.hurry()

    assert Listing.objects.get().next_at <= timezone.now()


def test_it_is_not_asked_for_without_a_pause(store, feed, site):
    release = with_manifest(site)
    looked_round()
    requested(release)

    outside.hurry()

    assert Listing.objects.get().next_at > timezone.now()


def test_a_request_asks_no_store(store, feed, site):
    release = with_manifest(site)
    store.asked.clear()

    requested(release)

    assert store.asked == []
