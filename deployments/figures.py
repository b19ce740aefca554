"""The engine in figures, for those who watch over it. Everything is counted from the rows, which every process sees
alike, in a handful of queries that let the database do the adding up."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Case, Count, FloatField, Func, IntegerField, Min, Sum, Value, When
from django.db.models.sql.compiler import SQLCompiler
from django.utils import timezone

from accounts.models import Event
from deployments import presence
from deployments.models import FINAL, Deployment, Status, Worker
from projects.models import Project
from registry.models import Artifact

LONGEST_BETWEEN_RINGS = 300  # seconds, as in the sweep
# Upper bounds of the durations' histogram, in seconds: from a script that copies a file to a migration over night.
BUCKETS = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400)
WAITS_FOR_A_PERSON = {
    Status.REQUESTED: "approval",
    Status.INTERRUPTED: "interrupted",
    Status.NEEDS_ATTENTION: "needs_attention",
}
MENDED = {
    "deployment.adopted": "adopted",  # a script whose worker was gone, or had lost its lease
    "deployment.interrupted": "interrupted",
    "deployment.requeued": "requeued",
}


@dataclass
class Pool:
    """One worker pool, now: what waits in it, since about when the longest, what runs, and who serves it."""

    queued: int = 0
    oldest_since: datetime | None = None
    running: int = 0
    workers: int = 0
    slots: int = 0
    draining: int = 0


@dataclass
class Finished:
    """What all deployments of one kind in one environment have come to that came to the same.

    count      how many, ever
    durations  how many of those that have run took at most so many seconds: for each of BUCKETS, then all
    seconds    how long those took together
    """

    environment: str
    kind: str
    outcome: str
    count: int
    durations: list[int]
    seconds: float


@dataclass(frozen=True)
class Figures:
    """Everything at one moment.

    swept_at  when a worker last looked after everything; None: nobody has been heard
    damaged   problem → stored packages that have it
    """

    at: datetime
    pools: dict[str, Pool]
    waiting: dict[str, int]
    finished: list[Finished]
    mended: dict[str, int]
    swept_at: datetime | None
    damaged: dict[str, int]


def figures() -> Figures:
    """Count everything, in six queries."""
    pools: dict[str, Pool] = defaultdict(Pool)
    workers = list(Worker.objects.all())
    _count_workers(workers, pools)
    _count_queue(pools)
    swept = [worker.swept_at for worker in workers if worker.swept_at]
    return Figures(
        at=timezone.now(),
        waiting=_count_unfinished(pools),
        pools=dict(sorted(pools.items())),
        finished=_finished(),
        mended=_mended(),
        swept_at=max(swept, default=None),
        damaged=_damaged(),
    )


def _count_workers(workers: list[Worker], pools: dict[str, Pool]) -> None:
    for worker in workers:
        if presence.is_silent(worker):
            continue
        for name in worker.pools:
            pool = pools[name]
            pool.workers += 1
            pool.slots += worker.slots
            pool.draining += worker.drain_requested_at is not None


def _count_queue(pools: dict[str, Pool]) -> None:
    queued = Deployment.objects.scripts().filter(status=Status.QUEUED).order_by()
    groups = queued.values("environment__worker_pool", "rung_count").annotate(
        count=Count("pk"), rung=Min("rung_at"), asked=Min("requested_at")
    )
    for group in groups:
        pool = pools[group["environment__worker_pool"]]
        pool.queued += group["count"]
        since = group["rung"] - _rung_for(group["rung_count"]) if group["rung"] else group["asked"]
        pool.oldest_since = min(since, pool.oldest_since or since)


def _rung_for(times: int) -> timedelta:
    """How long it takes to ring so often. Since when a row has been queued is not written down: it may have waited for
    approval, or for its stage, long before that."""
    pauses = (min(settings.RING_AGAIN_SECONDS * 2**n, LONGEST_BETWEEN_RINGS) for n in range(min(times - 1, 1000)))
    return timedelta(seconds=sum(pauses))


def _count_unfinished(pools: dict[str, Pool]) -> dict[str, int]:
    """Count what runs into its pool; return what waits for people, by kind. A train that only shows that one of its
    components waits is not counted beside it."""
    waiting = dict.fromkeys(WAITS_FOR_A_PERSON.values(), 0)
    rows = Deployment.objects.filter(status__in=(Status.RUNNING, *WAITS_FOR_A_PERSON)).order_by()
    groups = rows.values("status", "environment__worker_pool", "project__kind").annotate(count=Count("pk"))
    for group in groups:
        status, is_stack = Status(group["status"]), group["project__kind"] == Project.Kind.STACK
        if status == Status.REQUESTED or (status != Status.RUNNING and not is_stack):
            waiting[WAITS_FOR_A_PERSON[status]] += group["count"]
        elif not is_stack:
            pools[group["environment__worker_pool"]].running += group["count"]
    return waiting


class _Seconds(Func):
    """Seconds between two moments, counted by the database itself: `_Seconds(later, earlier)`."""

    arity = 2
    output_field = FloatField()
    template = "EXTRACT(EPOCH FROM %(expressions)s)"
    arg_joiner = " - "

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        template, between = "((JULIANDAY(%(expressions)s)) * 86400.0)", ") - JULIANDAY("
        return self.as_sql(compiler, connection, template=template, arg_joiner=between, **context)


def _finished() -> list[Finished]:
    """One pass over all that is over: measured with 100,000 deployments, 0.2 s on PostgreSQL, under 1 s on SQLite."""
    took = [When(seconds__lte=bound, then=Value(place)) for place, bound in enumerate(BUCKETS)]
    rows = Deployment.objects.filter(status__in=FINAL).order_by()
    groups = (
        rows.annotate(seconds=_Seconds("finished_at", "started_at"))
        .annotate(
            place=Case(When(started_at=None, then=None), *took, default=len(BUCKETS), output_field=IntegerField())
        )
        .values("environment__name", "project__kind", "status", "place")
        .annotate(count=Count("pk"), together=Sum("seconds"))
    )
    found: dict[tuple[str, str, str], Finished] = {}
    for group in groups:
        names = (group["environment__name"], group["project__kind"], group["status"])
        one = found.setdefault(names, Finished(*names, count=0, durations=[0] * (len(BUCKETS) + 1), seconds=0.0))
        one.count += group["count"]
        if group["place"] is not None:
            one.seconds += group["together"]
            for place in range(group["place"], len(one.durations)):
                one.durations[place] += group["count"]
    return [found[names] for names in sorted(found)]


def _mended() -> dict[str, int]:
    """How often the engine had to mend something, as the trail says."""
    counted = dict.fromkeys(MENDED.values(), 0)
    lines = Event.objects.filter(verb__in=MENDED).order_by()
    for verb, count in lines.values_list("verb").annotate(count=Count("pk")):
        counted[MENDED[verb]] = count
    return counted


def _damaged() -> dict[str, int]:
    counted: dict[str, int] = dict.fromkeys(Artifact.Problem.values, 0)
    rows = Artifact.objects.exclude(problem="").order_by().values_list("problem")
    return counted | dict(rows.annotate(count=Count("pk")))
