"""How a deployment ends: the one place that moves rows to final statuses and writes what is live."""

from typing import Any

from django.utils import timezone

from accounts import trail
from accounts.models import User
from config import quick
from deployments.models import Deployment, LiveVersion, Status, move


def end(
    deployment: Deployment,
    status: Status,
    sentence: str,
    *,
    by: User | None = None,
    holding: int | None = None,
    **changes: Any,
) -> bool:
    """Move to a final status, with what is live and the trail, in the caller's transaction.

    Returns False, having changed nothing, when the row is final already or a newer owner holds it.
    """
    now = timezone.now()
    if not move(
        deployment.pk, status, holding=holding, finished_at=now, outcome=sentence, lease_expires_at=None, **changes
    ):
        return False
    if status == Status.SUCCEEDED:
        _write_live(deployment)
    said = sentence if str(deployment.release) in sentence else f"{deployment}: {sentence}"
    trail.record(by, f"deployment.{status}", deployment, said, attempt=deployment.attempt)
    deployment.status, deployment.finished_at, deployment.outcome = status, now, sentence
    return True


def conclude_steps(deployment: Deployment, *, holding: int | None = None) -> bool:
    """End a script of which no step is left to run: it is live, or has failed where a failed step was ignored, however
    well it went on. Returns what `end` returns."""
    if not deployment.failure_ignored:
        sentence = f"{deployment.release} is live in {deployment.environment}."
        return end(deployment, Status.SUCCEEDED, sentence, holding=holding)
    ignored = deployment.step_runs.filter(ignored=True).order_by("attempt", "position")
    said = " ".join(ignored.values_list("outcome", flat=True))  # what failed, who ignored it and why
    sentence = f"{deployment} went on although a step had failed, so that it does not count as deployed. {said}"
    return end(deployment, Status.FAILED, sentence, holding=holding)


def _write_live(deployment: Deployment) -> None:
    """Close what was live there and open the new interval, both at one moment."""
    here = {"project_id": deployment.project_id, "environment_id": deployment.environment_id}
    at = timezone.now()
    for before in quick.select(LiveVersion, ("id", "from_at"), {**here, "until_at": None}, quick.locked()):
        at = max(at, before.from_at)  # the clock may have been set back since
        quick.update(LiveVersion, {"id": before.pk}, until_at=at)
    quick.insert(LiveVersion(**here, release_id=deployment.release_id, deployment_id=deployment.pk, from_at=at))
