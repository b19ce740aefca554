"""How the demo starts the product in a place of its own, and removes every trace of it afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import requests

from examples.patient_portal.visiting import Unexpected

CHECKOUT = Path(__file__).resolve().parents[2]
READY_WITHIN = 40  # seconds
STOPPED_WITHIN = 20  # seconds
TAIL = 60  # lines of the supervisor's output that are shown when something failed


@dataclass(frozen=True)
class Running:
    """The product as it runs for the demo."""

    url: str
    sites_url: str
    cloudhub_url: str
    confluence_url: str
    data_dir: Path


@contextmanager
def product() -> Iterator[Running]:
    """Start the product with a fresh data directory and free ports; stop and remove it at the end, come what may."""
    with ExitStack() as stack:
        with _undisturbed():
            home = Path(tempfile.mkdtemp(prefix="signalbox-demo-"))
            stack.callback(shutil.rmtree, home, ignore_errors=True)
        environment = os.environ | _settings(home) | stack.enter_context(_scratch_database(home))
        environment |= stack.enter_context(_scratch_keys())
        with _undisturbed(), (home / "output").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=CHECKOUT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the demo, which then stops the product in order
            )  # fmt: skip
            stack.callback(_stop, process)
        try:
            yield _wait_until_ready(process, environment)
        except BaseException:
            _show_tail(home / "output")
            raise


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block is over: in the middle of it, what has just come into being would be
    forgotten, and left behind."""
    came: list[int] = []
    both = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda number, _frame: came.append(number)) for number in both}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for missed in came:
        signal.raise_signal(missed)


def _settings(home: Path) -> dict[str, str]:
    port, sites_port, cloudhub_port, confluence_port = _free_ports(4)
    return {
        "DATA_DIR": str(home / "data"),
        "PACKAGES_DIR": str(home / "data" / "packages"),
        "SPOOL_DIR": str(home / "data" / "spool"),
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "BASE_URL": f"http://127.0.0.1:{port}",
        "HTTPS": "no",
        "SITES_PORT": str(sites_port),
        "CLOUDHUB_PORT": str(cloudhub_port),
        "CONFLUENCE_PORT": str(confluence_port),
        "EXAMPLE": "yes",
        "EXAMPLE_PUSH": "no",
        "PYTHONUNBUFFERED": "1",
    }


def _free_ports(how_many: int) -> list[int]:
    """Ports that nobody listens on; all are held until all are known, so that they differ."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(how_many)]
        return [server.getsockname()[1] for server in taken]


@contextmanager
def _scratch_database(home: Path) -> Iterator[dict[str, str]]:
    """A database of its own on the PostgreSQL server that DATABASE_URL names, dropped at the end; else a file."""
    stated = os.environ.get("DATABASE_URL", "")
    if urlsplit(stated).scheme not in ("postgres", "postgresql"):
        # Stated, so that neither the environment nor .env leads the demo to a database that is in use.
        yield {"DATABASE_URL": f"sqlite:///{home / 'data' / 'signalbox.sqlite3'}"}
        return
    import psycopg  # noqa: PLC0415 - needed on PostgreSQL only
    from psycopg import sql  # noqa: PLC0415

    name = f"signalbox_demo_{secrets.token_hex(4)}"
    with psycopg.connect(stated.replace("postgres://", "postgresql://", 1), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield {"DATABASE_URL": urlunsplit(urlsplit(stated)._replace(path=f"/{name}"))}
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _scratch_keys() -> Iterator[dict[str, str]]:
    """A key prefix of its own on the broker that CELERY_BROKER_URL names, emptied at the end."""
    stated = os.environ.get("CELERY_BROKER_URL", "")
    if urlsplit(stated).scheme not in ("redis", "rediss"):
        yield {"CELERY_BROKER_URL": ""}  # the embedded one, whatever .env says
        return
    import redis  # noqa: PLC0415 - needed on Redis only

    prefix = f"signalbox-demo-{secrets.token_hex(4)}:"
    try:
        yield {"CELERY_KEY_PREFIX": prefix}
    finally:
        with redis.Redis.from_url(stated) as client:
            for key in client.scan_iter(match=f"{prefix}*"):
                client.delete(key)


def _wait_until_ready(process: subprocess.Popen[bytes], environment: dict[str, str]) -> Running:
    url = environment["BASE_URL"]
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            raise Unexpected(f"`manage.py run` ended with status {process.returncode} instead of serving.")
        if _answers(f"{url}/healthz"):
            return Running(
                url,
                f"http://127.0.0.1:{environment['SITES_PORT']}",
                f"http://127.0.0.1:{environment['CLOUDHUB_PORT']}",
                f"http://127.0.0.1:{environment['CONFLUENCE_PORT']}",
                Path(environment["DATA_DIR"]),
            )
        time.sleep(0.1)
    raise Unexpected(f"{url}/healthz did not answer with 200 within {READY_WITHIN} seconds.")


def _answers(url: str) -> bool:
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the supervisor to stop; if it does not, end its whole process group."""
    process.terminate()
    try:
        process.wait(STOPPED_WITHIN)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _show_tail(output: Path) -> None:
    lines = output.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL:]
    print(f"\nThe last {len(lines)} lines of the product's output:", file=sys.stderr)
    print("\n".join(f"  {line}" for line in lines), file=sys.stderr)
