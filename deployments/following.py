"""Follow a running script: store its output, keep the lease, stop it when asked or when its time is up."""

import contextlib
import logging
import os
import select
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
from deployments.holding import (
    DATABASE_AWAY,
    Fenced,
    HandedOver,
    hand_over,
    is_to_stop,
    kept,
    renew,
    retried,
    this_worker,
)
from deployments.log import Writer
from deployments.models import UNFINISHED, Deployment

log = logging.getLogger(__name__)
READ_BYTES = 256 * 1024
READS_AT_ONCE = 32  # then the lease has its turn, however fast the script prints
SHORTEST_LOOK, LONGEST_LOOK = 0.05, 0.5  # seconds between two looks at a running script
ROW_LOOK = 2.0  # seconds between two looks at the row
FORGET_BYTES = 16 * 1024**2  # of a script's output whose space on the disk is given back at once
Child = subprocess.Popen[bytes]


class Came(Enum):
    """What a run came to, besides an exit status."""

    ENDED = "ended"
    STOPPED = "stopped"
    TOO_LONG = "too long"
    VANISHED = "vanished"


@dataclass(frozen=True)
class Result:
    """`of_all`: too long was not the step, but the whole deployment."""

    came: Came
    exit_status: int | None = None
    of_all: bool = False

    @property
    def succeeded(self) -> bool:
        return self.came is Came.ENDED and self.exit_status == 0


def follow(deployment: Deployment, name: str, writer: Writer, pid: int | None, child: Child | None = None) -> Result:
    """Follow the run until its script is gone. The script keeps running whatever happens to the database meanwhile.

    pid    None: the process was not found
    child  given when it is a process of ours, which must be waited for
    What it printed last is with the writer, and not stored yet.
    Raises Fenced, and HandedOver when this worker is going away.
    """
    worker, came, killing = this_worker(), Came.ENDED, None
    row, room, of_all = _Row(deployment, name, pid), _Room(name, writer), False
    with Tail(name, writer, lambda: retried(writer.flush)) as tail, _Process(pid, name, child) as process:
        look = SHORTEST_LOOK
        while process.lives_for(look):
            asked = row.asks_to_stop(now=worker.going.is_set())  # first of all: who was frozen may have lost the row
            late = _late(deployment)
            if killing is None and (asked or late) and spool.exit_status(name) is None:
                came, of_all = (Came.STOPPED, False) if asked else (Came.TOO_LONG, late is Late.DEPLOYMENT)
                killing = _kill(name, pid)
            look = SHORTEST_LOOK if tail.read() else min(look * 1.3, LONGEST_LOOK)
            room.give_back()
            if worker.going.is_set():
                retried(writer.flush)
                retried(lambda: hand_over(deployment))
                raise HandedOver
        if killing:
            with kept(deployment):
                killing.join()  # what has left the session may live longer than the shell
        row.refuse_if_lost()
        while tail.read():
            row.asks_to_stop()  # what is left may be much; what is left for the last transaction is little
    status = spool.exit_status(name)
    return Result(Came.VANISHED if status is None and came is Came.ENDED else came, status, of_all)


class _Row:
    """The deployment's row, looked at every now and then."""

    def __init__(self, deployment: Deployment, name: str, pid: int | None) -> None:
        self.deployment, self.name, self.pid = deployment, name, pid
        self.looked_at = time.monotonic()
        self.renewed_at = float("-inf")  # the first look writes when its time is up

    def asks_to_stop(self, *, now: bool = False) -> bool:
        """Look when it is time to, or `now`, and renew the lease before it is half over; whether stopping was asked for.

        A database that is away changes nothing. Raises Fenced.
        """
        since, lease = time.monotonic(), settings.LEASE_SECONDS
        if not now and since - self.looked_at < min(ROW_LOOK, lease / 3):
            return False
        self.looked_at = since
        try:
            if now or since - self.renewed_at >= lease / 3:
                renew(self.deployment, deadline_at=self.deployment.deadline_at)
                self.renewed_at = since
            return is_to_stop(self.deployment)
        except DATABASE_AWAY:
            connection.close()
            return False
        except Fenced:
            self._stop_if_superseded()
            raise

    def refuse_if_lost(self) -> None:
        """Who was frozen may have lost the row since it was looked at last. Raises Fenced."""
        if time.monotonic() - self.looked_at > min(ROW_LOOK, settings.LEASE_SECONDS / 3):
            retried(lambda: self.asks_to_stop(now=True))

    def _stop_if_superseded(self) -> None:
        attempt, status = Deployment.objects.values_list("attempt", "status").get(pk=self.deployment.pk)
        if attempt != self.deployment.attempt or status not in UNFINISHED:
            spool.kill(self.name, self.pid, settings.CANCEL_GRACE_SECONDS)


class _Room:
    """Gives back the space on the disk of what is stored, and of what will not be because the log is full."""

    def __init__(self, name: str, writer: Writer) -> None:
        self.name, self.writer = name, writer
        self.given_back = 0

    def give_back(self) -> None:
        up_to = spool.printed(self.name) if self.writer.is_full else self.writer.raw_end
        if up_to - self.given_back >= FORGET_BYTES:
            self.given_back = up_to
            spool.forget_output(self.name, up_to)


class _Process:
    """The shell around the script, waited for without asking again and again where the system can tell (Linux)."""

    def __init__(self, pid: int | None, name: str, child: Child | None) -> None:
        """pid: None where there is none any more; child: the same, where it is a process of ours"""
        self.pid, self.name, self.child = pid, name, child
        self.descriptor: int | None = None

    def __enter__(self) -> "_Process":
        if self.pid is not None and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # gone already, or a kernel that does not know it
                self.descriptor = os.pidfd_open(self.pid)
            if self.descriptor is not None and self.child is None and not spool.is_alive(self.pid, self.name):
                self.pid = None  # the number went to another process in between
        return self

    def __exit__(self, *_: object) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)

    def lives_for(self, seconds: float) -> bool:
        """Wait up to `seconds` for the end; whether it still runs."""
        if self.pid is None:
            return False
        if self.descriptor is not None:
            return not self._has_ended(self.descriptor, seconds)
        if self.child is None:
            time.sleep(seconds)
            return spool.is_alive(self.pid, self.name)
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            return True
        return False

    def _has_ended(self, descriptor: int, seconds: float) -> bool:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(seconds * 1000):
            return False
        if self.child is not None:
            self.child.wait()
        return True


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
        self.file = self.file or spool.output(self.name, self.writer.taken)
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


class Late(Enum):
    """What has taken too long."""

    STEP = "step"
    DEPLOYMENT = "deployment"


def _late(deployment: Deployment) -> Late | None:
    now = timezone.now()
    if deployment.overdue_at is not None and now > deployment.overdue_at:
        return Late.DEPLOYMENT
    return Late.STEP if deployment.deadline_at is not None and now > deployment.deadline_at else None


def _kill(name: str, pid: int | None) -> threading.Thread:
    """Stop the run beside following it: it may print for a while yet, and the lease goes on."""
    grace = settings.CANCEL_GRACE_SECONDS
    thread = threading.Thread(target=spool.kill, args=(name, pid, grace), name="killing", daemon=True)
    thread.start()
    return thread
