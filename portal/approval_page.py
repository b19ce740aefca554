"""What an approver reads before deciding: what it changes, the evidence, who has decided, and the way back."""

from dataclasses import dataclass
from typing import Any

from accounts.models import User
from deployments import alignment, inside, policy
from deployments.inside import PlanLine
from deployments.models import DONE, Approval, Deployment, LiveVersion
from deployments.policy import Blocker, GateState
from deployments.rollup import Rollup, coming
from releases.models import Release


@dataclass(frozen=True)
class Proof:
    """Where this release has succeeded, and whether it still is what runs there."""

    deployment: Deployment
    is_live: bool


@dataclass(frozen=True)
class ApprovalPage:
    deployment: Deployment
    lines: list[PlanLine]  # of the plan that is decided on, with what changes inside each component
    gates: list[GateState]
    decisions: list[Approval]
    proofs: list[Proof]
    rollup: Rollup  # what it brings and takes back, compared with what is live there now
    way_back: LiveVersion | None
    capacity: str
    obstacles: list[Blocker]  # why this person may not decide; empty: decide
    mine: Approval | None  # this person's standing decision

    @property
    def may_decide(self) -> bool:
        return not self.obstacles


def approval_page(deployment: Deployment, user: User) -> ApprovalPage:
    """Everything about one request, for the person who is asked."""
    decisions = list(deployment.approvals.select_related("person"))
    live = alignment.live_version(deployment.project, deployment.environment)
    return ApprovalPage(
        deployment=deployment,
        lines=inside.lines_of(deployment.plan),
        gates=policy.gate_states(deployment),
        decisions=decisions,
        proofs=_proofs(deployment.release),
        rollup=coming(deployment.release, deployment.environment),
        way_back=live,
        capacity=policy.capacity_of(deployment, user),
        obstacles=policy.why_not_approvable(deployment, user),
        mine=next((d for d in decisions if d.person_id == user.pk and d.withdrawn_at is None), None),
    )


def _proofs(release: Release) -> list[Proof]:
    """The latest success in every environment, in their order."""
    done = Deployment.objects.filter(release=release, status__in=DONE).select_related("environment").order_by("pk")
    latest = {deployment.environment_id: deployment for deployment in done}
    live = set(LiveVersion.objects.now().filter(release=release).values_list("environment", flat=True))
    ordered = sorted(latest.values(), key=lambda row: (row.environment.position, row.environment.name))
    return [Proof(deployment, deployment.environment_id in live) for deployment in ordered]


def plan_changes(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """What is different in a new plan, a sentence for each component concerned."""
    old = {item["component"]: item for item in before}
    new = {item["component"]: item for item in after}
    changed = [f"{item['name']}: {_said(old.get(slug), item)}" for slug, item in new.items() if old.get(slug) != item]
    gone = [f"{item['name']}: no longer part of it." for slug, item in old.items() if slug not in new]
    return changed + gone


def _said(before: dict[str, Any] | None, after: dict[str, Any]) -> str:
    if before is None:
        return f"now part of it. {after['because']}"
    return f"{_doing(before)} before, {_doing(after)} now. {after['because']}"


def _doing(item: dict[str, Any]) -> str:
    if item["action"] == "skip":
        return f"skipping {item['number']}"
    source = f" over {item['from_number']}" if item["from_number"] else ""
    return f"deploying {item['number']}{source} in stage {item['stage']}"
