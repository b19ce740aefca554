"""What docs/production.md says, done: an installation on PostgreSQL, by an account that is nobody special."""

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import yaml
from django.conf import settings
from django.db import connection
from psycopg.sql import SQL, Identifier, Literal

from portal import exposition
from tests.deployments.real_workers import ROOT

DOCUMENT = ROOT / "docs" / "production.md"


class Databases:
    """Databases of one plain account on the server of the tests, and `manage.py` on each of them."""

    def __init__(self, home: Path) -> None:
        parts = connection.settings_dict
        given = {"host": parts["HOST"], "port": parts["PORT"], "user": parts["USER"], "password": parts["PASSWORD"]}
        self.elsewhere = psycopg.connect(dbname="postgres", autocommit=True, **given)
        self.account = f"plain_{os.getpid()}"
        self.password = secrets.token_urlsafe(16)
        self.where = f"{parts['HOST']}:{parts['PORT']}"
        self.home = home
        self.made: list[str] = []
        create = SQL("CREATE ROLE {} LOGIN PASSWORD {}")
        self.elsewhere.execute(create.format(Identifier(self.account), Literal(self.password)))

    def create(self, name: str) -> str:
        self.made.append(f"{name}_{os.getpid()}")
        create = SQL("CREATE DATABASE {} OWNER {}")
        self.elsewhere.execute(create.format(Identifier(self.made[-1]), Identifier(self.account)))
        return f"postgres://{self.account}:{self.password}@{self.where}/{self.made[-1]}?sslmode=prefer"

    def manage(self, url: str, machine: str, *words: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        home = self.home / machine
        stated = {"DATA_DIR": str(home), "DATABASE_URL": url, "PACKAGES_DIR": str(home / "packages")}
        environment = {"PATH": os.environ["PATH"], "CELERY_BROKER_URL": settings.CELERY_BROKER_URL}
        command = [sys.executable, "manage.py", *words]
        return subprocess.run(
            command, cwd=ROOT, env=environment | stated | changes, capture_output=True, text=True, check=False
        )

    def drop(self) -> None:
        for name in self.made:
            self.elsewhere.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
        self.elsewhere.execute(SQL("DROP ROLE {}").format(Identifier(self.account)))
        self.elsewhere.close()


@pytest.fixture
def databases(transactional_db, tmp_path: Path):
    made = Databases(tmp_path)
    yield made
    made.drop()


@pytest.mark.services
def test_an_account_that_is_nobody_special_installs_backs_up_and_restores(databases: Databases, tmp_path: Path):
    first, second = databases.create("first"), databases.create("second")
    backup = tmp_path / "backup"
    prepared = databases.manage(first, "old", "prepare")
    taken = databases.manage(first, "old", "backup", str(backup), "--with-keys")

    refused = databases.manage(second, "new", "restore", str(backup))
    keys = {"ENCRYPTION_KEYS_FILE": str(backup / "keys" / "encryption-keys")}
    restored = databases.manage(second, "new", "restore", str(backup), **keys)

    assert (prepared.returncode, prepared.stdout.splitlines()[-1]) == (0, "Everything is ready."), prepared.stderr
    assert (taken.returncode, taken.stderr) == (0, "")
    assert refused.returncode == 1
    assert f"state ENCRYPTION_KEYS_FILE={backup}/keys/encryption-keys" in refused.stderr
    assert restored.returncode == 0, restored.stderr
    again = databases.manage(second, "new", "restore", str(backup), **keys)
    assert "The database holds a portal already." in again.stderr


@pytest.mark.services
def test_without_postgresqls_own_tools_a_backup_is_refused_with_their_name(databases: Databases, tmp_path: Path):
    url = databases.create("bare")
    databases.manage(url, "here", "prepare")

    refused = databases.manage(url, "here", "backup", str(tmp_path / "backup"), PATH=str(tmp_path))

    assert refused.returncode == 1
    assert refused.stderr.startswith("CommandError: pg_dump is not installed.")
    assert not (tmp_path / "backup").exists()


@pytest.mark.django_db
def test_alerts_name_metrics_that_there_are():
    text = DOCUMENT.read_text()
    (rules,) = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    exposed = exposition.metrics("")[0].decode()
    named = {name for rule in rules["groups"][0]["rules"] for name in re.findall(r"signalbox_\w+", rule["expr"])}

    there = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in named}

    families = set(re.findall(r"^# TYPE (\S+) ", exposed, re.MULTILINE))
    assert {name for name in there if name not in families and f"{name}_total" not in families} == set()


def test_every_command_of_the_document_exists():
    commands = set(re.findall(r"manage\.py ([a-z_]+)", DOCUMENT.read_text()))

    listed = subprocess.run(
        [sys.executable, "manage.py", "help", "--commands"], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert commands <= set(listed.stdout.split())
