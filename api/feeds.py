"""Outside stores: how they are, what is newest there, and what a release needs from them."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from ninja import Router

from accounts.models import Scope
from api import access
from api.auth import Caller, caller
from api.doors import door
from api.shapes import feeds as shapes
from api.shapes.common import Page
from deployments import stores
from projects.access import NOT_TECHNICAL, Act, may
from registry import outside
from registry.models import Feed
from releases import needs

router = Router(tags=["Outside stores"])


@door(
    router,
    "GET",
    "/feeds",
    scope=Scope.READ,
    answers={200: Page[shapes.FeedShape]},
    summary="List the outside stores",
)
def feeds(request: HttpRequest) -> dict[str, Any]:
    """Those that your projects depend on, in order of name."""
    return _all(shapes.feed(line) for line in stores.feeds_for(_view(caller(request))))


@door(
    router,
    "GET",
    "/feeds/{slug}/packages",
    scope=Scope.READ,
    answers={200: Page[shapes.OutsidePackageShape]},
    summary="List what is looked up in an outside store",
)
def packages(request: HttpRequest, slug: str) -> dict[str, Any]:
    """The newest version of each package there, beside what is deployed."""
    view = _view(caller(request))
    return _all(shapes.package(line) for line in stores.lines_of(view, _feed(view, slug)))


@door(
    router,
    "POST",
    "/feeds/{slug}/ask",
    scope=Scope.RELEASE,
    answers={200: Page[shapes.OutsidePackageShape]},
    summary="Look everything up again now",
)
def ask(request: HttpRequest, slug: str) -> dict[str, Any]:
    """A worker asks the store within seconds, instead of when the turn comes. Answers with what is known until then."""
    view = _view(caller(request))
    outside.ask_soon(stores.packages_of(view, _feed(view, slug)))
    return packages(request, slug)


@door(
    router,
    "GET",
    "/projects/{slug}/releases/{number}/needs",
    scope=Scope.READ,
    answers={200: Page[shapes.NeedShape]},
    summary="List what a release needs from outside stores",
)
def needed(request: HttpRequest, slug: str, number: str) -> dict[str, Any]:
    """Every component of its manifests that a store is named for, and whether it was there when it was last looked for."""
    who = caller(request)
    found = access.release_of(who, slug, number)
    technical = may(who.user, Act.SEE_TECHNICAL, found.project)
    return _all(shapes.need(need, technical=technical) for need in needs.needs_of(found))


@door(
    router,
    "POST",
    "/projects/{slug}/releases/{number}/needs/ask",
    scope=Scope.RELEASE,
    answers={200: Page[shapes.NeedShape]},
    summary="Look again now for what a release needs",
)
def ask_needed(request: HttpRequest, slug: str, number: str) -> dict[str, Any]:
    """A worker asks the stores within seconds, instead of when the turn comes. Answers with what is known until then."""
    needs.ask_again(access.release_of(caller(request), slug, number, Act.SEE_TECHNICAL))
    return needed(request, slug, number)


def _all(found: Any) -> dict[str, Any]:
    return {"items": list(found), "next": None}


def _view(who: Caller) -> stores.View:
    projects = access.projects_of(who, Act.SEE_TECHNICAL)
    everything = access.may_everywhere(who, Act.SEE_TECHNICAL)
    if not projects.exists() and not everything:
        raise PermissionDenied(NOT_TECHNICAL)
    return stores.View(projects, everything)


def _feed(view: stores.View, slug: str) -> Feed:
    found = stores.feed_for(view, slug) if slug.isprintable() else None
    if found is None:
        raise Http404(f"There is no store “{slug}”, or none of your projects depends on it.")
    return found
