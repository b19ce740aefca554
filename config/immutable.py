"""Rows that the database itself refuses to change, on SQLite and PostgreSQL alike.

A migration operation per rule. Triggers are the only tool that both databases offer for "never again changed" and for
rules that look at another row; everything else is a `CheckConstraint` or `UniqueConstraint` of the model.
"""

import zlib
from collections.abc import Sequence
from typing import Self

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState


class Refuse(Operation):
    """Refuse `event` ("UPDATE", "DELETE" or "INSERT") on `table`, with `sentence` as the database's error.

    columns  with UPDATE: only a statement that sets one of these is refused (none given: every update)
    when     an SQL condition over `NEW.` and `OLD.` columns; none given: always
    """

    reversible = True

    def __init__(self, table: str, event: str, sentence: str, columns: Sequence[str] = (), when: str = "") -> None:
        self.table, self.event, self.sentence, self.columns, self.when = table, event, sentence, tuple(columns), when

    @classmethod
    def like(cls, other: "Refuse") -> Self:
        """The same rule again: before SQLite rebuilds a table that a trigger lies on or looks into, it has to be taken
        back (`Allow.like`), and afterwards it has to be installed again (`Refuse.like`)."""
        return cls(other.table, other.event, other.sentence, other.columns, other.when)

    @property
    def name(self) -> str:
        words = (self.table, self.event, self.sentence, *self.columns, self.when)
        digest = f"{zlib.crc32(chr(0).join(words).encode()):08x}"
        return f"{self.table}_refuse_{self.event.lower()}_{digest}"

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Triggers are not part of the models' state."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        for statement in self.statements(schema_editor.connection.vendor):
            schema_editor.execute(statement)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        on = f" ON {self.table}" if schema_editor.connection.vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER IF EXISTS {self.name}{on}")

    def describe(self) -> str:
        return f"Refuse {self.event} on {self.table}: {self.sentence}"

    def statements(self, vendor: str) -> list[str]:
        sentence = self.sentence.replace("'", "''")
        event = self.event + (f" OF {', '.join(self.columns)}" if self.columns else "")
        # Installed anew where it exists already: SQLite loses triggers when a migration rebuilds their table.
        if vendor == "sqlite":
            when = f"WHEN {self.when}" if self.when else ""
            return [
                f"DROP TRIGGER IF EXISTS {self.name}",
                f"CREATE TRIGGER {self.name} BEFORE {event} ON {self.table} FOR EACH ROW {when}"
                f" BEGIN SELECT RAISE(ABORT, '{sentence}'); END",
            ]
        # PostgreSQL: SQLSTATE 23514 (check_violation), so that Django raises IntegrityError as on SQLite. The condition
        # is evaluated inside the function because a trigger's own WHEN may hold no subquery.
        returned = "OLD" if self.event == "DELETE" else "NEW"
        body = f"RAISE EXCEPTION '{sentence.replace('%', '%%')}' USING ERRCODE = '23514';"
        if self.when:
            body = f"IF {self.when} THEN {body} END IF;"
        return [
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS"
            f" $body$ BEGIN {body} RETURN {returned}; END $body$",
            f"DROP TRIGGER IF EXISTS {self.name} ON {self.table}",
            f"CREATE TRIGGER {self.name} BEFORE {event} ON {self.table} FOR EACH ROW EXECUTE FUNCTION {self.name}()",
        ]


class Allow(Refuse):
    """Take a `Refuse` of the same words back; undone, it is installed again."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        super().database_backwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return f"No longer refuse {self.event} on {self.table}: {self.sentence}"
