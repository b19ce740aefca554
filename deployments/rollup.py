"""What people get with a release: the notes and work items of everything between what is really live and what is coming.

Compared is what is live, component by component, and never what a number says: after a rollback, and where a component
was deployed on its own, the two are different.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import OuterRef, Q, QuerySet, Subquery

from deployments import facts
from deployments.models import LiveVersion
from deployments.plans import why_passed_over
from lifecycles.models import Environment
from releases.changes import BothWays, Commit, Pair, WorkItem, both_ways, noted, rank
from releases.models import Release, ReleaseComponent


@dataclass(frozen=True)
class Part:
    """One project whose release changes. `older`: None where nothing was live."""

    older: Release | None
    newer: Release

    @property
    def is_backwards(self) -> bool:
        return self.older is not None and rank(self.newer) < rank(self.older)


@dataclass(frozen=True)
class Rollup:
    """What changes for people, highest release first. For what is rolled back, `taken_back` and `work_items_taken_back`
    say what is no longer there."""

    parts: Sequence[Part] = ()
    """The stack's own first, then its components in order of deployment."""
    notes: Sequence[Release] = ()
    """The releases with notes that come, of the stack and of the components that change."""
    work_items: Sequence[WorkItem] = ()
    """Each once."""
    taken_back: Sequence[Release] = ()
    work_items_taken_back: Sequence[WorkItem] = ()
    commits: Sequence[Commit] = ()
    """For engineers only."""

    def __bool__(self) -> bool:
        return bool(self.notes or self.work_items or self.taken_back or self.work_items_taken_back)


def coming(release: Release, environment: Environment) -> Rollup:
    """What deploying this release there would bring, compared with what is live there now.

    A component that would be passed over changes nothing, nor does one that is live there and that the release does not
    name: nobody takes it away. A fixed number of queries.
    """
    live = facts.live_beside(release, environment)
    parts = [_part(live.get(release.project_id), release)]
    for line in facts.lines_of(release) if release.project.is_stack else []:
        if why_passed_over(line.release, line.condition, live.get(line.component_id)) is None:
            parts.append(_part(live.get(line.component_id), line.release))
    return rolled_up([[part for part in parts if part.older != part.newer]])[0]


def _part(live: facts.Live | None, newer: Release) -> Part:
    return Part(live.release if live else None, newer)


def brought_by(live: LiveVersion) -> Rollup:
    """What this interval brought, compared with what was really live in its place right before; a stack's with what was
    live of each of its components."""
    return brought_by_each([live])[live.pk]


def brought_by_each(lives: Sequence[LiveVersion]) -> dict[int, Rollup]:
    """What each of these intervals of one environment brought, by its id; in a fixed number of queries.

    Right before is what another release: deploying the same one again takes nothing from what came with it. With a stack
    came the components that its trains brought since another release of it was live, those of earlier attempts included;
    what was deployed on its own meanwhile did not come with it. Needs `release__project` of each to be loaded.
    """
    before = _live_before(lives)
    components = _components_of([live for live in lives if live.project.is_stack], before)
    groups = []
    for live in lives:
        earlier = before.get(live.pk)
        own = Part(earlier.release if earlier else None, live.release)
        groups.append([own, *(arrived(live, earlier, components) if live.project.is_stack else [])])
    return dict(zip((live.pk for live in lives), rolled_up(groups), strict=True))


def _live_before(lives: Sequence[LiveVersion]) -> dict[int, LiveVersion]:
    """The last interval of another release in the same place before each of these, by the id of the latter."""
    same_place = Q(project=OuterRef("project"), environment=OuterRef("environment")) & ~Q(release=OuterRef("release"))
    earlier = Q(from_at__lt=OuterRef("from_at")) | Q(from_at=OuterRef("from_at"), pk__lt=OuterRef("pk"))
    last = LiveVersion.objects.filter(same_place, earlier).order_by("-from_at", "-pk").values("pk")[:1]
    chosen = LiveVersion.objects.filter(pk__in=[live.pk for live in lives]).annotate(before=Subquery(last))
    pairs = dict(chosen.order_by().values_list("pk", "before"))
    found = _with_releases().in_bulk({pk for pk in pairs.values() if pk is not None})
    return {pk: found[before] for pk, before in pairs.items() if before in found}


Intervals = Sequence[LiveVersion]


def _components_of(stacks: Sequence[LiveVersion], before: Mapping[int, LiveVersion]) -> dict[int, list[LiveVersion]]:
    """The intervals of the components that these stacks' releases name, by component in order of deployment, oldest
    first: from what was live when the earliest of `before` began, up to the last of these."""
    if not stacks:
        return {}
    named = ReleaseComponent.objects.filter(parent__in=[live.release_id for live in stacks]).order_by()
    rows = _with_releases().filter(
        project__in=named.values("component"),
        environment=stacks[0].environment_id,
        from_at__lte=max(live.from_at for live in stacks),
    )
    if all(live.pk in before for live in stacks):
        rows = rows.exclude(until_at__lt=min(before[live.pk].from_at for live in stacks))
    found: dict[int, list[LiveVersion]] = {}
    for row in rows.order_by("project__stage", "project__position", "project", "from_at", "pk"):
        found.setdefault(row.project_id, []).append(row)
    return found


def _with_releases() -> QuerySet[LiveVersion]:
    """Without the snapshots, which are long and say nothing to people."""
    rows = LiveVersion.objects.select_related("release__project__parent", "deployment__parent")
    frozen = ("deployment__plan", "deployment__parent__plan", "deployment__gates", "deployment__parent__gates")
    return rows.defer("release__snapshot", *frozen)


def arrived(live: LiveVersion, before: LiveVersion | None, components: Mapping[int, Intervals]) -> list[Part]:
    """What came of each component with this interval of a stack; pure.

    before      the last interval of another release of the stack; None: there was none
    components  the intervals of each component, oldest first, as far back as what was live when `before` began
    """
    parts = []
    for intervals in components.values():
        here = [interval for interval in intervals if _moment(interval) <= _moment(live)]
        came = [place for place, interval in enumerate(here) if _came_with(interval, live, before)]
        if not came:
            continue
        last = first = came[-1]
        while first - 1 in came:
            first -= 1
        parts.append(Part(here[first - 1].release if first else None, here[last].release))
    return [part for part in parts if part.older != part.newer]


def _came_with(interval: LiveVersion, live: LiveVersion, before: LiveVersion | None) -> bool:
    """Whether a train with the same release of the stack brought it, this time around."""
    train = interval.deployment.parent
    is_later = before is None or _moment(interval) > _moment(before)
    return train is not None and train.release_id == live.release_id and is_later


def _moment(interval: LiveVersion) -> tuple[object, int]:
    """Its place in time: of two that began at the same moment, the later one was written later."""
    return interval.from_at, interval.pk


def rolled_up(groups: Sequence[Sequence[Part]]) -> list[Rollup]:
    """Everything that comes and goes with each of these groups of parts. Four queries, however many there are."""
    pairs: list[list[Pair]] = [[(part.older, part.newer) for part in group] for group in groups]
    if not any(pairs):
        return [Rollup() for _ in groups]
    told = zip(groups, both_ways(pairs), noted(pairs), strict=True)
    return [_rollup(parts, ways, notes) for parts, ways, notes in told]


def _rollup(parts: Sequence[Part], ways: BothWays, notes: Sequence[Release]) -> Rollup:
    gone = {part.newer.project_id for part in parts if part.is_backwards}
    return Rollup(
        parts=parts,
        notes=[release for release in notes if release.project_id not in gone],
        work_items=ways.brought.work_items,
        taken_back=[release for release in notes if release.project_id in gone],
        work_items_taken_back=ways.taken_back.work_items,
        commits=ways.brought.commits,
    )
