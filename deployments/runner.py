"""Carry one deployment out: run its steps, end it. Knows nothing of queues and messages.

What the runs come to is written down by `concluding.py`.
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import IntegrityError, connection
from django.utils import timezone

from deployments import concluding, spool, steps
from deployments.concluding import Again, Errand, run_of
from deployments.following import Came, Result, follow
from deployments.holding import DATABASE_AWAY, Fenced, HandedOver, is_to_stop, kept, renew, retried, this_worker
from deployments.log import Writer
from deployments.models import Deployment, Status
from deployments.steps import StepRefused
from deployments.steps.run_package import environment_of

log = logging.getLogger(__name__)
BROKE = "Something broke on our side, not in the package. The portal's own log has the details."
LONGEST_PAUSE = 20.0  # seconds between two tries of a step
FRESH_SECONDS = 1.0  # what was written so short a time before a script starts need not be written again


def work(pk: int, pool: str) -> None:
    """Carry out deployment `pk` if it still waits, then whatever else waits in this pool: the table is the queue."""
    errand = concluding.take(pool, pk) or concluding.take(pool)
    while errand:
        errand = _guarded(errand.deployment, partial(_run_steps, errand, pool)) or concluding.take(pool)


def carry_out(deployment: Deployment) -> None:
    """Run what is left of the deployment's steps and end it. Never raises: what is ours to blame is logged."""
    _guarded(deployment, lambda: _go_on(deployment))


def adopt(deployment: Deployment) -> None:
    """Follow a script that an earlier worker of this host started, to its true outcome; then go on with what is left."""
    _guarded(deployment, lambda: _adopt(deployment))


def _guarded(deployment: Deployment, run: Callable[[], Errand | None]) -> Errand | None:
    """What `run` has taken next, if it came so far."""
    worker = this_worker()
    worker.begin(deployment)
    try:
        ended_well, errand = _ended_well(deployment, run)
        if not ended_well:
            _ended_well(deployment, lambda: _give_up(deployment))
        return errand
    finally:
        worker.end(deployment)


def _ended_well(deployment: Deployment, run: Callable[[], Errand | None]) -> tuple[bool, Errand | None]:
    """Whether `run` came to an end that is nobody's fault, and what it came to. False: there is a bug, or the disk is
    full."""
    try:
        return True, run()
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
        return False, None
    return True, None


def _give_up(deployment: Deployment) -> None:
    """Nothing may go on running unwatched after the deployment has failed, so what runs is stopped first."""
    retried(lambda: renew(deployment))
    step_run = deployment.step_runs.filter(attempt=deployment.attempt, finished_at=None).last()
    if step_run:
        name = run_of(step_run)
        with kept(deployment):
            spool.kill(name, spool.pid_of(name, patience=0), settings.CANCEL_GRACE_SECONDS)
        retried(lambda: concluding.close(step_run, None, BROKE))
    retried(lambda: concluding.end(deployment, Status.FAILED, BROKE))


# -- run --------------------------------------------------------------------------------------------------------------


def _run_steps(errand: Errand, pool: str | None) -> Errand | None:
    """Run what is left of a deployment; returns what this worker has taken next in the same breath."""
    deployment = errand.deployment
    following: Errand | None = errand
    while following and following.deployment is deployment:
        following = _run_step(following, pool)
    return following


def _run_step(errand: Errand, pool: str | None) -> Errand | None:
    """Run the step; returns what to go on with."""
    try:
        result, writer = _start(errand)
    except StepRefused as refusal:
        sentence = refusal.sentence
        following = retried(lambda: concluding.refuse(errand, sentence, pool))
        spool.remove(errand.run)
        return following
    concluded = _concluded(errand, result, writer, pool)
    return _try_again(concluded, pool) if isinstance(concluded, Again) else concluded


def _go_on(deployment: Deployment) -> None:
    if errand := _next_step(deployment, None):
        _run_steps(errand, None)


def _next_step(deployment: Deployment, pool: str | None) -> Errand | None:
    """The next step, opened; where none is left the deployment has ended, and this is what the worker takes next."""
    return retried(lambda: concluding.opened(deployment) or concluding.finish(deployment, pool))


def _try_again(again: Again, pool: str | None) -> Errand | None:
    """Wait a little, then open the step in the next attempt. Raises HandedOver when the worker is going away meanwhile."""
    deployment = again.deployment
    with kept(deployment):
        is_going = this_worker().going.wait(min(2.0**again.failures, LONGEST_PAUSE))
    if is_going:
        retried(lambda: concluding.requeue(deployment, "The worker went away between two tries."))
        raise HandedOver
    retried(lambda: renew(deployment, attempt=deployment.attempt + 1))
    deployment.attempt += 1
    return _next_step(deployment, pool)


def _start(errand: Errand) -> tuple[Result, Writer]:
    """Start the step's command and follow it. Ownership is checked at the last moment before the script starts."""
    deployment, step, name = errand.deployment, errand.step, errand.run
    if deployment.attempt > 1:
        _stop_earlier_attempts(deployment)
    began = time.monotonic()
    with kept(deployment):
        spool.prepare(name)
        command = steps.prepare(deployment, step, name)
    writer = Writer(errand.step_run, command.secrets, is_first=errand.is_first)
    if _may_not_start(deployment, step["time_limit_seconds"], is_fresh=time.monotonic() - began < FRESH_SECONDS):
        return Result(Came.STOPPED), writer
    if this_worker().going.is_set():
        concluding.put_back(errand, "Its worker went away before the script started.")
        spool.remove(name)
        raise HandedOver
    process = spool.start(name, command.line, command.environment)
    return follow(deployment, name, writer, process.pid, process), writer


def _may_not_start(deployment: Deployment, limit: int, *, is_fresh: bool) -> bool:
    """Whether stopping was asked for before the start; the step's time begins now. Raises Fenced.

    is_fresh  the lease has only just been written, so that looking is enough; the deadline is written by whoever follows
              the script for longer than a moment
    """
    deployment.deadline_at = timezone.now() + timedelta(seconds=limit)
    if not is_fresh:
        renew(deployment, deadline_at=deployment.deadline_at)
    return is_to_stop(deployment)


def _stop_earlier_attempts(deployment: Deployment) -> None:
    """Two attempts never run side by side on one host: of a run whose shell vanished, children may still live."""
    for name, pk, attempt, _position in spool.known():
        if pk == deployment.pk and attempt < deployment.attempt and spool.processes(name, session=None):
            log.warning("stopping run %s: attempt %s replaces it", name, deployment.attempt)
            with kept(deployment):
                spool.kill(name, spool.pid_of(name, patience=0), settings.CANCEL_GRACE_SECONDS)


def _concluded(errand: Errand, result: Result, writer: Writer, pool: str | None) -> Errand | Again | None:
    """Write down what the run came to, and clear its directory away."""
    at_hand = [writer]

    def write() -> Errand | Again | None:
        return concluding.conclude(errand, result, at_hand.pop() if at_hand else None, pool)

    following = retried(write)
    if result.succeeded:
        spool.remove(errand.run)
    elif result.came is not Came.VANISHED:  # what vanished may be looked at by whoever decides
        spool.set_aside(errand.run)
    return following


# -- adopt ------------------------------------------------------------------------------------------------------------


def _adopt(deployment: Deployment) -> None:
    step_run = deployment.step_runs.filter(attempt=deployment.attempt, finished_at=None).last()
    if step_run is None:
        concluding.requeue(deployment, "Its worker went away while no script of it was running.")
        return
    steps_of_it = deployment.release.snapshot["process"]["steps"]
    step = next(step for step in steps_of_it if step["position"] == step_run.position)
    errand = Errand(deployment, step, step_run)
    is_here = deployment.boot_id == this_worker().place
    if is_here and spool.exit_status(errand.run) is None and spool.seal(errand.run):
        # The sealed directory stays, against a late starter.
        concluding.put_back(errand, "Its worker went away before the script started.")
        return
    deployment.deadline_at = deployment.deadline_at or step_run.started_at + timedelta(
        seconds=step["time_limit_seconds"]
    )
    pid = spool.pid_of(errand.run) if is_here else None
    writer = Writer(step_run, environment_of(deployment)[1])
    following = _concluded(errand, follow(deployment, errand.run, writer, pid), writer, None)
    if isinstance(following, Again):
        concluding.requeue(deployment, "The step is tried again.")
    elif following:
        _run_steps(following, None)
