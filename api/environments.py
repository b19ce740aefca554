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
    """From when until when which release of which project was live there, newest first."""
    who = caller(request)
    environment = access.environment_of(who, slug)
    rows = live_history(environment, access.projects_of(who))
    return paging.page_of(request, rows, shapes.live, paged, order=("-from_at", "-pk"))
