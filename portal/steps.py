"""The steps of a script as they ran: in which attempt, and which try it was of a step that is tried again by itself."""

from collections import Counter
from dataclasses import dataclass

from deployments.models import Deployment, StepRun


@dataclass(frozen=True)
class Ran:
    """One run of a step. `number`: which try of this step it was; `most`: how many tries it takes by itself."""

    run: StepRun
    number: int
    most: int

    @property
    def which_try(self) -> str:
        """In words, where the step is one that is tried again by itself; otherwise empty."""
        if self.most == 1:
            return ""
        return f"try {self.number} of {self.most}" if self.number <= self.most else f"try {self.number}"


def ran(deployment: Deployment) -> list[Ran]:
    """Every run of its steps, in order; none for a train, whose steps are its components."""
    if deployment.project.is_stack:
        return []
    most = {step["position"]: step["retries"] + 1 for step in deployment.release.snapshot["process"]["steps"]}
    seen: Counter[int] = Counter()
    found = []
    for run in deployment.step_runs.order_by("attempt", "position"):
        seen[run.position] += 1
        found.append(Ran(run, seen[run.position], most.get(run.position, 1)))
    return found
