"""The plan of a deployment: what will be deployed where, in which order, and what is passed over, and why."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deployments import facts
from deployments.models import Deployment
from lifecycles.models import Environment
from projects.models import Project
from releases.models import Release, ReleaseComponent

Mode = Deployment.Mode
Condition = Project.Condition
DEPLOY, SKIP = "deploy", "skip"


@dataclass(frozen=True)
class PlanItem:
    """One component's part: from which number to which, in which stage, and whether it is deployed or passed over."""

    component_id: int
    component: str
    name: str
    release_id: int
    number: str
    from_number: str | None
    stage: int
    action: str
    because: str


@dataclass(frozen=True)
class Plan:
    """What an approver approves. Two plans with the same fingerprint do the same."""

    mode: str
    items: list[PlanItem]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(item) for item in self.items]


def plan_for(release: Release, environment: Environment) -> Plan:
    """What deploying `release` to `environment` would do now. Stages are numbered in the order that they run."""
    lines = facts.lines_of(release) if release.project.is_stack else []
    live = facts.live_beside(release, environment)
    mode = mode_of(release, _release(live.get(release.project_id)))
    if not release.project.is_stack:
        because = "It is deployed on its own."
        return Plan(mode, [_item(release.project, release, 1, DEPLOY, because, _release(live.get(release.project_id)))])
    backwards = mode == Mode.ROLLBACK and release.project.reverse_on_rollback
    order = _numbered([line.stage for line in lines], backwards=backwards)
    items = [_line(line, order[line.stage], live.get(line.component_id)) for line in lines]
    return Plan(mode, sorted(items, key=lambda item: item.stage))


def mode_of(release: Release, live: Release | None) -> str:
    """Promotion, redeployment or rollback: decided by what is live there now."""
    if live is None:
        return Mode.PROMOTE
    if live.pk == release.pk:
        return Mode.REDEPLOY
    return Mode.ROLLBACK if (release.sort_key, release.pk) < (live.sort_key, live.pk) else Mode.PROMOTE


def why_skip(release: Release, condition: str, environment: Environment) -> str | None:
    """The reason why a component is passed over there now, in a sentence, or None when it must be deployed."""
    return why_passed_over(release, condition, facts.live_beside(release, environment).get(release.project_id))


def why_passed_over(release: Release, condition: str, live: facts.Live | None) -> str | None:
    """The same, beside what is live there."""
    if condition == Condition.ALWAYS or live is None or not live.is_settled:
        return None
    if live.release.pk == release.pk:
        return f"{release.number} is live there already."
    if condition == Condition.IF_NEWER and live.release.sort_key > release.sort_key:
        return f"{live.release.number} is live there, which is newer."
    return None


def _line(line: ReleaseComponent, stage: int, live: facts.Live | None) -> PlanItem:
    because = why_passed_over(line.release, line.condition, live)
    action = SKIP if because else DEPLOY
    if because is None:
        because = "It is not there yet." if live is None else _why_deploy(line, live.release)
    return _item(line.component, line.release, stage, action, because, _release(live))


def _release(live: facts.Live | None) -> Release | None:
    return live.release if live else None


def _why_deploy(line: ReleaseComponent, live: Release) -> str:
    if live.pk != line.release_id:
        return f"It replaces {live.number}."
    if line.condition == Condition.ALWAYS:
        return "It is deployed every time."
    return "A later attempt did not succeed, so that nobody knows what is really there."


def _item(
    component: Project, release: Release, stage: int, action: str, because: str, live: Release | None
) -> PlanItem:
    return PlanItem(
        component_id=component.pk,
        component=component.slug,
        name=component.name,
        release_id=release.pk,
        number=release.number,
        from_number=live.number if live else None,
        stage=stage,
        action=action,
        because=because,
    )


def _numbered(stages: Sequence[int], *, backwards: bool) -> dict[int, int]:
    """Stages renumbered from 1 in the order that they run."""
    return {stage: n for n, stage in enumerate(sorted(set(stages), reverse=backwards), start=1)}
