from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments import runner


@pytest.fixture(autouse=True)
def own_worker(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[runner.Worker]:
    """A host of its own for every test: its spool, and this process as its one worker."""
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.CANCEL_GRACE_SECONDS = 0.5
    monkeypatch.setattr(runner, "_worker", None)
    worker = runner.this_worker()
    yield worker
    worker.ownership.release()
