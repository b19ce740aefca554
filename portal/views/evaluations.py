"""Every version that became known, and what it led to or why it led to nothing."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal.access import technical_projects
from portal.evaluations_page import lines_of, versions_seen
from portal.forms.filters import OfEvaluations
from portal.paging import page_of
from releases.models import Trigger


@require_GET
def evaluations(request: HttpRequest) -> HttpResponse:
    """Versions of this person's packages, newest first, each with what every trigger made of it."""
    projects = technical_projects(request.user)
    triggers = Trigger.objects.filter(project__in=projects).select_related("project")
    narrow = OfEvaluations(request.GET, projects.exclude(triggers=None), triggers)
    page = page_of(request, versions_seen(request.user, narrow))
    return render(request, "portal/evaluations.html", {"page": page, "lines": lines_of(page.rows), "filter": narrow})
