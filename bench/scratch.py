"""Programs to compare ourselves with, fetched into a directory of the bench's own: nothing is installed."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


class CannotCompare(Exception):
    """The other one could not be fetched, started or used. Carries the reason."""


def installed(venv: Path, requirements: Sequence[str]) -> Path:
    """A virtual environment with these Python packages; where its programs are. Raises CannotCompare."""
    quiet = ["--quiet", "--disable-pip-version-check"]
    run([sys.executable, "-m", "venv", str(venv)], "it could not be installed")
    run([str(venv / "bin" / "python"), "-m", "pip", "install", *quiet, *requirements], "it could not be installed")
    return venv / "bin"


def unpacked(home: Path, package: str) -> Path:
    """The files of Debian's `package`, downloaded and unpacked below `home`. Raises CannotCompare."""
    home.mkdir()
    run(["apt-get", "download", "--quiet", package], "it could not be downloaded", home)
    archives = sorted(home.glob("*.deb"))
    if not archives:
        raise CannotCompare("apt-get downloaded nothing")
    run(["dpkg", "-x", str(archives[0]), str(home / "files")], "it could not be unpacked")
    return home / "files"


def run(command: Sequence[str], failure: str, directory: Path | None = None) -> None:
    """Raises CannotCompare with the command's last word."""
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotCompare(f"{failure}: {error}") from error
    if done.returncode:
        raise CannotCompare(f"{failure}: {(done.stderr.strip().splitlines() or ['?'])[-1][:200]}")
