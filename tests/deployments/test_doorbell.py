"""The doorbell may fail in every way: requests are accepted all the same, and quickly."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments import doorbell, sweep
from deployments.models import Deployment, Status
from tests.deployments.real_workers import ROOT, Fleet
from tests.deployments.scripts import asked_for
from tests.servers import free_port

pytestmark = pytest.mark.django_db(transaction=True)

REQUEST = """
import time, django
django.setup()
import config.celery
from deployments import actions, doorbell
from deployments.models import Deployment
doorbell.send(0, "pool.default")  # what is imported on first use takes its time
doorbell._silent_until = 0
row = Deployment.objects.get()
began = time.monotonic()
again = actions.request(row.release, row.environment, by=row.requested_by)
print(again.status, time.monotonic() - began)
"""


def in_a_process_with(broker_url: str, home: Path, code: str) -> "subprocess.CompletedProcess[str]":
    environment = Fleet(home, broker_url).environment | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=True)


def test_a_request_is_accepted_at_once_while_the_broker_is_down(own_worker, tmp_path):
    asked_for("exit 0")

    done = in_a_process_with(f"redis://127.0.0.1:{free_port()}/0", tmp_path, REQUEST)

    status, seconds = done.stdout.split()
    assert status == Status.QUEUED
    assert float(seconds) < 1
    assert "the sweep will ring again" in done.stderr


@pytest.fixture
def broken_broker() -> Iterator[tuple[str, list[int]]]:
    """Takes every connection and closes it: its address, and a line for each."""
    calls: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, (_, port) = server.accept()
                except OSError:
                    return
                calls.append(port)
                connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0", calls
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_broker_that_fails_is_left_alone_for_a_while(own_worker, tmp_path, broken_broker):
    url, calls = broken_broker
    once = "import django; django.setup(); import config.celery; from deployments import doorbell\n"
    in_a_process_with(url, tmp_path, f'{once}doorbell.send(1, "pool.default")')
    for_one = len(calls)

    in_a_process_with(url, tmp_path, f'{once}[doorbell.send(pk, "pool.default") for pk in range(20)]')

    assert len(calls) == 2 * for_one


def test_ringing_that_the_broker_did_not_take_does_not_make_the_next_one_later(own_worker, monkeypatch):
    deployment = asked_for("exit 0")
    Deployment.objects.filter(pk=deployment.pk).update(rung_at=None, rung_count=1)
    monkeypatch.setattr(doorbell, "_silent_until", float("inf"))

    sweep.ring_again()

    deployment.refresh_from_db()
    assert (deployment.rung_at, deployment.rung_count) == (None, 1)
