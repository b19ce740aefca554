"""Real packages, real scripts, real stand-ins: each on a free port, each stopped by its process id."""

import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import requests

from examples.patient_portal.packages import build

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass
class StandIn:
    """A running stand-in."""

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> requests.Response:
        return requests.get(self.url + path, timeout=10)


@pytest.fixture
def start() -> Iterator[Callable[..., StandIn]]:
    """start("cloudhub", "--data", path) runs a stand-in until the test ends."""
    running: list[subprocess.Popen[str]] = []

    def run(name: str, *arguments: object) -> StandIn:
        command = [sys.executable, "-m", f"standins.{name}", "--port", "0", *map(str, arguments)]
        process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running.append(process)
        assert process.stdout is not None
        ready = process.stdout.readline()
        return StandIn("http://" + ready.split("http://")[1].split("/")[0], process)

    yield run
    for process in running:
        process.terminate()
        process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def cloudhub(start: Callable[..., StandIn], tmp_path: Path) -> StandIn:
    return start("cloudhub", "--data", tmp_path / "cloudhub" / "state.json")


@pytest.fixture
def sites(start: Callable[..., StandIn], tmp_path: Path) -> StandIn:
    return start("sites", "--root", tmp_path / "sites")


@pytest.fixture
def run_release(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """run_release("patient-ui", "1.0.0", "TEST", SITE_ROOT=…) unpacks the package afresh and runs its script."""

    def run(component: str, version: str, *arguments: str, **variables: object) -> subprocess.CompletedProcess[str]:
        options = variables.pop("build", {})
        assert isinstance(options, dict)
        folder = unpacked(build(component, version, **options), tmp_path / "work" / os.urandom(4).hex())
        return run_script(folder, tmp_path, *arguments, **variables)

    return run


def unpacked(content: bytes, folder: Path) -> Path:
    """Unpack as the portal does: files with their permissions."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        for member in archive.infolist():
            target = Path(archive.extract(member, folder))
            target.chmod(member.external_attr >> 16 & 0o777)
    return folder


def run_script(folder: Path, home: Path, *arguments: str, **variables: object) -> subprocess.CompletedProcess[str]:
    """Run release.sh with nothing in its environment but PATH, HOME and `variables`."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)} | {
        key: str(value) for key, value in variables.items()
    }
    return subprocess.run(
        [str(folder / "release.sh"), *(arguments or ("TEST", "2026.11.1"))],
        env=environment, cwd=home, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@dataclass
class Portal:
    """A tiny portal that gives one prepared answer and remembers what it was asked."""

    url: str
    status: int = 201
    content_type: str = "application/json"
    body: bytes = b"{}"
    asked: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture
def portal() -> Iterator[Portal]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = {"method": self.command, "path": self.path, "headers": dict(self.headers), "content": content}
            prepared.asked.append(asked)
            status = 200 if self.command == "GET" else prepared.status
            body = b'{"items": []}' if self.command == "GET" else prepared.body
            self.send_response(status)
            self.send_header("Content-Type", prepared.content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, *_arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    prepared = Portal(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield prepared
    server.shutdown()
    server.server_close()


@pytest.fixture
def fake_cli(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """fake_cli("wrangler", "printf …") puts a program in PATH that records its arguments and then runs that bash."""

    def make(name: str, body: str = "") -> dict[str, Any]:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        record = tmp_path / f"{name}.calls"
        program = folder / name
        program.write_text(
            f"#!/usr/bin/env bash\n{{ printf '%s\\x1f' \"$@\"; echo; }} >>{record}\n"
            f"env | grep -E '^(CI|WRANGLER_|CLOUDFLARE_|ANYPOINT_)' | sort >{record}.env\n{body}\n"
        )
        program.chmod(0o755)
        path = f"{folder}:{os.environ['PATH']}"
        return {"PATH": path, "calls": lambda: _calls(record), "environment": lambda: Path(f"{record}.env").read_text()}

    return make


def _calls(record: Path) -> list[list[str]]:
    lines = record.read_text().splitlines() if record.exists() else []
    return [line.split("\x1f")[:-1] for line in lines]
