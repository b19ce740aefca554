"""With LOG_FORMAT=json every line that a part of Signalbox writes is one object; otherwise a line for people."""

import json
import logging
import sys
from datetime import datetime
from pathlib import Path

import pytest
import requests

from config import logs
from tests.deployments.patience import wait_until
from tests.operations.units import Installation, exec_start
from tests.supervisor.running import Portal

ALWAYS = {"time", "level", "logger", "message"}


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    return logging.getLogger("deployments").makeRecord(
        "deployments", logging.WARNING, __file__, 1, message, args, None, extra=extra
    )


def objects(text: str) -> list[dict[str, str]]:
    """Every line as an object. Raises ValueError when one is none."""
    return [json.loads(line) for line in text.splitlines()]


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_line_is_one_object_with_time_and_offset_and_what_was_given():
    line = logs.formatter("json").format(record("“%s” broke\nhere", "ui", deployment=7, worker="host:1:ab"))

    found = json.loads(line)
    assert "\n" not in line
    assert found | {"time": ""} == {
        "time": "",
        "level": "WARNING",
        "logger": "deployments",
        "message": "“ui” broke\nhere",
        "deployment": 7,
        "worker": "host:1:ab",
    }
    assert datetime.fromisoformat(found["time"]).utcoffset() is not None


def test_an_exception_stays_in_its_line():
    try:
        raise ValueError("too late")
    except ValueError:
        found = record("It broke")
        found.exc_info = sys.exc_info()

    line = json.loads(logs.formatter("json").format(found))

    assert line["exception"].endswith("ValueError: too late")


def test_by_default_lines_are_for_people():
    assert logs.formatter("line").format(record("It broke")).endswith(" WARNING deployments: It broke")


@pytest.mark.embedded
def test_supervisor_web_server_and_worker_write_objects_only(tmp_path: Path):
    portal = Portal(tmp_path / "data", LOG_FORMAT="json", ACCESS_LOG="yes")
    try:
        portal.start()
        portal.wait_for(lambda: "Signalbox is ready at" in portal.said(), "the ready line")
        requests.get(portal.url("/nowhere?secret=1"), timeout=10)
        status = portal.interrupted()
    finally:
        portal.remove()

    web, worker = ((portal.data_dir / "logs" / f"{name}.log").read_text() for name in ("web", "worker"))
    lines = {"supervisor": objects(portal.said()), "web": objects(web), "worker": objects(worker)}
    assert status == 0
    assert all(line.keys() >= ALWAYS for part in lines.values() for line in part)
    assert lines["supervisor"][-1]["message"] == "Stopped."
    asked = [line for line in lines["web"] if line["logger"] == "granian.access" and line["path"] == "/nowhere"]
    assert [(line["method"], line["status"]) for line in asked] == [("GET", 404)]
    assert (
        json.loads((portal.data_dir / "first-sign-in.json").read_text())["accounts"][0]["password"] not in portal.said()
    )


@pytest.mark.services
def test_the_same_holds_for_what_systemd_starts(transactional_db, own_worker, tmp_path: Path):
    machine = Installation(tmp_path, LOG_FORMAT="json", ACCESS_LOG="yes", LOG_LEVEL="DEBUG")
    try:
        web, worker = (
            machine.start(exec_start("signalbox-web.service")),
            machine.start(exec_start("signalbox-worker@.service", "default")),
        )
        wait_until(lambda: answers(machine.url("/healthz")), 60)
        wait_until(lambda: "ready" in machine.said(worker), 60)
        statuses = machine.terminated(web), machine.terminated(worker)
    finally:
        machine.remove()

    lines = objects(machine.said(web)) + objects(machine.said(worker))
    assert statuses == (0, 0)
    assert all(line.keys() >= ALWAYS for line in lines)
    assert {"granian.access"} <= {line["logger"] for line in lines}


@pytest.mark.parametrize("chosen", logs.FORMATS)
def test_the_secret_of_a_shared_page_is_left_out(chosen):
    line = logs.formatter(chosen).format(
        record("Not Found: %s", "/shared/d4rR7H609_3WeK8IUsHxmFVB8eePsb25x5Fnk4OZ814/qa/")
    )

    assert "/shared/…/qa/" in line
    assert "d4rR7H609" not in line
