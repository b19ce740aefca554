"""Worker pools, workers and queues as JSON."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from deployments.models import Deployment
from deployments.pools import Crew, Pool, Waiting

Address = Callable[[Deployment], str]


class PlaceShape(Schema):
    """An environment that the pool's workers deploy to."""

    slug: str
    name: str
    capacity: int | None = Field(description="So many scripts run there at once; null: no limit of its own.")


class ScriptShape(Schema):
    """A deployment that runs a package."""

    id: int
    project: str
    release: str
    environment: str
    url: str


class RunningShape(ScriptShape):
    since: datetime | None
    host: str


class QueuedShape(ScriptShape):
    position: int = Field(description="From 1 on.")
    requested_at: datetime
    code: str = Field(description="What it waits for: due, busy, environment_full, on_hold or no_worker.")
    sentence: str


class WorkerShape(Schema):
    name: str
    host: str
    pools: list[str]
    state: str = Field(description="idle, busy, draining or silent")
    slots: int
    busy: int = Field(description="Scripts that it follows; adopted ones take no slot.")
    started_at: datetime
    heard_at: datetime = Field(description="When it last said that it lives.")
    draining_since: datetime | None
    runs: list[RunningShape]
    hidden: int = Field(description="Scripts of other projects among those that it follows.")


class PoolShape(Schema):
    """One pool, whether an environment names it, workers serve it, or both."""

    name: str
    environments: list[PlaceShape]
    hidden_environments: int = Field(description="Environments that none of your projects goes to.")
    slots: int = Field(description="Of the workers that take what is new.")
    free: int
    trouble: str = Field(description="Why nothing can start here, or nothing ever will; empty when all is well.")
    workers: list[WorkerShape]
    unfollowed: list[RunningShape] = Field(description="Scripts whose worker is gone, until another adopts them.")
    hidden_unfollowed: int
    waiting: int = Field(description="How long the queue is.")
    queue: list[QueuedShape] = Field(description="Its head, in the order in which it is taken.")
    hidden_waiting: int = Field(description="Deployments of other projects in the head of the queue.")


def pool(found: Pool, address: Address) -> PoolShape:
    return PoolShape(
        name=found.name,
        environments=[PlaceShape(slug=e.slug, name=e.name, capacity=e.capacity) for e in found.environments],
        hidden_environments=found.hidden_environments,
        slots=found.slots,
        free=found.free,
        trouble=found.trouble,
        workers=[_worker(crew, address) for crew in found.crews],
        unfollowed=[_running(row, address) for row in found.unfollowed],
        hidden_unfollowed=found.hidden_unfollowed,
        waiting=found.waiting,
        queue=[_queued(waiting, address) for waiting in found.queue],
        hidden_waiting=found.hidden_waiting,
    )


def _worker(crew: Crew, address: Address) -> WorkerShape:
    worker = crew.worker
    return WorkerShape(
        name=worker.name,
        host=worker.host,
        pools=worker.pools,
        state=crew.state,
        slots=worker.slots,
        busy=crew.busy,
        started_at=worker.started_at,
        heard_at=worker.heard_at,
        draining_since=worker.drain_requested_at,
        runs=[_running(row, address) for row in crew.runs],
        hidden=crew.hidden,
    )


def _running(row: Deployment, address: Address) -> RunningShape:
    return RunningShape(**_script(row, address), since=row.started_at, host=row.host)


def _queued(waiting: Waiting, address: Address) -> QueuedShape:
    return QueuedShape(
        **_script(waiting.deployment, address),
        position=waiting.position,
        requested_at=waiting.deployment.requested_at,
        code=waiting.code,
        sentence=waiting.sentence,
    )


def _script(row: Deployment, address: Address) -> dict[str, Any]:
    return {
        "id": row.pk,
        "project": row.project.slug,
        "release": row.release.number,
        "environment": row.environment.slug,
        "url": address(row),
    }
