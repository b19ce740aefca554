"""The grid: which version of what is where, since when, in step or not, and what is under way.

Plain data for pages and API, in a fixed number of queries however many stacks are asked for.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Exists, Max, OuterRef, Q

from deployments import alignment, on_hold
from deployments.grid_contents import ContentRow, content_rows, fold_words, unfolded
from deployments.models import UNDER_WAY, WAITING, Deployment, Hold, LiveVersion, Status
from deployments.wording import together
from lifecycles.models import Environment, PhaseEnvironment
from projects.models import Project
from releases.contents import Entry, entries_of
from releases.models import Release

# Which of several deployments a cell speaks of first, and what it says then.
WORDS: dict[Status, tuple[str, str]] = {
    Status.INTERRUPTED: ("attention", "Outcome unknown"),
    Status.NEEDS_ATTENTION: ("attention", "Needs attention"),
    Status.RUNNING: ("running", "Deploying"),
    Status.QUEUED: ("queued", "Waits for a worker"),
    Status.PENDING: ("queued", "Waits for its stage"),
    Status.FAILED: ("failed", "Failed"),
    Status.CANCELLED: ("failed", "Stopped midway"),
    Status.REQUESTED: ("waiting", "Waiting for approval"),
    Status.SCHEDULED: ("waiting", "Approved, waits to start"),
}
ORDER = list(WORDS)
UNSETTLED = ("attention", "failed")
SAME_AS = "Same as"


@dataclass(frozen=True)
class Cell:
    """One project in one environment: what is live there (None: nothing), and what is or went wrong beside it."""

    environment: Environment
    release: Release | None
    since: datetime | None
    deployment_id: int | None  # the one that made it live
    in_step: bool
    step_sentence: str
    behind: str
    left_number: str | None = None  # what is live in the environment to the left, where that is another release
    beside: list[Deployment] = field(default_factory=list)  # waiting, under way, or failed since; most pressing first

    @property
    def number(self) -> str | None:
        return self.release.number if self.release else None

    @property
    def differs(self) -> bool:
        """Whether another release is live here than in the environment to the left."""
        return bool(self.behind) and not self.behind.startswith(SAME_AS)

    @property
    def status(self) -> str:
        """attention, running, queued, failed, waiting, drift, deployed or none: the most pressing thing."""
        if self.beside:
            return WORDS[Status(self.beside[0].status)][0]
        if not self.in_step:
            return "drift"
        return "deployed" if self.release else "none"

    @property
    def word(self) -> str:
        """The same for people."""
        if self.beside:
            return WORDS[Status(self.beside[0].status)][1]
        if not self.in_step:
            return "Out of step"
        return "Deployed" if self.release else "Nothing deployed yet"


@dataclass(frozen=True)
class Row:
    """One project's cells, in the order of the grid's environments."""

    project: Project
    is_stack: bool
    cells: list[Cell]
    contents: list[ContentRow] = field(default_factory=list)  # what the manifests of its live releases name

    @property
    def shown(self) -> list[ContentRow]:
        return unfolded(self.contents)

    @property
    def folded(self) -> list[ContentRow]:
        """The contents that are unfolded only when somebody asks."""
        shown = self.shown
        return [row for row in self.contents if row not in shown]

    @property
    def fold_words(self) -> str:
        return fold_words(self.contents)


@dataclass(frozen=True)
class Grid:
    """A stack (or a project on its own) and its components. The first row is the stack itself."""

    stack: Project
    environments: list[Environment]
    rows: list[Row]
    held: list[Environment] = field(default_factory=list)  # those where a hold keeps it from being deployed

    @property
    def attention(self) -> int:
        """How many cells need somebody."""
        return sum(cell.status in UNSETTLED for row in self.rows for cell in row.cells)

    @property
    def sentence(self) -> str:
        """The one thing that a test manager needs to know."""
        first = self.rows[0].cells
        if not any(cell.release for cell in first) and not any(cell.release for row in self.rows for cell in row.cells):
            return "Nothing has been deployed yet."
        odd = [
            (row.project.name, cell.environment.name) for row in self.rows[1:] for cell in row.cells if not cell.in_step
        ]
        if odd:
            out, places = (list(dict.fromkeys(words)) for words in zip(*odd, strict=True))
            return f"{together(out)} {'is' if len(out) == 1 else 'are'} out of step in {together(places)}."
        apart = [f"{cell.environment} is {cell.behind}" for cell in first if cell.differs]
        if apart:
            return f"{'; '.join(apart)}."
        empty = [cell.environment.name for cell in first if cell.release is None]
        if empty:
            return f"{together(empty)} {'has' if len(empty) == 1 else 'have'} no release yet."
        names = together([cell.environment.name for cell in first])
        return f"{names} is on {first[0].number}." if len(first) == 1 else f"{names} are on the same release."

    @property
    def revision(self) -> str:
        """Changes whenever anything that the grid shows has changed."""
        facts = [
            (
                row.project.pk,
                row.project.name,
                cell.environment.name,
                cell.release and cell.release.pk,
                cell.deployment_id,
                cell.in_step,
                cell.behind,
                [(deployment.pk, deployment.status, deployment.is_stopping) for deployment in cell.beside],
            )
            for row in self.rows
            for cell in row.cells
        ]
        contents = [
            (row.project.pk, line.package, line.label, [cell.version for cell in line.cells])
            for row in self.rows
            for line in row.contents
        ]
        held = [environment.pk for environment in self.held]
        return hashlib.sha256(repr([facts, contents, held]).encode()).hexdigest()[:16]


def build_grids(stacks: Iterable[Project], at: datetime | None = None, holds: Sequence[Hold] = ()) -> list[Grid]:
    """The grids of these stacks or projects on their own.

    at     a moment in the past (aware): what was live then, without anything under way; none given: now
    holds  those that stand, to mark the environments that they concern
    """
    stacks = list(stacks)
    facts = _Facts(stacks, at, holds)
    return [_grid(stack, facts) for stack in stacks]


Place = tuple[int, int]  # project id, environment id


class _Facts:
    """Everything that the grids show, read in a fixed number of queries."""

    def __init__(self, stacks: Sequence[Project], at: datetime | None, holds: Sequence[Hold]) -> None:
        self.holds = holds
        ids = [stack.pk for stack in stacks]
        self.components: dict[int, list[Project]] = {pk: [] for pk in ids}
        components = (
            Project.objects.filter(parent__in=ids).select_related("parent").order_by("stage", "position", "name")
        )
        for component in components:
            self.components[component.parent_id or 0].append(component)
        everything = [*ids, *(component.pk for held in self.components.values() for component in held)]
        self.environments = _environments(stacks)
        live = LiveVersion.objects.filter(project__in=everything).select_related("release__project")
        self.live: dict[Place, LiveVersion] = {
            (line.project_id, line.environment_id): line for line in (live.at(at) if at else live.now())
        }
        stack_releases = {line.release_id for (project, _), line in self.live.items() if project in set(ids)}
        self.named = alignment.named_by(stack_releases)
        self.beside = {} if at else _beside(everything)
        self.between = _numbers(everything)
        self.entries: dict[int, list[Entry]] = entries_of(line.release_id for line in self.live.values())


def _environments(stacks: Sequence[Project]) -> dict[int, list[Environment]]:
    """The environments of each stack's lifecycle (by lifecycle id), in order."""
    places = PhaseEnvironment.objects.filter(lifecycle__in={_lifecycle_of(stack) for stack in stacks})
    found: dict[int, list[Environment]] = {}
    for place in places.select_related("environment").order_by("phase__position", "environment__position", "pk"):
        found.setdefault(place.lifecycle_id, []).append(place.environment)
    return found


def _beside(projects: Sequence[int]) -> dict[Place, list[Deployment]]:
    """What waits or is under way in each place, and the last attempt where it came to nothing good.

    A train that was cancelled before any component of it had begun has changed nothing, so that it is no attempt.
    """
    begun = Deployment.objects.filter(parent=OuterRef("pk"), started_at__isnull=False)
    touched = ~Q(status=Status.CANCELLED, project__kind=Project.Kind.STACK) | Exists(begun)
    over = Deployment.objects.filter(touched, started_at__isnull=False, finished_at__isnull=False)
    here = over.filter(project=OuterRef("project"), environment=OuterRef("environment"))
    later = here.filter(started_at__gt=OuterRef("started_at"))  # what was asked for first may have waited longest
    last = over.filter(project__in=projects).values("project", "environment").annotate(last=Max("started_at"))
    rows = Deployment.objects.filter(
        Q(project__in=projects, status__in=(*WAITING, *UNDER_WAY))
        | Q(project__in=projects, status__in=(Status.FAILED, Status.CANCELLED), started_at__in=last.values("last"))
        & touched
        & ~Exists(later)
    ).with_names()
    beside: dict[Place, list[Deployment]] = {}
    for row in sorted(rows, key=lambda row: ORDER.index(Status(row.status))):
        beside.setdefault((row.project_id, row.environment_id), []).append(row)
    return beside


def _numbers(projects: Sequence[int]) -> dict[int, list[tuple[str, int]]]:
    """Of each project, the places of its releases in their order, to count how many lie between two."""
    found: dict[int, list[tuple[str, int]]] = {}
    for project, sort_key, pk in Release.objects.filter(project__in=projects).values_list("project", "sort_key", "pk"):
        found.setdefault(project, []).append((sort_key, pk))
    return found


def _grid(stack: Project, facts: _Facts) -> Grid:
    environments = facts.environments.get(_lifecycle_of(stack), [])
    rows = [_row(stack, stack, environments, facts)]
    rows += [_row(component, stack, environments, facts) for component in facts.components[stack.pk]]
    held = [place for place in environments if any(on_hold.concerns(hold, stack, place) for hold in facts.holds)]
    return Grid(stack, environments, rows, held)


def _row(project: Project, stack: Project, environments: Sequence[Environment], facts: _Facts) -> Row:
    cells = _cells(project, stack, environments, facts)
    places = [(cell.environment, cell.release.pk if cell.release else None) for cell in cells]
    return Row(project, project.pk == stack.pk, cells, content_rows(places, facts.entries))


def _cells(project: Project, stack: Project, environments: Sequence[Environment], facts: _Facts) -> list[Cell]:
    cells: list[Cell] = []
    for environment in environments:
        live = facts.live.get((project.pk, environment.pk))
        release = live.release if live else None
        left = cells[-1] if cells else None
        aligned = _aligned(project, stack, environment, release, facts)
        cells.append(
            Cell(
                environment=environment,
                release=release,
                since=live.from_at if live else None,
                deployment_id=live.deployment_id if live else None,
                in_step=aligned.in_step,
                step_sentence=aligned.sentence,
                behind=_behind(project, release, left, facts),
                left_number=left.number if left and left.release != release else None,
                beside=facts.beside.get((project.pk, environment.pk), []),
            )
        )
    return cells


def _aligned(
    project: Project, stack: Project, environment: Environment, release: Release | None, facts: _Facts
) -> alignment.Alignment:
    if project.pk == stack.pk:
        return alignment.Alignment(True, "")
    stack_live = facts.live.get((stack.pk, environment.pk))
    stack_release = stack_live.release if stack_live else None
    named = facts.named.get((stack_release.pk, project.pk)) if stack_release else None
    return alignment.alignment_of(release, named, stack_release)


def _behind(project: Project, release: Release | None, left: Cell | None, facts: _Facts) -> str:
    """How this place compares with the environment to its left, in words."""
    if left is None or left.release is None or release is None:
        return ""
    if left.release.pk == release.pk:
        return f"{SAME_AS} {left.environment}"
    here, there = (release.sort_key, release.pk), (left.release.sort_key, left.release.pk)
    low, high = sorted((here, there))
    count = sum(low < place <= high for place in facts.between.get(project.pk, []))
    direction = "behind" if here < there else "ahead of"
    return f"{count} {'release' if count == 1 else 'releases'} {direction} {left.environment}"


def _lifecycle_of(stack: Project) -> int:
    """Without a query, but for a component whose lifecycle is its stack's."""
    return stack.lifecycle_id or stack.track.pk
