"""Make it happen: what people and pipelines ask for. One verb per function, one transaction per verb.

Lock, ask the policy, write, record, ring. Pages and API call the same verb.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import trail
from accounts.models import User
from config import quick
from deployments import facts, outcomes, plans, policy, train
from deployments.decisions import UNDECIDED
from deployments.models import WAITING, Approval, Deployment, Status, move
from deployments.policy import Blocker, Stops
from lifecycles.models import Environment
from projects import access
from projects.models import Project
from registry.feeds import Listed
from registry.inspection import Inspection
from registry.models import Package
from registry.storage import Received
from releases import actions as releases
from releases.models import Release

Decision = Approval.Decision


class DeploymentRefused(Exception):
    """Why not, as a list of `blockers`; `sentence` joins them for people and `code` names the first for machines."""

    def __init__(self, *blockers: Blocker) -> None:
        self.blockers = list(blockers)
        self.code = blockers[0].code
        self.sentence = " ".join(blocker.sentence for blocker in blockers)
        super().__init__(self.sentence)


class PlanChanged(DeploymentRefused):
    """The plan is not the one that was seen."""

    def __init__(self, pk: int) -> None:
        self.pk = pk
        super().__init__(
            Blocker(
                "plan_changed",
                "The plan has changed since you opened this page. Read what it would do now, then decide.",
                Stops.STARTING,
            )
        )


def refusal(code: str, sentence: str) -> DeploymentRefused:
    return DeploymentRefused(Blocker(code, sentence))


def locked(deployment: Deployment) -> Deployment:
    """The row, locked: its track first, then its train, then itself, in the order that everybody keeps."""
    train.lock_track(deployment.project)
    if deployment.parent_id:
        Deployment.objects.select_for_update(no_key=True).get(pk=deployment.parent_id)
    return Deployment.objects.select_for_update(of=("self",), no_key=True).with_names().get(pk=deployment.pk)


@dataclass(frozen=True)
class Taken:
    """What a push led to, down to the deployments that it asked for."""

    intake: releases.Intake
    deployments: list[Deployment]


@transaction.atomic
def take_in(received: Received, *, name: str, version: str, filename: str, inspection: Inspection, by: User) -> Taken:
    """Publish a package, evaluate the triggers, and ask in the pusher's name for the automatic deployments of what was
    created. One transaction. Raises what `registry.actions.publish` raises."""
    intake = releases.take_in(received, name=name, version=version, filename=filename, inspection=inspection, by=by)
    return _taken(intake, by)


@transaction.atomic
def take_notice(package: Package, listed: Listed, *, by: User) -> Taken:
    """The same for a version that was seen in an outside store."""
    return _taken(releases.take_notice(package, listed, by=by), by)


def _taken(intake: releases.Intake, by: User) -> Taken:
    asked = [deployment for release in intake.new_releases for deployment in _request_automatic(release, by)]
    return Taken(intake, asked)


@transaction.atomic
def request(
    release: Release,
    environment: Environment,
    *,
    by: User,
    reason: str = "",
    start_at: datetime | None = None,
    not_after: datetime | None = None,
    only: Project | None = None,
) -> Deployment:
    """Ask for `release` to be deployed to `environment`. Promote, redeploy and roll back are all this verb.

    only        one component of a stack's release, which then goes without its stack: this takes a reason
    start_at    not before this moment (aware); not_after: not started by then, the request expires
    A newer request supersedes an older one of the same project and environment that has not started.
    Raises DeploymentRefused with every reason that stops even asking. What only stops the start makes it wait.
    """
    if only is not None:
        release = _line_of(release, only)
    train.lock_track(release.project)
    reason = reason.strip()
    if blockers := policy.why_not_requestable(release, environment, by=by):
        raise DeploymentRefused(*blockers)
    if release.project.parent_id and not reason:
        raise refusal(
            "reason_missing", f"Say why {release.project} cannot wait for a release of {release.project.parent}."
        )
    _refuse_wrong_window(start_at, not_after)
    return _ask(release, environment, by=by, reason=reason, start_at=start_at, not_after=not_after)


def approve(deployment: Deployment, *, by: User, fingerprint: str, comment: str = "") -> Deployment:
    """Approve the plan with this fingerprint: the one that the approver saw.

    The last approval that was missing starts the deployment, unless something else keeps it waiting.
    Raises DeploymentRefused: not waiting, decided already, not entitled; PlanChanged with the new plan in place.
    """
    with _new_plan_in_place(), transaction.atomic():
        row = _decidable(deployment, by, fingerprint)
        _decide(row, Decision.APPROVED, by, comment.strip())
        if all(state.is_met for state in policy.gate_states(row)):
            move(row.pk, Status.SCHEDULED)
            row.status = Status.SCHEDULED
            train.start_if_clear(row)
        row.refresh_from_db()
    return row


def reject(deployment: Deployment, *, by: User, fingerprint: str, comment: str) -> Deployment:
    """End the request. Raises DeploymentRefused as `approve` does, and without a comment."""
    if not comment.strip():
        raise refusal("comment_missing", "Say why you reject it, so that the team knows what to mend.")
    with _new_plan_in_place(), transaction.atomic():
        row = _decidable(deployment, by, fingerprint)
        _decide(row, Decision.REJECTED, by, comment.strip())
        outcomes.end(row, Status.REJECTED, f"{by} rejected {row}: {comment.strip()}", by=by)
    return row


@transaction.atomic
def withdraw_approval(deployment: Deployment, *, by: User) -> Deployment:
    """Take one's approval back, as long as the deployment has not started."""
    row = locked(deployment)
    if row.status not in WAITING:
        word = Status(row.status).label.lower()
        raise refusal("not_waiting", f"{row} has started or ended ({word}), so that approvals cannot be withdrawn.")
    standing = row.approvals.filter(person=by, withdrawn_at=None, decision=Decision.APPROVED)
    if not standing.update(withdrawn_at=timezone.now(), withdrawn_because=f"{by} took it back."):
        raise refusal("not_approved", "You have not approved this request, so that there is nothing to withdraw.")
    if not all(state.is_met for state in policy.gate_states(row)):
        move(row.pk, Status.REQUESTED)
    trail.record(by, "approval.withdrawn", row, f"{by} withdrew the approval of {row}.")
    row.refresh_from_db()
    return row


@transaction.atomic
def cancel(deployment: Deployment, *, by: User, stop_running: bool = False, reason: str = "") -> Deployment:
    """Cancel a request, or a deployment under way: what has not started is dropped, what runs goes on to its end unless
    `stop_running` asks for it to be stopped midway. Raises DeploymentRefused."""
    row = locked(deployment)
    if blockers := policy.why_not_cancellable(row):
        raise DeploymentRefused(*blockers)
    access.require(by, policy.act_to_cancel(row, by), row.project, row.environment)
    because = f": {reason.strip()}" if reason.strip() else "."
    if row.status in (*WAITING, Status.QUEUED):
        outcomes.end(row, Status.CANCELLED, f"{by} cancelled {row}{because}", by=by, fence=F("fence") + 1)
        return row
    if not row.project.is_stack and row.status in UNDECIDED:
        outcomes.end(row, Status.CANCELLED, _cancelled_undecided(row, by, because), by=by, fence=F("fence") + 1)
        return row
    if not row.project.is_stack and not stop_running:
        sentence = f"{row} is running and is its only part. Ask for it to be stopped midway, or let it end."
        raise refusal("running", sentence)
    Deployment.objects.filter(pk=row.pk).update(
        cancel_requested_at=timezone.now(),
        cancel_requested_by=by,
        cancel_stops_running=F("cancel_stops_running") if not stop_running else True,
    )
    how = "and what runs is stopped" if stop_running else "and what runs goes on to its end"
    trail.record(by, "deployment.cancel_requested", row, f"{by} cancelled {row}; what waits is dropped {how}{because}")
    if row.project.is_stack:
        train.advance(row.pk)
    row.refresh_from_db()
    return row


# -- how they do it ---------------------------------------------------------------------------------------------------


def _cancelled_undecided(row: Deployment, by: User, because: str) -> str:
    """Of a script that waited for a person: what had become of it when it was cancelled."""
    if row.status == Status.INTERRUPTED:
        return f"{by} cancelled {row}; what is really there is not known{because}"
    return f"{row.outcome} {by} cancelled {row}{because}"


def _line_of(release: Release, component: Project) -> Release:
    line = release.components.select_related("release__project__parent").filter(component=component).first()
    if line is None:
        raise refusal("not_in_release", f"{release} does not hold {component}.")
    return line.release


def _refuse_wrong_window(start_at: datetime | None, not_after: datetime | None) -> None:
    if not_after and not_after <= timezone.now():
        raise refusal("window_over", "The latest start lies in the past: give a later one, or none.")
    if start_at and not_after and start_at >= not_after:
        raise refusal("window_empty", "The latest start must lie after the earliest start.")


def _ask(
    release: Release,
    environment: Environment,
    *,
    by: User,
    reason: str,
    start_at: datetime | None,
    not_after: datetime | None,
) -> Deployment:
    plan = plans.plan_for(release, environment)
    gates = [gate.as_json() for gate in policy.gates_for(release, environment)]
    for row in facts.not_started(release.project, environment):
        outcomes.end(row, Status.SUPERSEDED, f"{release} was requested instead of {row.release}.", by=by)
    row = Deployment(
        project=release.project,
        release=release,
        environment=environment,
        status=Status.REQUESTED if gates else Status.SCHEDULED,
        mode=plan.mode,
        plan=plan.as_json(),
        fingerprint=plan.fingerprint,
        gates=gates,
        requested_by=by,
        reason=reason,
        start_at=start_at,
        not_after=not_after,
    )
    if not quick.insert_once(row):  # the last word is the database's
        raise refusal("waiting_already", f"Another request for {release.project} in {environment} is waiting.")
    trail.record(by, "deployment.requested", row, f"{by} asked for {row}.", mode=plan.mode, reason=reason)
    if not gates:
        train.start_if_clear(row)
        row.refresh_from_db()
    return row


def _request_automatic(release: Release, by: User) -> list[Deployment]:
    """Ask for the automatic environments of the first phase; what stands in the way is left on record."""
    asked = []
    for environment in facts.automatic_places(release.project_id):
        train.lock_track(release.project)
        if blockers := policy.why_not_requestable(release, environment):
            sentence = " ".join(blocker.sentence for blocker in blockers)
            trail.record(
                by,
                "deployment.not_requested",
                release,
                f"{release} was not requested for {environment}: {sentence}",
            )
            continue
        reason = "Requested automatically for every new release."
        asked.append(_ask(release, environment, by=by, reason=reason, start_at=None, not_after=None))
    return asked


def _decidable(deployment: Deployment, by: User, fingerprint: str) -> Deployment:
    """The request, locked, if `by` may decide on it and its plan still is the one that was seen."""
    row = locked(deployment)
    if blockers := policy.why_not_approvable(row, by):
        raise DeploymentRefused(*blockers)
    plan = plans.plan_for(row.release, row.environment)
    if plan.fingerprint != row.fingerprint or fingerprint != row.fingerprint:
        raise PlanChanged(row.pk)
    return row


@contextmanager
def _new_plan_in_place() -> Iterator[None]:
    """Whoever is refused because the plan has changed finds the new one when they look again.

    Goes around the transaction that the refusal rolls back.
    """
    try:
        yield
    except PlanChanged as changed:
        refresh_plan(changed.pk)
        raise


@transaction.atomic
def refresh_plan(pk: int) -> None:
    """Bring the plan of a waiting request up to date; approvals of the old plan are withdrawn.

    A promotion that would be a rollback by now is superseded.
    """
    row = locked(Deployment.objects.select_related("project").get(pk=pk))
    plan = plans.plan_for(row.release, row.environment)
    if row.status in WAITING and plan.fingerprint != row.fingerprint:
        train.take_new_plan(row, plan)


def _decide(row: Deployment, decision: str, by: User, comment: str) -> None:
    row.approvals.create(
        person=by,
        decision=decision,
        gates=[gate.rule for gate in policy.counts_for(row, by)],
        capacity=policy.capacity_of(row, by),
        comment=comment,
        fingerprint=row.fingerprint,
    )
    said = f" “{comment}”" if comment else ""
    trail.record(by, f"approval.{decision}", row, f"{by} {Decision(decision).label.lower()} {row}.{said}")
