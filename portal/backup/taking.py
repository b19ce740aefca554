"""Take a backup while everything runs: the database as it is at one moment, and every package that it speaks of."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.utils import timezone

from config.version import VERSION
from portal.backup import databases
from portal.backup.manifest import (
    DATABASE,
    KEYS,
    PACKAGES,
    BackupRefused,
    Manifest,
    digest_of,
    linked,
    marks_of,
    write_private,
    written,
)
from registry import storage
from registry.models import Artifact
from registry.refusals import RegistryRefused

UNFINISHED = ".unfinished"


def back_up(
    directory: Path,
    *,
    with_keys: bool = False,
    with_packages: bool = False,
    by_link: bool = False,
    past_damage: bool = False,
) -> Manifest:
    """Write a new backup to `directory`, which must not exist. It appears there when it is complete, and not before.

    with_keys      put the encryption keys and the secret key beside it, readable by their owner alone
    with_packages  copy the packages also where they lie in a bucket; from PACKAGES_DIR they always are
    by_link        hard links instead of copies of the packages: no protection from a broken disk
    past_damage    leave out packages that are damaged already instead of refusing
    Raises BackupRefused; then nothing is left behind.
    """
    directory = directory.absolute()
    if directory.exists():
        raise BackupRefused(f"{directory} exists already. Name a directory that does not, such as one with the date.")
    elsewhere = storage.elsewhere()
    if elsewhere and by_link:
        raise BackupRefused(f"Packages lie in {elsewhere}, where nothing can be linked to. Leave out --link.")
    draft = _draft_beside(directory)
    try:
        manifest, stored = _write_database(draft)
        if elsewhere and not with_packages:
            manifest.elsewhere = elsewhere
            manifest.damaged = _not_there(stored)
        else:
            _write_packages(draft / PACKAGES, stored, manifest, by_link=by_link)
        if manifest.damaged and not past_damage:
            raise BackupRefused(_damage(manifest.damaged))
        if with_keys:
            _write_keys(draft / KEYS)
        files = [draft / DATABASE, *sorted((draft / KEYS).glob("*"))]
        manifest.files = {str(file.relative_to(draft)): digest_of(file) for file in files}
        manifest.write(draft)
        _sync(draft)
        draft.rename(directory)
        _sync(directory.parent)
    except RegistryRefused as refusal:
        shutil.rmtree(draft, ignore_errors=True)
        raise BackupRefused(str(refusal)) from refusal
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return manifest


def _draft_beside(directory: Path) -> Path:
    """On the same file system, so that it can be renamed. 0700: it holds what every project holds."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{directory.name}.", suffix=UNFINISHED, dir=directory.parent))
    except OSError as error:
        raise BackupRefused(f"{directory.parent} cannot be written ({error.strerror}).") from error


def _write_database(draft: Path) -> tuple[Manifest, dict[str, int]]:
    """The database comes first: every package that its copy speaks of is in the storage already, and stays there. These are
    returned, as SHA-256 → bytes."""
    taken_at = timezone.now()
    with databases.taken(draft / DATABASE) as rows:
        manifest = Manifest(
            version=VERSION,
            taken_at=taken_at.isoformat(timespec="seconds"),
            database=connection.vendor,
            migrations=[f"{app}.{name}" for app, name in rows("SELECT app, name FROM django_migrations ORDER BY id")],
            counts={table: _count(rows, table) for table in counted_tables()},
            keys=marks_of(settings.ENCRYPTION_KEYS),
        )
        there = "SELECT sha256, size FROM registry_artifact WHERE removed_at IS NULL ORDER BY sha256"
        stored = dict(rows(there))
    (draft / DATABASE).chmod(0o600)
    return manifest, stored


def _write_packages(directory: Path, stored: dict[str, int], manifest: Manifest, *, by_link: bool) -> None:
    directory.mkdir(mode=0o700)
    for sha256, size in stored.items():
        if _kept(sha256, directory / sha256, by_link=by_link):
            manifest.packages[sha256] = size
        elif not _was_removed_meanwhile(sha256):
            manifest.damaged.append(sha256)


def _not_there(stored: dict[str, int]) -> list[str]:
    """Those that the storage does not list with their size."""
    listed = {found.sha256: found.size for found in storage.digests()}
    missing = [sha256 for sha256, size in stored.items() if listed.get(sha256) != size]
    return [sha256 for sha256 in missing if not _was_removed_meanwhile(sha256)]


def _was_removed_meanwhile(sha256: str) -> bool:
    return Artifact.objects.filter(sha256=sha256, removed_at__isnull=False).exists()


def counted_tables() -> list[str]:
    """Those of the portal's own rows."""
    return sorted(model._meta.db_table for model in apps.get_models() if "models" in model.__module__.split("."))


def _count(rows: Callable[[str], list[tuple[int]]], table: str) -> int:
    return int(rows(f"SELECT COUNT(*) FROM {connection.ops.quote_name(table)}")[0][0])  # noqa: S608 - a table of ours


def _kept(sha256: str, target: Path, *, by_link: bool) -> bool:
    """Copy one package, and look at its digest on the way. False: it is gone, or no longer what was published."""
    try:
        right = (linked(storage.path_of(sha256), target) if by_link else _copied(sha256, target)) == sha256
    except (FileNotFoundError, storage.ArtifactMissing):
        return False
    except OSError as error:
        raise BackupRefused(f"A package could not be written: {error.strerror}.") from error
    if not right:
        target.unlink()
    return right


def _copied(sha256: str, target: Path) -> str:
    with closing(storage.stream(sha256)) as blocks:
        return written(blocks, target)


def _damage(damaged: list[str]) -> str:
    names = ", ".join(f"{sha256[:12]}…" for sha256 in damaged[:5]) + (" and others" if len(damaged) > 5 else "")
    return (
        f"{len(damaged)} of the stored packages are missing or were changed on disk (SHA-256 {names}). Push the same"
        " packages again, which mends them, or say --past-damage to leave them out."
    )


def _write_keys(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    write_private(directory / "encryption-keys", ",".join(settings.ENCRYPTION_KEYS).encode())
    write_private(directory / "secret-key", settings.SECRET_KEY.encode())


def _sync(directory: Path) -> None:
    """So that the names in it survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
