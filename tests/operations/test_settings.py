"""The settings of this folder's subjects are looked at like all others, and what an address says is heeded."""

import os
import subprocess
import sys
from pathlib import Path

import environ
import pytest

from config import preflight
from tests.deployments.real_workers import ROOT


def complaints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **values: str) -> list[str]:
    for name, value in {
        "DATA_DIR": str(tmp_path / "data"),
        "DATABASE_URL": "",
        "CELERY_BROKER_URL": "",
        **values,
    }.items():
        monkeypatch.setenv(name, value)
    return preflight.complaints(environ.FileAwareEnv(), tmp_path / "no.env")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("LOG_FORMAT", "xml", "one of LINE, JSON"),
        ("ACCESS_LOG", "often", "yes or no"),
        ("WEB_PROCESSES", "0", "a whole number, 1 or more"),
        ("METRICS_TOKEN", "short", "at least 16 letters, digits and signs, without spaces"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(monkeypatch, tmp_path, name, value, expected):
    (sentence,) = complaints(monkeypatch, tmp_path, **{name: value})

    assert sentence.startswith(f"{name} must be {expected}")


def test_a_token_that_will_not_do_is_not_shown(monkeypatch, tmp_path):
    (sentence,) = complaints(monkeypatch, tmp_path, METRICS_TOKEN="hush hush")

    assert "hush" not in sentence


def test_what_the_address_of_the_database_says_reaches_its_client(tmp_path):
    url = "postgres://signalbox:hush@db.example/signalbox?sslmode=require&DISABLE_SERVER_SIDE_CURSORS=True"
    environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path), "DATABASE_URL": url}
    said = "d = settings.DATABASES['default']; print(d['OPTIONS']['sslmode'], d['DISABLE_SERVER_SIDE_CURSORS'])"

    done = subprocess.run(
        [sys.executable, "-c", f"from config import settings; {said}; print(d['OPTIONS']['connect_timeout'])"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["require", "True", "5"]
