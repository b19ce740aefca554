"""The sweep: every worker looks after everything again and again, so that a lost message is a delay, and a lost worker
is adopted or asked about. Everything it does is a conditional update, so that many sweeps at once do no harm."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from deployments import concluding, doorbell, holding, on_hold, outcomes, outside, presence, queue, runner, spool, train
from deployments.holding import DATABASE_AWAY
from deployments.models import UNFINISHED, WAITING, Deployment, Status
from registry import scrubbing, storage
from releases import retention

log = logging.getLogger(__name__)
Item = TypeVar("Item")
TIDY_SECONDS = 60.0
LONGEST_BETWEEN_RINGS = 300  # seconds
TOMBSTONE_SECONDS = 86_400  # a run that was sealed must stay sealed as long as a late starter may turn up
AT_ONCE = 500  # rows of each kind that one sweep looks at
REMOVED_AT_ONCE = 100  # versions that one sweep removes, so that what else it does need not wait for long


class Sweep:
    """What one worker remembers from one sweep to the next."""

    def __init__(self) -> None:
        self.started_at = timezone.now()
        self.expired_since: dict[tuple[int, int], float] = {}  # (deployment, fence) → when this sweep first saw it
        self.tidied_at = float("-inf")
        self.watch = outside.Watch(then=start_scheduled)
        self.removed_at = float("-inf")
        self.checking: threading.Thread | None = None

    def forever(self) -> None:
        """At once, then until the worker goes away. A database that is away is waited for, and so is room on the disk."""
        going = threading.Event()
        while not going.is_set():
            try:
                going = holding.this_worker().going  # with a full disk this process cannot become a worker
                self.once()
            except Exception as error:  # noqa: BLE001 - the next sweep repeats it
                log.warning("a sweep failed and will be repeated: %r", error)
                self.expired_since.clear()  # with the database away every lease looks expired: count anew
                connection.close()
            going.wait(settings.SWEEP_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - not a secret

    def once(self) -> None:
        """Look after everything once. Expiring comes before starting: a latest start that passed while no worker lived
        must not be missed."""
        presence.announce(holding.this_worker().name, self.started_at)
        first: tuple[Callable[[], None], ...] = (adopt_orphans, expire, start_scheduled, ring_again)
        then = (wake_for_what_waits, self.interrupt_silent, advance_stuck, self.watch.look_round)
        last = (self.tidy, self.remove_old_versions)
        _each((*first, *then, *last), lambda duty: duty())

    def interrupt_silent(self) -> None:
        """Only what this very sweep has seen expired for the whole time of silence, with the database reachable
        throughout, is interrupted: after an outage of the database the owners get time to renew."""
        now, seen = time.monotonic(), {}
        expired = Deployment.objects.filter(status=Status.RUNNING, lease_expires_at__lt=Now())
        for deployment in expired.select_related("project", "release__project", "environment")[:AT_ONCE]:
            key = (deployment.pk, deployment.fence)
            seen[key] = self.expired_since.get(key, now)
            if now - seen[key] >= settings.SILENCE_SECONDS:
                concluding.interrupt_silent(deployment)
        self.expired_since = seen

    def tidy(self) -> None:
        """Clear away, once a minute."""
        if time.monotonic() - self.tidied_at > TIDY_SECONDS:
            self.tidied_at = time.monotonic()
            tidy()
            self.check_packages()

    def check_packages(self) -> None:
        """Hash stored packages again beside everything else, in one thread that ends when none is due any more."""
        is_busy = self.checking is not None and self.checking.is_alive()
        if not is_busy and scrubbing.is_due():
            going = holding.this_worker().going
            self.checking = _in_a_thread(lambda: scrubbing.check_due(going.wait), "checking")

    def remove_old_versions(self) -> None:
        """Every RETENTION_HOURS (0: never), and by one worker: remove the versions that the retention rules let go."""
        every = settings.RETENTION_HOURS * 3600
        if not every or time.monotonic() - self.removed_at < every:
            return
        if presence.is_eldest(holding.this_worker().name):
            self.removed_at = time.monotonic()
            if len(retention.apply(at_most=REMOVED_AT_ONCE)) == REMOVED_AT_ONCE:
                self.removed_at = float("-inf")  # there may be more: the next sweep goes on


def _each(items: Iterable[Item], look_after: Callable[[Item], object]) -> None:
    """One that cannot be looked after does not keep the others waiting. Raises when the database is away."""
    for item in items:
        try:
            look_after(item)
        except DATABASE_AWAY:
            raise
        except Exception:
            log.exception("the sweep could not look after %s", item)


def adopt_orphans() -> None:
    """Follow on the scripts of this host whose worker is gone, or has let its lease run out (a frozen worker)."""
    mine = Deployment.objects.scripts().filter(host=settings.WORKER_HOST)
    orphans = mine.filter(Q(status=Status.RUNNING) | Q(status=Status.INTERRUPTED) & ~Q(owner=""))
    late = set(orphans.filter(lease_expires_at__lt=Now()).values_list("pk", flat=True))
    _each(orphans[:AT_ONCE], lambda deployment: _adopt_if_lost(deployment, is_late=deployment.pk in late))


def _adopt_if_lost(deployment: Deployment, *, is_late: bool) -> None:
    worker = holding.this_worker()
    if worker.works_on(deployment):  # asked after the row was read: it is noted before the row can be seen
        return
    is_lost = is_late or deployment.owner == worker.name or spool.is_dead(deployment.owner)
    if is_lost and (taken := holding.take_over(deployment)):
        # takes no slot: it runs already, and waiting for a slot would let its lease run out
        _in_a_thread(lambda: runner.adopt(taken), "adopted")


def _in_a_thread(run: Callable[[], object], name: str) -> threading.Thread:
    def body() -> None:
        try:
            run()
        finally:
            connection.close()

    thread = threading.Thread(target=body, name=name, daemon=True)
    thread.start()
    return thread


def start_scheduled() -> None:
    """Start what is approved and has waited for its time or for a clear track. What is on hold is passed over, so that
    however much of it there is, it neither slows the sweep nor keeps others out of it."""
    waiting = Deployment.objects.filter(~on_hold.is_held(), status=Status.SCHEDULED).select_related("project")
    _each(waiting.order_by("pk")[:AT_ONCE], train.start_if_clear)


def expire() -> None:
    """End the requests whose latest start has passed."""
    late = Deployment.objects.tops().filter(
        Q(status__in=WAITING) | Q(status=Status.QUEUED, started_at=None), not_after__lte=timezone.now()
    )
    _each(late.select_related("release__project", "environment")[:AT_ONCE], _expire)


@transaction.atomic
def _expire(deployment: Deployment) -> None:
    when = f"{timezone.localtime(deployment.not_after):%d %B %Y %H:%M}"
    sentence = f"{deployment} had not started by {when}, its latest start."
    outcomes.end(deployment, Status.EXPIRED, sentence, holding=deployment.fence)


def ring_again() -> None:
    """Wake workers for what is still queued, less and less often, so that a long queue is not multiplied.

    What the broker did not take does not count.
    """
    queued = Deployment.objects.scripts().filter(status=Status.QUEUED).select_related("environment")
    now = timezone.now()
    for row in queued.order_by(F("rung_at").asc(nulls_first=True), "pk")[:AT_ONCE]:
        pause = min(settings.RING_AGAIN_SECONDS * 2 ** min(max(row.rung_count - 1, 0), 10), LONGEST_BETWEEN_RINGS)
        if row.rung_at and row.rung_at > now - timedelta(seconds=pause):
            continue
        due = Deployment.objects.filter(pk=row.pk, status=Status.QUEUED, rung_count=row.rung_count)
        if not due.update(rung_at=now, rung_count=F("rung_count") + 1):
            continue
        if not doorbell.send(row.pk, doorbell.queue_of(row.environment.worker_pool)):
            Deployment.objects.filter(pk=row.pk).update(rung_at=row.rung_at, rung_count=row.rung_count)
            return


def wake_for_what_waits() -> None:
    """Wake a worker for the first in each queue that may start. What was passed over may start without anybody saying
    so, as when its environment has room again after a script that took no slot. Whoever wakes takes the others, too."""
    worker = holding.this_worker()
    if worker.busy >= settings.WORKER_SLOTS:
        return
    for pool in settings.WORKER_POOLS:
        if first := queue.first(pool, worker=worker.name):
            doorbell.send(first.pk, doorbell.queue_of(pool))


def advance_stuck() -> None:
    """Let trains go on whose last advance was lost."""
    _each(train.stuck(), train.advance)


def tidy() -> None:
    """Stop runs of this host that the table has moved past, and clear away what nobody needs any more."""
    storage.discard_abandoned(timedelta(days=1))
    spool.forget_dead_owners(TOMBSTONE_SECONDS)
    spool.clear_leftovers()
    runs = list(spool.known())  # before the rows: a run's directory is made after its row says so
    rows = {row.pk: row for row in Deployment.objects.filter(pk__in={run[1] for run in runs})}
    _each(runs, lambda run: _tidy(run[0], run[2], rows.get(run[1])))


def _tidy(name: str, attempt: int, row: Deployment | None) -> None:
    is_over = row is not None and row.status not in UNFINISHED
    if row and not is_over and row.attempt == attempt and row.host == settings.WORKER_HOST:
        return
    if spool.processes(name, session=None):
        log.warning("stopping run %s: a newer decision has replaced it", name)
        spool.kill(name, spool.pid_of(name, patience=0), settings.CANCEL_GRACE_SECONDS)
    if is_over or spool.age(name) > TOMBSTONE_SECONDS:
        spool.remove(name)
