"""What the list of packages says: their newest version, what was pushed last, where they are live, and who holds them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery

from accounts.models import User
from deployments.models import LiveVersion
from projects.access import Act, projects_for
from projects.models import Project
from registry.models import Package, PackageVersion
from releases.evaluations import called
from releases.models import ReleasePackage


@dataclass(frozen=True)
class LiveIn:
    environment: str
    version: str


@dataclass(frozen=True)
class PackageLine:
    package: Package
    newest: PackageVersion | None  # the highest that is in use
    last: PackageVersion | None  # the last that was pushed
    versions: int
    live: list[LiveIn]  # in the order of environments
    projects: list[Project]


def listed(
    packages: QuerySet[Package], user: User, text: str = "", project: Project | None = None
) -> QuerySet[Package]:
    """These packages in order of name, as `lines_of` takes them.

    text     a part of the name or of the label; empty: whatever they are called
    project  what holds them, itself or by its components; None: whatever holds them
    """
    found = packages.filter(called(text)) if text else packages
    if project is not None:
        holders = Project.objects.filter(Q(pk=project.pk) | Q(parent=project.pk))
        found = found.filter(pk__in=Package.objects.filter(projects__in=holders).order_by().values("pk"))
    versions = PackageVersion.objects.filter(package=OuterRef("pk"))
    seen = projects_for(user, Act.SEE_TECHNICAL).order_by("name", "pk")
    return found.annotate(
        newest_id=Subquery(versions.eligible().newest_first().values("pk")[:1]),
        last_id=Subquery(versions.order_by("-pk").values("pk")[:1]),
        number_of_versions=Count("versions", distinct=True),
    ).prefetch_related(Prefetch("projects", seen, to_attr="seen"))


def lines_of(packages: Iterable[Package], user: User) -> list[PackageLine]:
    """A line for each of these `listed` packages. Two queries, however many there are."""
    rows: list[Any] = list(packages)
    wanted = {pk for row in rows for pk in (row.newest_id, row.last_id)}
    versions = PackageVersion.objects.select_related("published_by").defer("contents", "targets", "about")
    found = versions.in_bulk(wanted - {None})
    live = _live_of([row.pk for row in rows], user)
    return [
        PackageLine(
            package=row,
            newest=found.get(row.newest_id),
            last=found.get(row.last_id),
            versions=row.number_of_versions,
            live=live.get(row.pk, []),
            projects=row.seen,
        )
        for row in rows
    ]


def _live_of(packages: list[int], user: User) -> dict[int, list[LiveIn]]:
    """Which version of each package (id) is live where, in this person's projects."""
    now = LiveVersion.objects.now().filter(project__in=projects_for(user))
    held = ReleasePackage.objects.filter(package__in=packages, release__live_versions__in=now)
    rows = held.order_by("release__live_versions__environment__position", "version__sort_key").values_list(
        "package", "release__live_versions__environment__name", "version__version"
    )
    live: dict[int, list[LiveIn]] = {}
    for package, environment, version in rows.distinct():
        live.setdefault(package, []).append(LiveIn(environment, version))
    return live
