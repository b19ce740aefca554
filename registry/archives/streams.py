"""The bytes of a tar, as they lie in the file or decompressed (RFC 1952, bzip2). Pure.

Python's own GzipFile and BZ2File read 8 KB at a time, and BZ2File passes over whatever follows the compressed data.
"""

import bz2
import os
import zlib
from collections.abc import Callable
from typing import IO, Protocol

from registry.archives.members import CHUNK, DAMAGED, Limits, Meter, PackageRefused, damage_refused


class Stream(Protocol):
    """Bytes from the first to the last."""

    def read(self, size: int) -> bytes:
        """At least one and at most `size` bytes; b"" at the end."""

    def skip(self, size: int) -> None:
        """Pass over as many bytes. Raises PackageRefused where there are fewer."""

    def may_hold(self, size: int) -> bool:
        """Whether as many bytes may follow, as far as is known without reading them."""


class Plain:
    """The bytes of an uncompressed file; what nobody wants to see is not read at all."""

    def __init__(self, file: IO[bytes]) -> None:
        self.read = file.read
        self._file = file
        self._size = os.fstat(file.fileno()).st_size

    def skip(self, size: int) -> None:
        if not self.may_hold(size):
            raise PackageRefused(DAMAGED)
        self._file.seek(size, os.SEEK_CUR)

    def may_hold(self, size: int) -> bool:
        return self._file.tell() + size <= self._size


class Decompressor(Protocol):
    """As bz2.BZ2Decompressor: while `needs_input` is False it is asked for more with b""."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class Packed:
    """The decompressed bytes, counted: headers and padding can be a bomb too.

    A file may consist of several compressed pieces one after the other, as parallel compressors write them.
    """

    def __init__(self, file: IO[bytes], new: Callable[[], Decompressor], meter: Meter, limits: Limits) -> None:
        self._file = file
        self._new = new
        self._decompressor = new()
        self._meter = meter
        self._pieces_left = limits.members
        self._input = b""
        self._output = b""
        self._at = 0

    def read(self, size: int) -> bytes:
        if self._at == len(self._output):
            self._output, self._at = self._decompressed(), 0
        data = self._output[self._at : self._at + size]
        self._at += len(data)
        return data

    def skip(self, size: int) -> None:
        while size:
            passed = len(self.read(min(size, CHUNK)))
            if not passed:
                raise PackageRefused(DAMAGED)
            size -= passed

    def may_hold(self, size: int) -> bool:
        return True

    def _decompressed(self) -> bytes:
        """The next bytes, whatever their number; b"" at the end."""
        data = b""
        while not data:
            if self._decompressor.eof and not self._next_piece():
                return b""
            packed = b""
            if self._decompressor.needs_input:
                packed, self._input = self._input or self._file.read(CHUNK), b""
                if not packed:
                    raise PackageRefused(DAMAGED)
            with damage_refused():
                data = self._decompressor.decompress(packed, CHUNK)
        self._meter.count(len(data))
        return data

    def _next_piece(self) -> bool:
        """Go on to what follows the end of a compressed piece; zeros may fill the file up."""
        rest = self._decompressor.unused_data.lstrip(b"\0")
        while not rest:
            if not (block := self._file.read(CHUNK)):
                return False
            rest = block.lstrip(b"\0")
        if not self._pieces_left:
            raise PackageRefused("The archive consists of far too many compressed pieces. Compress it in one piece.")
        self._pieces_left -= 1
        self._decompressor, self._input = self._new(), rest
        return True


class _Gunzip:
    """zlib's decompressor in the manner of bz2's."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)  # with the header and the checksum of gzip
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        unpacked = self._zlib.decompress(data or self._zlib.unconsumed_tail, max_length)
        self.needs_input = not self._zlib.unconsumed_tail and len(unpacked) < max_length
        return unpacked


DECOMPRESSORS: dict[str, Callable[[], Decompressor]] = {"tar.gz": _Gunzip, "tar.bz2": bz2.BZ2Decompressor}
