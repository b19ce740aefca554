"""What a worker would have left behind, written as rows: no script runs for these tests."""

from django.utils import timezone

from accounts.models import User
from deployments import plans
from deployments.models import Deployment, LogChunk, Status
from releases.models import Release
from tests.factories import a_user, an_environment


def a_deployment(
    release: Release,
    environment: str = "TEST",
    status: Status = Status.SUCCEEDED,
    by: User | None = None,
    **fields: object,
) -> Deployment:
    """A deployment in this status; one that has succeeded is live from now on."""
    place, now = an_environment(environment), timezone.now()
    plan = plans.plan_for(release, place)
    row = Deployment.objects.create(
        project=release.project,
        release=release,
        environment=place,
        status=status,
        mode=plan.mode,
        plan=plan.as_json(),
        fingerprint=plan.fingerprint,
        requested_by=by or a_user("requester"),
        **({"finished_at": now, "started_at": now} if status in ("succeeded", "failed") else {}),
        **fields,
    )
    if status == Status.SUCCEEDED:
        release.project.live_versions.filter(environment=place, until_at=None).update(until_at=now)
        release.project.live_versions.create(environment=place, release=release, deployment=row, from_at=now)
    return row


def a_train(release: Release, environment: str = "TEST") -> Deployment:
    """A stack's deployment that has succeeded with all of its components."""
    parent = a_deployment(release, environment)
    for line in release.components.select_related("release__project"):
        a_deployment(line.release, environment, parent=parent, stage=line.stage)
    return parent


def a_log(deployment: Deployment, text: str) -> None:
    run = deployment.step_runs.create(attempt=1, position=1, name="Run the release package", finished_at=timezone.now())
    LogChunk.objects.create(step_run=run, sequence=0, first_line=0, raw_end=len(text), text=text)
