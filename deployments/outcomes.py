"""How a deployment ends: the one place that moves rows to final statuses and writes what is live."""

from typing import Any

from django.utils import timezone

from accounts import trail
from accounts.models import User
from deployments.models import Deployment, LiveVersion, Status


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
    moved = Deployment.objects.filter(pk=deployment.pk).move(
        status, holding=holding, finished_at=now, outcome=sentence, lease_expires_at=None, **changes
    )
    if not moved:
        return False
    if status == Status.SUCCEEDED:
        _write_live(deployment)
    said = sentence if str(deployment.release) in sentence else f"{deployment}: {sentence}"
    trail.record(by, f"deployment.{status}", deployment, said, attempt=deployment.attempt)
    deployment.status, deployment.finished_at, deployment.outcome = status, now, sentence
    return True


def _write_live(deployment: Deployment) -> None:
    """Close what was live there and open the new interval, both at one moment."""
    place = LiveVersion.objects.select_for_update().filter(
        project=deployment.project_id, environment=deployment.environment_id
    )
    at = timezone.now()
    for before in place.now():
        at = max(at, before.from_at)  # the clock may have been set back since
    place.now().update(until_at=at)
    LiveVersion.objects.create(
        project_id=deployment.project_id,
        environment_id=deployment.environment_id,
        release_id=deployment.release_id,
        deployment=deployment,
        from_at=at,
    )
