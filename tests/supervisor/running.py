"""A portal that is really started with `manage.py run`, on ports of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from tests.servers import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
WITH_HANGUP = """\
import os, signal, sys
signal.signal(signal.SIGHUP, int(sys.argv[1]))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
READY = re.compile(r"^Signalbox is ready at (\S+)", re.MULTILINE)
PATIENCE = 60.0  # seconds; the machine may be busy with other tests


class Portal:
    """One `manage.py run` and what it prints."""

    def __init__(self, data_dir: Path, **settings: str) -> None:
        ports = {name: str(free_port()) for name in ("PORT", "SITES_PORT", "CLOUDHUB_PORT", "CONFLUENCE_PORT")}
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
        # All that matters is stated, so that a developer's .env leads no test to a portal that is in use.
        stated = {"DATA_DIR": str(data_dir), "DATABASE_URL": f"sqlite:///{data_dir / 'signalbox.sqlite3'}"}
        stated |= {"CELERY_BROKER_URL": "", "SECRET_KEY": "", "ENCRYPTION_KEYS": "", "EXAMPLE": "no"} | ports
        stated |= {"HOST": "127.0.0.1", "BASE_URL": f"http://localhost:{ports['PORT']}"}
        self.data_dir = data_dir
        self.settings = stated | settings
        self.environment = kept | self.settings
        self.output = data_dir.with_name(f"{data_dir.name}.output")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, hangup: signal.Handlers = signal.SIG_DFL) -> "Portal":
        """hangup: what its parent lets SIGHUP do, such as SIG_IGN under nohup, under which the tests may run themselves"""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", WITH_HANGUP, str(int(hangup)), "manage.py", "run"],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def started(self, hangup: signal.Handlers = signal.SIG_DFL) -> "Portal":
        """Start it and wait for the line that says it is ready."""
        self.start(hangup)
        self.wait_for(lambda: bool(READY.search(self.said())), "the ready line")
        return self

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + PATIENCE
        while not condition():
            ended = self.process is None or self.process.poll() is not None
            assert not ended, f"it ended before {what}:\n{self.said()}"
            assert time.monotonic() < until, f"waited for {what} in vain:\n{self.said()}"
            time.sleep(0.05)

    def ended(self) -> int:
        """Wait until it has ended; its exit status."""
        assert self.process is not None
        return self.process.wait(PATIENCE)

    def interrupted(self) -> int:
        """Press Ctrl-C and wait; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.ended()

    def parts(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def part(self, word: str) -> psutil.Process:
        """The part with this word in its command line."""
        assert self.process is not None
        (found,) = [child for child in psutil.Process(self.process.pid).children() if word in " ".join(child.cmdline())]
        return found

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.settings['PORT']}{path}"

    def remove(self) -> None:
        """End it and whatever it left behind."""
        if self.process is not None and self.process.poll() is None:
            left = self.parts()
            self.process.kill()
            self.process.wait()
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
