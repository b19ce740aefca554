"""Where packages lie: what `STORAGES["packages"]` has to be able to do, and the file system as the default.

Names are `sha256/ab/cd/abcd…`, whatever the storage. S3 is in `registry.s3`, which is imported only where it is chosen.
"""

import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.core.files.storage import FileSystemStorage

from registry import receiving

DIRECTORY = "sha256"
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Stored:
    """Bytes that lie in the storage. `kept_at` is aware."""

    sha256: str
    size: int
    kept_at: datetime


class Source(Protocol):
    """What can be read to its end."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


class Stream(Iterator[bytes]):
    """What is stored, block by block, in constant memory. Closes its source at the end, and when it is closed."""

    def __init__(self, source: Source, length: int | None = None) -> None:
        """length: how many bytes are wanted, at most; None: all that there are."""
        self._source, self._left = source, length

    def __next__(self) -> bytes:
        wanted = receiving.BLOCK if self._left is None else min(receiving.BLOCK, self._left)
        block = self._source.read(wanted) if wanted else b""
        if not block:
            self.close()
            raise StopIteration
        if self._left is not None:
            self._left -= len(block)
        return block

    def close(self) -> None:
        self._source.close()


class PackageStorage(Protocol):
    """What `registry.storage` asks of the storage behind it. Everything may raise StorageAway."""

    def put(self, source: Path, name: str, *, sha256: str, size: int) -> None:
        """Move what lies in the local file `source` to this name, in one step, in the place of what lay there; the file
        is gone afterwards. When this returns, it survives a power failure."""

    def stream(self, name: str, start: int = 0, length: int | None = None) -> Stream:
        """The bytes from `start` on. Raises FileNotFoundError."""

    def local(self, name: str) -> Path | None:
        """The file itself, where it lies (or would lie) on this machine."""

    def holds(self, name: str) -> bool: ...

    def is_blank(self) -> bool:
        """Whether nothing was ever put there, as far as can be told."""

    def address(self, name: str, disposition: str) -> str | None:
        """An address that opens this one file to whoever has it, for a while; None: there is no such thing."""

    def walk(self) -> Iterator[Stored]:
        """Everything that lies there."""

    def remove(self, name: str, *, kept_before: datetime | None) -> bool:
        """Remove it, unless it was put there (again) at this moment or later; whether that was done."""

    def ask(self) -> str:
        """A sentence that says that all is well. Raises StorageAway or OSError."""

    def elsewhere(self) -> str:
        """What to call the place, where it lies outside of PACKAGES_DIR; else nothing."""


class PackageFiles(FileSystemStorage):
    """Below `settings.PACKAGES_DIR`: files 0440, directories 0700."""

    def __init__(self) -> None:
        super().__init__(file_permissions_mode=0o440, directory_permissions_mode=0o700)

    @property
    def base_location(self) -> Path:
        return Path(settings.PACKAGES_DIR)

    @property
    def location(self) -> str:
        return str(self.base_location.absolute())

    def put(self, source: Path, name: str, *, sha256: str, size: int) -> None:
        target = self.base_location / name
        with receiving.disk_in_words():
            source.chmod(0o440)
            os.utime(source)  # it is kept as of now: whoever removes what is older leaves it alone
            _sync(source)
            try:
                source.replace(target)
            except FileNotFoundError:
                receiving.private(*Path(name).parent.parts)
                source.replace(target)
            _sync(target.parent)  # the names of new directories above it are older: file systems write those first

    def stream(self, name: str, start: int = 0, length: int | None = None) -> Stream:
        with receiving.disk_in_words(passing_on=(FileNotFoundError,)):
            file = (self.base_location / name).open("rb", buffering=0)
            file.seek(start)
        return Stream(file, length)

    def local(self, name: str) -> Path:
        return self.base_location / name

    def holds(self, name: str) -> bool:
        return (self.base_location / name).exists()

    def is_blank(self) -> bool:
        return not (self.base_location / DIRECTORY).is_dir()

    def address(self, name: str, disposition: str) -> None:
        return None

    def walk(self) -> Iterator[Stored]:
        for path in (self.base_location / DIRECTORY).glob("??/??/*"):
            with suppress(FileNotFoundError):  # it was removed in this very moment
                if is_digest(path.name):
                    status = path.stat()
                    yield Stored(path.name, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))

    def remove(self, name: str, *, kept_before: datetime | None) -> bool:
        """It is moved aside first: what is put in its place meanwhile stays, and what was put there just before is put
        back."""
        target = self.base_location / name
        with receiving.disk_in_words():
            aside = receiving.private("incoming") / f"{target.name}.{uuid.uuid4().hex}"
            try:
                target.rename(aside)
            except FileNotFoundError:
                return False
            if kept_before and aside.stat().st_mtime >= kept_before.timestamp():
                aside.replace(target)
                return False
            aside.unlink()
            return True

    def ask(self) -> str:
        with tempfile.TemporaryFile(dir=receiving.private()) as file:
            file.write(b"?")
            file.flush()
        return "The package storage can be written."

    def elsewhere(self) -> str:
        return ""


def is_digest(text: str) -> bool:
    """Whether this is a SHA-256 as this app writes it: 64 lower-case hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def _sync(path: Path) -> None:
    """So that what was written there survives a power failure: of a directory, the names in it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
