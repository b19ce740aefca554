"""Hold a deployment: claim it, keep its lease, take it over from a worker that is gone, hand it over.

A worker holds a row by its fence: every write names it, and whoever claims, takes over or decides raises it. A worker
that lost its row writes nothing more.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from accounts import trail
from deployments import spool, train
from deployments.models import Deployment, DeploymentQuerySet, Status

log = logging.getLogger(__name__)
Outcome = TypeVar("Outcome")
DATABASE_AWAY = (OperationalError, InterfaceError)
HANDED_OVER = "handed over"  # an owner that is never alive, so that every worker of the host may take over at once


class Fenced(Exception):
    """Somebody else holds the row now: stop, and write nothing more."""


class HandedOver(Exception):
    """This worker is going away. A script that runs goes on, and the next worker of this host adopts it."""


class Worker:
    """What this process is while it carries deployments out: its name, what it works on, whether it is going away."""

    def __init__(self) -> None:
        self.ownership = spool.Ownership()
        self.place = spool.place()
        self.going = threading.Event()
        self._active: set[tuple[int, int]] = set()

    @property
    def name(self) -> str:
        return self.ownership.name

    def works_on(self, deployment: Deployment) -> bool:
        """Whether a thread of this process holds this row, under this very fence."""
        return (deployment.pk, deployment.fence) in self._active

    def begin(self, deployment: Deployment) -> None:
        self._active.add((deployment.pk, deployment.fence))

    def end(self, deployment: Deployment) -> None:
        self._active.discard((deployment.pk, deployment.fence))


_worker: Worker | None = None
_worker_lock = threading.Lock()


def this_worker() -> Worker:
    """The worker that this process is; made on first use."""
    global _worker  # noqa: PLW0603 - one process, one worker
    with _worker_lock:
        if _worker is None:
            _worker = Worker()
        return _worker


# -- take -------------------------------------------------------------------------------------------------------------


def claim(pk: int) -> Deployment | None:
    """Take a queued deployment for this worker. None: another worker has it, it is over, or its latest start passed.

    A single conditional UPDATE of this one table. With a join, PostgreSQL would let two through: of the other tables
    it does not look at the new versions of rows after it has waited for a lock.
    """
    worker = this_worker()
    if worker.going.is_set():
        return None
    queued = Deployment.objects.filter(pk=pk, status=Status.QUEUED)
    with _noted(worker) as note, transaction.atomic():
        mine = queued.exclude(started_at=None, not_after__lte=Now()).move(
            Status.RUNNING,
            fence=F("fence") + 1,
            attempt=F("attempt") + 1,
            owner=worker.name,
            host=settings.WORKER_HOST,
            boot_id=worker.place,
            lease_expires_at=lease(),
            deadline_at=None,
            started_at=Coalesce("started_at", Now()),
        )
        if not mine:
            return None
        deployment = note(pk)
        sentence = f"{deployment} is carried out on {deployment.host} (attempt {deployment.attempt})."
        trail.record(None, "deployment.claimed", deployment, sentence, owner=worker.name)
    return deployment


def claim_next(pool: str) -> Deployment | None:
    """Take the deployment that has waited longest in this pool, if any."""
    waiting = Deployment.objects.scripts().filter(status=Status.QUEUED, environment__worker_pool=pool)
    for pk in list(waiting.order_by("requested_at", "pk").values_list("pk", flat=True)[:20]):
        if deployment := claim(pk):
            return deployment
    return None


def take_over(deployment: Deployment) -> Deployment | None:
    """Take the row from the worker of this host that held it when it was read. None: it is not that worker's any more.

    What an interrupted run came to is known after all when its host returns.
    """
    worker = this_worker()
    with _noted(worker) as note, transaction.atomic():
        lock_train(deployment)
        row = Deployment.objects.filter(pk=deployment.pk, fence=deployment.fence)
        held = row.filter(status__in=(Status.RUNNING, Status.INTERRUPTED))
        if not held.update(fence=F("fence") + 1, owner=worker.name, lease_expires_at=lease(), outcome=""):
            return None
        Deployment.objects.filter(pk=deployment.pk, status=Status.INTERRUPTED).move(Status.RUNNING)
        taken = note(deployment.pk)
        trail.record(None, "deployment.adopted", taken, f"{taken} was adopted by a new worker of its host.")
        if taken.parent_id:
            train.advance(taken.parent_id)
    return taken


@contextlib.contextmanager
def _noted(worker: Worker) -> Iterator[Callable[[int], Deployment]]:
    """Note as this worker's what is being taken, before the transaction lets anybody see it: the sweep adopts what
    bears this worker's name and nobody here works on. A transaction that fails takes the note with it."""
    noted: list[Deployment] = []

    def note(pk: int) -> Deployment:
        row = Deployment.objects.select_related(
            "project", "release__project", "environment", "parent__release__project"
        ).get(pk=pk)
        noted.append(row)
        worker.begin(row)
        return row

    try:
        yield note
    except BaseException:
        for row in noted:
            worker.end(row)
        raise


# -- keep -------------------------------------------------------------------------------------------------------------


def ours(deployment: Deployment) -> DeploymentQuerySet:
    """The row, as long as it runs under the fence that we hold."""
    return Deployment.objects.filter(pk=deployment.pk, fence=deployment.fence, status=Status.RUNNING)


def renew(deployment: Deployment, **changes: Any) -> bool:
    """Extend the lease, and write `changes` with it. Returns whether stopping was asked for.

    Raises Fenced when the row is no longer ours.
    """
    if not ours(deployment).update(lease_expires_at=lease(), **changes):
        raise Fenced
    asked = Deployment.objects.filter(pk=deployment.pk, cancel_requested_at__isnull=False, cancel_stops_running=True)
    return asked.exists()


@contextlib.contextmanager
def kept(deployment: Deployment) -> Iterator[None]:
    """Renew the lease during something that may take longer than a lease, such as unpacking gigabytes."""
    over = threading.Event()

    def renew_again() -> None:
        while not over.wait(settings.LEASE_SECONDS / 3):
            with contextlib.suppress(*DATABASE_AWAY):
                ours(deployment).update(lease_expires_at=lease())
            connection.close()

    threading.Thread(target=renew_again, name="lease", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def hand_over(deployment: Deployment) -> None:
    """Let any worker of this host take over at once. The lease stays: other hosts give this one time to return."""
    ours(deployment).update(owner=HANDED_OVER, lease_expires_at=lease())


# -- small things -----------------------------------------------------------------------------------------------------


def lock_train(deployment: Deployment) -> None:
    """A train's row is locked before its components', by everybody, so that nobody waits in a circle."""
    if deployment.parent_id:
        Deployment.objects.select_for_update(no_key=True).get(pk=deployment.parent_id)


def lease() -> Any:
    """By the database's clock, so that hosts need not agree on the time."""
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def retried(write: Callable[[], Outcome]) -> Outcome:
    """Do it, however long the database is away: the script runs on, and its directory holds everything meanwhile.

    Not for use inside a transaction. Raises what the database raised when this worker is going away.
    """
    wait = 0.2
    while True:
        try:
            return write()
        except DATABASE_AWAY as error:
            log.warning("the database is not available, trying again in %.1f s: %r", wait, error)
            connection.close()
            if this_worker().going.wait(wait):
                raise
            wait = min(wait * 2, 5)
