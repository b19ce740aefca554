"""The members of a package file, whichever format it has, one after the other and in constant memory. Pure.

Nothing is believed: links, devices and sparse files are refused, and Python's own extraction is not used at all
(its `data` filter is bypassable in the 3.11 and 3.12 releases that people run: CVE-2025-4517 and its relatives).
"""

import bz2
import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from registry.archives.members import NOT_A_PACKAGE, Limits, Member, PackageRefused
from registry.archives.tars import is_header, tar_members
from registry.archives.zips import zip_members

_SHELL = re.compile(rb"#!\s*(?:/\S*/)?(?:env\s+(?:-\S+\s+)*)?(?:/\S*/)?(?:ba|da|k|z|a)?sh(?:\s|$)")


def format_of(path: Path) -> str:
    """`zip`, `tar`, `tar.gz`, `tar.bz2` or `script`, by what the file holds. Raises PackageRefused."""
    with path.open("rb") as file:
        start = file.read(512)
    if not start:
        raise PackageRefused("The file is empty. Push the finished package.")
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    if start.startswith(b"\x1f\x8b"):
        return "tar.gz"
    if start.startswith(b"BZh"):
        return "tar.bz2"
    if start.startswith(b"#!"):
        return _script(start)
    if is_header(start):
        return "tar"
    raise PackageRefused(NOT_A_PACKAGE)


def members_of(path: Path, kind: str, limits: Limits) -> Iterator[Member]:
    """The members of a file of format `kind`, each to be read before the next is asked for. Raises PackageRefused."""
    size = path.stat().st_size
    with path.open("rb") as file:
        if kind == "zip":
            yield from zip_members(file, limits)
        elif kind == "script":
            yield Member("release.sh", is_directory=False, is_executable=True, size=size, read=file.read)
        else:
            with _decompressed(file, kind) as stream:
                yield from tar_members(stream, limits, packed_bytes=size)


def _script(start: bytes) -> str:
    if _SHELL.match(start.split(b"\n", 1)[0].rstrip(b"\r")) is None:
        raise PackageRefused(
            "The script's first line names no shell. A single script must begin with, for example, #!/bin/sh."
        )
    return "script"


def _decompressed(file: IO[bytes], kind: str) -> IO[bytes]:
    if kind == "tar.gz":
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if kind == "tar.bz2":
        return bz2.BZ2File(file)
    return file
