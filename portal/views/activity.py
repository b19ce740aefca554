"""The trail: who did what, when."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.backends import is_administrator
from accounts.models import User
from portal.access import events_of
from portal.forms.filters import OfActivity
from portal.paging import page_of
from projects.access import projects_for


@require_GET
def activity(request: HttpRequest) -> HttpResponse:
    """Everything that happened in this person's projects, newest first."""
    events = events_of(request.user)
    people = User.objects.filter(pk__in=events.order_by().values("actor")).order_by("username")
    narrow = OfActivity(request.GET, projects_for(request.user), people)
    if project := narrow.chosen("project"):
        events = events.filter(project=project)
    if who := narrow.chosen("who"):
        events = events.filter(actor=who)
    context = {"page": page_of(request, events), "filter": narrow, "shows_addresses": is_administrator(request.user)}
    return render(request, "portal/activity.html", context)
