"""Removing versions while others put them to use, on PostgreSQL: never both, and never a version without its bytes."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction

from accounts.models import Event
from projects.models import Project
from registry import actions as registry
from registry import keeping, storage
from registry.models import Artifact, PackageVersion
from releases import retention
from releases.actions import ReleaseRefused, create
from releases.models import ReleasePackage, RetentionRule
from tests.deployments.patience import wait_until
from tests.deployments.scenes import pushed
from tests.deployments.scripts import beside
from tests.factories import a_lone_project, a_service_account, a_stack, a_trigger, a_user
from tests.registry.packages import SCRIPT, a_zip
from tests.services.test_at_once import at_once

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

ROUNDS = 4
OLD = ("1.1.0", "1.2.0", "1.3.0", "1.4.0", "1.5.0")


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.PACKAGES_DIR = tmp_path / "packages"


@pytest.fixture(autouse=True)
def no_time_lost(transactional_db, monkeypatch) -> None:
    """Only the highest version is kept, and what is pushed is old enough to be removed at once."""
    RetentionRule.objects.create(keep_newest=1, enabled=True)
    monkeypatch.setattr(retention, "GRACE", timedelta(days=-1))


def stored(name: str, *numbers: str, content: str = "") -> list[PackageVersion]:
    """Published versions; the same bytes whenever it is asked for the same again."""
    versions = []
    for number in numbers:
        data = a_zip({"release.sh": SCRIPT, "about": (content or f"{name} {number}").encode()})
        received = storage.receive([data], max_bytes=10**8)
        taken = registry.publish(received, name=name, version=number, filename="a.zip", by=a_service_account())
        versions.append(taken.version)
    return versions


def made_of(project: Project, **versions: str) -> Callable[[], object]:
    """Puts a release together that holds these versions; returns it, or the refusal."""

    def make() -> object:
        try:
            return create(project, by=a_user("rita"), versions=versions)[0]
        except ReleaseRefused as refusal:
            return refusal

    return make


def contradictions() -> list[str]:
    """Versions that are removed and held by a release, and versions that are there without their bytes."""
    held = PackageVersion.objects.filter(release_packages__isnull=False, removed_at__isnull=False).distinct()
    there = Artifact.objects.filter(versions__removed_at=None).distinct()
    gone = [str(artifact) for artifact in there if artifact.removed_at or not artifact.path.exists()]
    left = [str(artifact) for artifact in Artifact.objects.filter(removed_at__isnull=False) if artifact.path.exists()]
    return [*map(str, held), *gone, *left]


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_version_is_never_both_removed_and_put_into_a_release(round_):
    a_user("rita")
    website = a_lone_project("Website")
    numbers = [f"1.{minor}.0" for minor in range(6)]
    stored("website", *numbers, "2.0.0")

    results = at_once(retention.apply, *[made_of(website, website=number) for number in numbers], retention.apply)

    refused = [result for result in results if isinstance(result, ReleaseRefused)]
    assert contradictions() == []
    assert {refusal.code for refusal in refused} <= {"removed"}
    assert ReleasePackage.objects.count() == len(numbers) - len(refused)


def test_what_a_release_is_just_being_made_of_is_passed_over():
    website = a_lone_project("Website")
    stored("website", "1.0.0", "2.0.0")
    removals: list[list[retention.Removal]] = []

    with transaction.atomic():
        create(website, by=a_user("rita"), versions={"website": "1.0.0"})
        with beside(lambda: removals.append(retention.apply())):
            wait_until(lambda: removals)  # while the release is not committed yet

    assert removals == [[]]
    assert contradictions() == []


def test_a_release_waits_for_a_removal_under_way_and_is_refused_then():
    website = a_lone_project("Website")
    old, _ = stored("website", "1.0.0", "2.0.0")
    a_user("rita")
    results: list[object] = []
    make, begun = made_of(website, website="1.0.0"), threading.Event()

    with beside(lambda: (begun.wait(10), results.append(make()))), transaction.atomic():
        version = keeping.locked(old.pk)
        begun.set()
        wait_until(is_waiting)
        keeping.remove(version, "nobody needs it")

    (refusal,) = results
    assert isinstance(refusal, ReleaseRefused)
    assert refusal.code == "removed"
    assert "Create the release again, or choose another version." in refusal.sentence


def is_waiting() -> bool:
    """Whether somebody waits for a lock."""
    with transaction.get_connection().cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize("shared", [False, True])
def test_a_push_of_the_same_bytes_waits_for_a_removal_under_way_and_brings_the_version_back(shared):
    (old,) = stored("ui", "1.0.0", content="the same")
    stored("copy", "1.0.0", content="the same" if shared else "other")
    results: list[object] = []
    begun = threading.Event()

    with (
        beside(lambda: (begun.wait(10), results.append(stored("ui", "1.0.0", content="the same")))),
        transaction.atomic(),
    ):
        keeping.remove(keeping.locked(old.pk), "nobody needs it")
        begun.set()
        wait_until(is_waiting)

    assert results == [[old]]
    assert not PackageVersion.objects.get(pk=old.pk).is_removed
    assert contradictions() == []


def test_what_a_push_is_just_bringing_again_is_passed_over():
    pushed("ui", "1.0.0"), pushed("ui", "2.0.0")
    removals: list[list[retention.Removal]] = []

    with transaction.atomic():
        pushed("ui", "1.0.0")
        with beside(lambda: removals.append(retention.apply())):
            wait_until(lambda: removals)  # while the push is not committed yet

    assert removals == [[]]
    assert not PackageVersion.objects.filter(removed_at__isnull=False).exists()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_the_same_bytes_pushed_while_they_are_removed_are_there_whichever_came_first(round_):
    stored("ui", "1.0.0", "1.1.0", "1.2.0", "2.0.0")

    at_once(
        retention.apply,
        *[lambda number=number: stored("ui", number) for number in ("1.0.0", "1.1.0", "1.2.0")],
        retention.apply,
    )

    assert contradictions() == []


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_bytes_that_something_new_shares_are_not_deleted_with_what_is_old(round_):
    stored("ui", "1.0.0", content="the same")
    stored("ui", "2.0.0")
    names = ("copy-a", "copy-b", "copy-c")

    at_once(retention.apply, *[lambda name=name: stored(name, "1.0.0", content="the same") for name in names])

    assert contradictions() == []
    assert PackageVersion.objects.filter(package__name__in=names, removed_at=None).count() == 3


def test_two_that_remove_at_once_remove_each_version_once():
    stored("ui", *[f"1.{minor}.0" for minor in range(12)])

    at_once(*[retention.apply] * 4)
    retention.apply()

    assert PackageVersion.objects.filter(removed_at__isnull=False).count() == 11
    assert Event.objects.filter(verb="version.removed").count() == 11
    assert contradictions() == []


def test_pushing_releasing_removing_and_bringing_back_at_once_neither_waits_in_a_circle_nor_loses_bytes():
    stack = a_stack("Shop", components={"API": 1, "UI": 1})
    other = a_stack("Kiosk", components={"Screen": 1})
    other.components.get().project_packages.create(package=stack.components.get(slug="ui").packages.get(), position=2)
    a_trigger(stack), a_trigger(other)
    [stored(name, "1.0.0") for name in ("api", "ui", "screen")]
    stored("ui", *OLD)
    a_user("rita")

    def push(name: str, first: int) -> None:
        for patch in range(first, first + 6):
            pushed(name, f"2.{patch}.0")

    def bring_back() -> None:
        stored("ui", *OLD)

    def release() -> None:
        for number in OLD:
            with suppress(ReleaseRefused):
                create(stack, by=a_user("rita"), versions={"ui": number})

    def remove() -> None:
        for _ in range(6):
            retention.apply()

    at_once(
        lambda: push("ui", 0),
        lambda: push("ui", 6),
        lambda: push("api", 0),
        bring_back,
        bring_back,
        release,
        remove,
        remove,
    )

    assert contradictions() == []
