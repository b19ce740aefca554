"""The bytes of what is removed are gone once nothing needs them, and come back with the same push."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import Event
from registry import actions, keeping, storage
from registry.models import Artifact, Attachment, PackageVersion
from tests.registry.packages import SCRIPT, a_zip

pytestmark = pytest.mark.django_db(transaction=True)


def published(by, version: str = "1.0.0", text: bytes = b"hello", name: str = "ui") -> PackageVersion:
    received = storage.receive([a_zip({"release.sh": SCRIPT, "x": text})], max_bytes=10_000)
    return actions.publish(received, name=name, version=version, filename="ui.zip", by=by).version


def removed(version: PackageVersion, reason: str = "nobody needs it") -> PackageVersion:
    with transaction.atomic():
        assert keeping.remove(keeping.locked(version.pk), reason)
    return PackageVersion.objects.get(pk=version.pk)


def test_a_removed_version_stays_on_record_without_its_bytes(pusher):
    version = published(pusher)

    version = removed(version)

    assert version.removed_reason == "nobody needs it"
    assert version.artifact.removed_at == version.removed_at
    assert not version.artifact.path.exists()
    assert not PackageVersion.objects.eligible().exists()


def test_a_removed_version_says_when_why_and_how_it_comes_back(pusher):
    version = removed(published(pusher))

    today = f"{timezone.localtime(version.removed_at):%d %B %Y}"

    assert version.removal == (
        f"ui 1.0.0 was removed on {today}: nobody needs it. It stays on record. Push the same package again to bring it"
        " back."
    )


def test_a_version_that_is_there_says_nothing_of_a_removal(pusher):
    assert published(pusher).removal == ""


def test_the_bytes_stay_until_the_removal_is_committed(pusher):
    version = published(pusher)

    with transaction.atomic():
        keeping.remove(keeping.locked(version.pk), "nobody needs it")
        there_before = version.artifact.path.exists()

    assert there_before
    assert not version.artifact.path.exists()


def test_a_removal_that_is_rolled_back_leaves_everything(pusher):
    version = published(pusher)

    with transaction.atomic():
        keeping.remove(keeping.locked(version.pk), "nobody needs it")
        transaction.set_rollback(True)

    version.refresh_from_db()
    assert (version.removed_at, version.artifact.removed_at) == (None, None)
    assert storage.verify(version.artifact.sha256)


def test_bytes_that_another_version_consists_of_stay(pusher):
    first, second = published(pusher, name="ui"), published(pusher, name="portal")

    first = removed(first)

    assert first.artifact == second.artifact
    assert first.artifact.removed_at is None
    assert storage.verify(second.artifact.sha256)


def test_bytes_go_with_the_last_version_that_consists_of_them(pusher):
    first, second = published(pusher, name="ui"), published(pusher, name="portal")
    removed(first)

    second = removed(second)

    assert second.artifact.removed_at is not None
    assert not second.artifact.path.exists()


def test_bytes_that_an_attachment_consists_of_stay(pusher):
    version, other = published(pusher), published(pusher, "2.0.0", text=b"other")
    Attachment.objects.create(
        version=other, kind="spdx", filename="bom.json", artifact=version.artifact, attached_by=pusher
    )

    version = removed(version)

    assert version.artifact.removed_at is None
    assert version.artifact.path.exists()


# -- coming back ------------------------------------------------------------------------------------------------------


def test_the_same_bytes_pushed_again_bring_a_removed_version_back(pusher):
    version = removed(published(pusher))

    again = published(pusher)

    assert again == version
    again.refresh_from_db()
    assert (again.removed_at, again.removed_reason, again.artifact.removed_at) == (None, "", None)
    assert storage.verify(again.artifact.sha256)
    assert PackageVersion.objects.eligible().get() == version


def test_coming_back_leaves_a_line_on_the_trail(pusher):
    removed(published(pusher))

    published(pusher)

    line = Event.objects.get(verb="version.returned")
    assert (line.actor, line.sentence) == (pusher, "ci-pipeline pushed ui 1.0.0 again, whose bytes had been removed.")


def test_pushing_again_what_is_there_leaves_no_such_line(pusher):
    published(pusher)

    published(pusher)

    assert not Event.objects.filter(verb="version.returned").exists()


def test_other_bytes_are_refused_for_a_removed_version_too(pusher):
    version = removed(published(pusher))

    with pytest.raises(actions.VersionTaken, match="a version never changes"):
        published(pusher, text=b"other")

    version.refresh_from_db()
    assert version.is_removed


def test_a_version_whose_bytes_were_shared_comes_back_by_itself(pusher):
    first, second = published(pusher, name="ui"), published(pusher, name="portal")
    removed(first), removed(second)

    published(pusher, name="ui")

    first.refresh_from_db(), second.refresh_from_db()
    assert (first.is_removed, second.is_removed) == (False, True)


def test_removed_bytes_under_another_version_are_there_again_and_the_removed_version_is_not(pusher):
    old = removed(published(pusher, "1.0.0"))

    new = published(pusher, "2.0.0")

    old.refresh_from_db()
    assert (old.is_removed, old.artifact.removed_at) == (True, None)
    assert storage.verify(new.artifact.sha256)


def test_what_came_back_counts_as_stored_since_then(pusher):
    version = published(pusher)
    Artifact.objects.update(stored_at=timezone.now() - timedelta(days=400))
    removed(version)

    published(pusher)

    assert Artifact.objects.get().stored_at > timezone.now() - timedelta(minutes=5)


def test_bytes_that_somebody_brought_again_before_they_were_deleted_stay(pusher):
    version = published(pusher)

    with transaction.atomic():
        keeping.remove(keeping.locked(version.pk), "nobody needs it")
        published(pusher)

    assert storage.verify(version.artifact.sha256)


def test_bytes_that_are_gone_already_do_not_stand_in_the_way_of_a_removal(pusher):
    version = published(pusher)
    version.artifact.path.unlink()

    assert removed(version).is_removed


def test_a_version_that_is_not_removed_is_held_and_any_other_is_not(pusher):
    there, gone, withdrawn = (published(pusher, version, version.encode()) for version in ("1.0.0", "2.0.0", "3.0.0"))
    removed(gone)
    actions.withdraw(withdrawn, by=pusher, reason="It leaks.")

    with transaction.atomic():
        held = keeping.hold([there.pk, gone.pk, withdrawn.pk])

    assert held == {there.pk}
