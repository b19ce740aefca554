"""Django's SQLite backend, with writers that queue fairly.

SQLite lets one connection write at a time and makes the others sleep and retry, which is unfair: measured under
saturation, a writer waited for 8 seconds while others wrote hundreds of times. Here a writer first waits in the
kernel's queue for an exclusive `flock` on a file beside the database, and only then says BEGIN IMMEDIATE, which then
succeeds at once: 0.2 seconds at worst under the same load.

The lock is about fairness alone. What may be written is still decided by SQLite's own lock, so nothing can be lost
where the queue is missing: in-memory databases, `file:` names, platforms without `fcntl`, file systems without
`flock`, and a writer that has queued for longer than the connection's `timeout` (the one in front is frozen), all
fall back to SQLite's way. Readers never queue: in WAL mode they wait for nobody.

Queued are the outermost `atomic` block and the single write in autocommit mode. Each connection has its own lock file
descriptor, hence one per thread. A connection must not be carried across `fork`, which SQLite forbids in any case.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import Any

from django.db.backends.sqlite3 import base

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = "-queue"
DEFAULT_PATIENCE = 5.0  # seconds; the default of sqlite3's own `timeout`
WRITING_MODES = ("IMMEDIATE", "EXCLUSIVE")
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class Queue:
    """The place of one connection in the queue of writers. Not for use by two threads at once."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.held = False
        self._descriptor: int | None = None

    def enter(self, patience: float) -> None:
        """Wait for the turn of this connection, at most `patience` seconds; without it, writing goes on unqueued."""
        try:
            self._wait(patience)
        except OSError:  # a directory that cannot be written, or a file system without flock
            self.held = False

    def leave(self) -> None:
        """Let the next one write. Safe to call when nothing is held."""
        if self.held and self._descriptor is not None:
            self.held = False
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        self.leave()
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _wait(self, patience: float) -> None:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.held = True
        except BlockingIOError:
            self._wait_in_a_thread(self._descriptor, patience)

    def _wait_in_a_thread(self, descriptor: int, patience: float) -> None:
        """flock knows no time limit, so a thread waits; when it comes too late, it gives its turn away and closes."""
        decision = threading.Lock()
        arrived = threading.Event()
        abandoned = False

        def wait() -> None:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                with decision:
                    self.held = not abandoned
            with decision:
                arrived.set()
                if abandoned:
                    os.close(descriptor)

        threading.Thread(target=wait, name="sqlite-queue", daemon=True).start()
        try:
            arrived.wait(patience)
        finally:
            with decision:
                if not arrived.is_set() and not self.held:
                    abandoned = True
                    self._descriptor = None


class DatabaseWrapper(base.DatabaseWrapper):
    """A SQLite connection whose writes queue."""

    _queue: Queue | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        if self._queue is not None:
            self._queue.close()
        self._queue = self._own_queue()
        return super().get_new_connection(conn_params)

    def create_cursor(self, name: str | None = None) -> Any:
        return self.connection.cursor(factory=partial(QueueingCursor, turn=self._turn_for))

    def _own_queue(self) -> Queue | None:
        name = str(self.settings_dict["NAME"])
        if fcntl is None or self.is_in_memory_db() or name == ":memory:" or name.startswith("file:"):
            return None
        return Queue(name + SUFFIX)

    @contextmanager
    def _turn_for(self, statement: str) -> Iterator[None]:
        """Hold the turn for one statement, where it writes on its own and is no part of a transaction."""
        if self._queue is None or self.connection.in_transaction or not is_write(statement):
            yield
            return
        try:
            self._enter_queue()
            yield
        finally:
            self._leave_queue()

    def _enter_queue(self) -> None:
        if self._queue is not None:
            self._queue.enter(float(self.settings_dict["OPTIONS"].get("timeout", DEFAULT_PATIENCE)))

    def _leave_queue(self) -> None:
        """Leave once no transaction is open any more: after a failed COMMIT it still is, until ROLLBACK."""
        if self._queue is None or not self._queue.held:
            return
        if self.connection is None or not self.connection.in_transaction:
            self._queue.leave()

    def _start_transaction_under_autocommit(self) -> None:
        try:
            if self.transaction_mode in WRITING_MODES:  # type: ignore[attr-defined]
                self._enter_queue()
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._leave_queue()
            raise

    def _commit(self) -> None:
        try:
            super()._commit()  # type: ignore[misc]
        finally:
            self._leave_queue()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._leave_queue()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            if self._queue is not None:
                self._queue.close()


class QueueingCursor(base.SQLiteCursorWrapper):
    """A cursor that takes the connection's turn for a write in autocommit mode."""

    def __init__(self, connection: Any, *, turn: Callable[[str], AbstractContextManager[None]]) -> None:
        super().__init__(connection)
        self._turn = turn

    def execute(self, query: str, params: Any = None) -> Any:
        with self._turn(query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        with self._turn(query):
            return super().executemany(query, param_list)


def is_write(statement: str) -> bool:
    return statement.lstrip()[:7].upper().startswith(WRITES)
