"""What an approver reads before deciding: what it changes, the evidence, who has decided, and the way back."""

from dataclasses import dataclass
from typing import Any

from accounts.models import User
from deployments import alignment, inside, policy
from deployments.inside import PlanLine
from deployments.models import DONE, Approval, Deployment, LiveVersion
from deployments.policy import Blocker, GateState
from releases.models import Release

NOTES_OF = 12  # releases whose notes are shown at most


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
    notes: list[Release]
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
        notes=_notes(deployment.release, live.release if live else None),
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


def _notes(release: Release, live: Release | None) -> list[Release]:
    """The releases that come to people with this one and say something about themselves, newest first."""
    between = Release.objects.filter(project=release.project_id, sort_key__lte=release.sort_key).exclude(notes="")
    if live is not None:
        between = between.filter(sort_key__gt=live.sort_key)
    return list(between.select_related("project").newest_first()[:NOTES_OF])


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
