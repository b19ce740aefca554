"""Worker pools: who carries deployments out, and what waits for whom."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja import Router

from accounts.models import Scope
from api import access, addresses
from api.auth import caller
from api.doors import door
from api.shapes import pools as shapes
from api.shapes.common import Page
from deployments.pools import pools_for
from projects.access import NOT_TECHNICAL, Act

router = Router(tags=["Workers"])


@door(
    router,
    "GET",
    "/pools",
    scope=Scope.READ,
    answers={200: Page[shapes.PoolShape]},
    summary="List worker pools, their workers and their queues",
)
def pools(request: HttpRequest) -> dict[str, Any]:
    """Every pool in order of name: its environments, its workers with what they run, and the head of its queue in the
    order in which it is taken. Details of your projects only; what belongs to others is counted."""
    who = caller(request)
    projects = access.projects_of(who, Act.SEE_TECHNICAL)
    if not projects.exists() and not access.may_everywhere(who, Act.SEE_TECHNICAL):
        raise PermissionDenied(NOT_TECHNICAL)
    found = [shapes.pool(pool, lambda row: addresses.of_deployment(request, row)) for pool in pools_for(projects)]
    return {"items": found, "next": None}
