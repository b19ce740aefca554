"""The worker pools as they are now: who serves them, what each worker runs, and what waits in which order for what.

Everything is read with a fixed number of queries, whatever there is. What somebody may not see is counted, not named.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from deployments import on_hold, presence
from deployments.models import Deployment, DeploymentQuerySet, Hold, Status, Worker
from deployments.wording import ordinal
from lifecycles.models import Environment
from projects.access import environments_of
from projects.models import Project

SHOWN = 50  # of each queue, from its head
BUSY = ("busy", "It starts as soon as a worker is free.")
DUE = ("due", "It starts within seconds.")


@dataclass(frozen=True)
class Crew:
    """One worker, and the scripts that it follows."""

    worker: Worker
    is_silent: bool
    runs: list[Deployment]
    hidden: int = 0  # scripts of projects that are not shown

    @property
    def busy(self) -> int:
        """How many scripts it follows; adopted ones take no slot, so that they may be more than it has."""
        return len(self.runs) + self.hidden

    @property
    def free(self) -> int:
        return max(self.worker.slots - self.busy, 0) if self.takes_more else 0

    @property
    def is_draining(self) -> bool:
        return self.worker.drain_requested_at is not None

    @property
    def takes_more(self) -> bool:
        return not (self.is_silent or self.is_draining)

    @property
    def state(self) -> str:
        """silent, draining, busy or idle"""
        if self.is_silent:
            return "silent"
        if self.is_draining:
            return "draining"
        return "busy" if self.busy else "idle"


@dataclass(frozen=True)
class Waiting:
    """A script in a queue: its place there from 1 on, and what it waits for, as a code and a sentence."""

    deployment: Deployment
    position: int
    code: str
    sentence: str


@dataclass(frozen=True)
class Pool:
    """One pool, whether an environment names it, workers serve it, or both."""

    name: str
    environments: list[Environment]
    crews: list[Crew]
    queue: list[Waiting]  # its head, in the order in which it is taken
    waiting: int  # all of them
    unfollowed: list[Deployment]  # scripts whose worker is gone: the next worker of their host adopts them
    hidden_environments: int = 0
    hidden_waiting: int = 0
    hidden_unfollowed: int = 0

    @property
    def taking(self) -> list[Crew]:
        """The workers that take what is new."""
        return [crew for crew in self.crews if crew.takes_more]

    @property
    def slots(self) -> int:
        return sum(crew.worker.slots for crew in self.taking)

    @property
    def free(self) -> int:
        return sum(crew.free for crew in self.taking)

    @property
    def is_named(self) -> bool:
        """Whether some environment is deployed to by this pool."""
        return bool(self.environments or self.hidden_environments)

    @property
    def further(self) -> int:
        """How many wait behind those in `queue`."""
        return self.waiting - self.hidden_waiting - len(self.queue)

    @property
    def sentence(self) -> str:
        """How much of it is free, in a few words; empty where nobody takes what is new."""
        verb = "slot is" if self.slots == 1 else "slots are"
        return f"{self.free} of {self.slots} {verb} free" if self.taking else ""

    @property
    def trouble(self) -> str:
        """Why nothing can start here, or nothing ever will; empty when all is well."""
        if not self.is_named:
            return "No environment names this pool, so its workers have nothing to do."
        return "" if self.taking else _nobody(self.name, self.crews)

    def seen(self, projects: Collection[int], environments: Collection[int]) -> "Pool":
        """The same, with what is not of these projects and environments counted instead of named."""
        named = [environment for environment in self.environments if environment.pk in environments]
        queue = [waiting for waiting in self.queue if waiting.deployment.project_id in projects]
        unfollowed = _of(projects, self.unfollowed)
        return replace(
            self,
            environments=named,
            crews=[
                replace(c, runs=(runs := _of(projects, c.runs)), hidden=len(c.runs) - len(runs)) for c in self.crews
            ],
            queue=queue,
            unfollowed=unfollowed,
            hidden_environments=len(self.environments) - len(named),
            hidden_waiting=len(self.queue) - len(queue),
            hidden_unfollowed=len(self.unfollowed) - len(unfollowed),
        )


# -- asked by pages and API -------------------------------------------------------------------------------------------


def pools_for(projects: QuerySet[Project]) -> list[Pool]:
    """Every pool, in order of name; details of these projects only."""
    seen = set(projects.values_list("pk", flat=True))
    places = set(environments_of(projects).order_by().values_list("pk", flat=True))
    return [pool.seen(seen, places) for pool in _read()]


def place_of(deployment: Deployment) -> int | None:
    """Its place in the queue of its pool, from 1 on; None where it waits for no worker."""
    if deployment.status != Status.QUEUED or deployment.project.is_stack:
        return None
    earlier = Q(requested_at__lt=deployment.requested_at)
    earlier |= Q(requested_at=deployment.requested_at, pk__lt=deployment.pk)
    return _queued(deployment.environment.worker_pool).filter(earlier).count() + 1


def position_of(deployment: Deployment) -> str:
    """Where it is in the queue and what it waits for, as a sentence; empty where it waits for no worker."""
    place = place_of(deployment)
    if place is None:
        return ""
    (pool,) = _read(deployment.environment.worker_pool)
    waiting = next((waiting for waiting in pool.queue if waiting.deployment.pk == deployment.pk), None)
    if not pool.taking:
        where = f"It is {ordinal(place)} in the queue and starts as soon as one does; an administrator can see to it."
        return f"{_nobody(pool.name, pool.crews)} {where}"
    why = waiting.sentence if waiting else BUSY[1]
    return f"{ordinal(place).capitalize()} in the queue of the pool “{pool.name}”; {pool.sentence}. {why}"


# -- read -------------------------------------------------------------------------------------------------------------


@dataclass
class _Facts:
    """What was read, by pool."""

    environments: dict[str, list[Environment]] = field(default_factory=lambda: defaultdict(list))
    crews: dict[str, list[Crew]] = field(default_factory=lambda: defaultdict(list))
    queued: dict[str, list[Deployment]] = field(default_factory=lambda: defaultdict(list))
    unfollowed: dict[str, list[Deployment]] = field(default_factory=lambda: defaultdict(list))


def _read(only: str | None = None) -> list[Pool]:
    """All pools with everything in them, or this one. Five queries."""
    running = list(Deployment.objects.scripts().filter(status=Status.RUNNING).with_names().order_by("started_at", "pk"))
    facts = _Facts()
    for environment in Environment.objects.all():
        facts.environments[environment.worker_pool].append(environment)
    for deployment in _heads(only):
        facts.queued[deployment.environment.worker_pool].append(deployment)
    _share_out(running, facts)
    holds = list(Hold.objects.standing().select_related(*on_hold.NAMES).order_by("pk"))
    at_work = Counter(deployment.environment_id for deployment in running)
    names = [only] if only is not None else sorted({*facts.environments, *facts.crews})
    return [_pool(name, facts, at_work, holds) for name in names]


def _share_out(running: list[Deployment], facts: _Facts) -> None:
    """Give each script to the worker that follows it, and those that nobody follows to their pool."""
    followed = defaultdict(list)
    for deployment in running:
        followed[deployment.owner].append(deployment)
    for worker in Worker.objects.order_by("host", "started_at", "name"):
        crew = Crew(worker, presence.is_silent(worker), followed.pop(worker.name, []))
        for pool in worker.pools:
            facts.crews[pool].append(crew)
    for deployment in (row for rows in followed.values() for row in rows):
        facts.unfollowed[deployment.environment.worker_pool].append(deployment)


def _queued(pool: str | None) -> DeploymentQuerySet:
    queued = Deployment.objects.scripts().filter(status=Status.QUEUED)
    return queued if pool is None else queued.filter(environment__worker_pool=pool)


def _heads(pool: str | None) -> DeploymentQuerySet:
    """The head of each queue in order, each row with its `place` and how many wait in its pool (`of`)."""
    mine = F("environment__worker_pool")
    places = Window(RowNumber(), partition_by=[mine], order_by=["requested_at", "pk"])
    rows = _queued(pool).annotate(place=places, of=Window(Count("pk"), partition_by=[mine]))
    return rows.filter(place__lte=SHOWN).with_names().order_by("requested_at", "pk")


def _pool(name: str, facts: _Facts, at_work: Counter[int], holds: list[Hold]) -> Pool:
    crews = sorted(facts.crews[name], key=lambda crew: crew.is_silent)  # the silent ones last
    rows = facts.queued[name]
    empty = Pool(name, facts.environments[name], crews, [], rows[0].of if rows else 0, facts.unfollowed[name])  # type: ignore[attr-defined]
    return replace(empty, queue=_foreseen(empty, rows, at_work, holds))


def _foreseen(pool: Pool, rows: list[Deployment], at_work: Counter[int], holds: list[Hold]) -> list[Waiting]:
    """What each waits for: the queue is gone through as workers do, who pass over what may not start."""
    free, taken, queue = pool.free, Counter(at_work), []
    for place, row in enumerate(rows, start=1):
        code, sentence = _why(pool, row, free, taken, holds)
        if code == DUE[0]:
            free -= 1
            taken[row.environment_id] += 1
        queue.append(Waiting(row, place, code, sentence))
    return queue


def _why(pool: Pool, row: Deployment, free: int, taken: Counter[int], holds: list[Hold]) -> tuple[str, str]:
    capacity = row.environment.capacity
    is_new = row.is_top and row.started_at is None  # what has started goes on in spite of a hold
    if is_new and (held := [hold for hold in holds if on_hold.concerns(hold, row.project, row.environment)]):
        return "on_hold", on_hold.sentence_of(held[0])
    if not pool.taking:
        return "no_worker", _nobody(pool.name, pool.crews)
    if capacity is not None and taken[row.environment_id] >= capacity:
        most = "one script runs" if capacity == 1 else f"{capacity} scripts run"
        sentence = f"At most {most} in {row.environment} at once; it starts when one of them has ended."
        return "environment_full", sentence
    return DUE if free else BUSY


def _nobody(pool: str, crews: list[Crew]) -> str:
    if crews and all(crew.is_draining and not crew.is_silent for crew in crews):
        return f"No worker serves the pool “{pool}” at present: those that did are draining, and take nothing new."
    return f"No worker serves the pool “{pool}” at present."


def _of(projects: Collection[int], rows: Iterable[Deployment]) -> list[Deployment]:
    return [row for row in rows if row.project_id in projects]
