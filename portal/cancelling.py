"""What cancelling would do to every part of a deployment, told before it is done."""

from dataclasses import dataclass

from deployments.decisions import UNDECIDED
from deployments.models import DONE, Deployment, Status

NOT_STARTED = (Status.REQUESTED, Status.SCHEDULED, Status.PENDING, Status.QUEUED)


@dataclass(frozen=True)
class Consequences:
    """The parts by what becomes of them."""

    dropped: list[Deployment]  # have not started, and never will
    running: list[Deployment]  # go on to their end unless they are stopped
    undecided: list[Deployment]  # wait for a person; cancelling does not tell what is really there
    done: list[Deployment]  # stay as they are
    is_choice: bool  # a component goes on or stays open unless it is stopped: it matters how the cancelling is meant


def consequences_of(deployment: Deployment) -> Consequences:
    """Look at a train's components, or at the deployment itself."""
    parts = [deployment]
    if deployment.project.is_stack:
        parts = list(deployment.children.with_names().order_by("stage", "pk")) or parts
    running = [part for part in parts if part.status == Status.RUNNING]
    undecided = [part for part in parts if part.status in UNDECIDED]
    return Consequences(
        dropped=[part for part in parts if part.status in NOT_STARTED],
        running=running,
        undecided=undecided,
        done=[part for part in parts if part.status in DONE],
        is_choice=deployment.project.is_stack and bool(running or undecided),
    )
