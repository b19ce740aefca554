"""The real web server in a process of its own, and people who use it over HTTP as browsers do."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import requests
from django.conf import settings
from django.test import Client

from tests.deployments.patience import wait_until
from tests.deployments.real_workers import ROOT
from tests.factories import a_user
from tests.servers import free_port
from tests.services.faults import PATIENCE

HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


class Web:
    """One web server, which may be killed and started again on the same port."""

    def __init__(self, environment: dict[str, str], log: Path) -> None:
        """environment: that of the workers, so that both are parts of one portal."""
        self.environment, self.log = environment, log
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "config.wsgi:application"]
        listen = ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1", "--blocking-threads", "8"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                program + listen,
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._answers, PATIENCE)

    def kill(self) -> None:
        """The whole of it, in the middle of whatever it does."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)  # all at once: granian replaces a part that is gone
            self.process.wait()
            self.process = None

    def as_(self, role: str) -> "Person":
        """Somebody with this role everywhere, signed in."""
        browser = Client()
        browser.force_login(a_user(role, role=role))
        return Person(f"http://127.0.0.1:{self.port}", browser.cookies[settings.SESSION_COOKIE_NAME].value)

    def _answers(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False


class Person:
    """A browser with a session."""

    def __init__(self, portal: str, session: str) -> None:
        self.portal = portal
        self.http = requests.Session()
        self.http.cookies.set(settings.SESSION_COOKIE_NAME, session)

    def opened(self, path: str) -> str:
        answer = self.http.get(f"{self.portal}{path}", timeout=30)
        answer.raise_for_status()
        return answer.text

    def posted(self, path: str, **fields: str) -> str:
        """The page that follows when the form of the page at `path` is sent with what it holds and `fields`."""
        return self.send(path, self.filled(path) | fields)

    def filled(self, path: str) -> dict[str, str]:
        """What the form of this page sends without anything being typed."""
        return dict(HIDDEN.findall(self.opened(path)))

    def send(self, path: str, fields: dict[str, str]) -> str:
        """What the portal answers; a refusal, which says why, is an answer too."""
        answer = self.http.post(f"{self.portal}{path}", data=fields, timeout=30)
        assert answer.ok or answer.status_code == 422, answer.text
        return answer.text
