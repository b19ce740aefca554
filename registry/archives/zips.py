"""The members of a zip (APPNOTE 6.3), and so of a nupkg, jar, war or ear. Pure."""

import itertools
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import IO

from registry.archives.contents import UTF8, Entry, contents, in_64
from registry.archives.members import (
    CHUNK,
    DAMAGED,
    Limits,
    Member,
    Meter,
    PackageRefused,
    contradicts_itself,
    damage_refused,
    file_and_directory,
    link,
    shown,
    special,
)

_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8
_ENCRYPTED, _SIZES_BEHIND, _PATCH = 0x1 | 0x40 | 0x2000, 0x8, 0x20
_DIRECTORY_OF_DOS = 0x10
_NEWEST = 63


def zip_members(file: IO[bytes], limits: Limits) -> Iterator[Member]:
    """The members in the order in which they lie in the file. Raises PackageRefused.

    No byte belongs to two of them: so does a small zip unpack to petabytes without a suspicious ratio in any member.
    """
    size = os.fstat(file.fileno()).st_size
    entries, table = contents(file, size, limits)
    meter = Meter(limits, packed_bytes=size)
    for entry in entries:
        _refuse_kind(entry)
        meter.count(entry.size)
    end = 0
    for entry in sorted(entries, key=lambda entry: entry.offset):
        _pass_over(file, end, entry.offset)
        flags, is_repeated = _local(file, entry)
        chunks = _inflated(file, entry) if entry.method == _DEFLATED and entry.packed else _stored(file, entry)
        is_directory = entry.name.endswith("/")
        is_executable = not is_directory and bool(entry.mode & 0o111)
        yield Member(entry.name, is_directory, is_executable, entry.size, chunks)
        for _ in chunks:
            pass
        if flags & _SIZES_BEHIND:
            _behind(file, entry, may_be_missing=is_repeated)
        end = file.tell()
    _pass_over(file, end, table)


def _refuse_kind(entry: Entry) -> None:
    name, kind, is_directory = entry.name, stat.S_IFMT(entry.mode), entry.name.endswith("/")
    if entry.flags & _ENCRYPTED:
        raise PackageRefused(f"The archive is encrypted ({shown(name)}). Build it without a password.")
    if kind == stat.S_IFLNK:
        raise link(name, "symbolic link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise special(name)
    is_said_to_be_one = kind == stat.S_IFDIR or bool(entry.attributes & _DIRECTORY_OF_DOS)
    if is_said_to_be_one > is_directory or (is_directory and entry.size):
        raise file_and_directory(name)
    if entry.method not in (_STORED, _DEFLATED) or entry.needs > _NEWEST:
        raise PackageRefused(
            f"{shown(name)} in the archive is compressed by a method other than deflate. Build the zip with deflate."
        )
    is_as_it_was = entry.method == _STORED or not entry.packed  # some programs call an empty file deflated
    if entry.flags & _PATCH or (is_as_it_was and entry.packed != entry.size):
        raise PackageRefused(DAMAGED)


def _local(file: IO[bytes], entry: Entry) -> tuple[int, bool]:
    """Read the header in front of a file's data: its flags, and whether it holds the sizes. Raises PackageRefused.

    Programs that read a zip as it arrives go by these headers, all others by the table of contents.
    """
    mark, _, flags, method, _, _, crc, packed, size, of_name, of_extra = _LOCAL.unpack(file.read(_LOCAL.size))
    raw_name, extra = file.read(of_name), file.read(of_extra)
    if mark != b"PK\x03\x04" or len(extra) != of_extra:
        raise PackageRefused(DAMAGED)
    same_name = raw_name == entry.raw_name and (raw_name.isascii() or not (flags ^ entry.flags) & UTF8)
    if not same_name or method != entry.method or (flags ^ entry.flags) & _ENCRYPTED:
        raise contradicts_itself(entry.name)
    stated = (crc, *in_64(extra, size, packed))
    is_repeated = stated == (entry.crc, entry.size, entry.packed)
    may_wait = flags & _SIZES_BEHIND and all(
        one in (0, other) for one, other in zip(stated, (entry.crc, entry.size, entry.packed), strict=True)
    )
    if not is_repeated and not may_wait:
        raise contradicts_itself(entry.name)
    return flags, is_repeated


def _stored(file: IO[bytes], entry: Entry) -> Iterator[bytes]:
    crc, left = 0, entry.size
    while left:
        data = file.read(min(left, CHUNK))
        if not data:
            raise PackageRefused(DAMAGED)
        crc, left = zlib.crc32(data, crc), left - len(data)
        yield data
    if crc != entry.crc:
        raise PackageRefused(DAMAGED)


def _inflated(file: IO[bytes], entry: Entry) -> Iterator[bytes]:
    unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
    crc, size, left = 0, 0, entry.packed
    while not unpacking.eof:
        packed = unpacking.unconsumed_tail
        if not packed:
            packed = file.read(min(left, CHUNK))
            left -= len(packed)
        with damage_refused():
            data = unpacking.decompress(packed, CHUNK)
        size += len(data)
        if size > entry.size or not (data or packed or unpacking.eof):
            raise PackageRefused(DAMAGED)
        crc = zlib.crc32(data, crc)
        yield data
    if left or unpacking.unused_data or size != entry.size or crc != entry.crc:
        raise PackageRefused(DAMAGED)


def _behind(file: IO[bytes], entry: Entry, *, may_be_missing: bool) -> None:
    """Pass over the sizes behind a file's data, which a program writes that did not know them before.

    In 32 or 64 bits and with or without a mark: APPNOTE 4.3.9 leaves it open.
    """
    at = file.tell()
    found = file.read(24)
    layouts = ("<L2Q", "<L2L") if max(entry.packed, entry.size) <= 0xFFFFFFFF else ("<L2Q",)
    for layout, mark in itertools.product(layouts, (b"PK\x07\x08", b"")):
        expected = mark + struct.pack(layout, entry.crc, entry.packed, entry.size)
        if found.startswith(expected):
            file.seek(at + len(expected))
            return
    if not may_be_missing:
        raise contradicts_itself(entry.name)
    file.seek(at)


def _pass_over(file: IO[bytes], end: int, offset: int) -> None:
    """Go from the end of one file's data to where the next is said to begin."""
    if offset < end:
        raise PackageRefused(
            "Files in the archive overlap each other, as in archives made to fill a disk. Build and push it again."
        )
    file.seek(end)
    if offset > end:
        if file.read(4) == b"PK\x03\x04":
            raise PackageRefused("The archive holds files that its table of contents does not name. Build it again.")
        file.seek(offset)
