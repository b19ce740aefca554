"""Lists in pages, newest first: the next page goes on after the last row that was seen, so nothing repeats or hides."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from portal.numbers import number_of

Row = TypeVar("Row", bound=Model)
SIZE = 50


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Some rows; `older` and `newest` are addresses, empty where there is nothing to go to."""

    rows: list[Row]
    older: str
    newest: str


def page_of(request: HttpRequest, rows: QuerySet[Row], size: int = SIZE) -> Page[Row]:
    """One page of `rows`, which are put in descending order of their id. `?before=ID` says where it begins."""
    before = number_of(request.GET.get("before"))
    ordered = rows.order_by("-pk")
    if before:
        ordered = ordered.filter(pk__lt=before)
    found = list(ordered[: size + 1])
    shown = found[:size]
    older = _address(request, str(shown[-1].pk)) if len(found) > size else ""
    return Page(shown, older, _address(request, "") if before else "")


def _address(request: HttpRequest, before: str) -> str:
    query = request.GET.copy()
    query.pop("before", None)
    if before:
        query["before"] = before
    return f"{request.path}?{query.urlencode()}" if query else request.path
