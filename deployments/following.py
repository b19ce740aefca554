"""Follow a running script: store its output, keep the lease, stop it when asked or when its time is up."""

import logging
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import IO

from django.conf import settings
from django.db import connection
from django.utils import timezone

from deployments import spool
from deployments.holding import DATABASE_AWAY, Fenced, HandedOver, hand_over, kept, renew, retried, this_worker
from deployments.log import Writer
from deployments.models import UNFINISHED, Deployment

log = logging.getLogger(__name__)
READ_BYTES = 256 * 1024
READS_AT_ONCE = 32  # then the lease has its turn, however fast the script prints
SHORTEST_LOOK, LONGEST_LOOK = 0.05, 0.5  # seconds between two looks at a running script
ROW_LOOK = 2.0  # seconds between two looks at the row
Child = subprocess.Popen[bytes]


class Came(Enum):
    """What a run came to, besides an exit status."""

    ENDED = "ended"
    STOPPED = "stopped"
    TOO_LONG = "too long"
    VANISHED = "vanished"


@dataclass(frozen=True)
class Result:
    came: Came
    exit_status: int | None = None

    @property
    def succeeded(self) -> bool:
        return self.came is Came.ENDED and self.exit_status == 0


def follow(deployment: Deployment, name: str, writer: Writer, pid: int | None, child: Child | None = None) -> Result:
    """Follow the run until its script is gone. The script keeps running whatever happens to the database meanwhile.

    pid    None: the process was not found
    child  given when it is a process of ours, which must be waited for
    Raises Fenced, and HandedOver when this worker is going away.
    """
    worker, came, killing = this_worker(), Came.ENDED, None
    row, look = _Row(deployment, name, pid), SHORTEST_LOOK
    with Tail(name, writer, lambda: retried(writer.flush)) as tail:
        while pid is not None and _lives(pid, name, child, look):
            asked = row.asks_to_stop(now=worker.going.is_set())  # first of all: who was frozen may have lost the row
            if killing is None and (asked or _is_late(deployment)) and spool.exit_status(name) is None:
                came = Came.STOPPED if asked else Came.TOO_LONG
                killing = _kill(name, pid)
            look = SHORTEST_LOOK if tail.read() else min(look * 1.3, LONGEST_LOOK)
            if worker.going.is_set():
                retried(writer.flush)
                retried(lambda: hand_over(deployment))
                raise HandedOver
        with kept(deployment):
            retried(row.asks_to_stop)
            if killing:
                killing.join()  # what has left the session may live longer than the shell
            while tail.read():
                pass  # what is left for the last transaction is little
    status = spool.exit_status(name)
    return Result(Came.VANISHED if status is None and came is Came.ENDED else came, status)


class _Row:
    """The deployment's row, looked at every now and then."""

    def __init__(self, deployment: Deployment, name: str, pid: int | None) -> None:
        self.deployment, self.name, self.pid = deployment, name, pid
        self.looked_at = time.monotonic()

    def asks_to_stop(self, *, now: bool = False) -> bool:
        """Renew the lease when it is time to, or `now`; whether stopping was asked for. Raises Fenced.

        A database that is away changes nothing.
        """
        if not now and time.monotonic() - self.looked_at < min(ROW_LOOK, settings.LEASE_SECONDS / 3):
            return False
        self.looked_at = time.monotonic()
        try:
            return renew(self.deployment)
        except DATABASE_AWAY:
            connection.close()
            return False
        except Fenced:
            self._stop_if_superseded()
            raise

    def _stop_if_superseded(self) -> None:
        attempt, status = Deployment.objects.values_list("attempt", "status").get(pk=self.deployment.pk)
        if attempt != self.deployment.attempt or status not in UNFINISHED:
            spool.kill(self.name, self.pid, settings.CANCEL_GRACE_SECONDS)


class Tail:
    """Reads the script's output file behind what has been read, and has it stored by `flush` when that is due."""

    def __init__(self, name: str, writer: Writer, flush: Callable[[], None]) -> None:
        self.name, self.writer, self.flush = name, writer, flush
        self.file: IO[bytes] | None = None

    def __enter__(self) -> "Tail":
        return self

    def __exit__(self, *_: object) -> None:
        if self.file:
            self.file.close()

    def read(self) -> bool:
        """Hand what is new to the writer, not more than a few megabytes of it; whether there was anything."""
        self.file = self.file or spool.output(self.name, self.writer.raw_end)
        found = False
        for _ in range(READS_AT_ONCE):
            data = self.file.read(READ_BYTES) if self.file and not self.writer.is_full else b""
            if data:
                self.writer.take(data)
            if self.writer.is_due:
                self.flush()
            if not data:
                break
            found = True
        return found

    def read_to_the_end(self) -> None:
        """Everything, with what was held back because a secret might have begun there."""
        while self.read():
            pass
        self.writer.take(b"", last=True)
        self.flush()


def _lives(pid: int, name: str, child: Child | None, seconds: float) -> bool:
    """Wait up to `seconds` for the script's end; whether it still runs."""
    if child is None:
        time.sleep(seconds)
        return spool.is_alive(pid, name)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


def _is_late(deployment: Deployment) -> bool:
    return deployment.deadline_at is not None and timezone.now() > deployment.deadline_at


def _kill(name: str, pid: int) -> threading.Thread:
    """Stop the run beside following it: it may print for a while yet, and the lease goes on."""
    grace = settings.CANCEL_GRACE_SECONDS
    thread = threading.Thread(target=spool.kill, args=(name, pid, grace), name="killing", daemon=True)
    thread.start()
    return thread
