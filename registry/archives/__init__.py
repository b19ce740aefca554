"""The members of a package file, whichever format it has, one after the other and in constant memory. Pure.

Nothing is believed: links, devices and sparse files are refused, and so is what programs would unpack differently.
Python's own extraction is not used at all (its `data` filter is bypassable in the 3.11 and 3.12 releases that people
run: CVE-2025-4517 and its relatives), nor are its readers, which pass over too much of what is wrong.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from registry.archives.contents import ends_like_a_zip
from registry.archives.headers import is_header
from registry.archives.members import (
    CHUNK,
    DAMAGED,
    NOT_A_PACKAGE,
    Limits,
    Member,
    Meter,
    PackageRefused,
    damage_refused,
)
from registry.archives.streams import DECOMPRESSORS, Packed, Plain
from registry.archives.tars import allowance, tar_members
from registry.archives.zips import zip_members

_SHELL = re.compile(rb"#!\s*(?:/\S*/)?(?:env\s+(?:-\S+\s+)*)?(?:/\S*/)?(?:ba|da|k|z|a)?sh(?:\s|$)")


def format_of(path: Path) -> str:
    """`zip`, `tar`, `tar.gz`, `tar.bz2` or `script`, by what the file holds. Raises PackageRefused."""
    with path.open("rb") as file:
        start = file.read(512)
        if start.startswith(b"#!") and ends_like_a_zip(file, path.stat().st_size):
            raise PackageRefused(
                "The file is a shell script and a zip at once, so that programs take it for one or the other. Push the"
                " script alone, or a zip that holds it."
            )
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
    with path.open("rb") as file, damage_refused():
        if kind == "zip":
            yield from zip_members(file, limits)
        elif kind == "script":
            yield Member("release.sh", is_directory=False, is_executable=True, size=size, chunks=_all(file, size))
        elif kind == "tar":
            yield from tar_members(Plain(file), limits)
        else:
            yield from members_of_packed_tar(file, kind, limits, packed_bytes=size)


def members_of_packed_tar(file: IO[bytes], kind: str, limits: Limits, *, packed_bytes: int) -> Iterator[Member]:
    """The members of the tar.gz or tar.bz2 that `file` gives. Raises PackageRefused."""
    meter = Meter(limits, packed_bytes=packed_bytes, allowance=allowance(limits))
    with damage_refused():
        yield from tar_members(Packed(file, DECOMPRESSORS[kind], meter, limits), limits)


def _script(start: bytes) -> str:
    if _SHELL.match(start.split(b"\n", 1)[0].rstrip(b"\r")) is None:
        raise PackageRefused(
            "The script's first line names no shell. A single script must begin with, for example, #!/bin/sh."
        )
    return "script"


def _all(file: IO[bytes], size: int) -> Iterator[bytes]:
    while data := file.read(CHUNK):
        size -= len(data)
        yield data
    if size:
        raise PackageRefused(DAMAGED)
