"""Lists in pages. Newest first, the next page goes on after the last row that was seen, so nothing repeats or hides; what
stands in another order has pages with numbers."""

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


@dataclass(frozen=True)
class NumberedPage(Generic[Row]):
    """Some rows of a list, the first of them being the `first` of `total`; `before` and `after` are addresses or empty."""

    rows: list[Row]
    first: int
    total: int
    before: str
    after: str

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


def page_of(request: HttpRequest, rows: QuerySet[Row], size: int = SIZE) -> Page[Row]:
    """One page of `rows`, which are put in descending order of their id. `?before=ID` says where it begins."""
    before = number_of(request.GET.get("before"))
    ordered = rows.order_by("-pk")
    if before:
        ordered = ordered.filter(pk__lt=before)
    found = list(ordered[: size + 1])
    shown = found[:size]
    older = _address(request, before=str(shown[-1].pk)) if len(found) > size else ""
    return Page(shown, older, _address(request, before="") if before else "")


def numbered_page_of(request: HttpRequest, rows: QuerySet[Row], size: int = SIZE) -> NumberedPage[Row]:
    """One page of `rows` in their own order, which must be a definite one. `?page=N` says which; the last for too high an N."""
    total = rows.count()
    pages = max(1, -(-total // size))
    number = min(max(1, number_of(request.GET.get("page"))), pages)
    start = (number - 1) * size
    return NumberedPage(
        rows=list(rows[start : start + size]),
        first=start + 1,
        total=total,
        before=_address(request, page="" if number == 2 else str(number - 1)) if number > 1 else "",
        after=_address(request, page=str(number + 1)) if number < pages else "",
    )


def _address(request: HttpRequest, **changes: str) -> str:
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value:
            query[name] = value
    return f"{request.path}?{query.urlencode()}" if query else request.path
