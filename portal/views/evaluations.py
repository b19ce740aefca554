"""Every push, and what it led to or why it led to nothing."""

from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from portal.access import packages_of, technical_projects
from portal.forms.filters import ByProject
from portal.paging import page_of
from registry.models import PackageVersion
from releases.models import TriggerEvaluation


@require_GET
def evaluations(request: HttpRequest) -> HttpResponse:
    """Pushes of this person's packages, newest first, each with what every trigger made of it."""
    projects = technical_projects(request.user)
    narrow = ByProject(request.GET, projects.exclude(triggers=None))
    project = narrow.chosen("project")
    seen = TriggerEvaluation.objects.filter(trigger__project__in=[project] if project else projects)
    led_to = seen.select_related("trigger__project", "release__project").order_by("pk")
    pushes = PackageVersion.objects.filter(package__in=packages_of(request.user)).select_related(
        "package", "published_by"
    )
    if project:
        pushes = pushes.filter(evaluations__trigger__project=project).distinct()
    page = page_of(request, pushes.prefetch_related(Prefetch("evaluations", led_to, to_attr="led_to")))
    return render(request, "portal/evaluations.html", {"page": page, "filter": narrow})
