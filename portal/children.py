"""The processes under the supervisor: started with their own log, watched, restarted with back-off, stopped in order.

Needs no Django, so that the test runner can use it for its private servers as well.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1  # linux/prctl.h
LOG_MAX_BYTES = 5_000_000
TAIL_LINES = 12
STEADY_SECONDS = 60.0  # after this long a part counts as healthy again, and its back-off begins anew
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 30.0


@dataclass
class Child:
    """One long-running part.

    title   for people, at the start of a sentence
    command what is started, without a shell
    grace   seconds to end by itself after SIGTERM
    ready   asked after every start until it says True, so that the next part finds it
    """

    name: str
    title: str
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    directory: Path
    grace: float = 10.0
    ready: Callable[[], bool] | None = None
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    failures: int = field(default=0, init=False)
    started_at: float = field(default=0.0, init=False)
    restart_at: float | None = field(default=None, init=False)

    def start(self) -> None:
        """Start it with no input, its output in its log, in a process group of its own (Ctrl-C is the supervisor's)."""
        rotate(self.log)
        self.restart_at = None
        self.started_at = time.monotonic()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
            )

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        return self.is_alive() and (self.ready is None or self.ready())

    def wait_until_ready(self, seconds: float, stopping: Callable[[], bool]) -> bool:
        """Whether it became ready within `seconds`; False at once when it ends or the supervisor is asked to stop."""
        until = time.monotonic() + seconds
        while not self.is_ready():
            if not self.is_alive() or stopping() or time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def plan_restart(self, now: float) -> float:
        """Note that it ended; return the seconds until it starts again, twice as many after each failure in a row."""
        self.failures = 0 if now - self.started_at > STEADY_SECONDS else self.failures + 1
        pause = min(FIRST_PAUSE * float(2**self.failures), LONGEST_PAUSE)
        self.restart_at = now + pause
        self.kill()  # what it left behind would hold its port
        return pause

    def ask_to_stop(self) -> None:
        if self.process is not None and self.is_alive():
            with suppress(ProcessLookupError):
                self.process.terminate()

    def kill(self) -> None:
        """End it and what it started in its own group. Scripts have sessions of their own and are not touched."""
        if self.process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def was_killed(self) -> bool:
        """Whether somebody else ended it; then it had nothing to say about that."""
        return self.process is not None and self.process.returncode in (-signal.SIGKILL, -signal.SIGTERM)

    def how_it_ended(self) -> str:
        status = self.process.returncode if self.process else 0
        return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"

    def last_words(self) -> list[str]:
        """The last lines of its log, to be shown when it crashed."""
        with suppress(OSError):
            return self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:]
        return []


def rotate(log: Path) -> None:
    """Keep one older log of at least 5 MB aside, so that logs do not grow for ever."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_MAX_BYTES:
            log.replace(log.with_suffix(".log.1"))


def die_with_parent() -> None:
    """Have the kernel send SIGTERM to this process when its parent dies, even by kill -9 (Linux only).

    Runs between fork and exec. `preexec_fn` is unsafe only where other threads may hold locks; the supervisor has none,
    and it spares a wrapper program around every part.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
