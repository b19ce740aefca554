"""Trivial deployments: a package with a one-line script, so that nearly all of the time is the portal's own."""

from __future__ import annotations

import time
from statistics import median

from bench import workload
from bench.figures import Figure, at_most, plain
from bench.installation import used_by
from bench.package import TRIVIAL
from bench.stage import Stage
from releases.models import Release

COUNT = {1: 30, 2: 60, 8: 80}  # slots → deployments of a round, which then takes about as long
LATENCIES = 10  # of a round


def measure(stage: Stage) -> list[Figure]:
    """Deployments that were asked for together, on workers with different numbers of slots."""
    return [figure for slots in COUNT for figure in _together(stage, slots)] + _alone(stage) + _one_after_another(stage)


def _together(stage: Stage, slots: int) -> list[Figure]:
    pool, count = f"slots-{slots}", COUNT[slots]
    worker = stage.worker(pool, slots)
    several = workload.lone("trivial", TRIVIAL, count)
    _drain(several[:10], pool)
    ours, own, floors, side_by_side = [], [], [], []
    for _ in range(stage.rounds):
        floors.append(stage.floor(TRIVIAL).run(COUNT[1]).wall)
        side_by_side.append(stage.floor(TRIVIAL).run(count // slots, loops=slots).wall)
        before = used_by([worker])
        ours.append(_drain(several, pool) / count)
        own.append(used_by([worker]).since(before)[0] * 1000 / count)
    name = f"{stage.name}.trivial.{'1-slot' if slots == 1 else f'{slots}-slots'}"
    unit, note = "ms per deployment", f"worker's own CPU {median(own):.1f} ms"
    figures = [at_most(name, median(ours), unit, median(floors), stage.times, note)]
    if slots > 1:
        against = f"the same, against {slots} loops side by side, which use all cores"
        figures.append(at_most(f"{name}.against-loops", median(ours), unit, median(side_by_side), note=against))
    return figures


def _drain(several: list[Release], pool: str) -> float:
    """Milliseconds from the moment that the rows are there until the last has succeeded."""
    rows, began = workload.request_together(several, pool)
    workload.wait_for(rows)
    return (time.perf_counter() - began) * 1000


def _alone(stage: Stage) -> list[Figure]:
    """One at a time on an idle worker, from the request's commit until it has succeeded: it includes the wake-up."""
    pool = "slots-8"
    stage.worker(pool, 8)
    release = workload.lone("trivial", TRIVIAL, 1)[0]
    asked, took, floors = [], [], []
    for _ in range(stage.rounds):
        floors.append(stage.floor(TRIVIAL).run(LATENCIES).wall)
        for _ in range(LATENCIES):
            began = time.perf_counter()
            row = workload.request(release, pool)
            committed = time.perf_counter()
            workload.wait_for([row], every=0.002)
            asked.append((committed - began) * 1000)
            took.append((time.perf_counter() - committed) * 1000)
    late = sorted(took)[int(len(took) * 0.95)]
    note = f"p95 {late:.1f} ms; from the request's commit, one at a time"
    return [
        at_most(f"{stage.name}.trivial.latency", median(took), "ms", median(floors), note=note),
        plain(f"{stage.name}.trivial.request", median(asked), "ms", "the request itself, in the web server's place"),
    ]


def _one_after_another(stage: Stage) -> list[Figure]:
    """With the requests: each in a transaction of its own while the worker is at work already."""
    pool, slots, count = "slots-8", 8, COUNT[8]
    stage.worker(pool, slots)
    several = workload.lone("trivial", TRIVIAL, count)
    ours, floors = [], []
    for _ in range(stage.rounds):
        floors.append(stage.floor(TRIVIAL).run(count // slots, loops=slots).wall)
        began = time.perf_counter()
        workload.wait_for([workload.request(release, pool) for release in several])
        ours.append((time.perf_counter() - began) * 1000 / count)
    note = f"{1000 / median(ours):.0f} a second with the requests, which one client makes one after another"
    return [
        at_most(f"{stage.name}.trivial.with-requests", median(ours), "ms per deployment", median(floors), note=note)
    ]
