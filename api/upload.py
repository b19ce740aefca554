"""A package on its way in: streamed from the connection to the disk while it is hashed, in constant memory, written once."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, cast

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import (
    FIELD,
    FILE,
    ChunkIter,
    LazyStream,
    MultiPartParser,
    MultiPartParserError,
    Parser,
)

from api.digests import FIELD as CHECKSUM
from api.digests import OF_THE_BODY, stated_digests
from api.problems import ApiRefused
from registry import storage
from registry.receiving import BLOCK, require_room
from registry.storage import Received

FIELD_MAX_BYTES = 1024
HEADROOM = 64 * 1024  # what a form may hold besides the file
END_MAX_BYTES = 256  # a boundary has at most 200 bytes
ZIP_END_BYTES = 22
COMPRESSED = (b"\x1f\x8b", b"BZh")
FORM = "multipart/form-data"
RAW = "application/octet-stream"
FIELDS = ("name", "version", "filename")


class Source(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Stated:
    """What the sender says about the package; empty where it says nothing."""

    name: str = ""
    version: str = ""
    filename: str = ""


def is_form(request: HttpRequest) -> bool:
    """Whether a form arrives; otherwise it is the package itself. Raises ApiRefused (415) for anything else."""
    sent = request.content_type or ""
    if sent == FORM:
        return True
    if sent in ("", RAW):
        return False
    raise ApiRefused(
        415,
        "content-type",
        f"A package arrives as {RAW} (the file itself) or as {FORM} (a form with a field file), not as {sent[:100]}.",
    )


def from_body(request: HttpRequest) -> Received:
    """Receive the body itself. Raises UploadRefused, StorageFull, StorageAway, and ApiRefused."""
    digests, announced = stated_digests(request.headers), _announced(request)
    received = storage.receive(
        _chunks(_source(request)), max_bytes=settings.PACKAGE_MAX_BYTES, expected_bytes=announced
    )
    _compare(received, digests, dict.fromkeys(digests, received.sha256))
    if _is_chunked(request) and not digests and not _says_where_it_ends(received.path):
        storage.discard(received)
        raise ApiRefused(
            411,
            "length-missing",
            "State the Content-Length, or the SHA-256 of the package as X-Checksum-Sha256: without either, a package that was"
            " cut off on the way can look like a whole one. Only a zip, a tar.gz and a tar.bz2 say themselves where they end.",
        )
    return received


def from_form(request: HttpRequest, stated: Stated, check: Callable[[Stated], None]) -> tuple[Received, Stated]:
    """Receive the one file of a form, and what its fields state over what the address stated.

    check  is asked before the file is taken, about what has been stated by then; what it raises ends the upload

    Read part by part as it arrives, instead of through `request.FILES`, which would write every byte twice. X-Checksum-Sha256
    is about the file, the other digests are about the form. Raises what `from_body` raises.
    """
    digests, announced, boundary = stated_digests(request.headers), _announced(request), _boundary(request)
    _refuse_form(request, announced)
    source = _Counted(_source(request), is_hashed=not digests.keys().isdisjoint(OF_THE_BODY))
    found = _Form(stated, check)
    try:
        found.read(Parser(LazyStream(ChunkIter(cast(Any, source), BLOCK)), boundary))
        received = found.whole(source, announced, boundary)
        _compare(received, digests, dict.fromkeys(OF_THE_BODY, source.sha256) | {CHECKSUM: received.sha256})
    except MultiPartParserError as error:
        found.forget()
        raise ApiRefused(400, "form-unreadable", "The form cannot be read. Send it as multipart/form-data.") from error
    except BaseException:
        found.forget()
        raise
    return received, found.named()


def _says_where_it_ends(path: Path) -> bool:
    """Whether what was cut off is told by the file itself: a zip without a comment ends with a record of its own
    (APPNOTE.TXT §4.3.16); a stream of gzip or bzip2 ends with its checksum, which inspection compares."""
    with path.open("rb") as file:
        if file.read(3).startswith(COMPRESSED):
            return True
        file.seek(-min(ZIP_END_BYTES, path.stat().st_size), os.SEEK_END)
        end = file.read()
    return len(end) == ZIP_END_BYTES and end.startswith(b"PK\x05\x06") and end.endswith(b"\0\0")


def _refuse_form(request: HttpRequest, announced: int | None) -> None:
    """What speaks against a form before anything of it has been read. The end of a chunked one is told by its boundary."""
    if announced is None and not _is_chunked(request):
        raise ApiRefused(
            411, "length-missing", "State the Content-Length of the form, or send the package as the body itself."
        )
    if announced is not None and announced > settings.PACKAGE_MAX_BYTES + HEADROOM:
        raise storage.UploadRefused(
            f"The form is larger than {settings.PACKAGE_MAX_BYTES:,} bytes. Make the package smaller, or ask the administrator"
            " to raise PACKAGE_MAX_BYTES.",
            code="upload-too-large",
        )
    require_room(announced or 0)


def _compare(received: Received, stated: Mapping[str, str], arrived: Mapping[str, str]) -> None:
    """Discard what is not what the sender says it is, and raise ApiRefused. Both: header → SHA-256."""
    for header, digest in stated.items():
        if arrived[header] != digest:
            storage.discard(received)
            raise ApiRefused(
                422,
                "digest-differs",
                f"The header {header} states the SHA-256 {digest}, and what arrived has {arrived[header]}. Nothing of it was"
                " kept; push the package again.",
            )


class _Form:
    """The parts of a form, as they pass by."""

    def __init__(self, stated: Stated, check: Callable[[Stated], None]) -> None:
        self.stated, self._check = stated, check
        self.filename = ""
        self.received: Received | None = None

    def read(self, parts: Parser) -> None:
        for kind, headers, stream in parts:
            if kind not in (FIELD, FILE):  # what stands before the first boundary and after the last
                for _ in stream:
                    pass
                continue
            if "content-transfer-encoding" in headers and headers["content-transfer-encoding"][0].strip() == "base64":
                raise MultiPartParserError("base64")
            stated = headers["content-disposition"][1]
            name = _text(stated.get("name", b""))
            if name == "file":
                self._take(_text(stated.get("filename", b"")), stream)
            elif kind == FIELD and name in FIELDS:
                self.stated = replace(self.stated, **{name: _field(name, stream)})
            else:
                raise ApiRefused(
                    400, "form-unreadable", f"The form has an unknown field “{name[:60]}”. Send file, name and version."
                )

    def whole(self, source: "_Counted", announced: int | None, boundary: bytes) -> Received:
        """The file, if the form has one and has arrived to its end. Raises UploadRefused, ApiRefused."""
        if announced not in (None, source.size) or not source.ended_with(b"--" + boundary + b"--"):
            raise storage.UploadRefused(
                f"Only {source.size:,} {'' if announced is None else f'of {announced:,} '}bytes of the form arrived, or its end"
                " is missing. Push the package again.",
                code="upload-truncated",
            )
        if self.received is None:
            raise ApiRefused(400, "file-missing", "The form has no file. Send the package as its field “file”.")
        return self.received

    def named(self) -> Stated:
        """What was stated; a file name that was, counts over the file's own."""
        return replace(self.stated, filename=self.stated.filename or self.filename)

    def _take(self, filename: str, stream: LazyStream) -> None:
        if self.received is not None:
            raise ApiRefused(400, "form-unreadable", "The form has more than one file. Push one package at a time.")
        self._check(self.stated)
        self.filename = filename
        self.received = storage.receive(stream, max_bytes=settings.PACKAGE_MAX_BYTES)

    def forget(self) -> None:
        if self.received is not None:
            storage.discard(self.received)


class _Counted:
    """Counts what was read and remembers its end: a form that was cut off looks complete to the parser."""

    def __init__(self, source: Source, *, is_hashed: bool) -> None:
        self._source = source
        self._end = b""
        self._digest = hashlib.sha256() if is_hashed else None
        self.size = 0

    @property
    def sha256(self) -> str:
        """Of everything that was read; empty where it was not to be hashed."""
        return self._digest.hexdigest() if self._digest else ""

    def read(self, size: int = BLOCK, /) -> bytes:
        data = self._source.read(size)
        self.size += len(data)
        self._end = (self._end + data[-END_MAX_BYTES:])[-END_MAX_BYTES:]
        if self._digest:
            self._digest.update(data)
        return data

    def ended_with(self, mark: bytes) -> bool:
        return self._end.rstrip(b"\r\n").endswith(mark)


class _Connection:
    """The body of the request; a connection that breaks is the sender's misfortune, not a bug."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def read(self, size: int, /) -> bytes:
        try:
            return self._source.read(size)
        except (UnreadablePostError, OSError) as error:
            raise storage.UploadRefused(
                "The connection broke before the whole package had arrived. Push it again.", code="upload-truncated"
            ) from error


def _source(request: HttpRequest) -> Source:
    """Django reads nothing of a body of unknown length; where the server marks its end, it can be read. A connection that
    breaks has such an end as well: it tells nothing about whether everything has arrived."""
    if _is_chunked(request) and request.META.get("wsgi.input_terminated"):
        return _Connection(request.META["wsgi.input"])
    return _Connection(request)


def _is_chunked(request: HttpRequest) -> bool:
    """Whether a body arrives whose length is not known beforehand."""
    return _announced(request) is None and "chunked" in request.headers.get("Transfer-Encoding", "").lower()


def _chunks(source: Source) -> Iterator[bytes]:
    while chunk := source.read(BLOCK):
        yield chunk


def _announced(request: HttpRequest) -> int | None:
    stated = request.META.get("CONTENT_LENGTH") or ""
    return int(stated) if stated.isascii() and stated.isdigit() else None


def _boundary(request: HttpRequest) -> bytes:
    boundary = (request.content_params or {}).get("boundary", "")
    if not MultiPartParser.boundary_re.fullmatch(boundary):
        raise ApiRefused(400, "form-unreadable", "The Content-Type of the form names no boundary that can be used.")
    return boundary.encode("ascii")


def _field(name: str, stream: LazyStream) -> str:
    value = stream.read(FIELD_MAX_BYTES + 1)
    if len(value) > FIELD_MAX_BYTES:
        raise ApiRefused(
            400, "form-unreadable", f"The field {name} of the form is longer than {FIELD_MAX_BYTES} bytes."
        )
    return _text(value)


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")
