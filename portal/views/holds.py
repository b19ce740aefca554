"""What is on hold and was; putting something on hold, and releasing it."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from deployments import holds as verbs
from deployments import on_hold
from deployments.actions import DeploymentRefused
from portal.access import environments_of, hold_of, person
from portal.forms.fields import posted
from portal.forms.holds import HoldForm, ReleaseForm
from portal.holds_page import lines_for
from portal.paging import page_of
from projects.access import Act, Reach, projects_for, reach_of
from projects.models import Project

NOT_A_MANAGER = "Only a release manager puts something on hold. Ask an administrator for the role."


@require_GET
def holds(request: HttpRequest) -> HttpResponse:
    """Those that stand over this person's projects; below, those that were released, newest first."""
    user = person(request.user)
    reach = reach_of(user, Act.MANAGE)
    released = on_hold.record_of(projects_for(user)).exclude(released_at=None)
    context = {
        "standing": lines_for(user, reach),
        "page": page_of(request, released),
        "may_hold": not reach.is_empty,
    }
    return render(request, "portal/holds.html", context)


@require_http_methods(["GET", "POST"])
def put(request: HttpRequest) -> HttpResponse:
    """Put something on hold; `?project=SLUG` and `?environment=SLUG` say beforehand what."""
    user = person(request.user)
    reach = reach_of(user, Act.MANAGE)
    if reach.is_empty:
        raise PermissionDenied(NOT_A_MANAGER)
    form = _form(request, reach)
    if form.is_valid():
        try:
            given = form.cleaned_data
            row = verbs.hold(given["project"], given["environment"], by=user, reason=given["reason"])
        except DeploymentRefused as refusal:
            form.add_error("environment" if refusal.code == "outside" else None, refusal.sentence)
        except PermissionDenied as refusal:  # each of the two is on offer, but not both together
            form.add_error(None, str(refusal))
        else:
            messages.success(request, f"{_capital(row.what)} is on hold. New deployments wait; what runs goes on.")
            return redirect("portal:holds")
    return render(request, "portal/put_hold.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
def release(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what would start, then lets it."""
    hold, user = hold_of(request.user, pk), person(request.user)
    form = ReleaseForm(posted(request))
    if form.is_valid():
        try:
            verbs.release_hold(hold, by=user, reason=form.cleaned_data["reason"])
        except DeploymentRefused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(request, f"The hold of {hold.what} is released: what waited starts now.")
            return redirect("portal:holds")
    waiting = on_hold.kept_by(hold).with_names().order_by("requested_at", "pk")
    context = {"hold": hold, "form": form, "waiting": list(waiting)}
    return render(request, "portal/release_hold.html", context, status=422 if form.is_bound else 200)


def _form(request: HttpRequest, reach: Reach) -> HoldForm:
    managed = projects_for(request.user, Act.MANAGE).exclude(kind=Project.Kind.COMPONENT)
    beforehand = {name: request.GET.get(name, "") for name in ("project", "environment")}
    return HoldForm(posted(request), managed, environments_of(request.user), reach, initial=beforehand)


def _capital(what: str) -> str:
    return what[:1].upper() + what[1:]
