"""Environments and their history."""

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router

from accounts.models import Scope
from api import access, paging
from api.auth import caller
from api.doors import door
from api.paging import Paging
from api.shapes import projects as shapes
from api.shapes.common import Page
from deployments.history import live_history
from releases.contents import entries_of

router = Router(tags=["Environments"])


@door(
    router,
    "GET",
    "/environments",
    scope=Scope.READ,
    answers={200: Page[shapes.EnvironmentShape]},
    summary="List environments",
)
def environments(request: HttpRequest, paged: Query[Paging]) -> dict[str, Any]:
    """Those that your projects go through, in order of display."""
    rows = access.environments_of(caller(request))
    return paging.page_of(request, rows, shapes.environment, paged, order=("position", "name"))


@door(
    router,
    "GET",
    "/environments/{slug:slug}/history",
    scope=Scope.READ,
    answers={200: Page[shapes.LiveShape]},
    summary="Show what was live in an environment",
)
def history(request: HttpRequest, slug: str, paged: Query[Paging]) -> dict[str, Any]:
    """From when until when which release of which project was live there, with what its manifest names; newest first."""
    who = caller(request)
    environment = access.environment_of(who, slug)
    rows = live_history(environment, access.projects_of(who))
    page = paging.page_of(request, rows, lambda row: row, paged, order=("-from_at", "-pk"))
    entries = entries_of(row.release_id for row in page["items"])
    return page | {"items": [shapes.live(row, entries.get(row.release_id, [])) for row in page["items"]]}
