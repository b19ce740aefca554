"""Which workers there are: each says of itself, again and again, that it lives and what it serves. And draining: a
worker that is told to finishes what it has, takes nothing new, and stays until it is stopped."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from accounts import trail
from accounts.models import User
from deployments import doorbell
from deployments.models import Deployment, DeploymentQuerySet, Status, Worker
from deployments.wording import together


class NoSuchWorker(Exception):
    """Nobody, or more than one, is meant by what was said. Carries a sentence."""


# -- what a worker says of itself -------------------------------------------------------------------------------------


def announce(name: str, started_at: datetime) -> None:
    """Say that this worker lives and has just looked after everything (one row per process). Whoever told it to drain
    is heeded here: it stops listening for doorbells, so that they wake those who may act on them."""
    now = timezone.now()
    worker, _ = Worker.objects.update_or_create(
        name=name,
        defaults={
            "host": settings.WORKER_HOST,
            "pools": settings.WORKER_POOLS,
            "slots": settings.WORKER_SLOTS,
            "started_at": started_at,
            "heard_at": now,
            "swept_at": now,
        },
    )
    if worker.drain_requested_at:
        doorbell.pause()
    else:
        doorbell.resume()
    Worker.objects.filter(heard_at__lt=now - timedelta(days=Worker.FORGOTTEN_AFTER_DAYS)).delete()


def leave(name: str) -> None:
    """This worker goes away on purpose."""
    Worker.objects.filter(name=name).delete()


# -- who is there -----------------------------------------------------------------------------------------------------


def silent_after() -> timedelta:
    """A worker that was not heard for so long is silent: dead, frozen, or cut off from the database."""
    return timedelta(seconds=max(3 * settings.SWEEP_SECONDS, settings.LEASE_SECONDS))


def is_silent(worker: Worker) -> bool:
    return worker.heard_at < timezone.now() - silent_after()


def is_eldest(name: str) -> bool:
    """Whether this is the worker that has been known for longest of those that were heard of lately: what is enough to
    be done by one of them falls to it. Two may think so for a moment, as when one of them comes back from a silence."""
    alive = Worker.objects.filter(heard_at__gte=timezone.now() - silent_after()).order_by("pk")
    return alive.values_list("name", flat=True).first() == name


def is_served(pool: str, *, without: Iterable[Worker] = ()) -> bool:
    """Whether some worker of this pool, other than these, has been heard of lately and takes what is new."""
    taking = Worker.objects.filter(heard_at__gte=timezone.now() - silent_after(), drain_requested_at=None)
    taking = taking.exclude(pk__in=[worker.pk for worker in without])
    # A list of pools in JSON cannot be searched alike on every database; there are few workers.
    return any(pool in pools for pools in taking.values_list("pools", flat=True))


def run_by(workers: Iterable[Worker]) -> DeploymentQuerySet:
    """The scripts that these workers follow now, adopted ones included."""
    running = Deployment.objects.scripts().filter(status=Status.RUNNING, owner__in=[worker.name for worker in workers])
    return running.with_names().order_by("started_at", "pk")


def find(names: Sequence[str] = (), *, host: str = "", pool: str = "") -> list[Worker]:
    """The workers with these names, or those of this host and this pool; all, or none, where nothing is stated.

    names  each in full or the beginning of one worker's
    Raises NoSuchWorker.
    """
    workers = list(Worker.objects.all())
    if names:
        found = {worker.pk: worker for name in names for worker in [_named(name, workers)]}
        return list(found.values())
    wanted = [w for w in workers if host in ("", w.host) and (not pool or pool in w.pools)]
    if not wanted and (host or pool):
        where = [f"on the host “{host}”"] * bool(host) + [f"in the pool “{pool}”"] * bool(pool)
        raise NoSuchWorker(f"There is no worker {' '.join(where)}.")
    return wanted


def _named(name: str, workers: Iterable[Worker]) -> Worker:
    found = [worker for worker in workers if worker.name.startswith(name)]
    whole = [worker for worker in found if worker.name == name]
    if len(whole or found) == 1:
        return (whole or found)[0]
    if not found:
        raise NoSuchWorker(f"There is no worker whose name begins with “{name}”. Without a name all are listed.")
    names = together(sorted(worker.name for worker in found))
    raise NoSuchWorker(f"“{name}” begins the names of {names}. State more of the name.")


# -- draining ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def drain(workers: Iterable[Worker], by: User | None) -> list[Worker]:
    """Let these workers finish what they have and take nothing new; those that were not draining already are returned.

    They go on to adopt scripts of their host, since otherwise nobody might follow those, and stay alive, idle, until
    they are stopped. Holds for the process: a worker that is started in its place takes what is new.
    by  None: the command line
    """
    changed = [w for w in workers if _rows(w).filter(drain_requested_at=None).update(drain_requested_at=timezone.now())]
    for worker in changed:
        sentence = f"The worker {worker} drains: it finishes what it runs and takes nothing new."
        trail.record(by, "worker.draining", worker, sentence, host=worker.host, pools=worker.pools)
    return changed


@transaction.atomic
def resume(workers: Iterable[Worker], by: User | None) -> list[Worker]:
    """Let these workers take what is new again; those that were draining are returned."""
    draining = {"drain_requested_at__isnull": False}
    changed = [w for w in workers if _rows(w).filter(**draining).update(drain_requested_at=None)]
    for worker in changed:
        sentence = f"The worker {worker} drains no longer and takes what is new."
        trail.record(by, "worker.resumed", worker, sentence, host=worker.host, pools=worker.pools)
    return changed


def _rows(worker: Worker) -> models.QuerySet[Worker]:
    return Worker.objects.filter(pk=worker.pk)
