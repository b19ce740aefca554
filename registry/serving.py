"""A download as HTTP answers it, the same at both doors: whole or in part, from here, from the proxy or from the bucket."""

import base64

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header

from registry import ranges, storage
from registry.models import Attachment, PackageVersion
from registry.ranges import Span
from registry.refusals import RegistryRefused
from registry.storage import ArtifactDamaged, ArtifactMissing

TYPE = "application/octet-stream"
JSON = "application/json"


class VersionRemoved(RegistryRefused):
    """Its bytes were removed to make room. It stays on record."""

    code = "version-removed"


class RangeNotSatisfiable(RegistryRefused):
    """Nothing of what was asked for is there."""

    code = "range-not-satisfiable"

    def __init__(self, size: int) -> None:
        super().__init__(f"The package has {size:,} bytes, and the part that was asked for lies beyond them.")
        self.headers = {"Content-Range": ranges.unsatisfied(size), "Accept-Ranges": ranges.UNIT}


def download(request: HttpRequest, version: PackageVersion) -> HttpResponseBase:
    """The bytes as they were pushed, to GET and HEAD. The ETag is their SHA-256; Range and If-Range are followed.

    Raises VersionRemoved, ArtifactDamaged, RangeNotSatisfiable, StorageAway.
    """
    _refuse_removed(version)
    artifact = version.bytes
    etag = f'"{artifact.sha256}"'
    if unchanged := get_conditional_response(request, etag=etag):
        unchanged.headers["ETag"] = etag  # (RFC 9110 §15.4.5)
        return unchanged
    if artifact.problem:
        raise ArtifactDamaged(
            f"The stored bytes of {version} are {artifact.get_problem_display().lower()}. Push the same package again to"
            " restore them."
        )
    answer = _answer(request, version, _span(request, artifact.size, etag))
    for name, value in _headers(version, etag).items():
        answer.headers[name] = value
    return answer


def attachment(request: HttpRequest, found: Attachment) -> HttpResponseBase:
    """What was attached to a version, as a file. Raises ArtifactMissing, StorageAway."""
    etag = f'"{found.artifact.sha256}"'
    if unchanged := get_conditional_response(request, etag=etag):
        return unchanged
    try:
        stream = storage.stream(found.artifact.sha256)
    except ArtifactMissing:
        raise ArtifactMissing(
            f"The stored bytes of {found} are missing. Attach the same file again to restore it."
        ) from None
    headers = {
        "ETag": etag,
        "Content-Type": JSON,
        "Content-Length": str(found.artifact.size),
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=found.filename) or "attachment",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingHttpResponse(stream, headers=headers)


def _refuse_removed(version: PackageVersion) -> None:
    if version.removed_at is not None:
        raise VersionRemoved(
            f"The bytes of {version} were removed on {version.removed_at:%d %B %Y} (“{version.removed_reason}”). Push the"
            " same package again to bring them back."
        )


def _span(request: HttpRequest, size: int, etag: str) -> Span | None:
    """The part that is asked for; None: everything. Only for GET is there such a thing (RFC 9110 §14.2)."""
    if request.method != "GET" or not ranges.is_current(request.headers.get("If-Range"), etag):
        return None
    try:
        return ranges.span_of(request.headers.get("Range"), size)
    except ranges.NotSatisfiable:
        raise RangeNotSatisfiable(size) from None


def _answer(request: HttpRequest, version: PackageVersion, span: Span | None) -> HttpResponseBase:
    sha256, size = version.bytes.sha256, version.bytes.size
    if settings.PACKAGES_ACCEL_PREFIX and not storage.elsewhere():
        _refuse_missing(version)
        return HttpResponse(headers={"X-Accel-Redirect": settings.PACKAGES_ACCEL_PREFIX + storage.name_of(sha256)})
    if request.method == "HEAD":
        _refuse_missing(version)
        return HttpResponse(headers={"Content-Length": str(size)})
    if settings.PACKAGES_REDIRECT and (address := storage.address(sha256, _disposition(version))):
        return HttpResponseRedirect(address)
    try:
        stream = storage.stream(sha256, span.start, span.length) if span else storage.stream(sha256, 0, size)
    except ArtifactMissing:
        raise _missing(version) from None
    if span is None:
        return StreamingHttpResponse(stream, headers={"Content-Length": str(size)})
    part = {"Content-Length": str(span.length), "Content-Range": span.content_range(size)}
    return StreamingHttpResponse(stream, status=206, headers=part)


def _headers(version: PackageVersion, etag: str) -> dict[str, str]:
    """Repr-Digest: of the whole, also where a part is answered (RFC 9530 §3)."""
    digest = base64.b64encode(bytes.fromhex(version.bytes.sha256)).decode()
    return {
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{digest}:",
        "Accept-Ranges": ranges.UNIT,
        "Content-Type": TYPE,
        "Content-Disposition": _disposition(version),
        "Cache-Control": "private, no-cache",
    }


def _disposition(version: PackageVersion) -> str:
    filename = version.filename or f"{version.package.name}.{version.version}"
    return content_disposition_header(as_attachment=True, filename=filename) or "attachment"


def _refuse_missing(version: PackageVersion) -> None:
    if not storage.holds(version.bytes.sha256):
        raise _missing(version)


def _missing(version: PackageVersion) -> ArtifactMissing:
    return ArtifactMissing(f"The stored bytes of {version} are missing. Push the same package again to restore them.")
