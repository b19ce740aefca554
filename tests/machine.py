"""What this machine has for the tests to use."""

import os
import shutil
from pathlib import Path

from config import broker


def chromium() -> str | None:
    """The browser: CHROMIUM where it is set, else one in PATH."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def postgres_programs() -> Path | None:
    """The directory with `initdb` and `postgres`, the newest where there are several; None without a server."""
    if found := shutil.which("initdb"):
        in_path = Path(found).resolve().parent
        if (in_path / "postgres").exists():
            return in_path
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(installed, key=lambda path: float(path.parent.name), default=None)


def redis_program() -> str | None:
    """A Redis or Valkey server in PATH, else the one that came with the requirements."""
    if found := shutil.which("redis-server") or shutil.which("valkey-server"):
        return found
    bundled = broker.find_server()
    return bundled.program if bundled else None
