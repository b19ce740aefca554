"""Reads systemd units and Procfiles as their own programs do, and starts what they say."""

import os
import signal
import subprocess
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from tests.deployments.real_workers import QUICK, ROOT, database_url
from tests.servers import free_port

PREFIX = "/opt/signalbox"
Unit = dict[str, dict[str, list[str]]]


def unit(name: str) -> Unit:
    """A unit's sections, their keys, and the values of each: keys may be repeated, which Python's parser refuses."""
    found: Unit = defaultdict(lambda: defaultdict(list))
    section = ""
    for line in (ROOT / "deploy" / "systemd" / name).read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith(("#", ";")):
            key, equals, value = line.partition("=")
            assert section, f"before any section: {line}"
            assert equals, f"not a line of a unit: {line}"
            found[section][key].append(value)
    return found


def exec_start(name: str, instance: str = "") -> list[str]:
    """What systemd would start, with the checkout in the place of the prefix."""
    (command,) = unit(name)["Service"]["ExecStart"]
    return [word.replace(PREFIX, str(ROOT)).replace("%i", instance) for word in command.split()]


def procfile() -> dict[str, list[str]]:
    """Process type → what a Procfile's runner starts: the line in a shell."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {
        name: ["/bin/sh", "-c", f"exec {line.strip()}"] for name, _, line in (line.partition(":") for line in lines)
    }


class Installation:
    """One machine with a signalbox.env of its own, on the database of the tests. Whatever was started ends with it."""

    def __init__(self, home: Path, **changes: str) -> None:
        self.home = home
        self.port = free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(home),
            "DATABASE_URL": database_url(),
            "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
            "CELERY_KEY_PREFIX": os.environ["CELERY_KEY_PREFIX"],
            "SPOOL_DIR": str(settings.SPOOL_DIR),
            "PACKAGES_DIR": str(settings.PACKAGES_DIR),
            "SECRET_KEY": settings.SECRET_KEY,
            "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
            "WORKER_HOST": settings.WORKER_HOST,
            "PORT": str(self.port),
            **QUICK,
            **changes,
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, command: list[str]) -> "subprocess.Popen[bytes]":
        with self._log(len(self.processes)).open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def said(self, process: "subprocess.Popen[bytes]") -> str:
        return self._log(self.processes.index(process)).read_text()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def terminated(self, process: "subprocess.Popen[bytes]", seconds: float = 15) -> int:
        """Its exit status after SIGTERM."""
        process.send_signal(signal.SIGTERM)
        return process.wait(seconds)

    def remove(self) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its parts, too
            process.wait()

    def _log(self, number: int) -> Path:
        return self.home / f"{number}.log"
