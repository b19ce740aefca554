"""Workers that are real processes (`celery -A config worker`), working on the database of the tests."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from deployments import spool
from deployments.models import Worker
from tests.deployments.patience import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
QUICK = {"LEASE_SECONDS": "3", "SWEEP_SECONDS": "0.4", "SILENCE_SECONDS": "5", "RING_AGAIN_SECONDS": "1"}


class Fleet:
    """Worker processes of one host, each killed in the end, with whatever their scripts have left."""

    def __init__(self, home: Path, broker_url: str | None = None) -> None:
        self.home = home
        self.environment = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(home),
            "DATABASE_URL": database_url(),
            "CELERY_BROKER_URL": broker_url or settings.CELERY_BROKER_URL,
            "CELERY_KEY_PREFIX": os.environ["CELERY_KEY_PREFIX"],
            "SPOOL_DIR": str(settings.SPOOL_DIR),
            "PACKAGES_DIR": str(settings.PACKAGES_DIR),
            "SECRET_KEY": settings.SECRET_KEY,
            "ENCRYPTION_KEYS": ",".join(settings.ENCRYPTION_KEYS),
            "WORKER_HOST": settings.WORKER_HOST,
            "CANCEL_GRACE_SECONDS": "0.5",
            **QUICK,
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, slots: int = 8, pools: str = "default", **changes: str) -> "subprocess.Popen[bytes]":
        """A worker more, which has looked after everything once. `pools`: what it serves, with commas between."""
        there = set(Worker.objects.values_list("name", flat=True))
        process = self.launch(slots, pools, **changes)
        wait_until(lambda: set(Worker.objects.values_list("name", flat=True)) - there, 30)
        return process

    def launch(self, slots: int = 8, pools: str = "default", **changes: str) -> "subprocess.Popen[bytes]":
        """A worker more, of which nobody knows yet whether it will work."""
        number = len(self.processes) + 1
        queues = ",".join(f"pool.{pool}" for pool in pools.split(","))
        options = ["-P", "threads", "-c", str(slots), "-Q", queues, "-n", f"worker{number}@%h", "-l", "INFO"]
        alone = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        with self._log(number).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "config", "worker", *options, *alone],
                cwd=ROOT,
                env=self.environment | {"WORKER_POOLS": pools} | changes,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """As the kernel does when memory is short: it gets to clear up nothing."""
        process.kill()
        process.wait()

    def terminate(self, process: "subprocess.Popen[bytes]", seconds: float) -> int:
        """Ask it to go; its exit status. Raises TimeoutExpired when it takes longer."""
        process.send_signal(signal.SIGTERM)
        return process.wait(seconds)

    def said(self) -> str:
        """The logs of all workers."""
        return "".join(self._log(number).read_text() for number in range(1, len(self.processes) + 1))

    def disband(self) -> None:
        for process in self.processes:
            self.kill(process)
        for name, *_ in list(spool.known()):
            spool.kill(name, spool.pid_of(name, patience=0), 0)

    def _log(self, number: int) -> Path:
        return self.home / f"worker{number}.log"


def database_url() -> str:
    """The database of this very test process."""
    parts = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{parts['NAME']}"
    who = ":".join(quote(parts[name], safe="") for name in ("USER", "PASSWORD") if parts[name])
    host = quote(parts["HOST"], safe="") + (f":{parts['PORT']}" if parts["PORT"] else "")
    return f"postgres://{who}{'@' if who else ''}{host}/{parts['NAME']}"
