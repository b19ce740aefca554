"""A package on its way in: streamed from the connection to the disk while it is hashed, in constant memory, written once."""

from collections.abc import Iterator
from dataclasses import dataclass
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

from api.problems import ApiRefused
from registry import storage
from registry.storage import Received

CHUNK = 64 * 1024
FIELD_MAX_BYTES = 1024
HEADROOM = 64 * 1024  # what a form may hold besides the file
END_MAX_BYTES = 256  # a boundary has at most 200 bytes
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
    """Receive the body itself. Raises UploadRefused, and ApiRefused when the connection breaks."""
    source = _source(request)
    return storage.receive(_chunks(source), max_bytes=settings.PACKAGE_MAX_BYTES, expected_bytes=_announced(request))


def from_form(request: HttpRequest, stated: Stated) -> tuple[Received, Stated]:
    """Receive the one file of a form, and what its fields state over what the address stated.

    Read part by part as it arrives, instead of through `request.FILES`, which would write every byte twice.
    """
    announced = _announced(request)
    if announced is None:
        raise ApiRefused(
            400, "length-missing", "State the Content-Length of the form, or send the package as the body itself."
        )
    if announced > settings.PACKAGE_MAX_BYTES + HEADROOM:
        raise storage.UploadRefused(
            f"The form is larger than {settings.PACKAGE_MAX_BYTES:,} bytes. Make the package smaller, or ask the administrator"
            " to raise PACKAGE_MAX_BYTES.",
            code="upload-too-large",
        )
    source = _Counted(_source(request))
    boundary = _boundary(request)
    found = _Form()
    try:
        found.read(Parser(LazyStream(ChunkIter(cast(Any, source), CHUNK)), boundary))
        if source.size != announced or not source.ended_with(b"--" + boundary + b"--"):
            raise storage.UploadRefused(
                f"Only {source.size:,} of {announced:,} bytes of the form arrived, or its end is missing. Push the package"
                " again.",
                code="upload-truncated",
            )
        if found.received is None:
            raise ApiRefused(400, "file-missing", "The form has no file. Send the package as its field “file”.")
    except MultiPartParserError as error:
        found.forget()
        raise ApiRefused(400, "form-unreadable", "The form cannot be read. Send it as multipart/form-data.") from error
    except BaseException:
        found.forget()
        raise
    return found.received, Stated(
        name=found.fields.get("name", stated.name),
        version=found.fields.get("version", stated.version),
        filename=found.fields.get("filename", stated.filename or found.filename),
    )


class _Form:
    """The parts of a form, as they pass by."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
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
                self.fields[name] = _field(name, stream)
            else:
                raise ApiRefused(
                    400, "form-unreadable", f"The form has an unknown field “{name[:60]}”. Send file, name and version."
                )

    def _take(self, filename: str, stream: LazyStream) -> None:
        if self.received is not None:
            raise ApiRefused(400, "form-unreadable", "The form has more than one file. Push one package at a time.")
        self.filename = filename
        self.received = storage.receive(stream, max_bytes=settings.PACKAGE_MAX_BYTES)

    def forget(self) -> None:
        if self.received is not None:
            storage.discard(self.received)


class _Counted:
    """Counts what was read and remembers its end: a form that was cut off looks complete to the parser."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._end = b""
        self.size = 0

    def read(self, size: int = CHUNK, /) -> bytes:
        data = self._source.read(size)
        self.size += len(data)
        self._end = (self._end + data[-END_MAX_BYTES:])[-END_MAX_BYTES:]
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
    """Django reads nothing of a body of unknown length; the server says whether its end can be relied on."""
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    if chunked and _announced(request) is None and request.META.get("wsgi.input_terminated"):
        return _Connection(request.META["wsgi.input"])
    return _Connection(request)


def _chunks(source: Source) -> Iterator[bytes]:
    while chunk := source.read(CHUNK):
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
