"""Trains whose scripts leave marks outside of their runs and wait at a gate, and what must add up whatever happens.

Used by every test of the table of faults: let trains depart, wait until their scripts really run, break something, open
the gate, and ask `everything_adds_up`.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings

from accounts.models import Event
from deployments import resolving
from deployments.models import DONE, FINAL, Deployment, LiveVersion, Status, StepRun
from deployments.spool import COOKIE
from projects.models import Project
from tests.deployments.patience import wait_until
from tests.deployments.scenes import a_manager, a_real_version, released, requested
from tests.factories import a_stack

STAGES = (4, 1)  # components in each stage of a train
TRAINS = 5  # so that twenty scripts run at once
RUNNING = TRAINS * STAGES[0]
PATIENCE = 40.0  # seconds; the machine may be busy with other tests
NEVER_STARTED = "Never started."
FOR_PEOPLE = (Status.REQUESTED, Status.INTERRUPTED, Status.NEEDS_ATTENTION)
RAISES_FENCE = ("claimed", "adopted", "requeued", "retried")  # events, one for each time that the fence was raised


@dataclass(frozen=True)
class Mark:
    """What a script has said outside: of which run, and when."""

    deployment: int
    attempt: int
    position: int
    what: str
    at: float


class Gate:
    """A pipe. Scripts that read a line from it wait without using the processor until they are let through."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def let_through(self, count: int) -> None:
        os.write(self._pipe, b"\n" * count)

    def open(self) -> None:
        """For all who wait and all who are still to come."""
        self.let_through(4096)

    def close(self) -> None:
        """Whoever still waits goes on."""
        os.close(self._pipe)


class Line:
    """A railway line of one test: its trains, its gate, and the marks that scripts leave beside it."""

    def __init__(self, path: Path) -> None:
        path.mkdir()
        self.gate = Gate(path / "gate")
        self._marks = path / "marks"
        self._marks.touch()

    def script(self, then: str = "") -> str:
        """Leaves a mark, waits at the gate, goes on with `then` and leaves another mark at its very end."""
        mark = f'mark() {{ echo "${{{COOKIE}##*/}} $1 ${{EPOCHREALTIME/,/.}}" >>"{self._marks}"; }}'
        wait = f'echo "before the gate"\nread -r _ <"{self.gate.path}"\necho "behind the gate"'
        return f"{mark}\nmark started\n{wait}\n{then}\nmark ended\n"

    def stacks(self, count: int, stages: tuple[int, ...] = STAGES, then: str = "") -> list[Project]:
        """Stacks with so many components in each stage, which all run `script`."""
        return [self._stack(stages, then) for _ in range(count)]

    def depart(self, count: int = TRAINS, stages: tuple[int, ...] = STAGES, then: str = "") -> list[Deployment]:
        """Trains that nobody has to approve, on their way to TEST."""
        return [requested(released(stack)) for stack in self.stacks(count, stages, then)]

    def marks(self, what: str | None = None) -> list[Mark]:
        """All of them, or those that say this, in the order in which they were left."""
        words = [line.split() for line in self._marks.read_text().splitlines()]
        found = [Mark(*map(int, run.split("-")), what=said, at=float(at)) for run, said, at in words]
        return [mark for mark in found if what in (None, mark.what)]

    def running(self) -> int:
        """How many scripts have started and not come to their end."""
        return len(self.marks("started")) - len(self.marks("ended"))

    def wait_for(self, count: int = RUNNING) -> None:
        """Until so many scripts run at once."""
        wait_until(lambda: self.running() >= count, PATIENCE)

    def let_end(self, count: int) -> None:
        """Let so many more scripts come to their end, and wait until they have."""
        wanted = len(self.marks("ended")) + count
        self.gate.let_through(count)
        wait_until(lambda: len(self.marks("ended")) >= wanted, PATIENCE)

    def _stack(self, stages: tuple[int, ...], then: str) -> Project:
        number = Project.objects.count()
        slots = [(stage, place) for stage, many in enumerate(stages, start=1) for place in range(many)]
        components = {f"Part {number} {stage} {place}": stage for stage, place in slots}
        stack = a_stack(f"Stack {number}", components=components)
        for component in stack.components.all():
            a_real_version(component.slug, "1.0.0", self.script(then))
        return stack


def adopted() -> bool:
    """Whether the scripts that ran at once have all had a second owner."""
    return Deployment.objects.scripts().filter(fence__gte=2).count() >= RUNNING


def interrupted() -> list[Deployment]:
    """Those whose outcome nobody knows."""
    return list(Deployment.objects.filter(status=Status.INTERRUPTED))


def run_again(because: str) -> None:
    """A person decides so for everything whose outcome nobody knows."""
    for row in interrupted():
        resolving.resolve(row, "retry", by=a_manager(), reason=because)


def everything_adds_up(line: Line) -> None:
    """After whatever happened: all is final or waits for a person, and rows, marks, processes and the spool agree.

    Waits for that; raises AssertionError with a sentence for each thing that is wrong.
    """
    wait_until(_all_is_decided_or_decidable, PATIENCE)
    wait_until(_no_process_is_left, PATIENCE)
    wait_until(_spool_is_clear, PATIENCE)
    checks = (_scripts_ran_once, _stages_came_in_order, _live_is_what_succeeded, _rows_are_whole, _fences_only_grew)
    wrong = [sentence for check in checks for sentence in check(line)]
    assert not wrong, "\n".join(["", *wrong])


def all_succeeded() -> bool:
    return not Deployment.objects.exclude(status__in=DONE).exists()


# -- what it looks at -------------------------------------------------------------------------------------------------


def _all_is_decided_or_decidable() -> bool:
    """Components may wait for their stage only while their train waits for a person."""
    rows = Deployment.objects.exclude(status__in=(*FINAL, *FOR_PEOPLE))
    return not rows.exclude(status=Status.PENDING, parent__status=Status.NEEDS_ATTENTION).exists()


def processes() -> list[psutil.Process]:
    """Everything alive that a run of this test's host has started."""
    runs = str(Path(settings.SPOOL_DIR).absolute())
    return [process for process in psutil.process_iter() if _cookie(process).startswith(runs)]


def _cookie(process: psutil.Process) -> str:
    try:
        return "" if process.status() == psutil.STATUS_ZOMBIE else process.environ().get(COOKIE, "")
    except (psutil.Error, OSError):
        return ""


def _no_process_is_left() -> bool:
    return not processes()


def _spool_is_clear() -> bool:
    """Of runs that left an exit status nothing is left. The others are tombstones, against a late start, or for people
    to look at; both are cleared away later."""
    runs = Path(settings.SPOOL_DIR) / "runs"
    there = {path.name for path in runs.iterdir()} if runs.exists() else set()
    kept = StepRun.objects.filter(exit_status=None)
    return there <= {f"{run.deployment_id}-{run.attempt}-{run.position}" for run in kept}


def _scripts_ran_once(line: Line) -> Iterator[str]:
    """At most once in each attempt and as often as the rows say; again only where a person asked for it."""
    started = Counter((mark.deployment, mark.attempt, mark.position) for mark in line.marks("started"))
    ended = {(mark.deployment, mark.attempt, mark.position) for mark in line.marks("ended")}
    known = {(run.deployment_id, run.attempt, run.position): run for run in StepRun.objects.all()}
    yield from (f"{run} ran without a row" for run in started.keys() - known.keys())
    for run, row in known.items():
        if started[run] > 1:
            yield f"{row} ran {started[run]} times"
        if row.exit_status is not None and not started[run]:
            yield f"{row} came to something and never ran"
        if row.outcome == NEVER_STARTED and started[run]:
            yield f"{row} is said never to have started, and ran"
        if row.exit_status == 0 and run not in ended:
            yield f"{row} is said to have succeeded, and did not come to its end"
    starts = Counter((deployment, position) for deployment, _, position in started.elements())
    asked = Counter(int(pk) for pk in _events("deployment.retried"))
    for (deployment, position), count in starts.items():
        if count > 1 + asked[deployment]:
            yield f"deployment {deployment} ran step {position} {count} times, and nobody asked for that"


def _stages_came_in_order(line: Line) -> Iterator[str]:
    """No script began before all scripts of the stages before it had ended well."""
    begin, end = defaultdict(list), defaultdict(list)
    for mark in line.marks():
        (begin if mark.what == "started" else end)[mark.deployment].append(mark.at)
    for row in Deployment.objects.filter(pk__in=begin, stage__gt=1):
        for before in Deployment.objects.filter(parent=row.parent_id, stage__lt=row.stage):
            if before.status not in DONE:
                yield f"{row} ran, though {before} of the stage before has the status {before.status}"
            if end[before.pk] and max(end[before.pk]) > min(begin[row.pk]):
                yield f"{row} ran before {before} of the stage before had ended"


def _live_is_what_succeeded(line: Line) -> Iterator[str]:
    """In every place the last success is live, and nothing else is; every success was live once."""
    succeeded = Deployment.objects.filter(status=Status.SUCCEEDED).order_by("finished_at", "pk")
    wanted = {(row.project_id, row.environment_id): row.pk for row in succeeded}
    live = [((row.project_id, row.environment_id), row.deployment_id) for row in LiveVersion.objects.now()]
    if sorted(wanted.items()) != sorted(live):
        yield f"live is {sorted(live)} and should be {sorted(wanted.items())}"
    intervals = LiveVersion.objects.values_list("deployment_id", flat=True)
    if sorted(intervals) != sorted(row.pk for row in succeeded):
        yield "not every success was live exactly once"


def _rows_are_whole(line: Line) -> Iterator[str]:
    """One end for what is final, none for what is not, no step left open, and trains that agree with their parts."""
    ends = Counter(int(pk) for pk in _events(*(f"deployment.{status}" for status in FINAL)))
    for row in Deployment.objects.prefetch_related("step_runs", "children"):
        if ends[row.pk] != row.is_final:
            yield f"{row} is {row.status} and has ended {ends[row.pk]} times"
        if unfinished := [run for run in row.step_runs.all() if run.finished_at is None]:
            yield f"{row} is {row.status} and has {len(unfinished)} open steps"
        children = [child.status for child in row.children.all()]
        if children and (row.status in DONE) != (set(children) <= set(DONE)):
            yield f"{row} is {row.status} and its parts are {children}"


def _fences_only_grew(line: Line) -> Iterator[str]:
    """Every claim, adoption and decision raised the fence, so that it is at least as high as there were of them."""
    raised = Counter(int(pk) for pk in _events(*(f"deployment.{word}" for word in RAISES_FENCE)))
    claimed = Counter(int(pk) for pk in _events("deployment.claimed"))
    for row in Deployment.objects.scripts():
        if row.fence < raised[row.pk] or row.attempt < claimed[row.pk]:
            yield f"{row} has fence {row.fence} and attempt {row.attempt} after {raised[row.pk]} changes of hands"


def _events(*verbs: str) -> Iterator[str]:
    """The deployments that these lines of the trail are about."""
    return Event.objects.filter(verb__in=verbs).values_list("subject_id", flat=True)
