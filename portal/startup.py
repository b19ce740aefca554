"""What must hold before the parts are started: a data directory of our own, free ports, a database, static files."""

import errno
import fcntl
import hashlib
import os
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.db import DatabaseError, connection

LOCK = "supervisor.lock"
COLLECTED = ".collected"


class CannotRun(Exception):
    """Something stands in the way of starting. Carries one sentence that says what to do."""


def claim(data_dir: Path) -> TextIO:
    """Make `data_dir` private and lock it for this supervisor; the lock lasts as long as the returned file is open.

    Raises CannotRun when the directory cannot be written or another supervisor holds it.
    """
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        data_dir.chmod(0o700)
        lock = (data_dir / LOCK).open("a+", encoding="ascii")
    except OSError as error:
        raise CannotRun(
            f"{data_dir} cannot be written ({error.strerror}); set DATA_DIR to a directory that you may write."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        process = lock.read().strip()
        lock.close()
        holder = f" (process {process})" if process else ""
        raise CannotRun(
            f"Another Signalbox already runs on {data_dir}{holder}; stop it, or set DATA_DIR to another directory."
        ) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def refuse_busy_ports(host: str, ports: Mapping[str, int]) -> None:
    """Raise CannotRun, naming the setting, when one of these ports cannot be listened on."""
    for setting, port in ports.items():
        try:
            _try_to_listen(host, port)
        except socket.gaierror as error:
            raise CannotRun(f"HOST is {host}, which is no address of this machine; change HOST.") from error
        except OSError as error:
            reason = "another program uses it" if error.errno == errno.EADDRINUSE else error.strerror
            raise CannotRun(
                f"Port {port} on {host} cannot be used ({reason}); set {setting} to another port."
            ) from error


def _try_to_listen(host: str, port: int) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        probe.listen(1)


def prepare_database() -> None:
    """Bring the database to the current schema. Raises CannotRun when it cannot be reached or brought there."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise CannotRun(f"The database cannot be reached ({_first_line(error)}); check DATABASE_URL.") from error
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except DatabaseError as error:
        raise CannotRun(f"The database could not be brought up to date ({_first_line(error)}).") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".")


def collect_static_files() -> None:
    """Copy the static files to where the web server finds them, unless nothing has changed since the last time.

    A STATIC_ROOT outside the data directory belongs to whoever installed it, and is left alone.
    """
    root = Path(settings.STATIC_ROOT)
    if not root.is_relative_to(settings.DATA_DIR):
        return
    mark, current = root / COLLECTED, _fingerprint()
    if mark.exists() and mark.read_text(encoding="ascii") == current:
        return
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    mark.write_text(current, encoding="ascii")


def _fingerprint() -> str:
    whole = hashlib.sha256()
    for line in sorted(_static_files()):
        whole.update(line.encode())
    return whole.hexdigest()


def _static_files() -> Iterator[str]:
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            yield f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n"
