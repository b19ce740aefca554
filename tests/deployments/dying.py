"""Workers that die midway, and their successors: within one process, so that tests can look at every moment."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import pytest
from django.db import connection
from psycopg import pq

from deployments import holding, runner
from deployments.models import Deployment
from tests.deployments.patience import wait_until


class Killed(BaseException):
    """Goes through everything, as no exception of the product's own does."""


@contextmanager
def killed_when(condition: Callable[[], object]) -> Iterator[None]:
    """Break off what runs in the block as soon as `condition` holds; nothing in between gets to clear up."""

    def look(number: int, frame: FrameType | None) -> None:
        if condition() and not _database_is_answering():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise Killed

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        with suppress(Killed):
            yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _database_is_answering() -> bool:
    """Broken off in the middle of an answer, the connection would be of no use to the test, which needs it afterwards."""
    open_ = connection.connection
    return (
        connection.vendor == "postgresql"
        and open_ is not None
        and open_.info.transaction_status == pq.TransactionStatus.ACTIVE
    )


class Host:
    """One machine with one worker process at a time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.workers = [holding.this_worker()]

    def start_another(self) -> holding.Worker:
        """A worker process beside the one that is there, which from now on is frozen, and is this process."""
        self._monkeypatch.setattr(holding, "_worker", None)
        self.workers.append(holding.this_worker())
        return self.workers[-1]

    def thaw(self, worker: holding.Worker) -> None:
        """Be that worker again."""
        self._monkeypatch.setattr(holding, "_worker", worker)

    def kill(self) -> None:
        """The worker is gone; what it followed runs on."""
        self.workers.pop().ownership.release()

    def replace(self) -> holding.Worker:
        """The worker is gone and a new one has started."""
        self.kill()
        return self.start_another()


def killed_while_running(deployment: Deployment, is_there: Callable[[], object]) -> Deployment:
    """Claimed and started, and the worker died as soon as `is_there` held."""
    claimed = holding.claim(deployment.pk, "default")
    assert claimed is not None
    with killed_when(is_there):
        runner.carry_out(claimed)
    return claimed


def wait_for(deployment: Deployment, *statuses: str) -> Deployment:
    """The row once it has one of these statuses."""

    def reached() -> bool:
        deployment.refresh_from_db()
        return deployment.status in statuses

    wait_until(reached)
    return deployment
