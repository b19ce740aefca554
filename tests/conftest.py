"""What all tests share: which of them this machine can run, and a database that is as migrations left it."""

import gc
import os
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import hypothesis
import pytest
from django.apps import AppConfig, apps
from django.core import serializers
from django.core.management.color import no_style
from django.db import connection
from django.db.models import Model
from django.db.models.signals import post_migrate
from django.utils import timezone
from pytest_django.plugin import DjangoDbBlocker

import config.celery  # noqa: F401 - messages go to the application that the settings describe
from tests.buckets import Bucket, bucket_server
from tests.machine import chromium, docker_registry, verdaccio

# There is little to collect and much to look through; this way the tests need some percent less time.
gc.set_threshold(100_000, 50, 100)

# How long an example takes says nothing where two tests share a processor.
hypothesis.settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("unhurried")

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_setup", "live_server"}
PROCESSES_OF_ITS_OWN = {"operations", "services"}
WHICHEVER_DATABASE = {
    "test_who_may.py",
    "test_who_may_api.py",
}  # every door for every role: the same question hundreds of times
SET_GOING_BY_A_SWEEP = {"outside", "checking"}  # and not waited for by it
WRITTEN_BY_DJANGO = {"auth", "contenttypes", "sessions"}


def pytest_addoption(parser: pytest.Parser) -> None:
    words = "leave out what asks for no database: that comes to the same on every one"
    parser.addoption("--where-the-database-counts", action="store_true", help=words)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this machine cannot run; `tests/run.py` says so, and fails where nothing may be left out."""
    here = {
        "journey": chromium(),
        "services": _real_servers(),
        "root": os.geteuid() == 0,
        "docker_registry": docker_registry(),
        "verdaccio": verdaccio(),
    }
    missing = {name for name, there in here.items() if not there}
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in missing)]
    if config.getoption("--where-the-database-counts"):
        left_out += [item for item in items if item not in left_out and not _asks_for_a_database(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _asks_for_a_database(item: pytest.Item) -> bool:
    """Whether it uses the database of the tests, or starts processes that are told where it is."""
    if item.path.name in WHICHEVER_DATABASE or _is_second_dialect(item):
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    in_processes = any(part in PROCESSES_OF_ITS_OWN for part in item.path.parts)
    return in_processes or bool(fixtures & DATABASE_FIXTURES) or item.get_closest_marker("django_db") is not None


def _is_second_dialect(item: pytest.Item) -> bool:
    """Of tests that hold for both kinds of Confluence, one is enough to know about the database."""
    parameters = getattr(item, "callspec", None)
    return "confluence" in item.path.parts and parameters is not None and "cloud" in parameters.id


def _real_servers() -> bool:
    broker = os.environ.get("CELERY_BROKER_URL", "")
    return connection.vendor == "postgresql" and broker.startswith(("redis://", "rediss://"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """REQUIRE_ALL=1: a skipped test is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("REQUIRE_ALL") == "1" and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The test database. A test with real transactions empties it afterwards; this keeps what migrations wrote."""
    with django_db_blocker.unblock():
        rows = list(_rows_of_migrations())
        models, written = list({type(row) for row in rows}), serializers.serialize("json", rows)

    def restore(sender: AppConfig, **_: Any) -> None:  # emptying the database ends with this signal
        if sender.label == "deployments":
            for row in serializers.deserialize("json", written):
                row.save()
            with connection.cursor() as cursor:  # a row with its number has not moved the sequence on
                for statement in connection.ops.sequence_reset_sql(no_style(), models):
                    cursor.execute(statement)

    post_migrate.connect(restore)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(connection.ops), "sql_flush", _flushing_past_triggers(type(connection.ops).sql_flush))
        yield
    post_migrate.disconnect(restore)


def _rows_of_migrations() -> Iterator[Model]:
    for model in apps.get_models():
        if model._meta.app_label not in WRITTEN_BY_DJANGO:
            yield from model._default_manager.all()


def _flushing_past_triggers(sql_flush: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """SQLite empties tables row by row, which the triggers that keep history refuse: take them away meanwhile. On
    PostgreSQL, whoever still reads in another thread would be in the way."""

    def flush(operations: Any, *arguments: Any, **named: Any) -> list[str]:
        for thread in threading.enumerate():
            if thread.name in SET_GOING_BY_A_SWEEP:
                thread.join(10)
        statements = sql_flush(operations, *arguments, **named)
        if operations.connection.vendor != "sqlite":
            return statements
        with operations.connection.cursor() as cursor:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
            triggers = cursor.fetchall()
        return [*(f'DROP TRIGGER "{name}"' for name, _ in triggers), *statements, *(sql for _, sql in triggers)]

    return flush


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of a server that speaks S3's language."""
    with bucket_server() as url:
        yield url


@pytest.fixture
def bucket(s3: str, settings: Any) -> Bucket:
    """A bucket of this very test, where its packages lie."""
    bucket = Bucket(s3)
    settings.STORAGES = settings.STORAGES | bucket.storage
    return bucket


@pytest.fixture
def pass_days(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """pass_days(3): from now on it is three days later."""

    def pass_days(count: int) -> None:
        then = timezone.now() + timedelta(days=count)
        monkeypatch.setattr(timezone, "now", lambda: then)

    return pass_days
