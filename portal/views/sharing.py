"""The page of a stack for people without an account: switching it on and off, and the page itself.

Whoever has the link reads it, so that its answers name nothing technical, set no cookie, are kept by no cache and no search
engine, and tell no other site where a reader came from. Everything that is wrong with a link is answered alike.
"""

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from deployments.grid import build_grids
from deployments.models import LiveVersion
from lifecycles.models import Environment
from portal.access import person
from portal.context import zone
from portal.forms.fields import posted
from portal.forms.sharing import RENEW, SWITCH_OFF, SWITCH_ON, SharingForm
from projects.access import Act, get_project
from publishing import feeds, sharing
from publishing.models import SharedPage
from publishing.places import Place
from publishing.sharing import SharingRefused

HEADERS = {
    "Cache-Control": "private, no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
}
SAID = {
    SWITCH_ON: "Whoever has the link may read the page from now on.",
    SWITCH_OFF: "It is not shared any more: the link leads nowhere from now on.",
    RENEW: "There is a new link. The old one leads nowhere from now on.",
}

Shown = Callable[..., HttpResponse | None]


@require_http_methods(["GET", "POST"])
def settings(request: HttpRequest, slug: str) -> HttpResponse:
    """Whether and how a stack is shared, for its administrators."""
    project = get_project(request.user, slug, act=Act.CONFIGURE)
    form = SharingForm(posted(request))
    if request.method == "POST" and form.is_valid():
        by, do = person(request.user), form.cleaned_data["do"]
        try:
            if do == SWITCH_ON:
                sharing.switch_on(project, by=by, names_people=form.cleaned_data["names_people"])
            elif do == RENEW:
                sharing.renew(project, by=by)
            else:
                sharing.switch_off(project, by=by)
        except SharingRefused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(request, SAID[do])
            return redirect("portal:sharing", slug)
    found = sharing.sharing_of(project)
    if not form.is_bound:
        form = SharingForm(initial={"names_people": bool(found.page and found.page.names_people)})
    context = {"project": project, "sharing": found, "form": form}
    response = render(request, "portal/sharing.html", context, status=422 if form.errors else 200)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _by_link(view: Shown) -> Callable[..., HttpResponse]:
    """Lets a view answer whoever has the link of a page that is switched on. It gets the page for the token, and answers
    None for whatever is not there."""

    @login_not_required
    @require_safe
    @wraps(view)
    def answer(request: HttpRequest, token: str, **parts: str) -> HttpResponse:
        page = sharing.page_of(token)
        response = view(request, page, token, **parts) if page else None
        if response is None:
            response = HttpResponse(render_to_string("portal/shared_nothing.html"), status=404)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response

    return answer


@_by_link
def shared(request: HttpRequest, page: SharedPage, token: str) -> HttpResponse | None:
    """Which version is where."""
    return _rendered("portal/shared.html", page, token, grid=build_grids([page.project])[0])


@_by_link
def shared_place(request: HttpRequest, page: SharedPage, token: str, environment: str) -> HttpResponse | None:
    """What is live in one environment, and what it brought."""
    where = _environment(page, environment)
    if where is None:
        return None
    place = Place(page.project, where)
    return _rendered("portal/shared_place.html", page, token, environment=where, place=place)


@_by_link
def shared_feed(request: HttpRequest, page: SharedPage, token: str, environment: str) -> HttpResponse | None:
    """What went live there, for feed readers."""
    where = _environment(page, environment)
    if where is None:
        return None
    about = request.build_absolute_uri(reverse("portal:shared-place", args=[token, environment]))

    def entry(live: LiveVersion) -> str:
        return about

    addresses = feeds.Addresses(request.build_absolute_uri(request.path), about, entry)
    return feeds.answer(request, page.project, where, addresses)


def _environment(page: SharedPage, slug: str) -> Environment | None:
    return page.project.track.environment(slug)


def _rendered(template: str, page: SharedPage, token: str, **context: object) -> HttpResponse:
    """Without the request: nothing here asks who is signed in, and so nothing sets or varies by a cookie."""
    shown = {"page": page, "project": page.project, "token": token, "is_public": True, "zone": zone(), **context}
    return HttpResponse(render_to_string(template, shown))
