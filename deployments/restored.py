"""After the rows have come from a backup: they say what was true then, and the world has gone on since.

What was moving then may have been carried out in the meantime, so that none of it goes on by itself. Whoever restores
calls `make_safe` before any worker starts.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts import trail
from deployments import outcomes, train
from deployments.models import UNDER_WAY, Deployment, Status, StepRun, Worker, move

# Workers know scripts by the number of their deployment. Those given since the backup may still lie in their spools,
# and must not come to mean another deployment.
NUMBERS_LEFT_OUT = 1_000_000
TABLE = Deployment._meta.db_table


@dataclass(frozen=True)
class Aftermath:
    """How many deployments a person has to look at, and why."""

    unknown: int  # were running or about to: outcome unknown
    asked_again: int  # had been approved and not started: need approval again
    cancelled: int  # had nobody to approve them, or their stage had not begun


@transaction.atomic
def make_safe(taken_at: datetime) -> Aftermath:
    """Let nothing go on that may have been carried out since `taken_at` (aware). Nothing may run meanwhile."""
    backup = f"the backup of {timezone.localtime(taken_at):%d %B %Y %H:%M} was taken"
    Worker.objects.all().delete()
    aftermath = Aftermath(
        unknown=_ask_about_scripts(backup),
        asked_again=_ask_for_approval_again(backup),
        cancelled=_cancel_what_nobody_approves(backup) + _cancel_later_stages(backup),
    )
    for pk in Deployment.objects.filter(status__in=UNDER_WAY, project__kind="stack").values_list("pk", flat=True):
        train.advance(pk)
    _leave_numbers_out()
    return aftermath


def _ask_about_scripts(backup: str) -> int:
    """Outcome unknown, also of what only waited for a worker. No worker that returns may answer for it: a spool that
    was cleared since looks like a script that never started."""
    Deployment.objects.filter(status=Status.INTERRUPTED).exclude(owner="").update(owner="", fence=F("fence") + 1)
    moving = Deployment.objects.scripts().filter(status__in=(Status.QUEUED, Status.RUNNING)).with_names()
    rows = list(moving.order_by("pk"))
    for row in rows:
        state = "running" if row.status == Status.RUNNING else "waiting for a worker"
        sentence = (
            f"Outcome unknown: it was {state} when {backup}, from which the portal was restored. Find out what became of"
            " it, then decide."
        )
        move(row.pk, Status.RUNNING)
        move(row.pk, Status.INTERRUPTED, outcome=sentence, owner="", fence=F("fence") + 1, lease_expires_at=None)
        StepRun.objects.filter(deployment=row, finished_at=None).update(finished_at=timezone.now(), outcome=sentence)
        trail.record(None, "deployment.interrupted", row, f"{row}: {sentence}")
    return len(rows)


def _ask_for_approval_again(backup: str) -> int:
    rows = [row for row in _about_to_start() if row.gates]
    for row in rows:
        because = f"The portal was restored; it may have started since {backup}."
        row.approvals.filter(withdrawn_at=None).update(withdrawn_at=timezone.now(), withdrawn_because=because)
        move(row.pk, Status.REQUESTED)
        trail.record(None, "deployment.replanned", row, f"{row} needs new approvals. {because}")
    return len(rows)


def _cancel_what_nobody_approves(backup: str) -> int:
    rows = [row for row in _about_to_start() if not row.gates]
    for row in rows:
        sentence = f"It waited to start when {backup}, and may have started since. Ask for it again if it is wanted."
        outcomes.end(row, Status.CANCELLED, sentence, fence=F("fence") + 1)
    return len(rows)


def _about_to_start() -> list[Deployment]:
    """What is approved, unless its time has not come even by now."""
    approved = Deployment.objects.filter(status=Status.SCHEDULED).exclude(start_at__gt=timezone.now())
    return list(approved.with_names().order_by("pk"))


def _cancel_later_stages(backup: str) -> int:
    """Otherwise they would start as soon as somebody has decided on the stage before."""
    rows = list(Deployment.objects.filter(status=Status.PENDING).with_names().order_by("pk"))
    for row in rows:
        outcomes.end(row, Status.CANCELLED, f"Its stage had not begun when {backup}.", fence=F("fence") + 1)
    return len(rows)


def _leave_numbers_out() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM {TABLE}")  # noqa: S608 - a name of ours
        next_one = cursor.fetchone()[0] + NUMBERS_LEFT_OUT
        if connection.vendor == "sqlite":
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [TABLE])
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [TABLE, next_one])
        else:
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [TABLE, next_one])
