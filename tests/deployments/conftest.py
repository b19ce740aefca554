from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments import holding
from tests.deployments.dying import Host
from tests.deployments.scripts import Yard


@pytest.fixture(autouse=True)
def own_worker(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[holding.Worker]:
    """A host of its own for every test: its spool, and this process as its one worker."""
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.CANCEL_GRACE_SECONDS = 0.5
    monkeypatch.setattr(holding, "_worker", None)
    worker = holding.this_worker()
    yield worker
    worker.ownership.release()


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    """Where scripts leave their marks."""
    return Yard(tmp_path / "yard")


@pytest.fixture
def host(own_worker: holding.Worker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """This machine, whose workers may die and be replaced."""
    host = Host(monkeypatch)
    yield host
    for worker in host.workers:
        worker.ownership.release()
