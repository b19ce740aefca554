"""Publications: which Confluence pages are kept up to date, and how each of them stands."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router
from pydantic import Field

from accounts.models import Scope
from api import access
from api.auth import caller
from api.doors import door
from api.paging import Paging, page_of
from api.shapes import publications as shapes
from api.shapes.common import Page, Word
from projects.access import Act
from publishing.confluence import state
from publishing.models import Publication

router = Router(tags=["Publications"])


class PublicationFilter(Paging):
    project: Word | None = Field(None, description="The slug of a stack, a component or a project on its own.")
    state: shapes.State | None = None


@door(
    router,
    "GET",
    "/publications",
    scope=Scope.READ,
    answers={200: Page[shapes.PublicationShape]},
    refuses=(404,),
    summary="List the Confluence pages that are kept up to date",
)
def publications(request: HttpRequest, wanted: Query[PublicationFilter]) -> dict[str, Any]:
    """Those of your projects. What exactly stands in the way of one is told to administrators."""
    who = caller(request)
    rows = state.publications_of(access.projects_of(who))
    if wanted.project is not None:
        rows = rows.filter(project=access.project_of(who, wanted.project))
    if wanted.state is not None:
        rows = rows.filter(state=wanted.state)
    configuring = set(access.projects_of(who, Act.CONFIGURE).values_list("pk", flat=True))

    def line(row: Publication) -> shapes.PublicationShape:
        return shapes.publication(row, technical=row.project_id in configuring)

    return page_of(request, rows, line, wanted, order=("key",))
