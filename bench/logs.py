"""The log: a million lines of one script, stored while it prints, and any part of it read back."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Callable
from statistics import median

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from bench import workload
from bench.figures import Figure, at_least, plain
from bench.installation import used_by
from bench.stage import Stage
from deployments import log
from deployments.models import Deployment
from portal import parts

LINES = 1_000_000
MIDDLE = LINES // 2
POOL = "slots-8"
TEXT = "of a million, and about as long as a line of a build is"
BY_A_LOOP = f'for ((i = 1; i <= {LINES}; i++)); do echo "line $i {TEXT}"; done\n'
AT_FULL_SPEED = f"seq -f 'line %.0f {TEXT}' {LINES}\n"
LOOKS = 5


def measure(stage: Stage) -> list[Figure]:
    """Lines a second against `bash script > file`, and how long it takes to open the middle of the log."""
    figures, row = _stored(stage, "log", BY_A_LOOP, rounds=min(stage.rounds, 2), target=0.8)
    fast, _ = _stored(stage, "log.full-speed", AT_FULL_SPEED, rounds=min(stage.rounds, 3), target=None)
    return figures + fast + _read(stage, row)


def _stored(stage: Stage, name: str, script: str, rounds: int, target: float | None) -> tuple[list[Figure], Deployment]:
    worker = stage.worker(POOL, 8)
    release = workload.lone(name.replace(".", "-"), script, 1)[0]
    floors, ours, own = [], [], []
    for _ in range(rounds):
        floors.append(LINES / stage.floor(script).run_script_into_file())
        before = used_by([worker])
        row = workload.request(release, POOL)
        began = time.perf_counter()
        workload.wait_for([row], every=0.02)
        ours.append(LINES / (time.perf_counter() - began))
        own.append(used_by([worker]).since(before)[0])
    counted = log.line_count(row)
    if counted != LINES + 1:  # one line of ours introduces them
        raise RuntimeError(f"{counted} lines were stored")
    note = f"worker's own CPU {median(own):.1f} s; from the request's commit to the end, all lines stored"
    return [at_least(f"{stage.name}.{name}", median(ours), "lines/s", median(floors), target, note)], row


def _read(stage: Stage, row: Deployment) -> list[Figure]:
    stage.web()
    found = log.read(row, after=MIDDLE, limit=1000).lines
    if len(found) != 1000 or found[0].number != MIDDLE + 1:
        raise RuntimeError("the middle of the log is not where it should be")
    address = f"{parts.local_url(settings.PORT)}/deployments/{row.pk}/?from={MIDDLE}"
    cookie = f"{settings.SESSION_COOKIE_NAME}={_signed_in()}"

    def page() -> None:
        request = urllib.request.Request(address, headers={"Cookie": cookie, "Host": "localhost"})
        with urllib.request.urlopen(request) as answer:
            if f"line {MIDDLE} ".encode() not in answer.read():
                raise RuntimeError("the page does not show the middle of the log")

    return [
        plain(
            f"{stage.name}.log.read",
            _median_of(lambda: log.read(row, after=MIDDLE, limit=1000)),
            "ms",
            f"1,000 lines from line {MIDDLE:,} on",
        ),
        plain(f"{stage.name}.log.page", _median_of(page), "ms", "the same through the page of the deployment"),
    ]


def _signed_in() -> str:
    """A session of the bench's person, as signing in makes it."""
    user = workload.person()
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return str(session.session_key)


def _median_of(look: Callable[[], object]) -> float:
    look()
    took = []
    for _ in range(LOOKS):
        began = time.perf_counter()
        look()
        took.append((time.perf_counter() - began) * 1000)
    return median(took)
