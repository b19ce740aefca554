"""Tests on real PostgreSQL and Redis: real worker processes, and many threads at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings as configured

from deployments import holding
from tests.deployments.conftest import own_worker, yard
from tests.deployments.real_workers import Fleet

__all__ = ["own_worker", "yard"]


@pytest.fixture
def fleet(transactional_db: None, own_worker: holding.Worker, tmp_path: Path) -> Iterator[Fleet]:
    """Worker processes that share this test's database, spool and packages."""
    fleet = Fleet(tmp_path / "fleet")
    fleet.home.mkdir()
    yield fleet
    fleet.disband()
    Messages().lose_all()


@pytest.fixture
def messages(transactional_db: None) -> "Messages":
    return Messages()


class Messages:
    """What lies in the broker under the key prefix of this test process; nothing else is ever touched."""

    def __init__(self) -> None:
        options: dict[str, Any] = configured.CELERY_BROKER_TRANSPORT_OPTIONS
        self.prefix = options["global_keyprefix"]
        self.client = redis.Redis.from_url(configured.CELERY_BROKER_URL)

    def waiting(self) -> int:
        return int(self.client.llen(f"{self.prefix}pool.default"))

    def lose_all(self) -> None:
        """As a broker does that was restarted without its memory."""
        for key in self.client.scan_iter(f"{self.prefix}*"):
            self.client.delete(key)
