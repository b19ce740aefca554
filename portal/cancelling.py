"""What cancelling would do to every part of a deployment, told before it is done."""

from dataclasses import dataclass

from deployments.models import DONE, Deployment, Status

NOT_STARTED = (Status.REQUESTED, Status.SCHEDULED, Status.PENDING, Status.QUEUED)


@dataclass(frozen=True)
class Consequences:
    """The parts by what becomes of them."""

    dropped: list[Deployment]  # have not started, and never will
    running: list[Deployment]  # go on to their end unless they are stopped
    unknown: list[Deployment]  # their outcome is not known, and cancelling does not tell it
    done: list[Deployment]  # stay as they are

    @property
    def is_choice(self) -> bool:
        """Whether something runs, so that it matters how the cancelling is meant."""
        return bool(self.running or self.unknown)


def consequences_of(deployment: Deployment) -> Consequences:
    """Look at a train's components, or at the deployment itself."""
    parts = [deployment]
    if deployment.project.is_stack:
        parts = list(deployment.children.with_names().order_by("stage", "pk")) or parts
    return Consequences(
        dropped=[part for part in parts if part.status in NOT_STARTED],
        running=[part for part in parts if part.status == Status.RUNNING],
        unknown=[part for part in parts if part.status in (Status.INTERRUPTED, Status.NEEDS_ATTENTION)],
        done=[part for part in parts if part.status in DONE],
    )
