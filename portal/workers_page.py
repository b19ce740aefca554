"""What the page of the workers says: each pool with its workers, what they run, and its queue."""

import hashlib
import json

from django.db.models import QuerySet

from accounts.backends import is_administrator
from accounts.models import User
from deployments import pools, presence
from deployments.models import Worker
from deployments.pools import Pool
from projects.models import Project

EVERY = "5s"


class WorkersPage:
    """The pools as somebody who may look into these projects sees them."""

    def __init__(self, user: User, projects: QuerySet[Project]) -> None:
        self.pools = pools.pools_for(projects)
        self.may_drain = is_administrator(user)
        self.every = EVERY

    @property
    def silent_after(self) -> int:
        """After how many seconds a worker that says nothing is shown as silent."""
        return round(presence.silent_after().total_seconds())

    @property
    def sentence(self) -> str:
        """All of it in a few words, which are read out when they change."""
        taking = {crew.worker.pk for pool in self.pools for crew in pool.taking}
        waiting = sum(pool.waiting for pool in self.pools)
        workers = f"{len(taking)} worker{'' if len(taking) == 1 else 's'} ready"
        return f"{workers}, {waiting} deployment{'' if waiting == 1 else 's'} waiting"

    @property
    def revision(self) -> str:
        """Changes with everything that the page shows, but not each time that a worker is heard."""
        facts = [_facts(pool) for pool in self.pools]
        return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]


class Leaving:
    """What telling a worker to drain would do."""

    def __init__(self, worker: Worker) -> None:
        self.running = presence.run_by([worker]).count()
        self.bereft = [pool for pool in worker.pools if not presence.is_served(pool, without=[worker])]


def _facts(pool: Pool) -> list[object]:
    crews = [
        (crew.worker.pk, crew.state, crew.worker.drain_requested_at, crew.hidden, *(run.pk for run in crew.runs))
        for crew in pool.crews
    ]
    queue = [(waiting.deployment.pk, waiting.position, waiting.sentence) for waiting in pool.queue]
    named = [(place.name, place.capacity) for place in pool.environments]
    counts = [pool.slots, pool.waiting, pool.hidden_environments, pool.hidden_waiting, pool.hidden_unfollowed]
    return [pool.name, crews, queue, named, counts, [run.pk for run in pool.unfollowed]]
