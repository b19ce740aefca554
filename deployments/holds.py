"""Put something on hold, and release it: new deployments wait meanwhile, what runs goes on to its end.

Verbs as in `actions.py`: one transaction each, lock, ask, write, record, ring.
"""

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import trail
from accounts.models import User
from deployments import doorbell, on_hold, train
from deployments.actions import DeploymentRefused, refusal
from deployments.models import Deployment, Hold, Status
from lifecycles.models import Environment
from projects import access
from projects.access import Act
from projects.models import Project

AT_ONCE = 50  # deployments that whoever releases a hold starts; the sweep starts the others


@transaction.atomic
def hold(project: Project | None, environment: Environment | None, *, by: User, reason: str) -> Hold:
    """Keep new deployments of `project` (None: of every project) in `environment` (None: in any) from starting.

    Takes a release manager whose grant covers all of it. Whatever starts in this very moment has started before.
    Raises DeploymentRefused: no reason, a component, outside the project's lifecycle, on hold already.
    """
    if project is not None:
        train.lock_track(project)
    access.require_throughout(by, Act.MANAGE, project, environment)
    reason = reason.strip()
    if not reason:
        raise refusal("reason_missing", "Say why, so that whoever meets the hold knows what it waits for.")
    if project is not None:
        _refuse_wrong_scope(project, environment)
    try:
        with transaction.atomic():
            row = Hold.objects.create(project=project, environment=environment, reason=reason, by=by)
    except IntegrityError as error:  # of two people at once, one put it: the last word is the database's
        raise _on_hold_already(project, environment) from error
    _record(by, "hold.put", row, f"{by} put {row.what} on hold: {reason}")
    return row


def release_hold(hold: Hold, *, by: User, reason: str = "") -> Hold:
    """Let deployments start again, and start at once what has waited for this; the sweep takes what is left over.

    Takes the same right as putting it. Raises DeploymentRefused when it was released already.
    """
    row = _released(hold, by, reason.strip())
    waiting = on_hold.kept_by(row).filter(~on_hold.is_held(), status=Status.SCHEDULED)
    for deployment in waiting.select_related("project").order_by("requested_at", "pk")[:AT_ONCE]:
        train.start_if_clear(deployment)
    return row


@transaction.atomic
def _released(hold: Hold, by: User, reason: str) -> Hold:
    row = Hold.objects.select_for_update(of=("self",)).select_related(*on_hold.NAMES).get(pk=hold.pk)
    access.require_throughout(by, Act.MANAGE, row.project, row.environment)
    if row.released_at:
        raise refusal("released_already", f"{row.released_by} has released the hold of {row.what} already.")
    row.released_at, row.released_by, row.released_because = timezone.now(), by, reason
    row.save(update_fields=["released_at", "released_by", "released_because"])
    because = f": {reason}" if reason else "."
    _record(by, "hold.released", row, f"{by} released the hold of {row.what}{because}")
    for deployment in _queued(row):
        doorbell.ring(deployment)
    return row


# -- how they do it ---------------------------------------------------------------------------------------------------


def _queued(row: Hold) -> list[Deployment]:
    queued = on_hold.kept_by(row).filter(~on_hold.is_held(), status=Status.QUEUED)
    return list(queued.select_related("environment").order_by("requested_at", "pk")[:AT_ONCE])


def _refuse_wrong_scope(project: Project, environment: Environment | None) -> None:
    if project.parent is not None:
        sentence = f"{project} is part of {project.parent}. Put {project.parent} on hold, and its components with it."
        raise refusal("part_of_stack", sentence)
    if environment is not None and environment not in project.track.environments():
        sentence = f"{environment} is not part of the lifecycle of {project}: {project.track}."
        raise refusal("outside", sentence)


def _on_hold_already(project: Project | None, environment: Environment | None) -> DeploymentRefused:
    same = Q(project=project, environment=environment)
    standing = Hold.objects.standing().filter(same).select_related(*on_hold.NAMES).first()
    said = f" {on_hold.sentence_of(standing)}" if standing else ""
    return refusal("on_hold_already", f"It is on hold already.{said}")


def _record(by: User, verb: str, row: Hold, sentence: str) -> None:
    trail.record(by, verb, row, sentence, environment=row.environment.slug if row.environment else None)
