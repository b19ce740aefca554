"""The members of a tar. Pure."""

from collections.abc import Callable, Iterator

from registry.archives import headers
from registry.archives.headers import BLOCK, NOTHING, Header, extend, header, is_header, pax_records, text
from registry.archives.members import (
    CHUNK,
    DAMAGED,
    NOT_A_PACKAGE,
    Limits,
    Member,
    PackageRefused,
    contradicts_itself,
    file_and_directory,
    link,
    shown,
    special,
    too_many_members,
)
from registry.archives.streams import Stream

_MOST_EXTENDED_HEADER = 1024 * 1024
_MOST_HEADERS = 4  # for each member: a pax header, a long name and a long link may precede its own
_LARGEST_IN_OCTAL = 8**11


def allowance(limits: Limits) -> int:
    """Bytes that a tar may have beside the data of its members, for headers and padding."""
    return _MOST_EXTENDED_HEADER + _MOST_HEADERS * BLOCK * limits.members


def tar_members(stream: Stream, limits: Limits) -> Iterator[Member]:
    """The members of the tar that `stream` gives, header by header. Raises PackageRefused.

    tarfile's own loop takes a damaged header for the end, and reads extended headers of any size.
    """
    extended: dict[str, str] = {}
    is_awaited = False
    block = _exactly(stream, BLOCK)
    if not is_header(block):
        raise PackageRefused(NOT_A_PACKAGE)
    for _ in range(_MOST_HEADERS * (limits.members + 1)):
        if block == NOTHING:
            if is_awaited:
                raise PackageRefused(DAMAGED)
            _refuse_anything_after_the_end(stream)
            return
        here = header(block)
        is_awaited = here.kind in _ABOUT_OTHERS
        if is_awaited:
            extend(extended, _ABOUT_OTHERS[here.kind](_payload(stream, here)))
        else:
            yield from _member(stream, here, extended)
            extended = {}
        block = _exactly(stream, BLOCK)
    raise too_many_members(limits)


def _member(stream: Stream, here: Header, extended: dict[str, str]) -> Iterator[Member]:
    name = extended.get("path", here.name)
    is_directory = here.kind == headers.DIRECTORY or (here.kind == b"\0" and name.endswith("/"))
    _refuse_kind(here, name, extended)
    size = _size(here, name, extended)
    if is_directory and size:
        raise file_and_directory(name)
    if not stream.may_hold(size):
        raise PackageRefused(DAMAGED)
    body = _Body(stream, size)
    is_executable = not is_directory and bool(here.mode & 0o111)
    yield Member(name, is_directory=is_directory, is_executable=is_executable, size=size, chunks=body.chunks())
    body.finish()


class _Body:
    """The data of one member."""

    def __init__(self, stream: Stream, size: int) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % BLOCK

    def chunks(self) -> Iterator[bytes]:
        while self._left:
            data = self._stream.read(min(self._left, CHUNK))
            if not data:
                raise PackageRefused(DAMAGED)
            self._left -= len(data)
            yield data

    def finish(self) -> None:
        if beyond := self._left + self._padding:
            self._stream.skip(beyond)


def _refuse_kind(here: Header, name: str, extended: dict[str, str]) -> None:
    if here.kind == headers.SYMBOLIC_LINK:
        raise link(name, "symbolic link")
    if here.kind == headers.HARD_LINK:
        raise link(name, "hard link")
    if here.kind == headers.SPARSE or any(_is_about_holes(key) for key in extended):
        raise PackageRefused(f"The archive holds the sparse file {shown(name)}. Build it without the option --sparse.")
    if here.kind not in (*headers.FILES, headers.DIRECTORY):
        raise special(name)


def _is_about_holes(key: str) -> bool:
    """GNU's three forms of pax header for sparse files, star's and Solaris' own."""
    return key.startswith("GNU.sparse.") or key in ("SCHILY.realsize", "SUN.holesdata")


def _size(here: Header, name: str, extended: dict[str, str]) -> int:
    """A pax header may state a size only where the member's own header cannot hold it.

    Else some programs go by the one and some by the other, and read headers where there is data (CVE-2025-62518).
    """
    stated = extended.get("size")
    if stated is None:
        return here.size
    if not (stated.isascii() and stated.isdigit()) or len(stated) > 20:
        raise PackageRefused(DAMAGED)
    if int(stated) != here.size and int(stated) < _LARGEST_IN_OCTAL:
        raise contradicts_itself(name)
    return int(stated)


def _about_all(data: bytes) -> dict[str, str]:
    """Nothing about the next member in particular: what could matter is refused."""
    records = pax_records(data)
    if records.keys() & {"path", "size", "linkpath"} or any(_is_about_holes(key) for key in records):
        raise PackageRefused(
            "The archive states one name or size for all its files. Build it without that: only comments and times may"
            " be stated for all."
        )
    return {}


_ABOUT_OTHERS: dict[bytes, Callable[[bytes], dict[str, str]]] = {
    headers.PAX: pax_records,
    headers.PAX_FOR_ALL: _about_all,
    headers.LONG_NAME: lambda data: {"path": text(data.split(b"\0", 1)[0])},
    headers.LONG_LINK: lambda data: {},
}
"""The headers in front of those that have a member behind them: what they say about it."""


def _payload(stream: Stream, here: Header) -> bytes:
    """The data of a header that belongs to the next member. Some programs read a name on into what fills it up."""
    if here.size > _MOST_EXTENDED_HEADER:
        raise PackageRefused(DAMAGED)
    data, filling = _exactly(stream, here.size), _exactly(stream, -here.size % BLOCK)
    if filling.strip(b"\0"):
        raise PackageRefused(DAMAGED)
    return data


def _exactly(stream: Stream, size: int) -> bytes:
    data = stream.read(size)
    while len(data) < size:
        more = stream.read(size - len(data))
        if not more:
            raise PackageRefused(DAMAGED)
        data += more
    return data


def _refuse_anything_after_the_end(stream: Stream) -> None:
    """Reading on also makes the decompressor compare its checksum."""
    while data := stream.read(CHUNK):
        if data.count(0) < len(data):
            raise PackageRefused("The archive goes on after its end mark. Build it again in one piece.")
