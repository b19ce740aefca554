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
from typing import Any

import psycopg
import redis

from portal.children import die_with_parent
from tests.machine import postgres_programs, redis_program

START_SECONDS = 30.0
STOP_SECONDS = 15.0
ATTEMPTS = 3  # a free port may be taken by somebody else between looking and listening


class CannotStart(Exception):
    """A private server did not start. Carries a sentence and the server's last words."""


@contextmanager
def postgres() -> Iterator[str]:
    """A private PostgreSQL; yields its DATABASE_URL. Raises CannotStart."""
    programs = postgres_programs()
    if programs is None:
        raise CannotStart("There is no PostgreSQL server on this machine.")
    owner = _unprivileged_owner()
    password = secrets.token_urlsafe(16)
    with _directory("signalbox-postgres-", owner) as home:
        _create_cluster(programs, home, password, owner)

        def command(port: int) -> list[str]:
            settings = {
                "listen_addresses": "127.0.0.1",
                "port": str(port),
                "unix_socket_directories": "",
                "max_connections": "200",
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
            }
            options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
            return [str(programs / "postgres"), "-D", str(home / "data"), *options]

        def url(port: int, database: str) -> str:
            return f"postgres://signalbox:{password}@127.0.0.1:{port}/{database}"

        def answers(port: int) -> bool:
            try:
                psycopg.connect(url(port, "postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                return False
            return True

        with _server("PostgreSQL", command, answers, home, owner, signal.SIGINT) as port:
            with psycopg.connect(url(port, "postgres"), autocommit=True) as connection:
                connection.execute("CREATE DATABASE signalbox")
            yield url(port, "signalbox")


@contextmanager
def redis_server() -> Iterator[str]:
    """A private Redis; yields its CELERY_BROKER_URL. Raises CannotStart."""
    program = redis_program()
    if program is None:
        raise CannotStart("There is no Redis or Valkey server on this machine.")
    password = secrets.token_urlsafe(16)
    with _directory("signalbox-redis-", None) as home:

        def command(port: int) -> list[str]:
            where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(home)]
            return [program, *where, "--requirepass", password, "--save", "", "--appendonly", "no"]

        def answers(port: int) -> bool:
            try:
                with redis.Redis(port=port, password=password, socket_timeout=2) as client:
                    return bool(client.ping())
            except redis.RedisError:
                return False

        with _server("Redis", command, answers, home, None, signal.SIGTERM) as port:
            yield f"redis://:{password}@127.0.0.1:{port}/0"


@contextmanager
def both() -> Iterator[dict[str, str]]:
    """Both servers; yields the two variables that point to them. Raises CannotStart."""
    with ExitStack() as stack:
        database = stack.enter_context(postgres())
        yield {"DATABASE_URL": database, "CELERY_BROKER_URL": stack.enter_context(redis_server())}


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


@contextmanager
def _server(
    name: str,
    command: Callable[[int], list[str]],
    answers: Callable[[int], bool],
    home: Path,
    owner: str | None,
    stop: signal.Signals,
) -> Iterator[int]:
    """Start it on a free port, yield the port when it answers, and stop it in the end."""
    for _ in range(ATTEMPTS):
        port = free_port()
        log = home / "server.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command(port),
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - the test runner has one thread
                **_as(owner),
            )
        try:
            if _wait(process, lambda port=port: answers(port)):
                yield port
                return
        finally:
            _end(process, stop)
    raise CannotStart(f"{name} did not start: {log.read_text(errors='replace')[-2000:]}")


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
