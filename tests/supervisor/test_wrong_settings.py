"""Every wrong setting is one sentence that names it, before anything is started."""

import getpass
import os
import subprocess
import sys
from pathlib import Path

import environ
import pytest

from config import preflight
from tests.supervisor.running import ROOT, Portal

pytestmark = pytest.mark.embedded


def complaints(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **values: str) -> list[str]:
    for name in (*preflight.CHECKS, "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"DATA_DIR": str(tmp_path / "data"), **values}.items():
        monkeypatch.setenv(name, value)
    return preflight.complaints(environ.FileAwareEnv(), tmp_path / "no.env")


def test_defaults_are_right(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert complaints(monkeypatch, tmp_path) == []


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("PORT", "abc", "a whole number from 1 to 65535"),
        ("SITES_PORT", "70000", "a whole number from 1 to 65535"),
        ("WORKER_SLOTS", "0", "a whole number, 1 or more"),
        ("LEASE_SECONDS", "-1", "a number of seconds above 0"),
        ("SWEEP_SECONDS", "inf", "a number of seconds above 0"),
        ("EXAMPLE", "perhaps", "yes or no"),
        ("RUN_CPU_SECONDS", "-1", "a whole number, 0 or more"),
        ("KEEP_FAILED_BYTES", "0", "a whole number, 1 or more"),
        ("RUN_AS_USER", "no-such-user", "the name of a user of this machine"),
        ("BASE_URL", "localhost:8000", "an address that begins with http:// or https://"),
        ("CELERY_BROKER_URL", "amqp://x", "an address that begins with redis:// or rediss:// or"),
        ("TIME_ZONE", "Mars/Olympus", "the name of a time zone, such as Europe/Stockholm"),
        ("LOG_LEVEL", "loud", "one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, expected: str
) -> None:
    (sentence,) = complaints(monkeypatch, tmp_path, **{name: value})

    assert sentence.startswith(f"{name} must be {expected}")
    assert sentence.endswith(f"and it is “{value}”; change it in the environment or in .env.")


def test_a_limit_that_this_machine_does_not_allow_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (sentence,) = complaints(monkeypatch, tmp_path, RUN_OPEN_FILES="1000000000000")

    assert sentence.startswith("RUN_OPEN_FILES is 1000000000000, and that limit cannot be set on this machine")


@pytest.mark.root
def test_a_user_who_cannot_enter_the_spool_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (sentence,) = complaints(monkeypatch, tmp_path, RUN_AS_USER="nobody")

    assert sentence.startswith(f"RUN_AS_USER is “nobody”, who cannot enter {tmp_path}/data/spool/runs")
    assert "set SPOOL_DIR to a directory outside of DATA_DIR" in sentence


@pytest.mark.parametrize("user", ["nobody", getpass.getuser()], ids=["somebody else", "oneself"])
def test_another_user_for_scripts_is_refused_to_who_is_not_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    (sentence,) = complaints(monkeypatch, tmp_path, RUN_AS_USER=user)

    assert sentence.startswith(f"RUN_AS_USER is “{user}”, and only root may run scripts as somebody else")


def test_a_password_in_an_address_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (sentence,) = complaints(monkeypatch, tmp_path, DATABASE_URL="mysql://portal:hush@db.example/portal")

    assert sentence.startswith("DATABASE_URL must be an address that begins with sqlite:// or postgres://")
    assert "hush" not in sentence


def test_an_unusable_encryption_key_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (sentence,) = complaints(monkeypatch, tmp_path, ENCRYPTION_KEYS="too-short")

    assert sentence.startswith("ENCRYPTION_KEYS must be one or more Fernet keys")
    assert "too-short" not in sentence


def test_two_settings_with_the_same_port_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = complaints(monkeypatch, tmp_path, PORT="8001")

    assert found == ["PORT and SITES_PORT are both 8001; give each a port of its own."]


def test_a_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = complaints(monkeypatch, tmp_path, DATABASE_URL_FILE=str(tmp_path / "missing"))

    assert found == ["DATABASE_URL_FILE names a file that cannot be read: No such file or directory."]


def test_every_wrong_setting_is_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = complaints(monkeypatch, tmp_path, PORT="x", LOG_LEVEL="x", TIME_ZONE="x")

    assert len(found) == 3


def test_a_data_directory_that_cannot_be_written_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    found = complaints(monkeypatch, tmp_path, DATA_DIR=str(tmp_path / "file" / "data"))

    assert found == [
        f"{tmp_path}/file/data cannot be written (Not a directory); set DATA_DIR to a directory that you may write."
    ]


def test_an_emptied_encryption_key_is_not_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "encryption-key").touch()

    (sentence,) = complaints(monkeypatch, tmp_path)

    assert sentence.endswith("encryption-key is empty; restore it from a backup or give its value as a setting.")


def test_the_command_ends_with_status_2_and_no_traceback(tmp_path: Path) -> None:
    portal = Portal(tmp_path / "data", PORT="abc")

    done = subprocess.run(
        [sys.executable, "-m", "config.preflight"],
        cwd=ROOT,
        env=portal.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr == (
        "PORT must be a whole number from 1 to 65535, and it is “abc”; change it in the environment or in .env.\n"
    )
