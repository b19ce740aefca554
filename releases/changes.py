"""What one release brings compared with another: the work items and commits of every version in between."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import Q

from projects.links import Links, links_of
from registry import evidence
from registry.models import BuildInformation, PackageVersion
from releases.models import Release, ReleasePackage

VERSIONS_AT_MOST = 1_000


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


def between(older: Release | None, newer: Release) -> Changes:
    """What `newer` brings where `older` is: for each of its packages the versions above the one that `older` holds, up to
    and including its own, and what their builds tell. Four queries.

    older  None: nothing is there, so everything up to `newer` is brought; the same for a package that `older` has not

    A package of which `newer` holds an older version brings nothing. The same work item or commit (by its id and its
    address) is told once. Of a long way the VERSIONS_AT_MOST highest versions count.
    """
    before, after = _held(older) if older else {}, _held(newer)
    versions = _versions_between(before, after)
    builds = evidence.builds_of(versions)
    told = [
        (builds[version.pk], links_of(after[version.package_id].release.project))
        for version in versions
        if version.pk in builds
    ]
    return Changes(
        work_items=_once(item for build, links in told for item in work_items_of(build, links)),
        commits=_once(commit for build, links in told for commit in commits_of(build, links)),
        versions=versions,
    )


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


def _held(release: Release) -> dict[int, ReleasePackage]:
    """What it is made of by package, its own or those of its components, in order of deployment."""
    own = Q(release=release) | Q(release__stack_lines__parent=release)
    lines = ReleasePackage.objects.filter(own).select_related("version", "release__project__parent")
    held: dict[int, ReleasePackage] = {}
    for line in lines.order_by("release__project__stage", "release__project__position", "pk"):
        held.setdefault(line.package_id, line)
    return held


def _versions_between(before: dict[int, ReleasePackage], after: dict[int, ReleasePackage]) -> list[PackageVersion]:
    """Per package the versions above the one, up to and including the other; highest first."""
    wanted = Q(pk=None)
    for package, line in after.items():
        above = before[package].version.sort_key if package in before else ""
        wanted |= Q(package=package, sort_key__gt=above, sort_key__lte=line.version.sort_key)
    highest = PackageVersion.objects.filter(wanted).select_related("package").newest_first()[:VERSIONS_AT_MOST]
    order = list(after)
    return sorted(highest, key=lambda version: order.index(version.package_id))


def _once(told: Iterable[Told]) -> list[Told]:
    first: dict[tuple[str, str], Told] = {}
    for one in told:
        first.setdefault((one.id, one.url), one)
    return list(first.values())
