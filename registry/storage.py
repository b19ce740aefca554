"""The bytes of packages, addressed by their SHA-256, below `settings.PACKAGES_DIR`.

`incoming/` holds what is being received; `sha256/ab/cd/abcd…` holds what was kept, read-only. A file there that no row
speaks of (a push that was rolled back) is harmless: the same bytes pushed again find it.
"""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings

from registry.refusals import RegistryRefused

_CHUNK = 1024 * 1024
_DIGEST = re.compile(r"[0-9a-f]{64}")


class UploadRefused(RegistryRefused):
    """The bytes did not arrive as they should. Codes: upload-empty, upload-too-large, upload-truncated."""

    code = "upload-refused"


class ArtifactDamaged(RegistryRefused):
    """The stored bytes are gone or no longer what was published."""

    code = "artifact-damaged"


@dataclass(frozen=True)
class Received:
    """Bytes that arrived completely and lie in a private temporary file, until they are kept or discarded."""

    sha256: str
    size: int
    path: Path


def receive(chunks: Iterable[bytes], *, max_bytes: int, expected_bytes: int | None = None) -> Received:
    """Stream `chunks` to disk while hashing, in constant memory.

    expected_bytes  what the sender announced (Content-Length), if it did

    Raises UploadRefused; whatever is raised, by `chunks` too, leaves no file behind.
    """
    if expected_bytes is not None and expected_bytes > max_bytes:
        raise _too_large(max_bytes)
    digest, size = hashlib.sha256(), 0
    descriptor, name = tempfile.mkstemp(dir=_private("incoming"))  # 0600
    path = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                if expected_bytes is not None and size > expected_bytes:
                    raise _truncated(size, expected_bytes)
                digest.update(chunk)
                file.write(chunk)
            if expected_bytes is not None and size != expected_bytes:
                raise _truncated(size, expected_bytes)
            if not size:
                raise UploadRefused("The file is empty. Push the finished package.", code="upload-empty")
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Received(digest.hexdigest(), size, path)


def keep(received: Received) -> None:
    """Move the received file to its final place, read-only, in one step; done already is done.

    The same bytes received again replace the stored ones, which heals a damaged file.
    """
    target = path_of(received.sha256)
    if not received.path.exists() and target.exists():
        return
    directory = _private("sha256", received.sha256[:2], received.sha256[2:4])
    received.path.chmod(0o440)
    received.path.replace(target)
    _sync(directory)


def discard(received: Received) -> None:
    """Remove a received file that is not wanted; harmless after `keep`."""
    received.path.unlink(missing_ok=True)


def discard_abandoned(older_than: timedelta) -> int:
    """Remove what a killed process left in `incoming/`; the number of files removed."""
    before = time.time() - older_than.total_seconds()
    abandoned = [path for path in _private("incoming").iterdir() if path.stat().st_mtime < before]
    for path in abandoned:
        path.unlink(missing_ok=True)
    return len(abandoned)


def path_of(sha256: str) -> Path:
    """Where the bytes of this digest (64 lower-case hexadecimal digits) lie, or would lie."""
    if not _DIGEST.fullmatch(sha256):
        raise ValueError(f"Not a SHA-256 digest: {sha256!r}")
    return settings.PACKAGES_DIR / "sha256" / sha256[:2] / sha256[2:4] / sha256


def verify(sha256: str) -> Path:
    """The path of the stored bytes after hashing them again. Raises ArtifactDamaged."""
    path = path_of(sha256)
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ArtifactDamaged(
            f"The stored package with SHA-256 {sha256[:12]}… is missing. Push the same package again to restore it."
        ) from None
    if found != sha256:
        raise ArtifactDamaged(
            f"The stored package with SHA-256 {sha256[:12]}… was changed on disk. Push the same package again to"
            " restore it."
        )
    return path


def _private(*parts: str) -> Path:
    """A directory below PACKAGES_DIR that only this account may enter, created where it is missing."""
    directory: Path = settings.PACKAGES_DIR
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for part in parts:
        directory = directory / part
        directory.mkdir(mode=0o700, exist_ok=True)
    return directory


def _sync(directory: Path) -> None:
    """So that the move itself survives a power failure."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
