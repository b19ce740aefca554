"""Tests on real PostgreSQL and Redis: real worker processes, and many threads at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from django.conf import settings as configured
from django.db import connection
from psycopg.sql import SQL, Identifier, Literal

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


class Outage:
    """The database of this test process, away for everybody but this test."""

    def __init__(self) -> None:
        parts = connection.settings_dict
        names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
        self.name = parts["NAME"]
        given = {name: parts[key] for name, key in names.items() if parts[key]}
        self.elsewhere = psycopg.connect(dbname="postgres", autocommit=True, **given)

    def drop_connections(self) -> None:
        """Every connection but this test's own breaks; new ones are taken."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            own = cursor.fetchone()[0]
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
        self.elsewhere.execute(others, [self.name, own])

    def __enter__(self) -> "Outage":
        self._allow(False)
        self.drop_connections()
        return self

    def __exit__(self, *_: object) -> None:
        self._allow(True)

    def _allow(self, answer: bool) -> None:
        statement = SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
        self.elsewhere.execute(statement.format(Identifier(self.name), Literal(answer)))


@pytest.fixture
def outage(transactional_db: None) -> Iterator[Outage]:
    outage = Outage()
    yield outage
    outage.elsewhere.close()
