"""Holds: what keeps new deployments from starting, putting one, releasing one."""

from typing import Any

from django.http import HttpRequest
from ninja import Body, Query, Router, Status
from pydantic import Field

from accounts.models import Scope
from api import access
from api.auth import caller
from api.doors import door
from api.paging import Paging, page_of
from api.shapes import holds as shapes
from api.shapes.common import Page
from api.shapes.releases import MaybeReasonAsked
from deployments import holds as verbs
from deployments import on_hold

router = Router(tags=["Holds"])

NOTHING_STATED = MaybeReasonAsked()  # the body may be left out


class HoldFilter(Paging):
    standing: bool | None = Field(None, description="true: only those that stand; false: only those released.")


@door(
    router,
    "GET",
    "/holds",
    scope=Scope.READ,
    answers={200: Page[shapes.HoldShape]},
    summary="List holds",
)
def holds(request: HttpRequest, wanted: Query[HoldFilter]) -> dict[str, Any]:
    """Those that concern your projects, newest first, released ones included."""
    rows = on_hold.record_of(access.projects_of(caller(request)))
    if wanted.standing is not None:
        rows = rows.filter(released_at__isnull=wanted.standing)
    return page_of(request, rows, shapes.hold, wanted, order=("-pk",))


@door(
    router,
    "POST",
    "/holds",
    scope=Scope.DEPLOY,
    answers={201: shapes.HoldShape},
    refuses=(404, 409, 422),
    summary="Put something on hold",
)
def put(request: HttpRequest, asked: shapes.HoldAsked) -> Status[Any]:
    """One project, one environment, both or everything: new deployments wait, what runs goes on to its end. Takes a release
    manager's grant that covers all of it, and for every project a token that is not for one."""
    who = caller(request)
    project = access.project_of(who, asked.project) if asked.project is not None else None
    environment = access.environment_of(who, asked.environment) if asked.environment is not None else None
    access.refuse_beyond_token(who, project)
    row = verbs.hold(project, environment, by=who.user, reason=asked.reason)
    return Status(201, shapes.hold(row))


@door(
    router,
    "POST",
    "/holds/{int:pk}/release",
    scope=Scope.DEPLOY,
    answers={200: shapes.HoldShape},
    refuses=(409,),
    summary="Release a hold",
)
def release(request: HttpRequest, pk: int, asked: Body[MaybeReasonAsked] = NOTHING_STATED) -> shapes.HoldShape:
    """What waited for it starts at once."""
    who = caller(request)
    found = access.hold_of(who, pk)
    access.refuse_beyond_token(who, found.project)
    return shapes.hold(verbs.release_hold(found, by=who.user, reason=asked.reason))
