"""The outside stores that releases depend on: how they are, and what is newest there."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from deployments import stores
from portal.access import technical_projects
from portal.posting import posted_from
from projects.access import Act, environments_of, may_everywhere
from registry import outside
from registry.models import Feed


@require_GET
def feeds(request: HttpRequest) -> HttpResponse:
    """Every outside store with its health."""
    return render(request, "portal/feeds.html", {"lines": stores.feeds_for(_view(request))})


@require_GET
def feed(request: HttpRequest, slug: str) -> HttpResponse:
    """One outside store: the newest versions beside the deployed ones."""
    view = _view(request)
    found = _feed(view, slug)
    context = {"feed": found, "lines": stores.lines_of(view, found), "environments": environments_of(view.projects)}
    return render(request, "portal/feed.html", context)


@posted_from("portal:feed")
def ask(request: HttpRequest, slug: str) -> HttpResponse:
    """Look everything up again now, instead of when its turn comes."""
    view = _view(request)
    found = _feed(view, slug)
    outside.ask_soon(stores.packages_of(view, found))
    if found.enabled:
        messages.success(request, f"{found} is asked again within seconds.")
    else:
        messages.error(request, f"{found} is switched off: an administrator has to enable it first.")
    return redirect("portal:feed", found.slug)


def _view(request: HttpRequest) -> stores.View:
    return stores.View(technical_projects(request.user), may_everywhere(request.user, Act.SEE_TECHNICAL))


def _feed(view: stores.View, slug: str) -> Feed:
    found = stores.feed_for(view, slug)
    if found is None:
        raise Http404("There is no such store, or none of your projects depends on it.")
    return found
