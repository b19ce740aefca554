"""What had been done of a deployment by the time that it was cancelled, part by part."""

from collections.abc import Iterable
from dataclasses import dataclass

from deployments.models import Deployment, Status, StepRun

DONE, THERE, FAILED, STOPPED, NEVER = "Done", "There already", "Failed", "Stopped midway", "Never started"
WORDS = {Status.SUCCEEDED: DONE, Status.SKIPPED: THERE, Status.FAILED: FAILED, Status.CANCELLED: STOPPED}


@dataclass(frozen=True)
class Part:
    """A component of a train, or a step of a script. `note` says how far it came, where that is a question."""

    name: str
    note: str = ""


def aftermath_of(deployment: Deployment) -> list[tuple[str, list[Part]]]:
    """What became of a train's components, or of a script's steps: (in words, which). Empty where nothing had begun."""
    if deployment.project.is_stack:
        children = deployment.children.with_names().order_by("stage", "pk")
        return _sorted(_component(child) for child in children)
    runs = {run.position: run for run in deployment.step_runs.order_by("attempt", "position")}
    steps = deployment.release.snapshot["process"]["steps"] if runs else []
    return _sorted(_step(step["name"], runs.get(step["position"])) for step in steps)


def _sorted(parts: Iterable[tuple[str, Part]]) -> list[tuple[str, list[Part]]]:
    found: dict[str, list[Part]] = {word: [] for word in (DONE, THERE, FAILED, STOPPED, NEVER)}
    for word, part in parts:
        found[word].append(part)
    return [(word, which) for word, which in found.items() if which]


def _component(child: Deployment) -> tuple[str, Part]:
    name = str(child.release)
    if child.status != Status.CANCELLED:
        return WORDS[Status(child.status)], Part(name)
    if child.started_at is None:
        return NEVER, Part(name)
    run = child.step_runs.order_by("attempt", "position").last()
    return STOPPED, Part(name, _how_far(run) if run else "Before its first step.")


def _step(name: str, run: StepRun | None) -> tuple[str, Part]:
    if run is None:
        return NEVER, Part(f"“{name}”")
    if run.exit_status == 0:
        return DONE, Part(f"“{name}”")
    return STOPPED if run.exit_status is None else FAILED, Part(f"“{name}”", _how_far(run))


def _how_far(run: StepRun) -> str:
    """Where it was when it was stopped."""
    return run.outcome or f"“{run.name}” was running; what became of it is not known."
