"""Lists in pages: after the last row that was seen, so that rows added meanwhile neither repeat nor hide others."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from ninja import Schema
from pydantic import Field

from api.problems import ApiRefused

MOST = 200

Row = TypeVar("Row", bound=Model)
Line = TypeVar("Line")


class Paging(Schema):
    limit: int = Field(50, ge=1, le=MOST, description="How many at most.")
    cursor: str = Field("", max_length=4000, description="Where to go on: it is part of `next`.")


def page_of(
    request: HttpRequest, rows: QuerySet[Row], line: Callable[[Row], Line], paging: Paging, *, order: Sequence[str]
) -> dict[str, Any]:
    """One page: {"items": […], "next": address or None}.

    order  the fields that put the rows in one definite order, “-” before a field for descending
    """
    rows = rows.order_by(*order)
    if paging.cursor:
        rows = rows.filter(_after(order, read_cursor(paging.cursor, len(order))))
    found = list(rows[: paging.limit + 1])
    items = [line(row) for row in found[: paging.limit]]
    more = len(found) > paging.limit
    last = [_value(found[paging.limit - 1], field.lstrip("-")) for field in order] if more else None
    return {"items": items, "next": next_address(request, last) if last else None}


def next_address(request: HttpRequest, last: Sequence[Any]) -> str:
    """The address of the page after the row with these values."""
    query = request.GET.copy()
    query["cursor"] = base64.urlsafe_b64encode(json.dumps(last).encode()).decode().rstrip("=")
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def read_cursor(cursor: str, length: int) -> list[Any]:
    """The values of the last row seen. Raises ApiRefused for what is no cursor of ours."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        values = None
    plain = isinstance(values, list) and len(values) == length and all(type(value) in (str, int) for value in values)
    if not plain or any(isinstance(value, str) and "\0" in value for value in values):
        raise ApiRefused(400, "cursor-unreadable", "The cursor cannot be read. Follow “next” exactly as it was given.")
    return list(values)


def _after(order: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows that come later: the first field that differs decides."""
    later, equal = Q(), Q()
    for field, value in zip(order, values, strict=True):
        name, side = field.lstrip("-"), "lt" if field.startswith("-") else "gt"
        later |= equal & Q(**{f"{name}__{side}": value})
        equal &= Q(**{name: value})
    return later


def _value(row: Model, field: str) -> Any:
    value = getattr(row, field)
    return value.isoformat() if isinstance(value, datetime) else value
