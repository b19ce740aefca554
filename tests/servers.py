"""A PostgreSQL and a Redis of our own on free ports, started from the installed programs and removed afterwards.

    python -m tests.servers -- make demo      # runs the command with DATABASE_URL and CELERY_BROKER_URL set

The machine's own servers are never touched: everything lies in a temporary directory, listens on 127.0.0.1 and has a
random password.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg
import redis

from portal.children import die_with_parent
from tests.machine import postgres_programs, redis_program

START_SECONDS = 30.0
STOP_SECONDS = 15.0
ATTEMPTS = 10  # a free port may be taken by somebody else between looking and listening
AnyServer = TypeVar("AnyServer", bound="Server")


class CannotStart(Exception):
    """A private server did not start. Carries a sentence and the server's last words."""


class Server:
    """One server program of ours. It keeps its port and its data once it has started, so that it can be stopped, killed
    and started again under those who use it."""

    name = ""
    stop_signal = signal.SIGTERM

    def __init__(self, home: Path, owner: str | None) -> None:
        """home: where its data lies; owner: the account that it runs as (None: ours)."""
        self.home, self.owner = home, owner
        self.password = secrets.token_urlsafe(16)
        self.port = 0  # none yet
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where those who use it find it."""
        return self.url_at(self.port)

    def start(self) -> None:
        """On a free port, later on the same one; returns when it answers. Raises CannotStart with its last words."""
        for _ in range(ATTEMPTS):
            port = self.port or free_port()
            self.process = self._launched(port)
            if _wait(self.process, lambda port=port: self.answers(port)):
                self.port = port
                return
            self.stop()
            time.sleep(0.5)  # what a killed one has left behind goes away by itself
        raise CannotStart(f"{self.name} did not start: {self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """As its operators do. Nothing happens when it does not run."""
        if self.process is not None:
            _end(self.process, self.stop_signal)

    def kill(self) -> None:
        """As the kernel does: it gets to clear up nothing."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def url_at(self, port: int) -> str:
        raise NotImplementedError

    def command(self, port: int) -> list[str]:
        raise NotImplementedError

    def answers(self, port: int) -> bool:
        raise NotImplementedError

    @property
    def _log(self) -> Path:
        return self.home / "server.log"

    def _launched(self, port: int) -> "subprocess.Popen[bytes]":
        with self._log.open("wb") as output:
            return subprocess.Popen(
                self.command(port),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the test runner has one thread
                **_as(self.owner),
            )


class Postgres(Server):
    """What it has committed survives its own death (`synchronous_commit`), not that of the machine (`fsync`)."""

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # “fast”: it breaks connections instead of waiting for them
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "max_connections": "400",
        "fsync": "off",
        "full_page_writes": "off",
    }

    def __init__(self, home: Path, owner: str | None, programs: Path) -> None:
        super().__init__(home, owner)
        self.programs = programs

    def url_at(self, port: int, database: str = "signalbox") -> str:
        return f"postgres://signalbox:{self.password}@127.0.0.1:{port}/{database}"

    def command(self, port: int) -> list[str]:
        settings = self.settings | {"port": str(port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self.programs / "postgres"), "-D", str(self.home / "data"), *options]

    def answers(self, port: int) -> bool:
        try:
            psycopg.connect(self.url_at(port, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


class Redis(Server):
    """It keeps nothing: whoever restarts it has lost all messages."""

    name = "Redis"

    def __init__(self, home: Path, owner: str | None, program: str) -> None:
        super().__init__(home, owner)
        self.program = program

    def url_at(self, port: int) -> str:
        return f"redis://:{self.password}@127.0.0.1:{port}/0"

    def client(self) -> "redis.Redis":
        return redis.Redis.from_url(self.url)

    def command(self, port: int) -> list[str]:
        where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(self.home)]
        return [self.program, *where, "--requirepass", self.password, "--save", "", "--appendonly", "no"]

    def answers(self, port: int) -> bool:
        try:
            with redis.Redis(port=port, password=self.password, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


@contextmanager
def postgres(kind: type[Postgres] = Postgres) -> Iterator[Postgres]:
    """A private PostgreSQL with an empty database. Raises CannotStart."""
    programs = postgres_programs()
    if programs is None:
        raise CannotStart("There is no PostgreSQL server on this machine.")
    owner = _unprivileged_owner()
    with _directory("signalbox-postgres-", owner) as home, _stopped(kind(home, owner, programs)) as server:
        _create_cluster(programs, home, server.password, owner)
        server.start()
        with psycopg.connect(server.url_at(server.port, "postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE signalbox")
        yield server


@contextmanager
def redis_server() -> Iterator[Redis]:
    """A private Redis. Raises CannotStart."""
    program = redis_program()
    if program is None:
        raise CannotStart("There is no Redis or Valkey server on this machine.")
    with _directory("signalbox-redis-", None) as home, _stopped(Redis(home, None, program)) as server:
        server.start()
        yield server


@contextmanager
def _stopped(server: AnyServer) -> Iterator[AnyServer]:
    """Whatever becomes of it meanwhile, it is stopped in the end."""
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def both(kind: type[Postgres] = Postgres) -> Iterator[dict[str, str]]:
    """Both servers; yields the two variables that point to them. Raises CannotStart."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres(kind))
        broker = stack.enter_context(redis_server())
        yield {"DATABASE_URL": database.url, "CELERY_BROKER_URL": broker.url}


def _unprivileged_owner() -> str | None:
    """PostgreSQL refuses to run as root, so root runs it as `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def _directory(prefix: str, owner: str | None) -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        if owner:
            entry = pwd.getpwnam(owner)
            os.chown(home, entry.pw_uid, entry.pw_gid)
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _as(owner: str | None) -> dict[str, Any]:
    if owner is None:
        return {}
    return {"user": owner, "group": pwd.getpwnam(owner).pw_gid, "extra_groups": []}


def _create_cluster(programs: Path, home: Path, password: str, owner: str | None) -> None:
    password_file = home / "password"
    password_file.write_text(password, encoding="ascii")
    if owner:
        shutil.chown(password_file, owner)
    command = [str(programs / "initdb"), "-D", str(home / "data"), "-U", "signalbox", f"--pwfile={password_file}"]
    options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    made = subprocess.run([*command, *options], cwd=home, capture_output=True, text=True, check=False, **_as(owner))
    if made.returncode:
        raise CannotStart(f"PostgreSQL could not make a private cluster: {made.stderr.strip()}")


def _wait(process: "subprocess.Popen[bytes]", answers: Callable[[], bool]) -> bool:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if answers():
            return True
        time.sleep(0.05)
    return False


def _end(process: "subprocess.Popen[bytes]", stop: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(stop)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop_on_sigterm() -> None:
    """Let SIGTERM unwind the stack like Ctrl-C does, so that the private servers are stopped."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def main(arguments: Sequence[str]) -> int:
    command = list(arguments[1:] if arguments[:1] == ["--"] else arguments)
    if not command:
        sys.stderr.write("Say which command to run: python -m tests.servers -- make demo\n")
        return 2
    stop_on_sigterm()
    try:
        with both() as variables:
            return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode
    except CannotStart as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
