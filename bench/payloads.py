"""What is pushed into a registry: packages with a release.sh and data that cannot be compressed, built beforehand."""

import hashlib
import io
import mmap
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BLOCK = 1024 * 1024  # what a client hands to its connection at a time
SCRIPT = b"#!/bin/sh\necho hello $1 $2\n"
_CHANGED = 32  # bytes that tell one large package from the next


@dataclass(frozen=True)
class Payload:
    """One version of one package, with its bytes in memory (or mapped from a file) and their SHA-256."""

    name: str
    version: str
    content: memoryview
    sha256: str

    @property
    def size(self) -> int:
        return len(self.content)

    def blocks(self) -> Iterator[memoryview]:
        for start in range(0, self.size, BLOCK):
            yield self.content[start : start + BLOCK]


def small(name: str, major: int, count: int, size: int) -> list[Payload]:
    """So many versions, `major`.0.0 and on, of about `size` bytes each, no two with the same bytes."""
    start, data_size, end = _around(size)
    payloads = []
    for number in range(count):
        content = start + os.urandom(data_size) + end
        payloads.append(_payload(name, f"{major}.0.{number}", memoryview(content)))
    return payloads


class Large:
    """One large package in a file that is mapped, so that it takes no memory of its own; every version differs."""

    def __init__(self, content: mmap.mmap, changed: int) -> None:
        self._content, self._changed = content, changed

    def version(self, name: str, version: str) -> Payload:
        """The same package with a few other bytes. What was given before is this one from now on."""
        self._content[self._changed : self._changed + _CHANGED] = os.urandom(_CHANGED)
        return _payload(name, version, memoryview(self._content))


@contextmanager
def large(path: Path, size: int) -> Iterator[Large]:
    """A package of about `size` bytes, written to `path` for the time being."""
    start, data_size, end = _around(size)
    with path.open("wb+") as file:
        file.write(start)
        left = data_size
        while left:
            left -= file.write(os.urandom(min(left, BLOCK)))
        file.write(end)
        file.flush()
        content = mmap.mmap(file.fileno(), 0)
    try:
        yield Large(content, len(start))
    finally:
        path.unlink()


def _payload(name: str, version: str, content: memoryview) -> Payload:
    return Payload(name, version, content, hashlib.sha256(content).hexdigest())


def _around(size: int) -> tuple[bytes, int, bytes]:
    """What stands before the data in a tar of about `size` bytes, how many bytes the data has, and what follows it."""
    block = tarfile.BLOCKSIZE
    data_size = size // block * block - 5 * block  # two headers, the script, the end mark of two blocks
    data = tarfile.TarInfo("data")
    data.size = data_size
    return _member("release.sh", SCRIPT) + data.tobuf(tarfile.USTAR_FORMAT), data_size, bytes(2 * block)


def _member(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(content), 0o755
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()[: 2 * tarfile.BLOCKSIZE]
