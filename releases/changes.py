"""What one release brings compared with another: the work items and commits of every version in between."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Q, QuerySet

from projects.links import Links, links_of
from registry import evidence
from registry.models import BuildInformation, PackageVersion
from releases.models import Release, ReleasePackage

VERSIONS_AT_MOST = 1_000
RELEASES_AT_MOST = 1_000


@dataclass(frozen=True)
class WorkItem:
    """`url`: as its build states it, else by the project's pattern, else empty."""

    id: str
    title: str
    url: str


@dataclass(frozen=True)
class Commit:
    """`url`: by the project's pattern, else empty."""

    id: str
    message: str
    author: str
    url: str

    @property
    def short(self) -> str:
        """As people recognise it."""
        return self.id[:12]

    @property
    def summary(self) -> str:
        """The first line of its message."""
        return self.message.partition("\n")[0].strip()


@dataclass(frozen=True)
class Changes:
    """Everything in the order of the release's components, and for each of them newest first."""

    work_items: list[WorkItem]
    commits: list[Commit]
    versions: list[PackageVersion]

    def __bool__(self) -> bool:
        """Whether any build told anything."""
        return bool(self.work_items or self.commits)


NONE = Changes([], [], [])
Told = TypeVar("Told", WorkItem, Commit)


Held = Mapping[int, ReleasePackage]
"""What something is made of, by package (id), in order of deployment."""


def between(older: Release | None, newer: Release) -> Changes:
    """What `newer` brings where `older` is: for each of its packages the versions above the one that `older` holds, up to
    and including its own, and what their builds tell. Four queries.

    older  None: nothing is there, so everything up to `newer` is brought; the same for a package that `older` has not

    A package of which `newer` holds an older version brings nothing. The same work item or commit (by its id and its
    address) is told once. Of a long way the VERSIONS_AT_MOST highest versions count.
    """
    before, after = _held(older) if older else {}, _held(newer)
    return _told([_stretches(before, after)])[0]


Pair = tuple[Release | None, Release]
"""A release that gives way to another one of the same project; None: nothing was there."""


@dataclass(frozen=True)
class BothWays:
    """What comes and what goes where releases give way to others."""

    brought: Changes = NONE
    taken_back: Changes = NONE


def both_ways(groups: Sequence[Sequence[Pair]]) -> list[BothWays]:
    """For each group of pairs, what all of it together brings and takes back, package by package as `between` says it of
    one direction. Three queries, however many there are.

    A release counts with its own packages; a stack's has none. A package that the second release of a pair does not hold
    any more takes back what it brought only where that release is the lower one: otherwise it is replaced by something
    else.
    """
    lines = _own(release for group in groups for pair in group for release in pair if release)
    told = _told([way for group in groups for way in _ways(group, lines)])
    return [BothWays(*ways) for ways in zip(told[::2], told[1::2], strict=True)]


def noted(groups: Sequence[Sequence[Pair]]) -> list[list[Release]]:
    """For each group of pairs, the releases with notes above the lower and up to the higher release of each pair: in the
    order of the pairs, highest first. One query; of very many the RELEASES_AT_MOST highest count. Their snapshots are not
    read."""
    wanted = Q(pk=None)
    for lower, higher in _outermost(groups):
        wanted |= Q(project=higher.project_id) & ~after(higher) & (after(lower) if lower else Q())
    found = Release.objects.filter(wanted).exclude(notes="").select_related("project__parent").defer("snapshot")
    highest = list(found.newest_first()[:RELEASES_AT_MOST])
    return [
        [release for pair in group for release in highest if _lies_between(release, *in_order(*pair))]
        for group in groups
    ]


def rank(release: Release) -> tuple[str, int]:
    """Its place among the releases of its project; of two that differ only in their build part, the later is the higher."""
    return release.sort_key, release.pk


def after(release: Release) -> Q:
    """Whatever has a higher place."""
    return Q(sort_key__gt=release.sort_key) | Q(sort_key=release.sort_key, pk__gt=release.pk)


def in_order(older: Release | None, newer: Release) -> Pair:
    """The lower and the higher of the two."""
    return (newer, older) if older is not None and rank(newer) < rank(older) else (older, newer)


def _lies_between(release: Release, lower: Release | None, higher: Release) -> bool:
    same = release.project_id == higher.project_id
    return same and (lower is None or rank(release) > rank(lower)) and rank(release) <= rank(higher)


def _outermost(groups: Sequence[Sequence[Pair]]) -> list[Pair]:
    """One pair for each project, which spans all of its pairs: so that a question to the database stays short."""
    spans: dict[int, Pair] = {}
    for lower, higher in (in_order(*pair) for group in groups for pair in group):
        low, high = spans.get(higher.project_id, (lower, higher))
        lowest = None if low is None or lower is None else min(low, lower, key=rank)
        spans[higher.project_id] = lowest, max(high, higher, key=rank)
    return list(spans.values())


def work_items_of(build: BuildInformation, links: Links) -> list[WorkItem]:
    """The work items that this build names, with the addresses that they lead to."""
    return [
        WorkItem(item["id"], item["title"], item["url"] or links.to_work_item(item["id"])) for item in build.work_items
    ]


def commits_of(build: BuildInformation, links: Links) -> list[Commit]:
    """The commits that this build names, with the addresses that they lead to; its own where it lists none."""
    listed = build.commits or [{"id": build.commit, "message": "", "author": ""}] * bool(build.commit)
    return [
        Commit(commit["id"], commit["message"], commit["author"], links.to_commit(commit["id"])) for commit in listed
    ]


@dataclass(frozen=True)
class _Stretch:
    """The versions of one package above one, up to and including that of a line."""

    above: str  # a sort key; empty: all of them
    line: ReleasePackage

    def holds(self, version: PackageVersion) -> bool:
        """Of a version of the same package."""
        return self.above < version.sort_key <= self.line.version.sort_key


def _ways(group: Sequence[Pair], lines: Mapping[int, Held]) -> tuple[list[_Stretch], list[_Stretch]]:
    """Where versions come, and where they go."""
    coming: list[_Stretch] = []
    going: list[_Stretch] = []
    for older, newer in group:
        before, after = lines.get(older.pk, {}) if older else {}, lines.get(newer.pk, {})
        coming += _stretches(before, after)
        is_back = older is not None and rank(newer) < rank(older)
        going += _stretches(after, {package: before[package] for package in before if is_back or package in after})
    return coming, going


def _stretches(before: Held, after: Held) -> list[_Stretch]:
    found = [
        _Stretch(before[package].version.sort_key if package in before else "", line) for package, line in after.items()
    ]
    return [stretch for stretch in found if stretch.above < stretch.line.version.sort_key]


def _held(release: Release) -> dict[int, ReleasePackage]:
    """What it is made of, its own packages or those of its components."""
    own = Q(release=release) | Q(release__stack_lines__parent=release)
    held: dict[int, ReleasePackage] = {}
    for line in _lines(own).order_by("release__project__stage", "release__project__position", "pk"):
        held.setdefault(line.package_id, line)
    return held


def _own(releases: Iterable[Release]) -> dict[int, dict[int, ReleasePackage]]:
    """What each of these releases holds itself, by its id."""
    held: dict[int, dict[int, ReleasePackage]] = {}
    for line in _lines(Q(release__in={release.pk for release in releases})).order_by("pk"):
        held.setdefault(line.release_id, {})[line.package_id] = line
    return held


def _lines(wanted: Q) -> QuerySet[ReleasePackage]:
    return ReleasePackage.objects.filter(wanted).select_related("version", "release__project__parent")


def _told(ways: Sequence[Sequence[_Stretch]]) -> list[Changes]:
    """What the builds of the versions on each of these ways tell, in the order of its stretches, highest version first."""
    spans: dict[int, tuple[str, str]] = {}  # by package, so that the question to the database stays short
    for stretch in (stretch for way in ways for stretch in way):
        upto = stretch.line.version.sort_key
        low, high = spans.get(stretch.line.package_id, (stretch.above, upto))
        spans[stretch.line.package_id] = min(low, stretch.above), max(high, upto)
    wanted = Q(pk=None)
    for package, (low, high) in spans.items():
        wanted |= Q(package=package, sort_key__gt=low, sort_key__lte=high)
    highest = list(PackageVersion.objects.filter(wanted).select_related("package").newest_first()[:VERSIONS_AT_MOST])
    builds = evidence.builds_of(highest)
    versions: dict[int, list[PackageVersion]] = {}
    for version in highest:
        versions.setdefault(version.package_id, []).append(version)
    return [_changes(way, versions, builds) for way in ways]


def _changes(
    way: Sequence[_Stretch],
    versions: Mapping[int, Sequence[PackageVersion]],
    builds: Mapping[int, BuildInformation],
) -> Changes:
    """versions: of each package, highest first; builds: by their versions' ids."""
    passed = [
        (version, stretch.line)
        for stretch in way
        for version in versions.get(stretch.line.package_id, ())
        if stretch.holds(version)
    ]
    told = [(builds[version.pk], links_of(line.release.project)) for version, line in passed if version.pk in builds]
    return Changes(
        work_items=_once(item for build, links in told for item in work_items_of(build, links)),
        commits=_once(commit for build, links in told for commit in commits_of(build, links)),
        versions=list(dict.fromkeys(version for version, _ in passed)),
    )


def _once(told: Iterable[Told]) -> list[Told]:
    first: dict[tuple[str, str], Told] = {}
    for one in told:
        first.setdefault((one.id, one.url), one)
    return list(first.values())
