"""Carry one deployment out: run its steps, end it. Knows nothing of queues and messages."""

import contextlib
import logging
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from accounts import trail
from accounts.models import User
from deployments import doorbell, outcomes, spool, steps, train
from deployments.following import Came, Result, Tail, follow
from deployments.holding import (
    DATABASE_AWAY,
    Fenced,
    HandedOver,
    claim,
    claim_next,
    kept,
    lock_train,
    renew,
    retried,
    this_worker,
)
from deployments.log import Writer
from deployments.models import Deployment, Status, StepRun
from deployments.steps import StepRefused
from deployments.steps.run_package import environment_of

log = logging.getLogger(__name__)
NEVER_STARTED = "Never started."
BROKE = "Something broke on our side, not in the package. The portal's own log has the details."
LONGEST_PAUSE = 20.0  # seconds between two tries of a step


def work(pk: int, pool: str) -> None:
    """Carry out deployment `pk` if it still waits, then whatever else waits in this pool: the table is the queue."""
    deployment = claim(pk) or claim_next(pool)
    while deployment:
        carry_out(deployment)
        deployment = claim_next(pool)


def carry_out(deployment: Deployment) -> None:
    """Run what is left of the deployment's steps and end it. Never raises: what is ours to blame is logged."""
    _guarded(deployment, lambda: _run_steps(deployment))


def adopt(deployment: Deployment) -> None:
    """Follow a script that an earlier worker of this host started, to its true outcome; then go on with what is left."""
    _guarded(deployment, lambda: _adopt(deployment))


def _guarded(deployment: Deployment, run: Callable[[], None]) -> None:
    worker = this_worker()
    worker.begin(deployment)
    try:
        if not _ended_well(deployment, run):
            _ended_well(deployment, lambda: _give_up(deployment))
    finally:
        worker.end(deployment)


def _ended_well(deployment: Deployment, run: Callable[[], None]) -> bool:
    """Whether `run` came to an end that is nobody's fault. False: there is a bug, or the disk is full."""
    try:
        run()
    except Fenced:
        log.warning("deployment %s is held by somebody else now", deployment.pk)
    except HandedOver:
        log.info("deployment %s is left to the next worker", deployment.pk)
    except IntegrityError:
        log.warning("deployment %s: another owner has written this already", deployment.pk, exc_info=True)
    except DATABASE_AWAY:
        log.exception("deployment %s: the database went away; the sweep takes it up again", deployment.pk)
        connection.close()
    except Exception:
        log.exception("deployment %s broke on our side", deployment.pk)
        return False
    return True


def _give_up(deployment: Deployment) -> None:
    """Nothing may go on running unwatched after the deployment has failed, so what runs is stopped first."""
    retried(lambda: renew(deployment))
    step_run = deployment.step_runs.filter(attempt=deployment.attempt, finished_at=None).last()
    if step_run:
        name = _run_of(deployment, step_run)
        with kept(deployment):
            spool.kill(name, spool.pid_of(name, patience=0), settings.CANCEL_GRACE_SECONDS)
        retried(lambda: _close(step_run, None, BROKE))
    retried(lambda: _end(deployment, Status.FAILED, BROKE))


# -- run --------------------------------------------------------------------------------------------------------------


def _run_steps(deployment: Deployment) -> None:
    """Steps that succeeded in an earlier attempt are never run again."""
    _stop_earlier_attempts(deployment)
    done = set(deployment.step_runs.filter(exit_status=0).values_list("position", flat=True))
    for step in deployment.release.snapshot["process"]["steps"]:
        if step["position"] not in done and not _run_step(deployment, step):
            return
    sentence = f"{deployment.release} is live in {deployment.environment}."
    retried(lambda: _end(deployment, Status.SUCCEEDED, sentence))


def _stop_earlier_attempts(deployment: Deployment) -> None:
    """Two attempts never run side by side on one host: of a run whose shell vanished, children may still live."""
    for name, pk, attempt, _position in spool.known():
        if pk == deployment.pk and attempt < deployment.attempt and spool.processes(name, session=None):
            log.warning("stopping run %s: attempt %s replaces it", name, deployment.attempt)
            with kept(deployment):
                spool.kill(name, spool.pid_of(name, patience=0), settings.CANCEL_GRACE_SECONDS)


def _run_step(deployment: Deployment, step: dict[str, Any]) -> bool:
    """Run one step, again where it may be. True: it succeeded, go on with the next."""
    while True:
        step_run = _open(deployment, step)
        try:
            result = _start(deployment, step, step_run)
        except StepRefused as refusal:
            sentence = refusal.sentence
            retried(lambda: _refused(deployment, step_run, sentence))  # noqa: B023 - called at once
            return False
        if _concluded(deployment, step, step_run, result):
            return result.succeeded
        _begin_next_attempt(deployment, _failures(deployment, step))


def _open(deployment: Deployment, step: dict[str, Any]) -> StepRun:
    with transaction.atomic():
        renew(deployment)
        return deployment.step_runs.create(attempt=deployment.attempt, position=step["position"], name=step["name"])


def _start(deployment: Deployment, step: dict[str, Any], step_run: StepRun) -> Result:
    """Start the step's command and follow it. Ownership is checked at the last moment before the script starts."""
    name = _run_of(deployment, step_run)
    with kept(deployment):
        spool.prepare(name)
        command = steps.prepare(deployment, step, name)
    deployment.deadline_at = timezone.now() + timedelta(seconds=step["time_limit_seconds"])
    if renew(deployment, deadline_at=deployment.deadline_at, boot_id=this_worker().place):
        return Result(Came.STOPPED)
    if this_worker().going.is_set():
        _put_back(deployment, step_run, "Its worker went away before the script started.")
        spool.remove(name)
        raise HandedOver
    writer = Writer(step_run, command.secrets)
    writer.say(command.introduction)
    process = spool.start(name, command.line, command.environment)
    return follow(deployment, name, writer, process.pid, process)


def _begin_next_attempt(deployment: Deployment, failures: int) -> None:
    """Wait a little, then number the next attempt. Raises HandedOver when the worker is going away meanwhile."""
    with kept(deployment):
        is_going = this_worker().going.wait(min(2.0**failures, LONGEST_PAUSE))
    if is_going:
        retried(lambda: _requeue(deployment, "The worker went away between two tries."))
        raise HandedOver
    retried(lambda: renew(deployment, attempt=deployment.attempt + 1))
    deployment.attempt += 1


# -- end --------------------------------------------------------------------------------------------------------------


def _concluded(deployment: Deployment, step: dict[str, Any], step_run: StepRun, result: Result) -> bool:
    """Write down what a run came to, in one transaction with the rest of its log. False: try the step again."""
    name = _run_of(deployment, step_run)

    def write() -> bool:
        with transaction.atomic():
            lock_train(deployment)
            renew(deployment)
            _store_rest(deployment, step_run, name)
            sentence = _sentence(step, result, deployment)
            _close(step_run, result.exit_status if result.came is Came.ENDED else None, sentence)
            return _decide(deployment, step, result, sentence)

    concluded = retried(write)
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
    with Tail(name, writer, writer.flush) as tail:
        tail.read_to_the_end()


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
        lock_train(deployment)
        renew(deployment)
        Writer(step_run, ()).say(sentence)
        _close(step_run, None, sentence)
        _end(deployment, Status.FAILED, sentence)
    spool.remove(_run_of(deployment, step_run))


def _end(deployment: Deployment, status: Status, sentence: str, by: User | None = None) -> None:
    """End it and let its train go on, in one transaction."""
    with transaction.atomic():
        lock_train(deployment)
        if not outcomes.end(deployment, status, sentence, by=by, holding=deployment.fence):
            raise Fenced
        if deployment.parent_id:
            train.advance(deployment.parent_id)


def _interrupt(deployment: Deployment, sentence: str, *, silent: bool = False) -> bool:
    """The outcome is unknown: a person decides. `silent`: the host may still be running it, so its owner stays noted."""
    changes: dict[str, Any] = {} if silent else {"owner": ""}
    with transaction.atomic():
        lock_train(deployment)
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


def _requeue(deployment: Deployment, because: str) -> None:
    """Nothing of it is running and nothing half-done: it may simply be carried out again."""
    with transaction.atomic():
        row = Deployment.objects.filter(pk=deployment.pk)
        if not row.move(Status.QUEUED, holding=deployment.fence, fence=F("fence") + 1, owner="", lease_expires_at=None):
            raise Fenced
        trail.record(None, "deployment.requeued", deployment, f"{deployment} waits for a worker again. {because}")
        doorbell.ring(deployment)


def _put_back(deployment: Deployment, step_run: StepRun, because: str) -> None:
    """The script is proven not to have started, so that running it later is no second time."""
    with transaction.atomic():
        _requeue(deployment, because)
        _close(step_run, None, NEVER_STARTED)


# -- adopt ------------------------------------------------------------------------------------------------------------


def _adopt(deployment: Deployment) -> None:
    step_run = deployment.step_runs.filter(attempt=deployment.attempt, finished_at=None).last()
    if step_run is None:
        _requeue(deployment, "Its worker went away while no script of it was running.")
        return
    name = _run_of(deployment, step_run)
    is_here = deployment.boot_id == this_worker().place
    if is_here and spool.exit_status(name) is None and spool.seal(name):
        # The sealed directory stays, against a late starter.
        _put_back(deployment, step_run, "Its worker went away before the script started.")
        return
    step = next(
        step for step in deployment.release.snapshot["process"]["steps"] if step["position"] == step_run.position
    )
    pid = spool.pid_of(name) if is_here else None
    result = follow(deployment, name, Writer(step_run, environment_of(deployment)[1]), pid)
    if not _concluded(deployment, step, step_run, result):
        _requeue(deployment, "The step is tried again.")
    elif result.succeeded:
        _run_steps(deployment)


def _run_of(deployment: Deployment, step_run: StepRun) -> str:
    return spool.name_of(deployment.pk, step_run.attempt, step_run.position)
