"""One deployment: where it stands, its log as it is written, cancelling it, deciding how it goes on; and all of them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from deployments import actions, decisions, log, on_hold, policy, resolving
from deployments.actions import DeploymentRefused
from deployments.models import Deployment
from portal import log_page
from portal.access import deployment_of, environments_of, person
from portal.cancelling import consequences_of
from portal.deployment_page import DeploymentPage
from portal.forms.decisions import CancelForm, ResolveForm
from portal.forms.fields import posted
from portal.forms.filters import OfDeployments
from portal.numbers import number_of
from portal.paging import page_of
from portal.undecided import Undecided
from projects.access import Act, projects_for, require

STOP_POLLING = 286  # htmx's own status: swap this in, then ask no more


@require_GET
def deployments(request: HttpRequest) -> HttpResponse:
    """Everything that was asked for, newest first."""
    projects = projects_for(request.user)
    narrow = OfDeployments(request.GET, projects, environments_of(request.user))
    rows = Deployment.objects.with_names().filter(project__in=projects).tops()
    for field in ("project", "environment", "status"):
        if chosen := narrow.chosen(field):
            rows = rows.filter(**{field: chosen})
    context = {"page": page_of(request, rows), "filter": narrow, "holds": on_hold.standing_over(projects)}
    return render(request, "portal/deployments.html", context)


@require_GET
def deployment(request: HttpRequest, pk: int) -> HttpResponse:
    """The page of one deployment. `?from=N` shows its log from line N on."""
    row = deployment_of(request.user, pk)
    page = DeploymentPage(row, person(request.user), number_of(request.GET.get("from")))
    context = {"page": page, "deployment": row, "folds": page.folds, "holds": page.banner}
    return render(request, "portal/deployment.html", context)


@require_GET
def live(request: HttpRequest, pk: int) -> HttpResponse:
    """What of the page changes, or 204 while it is at the revision that the page shows. Log lines come by themselves."""
    row = deployment_of(request.user, pk)
    page = DeploymentPage(row, person(request.user))
    if page.revision == request.GET.get("rev"):
        return HttpResponse(status=204)
    return render(request, "portal/_deployment.html", {"page": page, "deployment": row, "folds": page.bare_folds})


@require_GET
def log_lines(request: HttpRequest, pk: int) -> HttpResponse:
    """The lines after `?after=N`: 204 while there are none, 286 with the last ones when no more will come."""
    row = deployment_of(request.user, pk, Act.SEE_TECHNICAL)
    stretch = log_page.after(row, number_of(request.GET.get("after")))
    if not stretch.rows and not stretch.ended:
        return HttpResponse(status=204)
    context = {"stretch": stretch, "deployment": row, "anchor": request.GET.get("anchor") == "train"}
    return render(request, "portal/_log_lines.html", context, status=STOP_POLLING if stretch.ended else 200)


@require_GET
def log_raw(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The whole log as plain text, as it is stored; `?download=1` as a file."""
    row = deployment_of(request.user, pk, Act.SEE_TECHNICAL)
    response = StreamingHttpResponse(log.text_of(row), content_type="text/plain; charset=utf-8")
    if request.GET.get("download"):
        name = f"{row.project.slug}-{row.release.argument}-{row.environment.slug}-{row.pk}.log"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what cancelling would do, then does it."""
    row, user = deployment_of(request.user, pk), person(request.user)
    if not policy.why_not_cancellable(row):
        require(user, policy.act_to_cancel(row, user), row.project, row.environment)
    form = CancelForm(posted(request), consequences_of(row))
    if form.is_valid():
        stop, reason = form.cleaned_data["running"] == "stop", form.cleaned_data["reason"]
        try:
            row = actions.cancel(row, by=user, stop_running=stop, reason=reason)
        except DeploymentRefused as refusal:
            form.add_error(None, refusal.sentence)
        else:
            messages.success(request, _cancelled(row))
            return redirect("portal:deployment", pk)
    context = {"deployment": row, "form": form, "consequences": consequences_of(row)}
    return render(request, "portal/cancel.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
def resolve(request: HttpRequest, pk: int) -> HttpResponse:
    """A script waits for a person, who says what became of it or how it goes on."""
    row, user = deployment_of(request.user, pk, Act.MANAGE), person(request.user)
    stop = Undecided(row, user)
    form = ResolveForm(stop.decisions, posted(request))
    if form.is_valid():
        given = form.cleaned_data
        try:
            decided = resolving.resolve(row, given["decision"], by=user, reason=given["reason"], sure=given["sure"])
        except DeploymentRefused as refusal:
            form.refuse(refusal)
            stop = Undecided(deployment_of(user, pk), user)  # somebody else may have decided meanwhile
        else:
            messages.success(request, _decided(decided))
            return redirect("portal:deployment", row.parent_id or pk)
    context = {"deployment": stop.deployment, "form": form, "stop": stop}
    return render(request, "portal/resolve.html", context, status=422 if form.is_bound else 200)


def _decided(row: Deployment) -> str:
    if decisions.proposal_stands(row):
        return f"You have marked {row} as succeeded. It counts once somebody else has confirmed it."
    return f"Your decision on {row} is on record."


def _cancelled(row: Deployment) -> str:
    if row.is_final:
        return f"{row} is cancelled."
    stops = "what runs is being stopped" if row.cancel_stops_running else "what runs goes on to its end"
    return f"{row} is being cancelled: what has not started is dropped, {stops}."
