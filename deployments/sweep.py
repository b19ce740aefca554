"""The sweep: every worker looks after everything again and again, so that a lost message is a delay, and a lost worker
is adopted or asked about. Everything it does is a conditional update, so that many sweeps at once do no harm."""

import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from deployments import doorbell, outcomes, presence, runner, spool, train
from deployments.models import UNFINISHED, WAITING, Deployment, Status
from registry import storage

log = logging.getLogger(__name__)
TIDY_SECONDS = 60.0
LONGEST_BETWEEN_RINGS = 300  # seconds
TOMBSTONE_SECONDS = 86_400  # a run that was sealed must stay sealed as long as a late starter may turn up
AT_ONCE = 500  # rows of each kind that one sweep looks at


class Sweep:
    """What one worker remembers from one sweep to the next."""

    def __init__(self) -> None:
        self.started_at = timezone.now()
        self.expired_since: dict[tuple[int, int], float] = {}  # (deployment, fence) → when this sweep first saw it
        self.tidied_at = 0.0

    def forever(self) -> None:
        """Until the worker goes away. A database that is away is waited for."""
        worker = runner.this_worker()
        while not worker.going.wait(settings.SWEEP_SECONDS * random.uniform(0.8, 1.2)):  # noqa: S311 - not a secret
            try:
                self.once()
            except Exception as error:  # noqa: BLE001 - the next sweep repeats it
                log.warning("a sweep failed and will be repeated: %r", error)
                self.expired_since.clear()  # with the database away every lease looks expired: count anew
                connection.close()

    def once(self) -> None:
        """Look after everything once."""
        presence.announce(runner.this_worker().name, self.started_at)
        adopt_orphans()
        start_scheduled()
        expire()
        ring_again()
        self.interrupt_silent()
        for pk in train.stuck():
            train.advance(pk)
        if time.monotonic() - self.tidied_at > TIDY_SECONDS:
            self.tidied_at = time.monotonic()
            tidy()

    def interrupt_silent(self) -> None:
        """Only what this very sweep has seen expired for the whole time of silence, with the database reachable
        throughout, is interrupted: after an outage of the database the owners get time to renew."""
        now, seen = time.monotonic(), {}
        expired = Deployment.objects.filter(status=Status.RUNNING, lease_expires_at__lt=Now())
        for deployment in expired.select_related("project", "release__project", "environment")[:AT_ONCE]:
            key = (deployment.pk, deployment.fence)
            seen[key] = self.expired_since.get(key, now)
            if now - seen[key] >= settings.SILENCE_SECONDS:
                runner.interrupt_silent(deployment)
        self.expired_since = seen


def adopt_orphans() -> None:
    """Follow on the scripts of this host whose worker is gone, or has let its lease run out (a frozen worker)."""
    worker = runner.this_worker()
    mine = Deployment.objects.scripts().filter(host=settings.WORKER_HOST)
    orphans = mine.filter(Q(status=Status.RUNNING) | Q(status=Status.INTERRUPTED) & ~Q(owner=""))
    late = set(orphans.filter(lease_expires_at__lt=Now()).values_list("pk", flat=True))
    for deployment in orphans.exclude(pk__in=worker.active)[:AT_ONCE]:
        own = deployment.owner == worker.name
        if own or deployment.pk in late or not deployment.owner or spool.is_dead(deployment.owner):
            if taken := runner.take_over(deployment):
                _in_a_thread(lambda taken=taken: runner.adopt(taken))  # type: ignore[misc]


def _in_a_thread(run: Callable[[], None]) -> None:
    """Adopted scripts take no slot: they run already, and waiting for a slot would let their lease run out."""

    def body() -> None:
        try:
            run()
        finally:
            connection.close()

    threading.Thread(target=body, name="adopted", daemon=True).start()


def start_scheduled() -> None:
    """Start what is approved and has waited for its time or for a clear track."""
    for deployment in Deployment.objects.filter(status=Status.SCHEDULED).select_related("project")[:AT_ONCE]:
        train.start_if_clear(deployment)


def expire() -> None:
    """End the requests whose latest start has passed."""
    now = timezone.now()
    late = Deployment.objects.tops().filter(
        Q(status__in=WAITING) | Q(status=Status.QUEUED, started_at=None), not_after__lte=now
    )
    for deployment in late.select_related("release__project", "environment")[:AT_ONCE]:
        when = f"{timezone.localtime(deployment.not_after):%d %B %Y %H:%M}"
        outcomes.end(deployment, Status.EXPIRED, f"{deployment} had not started by {when}, its latest start.")


def ring_again() -> None:
    """Wake workers for what is still queued, less and less often, so that a long queue is not multiplied."""
    queued = Deployment.objects.scripts().filter(status=Status.QUEUED).select_related("environment")
    now = timezone.now()
    for row in queued.order_by("rung_at", "pk")[:AT_ONCE]:
        pause = min(settings.RING_AGAIN_SECONDS * 2 ** min(max(row.rung_count - 1, 0), 10), LONGEST_BETWEEN_RINGS)
        if row.rung_at and row.rung_at > now - timedelta(seconds=pause):
            continue
        due = Deployment.objects.filter(pk=row.pk, status=Status.QUEUED, rung_count=row.rung_count)
        if due.update(rung_at=now, rung_count=F("rung_count") + 1):
            doorbell.send(row.pk, doorbell.queue_of(row.environment.worker_pool))


def tidy() -> None:
    """Stop runs of this host that the table has moved past, and clear away what nobody needs any more."""
    storage.discard_abandoned(timedelta(days=1))
    rows = {
        row["pk"]: row
        for row in Deployment.objects.filter(pk__in={deployment for _, deployment, _, _ in spool.known()}).values(
            "pk", "status", "attempt", "host"
        )
    }
    for name, deployment, attempt, _position in list(spool.known()):
        row = rows.get(deployment)
        current = row and row["attempt"] == attempt and row["host"] == settings.WORKER_HOST
        if row and current and row["status"] in UNFINISHED:
            continue
        if spool.processes(name, session=None):
            log.warning("stopping run %s: a newer decision has replaced it", name)
            spool.kill(name, spool.pid_of(name, patience=0), settings.CANCEL_GRACE_SECONDS)
        age = time.time() - spool.directory(name).stat().st_mtime
        if age > TOMBSTONE_SECONDS or (row and row["status"] not in UNFINISHED):
            spool.remove(name)
