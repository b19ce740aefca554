"""Buildbot beside us: a parent that triggers four builds in sequence, each of which does what our components do."""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from bench import scratch
from bench.figures import Figure, at_least, plain
from bench.package import TRIVIAL, archive_of, digest_of
from bench.scratch import CannotCompare
from portal.children import die_with_parent
from tests.servers import free_port

NAME = "buildbot.parent-of-four"
REQUIREMENTS = ["buildbot==4.3.0", "buildbot-worker==4.3.0", "buildbot-www==4.3.0"]
AHEAD = 20.0  # times that we are to be faster
START_SECONDS = 120.0
CHILDREN = 4

# What a build does is what the floor does, as one command.
WORK = (
    'mkdir run && sha256sum --check --status "$DIGEST" && unzip -q "$ARCHIVE" -d run && cd run'
    " && bash release.sh BENCH 1.0.0 && cd .. && rm -r run"
)
MASTER = """
from buildbot.plugins import schedulers, steps, util, worker

numbers = range(1, {children} + 1)
work = util.BuildFactory([
    steps.ShellCommand(command=["bash", "-c", {work!r}], env={{"DIGEST": {digest!r}, "ARCHIVE": {archive!r}}})
])
parent = util.BuildFactory([
    steps.Trigger(schedulerNames=[f"trigger{{number}}"], waitForFinish=True, updateSourceStamp=False)
    for number in numbers
])
BuildmasterConfig = {{
    "workers": [worker.Worker("worker", "secret", max_builds=8)],
    "protocols": {{"pb": {{"port": "tcp:{pb}:interface=127.0.0.1"}}}},
    "schedulers": [
        schedulers.ForceScheduler(name="force", builderNames=["parent"]),
        *(schedulers.Triggerable(name=f"trigger{{number}}", builderNames=[f"child{{number}}"]) for number in numbers),
    ],
    "builders": [
        util.BuilderConfig(name="parent", workernames=["worker"], factory=parent),
        *(util.BuilderConfig(name=f"child{{number}}", workernames=["worker"], factory=work) for number in numbers),
    ],
    "collapseRequests": False,
    "db": {{"db_url": "sqlite:///state.sqlite"}},
    "www": {{"port": "tcp:{www}:interface=127.0.0.1", "plugins": {{}}}},
    "buildbotNetUsageData": None,
    "title": "bench",
    "titleURL": "http://127.0.0.1:{www}/",
    "buildbotURL": "http://127.0.0.1:{www}/",
}}
"""


def measure(home: Path, rounds: int, ours: float | None) -> list[Figure]:
    """How long its parent takes beside ours (milliseconds; None: that was not measured in this run)."""
    try:
        took = _measured(home, rounds)
    except CannotCompare as reason:
        return [Figure(NAME, None, "ms", ours, None, AHEAD, None, f"not measured: {reason}")]
    note = "from forcing the parent until it is complete; the floor is our own train of four with its request"
    return [at_least(NAME, took, "ms", ours, AHEAD, note) if ours else plain(NAME, took, "ms", note)]


def _measured(home: Path, rounds: int) -> float:
    programs = scratch.installed(home / "venv", REQUIREMENTS)
    archive, www = _prepare(home), free_port()
    _create(programs, home, archive, www)
    started = [
        _start([str(programs / "buildbot"), "start", "--nodaemon", "master"], home),
        _start([str(programs / "buildbot-worker"), "start", "--nodaemon", "worker"], home),
    ]
    try:
        api = f"http://127.0.0.1:{www}/api/v2"
        _wait(lambda: bool(_get(f"{api}/workers?connected_to.masterid__exists=true")["workers"][0]["connected_to"]))
        _parent(api)
        return median(_parent(api) for _ in range(max(rounds, 2)))
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _prepare(home: Path) -> Path:
    data = archive_of(TRIVIAL)
    archive = home / "package.zip"
    archive.write_bytes(data)
    (home / "digest").write_text(f"{digest_of(data)}  {archive}\n", encoding="ascii")
    return archive


def _create(programs: Path, home: Path, archive: Path, www: int) -> None:
    pb = free_port()
    words = {"children": CHILDREN, "work": WORK, "digest": str(home / "digest"), "archive": str(archive)}
    where = ["worker", f"127.0.0.1:{pb}", "worker", "secret"]
    master = [str(programs / "buildbot"), "create-master", "--quiet", "master"]
    worker = [str(programs / "buildbot-worker"), "create-worker", "--quiet", *where]
    for command in (master, worker):
        scratch.run(command, "it could not be set up", home)
    (home / "master" / "master.cfg").write_text(MASTER.format(**words, pb=pb, www=www), encoding="utf-8")


def _start(command: list[str], home: Path) -> "subprocess.Popen[bytes]":
    with (home / f"{Path(command[0]).name}.log").open("wb") as output:
        return subprocess.Popen(
            command,
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - the bench has one thread
        )


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with suppress(OSError, LookupError):
            if condition():
                return
        time.sleep(0.2)
    raise CannotCompare("its worker did not connect to its master")


def _parent(api: str) -> float:
    """Milliseconds from forcing the parent build until its buildset is complete."""
    builder = _get(f"{api}/builders/parent")["builders"][0]["builderid"]
    began = time.perf_counter()
    asked = {"builderid": str(builder), "username": "", "reason": "bench"}
    number = _post(f"{api}/forceschedulers/force", "force", asked)[0]
    while True:
        found = _get(f"{api}/buildsets/{number}")["buildsets"][0]
        if found["complete"]:
            break
        time.sleep(0.05)
    took = (time.perf_counter() - began) * 1000
    if found["results"] != 0:
        raise CannotCompare(f"its build ended with {found['results']}")
    return took


def _get(address: str) -> dict[str, Any]:
    with urllib.request.urlopen(address) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _post(address: str, method: str, parameters: dict[str, str]) -> list[Any]:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
    request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        found: list[Any] = json.load(answer)["result"]
    return found
