"""The bytes of packages, addressed by their SHA-256, in whatever `STORAGES["packages"]` names.

They are received on the local disk, whatever they are stored in, and kept under `sha256/ab/cd/abcd…`. Something there
that no row speaks of (a push that was rolled back) is harmless: the same bytes pushed again find it.
"""

import errno
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from sys import maxsize
from typing import cast

from django.core.files.storage import storages

from registry import receiving
from registry.backends import DIRECTORY, PackageStorage, Stored, Stream, is_digest
from registry.receiving import Received, UploadRefused, discard, discard_abandoned, receive, room
from registry.refusals import RegistryRefused, StorageAway, StorageFull

__all__ = [
    "ArtifactDamaged",
    "ArtifactMissing",
    "Received",
    "StorageAway",
    "StorageFull",
    "Stored",
    "Stream",
    "UploadRefused",
    "discard",
    "discard_abandoned",
    "receive",
    "room",
]


class ArtifactDamaged(RegistryRefused):
    """The stored bytes are gone or no longer what was published."""

    code = "artifact-damaged"


class ArtifactMissing(ArtifactDamaged):
    """They are gone."""


def keep(received: Received) -> None:
    """Bring what was received to its final place in one step; done already is done. It can take long with S3, so not
    inside a transaction.

    The same bytes received again replace the stored ones, which heals what is damaged. Raises StorageFull, StorageAway.
    """
    if received.is_waiting:
        _place().put(received.path, name_of(received.sha256), sha256=received.sha256, size=received.size)


@contextmanager
def at_hand(sha256: str) -> Iterator[Path]:
    """A local file with these very bytes, hashed again: the stored one itself, or a copy that is gone after the block.

    Raises ArtifactDamaged, StorageAway, StorageFull.
    """
    if file := _place().local(name_of(sha256)):
        verify(sha256)
        yield file
        return
    copy = _copied(sha256)
    try:
        yield copy.path
    finally:
        discard(copy)


def verify(sha256: str, *, pause: Callable[[], object] = lambda: None) -> int:
    """Hash the stored bytes again, wherever they lie; how many they are.

    pause  is called after every block: whoever is in no hurry waits there, and whatever it raises ends the reading

    Raises ArtifactMissing, ArtifactDamaged, StorageAway.
    """
    digest, size = hashlib.sha256(), 0
    for block in _blocks(sha256):
        digest.update(block)
        size += len(block)
        pause()
    if digest.hexdigest() != sha256:
        raise _changed(sha256)
    return size


def stream(sha256: str, start: int = 0, length: int | None = None) -> Stream:
    """The stored bytes from `start` on, as many as `length` says, in constant memory; not hashed again.

    Raises ArtifactMissing, StorageAway. The stream has to be read to its end, or closed.
    """
    try:
        return _place().stream(name_of(sha256), start, length)
    except FileNotFoundError:
        raise _missing(sha256) from None


def holds(sha256: str) -> bool:
    """Whether something lies under this digest; only `verify` says whether it is right."""
    return _place().holds(name_of(sha256))


def is_blank() -> bool:
    """Whether nothing was ever kept there: a share that is not mounted looks like that, and so does the wrong bucket."""
    return _place().is_blank()


def address(sha256: str, disposition: str) -> str | None:
    """An address that opens this one artifact to whoever has it, for a while. None: the storage has no such thing.

    disposition  the Content-Disposition to answer with
    """
    return _place().address(name_of(sha256), disposition)


def digests() -> Iterator[Stored]:
    """Everything that lies in the storage, in no order. Raises StorageAway."""
    return _place().walk()


def remove(sha256: str, *, kept_before: datetime | None = None) -> bool:
    """Remove the stored bytes; whether there was anything to remove.

    kept_before  an aware moment: what was kept (again) since then stays

    Whoever removes what an artifact's row speaks of holds the lock of that row and has noted it there first: a push of the
    same bytes, which takes the lock as well, then finds out. Raises StorageAway.
    """
    return _place().remove(name_of(sha256), kept_before=kept_before)


def ask() -> str:
    """A sentence that says that the storage can be used. Raises StorageAway or OSError."""
    return _place().ask()


def elsewhere() -> str:
    """What to call the place of the packages, where that is not PACKAGES_DIR; otherwise nothing."""
    return _place().elsewhere()


def name_of(sha256: str) -> str:
    """What bytes with this digest (64 lower-case hexadecimal digits) are called in the storage."""
    if not is_digest(sha256):
        raise ValueError(f"Not a SHA-256 digest: {sha256!r}")
    return f"{DIRECTORY}/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def path_of(sha256: str) -> Path:
    """Where the bytes of this digest lie, or would lie. Raises ValueError where they are no files of this machine."""
    if file := _place().local(name_of(sha256)):
        return file
    raise ValueError(f"Packages are no files here: they lie in {elsewhere()}")


def _place() -> PackageStorage:
    return cast(PackageStorage, storages["packages"])


def _blocks(sha256: str) -> Iterator[bytes]:
    """Everything, block by block. A disk that cannot read what it wrote is damage, not a failure of ours."""
    blocks = stream(sha256)
    try:
        yield from blocks
    except OSError as error:
        if error.errno == errno.EIO:
            raise _changed(sha256) from error
        with receiving.disk_in_words():
            raise
    finally:
        blocks.close()


def _copied(sha256: str) -> Received:
    try:
        copy = receiving.receive(_blocks(sha256), max_bytes=maxsize)
    except UploadRefused as refusal:  # there is nothing in it
        raise _changed(sha256) from refusal
    if copy.sha256 != sha256:
        discard(copy)
        raise _changed(sha256)
    return copy


def _missing(sha256: str) -> ArtifactMissing:
    return ArtifactMissing(
        f"The stored package with SHA-256 {sha256[:12]}… is missing. Push the same package again to restore it."
    )


def _changed(sha256: str) -> ArtifactDamaged:
    return ArtifactDamaged(
        f"The stored package with SHA-256 {sha256[:12]}… was changed in the storage. Push the same package again to"
        " restore it."
    )
