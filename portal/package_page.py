"""What pages say about packages: their newest version, where each version is live, and which releases use it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from accounts.models import User
from deployments.models import LiveVersion
from projects.access import projects_for
from projects.models import Project
from registry.models import Package, PackageVersion
from releases.models import Release, TriggerEvaluation

RELEASES_SHOWN = 50


@dataclass(frozen=True)
class PackageLine:
    """One package: its highest version that is in use, when something was last pushed, and who holds it."""

    package: Package
    newest: PackageVersion | None
    last: PackageVersion | None
    versions: int
    projects: list[Project]


@dataclass(frozen=True)
class VersionLine:
    version: PackageVersion
    live_in: list[str]  # environments, in their order
    releases: int  # component releases that hold it


@dataclass(frozen=True)
class Use:
    """Where one version went."""

    live: list[LiveVersion]
    releases: list[Release]
    stacks: list[Release]
    evaluations: list[TriggerEvaluation]


def lines_of(packages: QuerySet[Package]) -> list[PackageLine]:
    """Every package, in order of name. Four queries, however many there are."""
    found = list(packages.annotate(count=Count("versions", distinct=True)).prefetch_related("projects"))
    newest = _first_of_each(PackageVersion.objects.eligible().newest_first(), found)
    last = _first_of_each(PackageVersion.objects.order_by("-pk"), found)
    return [
        PackageLine(package, newest.get(package.pk), last.get(package.pk), package.count, list(package.projects.all()))
        for package in found
    ]


def versions_of(versions: Sequence[PackageVersion], user: User) -> list[VersionLine]:
    """Lines for these versions, in the order given. Two queries."""
    pks = [version.pk for version in versions]
    live: dict[int, list[str]] = {}
    now = LiveVersion.objects.now().filter(project__in=projects_for(user), release__packages__version__in=pks)
    names = now.order_by("environment__position", "environment__name").values_list(
        "release__packages__version", "environment__name"
    )
    for pk, environment in names.distinct():
        live.setdefault(pk, []).append(environment)
    counts = dict(
        PackageVersion.objects.filter(pk__in=pks).annotate(n=Count("release_packages")).values_list("pk", "n")
    )
    return [VersionLine(version, live.get(version.pk, []), counts[version.pk]) for version in versions]


def use_of(version: PackageVersion, user: User) -> Use:
    """Where this version is live and what holds it, as far as the person may see."""
    mine = projects_for(user)
    releases = Release.objects.filter(project__in=mine).select_related("project", "created_by").order_by("-pk")
    live = LiveVersion.objects.now().filter(release__packages__version=version, project__in=mine)
    evaluations = version.evaluations.filter(trigger__project__in=mine).select_related(
        "trigger__project", "release__project"
    )
    return Use(
        live=list(live.select_related("project", "environment", "release").order_by("environment__position")),
        releases=list(releases.filter(packages__version=version)[:RELEASES_SHOWN]),
        stacks=list(releases.filter(components__release__packages__version=version).distinct()[:RELEASES_SHOWN]),
        evaluations=list(evaluations.order_by("pk")),
    )


def _first_of_each(versions: QuerySet[PackageVersion], packages: Iterable[Package]) -> dict[int, PackageVersion]:
    """The first version of each package, in the order of `versions`."""
    first: dict[int, PackageVersion] = {}
    rows = versions.filter(package__in=list(packages)).select_related("published_by").defer("contents", "targets")
    for version in rows:
        first.setdefault(version.package_id, version)
    return first
