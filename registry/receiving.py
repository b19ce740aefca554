"""Bytes on their way in: into a private temporary file in `incoming/` below `settings.PACKAGES_DIR`, hashed meanwhile.

Whatever the packages are stored in, they are received here first. What is refused or breaks off leaves nothing; what a
killed process leaves is never visible as a package, and is cleared away a day later.
"""

import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from registry.beside import Beside
from registry.refusals import RegistryRefused, StorageAway, StorageFull

BLOCK = 256 * 1024
"""How much to read at once: measured best through the web server, where more is slower again."""

LARGE = 8 * 1024**2  # from here on a second thread pays
SYNC_EVERY = 32 * 1024**2
HASHED_BEHIND = 16  # blocks
FULL = (errno.ENOSPC, errno.EDQUOT)


class UploadRefused(RegistryRefused):
    """The bytes did not arrive as they should. Codes: upload-empty, upload-too-large, upload-truncated."""

    code = "upload-refused"


@dataclass(frozen=True)
class Received:
    """Bytes that arrived completely and lie in a private temporary file, until they are kept or discarded."""

    sha256: str
    size: int
    path: Path

    @property
    def is_waiting(self) -> bool:
        """Whether it has neither been kept nor discarded."""
        return self.path.exists()


def receive(chunks: Iterable[bytes], *, max_bytes: int, expected_bytes: int | None = None) -> Received:
    """Stream `chunks` to the local disk while hashing, in constant memory.

    expected_bytes  what the sender announced (Content-Length), if it did

    Raises UploadRefused, StorageFull, StorageAway; whatever is raised, by `chunks` too, leaves no file behind.
    """
    if expected_bytes is not None and expected_bytes > max_bytes:
        raise _too_large(max_bytes)
    require_room(expected_bytes or 0)
    with disk_in_words():
        descriptor, name = tempfile.mkstemp(dir=private("incoming"))  # 0600
    path = Path(name)
    try:
        with ExitStack() as stack:
            stack.callback(os.close, descriptor)
            writing = _Writing(descriptor, stack)
            for chunk in chunks:
                writing.take(chunk)
                if writing.size > max_bytes:
                    raise _too_large(max_bytes)
                if expected_bytes is not None and writing.size > expected_bytes:
                    raise _truncated(writing.size, expected_bytes)
            if expected_bytes is not None and writing.size != expected_bytes:
                raise _truncated(writing.size, expected_bytes)
            if not writing.size:
                raise UploadRefused("The file is empty. Push the finished package.", code="upload-empty")
            return Received(writing.finish(), writing.size, path)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def discard(received: Received) -> None:
    """Remove a received file that is not wanted; harmless after it was kept."""
    received.path.unlink(missing_ok=True)


def discard_abandoned(older_than: timedelta) -> int:
    """Remove what a killed process left in `incoming/`; the number of files removed."""
    before, removed = time.time() - older_than.total_seconds(), 0
    for path in private("incoming").iterdir():
        with suppress(FileNotFoundError):  # it was kept or discarded in this very moment
            if path.stat().st_mtime < before:
                path.unlink()
                removed += 1
    return removed


def room() -> int:
    """How many more bytes can be received, besides those that are to stay free (PACKAGES_SPARE_BYTES). Raises OSError."""
    return shutil.disk_usage(private("incoming")).free - int(settings.PACKAGES_SPARE_BYTES)


def require_room(size: int) -> None:
    """Raise StorageFull unless so many bytes more find room. Raises StorageAway, too."""
    with disk_in_words():
        left = room()
    if left <= 0 or size > left:
        raise _no_room()


def private(*parts: str) -> Path:
    """A directory below PACKAGES_DIR that only this account may enter, created where it is missing."""
    directory: Path = settings.PACKAGES_DIR
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in parts:
        directory = directory / part
        directory.mkdir(mode=0o700, exist_ok=True)
    return directory


@contextmanager
def disk_in_words(*, passing_on: tuple[type[OSError], ...] = ()) -> Iterator[None]:
    """What the operating system says about the package storage, as a refusal with a sentence."""
    try:
        yield
    except passing_on:
        raise
    except OSError as error:
        if error.errno in FULL:
            raise _no_room() from error
        raise StorageAway(
            f"The package storage cannot be used ({error.strerror}). Try again later, or tell an administrator."
        ) from error


class _Writing:
    """Hashes and writes what arrives. What is large is hashed beside the writing, and is on its way to the disk while
    more arrives, so that the wait for the disk at the end is short."""

    def __init__(self, descriptor: int, stack: ExitStack) -> None:
        """stack: closes what is opened here, in the end."""
        self.size = 0
        self._descriptor, self._stack = descriptor, stack
        self._digest = hashlib.sha256()
        self._hashing: Beside | None = None
        self._syncing: Beside | None = None
        self._sync_at = SYNC_EVERY

    def take(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self._hashing is None and self.size > LARGE:
            self._hashing = self._stack.enter_context(Beside("hashing", depth=HASHED_BEHIND))
            self._syncing = self._stack.enter_context(Beside("syncing", depth=1))
        if self._hashing is None:
            self._digest.update(chunk)
        else:
            self._hashing.do(self._digest.update, chunk)
        with disk_in_words():
            _write(self._descriptor, chunk)
            if self._syncing is not None and self.size >= self._sync_at and self._syncing.is_idle:
                self._sync_at = self.size + SYNC_EVERY
                require_room(0)
                self._syncing.do(os.fdatasync, self._descriptor)

    def finish(self) -> str:
        """The SHA-256 of everything."""
        if self._hashing is not None:
            self._hashing.finish()
        if self._syncing is not None:
            with disk_in_words():
                self._syncing.finish()  # an error of the disk is told once: whoever syncs later would not hear of it
        return self._digest.hexdigest()


def _write(descriptor: int, chunk: bytes) -> None:
    """All of it: on a disk that is nearly full the operating system may take a part."""
    written = os.write(descriptor, chunk)
    while written < len(chunk):
        written += os.write(descriptor, memoryview(chunk)[written:])


def _no_room() -> StorageFull:
    return StorageFull(
        "There is no room for this package: the disk of the package storage is full. Nothing of it was kept. Tell an"
        " administrator, and push it again once there is room."
    )


def _too_large(max_bytes: int) -> UploadRefused:
    return UploadRefused(
        f"The file is larger than {max_bytes:,} bytes. Make it smaller, or ask the administrator to raise"
        " PACKAGE_MAX_BYTES.",
        code="upload-too-large",
    )


def _truncated(size: int, expected_bytes: int) -> UploadRefused:
    if size > expected_bytes:
        return UploadRefused(
            f"More bytes arrived than the {expected_bytes:,} announced. Push the package again.",
            code="upload-truncated",
        )
    return UploadRefused(
        f"Only {size:,} of {expected_bytes:,} bytes arrived. Push the package again.", code="upload-truncated"
    )
