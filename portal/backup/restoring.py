"""Bring a backup back: everything is looked at before anything is changed, and afterwards nothing starts by itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from accounts.models import User
from config.version import VERSION
from deployments import presence, restored
from deployments.models import Worker
from deployments.restored import Aftermath
from portal import startup
from portal.backup import databases
from portal.backup.manifest import CHUNK, DATABASE, KEYS, PACKAGES, BackupRefused, Manifest, digest_of, marks_of
from registry import storage
from registry.refusals import RegistryRefused
from registry.versions import parse

CALLED = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def restore(directory: Path, *, replace: bool = False, other_keys: bool = False) -> Aftermath:
    """Put the backup in `directory` in the place of what DATABASE_URL names, and its packages into the storage.

    replace     also where the database holds a portal already: everything in it is lost
    other_keys  also where the encryption keys are others: sensitive values then have to be entered anew
    Raises BackupRefused; then the database is as it was, unless the sentence says otherwise.
    """
    directory = directory.absolute()
    manifest = Manifest.read(directory)
    _refuse_what_does_not_fit(manifest)
    if not other_keys:
        _refuse_other_keys(manifest, directory)
    with _alone():
        _refuse_filled(replace=replace)
        databases.refuse_without_tools()
        verify(directory, manifest)
        _bring_packages(directory, manifest)
        databases.load(directory / DATABASE)
        _compare(manifest)
        call_command("migrate", verbosity=0, interactive=False)
        Session.objects.all().delete()
        return restored.make_safe(datetime.fromisoformat(manifest.taken_at))


def verify(directory: Path, manifest: Manifest) -> None:
    """Read every file of the backup again. Raises BackupRefused, naming what is missing or was changed."""
    expected = {directory / name: digest for name, digest in manifest.files.items()}
    expected |= {directory / PACKAGES / sha256: sha256 for sha256 in manifest.packages}
    for path, digest in expected.items():
        try:
            right = digest_of(path) == digest
        except OSError as error:
            raise BackupRefused(f"{path} cannot be read ({error.strerror}). Nothing was changed.") from error
        if not right:
            raise BackupRefused(f"{path} is not what was backed up: its checksum differs. Nothing was changed.")


def _refuse_what_does_not_fit(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    newer = parse(manifest.version).sort_key > parse(VERSION).sort_key
    if newer or not known.issuperset(manifest.migrations):
        raise BackupRefused(
            f"The backup was taken by Signalbox {manifest.version}, which is newer than this one ({VERSION}). Install"
            " that version, then restore."
        )
    if manifest.database != connection.vendor:
        there, here = CALLED[manifest.database], CALLED[connection.vendor]
        raise BackupRefused(f"The backup is of {there}, and DATABASE_URL names {here}. Restore it into {there}.")


def _refuse_other_keys(manifest: Manifest, directory: Path) -> None:
    if set(manifest.keys) <= set(marks_of(settings.ENCRYPTION_KEYS)):
        return
    kept = directory / KEYS / "encryption-keys"
    where = f" They are in {kept}: state ENCRYPTION_KEYS_FILE={kept}." if kept.exists() else ""
    raise BackupRefused(
        "Its sensitive values were encrypted with keys that ENCRYPTION_KEYS does not hold. State those of the"
        f" installation that was backed up.{where} Or say --other-keys and enter the sensitive values anew afterwards."
    )


@contextmanager
def _alone() -> Iterator[None]:
    """No `manage.py run` works on this data directory, and none can be started meanwhile."""
    try:
        lock = startup.claim(settings.DATA_DIR)
    except startup.CannotRun as refusal:
        raise BackupRefused(str(refusal)) from refusal
    with lock:
        yield


def _refuse_filled(*, replace: bool) -> None:
    there = set(databases.tables())
    if not there:
        return
    if User._meta.db_table not in there:
        names = ", ".join(sorted(there)[:3])
        raise BackupRefused(f"The database is not Signalbox's: it holds {names}. Name a database of its own.")
    if not User.objects.exists():
        return
    if not replace:
        raise BackupRefused(
            "The database holds a portal already. Name an empty one, or say --replace: everything in it is lost then."
        )
    heard = Worker.objects.filter(heard_at__gte=timezone.now() - presence.silent_after())
    if names := ", ".join(heard.values_list("name", flat=True)):
        raise BackupRefused(f"Workers are running ({names}). Stop all workers and web servers first.")


def _bring_packages(directory: Path, manifest: Manifest) -> None:
    """What is there and sound stays; everything else is received like a push. Raises BackupRefused."""
    try:
        for sha256, size in manifest.packages.items():
            _bring(directory / PACKAGES / sha256, sha256, size)
    except RegistryRefused as refusal:
        raise BackupRefused(
            f"The packages could not be brought back. {refusal} The database is as it was."
        ) from refusal


def _bring(path: Path, sha256: str, size: int) -> None:
    try:
        storage.verify(sha256)
    except storage.ArtifactDamaged:
        storage.keep(storage.receive(_chunks(path), max_bytes=size, expected_bytes=size))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        read: Callable[[], bytes] = lambda: file.read(CHUNK)  # noqa: E731 - what `iter` asks again and again
        yield from iter(read, b"")


def _compare(manifest: Manifest) -> None:
    """Whether as many rows have arrived as were there. Raises BackupRefused."""
    with connection.cursor() as cursor:
        for table, count in manifest.counts.items():
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 - from our manifest
            (found,) = cursor.fetchone()
            if found != count:
                raise BackupRefused(
                    f"The database was replaced, but {table} holds {found} rows instead of {count}. Start nothing;"
                    " restore again."
                )
