"""Writers to SQLite wait for each other in a queue: none is refused, none starves, readers wait for nobody."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, OperationalError, transaction
from django.db.utils import ConnectionHandler
from pytest_django.plugin import DjangoDbBlocker

from config.sqlite import base

pytestmark = pytest.mark.embedded

ADD_ONE = "UPDATE tally SET total = total + 1"
ROOT = Path(__file__).resolve().parent.parent.parent
WRITER = """
import sys
from django.conf import settings
settings.configure(DATABASES={"default": {"ENGINE": "config.sqlite", "NAME": sys.argv[1], "CONN_MAX_AGE": None,
    "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20}}})
import django
django.setup()
from django.db import connection, transaction
connection.ensure_connection()
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT total FROM tally")
        total = cursor.fetchone()[0]
        cursor.execute("UPDATE tally SET total = %s", [total + 1])
"""


class Database:
    """One SQLite database; each thread that asks for its connection gets one of its own."""

    def __init__(self, name: Path | str, **options: Any) -> None:
        journal = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF"
        chosen = {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": journal} | options
        self.handler = ConnectionHandler(
            {"default": {"ENGINE": "config.sqlite", "NAME": name, "CONN_MAX_AGE": None, "OPTIONS": chosen}}
        )
        self.name = name

    @property
    def connection(self) -> base.DatabaseWrapper:
        connection = self.handler["default"]
        assert isinstance(connection, base.DatabaseWrapper)
        return connection

    def run(self, statement: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def total(self) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT total FROM tally")
            return int(cursor.fetchone()[0])

    def add_one(self) -> None:
        """Read and then write, in one transaction."""
        with transaction.atomic():
            total = self.total()
            self.run(f"UPDATE tally SET total = {total + 1}")

    def add_in_turn(self, times: int) -> None:
        for _ in range(times):
            self.add_one()
            self.run(ADD_ONE)
        self.connection.close()

    def queue_is_free(self) -> bool:
        queue = base.Queue(f"{self.name}{base.SUFFIX}")
        queue.enter(patience=0.2)
        free = queue.held
        queue.close()
        return free


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker) -> Iterator[Database]:
    database = Database(tmp_path / "test.sqlite3")
    monkeypatch.setattr(transaction, "connections", database.handler)
    with django_db_blocker.unblock():
        database.run("CREATE TABLE tally (total integer NOT NULL CHECK (total >= 0))")
        database.run("INSERT INTO tally VALUES (0)")
        yield database
        database.connection.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@transaction.atomic
def add_one_and_fail(database: Database) -> None:
    database.run(ADD_ONE)
    raise ZeroDivisionError


def test_many_threads_write_at_once_and_none_is_refused(database: Database, pool: ThreadPoolExecutor) -> None:
    writers = [pool.submit(database.add_in_turn, 50) for _ in range(8)]

    assert [writer.result(timeout=60) for writer in writers] == [None] * 8
    assert database.total() == 8 * 50 * 2


def test_many_processes_write_at_once_and_none_is_refused(database: Database) -> None:
    command = [sys.executable, "-c", WRITER, str(database.name), "100"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    writers = [subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(4)]
    assert [writer.stdout.readline() for writer in writers if writer.stdout] == ["ready\n"] * 4

    complaints = [future.result()[1] for future in _all_at_once(writers)]

    assert complaints == [""] * 4
    assert database.total() == 400


def _all_at_once(writers: list[subprocess.Popen[str]]) -> list["Future[tuple[str, str]]"]:
    with ThreadPoolExecutor(len(writers)) as pool:
        return [pool.submit(writer.communicate, "go\n", 60) for writer in writers]


def test_a_reader_does_not_wait_for_a_writer(database: Database, pool: ThreadPoolExecutor) -> None:
    with transaction.atomic():
        database.run(ADD_ONE)
        seen = pool.submit(database.total).result(timeout=5)

    assert seen == 0


def test_a_new_connection_does_not_wait_for_a_writer(database: Database, pool: ThreadPoolExecutor) -> None:
    with transaction.atomic():
        other = Database(database.name)

        assert pool.submit(other.total).result(timeout=5) == 0


def test_the_queue_moves_on_after_a_transaction_that_failed(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        add_one_and_fail(database)

    assert database.queue_is_free()
    assert database.total() == 0


def test_the_queue_moves_on_after_a_single_write_that_failed(database: Database) -> None:
    with pytest.raises(DatabaseError):
        database.run("UPDATE tally SET total = -1")

    assert database.queue_is_free()


def test_the_queue_is_held_until_the_outermost_block_ends(database: Database) -> None:
    with transaction.atomic():
        with transaction.atomic():
            database.run(ADD_ONE)
        held_after_the_inner_block = not database.queue_is_free()

    assert held_after_the_inner_block
    assert database.queue_is_free()


def test_a_rolled_back_inner_block_keeps_the_turn(database: Database) -> None:
    with transaction.atomic():
        database.run(ADD_ONE)
        with pytest.raises(ZeroDivisionError):
            add_one_and_fail(database)
        held = not database.queue_is_free()

    assert held
    assert database.total() == 1


def test_the_queue_moves_on_when_a_transaction_cannot_begin(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.connection.ensure_connection()
    monkeypatch.setattr(database.connection, "transaction_mode", "IMMEDIATE, PLEASE")
    monkeypatch.setattr(base, "WRITING_MODES", ("IMMEDIATE, PLEASE",))

    with pytest.raises(OperationalError):
        database.add_one()

    assert database.queue_is_free()


def test_a_failed_commit_keeps_the_turn_until_it_is_rolled_back(database: Database) -> None:
    database.run("CREATE TABLE parent (id integer PRIMARY KEY)")
    database.run("CREATE TABLE child (id integer REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)")

    with pytest.raises(DatabaseError), transaction.atomic():
        database.run("INSERT INTO child VALUES (42)")

    assert database.queue_is_free()
    assert not database.connection.connection.in_transaction


def test_closing_a_connection_in_a_transaction_lets_the_next_one_write(database: Database) -> None:
    with transaction.atomic():
        database.run(ADD_ONE)
        database.connection.close()

    assert database.queue_is_free()
    assert database.total() == 0


def test_a_reading_transaction_does_not_queue(tmp_path: Path, database: Database) -> None:
    with transaction.atomic():
        deferred = Database(database.name, transaction_mode="DEFERRED")
        deferred.connection.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)

        assert deferred.total() == 0
    deferred.connection.rollback()
    deferred.connection.close()


def test_a_writer_gives_up_queueing_behind_a_frozen_one(tmp_path: Path, database: Database) -> None:
    frozen = base.Queue(f"{database.name}{base.SUFFIX}")
    frozen.enter(patience=1)
    impatient = Database(database.name, timeout=0.2)

    impatient.run(ADD_ONE)

    assert database.total() == 1
    impatient.connection.close()
    frozen.close()
    assert database.queue_is_free()


def test_a_turn_that_comes_too_late_is_given_away(database: Database) -> None:
    first, late = (base.Queue(f"{database.name}{base.SUFFIX}") for _ in range(2))
    first.enter(patience=1)

    late.enter(patience=0.05)

    assert not late.held
    first.close()
    for thread in [thread for thread in threading.enumerate() if thread.name == "sqlite-queue"]:
        thread.join(timeout=5)
    assert database.queue_is_free()


@pytest.mark.parametrize("name", [":memory:", "file:memorydb_fair?mode=memory&cache=shared"])
def test_a_database_in_memory_has_no_lock_file(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> None:
    monkeypatch.chdir(tmp_path)
    database = Database(name)
    monkeypatch.setattr(transaction, "connections", database.handler)

    with django_db_blocker.unblock(), transaction.atomic():
        database.run("CREATE TABLE tally (total integer)")

    assert list(tmp_path.iterdir()) == []
    database.connection.connection.close()


def test_without_flock_writing_goes_on_unqueued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker
) -> None:
    monkeypatch.setattr(base, "fcntl", None)
    database = Database(tmp_path / "plain.sqlite3")
    monkeypatch.setattr(transaction, "connections", database.handler)

    with django_db_blocker.unblock(), transaction.atomic():
        database.run("CREATE TABLE tally (total integer)")

    assert not Path(f"{database.name}{base.SUFFIX}").exists()
    database.connection.close()


def test_the_lock_file_is_private_and_not_handed_to_scripts(database: Database) -> None:
    with transaction.atomic():
        lock = Path(f"{database.name}{base.SUFFIX}")
        listing = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=True).stdout

    assert lock.stat().st_mode & 0o777 == 0o600
    assert lock.name not in listing
