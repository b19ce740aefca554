"""A release to take away, as one tar that is made while it is sent."""

import logging
from collections.abc import Iterator

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router

from accounts.models import Scope
from api import access
from api.auth import caller
from api.doors import door
from projects.access import Act
from releases.bundle import Bundle, prepare

TAR = "application/x-tar"

logger = logging.getLogger(__name__)
router = Router(tags=["Releases"])


@door(
    router,
    "GET",
    "/projects/{slug:slug}/releases/{number}/bundle",
    scope=Scope.READ,
    answers={200: None},
    refuses=(409,),
    summary="Download a release to run it yourself",
    name="bundle",
    document={"responses": {200: {"content": {TAR: {"schema": {"type": "string", "format": "binary"}}}}}},
)
def bundle(request: HttpRequest, slug: str, number: str) -> StreamingHttpResponse:
    """A tar with exactly the packages of the release, checksums, and `run.sh`, which runs them in the order of the stages as
    the engine does. A download that is shorter than its Content-Length was broken off, because stored bytes are damaged."""
    found = prepare(access.release_of(caller(request), slug, number, Act.SEE_TECHNICAL))
    headers = {
        "Content-Length": str(found.size),
        "Content-Disposition": f'attachment; filename="{found.filename}"',
    }
    return StreamingHttpResponse(_sent(found), content_type=TAR, headers=headers)


def _sent(bundle: Bundle) -> Iterator[bytes]:
    """Whoever fetches it sees only that it was broken off; why is in the log of the server."""
    try:
        yield from bundle.stream()
    except Exception as error:
        logger.error("the download of %s was broken off: %s", bundle.filename, error)  # noqa: TRY400 - no bug of ours
        raise
