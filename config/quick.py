"""Reads and writes of single rows whose SQL is built once.

Django's ORM builds the text of a statement anew each time, which costs five to eight times as much as executing it.
That does not matter on a page. It does on the path that every deployment takes, where these are used: fields, columns
and conversions are the models' own, so that nothing about a table is written down twice.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections, models
from django.db.models.expressions import Combinable, RawSQL
from django.db.models.sql import UpdateQuery

Row = TypeVar("Row", bound=models.Model)
AnyField: TypeAlias = "models.Field[Any, Any]"


def insert(row: Row) -> Row:
    """Insert a new row, as `save` does without its signals, and return it with its primary key. Raises what the database
    raises, such as IntegrityError."""
    _insert(row)
    return row


def insert_once(row: models.Model) -> bool:
    """Insert a new row unless one is there that is the same in what is unique, and say whether it was inserted.

    Somebody who is just inserting such a row is waited for. Where nothing was inserted the transaction is as sound as
    before, without a savepoint.
    """
    return _insert(row, "ON CONFLICT DO NOTHING")


def insert_all(rows: Sequence[models.Model]) -> None:
    """Insert new rows of one table by one statement. Unlike `insert` it does not tell their primary keys."""
    statement, fields = _insertion(type(rows[0]), number=len(rows))
    own = connections[DEFAULT_DB_ALIAS]
    values = [field.get_db_prep_save(field.pre_save(row, True), own) for row in rows for field in fields]
    with own.cursor() as cursor:
        cursor.execute(statement, values)


def update(model: type[models.Model], where: Mapping[str, Any], **values: Any) -> int:
    """Set `values` in the rows that `where` selects, and return how many those were.

    where   column → value; a tuple of values means any of them
    values  column → value, or an expression: of Django's, or one written in SQL as `RawSQL`, which costs nothing
    Relations take and select by primary keys, not rows.
    """
    conditions, chosen = _conditions(model, where)
    settings: list[str] = []
    given: list[Any] = []
    for name, value in values.items():
        expression, parameters = _setting(model, name, value)
        settings.append(f"{_column(model, name)} = {expression}")
        given += parameters
    statement = f"UPDATE {_table(model)} SET {', '.join(settings)} WHERE {conditions}"  # noqa: S608 - names of columns
    with connection.cursor() as cursor:
        cursor.execute(statement, [*given, *chosen])
        return int(cursor.rowcount)


def select(model: type[Row], names: tuple[str, ...], where: Mapping[str, Any], ending: str = "") -> list[Row]:
    """The rows that `where` selects, holding the columns of these names; the rest is fetched when it is asked for.

    ending  what follows the condition: an order, a limit, a lock
    """
    conditions, chosen = _conditions(model, where)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns(model, names)} FROM {_table(model)} WHERE {conditions} {ending}",  # noqa: S608
            chosen,
        )
        return [loaded(model, names, iter(row)) for row in cursor.fetchall()]


def statement(build: Callable[[], models.QuerySet[Any]], **parameters: Any) -> tuple[str, list[Any]]:
    """The SQL and the parameters of a queryset that is built once, whose parts that change are marked.

    build       gives the queryset; a `Mark` of a parameter's name stands for its value. Has to be a plain function
    parameters  the values, as the database takes them
    """
    sql, given = _compiled(build)
    return sql, filled(given, parameters)


def filled(given: Iterable[Any], parameters: Mapping[str, Any]) -> list[Any]:
    """The parameters of a statement, the marked ones with their values."""
    return [parameters[value] if isinstance(value, Mark) else value for value in given]


class Mark(str):
    """Stands for the value of the parameter of this name in a queryset that is compiled once."""

    __slots__ = ()


def loaded(model: type[Row], names: tuple[str, ...], values: Iterator[Any]) -> Row:
    """A row as the database gave it: the next of `values`, in the order of the columns `names`, which has to be that of
    the model's fields."""
    attributes, converters = _loading(model, names)
    given = list(islice(values, len(names)))
    for place, found in converters:
        for converter, column in found:
            given[place] = converter(given[place], column, connection)
    return model.from_db(DEFAULT_DB_ALIAS, attributes, given)


@cache
def columns(model: type[models.Model], names: tuple[str, ...], of: str = "") -> str:
    """The columns of these names as a list in SQL, each with the table's alias `of` where one is given."""
    return ", ".join(f"{of}.{_column(model, name)}" if of else _column(model, name) for name in names)


def locked(of: str = "", *, skip: bool = False) -> str:
    """What locks the selected rows until the transaction ends, as `select_for_update(no_key=True)` does; nothing where
    the transaction has locked the database (SQLite).

    of    the alias of the table whose rows are meant
    skip  pass over what somebody else has locked, instead of waiting for it
    """
    if connection.vendor != "postgresql":
        return ""
    return f"FOR NO KEY UPDATE{f' OF {of}' if of else ''}{' SKIP LOCKED' if skip else ''}"


def held(of: str = "", *, skip: bool = False) -> str:
    """What keeps the selected rows from being deleted, or locked by `select_for_update()`, until the transaction ends.
    Many may hold the same row at once; Django cannot ask for it. Nothing where the transaction has locked the database.

    of    the table, or its alias, whose rows are meant
    skip  pass over what somebody else has locked so, instead of waiting for it
    """
    if connection.vendor != "postgresql":
        return ""
    return f"FOR KEY SHARE{f' OF {of}' if of else ''}{' SKIP LOCKED' if skip else ''}"


def now(plus: float = 0.0) -> RawSQL:
    """The time by the database's clock, so many seconds from now."""
    if connection.vendor == "postgresql":
        return RawSQL("STATEMENT_TIMESTAMP() + %s * INTERVAL '1 second'", (plus,))
    return RawSQL("STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', %s)", (f"+{plus:.3f} seconds",))


def quoted(model: type[models.Model]) -> str:
    """The name of the model's table."""
    return _table(model)


# -- what is built once -----------------------------------------------------------------------------------------------


def _insert(row: models.Model, otherwise: str = "") -> bool:
    statement, fields = _insertion(type(row))
    own = connections[DEFAULT_DB_ALIAS]
    values = [field.get_db_prep_save(field.pre_save(row, True), own) for field in fields]
    with own.cursor() as cursor:
        cursor.execute(f"{statement} {otherwise} RETURNING {_column(type(row), 'id')}", values)
        inserted = cursor.fetchone()
    if inserted is None:
        return False
    row.pk = inserted[0]
    row._state.adding, row._state.db = False, own.alias
    return True


@cache
def _insertion(model: type[models.Model], number: int = 1) -> tuple[str, list[AnyField]]:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(_quoted(field.column) for field in fields)
    marks = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * number)
    return f"INSERT INTO {_table(model)} ({names}) VALUES {marks}", fields  # noqa: S608 - names of columns


@lru_cache(maxsize=64)
def _compiled(build: Callable[[], models.QuerySet[Any]]) -> tuple[str, tuple[Any, ...]]:
    return build().query.sql_with_params()


@cache
def _field(model: type[models.Model], name: str) -> AnyField:
    return next(field for field in model._meta.concrete_fields if name in (field.column, field.name))


@cache
def _column(model: type[models.Model], name: str) -> str:
    return _quoted(_field(model, name).column)


@cache
def _table(model: type[models.Model]) -> str:
    return _quoted(model._meta.db_table)


@cache
def _quoted(name: str) -> str:
    quoted: str = connection.ops.quote_name(name)
    return quoted


@cache
def _loading(model: type[models.Model], names: tuple[str, ...]) -> tuple[frozenset[str], list[tuple[int, list[Any]]]]:
    """The attributes of these columns, and what turns a column's value into the field's, as Django's own compiler finds
    it, with the places where that is anything."""
    fields = [field for field in model._meta.concrete_fields if field.column in names]
    if tuple(field.column for field in fields) != names:
        raise ValueError(f"not the columns of {model.__name__} in its own order: {names}")
    converters = []
    for place, field in enumerate(fields):
        column = field.get_col(model._meta.db_table)
        found = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
        if found:
            converters.append((place, [(converter, column) for converter in found]))
    return frozenset(field.attname for field in fields), converters


def _setting(model: type[models.Model], name: str, value: Any) -> tuple[str, Sequence[Any]]:
    if isinstance(value, RawSQL):
        return value.sql, value.params
    if isinstance(value, Combinable):
        query = UpdateQuery(model)
        resolved = value.resolve_expression(query, allow_joins=False, for_save=True)  # type: ignore[attr-defined]
        sql, parameters = query.get_compiler(connection.alias).compile(resolved)
        return sql, parameters
    return "%s", [_prepared(model, name, value)]


def _prepared(model: type[models.Model], name: str, value: Any) -> Any:
    return _field(model, name).get_db_prep_save(value, connections[DEFAULT_DB_ALIAS])


def _conditions(model: type[models.Model], where: Mapping[str, Any]) -> tuple[str, list[Any]]:
    words, chosen = [], []
    for name, value in where.items():
        column = _column(model, name)
        if value is None:
            words.append(f"{column} IS NULL")
        elif isinstance(value, tuple):
            words.append(f"{column} IN ({', '.join(['%s'] * len(value))})" if value else "1 = 0")
            chosen += [_prepared(model, name, one) for one in value]
        else:
            words.append(f"{column} = %s")
            chosen.append(_prepared(model, name, value))
    return " AND ".join(words), chosen
