"""A Signalbox of the bench's own: its broker, web server and workers as the supervisor starts them, in a temporary
data directory. Needs Django to be set up on that directory."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil
from django.conf import settings
from django.core.management import call_command

from deployments.models import Worker
from portal import parts
from portal.children import Child
from portal.startup import collect_static_files

READY_SECONDS = 120.0  # on a busy machine


@dataclass(frozen=True)
class Used:
    """What processes have used of the processors so far, in seconds, and when that was."""

    cpu: float
    at: float

    def since(self, earlier: "Used") -> tuple[float, float]:
        """Seconds of the processors and of the clock between two looks."""
        return self.cpu - earlier.cpu, self.at - earlier.at


class Installation:
    """Starts parts on demand and ends them all on leaving."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.broker: Child | None = None
        self.broker_url = ""

    def __enter__(self) -> "Installation":
        call_command("migrate", verbosity=0, interactive=False)
        (settings.DATA_DIR / "logs").mkdir(mode=0o700, exist_ok=True)
        self.broker, self.broker_url, _ = parts.choose_broker()
        if self.broker:
            self._start(self.broker)
        return self

    def __exit__(self, *_: object) -> None:
        for child in reversed(self.children):
            child.ask_to_stop()
        for child in reversed(self.children):
            with suppress(Exception):
                child.process and child.process.wait(child.grace)
            child.kill()
        parts.remove_socket()

    def worker(self, pool: str, slots: int) -> Child:
        """One more worker that serves this pool, once it has announced itself."""
        there = Worker.objects.count()
        child = parts.worker(self.broker_url)
        number = sum(other.name.startswith("worker") for other in self.children) + 1
        child.name = f"worker{number}-{pool}"
        child.log = child.log.with_name(f"{child.name}.log")
        child.command = _replaced(child.command, {"-c": str(slots), "-Q": f"pool.{pool}", "-n": f"{child.name}@%h"})
        child.environment = {**child.environment, "WORKER_SLOTS": str(slots), "WORKER_POOLS": pool}
        self._start(child)
        wait_until(lambda: Worker.objects.count() > there, READY_SECONDS)
        return child

    def web(self) -> Child:
        """The web server, once it answers."""
        collect_static_files()
        child = parts.web(self.broker_url)
        self._start(child)
        return child

    def stop(self, *children: Child) -> None:
        """End these parts and wait for it."""
        for child in children:
            child.ask_to_stop()
        for child in children:
            if child.process:
                child.process.wait(30)
            self.children.remove(child)

    def _start(self, child: Child) -> None:
        child.start()
        self.children.append(child)
        if not child.wait_until_ready(READY_SECONDS, lambda: False):
            raise RuntimeError("\n".join([f"{child.title} did not start:", *child.last_words()]))


def used_by(children: Iterable[Child]) -> Used:
    """Own processor time of these parts with the processes below them, without the scripts (sessions of their own)."""
    total = 0.0
    for process in _processes(children):
        times = process.cpu_times()
        total += times.user + times.system
    return Used(total, time.perf_counter())


def memory_of(children: Iterable[Child]) -> float:
    """Megabytes that these parts hold; what several share is divided among them."""
    return sum(process.memory_full_info().pss for process in _processes(children)) / 1e6


def _processes(children: Iterable[Child]) -> list[psutil.Process]:
    found = []
    for child in children:
        if child.process and child.is_alive():
            process = psutil.Process(child.process.pid)
            group = os.getpgid(child.process.pid)
            found.append(process)
            for below in process.children(recursive=True):
                with suppress(OSError):
                    if os.getpgid(below.pid) == group:
                        found.append(below)
    return found


def _replaced(command: Sequence[str], options: dict[str, str]) -> list[str]:
    """The command with the values of these options replaced."""
    return [options.get(before, word) for before, word in zip(["", *command], command, strict=False)]


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> None:
    """Raises TimeoutError when it does not come true in time."""
    until = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > until:
            raise TimeoutError("what the bench waited for did not come")
        time.sleep(every)
