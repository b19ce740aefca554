"""The queue: which deployment a worker may take next. The table is the queue; its order is that of the requests.

What may not start is passed over: what is on hold, what has missed its latest start, what has no room in its
environment, and everything for a worker that drains. Nothing here changes anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, Now

from config import quick
from deployments import on_hold
from deployments.models import Deployment, Hold, Status, Worker
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
    chosen = {} if pk is None else {"pk": pk}
    found = _found(_this_one if chosen else _first_of_pool, lock, pool=pool, worker=worker, **chosen)
    if found is None:
        return None
    *row, somebody_holds, drains = found
    if drains:
        return None
    if somebody_holds or row[2] is not None:  # not often: the exact question costs three times as much
        exact = _found(_this_one_exactly if chosen else _first_of_pool_exactly, lock, pool=pool, **chosen)
        return First(*exact) if exact else None
    return First(*row)


def _found(build: Callable[[], QuerySet[Any]], lock: bool, **parameters: Any) -> tuple[Any, ...] | None:
    sql, given = quick.statement(build, **parameters)
    ending = quick.locked(quick.quoted(Deployment), skip=True) if lock else ""
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} {ending}", given)
        found: tuple[Any, ...] | None = cursor.fetchone()
    return found


def has_room(chosen: First) -> bool:
    """Asked again with the environment locked: of several workers that see its last free place one gets it."""
    if chosen.capacity is None:
        return True
    quick.select(Environment, ("id",), {"id": chosen.environment}, quick.locked())
    return _running(chosen.environment).count() < chosen.capacity


COLUMNS = ("pk", "environment", "environment__capacity")
THIS = Q(pk=RawSQL("%s", [quick.Mark("pk")]))


def _first_of_pool() -> QuerySet[Any]:
    return _at_first_sight()[:1]


def _this_one() -> QuerySet[Any]:
    return _at_first_sight().filter(THIS)[:1]


def _first_of_pool_exactly() -> QuerySet[Any]:
    return _exactly()[:1]


def _this_one_exactly() -> QuerySet[Any]:
    return _exactly().filter(THIS)[:1]


def _at_first_sight() -> QuerySet[Any]:
    """Who is first as long as nothing is on hold and its environment has no capacity, which it says beside it."""
    drains = Worker.objects.filter(name=quick.Mark("worker"), drain_requested_at__isnull=False)
    return _queued().values_list(*COLUMNS, Exists(Hold.objects.standing()), Exists(drains))


def _exactly() -> QuerySet[Any]:
    """Who is first of those that nobody holds and that have room."""
    held = Q(parent=None, started_at=None) & Q(on_hold.is_held())  # what has started goes on
    has_room = Q(environment__capacity=None) | Q(environment__capacity__gt=F("at_work"))
    rows = _queued().exclude(held).annotate(at_work=_at_work()).filter(has_room)
    return rows.values_list(*COLUMNS)


def _queued() -> QuerySet[Deployment]:
    too_late = Q(started_at=None, not_after__lte=Now())
    queued = Deployment.objects.scripts().filter(status=Status.QUEUED, environment__worker_pool=quick.Mark("pool"))
    return queued.exclude(too_late).order_by("requested_at", "pk")


def _at_work() -> Coalesce:
    counted = _running(OuterRef("environment")).order_by().values("environment").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def _running(environment: Any) -> QuerySet[Deployment]:
    return Deployment.objects.scripts().filter(environment=environment, status=Status.RUNNING)
