"""Hold a deployment: claim it, keep its lease, take it over from a worker that is gone, hand it over.

A worker holds a row by its fence: every write names it, and whoever claims, takes over or decides raises it. A worker
that lost its row writes nothing more.
"""

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts import trail
from config import quick
from deployments import doorbell, nearby, queue, spool, train
from deployments.models import Deployment, Status, move

log = logging.getLogger(__name__)
NEXT_FENCE, NEXT_ATTEMPT = RawSQL('"fence" + 1', ()), RawSQL('"attempt" + 1', ())
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

    @property
    def busy(self) -> int:
        """How many deployments it works on, adopted ones included."""
        return len(self._active)

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

TRIES = 20  # of a claim, where others take the last free place of an environment


def claim(pk: int, pool: str) -> Deployment | None:
    """Take a deployment that waits in this pool. None: it waits there no more, or something keeps it from starting."""
    with taking() as taken:
        return taken.one(pool, pk)


def claim_next(pool: str) -> Deployment | None:
    """Take the deployment that has waited longest in this pool of all that may start, if any."""
    with taking() as taken:
        return taken.one(pool)


def take_over(deployment: Deployment) -> Deployment | None:
    """Take the row from the worker of this host that held it when it was read. None: it is not that worker's any more.

    What an interrupted run came to is known after all when its host returns.
    """
    with taking() as taken:
        return taken.over(deployment)


@contextlib.contextmanager
def taking() -> Iterator["Taking"]:
    """A transaction in which this worker may take rows, and write what else belongs to it.

    What is taken is noted as this worker's before anybody can see it: the sweep adopts what bears this worker's name
    and nobody here works on. A transaction that fails takes the notes with it.
    """
    taken = Taking(this_worker())
    try:
        with transaction.atomic():
            yield taken
    except BaseException:
        for row in taken.rows:
            taken.worker.end(row)
        raise


class Taking:
    """What is taken in one transaction. Made by `taking`."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.rows: list[Deployment] = []

    def one(self, pool: str, pk: int | None = None) -> Deployment | None:
        """Deployment `pk`, or the one that has waited longest of all in this pool that may start; None: there is none."""
        if self.worker.going.is_set():
            return None
        for _ in range(TRIES):
            first = queue.first(pool, pk, worker=self.worker.name, lock=True)
            if first is None:
                return None
            if queue.has_room(first) and self._claim(first.pk):
                return self._claimed(first.pk)
        return None

    def over(self, deployment: Deployment) -> Deployment | None:
        """As `take_over`."""
        lock_train(deployment)
        held = {"id": deployment.pk, "fence": deployment.fence, "status": (Status.RUNNING, Status.INTERRUPTED)}
        changes = {"fence": NEXT_FENCE, "owner": self.worker.name, "lease_expires_at": lease(), "outcome": ""}
        if not quick.update(Deployment, held, **changes):
            return None
        if deployment.status == Status.INTERRUPTED:
            move(deployment.pk, Status.RUNNING)
        row = self._noted(deployment.pk)
        trail.record(None, "deployment.adopted", row, f"{row} was adopted by a new worker of its host.")
        if row.parent_id:
            train.advance(row.parent_id)
        return row

    def _claim(self, pk: int) -> bool:
        return move(
            pk,
            Status.RUNNING,
            fence=NEXT_FENCE,
            attempt=NEXT_ATTEMPT,
            owner=self.worker.name,
            host=settings.WORKER_HOST,
            boot_id=self.worker.place,
            lease_expires_at=lease(),
            deadline_at=None,
            started_at=_started_at(),
        )

    def _claimed(self, pk: int) -> Deployment:
        row = self._noted(pk)
        doorbell.answered(pk)
        if row.overdue_at is None and (ends := _ends(row)):
            row.overdue_at = ends
            quick.update(Deployment, {"id": pk}, overdue_at=ends)
        sentence = f"{row} is carried out (attempt {row.attempt})."  # where: for those who see technical details
        trail.record(None, "deployment.claimed", row, sentence, owner=self.worker.name)
        return row

    def _noted(self, pk: int) -> Deployment:
        row = nearby.deployment(pk)
        self.rows.append(row)
        self.worker.begin(row)
        return row


def _ends(row: Deployment) -> datetime | None:
    """When the deployment has taken too long: by its own project's limit or its train's, whichever comes first."""
    limit = row.project.time_limit_seconds
    own = timezone.now() + timedelta(seconds=limit) if limit else None
    ends = [end for end in (own, row.parent.overdue_at if row.parent else None) if end]
    return min(ends, default=None)


# -- keep -------------------------------------------------------------------------------------------------------------


def renew(deployment: Deployment, **changes: Any) -> None:
    """Extend the lease, and write `changes` with it. Raises Fenced when the row is no longer ours."""
    if not quick.update(Deployment, _ours(deployment), lease_expires_at=lease(), **changes):
        raise Fenced


def is_to_stop(deployment: Deployment) -> bool:
    """Whether stopping was asked for. Raises Fenced when the row is no longer ours."""
    names = ("id", "cancel_requested_at", "cancel_stops_running")
    rows = quick.select(Deployment, names, _ours(deployment))
    if not rows:
        raise Fenced
    return rows[0].cancel_requested_at is not None and rows[0].cancel_stops_running


@contextlib.contextmanager
def kept(deployment: Deployment) -> Iterator[None]:
    """Renew the lease during something that may take longer than a lease, such as unpacking gigabytes."""
    over = threading.Event()

    def renew_again() -> None:
        while not over.wait(settings.LEASE_SECONDS / 3):
            with contextlib.suppress(*DATABASE_AWAY):
                quick.update(Deployment, _ours(deployment), lease_expires_at=lease())
            connection.close()

    threading.Thread(target=renew_again, name="lease", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def hand_over(deployment: Deployment) -> None:
    """Let any worker of this host take over at once. The lease stays: other hosts give this one time to return."""
    quick.update(Deployment, _ours(deployment), owner=HANDED_OVER, lease_expires_at=lease())


def _ours(deployment: Deployment) -> dict[str, Any]:
    """The row, as long as it runs under the fence that we hold."""
    return {"id": deployment.pk, "fence": deployment.fence, "status": Status.RUNNING}


# -- small things -----------------------------------------------------------------------------------------------------


def lock_train(deployment: Deployment) -> None:
    """A train's row is locked before its components', by everybody, so that nobody waits in a circle."""
    if deployment.parent_id and (lock := quick.locked()):
        quick.select(Deployment, ("id",), {"id": deployment.parent_id}, lock)


def lease() -> RawSQL:
    """By the database's clock, so that hosts need not agree on the time."""
    return quick.now(plus=settings.LEASE_SECONDS)


def _started_at() -> RawSQL:
    """When it was first claimed."""
    now = quick.now()
    return RawSQL(f'COALESCE("started_at", {now.sql})', now.params)  # noqa: S611 - no value of anybody's


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
