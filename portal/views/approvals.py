"""What waits for a decision, and deciding."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.models import User
from deployments import actions, on_hold, policy
from deployments.actions import DeploymentRefused, PlanChanged
from deployments.models import Deployment, Status
from deployments.waiting import undecided_for_others, waiting_for_others
from portal.access import deployment_of, person
from portal.approval_page import approval_page, plan_changes
from portal.forms.decisions import DecisionForm
from portal.forms.fields import posted
from portal.posting import posted_from
from portal.undecided import Undecided


@require_GET
def waiting(request: HttpRequest) -> HttpResponse:
    """What this person may decide (which the frame knows); below, what waits for somebody else."""
    user = person(request.user)
    others = [(row, policy.gate_states(row)) for row in waiting_for_others(user)]
    undecided = [Undecided(row, user) for row in undecided_for_others(user)]
    return render(request, "portal/waiting.html", {"others": others, "undecided": undecided})


@require_http_methods(["GET", "POST"])
def approval(request: HttpRequest, pk: int) -> HttpResponse:
    """One request, and the decision on it."""
    row, user = deployment_of(request.user, pk), person(request.user)
    form = DecisionForm(posted(request))
    changes: list[str] = []
    if form.is_valid():
        try:
            decided = _decide(row, user, form.cleaned_data)
        except PlanChanged as refusal:
            form.add_error(None, refusal.sentence)
            before, row = row.plan, deployment_of(user, pk)
            changes = plan_changes(before, row.plan)
        except DeploymentRefused as refusal:
            form.add_error("comment" if refusal.code == "comment_missing" else None, refusal.sentence)
        else:
            messages.success(request, _what_it_means(decided))
            return redirect("portal:deployment", pk)
    return _page(request, row, user, form, changes)


@posted_from("portal:approval")
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one's approval back."""
    row, user = deployment_of(request.user, pk), person(request.user)
    form = DecisionForm({"decision": "approve"})
    try:
        actions.withdraw_approval(row, by=user)
    except DeploymentRefused as refusal:
        form.add_error(None, refusal.sentence)
        return _page(request, row, user, form, [])
    messages.success(request, f"Your approval of {row} is withdrawn.")
    return redirect("portal:approval", pk)


def _decide(row: Deployment, user: User, given: dict[str, Any]) -> Deployment:
    verb = actions.approve if given["decision"] == "approve" else actions.reject
    return verb(row, by=user, fingerprint=given["fingerprint"], comment=given["comment"])


def _page(request: HttpRequest, row: Deployment, user: User, form: DecisionForm, changes: list[str]) -> HttpResponse:
    holds = [] if row.is_final else on_hold.keeping(row.project, row.environment)
    page = approval_page(row, user)
    context = {"page": page, "deployment": row, "form": form, "changes": changes, "holds": holds}
    return render(request, "portal/approval.html", context, status=422 if form.is_bound else 200)


def _what_it_means(row: Deployment) -> str:
    """What has come of the decision, so that nobody needs to guess."""
    if row.status == Status.REJECTED:
        return f"You rejected {row}. The request is over."
    if row.status == Status.REQUESTED:
        missing = " ".join(state.sentence for state in policy.gate_states(row) if not state.is_met)
        return f"You approved {row}. {missing}"
    if row.status == Status.SCHEDULED:
        blockers = policy.why_not_deployable(row.release, row.environment, deployment=row)
        return " ".join([f"You approved {row}.", *(blocker.sentence for blocker in blockers)])
    return f"You approved {row}. It is on its way."
