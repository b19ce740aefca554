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
        ("PACKAGES_STORAGE", "ftp", "one of FILE, S3"),
        ("PACKAGES_S3_ENDPOINT_URL", "minio:9000", "an address that begins with http:// or https://"),
        ("PACKAGES_REDIRECT", "perhaps", "yes or no"),
        ("PACKAGES_REDIRECT_SECONDS", "700000", "a whole number from 1 to 604800"),
        ("PACKAGES_ACCEL_PREFIX", "stored", "the beginning of an address, such as /stored/"),
        ("PACKAGES_SPARE_BYTES", "-1", "a whole number, 0 or more"),
        ("ARTIFACT_CHECK_DAYS", "weekly", "a whole number, 0 or more"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(monkeypatch, tmp_path, name, value, expected):
    (sentence,) = complaints(monkeypatch, tmp_path, **{name: value})

    assert sentence.startswith(f"{name} must be {expected}")


def test_a_token_that_will_not_do_is_not_shown(monkeypatch, tmp_path):
    (sentence,) = complaints(monkeypatch, tmp_path, METRICS_TOKEN="hush hush")

    assert "hush" not in sentence


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "PACKAGES_STORAGE is s3, and PACKAGES_S3_BUCKET is not set"),
        ({"PACKAGES_S3_BUCKET": "b", "PACKAGES_S3_ACCESS_KEY": "a"}, "Only one of PACKAGES_S3_ACCESS_KEY and"),
        ({"PACKAGES_S3_BUCKET": "b", "PACKAGES_S3_SECRET_KEY": "hush"}, "Only one of PACKAGES_S3_ACCESS_KEY and"),
    ],
)
def test_half_a_bucket_is_refused(monkeypatch, tmp_path, values, sentence):
    (said,) = complaints(monkeypatch, tmp_path, PACKAGES_STORAGE="s3", **values)

    assert said.startswith(sentence)
    assert "hush" not in said


def said_by(program: str, **environment: str) -> str:
    """What a fresh process prints that has these settings."""
    command = [sys.executable, "-c", f"import django; django.setup()\n{program}"]
    given = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings", **environment}
    return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=True).stdout


WHICH_STORAGE = """
import sys
import config.wsgi, config.urls, config.celery
from registry import storage
print(storage.elsewhere() or "files", "boto3" in sys.modules)
"""


def test_nobody_pays_for_s3_who_does_not_use_it(tmp_path):
    assert said_by(WHICH_STORAGE, DATA_DIR=str(tmp_path)) == "files False\n"


def test_the_bucket_is_the_one_that_the_settings_name(tmp_path):
    bucket = {"PACKAGES_STORAGE": "s3", "PACKAGES_S3_BUCKET": "vault", "PACKAGES_S3_PREFIX": "/signalbox/"}

    assert said_by(WHICH_STORAGE, DATA_DIR=str(tmp_path), **bucket) == "s3://vault/signalbox True\n"


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
