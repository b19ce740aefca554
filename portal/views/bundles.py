"""A release to run oneself: what the download holds, and the commands that fetch and run it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from projects.access import Act, get_project
from registry.refusals import RegistryRefused
from releases import bundle
from releases.actions import ReleaseRefused
from releases.models import Release


@require_GET
def run_it_yourself(request: HttpRequest, slug: str, number: str) -> HttpResponse:
    project = get_project(request.user, slug, act=Act.SEE_TECHNICAL)
    found = project.releases.filter(number=number).first() if number.isprintable() else None
    if found is None:
        raise Http404(f"{project} has no release {number}.")
    found.project = project
    context = {"release": found, "environments": project.track.environments(), **_contents(found)}
    address = reverse("api:bundle", args=[slug, number])
    context |= {"download": address, "address": request.build_absolute_uri(address)}
    context["api"] = request.build_absolute_uri("/api/v1")
    return render(request, "portal/run_it_yourself.html", context)


def _contents(release: Release) -> dict[str, object]:
    try:
        prepared = bundle.prepare(release)
    except (ReleaseRefused, RegistryRefused) as refusal:
        return {"refusal": refusal.sentence}
    return {"bundle": prepared, "blanks": bundle.blanks(release)}
