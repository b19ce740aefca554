"""Which parts run under the supervisor, and with which commands."""

import http.client
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from config import broker
from deployments.doorbell import queue_of
from portal.children import Child
from portal.startup import CannotRun

WEB_THREADS = 8
GRANIAN_JSON = settings.BASE_DIR / "config" / "granian-json.json"  # its logging where LOG_FORMAT is json
NO_BROKER = "memory://"  # nobody else reads it: the workers find their work by looking into the database


def local_url(port: int) -> str:
    """Where this machine itself reaches what listens on HOST."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.HOST, settings.HOST)  # noqa: S104 - asked, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def sites_url() -> str:
    """Where people's browsers find the sites of the example: on the same machine as the portal."""
    return f"http://{urlsplit(settings.BASE_URL).hostname or 'localhost'}:{settings.SITES_PORT}"


def cloudhub_url() -> str:
    return f"http://127.0.0.1:{settings.CLOUDHUB_PORT}"


def confluence_url() -> str:
    return f"http://127.0.0.1:{settings.CONFLUENCE_PORT}"


def choose_broker() -> tuple[Child | None, str, str]:
    """The broker as a part (None: not ours to start), the address for the others, and one line that says which it is.

    Raises CannotRun when the directory of its socket is not ours alone.
    """
    if broker.socket_url(settings.DATA_DIR) != settings.CELERY_BROKER_URL:
        address = urlsplit(settings.CELERY_BROKER_URL)
        place = f"{address.scheme}://{address.hostname or ''}{f':{address.port}' if address.port else ''}"
        return None, settings.CELERY_BROKER_URL, f"Broker: {place}, from CELERY_BROKER_URL."
    server = broker.find_server()
    if server is None:
        return None, NO_BROKER, "Broker: none, no Valkey or Redis server was found; the worker looks into the database."
    path = broker.socket_path(settings.DATA_DIR)
    _own_directory(path.parent)
    where = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--dir", str(settings.DATA_DIR)]
    keeps_nothing = ["--save", "", "--appendonly", "no", "--daemonize", "no"]
    command = [server.program, *where, *keeps_nothing, "--loglevel", "warning", "--maxmemory", "128mb"]
    child = _child("broker", "The broker", command, NO_BROKER, grace=3)
    child.ready = lambda: _pongs(path)
    return child, settings.CELERY_BROKER_URL, f"Broker: {server.origin}, on a private socket."


def _own_directory(path: Path) -> None:
    """Make the directory of the socket; in a shared temporary directory it could be somebody else's trap."""
    path.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat()
    if path.is_symlink() or status.st_uid != os.getuid():
        raise CannotRun(f"{path} belongs to somebody else; set DATA_DIR to a directory with a shorter path.")
    path.chmod(0o700)


def remove_socket() -> None:
    """Remove the directory that the broker's socket had outside the data directory, once the broker has stopped."""
    path = broker.socket_path(settings.DATA_DIR)
    if path.parent != settings.DATA_DIR:
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()


def web(broker_url: str) -> Child:
    child = _child("web", "The web server", web_command(), broker_url)
    child.ready = _portal_answers
    return child


def web_command() -> list[str]:
    """What serves pages and API, wherever it is started: here, by `manage.py web`, by systemd."""
    listen = ["--host", settings.HOST, "--port", str(settings.PORT)]
    threads = ["--workers", str(settings.WEB_PROCESSES), "--blocking-threads", str(WEB_THREADS)]
    quiet = ["--no-ws", "--log-level", "warning"]
    access = ["--access-log"] if settings.ACCESS_LOG else []
    lines = ["--log-config", str(GRANIAN_JSON)] if settings.LOG_FORMAT == "json" else []
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", *listen, *threads, *quiet, *access, *lines]
    return [*command, "config.wsgi:application"]


def worker(broker_url: str) -> Child:
    """Its scripts run in sessions of their own: they outlive it, and the next worker adopts them."""
    return _child("worker", "The worker", worker_command(settings.WORKER_POOLS), broker_url)


def worker_command(pools: Sequence[str]) -> list[str]:
    """What carries deployments out for these pools, wherever it is started."""
    threads = ["-P", "threads", "-c", str(settings.WORKER_SLOTS)]
    queues = ["-Q", ",".join(queue_of(pool) for pool in pools), "-n", "signalbox@%h", "-l", settings.LOG_LEVEL]
    alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [sys.executable, "-m", "celery", "--quiet", "-A", "config", "worker", *threads, *queues, *alone]


def stand_ins() -> list[Child]:
    """What plays CloudFlare Pages, CloudHub and Confluence for the example."""
    sites = ["--host", settings.HOST, "--port", str(settings.SITES_PORT), "--root", str(settings.DATA_DIR / "sites")]
    hub = ["--port", str(settings.CLOUDHUB_PORT), "--data", str(settings.DATA_DIR / "cloudhub.json")]
    wiki = ["--port", str(settings.CONFLUENCE_PORT), "--data", str(settings.DATA_DIR / "confluence.json")]
    python = [sys.executable, "-m"]
    return [
        _child("sites", "The server of the sites", [*python, "standins.sites", *sites], NO_BROKER, grace=3),
        _child("cloudhub", "The stand-in for CloudHub", [*python, "standins.cloudhub", *hub], NO_BROKER, grace=3),
        _child(
            "confluence", "The stand-in for Confluence", [*python, "standins.confluence", *wiki], NO_BROKER, grace=3
        ),
    ]


def _child(name: str, title: str, command: list[str], broker_url: str, grace: float = 10) -> Child:
    own = {"CELERY_BROKER_URL": broker_url, "DATA_DIR": str(settings.DATA_DIR), "PYTHONUNBUFFERED": "1"}
    return Child(
        name=name,
        title=title,
        command=command,
        environment={**os.environ, **own},
        log=settings.DATA_DIR / "logs" / f"{name}.log",
        directory=settings.BASE_DIR,
        grace=grace,
    )


def _pongs(path: Path) -> bool:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(0.5)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(7).startswith(b"+PONG")
    except OSError:
        return False


def _portal_answers() -> bool:
    """Any answer will do: whether this host name is allowed is not the question."""
    address = urlsplit(local_url(settings.PORT))
    door = http.client.HTTPConnection(address.hostname or "", settings.PORT, timeout=5)
    try:
        door.request("GET", "/healthz")
        door.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        door.close()
    return True
