"""Whoever watches over the portal is told whether it lives and whether it is ready, within two seconds, and no more."""

import socket
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from celery import current_app
from django.db import OperationalError, connections
from django.utils import timezone

from deployments.models import Worker
from portal import readiness
from tests.servers import free_port

pytestmark = pytest.mark.django_db(transaction=True)


def a_worker(swept: float | None = 0) -> Worker:
    """A worker whose last sweep was so many seconds ago."""
    now = timezone.now()
    swept_at = None if swept is None else now - timedelta(seconds=swept)
    return Worker.objects.create(name="w", host="here", started_at=now, heard_at=now, swept_at=swept_at)


def ready(client) -> tuple[int, str, dict[str, str]]:
    response = client.get("/readyz")
    body = response.json()
    return response.status_code, body["status"], {name: said["verdict"] for name, said in body["checks"].items()}


def sentence_of(client, check: str) -> str:
    return client.get("/readyz").json()["checks"][check]["sentence"]


@pytest.fixture
def broker_at(settings, monkeypatch):
    """broker_at(port): the broker is said to be there."""

    def point(port: int) -> None:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{port}/0"
        monkeypatch.setattr(current_app.conf, "broker_url", settings.CELERY_BROKER_URL)
        monkeypatch.setattr(current_app.conf, "broker_write_url", settings.CELERY_BROKER_URL)

    return point


def test_alive_needs_neither_an_account_nor_the_database(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = client.get("/healthz")

    assert (response.status_code, response.content) == (200, b"ok\n")
    assert "no-store" in response["Cache-Control"]


def test_ready_names_every_check_and_is_never_cached(client):
    a_worker()

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "checks": {
            "database": {"verdict": "ok", "sentence": "The database answers."},
            "storage": {"verdict": "ok", "sentence": "The package storage can be written."},
            "room": {"verdict": "ok", "sentence": response.json()["checks"]["room"]["sentence"]},
            "broker": {"verdict": "ok", "sentence": response.json()["checks"]["broker"]["sentence"]},
            "sweep": {"verdict": "ok", "sentence": response.json()["checks"]["sweep"]["sentence"]},
        },
    }
    assert "no-store" in response["Cache-Control"]


def test_without_the_database_no_traffic_should_come(client, monkeypatch):
    a_worker()

    def away(self) -> None:
        raise OperationalError("password authentication failed for user signalbox")

    monkeypatch.setattr(type(connections["default"]), "ensure_connection", away)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["status"] == "not ready"
    assert response.json()["checks"]["database"]["sentence"] == "The database cannot be reached."
    assert "password" not in response.content.decode()


def test_without_package_storage_no_traffic_should_come(client, settings, tmp_path: Path):
    a_worker()
    settings.PACKAGES_DIR = tmp_path / "file" / "packages"
    (tmp_path / "file").write_text("no directory")

    status, word, verdicts = ready(client)

    assert (status, word) == (503, "not ready")
    assert verdicts == {"database": "ok", "storage": "failed", "room": "degraded", "broker": "ok", "sweep": "ok"}


def test_a_bucket_that_is_away_keeps_traffic_away(client, bucket):
    a_worker()
    bucket.client.delete_bucket(Bucket=bucket.name)

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json()["checks"]["storage"]["sentence"] == "The package storage cannot be reached."
    assert bucket.name not in response.content.decode()


def test_a_bucket_that_answers_is_well(client, bucket):
    a_worker()

    assert client.get("/readyz").json()["checks"]["storage"] == {
        "verdict": "ok",
        "sentence": "The package storage can be reached.",
    }


def test_a_disk_without_room_for_packages_degrades_and_no_more(client, settings):
    a_worker()
    settings.PACKAGES_SPARE_BYTES = 2**60

    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json()["checks"]["room"] == {
        "verdict": "degraded",
        "sentence": "There is no room for packages on this machine's disk; pushes are refused.",
    }


def test_a_broker_that_is_down_degrades_and_no_more(client, broker_at):
    a_worker()
    broker_at(free_port())

    status, word, verdicts = ready(client)

    assert (status, word) == (200, "degraded")
    assert verdicts == {"database": "ok", "storage": "ok", "room": "ok", "broker": "degraded", "sweep": "ok"}


def test_a_broker_that_hangs_costs_two_seconds_and_one_thread(client, broker_at):
    a_worker()
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        broker_at(deaf.getsockname()[1])
        began = time.monotonic()

        answers = [ready(client) for _ in range(2)]

        assert time.monotonic() - began < 2 * readiness.PATIENCE_SECONDS + 5  # the broker would take its time for ever
        assert [thread.name for thread in threading.enumerate()].count("ready-broker") <= 1
    assert {(status, verdicts["broker"]) for status, _, verdicts in answers} == {(200, "degraded")}


@pytest.mark.parametrize(
    ("swept", "sentence"),
    [
        (None, "No worker has been heard of; deployments wait."),
        (3600, "The last sweep was 36"),
    ],
    ids=["never", "an hour ago"],
)
def test_workers_that_are_silent_degrade_and_no_more(client, swept, sentence):
    a_worker(swept)

    status, word, verdicts = ready(client)

    assert (status, word, verdicts["sweep"]) == (200, "degraded", "degraded")
    assert sentence_of(client, "sweep").startswith(sentence)
