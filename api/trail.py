"""The trail: who did what, when, from where."""

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from accounts.models import Event, Scope
from api import access
from api.auth import caller
from api.doors import door
from api.paging import Paging, page_of
from api.shapes.common import Page
from projects.access import Act

router = Router(tags=["Trail"])


class TrailFilter(Paging):
    project: str = Field("", max_length=100, description="The slug of a project: its lines and its components'.")


class EventShape(Schema):
    id: int
    at: datetime
    who: str
    verb: str
    subject: str
    project: str | None
    sentence: str
    data: dict[str, Any]
    address: str


@door(
    router, "GET", "/trail", scope=Scope.READ, answers={200: Page[EventShape]}, summary="Read the trail", refuses=(404,)
)
def trail(request: HttpRequest, wanted: Query[TrailFilter]) -> dict[str, Any]:
    """Newest first: the lines of the projects that you may look into. Lines about no project are for administrators."""
    who = caller(request)
    if wanted.project:
        project = access.project_of(who, wanted.project, Act.SEE_TECHNICAL)
        seen = access.projects_of(who, Act.SEE_TECHNICAL).filter(Q(pk=project.pk) | Q(parent=project.pk))
        rows = Event.objects.filter(project__in=seen)
    else:
        of_projects = Q(project__in=access.projects_of(who, Act.SEE_TECHNICAL))
        of_none = Q(project=None) if access.may_everywhere(who, Act.CONFIGURE) else Q(pk=None)
        rows = Event.objects.filter(of_projects | of_none)
    return page_of(request, rows.select_related("actor", "project"), _line, wanted, order=("-pk",))


def _line(event: Event) -> EventShape:
    return EventShape(
        id=event.pk,
        at=event.at,
        who=event.who,
        verb=event.verb,
        subject=event.subject_label,
        project=event.project.slug if event.project else None,
        sentence=event.sentence,
        data=event.data,
        address=event.address,
    )
