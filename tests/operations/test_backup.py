"""A backup is whole or not there; a restored portal is the one that was backed up, and starts nothing by itself."""

import io
import json
import shutil
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from accounts.models import Event, User
from deployments import train
from deployments.models import Deployment, LiveVersion, Status, StepRun, Worker, move
from portal.backup import taking
from portal.backup.manifest import BackupRefused, Manifest, digest_of
from portal.backup.restoring import restore
from portal.backup.taking import back_up
from projects.models import Variable
from registry import keeping, storage
from registry.models import Artifact
from tests.deployments.rows import approved, claimed
from tests.deployments.scenes import (
    a_gate,
    a_real_version,
    a_shop,
    deployed,
    pushed,
    released,
    requested,
    work_through,
)
from tests.deployments.scripts import a_variable, asked_for, beside, carried_out, output_of
from tests.factories import a_lone_project, a_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def own_packages(settings, tmp_path: Path) -> Path:
    """Package storage of this very test."""
    settings.PACKAGES_DIR = tmp_path / "packages"
    return settings.PACKAGES_DIR


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backups" / "today"


def changed(path: Path, change) -> None:
    """As somebody with an editor would."""
    path.chmod(0o600)
    path.write_bytes(change(path.read_bytes()))


def rewritten(directory: Path, **changes: object) -> None:
    path = directory / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# -- taking -----------------------------------------------------------------------------------------------------------


def test_a_backup_holds_the_rows_the_packages_and_what_they_are(target):
    deployed(released(a_shop()))

    back_up(target)

    manifest = Manifest.read(target)
    assert manifest.counts["deployments_deployment"] == 3
    assert sorted(manifest.packages) == sorted(Artifact.objects.values_list("sha256", flat=True))
    assert "deployments.0001_initial" in manifest.migrations
    assert manifest.files.keys() == {"database"}
    assert stat.S_IMODE(target.stat().st_mode) == 0o700
    assert [path.name for path in target.parent.iterdir()] == ["today"]


def test_keys_are_only_in_it_when_asked_for(target, settings):
    out = io.StringIO()

    call_command("backup", target, stdout=out)
    call_command("backup", target.with_name("keys"), with_keys=True, stdout=io.StringIO())

    kept = target.with_name("keys") / "keys" / "encryption-keys"
    assert not (target / "keys").exists()
    assert "The encryption keys are not in it." in out.getvalue()
    assert settings.ENCRYPTION_KEYS[0] not in (target / "manifest.json").read_text()
    assert kept.read_text() == ",".join(settings.ENCRYPTION_KEYS)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_directory_that_is_there_is_not_touched(target):
    target.mkdir(parents=True)

    with pytest.raises(BackupRefused, match="exists already"):
        back_up(target)

    assert list(target.iterdir()) == []


def test_a_package_that_is_damaged_is_named_and_no_half_backup_is_left(target):
    version = a_real_version("ui", "1.0.0")
    changed(version.artifact.path, lambda content: content + b"?")

    with pytest.raises(BackupRefused, match=version.artifact.sha256[:12]):
        back_up(target)

    assert list(target.parent.iterdir()) == []


def test_what_is_damaged_can_be_left_out_on_purpose(target):
    gone, sound = a_real_version("ui", "1.0.0"), a_real_version("api", "1.0.0")
    gone.artifact.path.unlink()

    manifest = back_up(target, past_damage=True)

    assert manifest.damaged == [gone.artifact.sha256]
    assert list(manifest.packages) == [sound.artifact.sha256]


def test_what_was_removed_is_not_missed(target):
    gone, sound = a_real_version("ui", "1.0.0"), a_real_version("api", "1.0.0")
    with transaction.atomic():
        keeping.remove(keeping.locked(gone.pk), "nobody needs it")

    manifest = back_up(target)

    assert manifest.damaged == []
    assert list(manifest.packages) == [sound.artifact.sha256]


def test_links_take_no_room(target):
    version = a_real_version("ui", "1.0.0")

    back_up(target, by_link=True)

    assert (target / "packages" / version.artifact.sha256).samefile(version.artifact.path)


def test_packages_in_a_bucket_are_named_and_stay_there(target, bucket):
    deployed(released(a_shop()))
    out = io.StringIO()

    call_command("backup", target, stdout=out)

    manifest = Manifest.read(target)
    assert (manifest.packages, manifest.elsewhere) == ({}, f"s3://{bucket.name}/signalbox")
    assert not (target / "packages").exists()
    assert f"The packages lie in s3://{bucket.name}/signalbox and are not in it." in out.getvalue()


def test_packages_in_a_bucket_are_copied_when_told(target, bucket):
    version = a_real_version("ui", "1.0.0")

    manifest = back_up(target, with_packages=True)

    assert (list(manifest.packages), manifest.elsewhere) == ([version.bytes.sha256], "")
    assert digest_of(target / "packages" / version.bytes.sha256) == version.bytes.sha256


@pytest.mark.parametrize("with_packages", [True, False])
def test_a_package_that_is_missing_in_the_bucket_is_named(target, bucket, with_packages):
    version = a_real_version("ui", "1.0.0")
    bucket.lose(version.bytes.sha256)

    with pytest.raises(BackupRefused, match=version.bytes.sha256[:12]):
        back_up(target, with_packages=with_packages)

    assert list(target.parent.iterdir()) == []


def test_a_bucket_that_is_away_is_told_and_no_half_backup_is_left(target, bucket):
    bucket.lose(a_real_version("ui", "1.0.0").bytes.sha256)
    bucket.client.delete_bucket(Bucket=bucket.name)

    with pytest.raises(BackupRefused, match="The package storage refuses"):
        back_up(target, with_packages=True)

    assert list(target.parent.iterdir()) == []


def test_there_are_no_links_into_a_bucket(target, bucket):
    with pytest.raises(BackupRefused, match="Leave out --link"):
        back_up(target, by_link=True)


def test_packages_that_were_removed_are_not_missed(target):
    removed, kept = a_real_version("ui", "1.0.0").bytes, a_real_version("api", "1.0.0").bytes
    Artifact.objects.filter(pk=removed.pk).update(removed_at=timezone.now())
    removed.path.unlink()

    assert list(back_up(target).packages) == [kept.sha256]


def test_what_is_written_while_it_is_taken_belongs_to_the_next_one(target, monkeypatch):
    a_real_version("ui", "1.0.0")
    count = taking.counted_tables

    def after_a_push() -> list[str]:
        with beside(lambda: a_real_version("late", "1.0.0")):
            return count()

    monkeypatch.setattr(taking, "counted_tables", after_a_push)

    manifest = back_up(target)

    assert Artifact.objects.count() == 2
    assert len(manifest.packages) == manifest.counts["registry_artifact"] == 1


# -- restoring --------------------------------------------------------------------------------------------------------


def test_a_restored_portal_is_the_one_that_was_backed_up_and_deploys(target, own_packages, yard):
    shop = a_shop(ui=yard.counting())
    first = deployed(released(shop))
    a_variable("PASSWORD", "hush", sensitive=True)
    output = output_of(first.children.get(project__slug="ui"))
    back_up(target)
    a_real_version("ui", "2.0.0")
    deployed(released(shop, ui="2.0.0"))
    a_user("later")
    shutil.rmtree(own_packages)

    restore(target, replace=True)

    assert LiveVersion.objects.now().get(project=shop).release == first.release
    assert output_of(first.children.get(project__slug="ui")) == output
    assert Variable.objects.get(name="PASSWORD").plaintext == "hush"
    assert not User.objects.filter(username="later").exists()
    again = deployed(released(shop))
    assert again.status == Status.SUCCEEDED
    pushed("ui", "3.0.0", yard.counting())
    assert deployed(released(shop, ui="3.0.0")).status == Status.SUCCEEDED


def test_a_backup_of_files_is_brought_back_into_a_bucket(target, bucket, settings):
    in_a_bucket = settings.STORAGES
    settings.STORAGES = in_a_bucket | {"packages": {"BACKEND": "registry.backends.PackageFiles"}}
    version = a_real_version("ui", "1.0.0")
    back_up(target)
    settings.STORAGES = in_a_bucket

    restore(target, replace=True)

    assert storage.elsewhere()
    assert storage.verify(version.bytes.sha256)


def test_a_restored_portal_says_where_the_packages_lay_that_are_not_in_the_backup(target, bucket):
    a_real_version("ui", "1.0.0")
    back_up(target)
    out = io.StringIO()

    call_command("restore", target, replace=True, stdout=out)

    assert f"they lay in s3://{bucket.name}/signalbox. See with check_artifacts" in out.getvalue()


def test_packages_that_find_no_room_are_told_before_the_database_is_replaced(target, settings, own_packages):
    a_real_version("ui", "1.0.0")
    back_up(target)
    shutil.rmtree(own_packages)
    settings.PACKAGES_SPARE_BYTES = 2**60

    with pytest.raises(BackupRefused, match=r"There is no room .* The database is as it was\."):
        restore(target, replace=True)


def test_the_database_refuses_afterwards_what_it_refused_before(target):
    train_ = deployed(released(a_shop()))
    back_up(target)

    restore(target, replace=True)

    with pytest.raises(Exception, match="Final is final"):
        Deployment.objects.filter(pk=train_.pk).update(status=Status.QUEUED)


def test_numbers_given_since_the_backup_never_mean_another_deployment(target):
    before = asked_for("true")
    back_up(target)
    lost = asked_for("true", project=a_lone_project("Lost"))

    restore(target, replace=True)

    new = asked_for("true", project=a_lone_project("New"))
    assert before.pk < lost.pk < new.pk


def test_everybody_signs_in_again_and_no_worker_is_remembered(target, client):
    client.force_login(a_user())
    at = timezone.now() - timedelta(hours=1)
    Worker.objects.create(name="w", host="here", started_at=at, heard_at=at)
    back_up(target)

    restore(target, replace=True)

    assert not Session.objects.exists()
    assert not Worker.objects.exists()


# -- what was moving --------------------------------------------------------------------------------------------------


def test_a_script_that_was_running_is_asked_about_and_never_run_again(target, yard):
    row = asked_for(yard.counting())
    running = claimed()
    StepRun.objects.create(deployment=running, attempt=1, position=1, name="Run")
    back_up(target)

    restore(target, replace=True)
    work_through()

    row.refresh_from_db()
    assert row.status == Status.INTERRUPTED
    assert row.owner == ""
    assert row.outcome.startswith("Outcome unknown: it was running when the backup of ")
    assert not StepRun.objects.filter(finished_at=None).exists()
    assert Event.objects.filter(verb="deployment.interrupted", subject_id=str(row.pk)).exists()
    assert yard.lines() == []


def test_a_script_that_waited_for_a_worker_may_have_run_since(target, yard):
    row = asked_for(yard.counting())
    back_up(target)
    carried_out(row)

    aftermath = restore(target, replace=True)
    work_through()

    row.refresh_from_db()
    assert (row.status, aftermath.unknown) == (Status.INTERRUPTED, 1)
    assert len(yard.lines()) == 1


def test_a_host_that_returns_does_not_answer_for_a_run_that_its_spool_has_forgotten(target, yard):
    row = asked_for(yard.counting())
    running = claimed()
    move(running.pk, Status.INTERRUPTED)  # its host fell silent: the owner stays noted
    back_up(target)

    restore(target, replace=True)

    row.refresh_from_db()
    assert (row.status, row.owner) == (Status.INTERRUPTED, "")
    assert row.fence > running.fence


def test_a_train_waits_for_a_person_and_starts_no_further_stage(target):
    journey = requested(released(a_shop()))
    claimed()
    back_up(target)

    aftermath = restore(target, replace=True)

    journey.refresh_from_db()
    statuses = list(journey.children.order_by("stage").values_list("status", flat=True))
    assert (journey.status, statuses) == (Status.NEEDS_ATTENTION, [Status.INTERRUPTED, Status.CANCELLED])
    assert (aftermath.unknown, aftermath.cancelled) == (1, 1)


def test_what_was_approved_and_had_not_started_needs_approval_again(target, yard):
    approver = a_gate("TEST")
    row = due(approved(asked_for_tomorrow(yard), approver))
    back_up(target)

    restore(target, replace=True)

    row.refresh_from_db()
    assert row.status == Status.REQUESTED
    assert row.approvals.get().withdrawn_because.startswith("The portal was restored;")
    assert train.start_if_clear(row) == []


def test_what_nobody_approves_is_cancelled_unless_its_time_is_still_to_come(target, yard):
    started_since = due(asked_for_tomorrow(yard))
    future = asked_for_tomorrow(yard, "Future")
    back_up(target)

    restore(target, replace=True)

    started_since.refresh_from_db()
    future.refresh_from_db()
    assert (started_since.status, future.status) == (Status.CANCELLED, Status.SCHEDULED)


def asked_for_tomorrow(yard, name: str = "Site") -> Deployment:
    site = a_lone_project(name)
    a_real_version(site.slug, "1.0.0", yard.counting())
    return requested(released(site), start_at=timezone.now() + timedelta(days=1))


def due(row: Deployment) -> Deployment:
    """Its time has come, and no sweep has been there yet."""
    assert row.status == Status.SCHEDULED
    Deployment.objects.filter(pk=row.pk).update(start_at=timezone.now() - timedelta(minutes=1))
    return row


# -- refusals ---------------------------------------------------------------------------------------------------------


def test_a_filled_database_is_only_replaced_when_told(target):
    a_user("ann")
    back_up(target)
    a_user("later")

    with pytest.raises(CommandError, match="holds a portal already"):
        call_command("restore", target)

    assert User.objects.filter(username="later").exists()


def test_a_database_that_workers_use_is_not_replaced(target):
    a_user("ann")
    back_up(target)
    Worker.objects.create(name="busy:1", host="here", started_at=timezone.now(), heard_at=timezone.now())

    with pytest.raises(BackupRefused, match=r"Workers are running \(busy:1\)"):
        restore(target, replace=True)


@pytest.mark.parametrize("part", ["database", "packages"])
def test_a_backup_that_was_changed_is_refused_before_anything_is(target, part):
    version = a_real_version("ui", "1.0.0")
    back_up(target)
    name = part if part == "database" else f"packages/{version.artifact.sha256}"
    changed(target / name, lambda content: content[:-1] + b"?")

    with pytest.raises(BackupRefused, match="its checksum differs"):
        restore(target, replace=True)

    assert Artifact.objects.count() == 1


def test_a_directory_without_its_manifest_is_no_backup(target):
    back_up(target)
    (target / "manifest.json").unlink()

    with pytest.raises(BackupRefused, match="is no complete backup"):
        restore(target, replace=True)


@pytest.mark.parametrize(
    "changes",
    [{"version": "99.0.0"}, {"migrations": ["deployments.9999_from_the_future"]}],
    ids=["version", "migrations"],
)
def test_a_backup_of_a_newer_version_is_refused(target, changes):
    back_up(target)
    rewritten(target, **changes)

    with pytest.raises(BackupRefused, match="is newer than this one"):
        restore(target, replace=True)


def test_a_backup_of_another_database_is_refused(target):
    back_up(target)
    other = "postgresql" if Manifest.read(target).database == "sqlite" else "sqlite"
    rewritten(target, database=other)

    with pytest.raises(BackupRefused, match="and DATABASE_URL names"):
        restore(target, replace=True)


def test_other_encryption_keys_are_noticed_before_anything_is_changed(target, settings):
    a_user("ann")
    back_up(target, with_keys=True)
    settings.ENCRYPTION_KEYS = ["M0EwYnZkd0VfTGZHc2VjcmV0LWtleS1vZi1hbm90aGVyPT0="]

    with pytest.raises(BackupRefused, match=f"ENCRYPTION_KEYS_FILE={target}/keys/encryption-keys"):
        restore(target, replace=True)

    assert restore(target, replace=True, other_keys=True).unknown == 0
