"""A stack, a component, or a project on its own: what is where, and its releases."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal.access import person
from portal.paging import page_of
from portal.project_page import ProjectPage
from projects.access import get_project

RELEASES_SHOWN = 20


@require_GET
def project(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_project(request.user, slug)
    page = ProjectPage(found, person(request.user))
    releases = page_of(request, found.releases.select_related("created_by"), RELEASES_SHOWN)
    template = "portal/component.html" if found.parent_id else "portal/stack.html"
    context = {"project": found, "page": page, "releases": releases, "lines": page.lines_of(releases.rows)}
    context["holds"] = page.holds
    return render(request, template, context)
