"""The table of faults for the embedded default: all of `make run` on SQLite and the bundled broker, with twenty scripts
running while its worker, everything, or the whole machine dies."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from deployments import holding
from tests.deployments.patience import wait_until
from tests.deployments.real_workers import QUICK, database_url
from tests.services.faults import (
    PATIENCE,
    RUNNING,
    Line,
    adopted,
    all_succeeded,
    everything_adds_up,
    interrupted,
    processes,
    run_again,
)
from tests.supervisor.running import Portal

pytestmark = [pytest.mark.embedded, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path / "line")
    yield line
    line.gate.close()


@pytest.fixture
def portal(transactional_db: None, own_worker: holding.Worker, tmp_path: Path) -> Iterator[Portal]:
    """All of `make run` on the database, the packages and the spool of this test."""
    shared = {
        "DATABASE_URL": database_url(),
        "PACKAGES_DIR": str(settings.PACKAGES_DIR),
        "SPOOL_DIR": str(settings.SPOOL_DIR),
        "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
        "WORKER_SLOTS": str(RUNNING),
    }
    portal = Portal(tmp_path / "data", **shared, **QUICK)
    try:
        yield portal.started()
    finally:
        kill(portal)
        kill_scripts()


def kill(portal: Portal) -> None:
    """The supervisor and all its parts at once. Their scripts live on, as nobody is told to stop them."""
    parts = [part for part in portal.parts() if part not in processes()]
    for part in [portal.process, *parts]:
        part.kill()
    portal.process.wait()
    psutil.wait_procs(parts, timeout=10)


def kill_scripts() -> None:
    for process in processes():
        process.kill()


def test_a_killed_worker_is_started_again_and_adopts_what_runs(portal, line):
    line.depart()
    line.wait_for()

    portal.part("celery").kill()
    wait_until(adopted, PATIENCE)
    line.gate.open()

    everything_adds_up(line)
    assert all_succeeded()


def test_what_went_on_while_everything_was_dead_is_found_at_the_next_start(portal, line):
    line.depart()
    line.wait_for()
    kill(portal)
    line.let_end(RUNNING // 2)

    portal.started()
    wait_until(adopted, PATIENCE)
    line.gate.open()

    everything_adds_up(line)
    assert all_succeeded()


def test_after_the_whole_machine_has_died_a_person_decides_and_nothing_else_is_to_be_repaired(portal, line):
    line.depart()
    line.wait_for()
    kill(portal)
    kill_scripts()

    portal.started()
    wait_until(lambda: len(interrupted()) == RUNNING, PATIENCE)
    line.gate.open()

    everything_adds_up(line)
    run_again("The machine had died.")
    everything_adds_up(line)
    assert all_succeeded()
