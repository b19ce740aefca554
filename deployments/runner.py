"""Carry one deployment out: claim it, run its steps, end it. Knows nothing of queues and messages.

A worker holds a row by its fence: every write names it, and whoever claims, takes over or decides raises it. A worker
that lost its row writes nothing more, and stops its script only if a newer attempt exists.
"""

import contextlib
import logging
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import IO, Any, TypeVar

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from accounts import trail
from accounts.models import User
from deployments import doorbell, outcomes, spool, steps, train
from deployments.log import Writer
from deployments.models import UNFINISHED, Deployment, Status, StepRun
from deployments.steps import StepRefused
from deployments.steps.run_package import environment_of

log = logging.getLogger(__name__)
Outcome = TypeVar("Outcome")
NEVER_STARTED = "Never started."
BROKE = "Something broke on our side, not in the package. The portal's own log has the details."
READ_BYTES = 256 * 1024
SHORTEST_LOOK, LONGEST_LOOK = 0.05, 0.5  # seconds between two looks at a running script
LONGEST_PAUSE = 20.0  # seconds between two tries of a step; shorter than a lease
CANCEL_LOOK = 2.0  # seconds between two looks at the row


class Fenced(Exception):
    """Somebody else holds the row now: stop, and write nothing more."""


class HandedOver(Exception):
    """This worker is going away and the script runs on: the next worker of this host adopts it."""


class Worker:
    """What this process is while it carries deployments out: its name, and whether it is going away."""

    def __init__(self) -> None:
        self.ownership = spool.Ownership()
        self.boot_id = spool.boot_id()
        self.going = threading.Event()
        self.active: set[int] = set()

    @property
    def name(self) -> str:
        return self.ownership.name


_worker: Worker | None = None
_worker_lock = threading.Lock()


def this_worker() -> Worker:
    """The worker that this process is; made on first use."""
    global _worker  # noqa: PLW0603 - one process, one worker
    with _worker_lock:
        if _worker is None:
            _worker = Worker()
        return _worker


# -- claim ------------------------------------------------------------------------------------------------------------


def work(pk: int, pool: str) -> None:
    """Carry out deployment `pk` if it still waits, then whatever else waits in this pool: the table is the queue."""
    worker = this_worker()
    deployment = claim(pk) or claim_next(pool)
    while deployment:
        carry_out(deployment)
        deployment = None if worker.going.is_set() else claim_next(pool)


def claim(pk: int) -> Deployment | None:
    """Take a queued deployment for this worker. None: another worker has it, or it is over."""
    worker = this_worker()
    if worker.going.is_set():
        return None
    with transaction.atomic():
        mine = (
            Deployment.objects.scripts()
            .filter(pk=pk)
            .filter(status=Status.QUEUED)
            .move(
                Status.RUNNING,
                fence=F("fence") + 1,
                attempt=F("attempt") + 1,
                owner=worker.name,
                host=settings.WORKER_HOST,
                boot_id=worker.boot_id,
                lease_expires_at=_lease(),
                started_at=Coalesce("started_at", Now()),
            )
        )
        if not mine:
            return None
        worker.active.add(pk)  # before the row can be seen: the sweep adopts what nobody here is working on
        deployment = _loaded(pk)
        sentence = f"{deployment} is carried out on {deployment.host} (attempt {deployment.attempt})."
        trail.record(None, "deployment.claimed", deployment, sentence, owner=worker.name)
    return deployment


def claim_next(pool: str) -> Deployment | None:
    """Take the deployment that has waited longest in this pool, if any."""
    waiting = Deployment.objects.scripts().filter(status=Status.QUEUED, environment__worker_pool=pool)
    for pk in list(waiting.order_by("requested_at", "pk").values_list("pk", flat=True)[:20]):
        if deployment := claim(pk):
            return deployment
    return None


def renew(deployment: Deployment) -> bool:
    """Extend the lease. Raises Fenced when the row is no longer ours. Returns whether stopping was asked for."""
    ours = Deployment.objects.filter(pk=deployment.pk, fence=deployment.fence, status=Status.RUNNING)
    if not ours.update(lease_expires_at=_lease()):
        raise Fenced
    asked = Deployment.objects.filter(pk=deployment.pk).values_list("cancel_requested_at", "cancel_stops_running")
    requested_at, stops = asked.get()
    return requested_at is not None and stops


# -- run --------------------------------------------------------------------------------------------------------------


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


def carry_out(deployment: Deployment) -> None:
    """Run what is left of the deployment's steps and end it. Never raises: what is ours to blame is logged."""
    with _active(deployment):
        _guarded(deployment, lambda: _run_steps(deployment))


def adopt(deployment: Deployment) -> None:
    """Follow a script that an earlier worker of this host started, to its true outcome; then go on with what is left."""
    with _active(deployment):
        _guarded(deployment, lambda: _adopt(deployment))


def _guarded(deployment: Deployment, run: Callable[[], None]) -> None:
    try:
        run()
    except Fenced:
        log.warning("deployment %s is held by somebody else now", deployment.pk)
    except HandedOver:
        log.info("deployment %s runs on; the next worker of this host adopts it", deployment.pk)
    except IntegrityError:
        log.warning("deployment %s: another owner has written this already", deployment.pk, exc_info=True)
    except (OperationalError, InterfaceError):
        log.exception("deployment %s: the database went away; the sweep takes it up again", deployment.pk)
        connection.close()
    except Exception:
        log.exception("deployment %s broke on our side", deployment.pk)
        _retried(lambda: _end(deployment, Status.FAILED, BROKE))


@contextlib.contextmanager
def _active(deployment: Deployment) -> Any:
    active = this_worker().active
    active.add(deployment.pk)
    try:
        yield
    finally:
        active.discard(deployment.pk)


def _run_steps(deployment: Deployment) -> None:
    """Steps that succeeded in an earlier attempt are never run again."""
    done = set(deployment.step_runs.filter(exit_status=0).values_list("position", flat=True))
    for step in deployment.release.snapshot["process"]["steps"]:
        if step["position"] not in done and not _run_step(deployment, step):
            return
    sentence = f"{deployment.release} is live in {deployment.environment}."
    _retried(lambda: _end(deployment, Status.SUCCEEDED, sentence))


def _run_step(deployment: Deployment, step: dict[str, Any]) -> bool:
    """Run one step, again where it may be. True: it succeeded, go on with the next."""
    while True:
        step_run = deployment.step_runs.create(attempt=deployment.attempt, position=step["position"], name=step["name"])
        try:
            result, name = _start(deployment, step, step_run)
        except StepRefused as refusal:
            sentence = refusal.sentence
            _retried(lambda: _refused(deployment, step_run, sentence))  # noqa: B023 - called at once
            return False
        if _concluded(deployment, step, step_run, result, name):
            return result.succeeded
        if not _next_attempt(deployment, _failures(deployment, step)):
            return False


def _start(deployment: Deployment, step: dict[str, Any], step_run: StepRun) -> tuple[Result, str]:
    """Start the step's command and follow it. Ownership is checked at the last moment before the script starts."""
    name = spool.name_of(deployment.pk, deployment.attempt, step["position"])
    spool.prepare(name)
    command = steps.prepare(deployment, step, name)
    writer = Writer(step_run, command.secrets)
    writer.say(command.introduction)
    deadline = timezone.now() + timedelta(seconds=step["time_limit_seconds"])
    renew(deployment)
    Deployment.objects.filter(pk=deployment.pk, fence=deployment.fence).update(deadline_at=deadline)
    deployment.deadline_at = deadline
    process = spool.start(name, command.line, command.environment)
    return _follow(deployment, name, writer, process.pid, process), name


def _follow(
    deployment: Deployment, name: str, writer: Writer, pid: int | None, child: "subprocess.Popen[bytes] | None" = None
) -> Result:
    """Store the output and renew the lease until the script is gone; stop it when asked or when its time is up.

    pid None: the process was not found. The script keeps running whatever happens to the database meanwhile.
    """
    worker, came = this_worker(), Came.ENDED
    looked_at, look = time.monotonic(), SHORTEST_LOOK
    with _Tail(name, writer) as tail:
        while pid is not None and _lives(pid, name, child, look):
            look = SHORTEST_LOOK if tail.read() else min(look * 1.3, LONGEST_LOOK)
            if writer.is_due:
                _retried(writer.flush)
            if worker.going.is_set():
                _retried(writer.flush)
                _retried(lambda: _hand_over(deployment))
                raise HandedOver
            if came is Came.ENDED and _is_late(deployment):
                came = Came.TOO_LONG
                spool.kill(name, pid, settings.CANCEL_GRACE_SECONDS)
            if time.monotonic() - looked_at >= min(CANCEL_LOOK, settings.LEASE_SECONDS / 3):
                looked_at = time.monotonic()
                if _renewed(deployment, name, pid) and came is Came.ENDED:
                    came = Came.STOPPED
                    spool.kill(name, pid, settings.CANCEL_GRACE_SECONDS)
    status = spool.exit_status(name)
    if status is None and came is Came.ENDED:
        came = Came.VANISHED
    return Result(came, status)


def _lives(pid: int, name: str, child: "subprocess.Popen[bytes] | None", seconds: float) -> bool:
    """Wait up to `seconds` for the script's end; whether it still runs."""
    if child is None:
        time.sleep(seconds)
        return spool.is_alive(pid, name)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


class _Tail:
    """Reads the script's output file behind what has been read."""

    def __init__(self, name: str, writer: Writer) -> None:
        self.name, self.writer = name, writer
        self.file: IO[bytes] | None = None

    def __enter__(self) -> "_Tail":
        return self

    def __exit__(self, *_: object) -> None:
        if self.file:
            self.file.close()

    def read(self, *, last: bool = False) -> bool:
        """Hand everything new to the writer; whether there was anything."""
        self.file = self.file or spool.output(self.name, self.writer.raw_end)
        found = False
        while self.file and (data := self.file.read(READ_BYTES)):
            found = True
            self.writer.take(data)
            if self.writer.is_due:
                _retried(self.writer.flush)
        if last:
            self.writer.take(b"", last=True)
        return found


def _renewed(deployment: Deployment, name: str, pid: int) -> bool:
    """Renew the lease; whether stopping was asked for. A database that is away changes nothing. Raises Fenced."""
    try:
        return renew(deployment)
    except (OperationalError, InterfaceError):
        connection.close()
        return False
    except Fenced:
        now = Deployment.objects.values_list("attempt", "status").get(pk=deployment.pk)
        if now[0] != deployment.attempt or now[1] not in UNFINISHED:
            spool.kill(name, pid, settings.CANCEL_GRACE_SECONDS)
        raise


def _is_late(deployment: Deployment) -> bool:
    return deployment.deadline_at is not None and timezone.now() > deployment.deadline_at


# -- end --------------------------------------------------------------------------------------------------------------


def _concluded(deployment: Deployment, step: dict[str, Any], step_run: StepRun, result: Result, name: str) -> bool:
    """Write down what a run came to, in one transaction with the rest of its log. False: try the step again."""

    def write() -> bool:
        with transaction.atomic():
            _lock_train(deployment)
            ours = Deployment.objects.filter(pk=deployment.pk, fence=deployment.fence, status=Status.RUNNING)
            if not ours.update(lease_expires_at=_lease()):
                raise Fenced
            _store_rest(deployment, step_run, name)
            sentence = _sentence(step, result, deployment)
            _close(step_run, result.exit_status if result.came is Came.ENDED else None, sentence)
            return _decide(deployment, step, result, sentence)

    concluded = _retried(write)
    if result.came is not Came.VANISHED:  # what vanished may be looked at by whoever decides
        spool.remove(name)
    return concluded


def _decide(deployment: Deployment, step: dict[str, Any], result: Result, sentence: str) -> bool:
    """What the run means for the deployment. False: nothing yet, the step is tried again."""
    if result.succeeded:
        return True
    if result.came is Came.VANISHED:
        _interrupt(deployment, sentence)
    elif result.came is Came.STOPPED:
        row = Deployment.objects.select_related("cancel_requested_by").get(pk=deployment.pk)
        who = row.cancel_requested_by
        _end(deployment, Status.CANCELLED, f"{who} stopped it midway; what had been done by then stays done.", by=who)
    elif _failures(deployment, step) <= step["retries"]:
        return False
    else:
        _end(deployment, Status.FAILED, sentence)
    return True


def _failures(deployment: Deployment, step: dict[str, Any]) -> int:
    """How often this step has ended without success, in all attempts."""
    ended = deployment.step_runs.filter(position=step["position"], finished_at__isnull=False)
    return ended.exclude(exit_status=0).exclude(outcome=NEVER_STARTED).count()


def _store_rest(deployment: Deployment, step_run: StepRun, name: str) -> None:
    """Everything that has not been stored yet, read anew from where the stored log ends: a transaction that failed
    before has taken its chunks with it."""
    writer = Writer(step_run, environment_of(deployment)[1])
    with _Tail(name, writer) as tail:
        tail.read(last=True)
    writer.flush()


def _sentence(step: dict[str, Any], result: Result, deployment: Deployment) -> str:
    name = f"“{step['name']}”"
    if result.came is Came.STOPPED:
        return f"{name} was stopped."
    if result.came is Came.TOO_LONG:
        return f"{name} was stopped because it took longer than {step['time_limit_seconds']} seconds."
    if result.exit_status is None:
        since = f"{timezone.localtime(deployment.started_at):%d %B %Y %H:%M}" if deployment.started_at else "?"
        return (
            f"Outcome unknown: {name} was running on {deployment.host} since {since}, its process is gone and it left"
            " no result. Find out what became of it, then decide."
        )
    if result.exit_status == 0:
        return f"{name} succeeded."
    if result.exit_status > 128:
        number = result.exit_status - 128
        with contextlib.suppress(ValueError):
            return f"{name} failed: it was ended by signal {number} ({signal.Signals(number).name})."
    return f"{name} failed with exit status {result.exit_status}."


def _close(step_run: StepRun, exit_status: int | None, sentence: str) -> None:
    StepRun.objects.filter(pk=step_run.pk).update(finished_at=timezone.now(), exit_status=exit_status, outcome=sentence)


def _refused(deployment: Deployment, step_run: StepRun, sentence: str) -> None:
    """The step could not be run at all, so that nothing was touched."""
    with transaction.atomic():
        Writer(step_run, ()).say(sentence)
        _close(step_run, None, sentence)
        _end(deployment, Status.FAILED, sentence)
    spool.remove(spool.name_of(deployment.pk, step_run.attempt, step_run.position))


def _end(deployment: Deployment, status: Status, sentence: str, by: User | None = None) -> None:
    """End it and let its train go on, in one transaction."""
    with transaction.atomic():
        _lock_train(deployment)
        if not outcomes.end(deployment, status, sentence, by=by, holding=deployment.fence):
            raise Fenced
        if deployment.parent_id:
            train.advance(deployment.parent_id)


def _lock_train(deployment: Deployment) -> None:
    """A train's row is locked before its components', by everybody, so that nobody waits in a circle."""
    if deployment.parent_id:
        Deployment.objects.select_for_update().get(pk=deployment.parent_id)


def _interrupt(deployment: Deployment, sentence: str, *, silent: bool = False) -> bool:
    """The outcome is unknown: a person decides. `silent`: the host may still be running it, so its owner stays noted."""
    changes: dict[str, Any] = {} if silent else {"owner": ""}
    with transaction.atomic():
        _lock_train(deployment)
        row = Deployment.objects.filter(pk=deployment.pk)
        if not row.move(Status.INTERRUPTED, holding=deployment.fence, outcome=sentence, **changes):
            return False
        trail.record(None, "deployment.interrupted", deployment, f"{deployment}: {sentence}")
        if deployment.parent_id:
            train.advance(deployment.parent_id)
    return True


def interrupt_silent(deployment: Deployment) -> bool:
    """Its host has not been heard of for too long. Used by the sweep; False: it has been heard after all."""
    sentence = (
        f"Outcome unknown: {deployment.host} has been silent since before its lease ran out. The script may still be"
        " running there; if the host returns, it reports the true outcome by itself."
    )
    return _interrupt(deployment, sentence, silent=True)


def _hand_over(deployment: Deployment) -> None:
    ours = Deployment.objects.filter(pk=deployment.pk, fence=deployment.fence, status=Status.RUNNING)
    ours.update(owner="", lease_expires_at=_lease())


def _next_attempt(deployment: Deployment, failures: int) -> bool:
    """Wait a little, then number the next attempt. False: the worker is going away or lost the row."""
    if this_worker().going.wait(min(2.0**failures, LONGEST_PAUSE)):
        _requeue(deployment, "The worker went away between two tries.")
        return False
    ours = Deployment.objects.filter(pk=deployment.pk, fence=deployment.fence, status=Status.RUNNING)
    if not ours.update(attempt=F("attempt") + 1, lease_expires_at=_lease()):
        raise Fenced
    deployment.attempt += 1
    return True


def _requeue(deployment: Deployment, because: str) -> None:
    """Nothing of it is running and nothing half-done: it may simply be carried out again."""
    with transaction.atomic():
        row = Deployment.objects.filter(pk=deployment.pk)
        if not row.move(Status.QUEUED, holding=deployment.fence, fence=F("fence") + 1, owner="", lease_expires_at=None):
            raise Fenced
        trail.record(None, "deployment.requeued", deployment, f"{deployment} waits for a worker again. {because}")
        doorbell.ring(deployment)


# -- adopt ------------------------------------------------------------------------------------------------------------


def take_over(deployment: Deployment) -> Deployment | None:
    """Take the row from the worker of this host that held it when it was read. None: it is not that worker's any more.

    What an interrupted run came to is known after all when its host returns.
    """
    worker = this_worker()
    with transaction.atomic():
        _lock_train(deployment)
        row = Deployment.objects.filter(
            pk=deployment.pk, fence=deployment.fence, status__in=(Status.RUNNING, Status.INTERRUPTED)
        )
        if not row.update(fence=F("fence") + 1, owner=worker.name, lease_expires_at=_lease(), outcome=""):
            return None
        Deployment.objects.filter(pk=deployment.pk, status=Status.INTERRUPTED).move(Status.RUNNING)
        worker.active.add(deployment.pk)
        taken = _loaded(deployment.pk)
        trail.record(None, "deployment.adopted", taken, f"{taken} was adopted by a new worker of its host.")
        if taken.parent_id:
            train.advance(taken.parent_id)
    return taken


def _adopt(deployment: Deployment) -> None:
    step_run = deployment.step_runs.filter(attempt=deployment.attempt, finished_at=None).last()
    if step_run is None:
        _requeue(deployment, "Its worker went away while no script of it was running.")
        return
    name = spool.name_of(deployment.pk, step_run.attempt, step_run.position)
    if spool.exit_status(name) is None and spool.seal(name):  # the sealed directory stays, against a late starter
        _close(step_run, None, NEVER_STARTED)
        _requeue(deployment, "Its worker went away before the script started.")
        return
    step = next(
        step for step in deployment.release.snapshot["process"]["steps"] if step["position"] == step_run.position
    )
    pid = spool.pid_of(name) if deployment.boot_id == this_worker().boot_id else None
    result = _follow(deployment, name, Writer(step_run, environment_of(deployment)[1]), pid)
    if not _concluded(deployment, step, step_run, result, name):
        _requeue(deployment, "The step is tried again.")
    elif result.succeeded:
        _run_steps(deployment)


# -- small things -----------------------------------------------------------------------------------------------------


def _loaded(pk: int) -> Deployment:
    return Deployment.objects.select_related(
        "project", "release__project", "environment", "parent__release__project"
    ).get(pk=pk)


def _lease() -> Any:
    """By the database's clock, so that hosts need not agree on the time."""
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


def _retried(write: Callable[[], Outcome]) -> Outcome:
    """Do it, however long the database is away: the script runs on, and its directory holds everything meanwhile."""
    wait = 0.2
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError) as error:
            log.warning("the database is not available, trying again in %.1f s: %r", wait, error)
            connection.close()
            if this_worker().going.wait(wait):
                raise
            wait = min(wait * 2, 5)
