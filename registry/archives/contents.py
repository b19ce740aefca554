"""The table of contents at the end of a zip (APPNOTE 6.3, sections 4.3.12 to 4.3.16). Pure.

Read here, because Python's own reader lets every field lie that it does not need: with something before or behind the
archive, two tables, or a number of entries that is none, other programs find other files in it.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple

from registry.archives.members import DAMAGED, Limits, PackageRefused, contradicts_itself, too_many_members

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_WHERE_END_64 = struct.Struct("<4sLQL")
_ENTRY_FRONT, _ENTRY_BACK = struct.Struct("<4s6H3L"), struct.Struct("<5H2L")
_MOST_COMMENT = 0xFFFF
_IN_64 = 0xFFFFFFFF
"""Stands in a field of 32 bits for a number that is written elsewhere, in 64 bits."""
_MOST_BYTES_OF_ENTRY = 256
"""On average; the limit of members thereby limits how much is read in one piece."""
UTF8 = 0x800


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or directory as the table of contents declares it."""

    raw_name: bytes
    name: str
    needs: int
    """The version of the format, times ten, that a program must know to unpack it."""
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    offset: int
    mode: int
    """Kind and permissions as Unix has them; 0 where the system that wrote the archive has none."""
    attributes: int
    """Of DOS."""


class _Table(NamedTuple):
    entries: int
    size: int
    offset: int


def contents(file: IO[bytes], file_size: int, limits: Limits) -> tuple[list[Entry], int]:
    """The entries, and the offset at which the table of contents begins. Raises PackageRefused."""
    table = _table(file, file_size)
    if table.entries > limits.members or table.size > _MOST_BYTES_OF_ENTRY * limits.members + 2 * _MOST_COMMENT:
        raise too_many_members(limits)
    file.seek(table.offset)
    entries = list(_entries(file.read(table.size)))
    if len(entries) != table.entries:
        raise PackageRefused(DAMAGED)
    return entries, table.offset


def ends_like_a_zip(file: IO[bytes], file_size: int) -> bool:
    """Whether programs that look for a zip by its end would find one."""
    return bool(_ends(_tail(file, file_size)))


def extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """The identifier and the data of each extra field. Raises PackageRefused."""
    at = 0
    while at + 4 <= len(extra):
        identifier, size = struct.unpack_from("<2H", extra, at)
        at += 4 + size
        if at > len(extra):
            raise PackageRefused(DAMAGED)
        yield identifier, extra[at - size : at]


def in_64(extra: bytes, *fields: int) -> Iterator[int]:
    """The fields, and in the place of each that only says so the number from the extra field of zip64."""
    if _IN_64 not in fields:
        yield from fields
        return
    long = next((data for identifier, data in extra_fields(extra) if identifier == 1), b"")
    for field in fields:
        if field == _IN_64 and len(long) >= 8:
            yield int.from_bytes(long[:8], "little")
            long = long[8:]
        else:
            yield field


def _table(file: IO[bytes], file_size: int) -> _Table:
    tail = _tail(file, file_size)
    ends = _ends(tail)
    if not ends:
        raise PackageRefused(DAMAGED)
    if len(ends) > 1:
        raise contradicts_itself("its own end")
    _, disk, first_disk, count_here, count, size, offset, _ = _END.unpack_from(tail, ends[0])
    table, end = _Table(count, size, offset), file_size - len(tail) + ends[0]
    if disk or first_disk or count_here != count:
        raise PackageRefused("The archive is one part of several. Build it in one piece.")
    if ends[0] >= _WHERE_END_64.size and tail.startswith(b"PK\x06\x07", ends[0] - _WHERE_END_64.size):
        table, end = _table_64(file, end - _WHERE_END_64.size, table)
    if table.offset + table.size != end:
        raise PackageRefused(DAMAGED)
    return table


def _table_64(file: IO[bytes], where: int, short: _Table) -> tuple[_Table, int]:
    """The numbers that do not fit into 32 bits; the others must be the same as in the `short` table."""
    file.seek(where)
    _, its_disk, at, disks = _WHERE_END_64.unpack(file.read(_WHERE_END_64.size))
    file.seek(at)
    mark, rest, _, _, disk, first_disk, count_here, *numbers = _END_64.unpack(file.read(_END_64.size))
    table = _Table(*numbers)
    if mark != b"PK\x06\x06" or at + 12 + rest != where or disk or first_disk or its_disk or disks > 1:
        raise PackageRefused(DAMAGED)
    agrees = all(one in (other, most) for one, other, most in zip(short, table, (0xFFFF, _IN_64, _IN_64), strict=True))
    if not agrees or count_here != table.entries:
        raise contradicts_itself("its own end")
    return table, at


def _tail(file: IO[bytes], file_size: int) -> bytes:
    file.seek(max(0, file_size - _END.size - _MOST_COMMENT - _WHERE_END_64.size))
    return file.read()


def _ends(tail: bytes) -> list[int]:
    """Where in these last bytes of a file there is an end of a zip whose comment ends with the file."""
    found, at = [], tail.find(b"PK\x05\x06")
    while at >= 0:
        whole = at + _END.size <= len(tail)
        if whole and at + _END.size + int.from_bytes(tail[at + 20 : at + 22], "little") == len(tail):
            found.append(at)
        at = tail.find(b"PK\x05\x06", at + 1)
    return found


def _entries(table: bytes) -> Iterator[Entry]:
    at = 0
    while at < len(table):
        mark, _, needs, flags, method, _, _, crc, packed, size = _ENTRY_FRONT.unpack_from(table, at)
        of_name, of_extra, of_comment, disk, _, attributes, offset = _ENTRY_BACK.unpack_from(
            table, at + _ENTRY_FRONT.size
        )
        at += _ENTRY_FRONT.size + _ENTRY_BACK.size
        raw_name, extra = table[at : at + of_name], table[at + of_name : at + of_name + of_extra]
        at += of_name + of_extra + of_comment
        if mark != b"PK\x01\x02" or at > len(table) or disk:
            raise PackageRefused(DAMAGED)
        size, packed, offset = in_64(extra, size, packed, offset)
        name = _name(raw_name, flags, extra)
        mode, of_dos = attributes >> 16, attributes & 0xFFFF
        yield Entry(raw_name, name, needs & 0xFF, flags, method, crc, packed, size, offset, mode, of_dos)


def _name(raw: bytes, flags: int, extra: bytes) -> str:
    """UTF-8 where the archive says so or the bytes can be nothing else, the code page of DOS otherwise.

    Info-ZIP writes a name that is not ASCII twice, the second time in an extra field (0x7075) in UTF-8, which holds as
    long as its checksum is the one of the first.
    """
    again = next((data[5:] for identifier, data in extra_fields(extra) if _is_name_of(raw, identifier, data)), None)
    if flags & UTF8 or raw.isascii():
        if again is not None and again != raw:
            raise contradicts_itself(raw.decode("utf-8", "replace"))
        return raw.decode("utf-8", "surrogateescape")
    if again is not None:
        return again.decode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _is_name_of(raw: bytes, identifier: int, data: bytes) -> bool:
    return identifier == 0x7075 and data[:1] == b"\1" and data[1:5] == zlib.crc32(raw).to_bytes(4, "little")
