"""Portals in a directory of their own, ended after the test whatever happened."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.supervisor.running import Portal


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[Callable[..., Portal]]:
    """portal(EXAMPLE="yes") is a portal that can be started; the same directory each time."""
    made: list[Portal] = []

    def make(data_dir: Path | None = None, **settings: str) -> Portal:
        made.append(Portal(data_dir or tmp_path / "data", **settings))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def keep_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor closes its connection after each look; here that would end the test's own transaction."""
    monkeypatch.setattr(connection, "close", lambda: None)
