"""Deployments: follow, approve, reject, cancel, resolve, read the log."""

from typing import Any

from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase
from ninja import Body, Query, Router
from pydantic import Field

from accounts.models import Scope
from api import access, addresses, patience
from api.auth import caller
from api.doors import door
from api.paging import Paging, page_of
from api.problems import ApiRefused
from api.shapes import deployments as shapes
from api.shapes.common import Page
from api.shapes.releases import blocker
from deployments import actions, decisions, log, policy, pools, resolving
from deployments.decisions import Decision
from deployments.models import WAITING, Deployment, Status
from deployments.waiting import undecided_for, waiting_for
from projects.access import Act, may

router = Router(tags=["Deployments"])

DEPLOYMENT = "/deployments/{int:pk}"
LOG_LINES_MAX = 5000
NOTHING_STATED = shapes.CancelAsked()  # the body may be left out
PLAIN = "text/plain; charset=utf-8"


class DeploymentFilter(Paging):
    project: str = Field("", max_length=100, description="The slug of a project.")
    environment: str = Field("", max_length=100, description="The slug of an environment.")
    status: Status | None = Field(None, description="One status.")


@door(
    router,
    "GET",
    "/deployments",
    scope=Scope.READ,
    answers={200: Page[shapes.DeploymentLine]},
    summary="List deployments",
    refuses=(404,),
    name="deployments",
)
def deployments(request: HttpRequest, wanted: Query[DeploymentFilter]) -> dict[str, Any]:
    """Newest first, those of the components inside a stack's included (they name their `parent`)."""
    who = caller(request)
    rows = Deployment.objects.with_names().filter(project__in=access.projects_of(who))
    if wanted.project:
        rows = rows.filter(project=access.project_of(who, wanted.project))
    if wanted.environment:
        rows = rows.filter(environment=access.environment_of(who, wanted.environment))
    if wanted.status:
        rows = rows.filter(status=wanted.status)
    return page_of(request, rows, lambda row: _line(request, row), wanted, order=("-pk",))


@door(
    router,
    "GET",
    DEPLOYMENT,
    scope=Scope.READ,
    answers={200: shapes.DeploymentShape},
    summary="Show a deployment, or wait for its next status",
    name="deployment",
)
def deployment(request: HttpRequest, pk: int, wait: Query[int] = 0) -> shapes.DeploymentShape:
    """Plan, gates, approvals, components, and what it waits for.

    With `wait` it answers when the status changes, at once when it is final, and at the latest after so many seconds
    (at most 60). A waiting request occupies a thread of the server: when several wait already, the next is answered
    at once, so look at `is_final` and ask again after a pause.
    """
    found = access.deployment_of(caller(request), pk)
    if wait > 0 and not found.is_final:
        patience.wait_for_change(found, seconds=wait)
        found = access.deployment_of(caller(request), pk)
    return shown(request, found)


@door(
    router,
    "POST",
    f"{DEPLOYMENT}/approve",
    scope=Scope.APPROVE,
    answers={200: shapes.DeploymentShape},
    refuses=(409,),
    summary="Approve a deployment",
)
def approve(request: HttpRequest, pk: int, asked: shapes.ApprovalAsked) -> shapes.DeploymentShape:
    """Of the plan with this fingerprint: a plan that has changed since is refused (409), and shown anew by the next GET."""
    who = caller(request)
    found = access.deployment_of(who, pk)
    actions.approve(found, by=who.user, fingerprint=asked.fingerprint, comment=asked.comment)
    return shown(request, access.deployment_of(who, pk))


@door(
    router,
    "POST",
    f"{DEPLOYMENT}/reject",
    scope=Scope.APPROVE,
    answers={200: shapes.DeploymentShape},
    refuses=(409, 422),
    summary="Reject a deployment",
)
def reject(request: HttpRequest, pk: int, asked: shapes.RejectionAsked) -> shapes.DeploymentShape:
    """One rejection ends the request. It takes a comment."""
    who = caller(request)
    found = access.deployment_of(who, pk)
    actions.reject(found, by=who.user, fingerprint=asked.fingerprint, comment=asked.comment)
    return shown(request, access.deployment_of(who, pk))


@door(
    router,
    "POST",
    f"{DEPLOYMENT}/withdraw-approval",
    scope=Scope.APPROVE,
    answers={200: shapes.DeploymentShape},
    refuses=(409,),
    summary="Take an approval back",
)
def withdraw_approval(request: HttpRequest, pk: int) -> shapes.DeploymentShape:
    """One's own, as long as the deployment has not started."""
    who = caller(request)
    actions.withdraw_approval(access.deployment_of(who, pk), by=who.user)
    return shown(request, access.deployment_of(who, pk))


@door(
    router,
    "POST",
    f"{DEPLOYMENT}/cancel",
    scope=Scope.DEPLOY,
    answers={200: shapes.DeploymentShape},
    refuses=(409,),
    summary="Cancel a deployment",
)
def cancel(request: HttpRequest, pk: int, asked: Body[shapes.CancelAsked] = NOTHING_STATED) -> shapes.DeploymentShape:
    """What has not started is dropped; what runs goes on to its end unless `stop_running` says otherwise."""
    who = caller(request)
    found = access.deployment_of(who, pk)
    actions.cancel(found, by=who.user, stop_running=asked.stop_running, reason=asked.reason)
    return shown(request, access.deployment_of(who, pk))


@door(
    router,
    "POST",
    f"{DEPLOYMENT}/resolve",
    scope=Scope.DEPLOY,
    answers={200: shapes.DeploymentShape},
    refuses=(409, 422),
    summary="Decide how a deployment that waits for a person goes on",
)
def resolve(request: HttpRequest, pk: int, asked: shapes.ResolveAsked) -> shapes.DeploymentShape:
    """Its outcome is unknown, or a step of it has failed where the environment asks for a person then.

    `decisions` of the deployment says what may be decided, and what that takes. Where the environment asks for a second
    pair of eyes, `succeeded` is only a proposal (`mark_proposed`) until another account states the same.
    """
    who = caller(request)
    found = access.deployment_of(who, pk)
    resolving.resolve(found, asked.decision, by=who.user, reason=asked.reason, sure=asked.sure)
    return shown(request, access.deployment_of(who, pk))


@door(
    router,
    "GET",
    f"{DEPLOYMENT}/log",
    scope=Scope.READ,
    answers={200: shapes.LogShape},
    refuses=(409,),
    summary="Read the log of a deployment",
    document={"responses": {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}},
)
def deployment_log(
    request: HttpRequest, pk: int, after: Query[int] = 0, limit: Query[int] = 1000
) -> HttpResponseBase | shapes.LogShape:
    """As plain text, whole; a stack's is its components' logs one after the other.

    With `Accept: application/json`: up to `limit` lines after line number `after`, of one component.
    """
    found = access.deployment_of(caller(request), pk, Act.SEE_TECHNICAL)
    if request.get_preferred_type(["text/plain", "application/json"]) != "application/json":
        return StreamingHttpResponse(log.text_of(found), content_type=PLAIN)
    if found.project.is_stack:
        raise ApiRefused(
            409, "no-log", f"{found} has no lines of its own: read the logs of its components (`children`)."
        )
    return shapes.log_page(log.read(found, after=max(after, 0), limit=min(max(limit, 1), LOG_LINES_MAX)))


@door(
    router,
    "GET",
    "/waiting",
    scope=Scope.READ,
    answers={200: Page[shapes.DeploymentLine]},
    summary="List what waits for you",
)
def waiting(request: HttpRequest) -> dict[str, Any]:
    """What cannot go on until this account decides (`resolve`), then the requests that it may approve; oldest first."""
    who = caller(request)
    seen = set(access.projects_of(who).values_list("pk", flat=True)) if who.is_limited else None
    rows = [*undecided_for(who.user), *waiting_for(who.user)]
    found = [row for row in rows if seen is None or row.project_id in seen]
    return {"items": [_line(request, row) for row in found], "next": None}


def shown(request: HttpRequest, found: Deployment) -> shapes.DeploymentShape:
    """Everything about one deployment."""
    children = Deployment.objects.with_names().filter(parent=found).order_by("stage", "project__position", "pk")
    is_waiting = found.status in WAITING
    blockers = policy.why_not_deployable(found.release, found.environment, deployment=found) if is_waiting else []
    return shapes.deployment_shape(
        found,
        addresses.of_deployment(request, found),
        gates=policy.gate_states(found),
        approvals=list(found.approvals.select_related("person")),
        children=[_line(request, child) for child in children],
        blockers=[blocker(reason) for reason in blockers],
        decisions=_decisions(request, found),
        queue_position=pools.place_of(found),
    )


def _decisions(request: HttpRequest, found: Deployment) -> list[Decision]:
    """What the caller may decide about it; nothing without the role."""
    user = caller(request).user
    decides = may(user, Act.MANAGE, found.project, found.environment)
    return decisions.decisions_for(found, user) if decides else []


def _line(request: HttpRequest, row: Deployment) -> shapes.DeploymentLine:
    return shapes.deployment_line(row, addresses.of_deployment(request, row))
