"""What is running where: the first page, and its fragments that refresh themselves."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from deployments import on_hold
from deployments.grid import build_grids
from portal import first_steps
from portal.access import events_of
from projects.access import get_project, projects_for
from projects.models import Project

RECENT = 8


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """One grid per stack, what waits for this person (which the frame knows), and what happened last."""
    projects = projects_for(request.user)
    tops = projects.exclude(kind=Project.Kind.COMPONENT).select_related("lifecycle")
    stray = projects.filter(kind=Project.Kind.COMPONENT).exclude(parent__in=tops)
    holds = on_hold.standing_over(projects)
    return render(
        request,
        "portal/overview.html",
        {
            "holds": holds,
            "grids": build_grids(tops, holds=holds),
            "stray": stray,
            "events": events_of(request.user)[:RECENT],
            "steps": first_steps.steps_for(request.user, projects),
        },
    )


@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """The grid of one stack again, or 204 when it is still at the revision that the page shows."""
    slug = request.GET.get("stack", "")
    if not slug.isprintable():
        raise Http404("There is no such project.")
    project = get_project(request.user, slug)
    (grid,) = build_grids([project], holds=on_hold.standing_over_project(project))
    if grid.revision == request.GET.get("rev"):
        return HttpResponse(status=204)
    return render(request, "portal/_grid.html", {"grid": grid})
