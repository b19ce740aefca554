"""Write down what the runs of a deployment come to: the next step, another try, a question to a person, or its end.

Each is one transaction: what a run came to, the rest of its log, what follows for its train, and what this worker
takes next. On a database that waits for its disk with every commit, that is most of what a deployment costs.
"""

import contextlib
import signal
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import trail
from accounts.models import User
from config import quick
from deployments import doorbell, outcomes, spool, train
from deployments.following import Came, Result, Tail
from deployments.holding import NEXT_FENCE, Fenced, Taking, lock_train, renew, taking, this_worker
from deployments.log import Writer
from deployments.models import Deployment, Status, StepRun, move
from deployments.steps.run_package import environment_of
from deployments.wording import in_seconds
from lifecycles.models import Environment

NEVER_STARTED = "Never started."


@dataclass(frozen=True)
class Errand:
    """A deployment that this worker holds, and the step of it that is to be run.

    step      as frozen in the release; step_run: the row of its run
    is_first  nothing of the deployment's output has been stored so far
    """

    deployment: Deployment
    step: dict[str, Any]
    step_run: StepRun
    is_first: bool = False

    @property
    def run(self) -> str:
        """The name of its run on this host."""
        return run_of(self.step_run)


@dataclass(frozen=True)
class Again:
    """A step has failed so many times, and is tried once more after a pause."""

    deployment: Deployment
    failures: int


def run_of(step_run: StepRun) -> str:
    return spool.name_of(step_run.deployment_id, step_run.attempt, step_run.position)


# -- take -------------------------------------------------------------------------------------------------------------


def take(pool: str, pk: int | None = None) -> Errand | None:
    """Take deployment `pk`, or whatever has waited longest in this pool, and open its first step."""
    with taking() as taken:
        return _next(taken, pool, pk)


def opened(deployment: Deployment, besides: int | None = None) -> Errand | None:
    """Open the next step, in a transaction with the lease; None: there is none left. Raises Fenced.

    besides  the position of the step that has just succeeded
    """
    with transaction.atomic(savepoint=False):
        errand = _opened(deployment, besides)
        if errand:
            renew(deployment, boot_id=this_worker().place)
        return errand


def _next(taken: Taking, pool: str | None, pk: int | None = None) -> Errand | None:
    """What this worker takes next, in the transaction that ends what it had."""
    if pool is None:
        return None
    deployment = taken.one(pool, pk)
    if deployment is None:
        return None
    return _opened(deployment) or _finished(deployment, taken, pool)


def _opened(deployment: Deployment, besides: int | None = None) -> Errand | None:
    steps = deployment.release.snapshot["process"]["steps"]
    is_first = deployment.attempt == 1 and besides is None
    left = steps if is_first else _not_done(deployment, steps, besides)
    if not left:
        return None
    step = left[0]
    run = StepRun(deployment=deployment, attempt=deployment.attempt, position=step["position"], name=step["name"])
    return Errand(deployment, step, quick.insert(run), is_first)


def _not_done(deployment: Deployment, steps: list[dict[str, Any]], besides: int | None) -> list[dict[str, Any]]:
    """Steps that succeeded in an earlier attempt, or whose failure was ignored, are never run again."""
    others = [step for step in steps if step["position"] != besides]
    if not others:
        return []
    over = deployment.step_runs.filter(Q(exit_status=0) | Q(ignored=True))
    done = set(over.values_list("position", flat=True))
    return [step for step in others if step["position"] not in done]


# -- conclude ---------------------------------------------------------------------------------------------------------


def conclude(errand: Errand, result: Result, writer: Writer | None, pool: str | None) -> Errand | Again | None:
    """Write down what a run came to.

    writer  holds what has not been stored yet of its log; None: that is read anew from where the stored log ends
    pool    where this worker takes something new from once the deployment is over; None: it takes nothing
    Returns what this worker goes on with: the same deployment, or another. Raises Fenced.
    """
    deployment, step = errand.deployment, errand.step
    with taking() as taken:
        lock_train(deployment)
        _store_rest(errand, writer)
        sentence = _sentence(step, result, deployment)
        close(errand.step_run, result.exit_status if result.came is Came.ENDED else None, sentence)
        if result.succeeded:
            return opened(deployment, besides=step["position"]) or _finished(deployment, taken, pool)
        if failures := _tried_again(deployment, step, result):
            renew(deployment)
            return Again(deployment, failures)
        if result.came is Came.VANISHED:
            _interrupt(deployment, sentence)
        elif result.came is Came.STOPPED:
            _cancel(deployment)
        else:
            _fail(deployment, sentence)
        return _next(taken, pool)


def finish(deployment: Deployment, pool: str | None) -> Errand | None:
    """End a deployment of which no step is left to run; returns what this worker takes next. Raises Fenced."""
    with taking() as taken:
        lock_train(deployment)
        return _finished(deployment, taken, pool)


def refuse(errand: Errand, sentence: str, pool: str | None) -> Errand | None:
    """A step could not be run at all, so that nothing was touched. Returns what this worker takes next."""
    with taking() as taken:
        lock_train(errand.deployment)
        Writer(errand.step_run, ()).say(sentence)
        close(errand.step_run, None, sentence)
        _fail(errand.deployment, sentence)
        return _next(taken, pool)


def close(step_run: StepRun, exit_status: int | None, sentence: str) -> None:
    quick.update(StepRun, {"id": step_run.pk}, finished_at=timezone.now(), exit_status=exit_status, outcome=sentence)


def _store_rest(errand: Errand, writer: Writer | None) -> None:
    """Everything that has not been stored yet. A transaction that failed has taken its chunks with it: then it is read
    anew."""
    if writer is not None:
        writer.take(b"", last=True)
        writer.flush()
        return
    writer = Writer(errand.step_run, environment_of(errand.deployment)[1])
    with Tail(errand.run, writer, writer.flush) as tail:
        tail.read_to_the_end()


def _tried_again(deployment: Deployment, step: dict[str, Any], result: Result) -> int:
    """How often the step has failed, if it is tried again by itself; 0: it is not. Only what is repeatable has retries,
    so that it may also be run again where nobody knows what it came to, if what is left of it would be found here."""
    if result.came is Came.STOPPED or result.of_all or not step["retries"]:
        return 0
    if result.came is Came.VANISHED and deployment.boot_id != this_worker().place:
        return 0
    ended = deployment.step_runs.filter(position=step["position"], finished_at__isnull=False)
    failures: int = ended.exclude(exit_status=0).exclude(outcome=NEVER_STARTED).count()
    return failures if failures <= step["retries"] else 0


# -- end --------------------------------------------------------------------------------------------------------------


def end(deployment: Deployment, status: Status, sentence: str, by: User | None = None) -> None:
    """End it and let its train go on, in one transaction. Raises Fenced."""
    with transaction.atomic(savepoint=False):
        lock_train(deployment)
        if not outcomes.end(deployment, status, sentence, by=by, holding=deployment.fence):
            raise Fenced
        _advance(deployment)


def _finished(deployment: Deployment, taken: Taking, pool: str | None) -> Errand | None:
    if not outcomes.conclude_steps(deployment, holding=deployment.fence):
        raise Fenced
    _advance(deployment)
    return _next(taken, pool)


def _cancel(deployment: Deployment) -> None:
    who = Deployment.objects.select_related("cancel_requested_by").get(pk=deployment.pk).cancel_requested_by
    end(deployment, Status.CANCELLED, f"{who} stopped it midway; what had been done by then stays done.", by=who)


def _fail(deployment: Deployment, sentence: str) -> None:
    """It has failed, or waits for a person where the environment asks for one."""
    if not _asks_a_person(deployment):
        end(deployment, Status.FAILED, sentence)
        return
    changes = {"outcome": sentence, "owner": "", "lease_expires_at": None}
    if not move(deployment.pk, Status.NEEDS_ATTENTION, holding=deployment.fence, **changes):
        raise Fenced
    said = f"{deployment} waits for a person to decide. {sentence}"
    trail.record(None, "deployment.needs_attention", deployment, said, attempt=deployment.attempt)
    _advance(deployment)


def _asks_a_person(deployment: Deployment) -> bool:
    """Of a train that was cancelled nothing is tried again, so that nobody is asked."""
    if (
        deployment.parent
        and Deployment.objects.filter(pk=deployment.parent.pk).exclude(cancel_requested_at=None).exists()
    ):
        return False
    return Environment.objects.filter(pk=deployment.environment_id, guided_failure=True).exists()


def _interrupt(deployment: Deployment, sentence: str, *, silent: bool = False) -> None:
    """The outcome is unknown: a person decides. `silent`: the host may still be running it, so its owner stays noted."""
    changes: dict[str, Any] = {} if silent else {"owner": ""}
    if not move(deployment.pk, Status.INTERRUPTED, holding=deployment.fence, outcome=sentence, **changes):
        raise Fenced
    trail.record(None, "deployment.interrupted", deployment, f"{deployment}: {sentence}")
    _advance(deployment)


def interrupt_silent(deployment: Deployment) -> bool:
    """Its host has not been heard of for too long. Used by the sweep; False: it has been heard after all."""
    sentence = (
        "Outcome unknown: the host that carries it out has been silent since before its lease ran out. The script may"
        " still be running there; if the host returns, it reports the true outcome by itself."
    )
    try:
        with transaction.atomic(savepoint=False):
            lock_train(deployment)
            _interrupt(deployment, sentence, silent=True)
    except Fenced:
        return False
    return True


def requeue(deployment: Deployment, because: str) -> None:
    """Nothing of it is running and nothing half-done: it may simply be carried out again. Raises Fenced."""
    changes = {"fence": NEXT_FENCE, "owner": "", "lease_expires_at": None}
    with transaction.atomic(savepoint=False):
        if not move(deployment.pk, Status.QUEUED, holding=deployment.fence, **changes):
            raise Fenced
        trail.record(None, "deployment.requeued", deployment, f"{deployment} waits for a worker again. {because}")
        doorbell.ring(deployment)


def put_back(errand: Errand, because: str) -> None:
    """The script is proven not to have started, so that running it later is no second time. Raises Fenced."""
    with transaction.atomic(savepoint=False):
        requeue(errand.deployment, because)
        close(errand.step_run, None, NEVER_STARTED)


def _advance(deployment: Deployment) -> None:
    if deployment.parent_id:
        train.advance(deployment.parent_id)


# -- say --------------------------------------------------------------------------------------------------------------


def _sentence(step: dict[str, Any], result: Result, deployment: Deployment) -> str:
    name = f"“{step['name']}”"
    if result.came is Came.STOPPED:
        return f"{name} was stopped."
    if result.came is Came.TOO_LONG:
        return f"{name} was stopped because {_what_took_too_long(step, result, deployment)}."
    if result.exit_status is None:
        since = f"{timezone.localtime(deployment.started_at):%d %B %Y %H:%M}" if deployment.started_at else "?"
        return (
            f"Outcome unknown: {name} was running since {since}, its process is gone and it left no result. Find out"
            " what became of it, then decide."
        )
    if result.exit_status == 0:
        return f"{name} succeeded."
    if result.exit_status > 128:
        number = result.exit_status - 128
        with contextlib.suppress(ValueError):
            return f"{name} failed: it was ended by signal {number} ({signal.Signals(number).name})."
    return f"{name} failed with exit status {result.exit_status}."


def _what_took_too_long(step: dict[str, Any], result: Result, deployment: Deployment) -> str:
    if not result.of_all:
        return f"it took longer than {in_seconds(step['time_limit_seconds'])}"
    whole, train_of_it = deployment, deployment.parent
    if train_of_it and deployment.overdue_at == train_of_it.overdue_at:
        whole = train_of_it
    return f"the whole of {whole} took longer than {in_seconds(whole.project.time_limit_seconds or 0)}"
