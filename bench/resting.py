"""What an idle portal costs, and what a worker keeps after many deployments."""

from __future__ import annotations

import time

from bench import workload
from bench.figures import Figure, plain
from bench.installation import memory_of, used_by
from bench.package import TRIVIAL
from bench.stage import Stage

IDLE_SECONDS = 10.0
WARM_UP, AFTER = 200, 1000
AT_ONCE = 100


def measure(stage: Stage) -> list[Figure]:
    """Nothing to do at all; then a thousand deployments on a worker that is warm already."""
    worker = stage.worker("resting", 8)
    broker = [stage.installation.broker] if stage.installation.broker else []
    portal = [worker, stage.web(), *broker]
    time.sleep(2)  # what starting has left to do
    looks = [used_by([part]) for part in portal]
    time.sleep(IDLE_SECONDS)
    shares = [used_by([part]).since(look) for part, look in zip(portal, looks, strict=True)]
    words = ", ".join(
        f"{part.name.partition('-')[0].rstrip('0123456789')} {cpu / seconds * 100:.1f}"
        for part, (cpu, seconds) in zip(portal, shares, strict=True)
    )
    idle = sum(cpu / seconds for cpu, seconds in shares) * 100
    figures = [
        plain(f"{stage.name}.idle.cpu", idle, "% of a core", words),
        plain(f"{stage.name}.idle.memory", memory_of(portal), "MB", "the same parts together"),
    ]
    return figures + _growth(stage)


def _growth(stage: Stage) -> list[Figure]:
    pool = "resting"
    worker = stage.worker(pool, 8)
    fresh = memory_of([worker])
    _carry_out(WARM_UP, pool)
    warm = memory_of([worker])
    _carry_out(AFTER, pool)
    grown = memory_of([worker]) - warm
    note = f"fresh {fresh:.0f} MB, after {WARM_UP} deployments {warm:.0f} MB, after {AFTER} more {warm + grown:.0f} MB"
    return [
        plain(f"{stage.name}.memory.worker", warm, "MB", "8 slots, warm"),
        plain(f"{stage.name}.memory.growth", grown, f"MB per {AFTER:,} deployments", note),
    ]


def _carry_out(count: int, pool: str) -> None:
    several = workload.lone("trivial", TRIVIAL, AT_ONCE)
    for _ in range(count // AT_ONCE):
        rows, _began = workload.request_together(several, pool)
        workload.wait_for(rows, every=0.05)
