"""Portals in a directory of their own, ended after the test whatever happened."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.supervisor.running import ROOT, Portal


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables and without an account: making them takes most of the time of a first start."""
    path = tmp_path_factory.mktemp("migrated") / "signalbox.sqlite3"
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{path}", "DATA_DIR": str(path.parent)}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env=environment | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        check=True,
    )
    return path


@pytest.fixture
def portal(tmp_path: Path, migrated: Path) -> Iterator[Callable[..., Portal]]:
    """portal(EXAMPLE="yes") is a portal that can be started; the same directory each time.

    new  nothing is there, not even the directory; else its database has its tables
    """
    made: list[Portal] = []

    def make(data_dir: Path | None = None, *, new: bool = False, **settings: str) -> Portal:
        made.append(Portal(data_dir or tmp_path / "data", **settings))
        if not new and not made[-1].data_dir.exists():
            made[-1].data_dir.mkdir(mode=0o700, parents=True)
            shutil.copy(migrated, made[-1].data_dir)
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def keep_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor closes its connection after each look; here that would end the test's own transaction."""
    monkeypatch.setattr(connection, "close", lambda: None)
