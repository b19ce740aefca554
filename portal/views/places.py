"""One project in one environment: what is live there, what comes next, both as Markdown, and a feed of what went live."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_safe

from deployments.models import LiveVersion
from portal.access import person
from portal.forms.places import WhichRelease
from portal.place_page import ComingPage, PlacePage
from projects.access import environment_of, get_project
from publishing import feeds, notes

MARKDOWN = "text/markdown; charset=utf-8"


@require_GET
def place(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """What is live there: since when, approved by whom, and what came with it. Nothing on it is technical."""
    page = _place(request, slug, environment)
    context = {"project": page.project, "environment": page.environment, "page": page, "holds": page.holds}
    return render(request, "portal/place.html", context)


@require_GET
def coming(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """What `?release=NUMBER` would bring there; without one, the newest release that is not live there."""
    page = _coming(request, slug, environment)
    which = WhichRelease(page.choices, page.release.number if page.release else "")
    context = {"project": page.project, "environment": page.environment, "page": page, "which": which}
    if page.release and not page.is_live:
        context["text"] = notes.rolled_up(page.release, page.environment, page.rollup)
    return render(request, "portal/coming.html", context)


@require_safe
def place_notes(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """The release notes of what is live there, as Markdown in the form of the stack's template."""
    page = _place(request, slug, environment)
    if page.standing is None:
        return _markdown(f"Nothing of {page.project} is live in {page.environment} yet.\n", page.project.slug)
    text = notes.rolled_up_live(page.standing.live, page.standing.brought)
    return _markdown(text, f"{page.project.slug}-{page.standing.release.number}")


@require_safe
def coming_notes(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """The same of what comes."""
    page = _coming(request, slug, environment)
    if page.release is None:
        return _markdown(f"No newer release of {page.project} is waiting for {page.environment}.\n", page.project.slug)
    text = notes.rolled_up(page.release, page.environment, page.rollup)
    return _markdown(text, f"{page.project.slug}-{page.release.number}")


@require_safe
def feed(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """What went live there, for a reader that shares the session of the browser."""
    project = get_project(request.user, slug)
    where = environment_of(project, environment)

    def entry(live: LiveVersion) -> str:
        release = reverse("portal:release", args=[live.project.slug, live.release.number])
        return request.build_absolute_uri(release)

    page = request.build_absolute_uri(reverse("portal:place", args=[slug, environment]))
    addresses = feeds.Addresses(request.build_absolute_uri(request.path), page, entry)
    return feeds.answer(request, project, where, addresses)


def _place(request: HttpRequest, slug: str, environment: str) -> PlacePage:
    project = get_project(request.user, slug)
    return PlacePage(project, environment_of(project, environment), person(request.user))


def _coming(request: HttpRequest, slug: str, environment: str) -> ComingPage:
    project = get_project(request.user, slug)
    return ComingPage(project, environment_of(project, environment), request.GET.get("release", ""))


def _markdown(text: str, name: str) -> HttpResponse:
    safe = "".join(character if character.isascii() and character.isalnum() else "-" for character in name)
    headers = {"Content-Disposition": f'attachment; filename="{safe}.md"'}
    return HttpResponse(text, content_type=MARKDOWN, headers=headers)
