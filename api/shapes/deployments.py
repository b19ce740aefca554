"""Deployments, approvals and the log as JSON."""

from datetime import datetime
from typing import Any, Literal

from ninja import Schema
from pydantic import AwareDatetime, Field

from api.shapes.common import Asked, BlockerShape, Text, Word
from api.shapes.comparison import EntryChange, entry_change
from deployments import decisions as rules
from deployments import inside
from deployments.decisions import Decision
from deployments.log import LogPage
from deployments.models import Approval, Deployment
from deployments.policy import GateState


class DeploymentAsked(Asked):
    environment: Word = Field(description="Its slug.")
    reason: Text = ""
    start_at: AwareDatetime | None = Field(None, description="Not before this moment.")
    not_after: AwareDatetime | None = Field(None, description="Not started by then, the request expires.")
    only: Word | None = Field(
        None, description="One component of a stack's release, which then goes alone; takes a reason."
    )


class ApprovalAsked(Asked):
    fingerprint: Word = Field(description="Of the plan that was seen.")
    comment: Text = ""


class RejectionAsked(Asked):
    fingerprint: Word = Field(description="Of the plan that was seen.")
    comment: Text


class CancelAsked(Asked):
    stop_running: bool = Field(default=False, description="Stop midway what runs; otherwise it goes on to its end.")
    reason: Text = ""


class ResolveAsked(Asked):
    decision: Literal["retry", "ignore", "succeeded", "failed"] = Field(
        description="One of those that the deployment's `decisions` name."
    )
    reason: Text = Field("", description="Needed where the decision `takes_reason`.")
    sure: bool = Field(
        default=False, description="That nothing of it runs there any more; needed where the decision `takes_sure`."
    )


class DeploymentLine(Schema):
    id: int
    project: str
    release: str
    environment: str
    parent: int | None = Field(description="The deployment of the stack that this one is part of.")
    stage: int
    status: str
    word: str = Field(description="The status as people read it.")
    is_final: bool
    stopping: bool = Field(description="Somebody cancelled it, and it has not ended yet.")
    mode: str
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str
    url: str


class PlanLine(Schema):
    """What becomes of one component."""

    component: str
    name: str
    number: str
    from_number: str | None
    stage: int
    action: str = Field(description="deploy or skip")
    because: str
    contents: list[EntryChange] = Field(
        description="What becomes of what its manifest names; empty where it is skipped."
    )


class GateShape(Schema):
    """An approval rule as it was when the deployment was requested."""

    name: str
    minimum: int
    missing: int
    is_met: bool
    approved_by: list[str]
    waiting_for: list[str] = Field(description="Who may still answer.")
    sentence: str


class ApprovalShape(Schema):
    person: str
    decision: str
    capacity: str
    comment: str
    at: datetime
    withdrawn_at: datetime | None
    withdrawn_because: str


class DecisionShape(Schema):
    """One way out for a deployment that waits for a person."""

    decision: str = Field(description="What to state when resolving: retry, ignore, succeeded or failed.")
    word: str = Field(description="What it means, as people read it.")
    takes_reason: bool
    takes_sure: bool = Field(description="Its host is silent: somebody has to have looked that nothing runs there.")
    is_proposal: bool = Field(description="It takes effect once somebody else has confirmed it by the same decision.")


class MarkProposed(Schema):
    """Who has marked it as succeeded, which somebody else has to confirm."""

    by: str
    at: datetime
    because: str


class DeploymentShape(DeploymentLine):
    reason: str
    start_at: datetime | None
    not_after: datetime | None
    deadline_at: datetime | None = Field(description="When the step that runs is stopped, at the latest.")
    overdue_at: datetime | None = Field(description="When the whole deployment is stopped, at the latest.")
    attempt: int
    failure_ignored: bool = Field(description="Somebody let it go on after a step had failed: it is never live.")
    fingerprint: str = Field(description="Of the plan; an approval names it.")
    plan: list[PlanLine]
    gates: list[GateShape]
    approvals: list[ApprovalShape]
    children: list[DeploymentLine]
    blockers: list[BlockerShape] = Field(description="While it waits: what it waits for.")
    decisions: list[DecisionShape] = Field(description="While it waits for a person: what this account may decide.")
    mark_proposed: MarkProposed | None
    queue_position: int | None = Field(
        description="In the queue of its worker pool, from 1 on; null where it is in none."
    )
    log: str


class LogLineShape(Schema):
    number: int
    at: datetime
    text: str
    step: str
    attempt: int


class LogShape(Schema):
    """A stretch of the log."""

    lines: list[LogLineShape]
    next: int = Field(description="What to state as `after` for the lines that follow.")
    ended: bool = Field(description="Nothing will follow.")


def deployment_line(deployment: Deployment, url: str) -> DeploymentLine:
    """Needs a deployment `with_names()`."""
    return DeploymentLine(**_line(deployment, url))


def _line(deployment: Deployment, url: str) -> dict[str, Any]:
    return {
        "id": deployment.pk,
        "project": deployment.project.slug,
        "release": deployment.release.number,
        "environment": deployment.environment.slug,
        "parent": deployment.parent_id,
        "stage": deployment.stage,
        "status": deployment.status,
        "word": deployment.get_status_display(),
        "is_final": deployment.is_final,
        "stopping": deployment.is_stopping,
        "mode": deployment.mode,
        "requested_by": str(deployment.requested_by),
        "requested_at": deployment.requested_at,
        "started_at": deployment.started_at,
        "finished_at": deployment.finished_at,
        "outcome": deployment.outcome,
        "url": url,
    }


def deployment_shape(
    deployment: Deployment,
    url: str,
    *,
    gates: list[GateState],
    approvals: list[Approval],
    children: list[DeploymentLine],
    blockers: list[BlockerShape],
    queue_position: int | None,
    decisions: list[Decision],
) -> DeploymentShape:
    return DeploymentShape(
        **_line(deployment, url),
        reason=deployment.reason,
        start_at=deployment.start_at,
        not_after=deployment.not_after,
        deadline_at=deployment.deadline_at,
        overdue_at=deployment.overdue_at,
        attempt=deployment.attempt,
        failure_ignored=deployment.failure_ignored,
        fingerprint=deployment.fingerprint,
        plan=[_plan_line(line) for line in inside.lines_of(deployment.plan)],
        gates=[_gate(state) for state in gates],
        approvals=[_approval(found) for found in approvals],
        children=children,
        blockers=blockers,
        decisions=[_decision(decision) for decision in decisions],
        mark_proposed=_proposed(deployment),
        queue_position=queue_position,
        log=f"{url}/log",
    )


def log_page(page: LogPage) -> LogShape:
    lines = [
        LogLineShape(number=line.number, at=line.at, text=line.text, step=line.step, attempt=line.attempt)
        for line in page.lines
    ]
    return LogShape(lines=lines, next=page.next, ended=page.ended)


def _plan_line(line: inside.PlanLine) -> PlanLine:
    stored = {field: line.item[field] for field in PlanLine.model_fields if field != "contents"}
    return PlanLine(**stored, contents=[entry_change(found) for found in line.contents])


def _decision(decision: Decision) -> DecisionShape:
    return DecisionShape(
        decision=decision.name,
        word=decision.word,
        takes_reason=decision.takes_reason,
        takes_sure=decision.takes_sure,
        is_proposal=decision.is_proposal,
    )


def _proposed(deployment: Deployment) -> MarkProposed | None:
    at = deployment.mark_proposed_at
    if at is None or not rules.proposal_stands(deployment):
        return None
    return MarkProposed(by=str(deployment.mark_proposed_by), at=at, because=deployment.mark_proposed_because)


def _gate(state: GateState) -> GateShape:
    return GateShape(
        name=state.gate.name,
        minimum=state.gate.minimum,
        missing=state.missing,
        is_met=state.is_met,
        approved_by=[str(approval.person) for approval in state.approvals],
        waiting_for=state.waiting_for,
        sentence=state.sentence,
    )


def _approval(found: Approval) -> ApprovalShape:
    return ApprovalShape(
        person=str(found.person),
        decision=found.decision,
        capacity=found.capacity,
        comment=found.comment,
        at=found.at,
        withdrawn_at=found.withdrawn_at,
        withdrawn_because=found.withdrawn_because,
    )
