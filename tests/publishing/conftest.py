from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deployments import holding
from tests.publishing.receiving import Mailbox, Receiver, mail_server


@pytest.fixture(autouse=True)
def own_worker(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[holding.Worker]:
    """A host of its own for every test: this process is the one worker."""
    settings.SPOOL_DIR = tmp_path / "spool"
    monkeypatch.setattr(holding, "_worker", None)
    worker = holding.this_worker()
    yield worker
    worker.ownership.release()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    with mail_server(settings) as mailbox:
        yield mailbox
