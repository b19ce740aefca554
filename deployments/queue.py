"""The queue: which deployment a worker may take next. The table is the queue; its order is that of the requests.

What may not start is passed over: what is on hold, what has missed its latest start, what has no room in its
environment, and everything for a worker that drains. Nothing here changes anything.
"""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Now

from config import quick
from deployments import on_hold
from deployments.models import Deployment, Status, Worker
from lifecycles.models import Environment


@dataclass(frozen=True)
class First:
    """Whose turn it is; `capacity`: how many scripts may run at once in its environment, if that is limited."""

    pk: int
    environment: int
    capacity: int | None


def first(pool: str, pk: int | None = None, *, worker: str, lock: bool = False) -> First | None:
    """The deployment that has waited longest of all in this pool that may start, or deployment `pk` if it may.

    worker  who asks, by name
    lock    keep it, and pass over what others keep, until the transaction ends
    """
    build, chosen = (_first_of_pool, {}) if pk is None else (_this_one, {"pk": pk})
    sql, parameters = quick.statement(build, pool=pool, worker=worker, **chosen)
    ending = quick.locked(quick.quoted(Deployment), skip=True) if lock else ""
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} {ending}", parameters)
        found = cursor.fetchone()
    return First(*found) if found else None


def has_room(chosen: First) -> bool:
    """Asked again with the environment locked: of several workers that see its last free place one gets it."""
    if chosen.capacity is None:
        return True
    quick.select(Environment, ("id",), {"id": chosen.environment}, quick.locked())
    return _running(chosen.environment).count() < chosen.capacity


def _first_of_pool() -> QuerySet[Any]:
    return _may_start()[:1]


def _this_one() -> QuerySet[Any]:
    return _may_start().filter(pk=RawSQL("%s", [quick.Mark("pk")]))[:1]


def _may_start() -> QuerySet[Any]:
    too_late = Q(started_at=None, not_after__lte=Now())
    held = Q(parent=None, started_at=None) & Q(on_hold.is_held())  # what has started goes on
    drains = Worker.objects.filter(name=quick.Mark("worker"), drain_requested_at__isnull=False)
    has_room = Q(environment__capacity=None) | Q(environment__capacity__gt=F("at_work"))
    queued = Deployment.objects.scripts().filter(status=Status.QUEUED, environment__worker_pool=quick.Mark("pool"))
    may_start = queued.exclude(too_late).exclude(held).filter(~Exists(drains))
    rows = may_start.annotate(at_work=_at_work()).filter(has_room).order_by("requested_at", "pk")
    return rows.values_list("pk", "environment", "environment__capacity")


def _at_work() -> Coalesce:
    counted = _running(OuterRef("environment")).order_by().values("environment").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def _running(environment: Any) -> QuerySet[Deployment]:
    return Deployment.objects.scripts().filter(environment=environment, status=Status.RUNNING)
