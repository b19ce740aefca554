"""The supervisor behind `make run`: prepares, starts the parts in order, restarts what dies, stops all of it.

One process with one thread. A script of a deployment is never touched: it runs in a session of its own, outlives the
worker, and is adopted by the next one.
"""

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from deployments.models import Deployment, Status
from examples.patient_portal.packages import NotPushed
from portal import first_start, parts, startup
from portal.children import Child
from portal.startup import CannotRun

Say = Callable[[str], None]

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
READY_SECONDS = 40.0
LOOK_AGAIN_SECONDS = 5.0


class Supervisor:
    """Watches the parts from their start to their end. Use as a context manager: it takes over the signals."""

    def __init__(self, children: list[Child], say: Say) -> None:
        """children: in the order of starting; they are stopped in the order of `stopping_order`."""
        self.children = children
        self.say = say
        self.asked_to_stop = 0
        self._wakeup, self._wakeup_write = os.pipe()

    @contextlib.contextmanager
    def in_charge(self) -> Iterator[None]:
        """Signals are noted from here on, and whatever happens inside, no part is left running."""
        os.set_blocking(self._wakeup_write, False)
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup means it
                signal.signal(number, self._note_signal)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # only to be woken up
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start all parts, each once the one before is ready. Raises CannotRun with a part's last words."""
        for child in self.children:
            if self.asked_to_stop:
                return
            child.start()
            if not child.wait_until_ready(READY_SECONDS, lambda: bool(self.asked_to_stop)) and not self.asked_to_stop:
                raise CannotRun("\n".join([f"{child.title} did not start; {child.log} says:", *child.last_words()]))

    def watch(self) -> None:
        """Restart what ends, until a signal asks to stop."""
        while not self.asked_to_stop:
            pauses = [self._look_after(child) for child in self.children]
            if select.select([self._wakeup], [], [], min([LOOK_AGAIN_SECONDS, *pauses]))[0]:
                os.read(self._wakeup, 512)

    def stop(self) -> None:
        """Stop worker, web server, broker and stand-ins, each within its grace; a second Ctrl-C ends it at once."""
        for child in stopping_order(self.children):
            child.ask_to_stop()
            until = time.monotonic() + child.grace
            while child.is_alive() and self.asked_to_stop < 2 and time.monotonic() < until:
                time.sleep(0.02)
            child.kill()

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self.asked_to_stop += 1

    def _look_after(self, child: Child) -> float:
        """See to one part; return how many seconds that can wait until it must be seen to again."""
        now = time.monotonic()
        if child.is_alive():
            return LOOK_AGAIN_SECONDS
        if child.restart_at is None:
            how = child.how_it_ended()
            pause = child.plan_restart(now)
            self.say(f"{child.title} {how}; it starts again in {pause:.1f} s. What it said is in {child.log}.")
            for line in [] if child.was_killed() else child.last_words():
                self.say(f"    {line}")
        if child.restart_at is not None and now >= child.restart_at:
            child.start()
            self.say(f"{child.title} was started again.")
            return LOOK_AGAIN_SECONDS
        return max((child.restart_at or now) - now, 0.01)


def stopping_order(children: list[Child]) -> list[Child]:
    order = ["worker", "web", "broker"]
    return sorted(children, key=lambda child: order.index(child.name) if child.name in order else len(order))


def run(say: Say) -> None:
    """Run the portal until it is asked to stop. Raises CannotRun with a sentence when it cannot start."""
    began = time.monotonic()
    lock = startup.claim(settings.DATA_DIR)
    with lock:
        startup.refuse_busy_ports(settings.HOST, _ports())
        startup.prepare_database()
        startup.collect_static_files()
        sign_in = _first_start()
        connection.close()
        broker, broker_url, line = parts.choose_broker()
        say(line)
        children = [*([broker] if broker else []), *(parts.stand_ins() if settings.EXAMPLE else [])]
        children += [parts.web(broker_url), parts.worker(broker_url)]
        (settings.DATA_DIR / "logs").mkdir(mode=0o700, exist_ok=True)
        supervisor = Supervisor(children, say)
        try:
            with supervisor.in_charge():
                supervisor.start()
                if not supervisor.asked_to_stop:
                    _push_samples(say)
                    _announce(say, sign_in, time.monotonic() - began)
                    supervisor.watch()
                say("Stopping; Ctrl-C again ends it at once.")
        finally:
            parts.remove_socket()
            say_what_runs_on(say)
        say("Stopped.")


def _ports() -> dict[str, int]:
    ports = {"PORT": settings.PORT}
    if settings.EXAMPLE:
        ports |= {name: getattr(settings, name) for name in ("SITES_PORT", "CLOUDHUB_PORT", "CONFLUENCE_PORT")}
    return ports


def _first_start() -> dict[str, Any] | None:
    """What to sign in with, where this is the first start; None later."""
    if not first_start.is_due(settings.DATA_DIR):
        return None
    sites = settings.DATA_DIR / "sites"
    example = first_start.Example(
        variables={"SITE_ROOT": str(sites), "SITES_URL": parts.sites_url(), "CLOUDHUB_URL": parts.cloudhub_url()},
        confluence_url=parts.confluence_url(),
    )
    try:
        return first_start.load(settings.DATA_DIR, url=settings.BASE_URL, example=example if settings.EXAMPLE else None)
    except first_start.NotLoaded as refusal:
        raise CannotRun(str(refusal)) from refusal


def _push_samples(say: Say) -> None:
    if not first_start.is_push_due(settings.DATA_DIR):
        return
    if not settings.EXAMPLE_PUSH:
        first_start.skip_push(settings.DATA_DIR)
        return
    try:
        first_start.push_samples(settings.DATA_DIR, parts.local_url(settings.PORT), parts.cloudhub_url())
    except NotPushed as refusal:
        say(f"The sample packages could not be pushed; the next start tries again. {refusal}")
    else:
        say("Both sample packages were pushed: a release of Patient Portal waits for approval.")


def _announce(say: Say, sign_in: dict[str, Any] | None, seconds: float) -> None:
    kept = settings.DATA_DIR / first_start.SIGN_IN
    if sign_in is not None and settings.LOG_FORMAT == "line":  # passwords are not for collected logs
        say(f"Sign in with one of these; they are kept in {kept}, change them soon:")
        for account in sign_in["accounts"]:
            say(f"    {account['username']:<16} {account['password']}   {account['role']}")
    elif kept.exists():
        say(f"The accounts to sign in with are in {kept}.")
    if settings.EXAMPLE:
        say(f"Sites of the example: {parts.sites_url()}/   CloudHub stand-in: {parts.cloudhub_url()}/")
        say(f"What is where, as Confluence pages: {parts.confluence_url()}/ (a stand-in)")
    say(f"Signalbox is ready at {settings.BASE_URL}/ ({seconds:.1f} s). Ctrl-C stops it.")


def say_what_runs_on(say: Say) -> None:
    """Name the deployments whose scripts go on without a worker."""
    scripts = Deployment.objects.scripts().filter(status=Status.RUNNING, host=settings.WORKER_HOST)
    try:
        running = [f"{found.project.name} to {found.environment.name}" for found in scripts.with_names()]
    except DatabaseError:
        say("Which scripts run on is not known, because the database cannot be reached; the next start adopts them.")
        return
    finally:
        connection.close()
    for what in running:
        say(f"{what} runs on; the next start adopts it.")
