"""The delivery log of messages, and sending one again: for administrators."""

from typing import Any, Literal

from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest
from ninja import Query, Router
from pydantic import Field

from accounts.models import Scope
from api import access
from api.auth import Caller, caller
from api.doors import door
from api.paging import Paging, page_of
from api.shapes import messages as shapes
from api.shapes.common import Page, Word
from projects.access import Act
from publishing.messages import resending
from publishing.models import Delivery, DeliveryQuerySet

router = Router(tags=["Messages"])

NOT_AN_ADMINISTRATOR = "The delivery log of messages is for administrators. Ask one."


class DeliveryFilter(Paging):
    state: Literal["waiting", "sent", "given_up", "skipped"] | None = None
    channel: Word | None = Field(None, description="The slug of a channel.")
    person: Word | None = Field(None, description="The name of an account.")


@door(
    router,
    "GET",
    "/deliveries",
    scope=Scope.READ,
    answers={200: Page[shapes.DeliveryShape]},
    summary="List messages and what became of them",
)
def deliveries(request: HttpRequest, wanted: Query[DeliveryFilter]) -> dict[str, Any]:
    """Those about the projects that you administer, newest first; those about every project for who administers all."""
    rows = _deliveries_of(caller(request))
    if wanted.state is not None:
        rows = rows.filter(state=wanted.state)
    if wanted.channel is not None:
        rows = rows.filter(channel__slug=wanted.channel)
    if wanted.person is not None:
        rows = rows.filter(person__username=wanted.person)
    return page_of(request, rows, shapes.delivery, wanted, order=("-pk",))


@door(
    router,
    "POST",
    "/deliveries/{int:pk}/send-again",
    scope=Scope.RELEASE,
    answers={200: shapes.DeliveryShape},
    summary="Send a message again",
)
def send_again(request: HttpRequest, pk: int) -> shapes.DeliveryShape:
    """Whatever became of it; what waits is tried at once. It keeps its id, so that a receiver that has it can tell."""
    who = caller(request)
    found = _deliveries_of(who).filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no delivery {pk}, or it is about no project that you administer.")
    resending.send_again([found], by=who.user)
    return shapes.delivery(Delivery.objects.with_names().get(pk=pk))


def _deliveries_of(who: Caller) -> DeliveryQuerySet:
    administered = access.projects_of(who, Act.CONFIGURE)
    everywhere = access.may_everywhere(who, Act.CONFIGURE)
    if not everywhere and not administered.exists():
        raise PermissionDenied(NOT_AN_ADMINISTRATOR)
    about = Q(notice__project__in=administered)
    return Delivery.objects.with_names().filter(about | Q(notice__project=None) if everywhere else about)
