"""The blocks of a tar that tell about its members: POSIX.1-2017 ustar and pax, GNU and the old form. Pure.

Read here, because Python's own reader accepts what no two programs read alike: numbers such as `0_17`, and the name of
a directory in a field that GNU uses for times.
"""

import re
from dataclasses import dataclass

from registry.archives.members import DAMAGED, PackageRefused, contradicts_itself

BLOCK = 512
NOTHING = bytes(BLOCK)
"""A block of zeros, which marks the end."""

FILES = (b"0", b"\0", b"7")
DIRECTORY = b"5"
HARD_LINK, SYMBOLIC_LINK = b"1", b"2"
SPARSE = b"S"
PAX, PAX_FOR_ALL = b"x", b"g"
LONG_NAME, LONG_LINK = b"L", b"K"

_OCTAL = re.compile(rb"[ \0]*([0-7]*)[ \0]*")
_SAID_ONCE = ("path", "size", "linkpath")


@dataclass(frozen=True, slots=True)
class Header:
    """What a header block says about the member behind it."""

    name: str
    kind: bytes
    mode: int
    size: int


def header(block: bytes) -> Header:
    """Read a block of 512 bytes. Raises PackageRefused."""
    if not is_header(block):
        raise PackageRefused(DAMAGED)
    name = block[:100].split(b"\0", 1)[0]
    if block[257:263] == b"ustar\0" and (prefix := block[345:500].split(b"\0", 1)[0]):
        name = prefix + b"/" + name
    size = _number(block[124:136])
    if size < 0:
        raise PackageRefused(DAMAGED)
    return Header(text(name), block[156:157], _number(block[100:108]), size)


def is_header(block: bytes) -> bool:
    """Whether these first 512 bytes of a file are the header of a member: their checksum says so."""
    if len(block) != BLOCK or (stated := _OCTAL.fullmatch(block[148:156])) is None or not stated[1]:
        return False
    expected, others = int(stated[1], 8), block[:148] + block[156:]
    total = sum(others) + 8 * ord(" ")
    if total == expected:
        return True
    return total - 256 * sum(byte > 127 for byte in others) == expected  # signed, as some old programs add up


def text(name: bytes) -> str:
    """A name as UTF-8, whatever character set is claimed; what is none is refused with the name it spoils."""
    return name.decode("utf-8", "surrogateescape")


def pax_records(data: bytes) -> dict[str, str]:
    """`LENGTH KEY=VALUE\\n` …, the length counting the whole record. Raises PackageRefused."""
    records: dict[str, str] = {}
    at = 0
    while at < len(data):
        digits, space, _ = data[at : at + 20].partition(b" ")
        end = at + int(digits) if digits.isdigit() and space else at
        key, equals, value = data[at + len(digits) + 1 : end].partition(b"=")
        if not equals or end > len(data) or not value.endswith(b"\n"):
            raise PackageRefused(DAMAGED)
        extend(records, {key.decode("utf-8", "surrogateescape"): text(value[:-1])})
        at = end
    return records


def extend(known: dict[str, str], more: dict[str, str]) -> None:
    """Add to what is known about the next member. Raises PackageRefused where both say different things about it."""
    for key in _SAID_ONCE:
        if key in more and known.get(key, more[key]) != more[key]:
            raise contradicts_itself(known.get("path", known[key]))
    known |= more


def _number(field: bytes) -> int:
    """Octal digits, or in GNU's way a number of base 256 where the first bit is set."""
    if field[0] in (0x80, 0xFF):
        return int.from_bytes(field[1:], signed=False) - (256 ** (len(field) - 1) if field[0] == 0xFF else 0)
    match = _OCTAL.fullmatch(field)
    if match is None:
        raise PackageRefused(DAMAGED)
    return int(match[1] or b"0", 8)
