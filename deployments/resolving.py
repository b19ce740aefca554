"""Do what a person has decided about a script that could not go on by itself. `decisions.py` says what may be decided."""

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import trail
from accounts.models import User
from deployments import decisions, doorbell, outcomes, train
from deployments.actions import DeploymentRefused, locked, refusal
from deployments.decisions import Decision, proposal_stands
from deployments.models import Deployment, Status, StepRun, move
from projects import access
from projects.access import Act

UNPROPOSED: dict[str, Any] = {"mark_proposed_by": None, "mark_proposed_at": None, "mark_proposed_because": ""}


@transaction.atomic
def resolve(deployment: Deployment, decision: str, *, by: User, reason: str = "", sure: bool = False) -> Deployment:
    """Decide what becomes of a script that waits for a person.

    decision  "retry" (its steps that have not succeeded run again), "succeeded" or "failed" (what it came to), "ignore"
              (a failed step: it goes on, ends as failed all the same, and its train goes on)
    sure      needed to retry while its host is silent, because the script may still be running there
    Where the environment asks for a second pair of eyes, "succeeded" is only proposed until somebody else says so too.
    Raises DeploymentRefused, and PermissionDenied without the role.
    """
    row = locked(deployment)
    access.require(by, Act.MANAGE, row.project, row.environment)
    chosen = _chosen(row, decision, by)
    reason = reason.strip()
    if chosen.takes_reason and not reason:
        raise refusal("reason_missing", chosen.ask)
    if chosen.takes_sure and not sure:
        sentence = (
            f"{row.host} is silent, and the script may still be running there. Look, then confirm that it is not."
        )
        raise refusal("host_silent", sentence)
    CARRIED_OUT[decision](row, by, reason)
    if row.parent_id:
        train.advance(row.parent_id)
    row.refresh_from_db()
    return row


# -- how it does it ----------------------------------------------------------------------------------------------------


def _chosen(row: Deployment, name: str, by: User) -> Decision:
    """The decision of this name as it stands. Raises DeploymentRefused where it is not offered."""
    offered = {decision.name: decision for decision in decisions.offered(row)}
    if not offered:
        raise _nothing_to_decide(row)
    if name not in offered:
        raise refusal("decision_unknown", f"Decide on one of: {', '.join(offered)}.")
    if blocker := decisions.why_not(row, offered[name], by):
        raise DeploymentRefused(blocker)
    return decisions.as_it_stands(row, offered[name])


def _nothing_to_decide(row: Deployment) -> DeploymentRefused:
    if row.status == Status.NEEDS_ATTENTION:
        return refusal("decide_the_component", f"{row} waits for a decision about a component. Decide about that one.")
    word = Status(row.status).label.lower()
    return refusal("not_interrupted", f"The outcome of {row} is known ({word}), so that there is nothing to decide.")


def _retry(row: Deployment, by: User, reason: str) -> None:
    _queue(row)
    trail.record(by, "deployment.retried", row, f"{by} runs {row} again{_because(reason)}")


def _ignore(row: Deployment, by: User, reason: str) -> None:
    """The failed step stays failed and says who ignored it, which is what the deployment's outcome says in the end."""
    failed = decisions.failed_steps(row).latest("attempt", "position")
    StepRun.objects.filter(pk=failed.pk).update(ignored=True, outcome=f"{failed.outcome} {by} ignored it: {reason}")
    sentence = f"{by} ignored that “{failed.name}” of {row} has failed: {reason}"
    trail.record(by, "deployment.failure_ignored", row, sentence, step=failed.name, attempt=failed.attempt)
    Deployment.objects.filter(pk=row.pk).update(failure_ignored=True)
    row.failure_ignored = True
    if _has_steps_left(row):
        _queue(row)
    else:
        Deployment.objects.filter(pk=row.pk).update(fence=F("fence") + 1)
        outcomes.conclude_steps(row)


def _mark_succeeded(row: Deployment, by: User, reason: str) -> None:
    sentence = f"{by} found out that {row} has succeeded: {reason}"
    if row.environment.second_pair_of_eyes:
        if not proposal_stands(row):
            _propose(row, by, reason)
            return
        found_out = f"{row.mark_proposed_by} found out that {row} has succeeded ({row.mark_proposed_because})"
        sentence = f"{found_out}, and {by} confirmed it: {reason}"
    outcomes.end(row, Status.SUCCEEDED, sentence, by=by, fence=F("fence") + 1, **UNPROPOSED)


def _propose(row: Deployment, by: User, reason: str) -> None:
    proposed = {"mark_proposed_by": by, "mark_proposed_at": timezone.now(), "mark_proposed_because": reason}
    Deployment.objects.filter(pk=row.pk).update(**proposed)
    sentence = f"{by} marked {row} as succeeded, which somebody else has to confirm: {reason}"
    trail.record(by, "deployment.mark_proposed", row, sentence)


def _mark_failed(row: Deployment, by: User, reason: str) -> None:
    """Whatever was ignored before, this failure is not."""
    if row.status == Status.INTERRUPTED:
        sentence = f"{by} found out that {row} has failed: {reason}"
    else:
        sentence = f"{row.outcome} {by} let it fail{_because(reason)}"
    changes = UNPROPOSED | {"failure_ignored": False}
    outcomes.end(row, Status.FAILED, sentence, by=by, fence=F("fence") + 1, **changes)


def _queue(row: Deployment) -> None:
    """Let a worker take it up again. The time that it waited for a person does not count against its limit, and whoever
    wants it to go on no longer wants it stopped."""
    move(
        row.pk,
        Status.QUEUED,
        fence=F("fence") + 1,
        owner="",
        lease_expires_at=None,
        overdue_at=None,
        outcome="",
        cancel_requested_at=None,
        cancel_requested_by=None,
        cancel_stops_running=False,
        **UNPROPOSED,
    )
    doorbell.ring(row)


def _has_steps_left(row: Deployment) -> bool:
    done = set(row.step_runs.filter(exit_status=0).values_list("position", flat=True))
    ignored = set(row.step_runs.filter(ignored=True).values_list("position", flat=True))
    return any(step["position"] not in done | ignored for step in row.release.snapshot["process"]["steps"])


def _because(reason: str) -> str:
    return f": {reason}" if reason else "."


CARRIED_OUT: dict[str, Callable[[Deployment, User, str], None]] = {
    "retry": _retry,
    "ignore": _ignore,
    "succeeded": _mark_succeeded,
    "failed": _mark_failed,
}
