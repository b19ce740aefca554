"""Scripts that wait: 200 of them at once, and two workers against one."""

from __future__ import annotations

import os
import time
from statistics import median

from django.conf import settings

from bench import workload
from bench.figures import Figure, at_least, plain
from bench.installation import memory_of, used_by, wait_until
from bench.package import TRIVIAL
from bench.stage import Stage
from releases.models import Release

AT_ONCE, SLOTS = 200, 210
LOOK_SECONDS = 6.0
FURTHER = 10  # trivial deployments while the others sleep
PAIR_SLOTS, NAPS, NAP = 4, 32, 0.5


def measure(stage: Stage) -> list[Figure]:
    return _many(stage) + _two_workers(stage)


def _many(stage: Stage) -> list[Figure]:
    """Two hundred scripts that wait for one file to be opened: what the worker needs meanwhile."""
    pool = "many"
    worker = stage.worker(pool, SLOTS)
    gate = stage.home / "gate"
    os.mkfifo(gate)
    sleepers = workload.lone("sleeper", f'read -r _ <"{gate}" || true\n', AT_ONCE)
    trivial = workload.lone("trivial", TRIVIAL, 1)[0]
    before = memory_of([worker])
    rows, began = workload.request_together(sleepers, pool)
    wait_until(lambda: _scripts_started() >= AT_ONCE, workload.PATIENCE)
    started = time.perf_counter() - began
    look = used_by([worker])
    time.sleep(LOOK_SECONDS)
    cpu, seconds = used_by([worker]).since(look)
    memory = memory_of([worker])
    took = [_latency(trivial, pool) for _ in range(FURTHER)]
    opened = time.perf_counter()
    os.close(os.open(gate, os.O_WRONLY))
    workload.wait_for(rows)
    ended = time.perf_counter() - opened
    name = f"{stage.name}.sleeping"
    each = (memory - before) / AT_ONCE
    return [
        plain(f"{name}.start", started * 1000 / AT_ONCE, "ms per deployment", f"until all {AT_ONCE} run at once"),
        plain(f"{name}.cpu", cpu / seconds * 100, "% of a core", f"the worker, while {AT_ONCE} scripts sleep"),
        plain(f"{name}.memory", memory, "MB", f"the worker meanwhile: {each:.2f} MB for each"),
        plain(f"{name}.latency", median(took), "ms", "a further trivial deployment meanwhile"),
        plain(f"{name}.end", ended * 1000 / AT_ONCE, "ms per deployment", f"all {AT_ONCE} end at one moment"),
    ]


def _scripts_started() -> int:
    """How many of the runs on this host have started their script."""
    return sum(1 for _ in settings.SPOOL_DIR.glob("runs/*/pid"))


def _latency(release: Release, pool: str) -> float:
    row = workload.request(release, pool)
    committed = time.perf_counter()
    workload.wait_for([row], every=0.002)
    return (time.perf_counter() - committed) * 1000


def _two_workers(stage: Stage) -> list[Figure]:
    """The same naps on a pool with one worker and on a pool with two, in turn."""
    stage.worker("alone", PAIR_SLOTS)
    stage.worker("pair", PAIR_SLOTS)
    stage.installation.worker("pair", PAIR_SLOTS)
    naps = workload.lone("nap", f"sleep {NAP}\n", NAPS)
    one, two = [], []
    for _ in range(min(stage.rounds, 3)):
        one.append(NAPS / _drained(naps, "alone"))
        two.append(NAPS / _drained(naps, "pair"))
    note = f"{NAPS} scripts that sleep {NAP} s, {PAIR_SLOTS} slots each; the floor is one worker"
    return [at_least(f"{stage.name}.two-workers", median(two), "deployments/s", median(one), 1.8, note)]


def _drained(naps: list[Release], pool: str) -> float:
    rows, began = workload.request_together(naps, pool)
    workload.wait_for(rows)
    return time.perf_counter() - began
