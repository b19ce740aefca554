"""What was live in an environment, from when until when."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from deployments import on_hold
from deployments.history import live_history
from portal.access import environment_of, environments_of
from portal.forms.filters import ByProject
from portal.paging import page_of
from projects.access import Act, projects_for, reach_of
from releases.contents import entries_of


@require_GET
def environments(request: HttpRequest) -> HttpResponse:
    """The environments of this person's projects, and which of them are on hold as a whole."""
    environments = list(environments_of(request.user))
    holds = on_hold.standing_over(projects_for(request.user))
    whole = {hold.environment_id for hold in holds if hold.project_id is None}
    context = {
        "environments": environments,
        "holds": holds,
        "held": [place for place in environments if None in whole or place.pk in whole],
        "may_hold": not reach_of(request.user, Act.MANAGE).is_empty,
    }
    return render(request, "portal/environments.html", context)


@require_GET
def history(request: HttpRequest, slug: str) -> HttpResponse:
    """Every release that was live there, newest first, with what its manifest names."""
    environment, projects = environment_of(request.user, slug), projects_for(request.user)
    narrow = ByProject(request.GET, projects)
    project = narrow.chosen("project")
    page = page_of(request, live_history(environment, [project] if project else projects))
    entries = entries_of(live.release_id for live in page.rows)
    lines = [(live, entries.get(live.release_id, [])) for live in page.rows]
    context = {"environment": environment, "page": page, "lines": lines, "filter": narrow, "project": project}
    return render(request, "portal/history.html", context)
