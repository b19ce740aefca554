"""The two databases: a copy of one as it is at one moment, while everybody goes on writing, and the way back.

SQLite copies itself (its online backup; with WAL nobody waits). PostgreSQL has its own tools, which come with its
client; what is read beside the dump is read from the very same snapshot.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from psycopg.conninfo import make_conninfo

from portal.backup.manifest import BackupRefused

Rows = Callable[[str], list[tuple[Any, ...]]]  # answers an SQL query from the copy that was taken
NOT_FOR_TOOLS = {
    "pool",
    "isolation_level",
    "server_side_binding",
    "assume_role",
    "prepare_threshold",
}  # Django's and psycopg's own
LAST_WORDS = 2000  # characters of what a tool has said
EMPTY_THE_SCHEMA = """
SET lock_timeout = '30s';
DO $$
DECLARE found record;
BEGIN
  FOR found IN SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() LOOP
    EXECUTE format('DROP TABLE IF EXISTS %I CASCADE', found.name);
  END LOOP;
  FOR found IN SELECT p.oid::regprocedure AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = current_schema()
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') LOOP
    EXECUTE format('DROP FUNCTION IF EXISTS %s CASCADE', found.name);
  END LOOP;
END $$;
"""


@contextmanager
def taken(target: Path) -> Iterator[Rows]:
    """Write the database's copy to `target`; inside the block, what it holds can be asked. Raises BackupRefused."""
    if connection.vendor == "sqlite":
        _copy_sqlite(target)
        with closing(sqlite3.connect(f"{target.as_uri()}?mode=ro", uri=True)) as copy:
            yield lambda query: copy.execute(query).fetchall()
    else:
        with _snapshot() as (name, rows):
            _run([_tool("pg_dump"), "--format=custom", f"--snapshot={name}", "--no-owner", "--no-privileges"], target)
            yield rows


def load(source: Path) -> None:
    """Put the copy in the place of everything that the database holds: all of it, or nothing. Raises BackupRefused."""
    if connection.vendor == "sqlite":
        _load_sqlite(source)
    else:
        _load_postgres(source)
    connection.close()


def refuse_without_tools() -> None:
    """Raises BackupRefused when what restoring takes is not installed."""
    if connection.vendor == "postgresql":
        for name in ("pg_restore", "psql"):
            _tool(name)


def tables() -> list[str]:
    return connection.introspection.table_names()


# -- SQLite -----------------------------------------------------------------------------------------------------------


def _copy_sqlite(target: Path) -> None:
    connection.ensure_connection()
    with closing(sqlite3.connect(target)) as copy:
        connection.connection.backup(copy)  # in one step: page by page, it would begin anew with every write
        copy.execute("PRAGMA journal_mode=DELETE")  # one file that needs no other
        copy.execute("PRAGMA ignore_check_constraints=ON")  # some use functions that only Django's connections know
        (verdict,) = copy.execute("PRAGMA quick_check").fetchone()
    if verdict != "ok":
        raise BackupRefused(f"The database is damaged, and so would its copy be: {verdict}.")


def _load_sqlite(source: Path) -> None:
    connection.ensure_connection()
    try:
        with closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as copy:
            copy.backup(connection.connection)
    except sqlite3.Error as error:
        raise BackupRefused(f"SQLite could not take the copy in ({error}); nothing was changed.") from error


# -- PostgreSQL -------------------------------------------------------------------------------------------------------


@contextmanager
def _snapshot() -> Iterator[tuple[str, Rows]]:
    """One moment of the database that several connections can look at, by its name."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")

        def rows(query: str) -> list[tuple[Any, ...]]:
            cursor.execute(query)
            return list(cursor.fetchall())

        yield cursor.fetchone()[0], rows


def _load_postgres(source: Path) -> None:
    """In one transaction: empty the schema, then run what pg_restore makes of the copy."""
    psql = [
        _tool("psql"),
        "--no-psqlrc",
        "--quiet",
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
        "--output=/dev/null",
    ]
    address, environment = _address()
    connection.close()
    with subprocess.Popen(
        [*psql, f"--dbname={address}"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as loading:
        assert loading.stdin is not None  # noqa: S101 - for the type checker
        try:
            loading.stdin.write(EMPTY_THE_SCHEMA.encode())
            loading.stdin.flush()  # pg_restore writes past our buffer
            _pour([_tool("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(source)], loading.stdin)
        except (BackupRefused, BrokenPipeError) as error:
            loading.kill()  # before it is told that this was all, so that it commits nothing
            said = loading.communicate()[1].decode(errors="replace")
            raise BackupRefused(f"PostgreSQL did not take the copy in; nothing was changed. {error} {said}") from error
        said = loading.communicate()[1].decode(errors="replace")
    if loading.returncode:
        raise BackupRefused(f"PostgreSQL did not take the copy in; nothing was changed. {said[-LAST_WORDS:].strip()}")


def _pour(command: list[str], into: Any) -> None:
    poured = subprocess.run(command, stdout=into, stderr=subprocess.PIPE, check=False)
    if poured.returncode:
        raise BackupRefused(poured.stderr.decode(errors="replace")[-LAST_WORDS:].strip())


def _run(command: list[str], target: Path) -> None:
    address, environment = _address()
    with target.open("wb") as output:
        done = subprocess.run(
            [*command, f"--dbname={address}"], env=environment, stdout=output, stderr=subprocess.PIPE, check=False
        )
        output.flush()
        os.fsync(output.fileno())
    if done.returncode:
        said = done.stderr.decode(errors="replace")[-LAST_WORDS:].strip()
        raise BackupRefused(f"{Path(command[0]).name} failed: {said}")


def _address() -> tuple[str, dict[str, str]]:
    """Where the database is, for PostgreSQL's tools; the password is in the environment, which only we can read."""
    parts = connection.settings_dict
    named = {"dbname": "NAME", "user": "USER", "host": "HOST", "port": "PORT"}
    given = {name: str(parts[key]) for name, key in named.items() if parts[key]}
    options = {name: value for name, value in parts["OPTIONS"].items() if name not in NOT_FOR_TOOLS}
    environment = {**os.environ, **({"PGPASSWORD": parts["PASSWORD"]} if parts["PASSWORD"] else {})}
    return make_conninfo(**(options | given)), environment


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupRefused(
            f"{name} is not installed. It comes with PostgreSQL's client (Debian, Ubuntu: apt-get install"
            " postgresql-client); its version must not be older than the server's."
        )
    return found
