"""Querysets that are built once: what they select is written as anywhere else, and costs what executing it costs.

Beside `config.quick`, which knows single rows of one table. A queryset is given by a plain function of its own; what
changes from one reading to the next is marked in it as a parameter:

    def _by_number() -> QuerySet[Release]:
        return Release.objects.select_related("project").filter(number=compiled.parameter("number"))

    compiled.rows(_by_number, number="1.4.0")
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.query import get_related_populators

from config import quick

Found = TypeVar("Found")


def rows(build: Callable[[], "QuerySet[Any, Found]"], ending: str = "", /, **parameters: Any) -> list[Found]:
    """What the queryset gives: rows with what it selects along and annotates, or tuples of values.

    build       gives the queryset; its `prefetch_related`, and `flat` of its values, count for nothing here
    ending      what follows the statement, such as a lock
    parameters  their values, as the database takes them
    """
    reading = _reading(build)
    with connection.cursor() as cursor:
        cursor.execute(f"{reading.sql} {ending}", quick.filled(reading.given, parameters))
        found: Iterable[Sequence[Any]] = cursor.fetchall()
    if reading.converters:
        found = reading.compiler.apply_converters(found, reading.converters)
    return [reading.made(values) for values in found]


def first(build: Callable[[], "QuerySet[Any, Found]"], ending: str = "", /, **parameters: Any) -> Found | None:
    """The first row of all that the queryset gives, which it therefore should limit."""
    found = rows(build, ending, **parameters)
    return found[0] if found else None


def parameter(name: str) -> RawSQL:
    """Stands for the value of this name, wherever a queryset takes an expression."""
    return RawSQL("%s", [quick.Mark(name)])


@dataclass(frozen=True)
class _Reading:
    """A queryset as SQL, with what Django finds out about its columns each time that it goes through one."""

    compiler: Any
    sql: str
    given: tuple[Any, ...]
    converters: dict[int, Any]
    model: type[Model] | None  # None: it gives tuples of values
    attributes: list[str]
    own: slice
    along: list[Any]

    def made(self, values: Sequence[Any]) -> Any:
        if self.model is None:
            return tuple(values)
        row = self.model.from_db(DEFAULT_DB_ALIAS, self.attributes, values[self.own])
        for related in self.along:
            related.populate(values, row)
        for name, place in self.compiler.annotation_col_map.items():
            setattr(row, name, values[place])
        return row


@lru_cache(maxsize=128)
def _reading(build: Callable[[], QuerySet[Any, Any]]) -> _Reading:
    queryset: Any = build()
    compiler: Any = queryset.query.get_compiler(connection=connection)  # the one of whichever thread asks
    sql, given = compiler.as_sql()
    converters = compiler.get_converters([column for column, *_ in compiler.select])
    if queryset._fields is not None:
        return _Reading(compiler, sql, given, converters, None, [], slice(0), [])
    places = compiler.klass_info["select_fields"]
    own = slice(places[0], places[-1] + 1)
    attributes = [column.target.attname for column, *_ in compiler.select[own]]
    along = get_related_populators(compiler.klass_info, compiler.select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]  # stubs of Django 6
    return _Reading(compiler, sql, given, converters, compiler.klass_info["model"], attributes, own, along)
