"""Stored bytes are hashed again and again: what is found is noted, told, and over when the bytes are back."""

import io
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Event
from registry import actions, scrubbing, storage
from registry.models import Artifact, PackageVersion
from registry.storage import Received, StorageAway
from tests.registry.packages import SCRIPT, a_zip
from tests.registry.places import Files

MISSING, DAMAGED = Artifact.Problem.MISSING, Artifact.Problem.DAMAGED
NOW = timezone.now
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def received(text: bytes = b"1") -> Received:
    return storage.receive([a_zip({"release.sh": SCRIPT, "x": text})], max_bytes=10_000)


def published(by, version: str = "1.0.0", text: bytes = b"1", name: str = "ui") -> PackageVersion:
    return actions.publish(received(text), name=name, version=version, filename="", by=by).version


def never(seconds: float) -> bool:
    """Waits for nothing, and lets the look go on."""
    return False


def last_seen(artifact: Artifact, ago: timedelta, **fields: object) -> None:
    Artifact.objects.filter(pk=artifact.pk).update(checked_at=NOW() - ago, **fields)


def lines() -> list[tuple[str, str]]:
    return list(Event.objects.exclude(verb="version.published").order_by("pk").values_list("verb", "sentence"))


# -- what a look finds ------------------------------------------------------------------------------------------------


def test_what_is_whole_is_noted_with_the_time_and_without_a_word(pusher, place):
    artifact = published(pusher).artifact

    found = scrubbing.check(artifact)

    artifact.refresh_from_db()
    assert (found, artifact.problem) == ("", "")
    assert NOW() - artifact.checked_at < HOUR
    assert lines() == []


def test_what_is_missing_is_noted_and_told(pusher, place):
    published(pusher, "2.0.0", b"2")  # the bucket is not empty
    artifact = published(pusher).artifact
    place.lose(artifact.sha256)

    found = scrubbing.check(artifact)

    artifact.refresh_from_db()
    assert found == artifact.problem == MISSING
    sentence = "The stored bytes of ui 1.0.0 are missing. Push the same package again to restore them."
    assert lines() == [("artifact.missing", sentence)]


def test_what_was_changed_is_noted_and_told_with_everything_that_it_is_part_of(pusher, place):
    artifact = published(pusher).artifact
    published(pusher, "1.0.1")
    place.overwrite(artifact.sha256, b"something else")

    found = scrubbing.check(artifact)

    artifact.refresh_from_db()
    assert found == artifact.problem == DAMAGED
    assert lines() == [
        (
            "artifact.damaged",
            "The stored bytes of ui 1.0.0, ui 1.0.1 were changed in the storage. Push the same package again to restore them.",
        )
    ]


def test_what_is_found_again_is_not_told_again(pusher, place):
    artifact = published(pusher).artifact
    place.overwrite(artifact.sha256, b"?")
    scrubbing.check(artifact)
    artifact.refresh_from_db()

    scrubbing.check(artifact)

    assert len(lines()) == 1


def test_bytes_that_somebody_puts_back_are_noticed(pusher, store):
    artifact = published(pusher).artifact
    path = artifact.path
    path.rename(path.with_name("aside"))
    scrubbing.check(artifact)
    path.with_name("aside").rename(path)
    artifact.refresh_from_db()

    found = scrubbing.check(artifact)

    artifact.refresh_from_db()
    assert found == artifact.problem == ""
    assert lines()[-1] == ("artifact.healed", "The stored bytes of ui 1.0.0 are whole again.")


@pytest.mark.parametrize("away", ["file", "s3"])
def test_a_storage_that_is_not_mounted_is_not_taken_for_one_that_misses_everything(pusher, request, settings, away):
    artifact = published(pusher).artifact
    settings.PACKAGES_DIR = settings.PACKAGES_DIR.with_name("other")
    {"file": lambda: None, "s3": lambda: request.getfixturevalue("bucket")}[away]()

    with pytest.raises(StorageAway, match="The package storage is empty"):
        scrubbing.check(artifact)

    assert not Artifact.objects.exclude(problem="", checked_at=None).exists()
    assert lines() == []


def test_what_was_pushed_again_during_a_look_stays_whole(pusher):
    artifact = published(pusher).artifact
    Files(storage.path_of(artifact.sha256).parents[3]).overwrite(artifact.sha256, b"something else")

    found = scrubbing.check(artifact, pause=lambda: published(pusher))

    artifact.refresh_from_db()
    assert (found, artifact.problem) == (DAMAGED, "")
    assert lines() == []


# -- healing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1.0.0", "1.0.1"])
def test_the_same_bytes_pushed_again_heal_it(pusher, place, version):
    artifact = published(pusher).artifact
    place.overwrite(artifact.sha256, b"something else")
    scrubbing.check(artifact)

    published(pusher, version)

    artifact.refresh_from_db()
    assert artifact.problem == ""
    assert storage.verify(artifact.sha256)
    assert lines()[-1][0] == "artifact.healed"
    assert Event.objects.get(verb="artifact.healed").actor == pusher


def test_the_same_bytes_pushed_again_bring_back_what_was_removed(pusher, place):
    version = published(pusher)
    PackageVersion.objects.update(removed_at=NOW(), removed_reason="Too old")
    Artifact.objects.update(removed_at=NOW())
    storage.remove(version.bytes.sha256)

    again = published(pusher)

    version.refresh_from_db()
    assert not version.is_removed
    assert not again.is_removed
    assert Artifact.objects.get().removed_at is None
    assert storage.verify(version.bytes.sha256)
    assert lines() == [("version.returned", "ci-pipeline pushed ui 1.0.0 again, whose bytes had been removed.")]


def test_a_push_of_bytes_that_are_removed_in_the_very_moment_is_refused(pusher):
    artifact = published(pusher).artifact
    Artifact.objects.update(removed_at=NOW())
    anew = received()
    looked = actions.examine(anew)
    storage.keep(anew)
    storage.remove(artifact.sha256)

    with pytest.raises(scrubbing.StillBeingRemoved, match=r"was just being cleared away\. Push it again"):
        actions.publish(anew, name="ui", version="1.0.0", filename="", by=pusher, inspection=looked)

    assert Artifact.objects.get().removed_at is not None


# -- whose turn it is -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "ago", "fields", "is_due"),
    [
        (7, 8 * DAY, {}, True),
        (7, 6 * DAY, {}, False),
        (1, 2 * DAY, {}, True),
        (0, 800 * DAY, {}, False),
        (7, 2 * HOUR, {"problem": MISSING}, True),
        (7, HOUR / 2, {"problem": MISSING}, False),
        (7, 8 * DAY, {"removed_at": NOW()}, False),
    ],
)
def test_it_is_an_artifacts_turn_after_some_days_and_soon_where_it_has_a_problem(
    pusher, settings, days, ago, fields, is_due
):
    settings.ARTIFACT_CHECK_DAYS = days
    last_seen(published(pusher).artifact, ago, **fields)

    assert scrubbing.is_due() is is_due


@pytest.mark.parametrize(("days_ago", "is_due"), [(8, True), (6, False)])
def test_what_was_never_looked_at_again_counts_from_when_it_was_stored(pusher, settings, days_ago, is_due):
    settings.ARTIFACT_CHECK_DAYS = 7
    published(pusher)
    Artifact.objects.update(stored_at=NOW() - days_ago * DAY)

    assert scrubbing.is_due() is is_due


def test_everything_whose_turn_it_is_is_looked_at_once_and_the_longest_unseen_first(pusher, store):
    artifacts = [published(pusher, f"1.0.{number}", bytes([number])).artifact for number in range(3)]
    for artifact, days in zip(artifacts, (10, 30, 1), strict=True):
        last_seen(artifact, days * DAY)
    order = list(scrubbing.due(NOW()))
    Files(store).lose(artifacts[0].sha256)

    looked = scrubbing.check_due(never)

    assert order == [artifacts[1], artifacts[0]]
    assert (looked, scrubbing.is_due()) == (2, False)
    assert list(Artifact.objects.exclude(problem="")) == [artifacts[0]]


def test_a_look_at_leisure_takes_a_tenth_of_the_time(pusher, monkeypatch):
    last_seen(published(pusher).artifact, 30 * DAY)
    clock = iter([100.0, 102.0, 200.0, 200.04, 300.0])
    monkeypatch.setattr(scrubbing.time, "monotonic", lambda: next(clock))
    pauses: list[float] = []

    scrubbing.check_due(lambda seconds: bool(pauses.append(seconds)))

    assert pauses == pytest.approx([18.0])


def test_a_look_that_has_to_stop_is_taken_up_by_another_worker_after_an_hour(pusher, monkeypatch):
    monkeypatch.setattr(scrubbing, "STRETCH", 0)
    last_seen(published(pusher).artifact, 30 * DAY)

    looked = scrubbing.check_due(lambda seconds: True)

    assert (looked, scrubbing.is_due()) == (0, False)
    assert scrubbing.due(NOW() + HOUR).exists()


def test_a_storage_that_is_away_ends_the_look_and_notes_nothing(pusher, store, settings):
    last_seen(published(pusher).artifact, 30 * DAY)
    settings.PACKAGES_DIR = store.with_name("not-mounted")

    looked = scrubbing.check_due(never)

    assert looked == 0
    assert Artifact.objects.get().problem == ""
    assert scrubbing.due(NOW() + HOUR).exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_looks_at_each(pusher, store):
    for number in range(6):
        last_seen(published(pusher, f"1.0.{number}", bytes([number])).artifact, 30 * DAY)
    looked: list[int] = []

    def work() -> None:
        try:
            looked.append(scrubbing.check_due(never))
        finally:
            from django.db import connection

            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]

    assert sum(looked) == 6


# -- the command ------------------------------------------------------------------------------------------------------


def checked(**options: object) -> tuple[int, str]:
    """The exit status of `manage.py check_artifacts`, and what it says."""
    out = io.StringIO()
    try:
        call_command("check_artifacts", stdout=out, **options)
    except SystemExit as end:
        return int(end.code or 0), out.getvalue()
    return 0, out.getvalue()


def test_the_command_looks_at_everything_and_says_that_all_is_well(pusher, place):
    published(pusher)
    published(pusher, "2.0.0", b"2")

    status, said = checked()

    assert status == 0
    assert "2 looked at" in said
    assert "2 as published.\n" in said
    assert not Artifact.objects.filter(checked_at=None).exists()


def test_the_command_names_what_is_wrong_and_fails(pusher, place):
    published(pusher)
    gone, changed = published(pusher, "2.0.0", b"2").bytes, published(pusher, "3.0.0", b"3").bytes
    place.lose(gone.sha256)
    place.overwrite(changed.sha256, b"?")

    status, said = checked()

    assert status == 1
    assert f"ui 2.0.0 ({gone.sha256}): missing." in said
    assert f"ui 3.0.0 ({changed.sha256}): damaged." in said
    assert "1 as published, 1 damaged, 1 missing.\nPush the same packages again" in said
    assert Artifact.objects.exclude(problem="").count() == 2


def test_the_command_shows_how_far_it_is(pusher, monkeypatch):
    monkeypatch.setattr("registry.management.commands.check_artifacts.PROGRESS_SECONDS", -1)
    published(pusher)

    _, said = checked()

    assert said.startswith("1 of 1 looked at")


def test_the_command_says_that_the_storage_is_away(pusher, store, settings):
    published(pusher)
    settings.PACKAGES_DIR = store.with_name("not-mounted")

    with pytest.raises(CommandError, match="The package storage is empty"):
        call_command("check_artifacts")


def an_orphan(store: Path, text: bytes, age: timedelta) -> str:
    """Bytes that were kept so long ago, and that no row knows: their push was rolled back."""
    kept = received(text)
    storage.keep(kept)
    Files(store).age(kept.sha256, (NOW() - age).timestamp())
    return kept.sha256


def test_what_belongs_to_no_package_is_named_and_stays(pusher, store):
    published(pusher)
    orphan = an_orphan(store, b"rolled back", 2 * DAY)

    status, said = checked()

    assert status == 0
    assert "There is 1 that belongs to no package" in said
    assert storage.verify(orphan)


def test_what_belongs_to_no_package_is_removed_once_it_is_a_day_old(pusher, store):
    used = published(pusher).bytes.sha256
    Files(store).age(used, 0)
    old, fresh = an_orphan(store, b"old", 2 * DAY), an_orphan(store, b"fresh", HOUR)

    status, said = checked(remove_orphans=True)

    assert status == 0
    assert "Removed 1 of 1 that belongs to no package" in said
    assert [storage.holds(sha256) for sha256 in (used, old, fresh)] == [True, False, True]


def test_what_was_removed_from_the_record_counts_as_belonging_to_no_package(pusher, store):
    left = published(pusher).bytes
    published(pusher, "2.0.0", b"2")
    Artifact.objects.filter(pk=left.pk).update(removed_at=NOW())
    Files(store).age(left.sha256, 0)

    checked(remove_orphans=True)

    assert not storage.holds(left.sha256)


def test_what_is_pushed_while_orphans_are_removed_stays(pusher, store):
    an_orphan(store, b"1", 2 * DAY)
    before = NOW() - DAY
    found = list(scrubbing.orphans(before))
    version = published(pusher)

    removed = scrubbing.remove_orphans(found, before)

    assert removed == 0
    assert storage.verify(version.bytes.sha256)


def test_other_files_in_the_storage_are_left_alone(pusher, store):
    published(pusher)
    (store / "sha256" / "ab" / "cd").mkdir(parents=True)
    notes = store / "sha256" / "ab" / "cd" / "README"
    notes.write_text("Ask Otto.")
    os.utime(notes, (0, 0))

    checked(remove_orphans=True)

    assert notes.exists()
