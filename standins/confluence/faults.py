"""Trouble to order: what the next requests meet, and what all meet until it is lifted."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

WRITES = ("POST", "PUT", "DELETE")
OPTIMISTIC_LOCK = (
    "com.atlassian.confluence.api.service.exceptions.ConflictException: javax.persistence.OptimisticLockException: "
    "Batch update returned unexpected row count from update [0]; actual row count: 0; expected: 1"
)


@dataclass(frozen=True)
class Fault:
    """One piece of trouble. It concerns requests with one of `methods` (empty: any) whose path contains `path`.

    `status`: answer so, and do not carry the request out. `hang`: wait so many seconds before answering, having carried
    it out. `drop`: close the connection without an answer, “before” or “after” carrying it out.
    """

    status: int = 0
    sentence: str = ""
    retry_after: str | None = None
    hang: float = 0
    drop: str = ""
    methods: tuple[str, ...] = ()
    path: str = ""

    def concerns(self, method: str, path: str) -> bool:
        return (not self.methods or method in self.methods) and self.path in path


class Faults:
    """What was ordered. Any thread may order, and any thread may meet it."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._next: deque[Fault] = deque()
        self._lasting: Fault | None = None
        self._lifted = 0  # how often everything was lifted

    def next(
        self,
        count: int = 1,
        status: int = 429,
        retry_after: int | datetime | str | None = None,
        *,
        methods: tuple[str, ...] = (),
        path: str = "",
        sentence: str = "",
    ) -> None:
        """Answer the next `count` requests with `status` and do not carry them out.

        `retry_after`: seconds, an aware time (sent as an HTTP date), any text, or None for no such header.
        """
        self._order(count, Fault(status, sentence, _retry_after(retry_after), methods=methods, path=path))

    def conflict(self, count: int = 1) -> None:
        """Answer the next `count` writes with 409 because of a lock, though their version number is right."""
        self._order(count, Fault(409, OPTIMISTIC_LOCK, methods=WRITES))

    def hang(self, count: int = 1, seconds: float = 60, *, methods: tuple[str, ...] = (), path: str = "") -> None:
        """Carry the next `count` requests out, and answer only after so many seconds, or as soon as this is lifted."""
        self._order(count, Fault(hang=seconds, methods=methods, path=path))

    def drop(self, count: int = 1, *, methods: tuple[str, ...] = (), path: str = "") -> None:
        """Close the connection of the next `count` requests without carrying them out."""
        self._order(count, Fault(drop="before", methods=methods, path=path))

    def lose_answers(self, count: int = 1, *, methods: tuple[str, ...] = WRITES, path: str = "") -> None:
        """Carry the next `count` writes out, and close the connection instead of answering."""
        self._order(count, Fault(drop="after", methods=methods, path=path))

    def until_lifted(self, status: int = 503, retry_after: int | datetime | str | None = None) -> None:
        """Answer every request so, until it is lifted; status 0 closes every connection instead."""
        with self._lock:
            drop = "" if status else "before"
            self._lasting = Fault(status, retry_after=_retry_after(retry_after), drop=drop)

    def lift(self) -> None:
        """Forget everything that was ordered; what hangs is answered."""
        with self._lock:
            self._next.clear()
            self._lasting = None
            self._lifted += 1
            self._lock.notify_all()

    @contextmanager
    def outage(self, status: int = 503, retry_after: int | datetime | str | None = None) -> Iterator[None]:
        """Inside, every request is answered so; status 0 closes every connection."""
        self.until_lifted(status, retry_after)
        try:
            yield
        finally:
            self.lift()

    def ordered(self) -> list[Fault]:
        """What has not been met yet, what lasts first."""
        with self._lock:
            return [*([self._lasting] if self._lasting else []), *self._next]

    def take(self, method: str, path: str) -> Fault | None:
        """The trouble that this request meets. What was ordered for the next request is met only once."""
        with self._lock:
            if self._lasting is not None:
                return self._lasting
            for fault in self._next:
                if fault.concerns(method, path):
                    self._next.remove(fault)
                    return fault
        return None

    def wait(self, seconds: float) -> None:
        """Wait so long, or until everything is lifted."""
        end = time.monotonic() + seconds
        with self._lock:
            lifted = self._lifted
            while self._lifted == lifted and (left := end - time.monotonic()) > 0:
                self._lock.wait(left)

    def _order(self, count: int, fault: Fault) -> None:
        with self._lock:
            self._next.extend([fault] * count)


def _retry_after(stated: int | datetime | str | None) -> str | None:
    if isinstance(stated, datetime):
        return format_datetime(stated, usegmt=True)
    return None if stated is None else str(stated)
