"""Bills of materials and provenance statements of a version: attach, list, download."""

from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from ninja import Query, Router, Status

from accounts.models import Scope
from api import access, paging, upload
from api.auth import caller
from api.doors import door
from api.paging import Paging
from api.shapes import evidence as shapes
from api.shapes.common import Page
from api.upload import Stated
from projects.access import Act
from registry import documents, evidence, serving
from registry.documents import AttachmentRefused
from registry.models import Attachment
from registry.storage import Received, UploadRefused

router = Router(tags=["Packages"])

ATTACHMENTS = "/packages/{name}/versions/{version}/attachments"
JSON = "application/json"
BODY: dict[str, Any] = {
    JSON: {"schema": {}},
    upload.RAW: {"schema": {"type": "string", "format": "binary"}},
    upload.FORM: {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {"file": {"type": "string", "format": "binary"}, "filename": {"type": "string"}},
        }
    },
}
INCOMPLETE = {
    "upload-truncated": "Not all of the attachment arrived. Send it again.",
    "upload-empty": "The attachment is empty. Attach the finished document.",
}


@door(
    router,
    "POST",
    ATTACHMENTS,
    scope=Scope.PUSH,
    answers={200: shapes.AttachmentShape, 201: shapes.AttachmentShape},
    refuses=(409, 413, 422),
    summary="Attach a bill of materials or a provenance statement",
    name="attachments",
    document={"requestBody": {"required": True, "content": BODY}},
)
def attach(request: HttpRequest, name: str, version: str, filename: str = "") -> Status[Any]:
    """The body is the document itself, or a form with the field `file`: CycloneDX or SPDX as JSON, or in-toto attestations.
    Its kind is read from it.

    201: attached; 200: the same bytes were there already. It takes the same right as pushing the package.
    """
    who = caller(request)
    found = access.version_of(who, name, version)
    access.require_on_package(who, Act.PUSH, found.package.name)
    received, stated = _received(request, Stated(filename=filename))
    row, new = evidence.attach(found, received, stated.filename, who.user)
    return Status(201 if new else 200, shown(request, row))


def _received(request: HttpRequest, stated: Stated) -> tuple[Received, Stated]:
    """What is sent, whatever the sender calls its type: it is told by its content. Raises AttachmentRefused."""
    announced = request.headers.get("Content-Length", "")
    if announced.isascii() and announced.isdigit() and int(announced) > documents.MAX_BYTES + upload.HEADROOM:
        documents.check_size(int(announced))
    try:
        if request.content_type == upload.FORM:
            return upload.from_form(request, stated, _nothing_to_check)
        return upload.from_body(request), stated
    except UploadRefused as refusal:
        raise AttachmentRefused(INCOMPLETE.get(refusal.code, refusal.sentence), code=refusal.code) from refusal


def _nothing_to_check(stated: Stated) -> None:
    """The address has said everything that counts before the first byte."""


@door(
    router,
    "GET",
    ATTACHMENTS,
    scope=Scope.READ,
    answers={200: Page[shapes.AttachmentShape]},
    summary="List the attachments of a version",
    name="attachments",
)
def attachments(request: HttpRequest, name: str, version: str, paged: Query[Paging]) -> dict[str, Any]:
    """In the order in which they came."""
    rows = access.version_of(caller(request), name, version).attachments

    def line(row: Attachment) -> shapes.AttachmentShape:
        return shown(request, row)

    return paging.page_of(
        request, rows.select_related("artifact", "attached_by", "version__package"), line, paged, order=("pk",)
    )


@door(
    router,
    "GET",
    ATTACHMENTS + "/{int:pk}/download",
    scope=Scope.READ,
    answers={200: None},
    refuses=(409,),
    summary="Download an attachment",
    name="attachment",
    document={"responses": {200: {"content": {JSON: {"schema": {}}}}}},
)
def download(request: HttpRequest, name: str, version: str, pk: int) -> HttpResponseBase:
    """The bytes as they were sent. The ETag is their SHA-256."""
    holder = access.version_of(caller(request), name, version)
    found = holder.attachments.select_related("artifact", "version__package").filter(pk=pk).first()
    if found is None:
        raise Http404(f"{holder} has no attachment {pk}.")
    return serving.attachment(request, found)


def shown(request: HttpRequest, found: Attachment) -> shapes.AttachmentShape:
    """With the complete address of its bytes."""
    version = found.version
    address = reverse("api:attachment", args=[version.package.name, version.version, found.pk])
    return shapes.attachment_shape(found, request.build_absolute_uri(address))
