"""Trains: four components, each in a stage of its own, so that one is carried out after the other."""

from __future__ import annotations

import time
from statistics import median

from bench import workload
from bench.figures import Figure, at_most, below, plain
from bench.installation import used_by
from bench.package import TRIVIAL
from bench.stage import Stage
from releases.models import Release

COMPONENTS = 4
TRAINS = 5  # of a round
OWN_TIME = 200.0  # milliseconds that a train of four may take beside its scripts


def measure(stage: Stage) -> list[Figure]:
    """From request to done, and what each of its components takes against the serial floor."""
    pool = "slots-8"
    worker = stage.worker(pool, 8)
    release = workload.stack("train", TRIVIAL, COMPONENTS)
    _once(release, pool)
    whole, each, own, floors, scripts = [], [], [], [], []
    for _ in range(stage.rounds):
        floors.append(stage.floor(TRIVIAL).run(TRAINS * COMPONENTS).wall)
        scripts.append(stage.floor(TRIVIAL).run_script_alone(TRAINS * COMPONENTS).wall)
        for _ in range(TRAINS):
            before = used_by([worker])
            total, departed = _once(release, pool)
            own.append(used_by([worker]).since(before)[0] * 1000 / COMPONENTS)
            whole.append(total)
            each.append(departed / COMPONENTS)
    script = median(scripts)
    cpu = sum(own) / len(own)  # of a single train the clock of the processors is too coarse
    note = f"worker's own CPU {cpu:.1f} ms; from the request's commit until all is done, divided by {COMPONENTS}"
    return [
        at_most(f"{stage.name}.train.child", median(each), "ms per component", median(floors), stage.times, note),
        plain(
            f"{stage.name}.train.total", median(whole), "ms", f"{COMPONENTS} components, from the request to the end"
        ),
        below(
            f"{stage.name}.train.own-time",
            median(whole) - COMPONENTS * script,
            "ms",
            OWN_TIME,
            f"the total less {COMPONENTS} scripts of {script:.1f} ms",
        ),
    ]


def _once(release: Release, pool: str) -> tuple[float, float]:
    """Milliseconds until all is done, with the request and without."""
    began = time.perf_counter()
    row = workload.request(release, pool)
    departed = time.perf_counter()
    workload.wait_for([row], every=0.003)
    done = time.perf_counter()
    return (done - began) * 1000, (done - departed) * 1000
