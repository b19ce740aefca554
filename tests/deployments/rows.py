"""Deployments as people and workers leave them, without running any script: for tests that ask about the rows."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from deployments import actions, holding, outcomes, train
from deployments.models import FINAL, Deployment, LiveVersion, Status, Worker, move
from lifecycles.models import Environment, Lifecycle
from projects.models import Project
from registry.versions import parse
from releases.models import Release
from tests.deployments.scenes import a_manager, requested
from tests.factories import a_stack, an_environment, provided


def a_rows_shop(lifecycle: Lifecycle | None = None) -> Project:
    """API (stage 1) before UI (stage 2); whatever versions a release names are made up."""
    return a_stack("Shop", components={"API": 1, "UI": 2}, lifecycle=lifecycle)


def claimed() -> Deployment:
    """What has waited longest for a worker, now running."""
    deployment = holding.claim_next("default")
    assert deployment is not None, "nothing is queued"
    return deployment


def ended(deployment: Deployment, status: Status = Status.SUCCEEDED) -> Deployment:
    """A running script came to this, and its train went on."""
    assert outcomes.end(deployment, status, f"It {status}.", holding=deployment.fence)
    if deployment.parent_id:
        train.advance(deployment.parent_id)
    return deployment


def run_out(status: Status = Status.SUCCEEDED) -> None:
    """Everything that is queued, and whatever that lets start, comes to this."""
    while deployment := holding.claim_next("default"):
        ended(deployment, status)


def went_live(release: Release, environment: str = "TEST") -> Deployment:
    """Requested by a release manager where nobody needs to approve, and succeeded."""
    deployment = requested(provided(release), environment, **({"reason": "alone"} if release.project.parent_id else {}))
    run_out()
    deployment.refresh_from_db()
    assert deployment.status == Status.SUCCEEDED, deployment.outcome
    return deployment


def failed(release: Release, environment: str = "TEST") -> Deployment:
    """The same, but whatever ran first has failed."""
    deployment = requested(provided(release), environment, **({"reason": "alone"} if release.project.parent_id else {}))
    run_out(Status.FAILED)
    deployment.refresh_from_db()
    assert deployment.status == Status.FAILED, deployment.outcome
    return deployment


def interrupted(deployment: Deployment, *, silent: bool = False) -> Deployment:
    """A running script of which nobody knows what became. `silent`: its host may still be running it."""
    changes = {} if silent else {"owner": ""}
    assert move(deployment.pk, Status.INTERRUPTED, outcome="Outcome unknown.", **changes)
    if deployment.parent_id:
        train.advance(deployment.parent_id)
    deployment.refresh_from_db()
    return deployment


def paused(deployment: Deployment, step: str = "Run the release package", position: int = 1) -> Deployment:
    """A running script that waits for a person because this step of it has failed, as a worker leaves it."""
    sentence = f"“{step}” failed with exit status 3."
    deployment.step_runs.create(
        attempt=deployment.attempt,
        position=position,
        name=step,
        finished_at=timezone.now(),
        exit_status=3,
        outcome=sentence,
    )
    assert move(deployment.pk, Status.NEEDS_ATTENTION, outcome=sentence, owner="", lease_expires_at=None)
    if deployment.parent_id:
        train.advance(deployment.parent_id)
    deployment.refresh_from_db()
    return deployment


def a_bare_release(project: Project | None = None, number: str = "1.0.1", **fields: object) -> Release:
    """A release's own row, which holds nothing."""
    fields = {"created_by": a_manager(), "sort_key": parse(number).sort_key, "fingerprint": number} | fields
    return Release.objects.create(project=project or a_stack(), number=number, **fields)


def a_row(
    status: Status = Status.REQUESTED,
    release: Release | None = None,
    environment: Environment | None = None,
    **fields: object,
) -> Deployment:
    """A deployment with this status, however it came there; of an empty stack in TEST where nothing else is said."""
    release = release or a_bare_release()
    final = {"finished_at": timezone.now()} if status in FINAL else {}
    return Deployment.objects.create(
        project=release.project,
        release=release,
        environment=environment or an_environment("TEST"),
        status=status,
        **({"mode": Deployment.Mode.PROMOTE, "requested_by": a_manager()} | final | fields),
    )


def a_live_interval(row: Deployment, begun: int, over: int | None = None) -> LiveVersion:
    """Live from `begun` to `over` minutes after an hour ago (None: still)."""
    start = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    return LiveVersion.objects.create(
        project=row.project,
        environment=row.environment,
        release=row.release,
        deployment=row,
        from_at=start + timedelta(minutes=begun),
        until_at=None if over is None else start + timedelta(minutes=over),
    )


def a_lifecycle_of(*phases: tuple[str, ...], optional: str = "", minimum: int = 0) -> Lifecycle:
    """Phases of several environments, named after their first one. `optional`: the phase of this name is; `minimum`
    is that of the first phase."""
    lifecycle = Lifecycle.objects.create(name="Track", slug="track")
    for position, names in enumerate(phases, start=1):
        phase = lifecycle.phases.create(
            name=names[0], position=position, optional=names[0] == optional, minimum=minimum if position == 1 else 0
        )
        for name in names:
            phase.places.create(environment=an_environment(name))
    return lifecycle


def approved(deployment: Deployment, by: User, comment: str = "") -> Deployment:
    """Approved by this person, who saw the request as it stands."""
    deployment.refresh_from_db()
    return actions.approve(deployment, by=by, fingerprint=deployment.fingerprint, comment=comment)


def rejected(deployment: Deployment, by: User, comment: str = "The figures are wrong.") -> Deployment:
    deployment.refresh_from_db()
    return actions.reject(deployment, by=by, fingerprint=deployment.fingerprint, comment=comment)


def a_worker(name: str = "one.example:1:abc", *pools: str, heard: int = 0, **fields: object) -> Worker:
    """A worker that was heard so many seconds ago; of the pool “default” where none are named."""
    now = timezone.now()
    usual = {"host": name.split(":")[0], "pools": list(pools or ("default",)), "slots": 8, "started_at": now}
    return Worker.objects.create(name=name, heard_at=now - timedelta(seconds=heard), **(usual | fields))
