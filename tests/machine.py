"""What this machine has for the tests to use."""

import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from config import broker

VERDACCIO = "6.2.9"  # newer ones need Node 22


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


def docker_registry() -> str | None:
    """A registry of containers: the program of Debian's package of this name."""
    return shutil.which("docker-registry", path=f"{os.environ.get('PATH', '')}:/usr/bin")


def verdaccio() -> Path | None:
    """An npm registry, where `install_verdaccio` has put it."""
    program = _of_verdaccio() / "node_modules" / "verdaccio" / "bin" / "verdaccio"
    return program if program.exists() and shutil.which("node") else None


def install_verdaccio() -> None:
    """Have npm install it where it is not there yet and where there is npm; once, however many ask at the same time."""
    if verdaccio() or not (shutil.which("node") and shutil.which("npm")):
        return
    home = _of_verdaccio()
    home.parent.mkdir(parents=True, exist_ok=True)
    with _alone(home.parent / f"{home.name}.lock"), tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        if verdaccio():
            return
        place = Path(scratch, "verdaccio")
        place.mkdir()
        # What it names by a tag (node-fetch@cjs) is named by its version: not every mirror of npm knows tags.
        package = {"private": True, "dependencies": {"verdaccio": VERDACCIO}, "overrides": {"node-fetch": "2.7.0"}}
        (place / "package.json").write_text(json.dumps(package), encoding="ascii")
        command = [
            "npm",
            "install",
            "--prefix",
            str(place),
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--omit=dev",
        ]
        if subprocess.run(command, cwd=place, stdin=subprocess.DEVNULL, check=False).returncode == 0:
            shutil.rmtree(home, ignore_errors=True)
            place.rename(home)


def _of_verdaccio() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "signalbox-tests" / f"verdaccio-{VERDACCIO}"


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
