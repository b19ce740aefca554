"""Two releases of one project side by side."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal.access import person
from portal.compare_page import ComparePage
from portal.forms.compare import CompareForm
from projects.access import get_project


@require_GET
def compare(request: HttpRequest, slug: str) -> HttpResponse:
    """What is different from `?from=NUMBER` to `?to=NUMBER`; without them: from what is live to the newest release."""
    project = get_project(request.user, slug)
    page = ComparePage(project, person(request.user), request.GET.get("from", ""), request.GET.get("to", ""))
    form = CompareForm(page.choices, page.sides)
    return render(request, "portal/compare.html", {"project": project, "page": page, "pair": form})
