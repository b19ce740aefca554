"""The members of a tar: POSIX.1-2017 pax, ustar, GNU and the old form. Pure."""

import tarfile
from collections.abc import Iterator
from typing import IO

from registry.archives.members import (
    CHUNK,
    DAMAGED,
    NOT_A_PACKAGE,
    Limits,
    Member,
    Meter,
    PackageRefused,
    damage_refused,
    link,
    shown,
    special,
)

_BLOCK = tarfile.BLOCKSIZE
_MOST_EXTENDED_HEADER = 1024 * 1024


def tar_members(file: IO[bytes], limits: Limits, *, packed_bytes: int) -> Iterator[Member]:
    """The members of the tar that `file` gives, decompressed; `packed_bytes` is its size before."""
    allowance = _MOST_EXTENDED_HEADER + 4 * _BLOCK * limits.members  # for headers and padding
    return _members(_Stream(file, Meter(limits, packed_bytes=packed_bytes, allowance=allowance)))


def is_header(block: bytes) -> bool:
    """Whether these first 512 bytes of a file are the header of a member."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


class _Stream:
    """The decompressed bytes, counted: headers and padding can be a bomb too."""

    def __init__(self, stream: IO[bytes], meter: Meter) -> None:
        self._stream = stream
        self._meter = meter

    def read(self, size: int) -> bytes:
        with damage_refused():
            data = self._stream.read(size)
        self._meter.count(len(data))
        return data

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.read(min(size - len(data), CHUNK))
            if not more:
                raise PackageRefused(DAMAGED)
            data += more
        return data

    def payload(self, size: int) -> bytes:
        """The data of a header that belongs to the next member, without its padding."""
        if not 0 <= size <= _MOST_EXTENDED_HEADER:
            raise PackageRefused(DAMAGED)
        data = self.exactly(size)
        self.exactly(-size % _BLOCK)
        return data


class _Body:
    """The data of one tar member."""

    def __init__(self, stream: _Stream, size: int) -> None:
        self._stream = stream
        self._left = size
        self._padding = -size % _BLOCK

    def read(self, size: int) -> bytes:
        data = self._stream.read(min(size, self._left, CHUNK))
        if not data and self._left and size:
            raise PackageRefused(DAMAGED)
        self._left -= len(data)
        return data

    def finish(self) -> None:
        while self._left:
            self.read(CHUNK)
        self._stream.exactly(self._padding)


def _members(stream: _Stream) -> Iterator[Member]:
    """Header by header. tarfile's own loop takes a damaged header for the end, and reads headers of any size."""
    extended: dict[str, str] = {}
    block = stream.exactly(_BLOCK)
    if not is_header(block):
        raise PackageRefused(NOT_A_PACKAGE)
    while block.count(0) < _BLOCK:
        with damage_refused():
            info = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if info.type in (tarfile.XHDTYPE, tarfile.XGLTYPE):
            records = _pax_records(stream.payload(info.size))
            if info.type == tarfile.XHDTYPE:
                extended |= records
            elif records.keys() & {"path", "size"}:
                raise PackageRefused(DAMAGED)
        elif info.type == tarfile.GNUTYPE_LONGNAME:
            extended["path"] = stream.payload(info.size).split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        elif info.type == tarfile.GNUTYPE_LONGLINK:
            stream.payload(info.size)
        else:
            yield from _member(stream, info, extended)
            extended = {}
        block = stream.exactly(_BLOCK)
    _refuse_anything_after_the_end(stream)


def _member(stream: _Stream, info: tarfile.TarInfo, extended: dict[str, str]) -> Iterator[Member]:
    name = extended.get("path", info.name)
    _refuse_kind(info, name, extended)
    if info.isdir():
        yield Member(name, is_directory=True, is_executable=False, size=0, read=lambda size: b"")
        return
    with damage_refused():
        size = int(extended.get("size", info.size))
    if size < 0:
        raise PackageRefused(DAMAGED)
    body = _Body(stream, size)
    yield Member(name, is_directory=False, is_executable=bool(info.mode & 0o111), size=size, read=body.read)
    body.finish()


def _refuse_kind(info: tarfile.TarInfo, name: str, extended: dict[str, str]) -> None:
    if info.issym():
        raise link(name, "symbolic link")
    if info.islnk():
        raise link(name, "hard link")
    if info.type == tarfile.GNUTYPE_SPARSE or any(key.startswith("GNU.sparse.") for key in extended):
        raise PackageRefused(f"The archive holds the sparse file {shown(name)}. Build it without the option --sparse.")
    if not info.isdir() and info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE):
        raise special(name)


def _pax_records(data: bytes) -> dict[str, str]:
    """`LENGTH KEY=VALUE\\n` …, the length counting the whole record (POSIX.1-2017, pax, extended header)."""
    records = {}
    with damage_refused():
        while data:
            length = int(data[: data.index(b" ")])
            record, data = data[:length], data[length:]
            key, _, value = record[record.index(b" ") + 1 :].partition(b"=")
            if len(record) != length or not value.endswith(b"\n"):
                raise ValueError("broken pax record")
            records[key.decode()] = value[:-1].decode("utf-8", "surrogateescape")
    return records


def _refuse_anything_after_the_end(stream: _Stream) -> None:
    """Reading on also makes the decompressor compare its checksum."""
    while data := stream.read(CHUNK):
        if data.count(0) < len(data):
            raise PackageRefused("The archive goes on after its end mark. Build it again in one piece.")
