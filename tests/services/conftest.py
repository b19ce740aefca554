"""Tests on real PostgreSQL and Redis: real worker processes, and many threads at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import environ
import psycopg
import pytest
import redis
from celery import current_app
from django.conf import settings as configured
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from kombu import pools
from psycopg.sql import SQL, Identifier, Literal
from pytest_django.plugin import DjangoDbBlocker

from deployments import doorbell, holding
from tests import servers
from tests.deployments.conftest import own_worker, yard
from tests.deployments.real_workers import Fleet
from tests.services.faults import Line
from tests.services.web import Web

__all__ = ["own_worker", "yard"]

MANIFEST = "whitenoise.storage.CompressedManifestStaticFilesStorage"


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """Where trains run whose scripts leave marks and wait."""
    line = Line(tmp_path / "line")
    yield line
    line.gate.close()


@pytest.fixture
def broker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[servers.Redis]:
    """A Redis of this test alone, which may stop it and start it again. Ask for it before the fleet."""
    with servers.redis_server() as server:
        settings.CELERY_BROKER_URL = server.url
        monkeypatch.setenv("CELERY_BROKER_URL", server.url)
        monkeypatch.setattr(doorbell, "_silent_until", 0.0)
        _forget_the_way_to_the_broker()
        yield server
    _forget_the_way_to_the_broker()


def _forget_the_way_to_the_broker() -> None:
    """Celery keeps connections, and asks the environment for an address only when it makes new ones."""
    pools.reset()
    current_app._after_fork()


@pytest.fixture(scope="module")
def database(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[servers.Postgres]:
    """A PostgreSQL of these tests alone, which may stop it and start it again: all their rows are there."""
    with servers.postgres() as server, django_db_blocker.unblock():
        usual = dict(connection.settings_dict)
        connection.close()
        parts = environ.Env.db_url_config(server.url)
        connection.settings_dict.update({name: parts[name] for name in ("HOST", "PORT", "USER", "PASSWORD", "NAME")})
        call_command("migrate", verbosity=0, interactive=False)
        yield server
        connection.close()
        connection.settings_dict.update(usual)


@pytest.fixture
def fleet(transactional_db: None, own_worker: holding.Worker, tmp_path: Path) -> Iterator[Fleet]:
    """Worker processes that share this test's database, spool and packages."""
    fleet = Fleet(tmp_path / "fleet")
    fleet.home.mkdir()
    yield fleet
    fleet.disband()
    Messages().lose_all()


@pytest.fixture(scope="session")
def static_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Collected and compressed once, as `manage.py prepare` does."""
    root = tmp_path_factory.mktemp("static")
    with override_settings(STATIC_ROOT=root, STORAGES=configured.STORAGES | {"staticfiles": {"BACKEND": MANIFEST}}):
        call_command("collectstatic", verbosity=0, interactive=False)
    return root


@pytest.fixture
def web(fleet: Fleet, static_files: Path, tmp_path: Path) -> Iterator[Web]:
    """The web server of the same portal, with its static files."""
    environment = fleet.environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    (fleet.home / "static").symlink_to(static_files)
    web = Web(environment, tmp_path / "web.log")
    try:
        web.start()
        yield web
    finally:
        web.kill()


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
