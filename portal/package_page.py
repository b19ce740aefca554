"""What pages say about one package and one of its versions: what it holds, where it is live, and which releases use it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from accounts.models import User
from deployments.models import LiveVersion
from projects.access import Act, projects_for
from projects.models import Project
from registry.models import Feed, ManifestSource, Package, PackageVersion
from registry.sources import labels_for, where_is
from releases.models import Release, TriggerEvaluation

RELEASES_SHOWN = 50
Versions = QuerySet[PackageVersion]


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


@dataclass(frozen=True)
class Content:
    """One component that a version's manifest names, and where it lies; `feed` None: nobody has said where."""

    component: str
    label: str
    version: str
    feed: Feed | None
    name: str


class PackagePage:
    """One package as `user` sees it. Everything is asked for only when the template names it."""

    def __init__(self, package: Package, user: User) -> None:
        self.package, self.user = package, user

    @cached_property
    def projects(self) -> list[Project]:
        seen = projects_for(self.user, Act.SEE_TECHNICAL).filter(packages=self.package)
        return list(seen.select_related("parent").distinct().order_by("name", "pk"))

    @cached_property
    def sources(self) -> list[ManifestSource]:
        return list(self.package.manifest_sources.select_related("feed"))

    @cached_property
    def newest(self) -> PackageVersion | None:
        """Its highest version that is in use."""
        return self.package.versions.eligible().newest_first().first()


# -- the versions of a package ----------------------------------------------------------------------------------------


STATES = {
    "live": "Live somewhere",
    "in-use": "May be used",
    "prerelease": "Pre-release",
    "withdrawn": "Withdrawn",
    "removed": "Removed",
}


def narrowed(versions: Versions, text: str, state: str, user: User) -> Versions:
    """The versions that begin with this text and are in this state (a key of STATES); empty: whatever they are."""
    live = LiveVersion.objects.now().filter(project__in=projects_for(user), release__packages__version=OuterRef("pk"))
    conditions: dict[str, Q | Exists] = {
        "live": Exists(live),
        "in-use": Q(withdrawn_at=None, removed_at=None),
        "prerelease": Q(version__contains="-"),
        "withdrawn": Q(withdrawn_at__isnull=False),
        "removed": Q(removed_at__isnull=False),
    }
    found = versions.filter(version__startswith=text) if text else versions
    return found.filter(conditions[state]) if state in conditions else found


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


# -- one version ------------------------------------------------------------------------------------------------------


def contents_of(version: PackageVersion) -> list[Content]:
    """What its manifest names, in order of label. Four queries; none for a version without a manifest."""
    if not version.contents:
        return []
    labels = labels_for([version.package_id])
    sources = labels.sources.get(version.package_id, [])
    feeds = Feed.objects.in_bulk({source.feed_id for source in sources})

    def content(component: str, number: str) -> Content:
        place = where_is(component, sources)
        label = labels.of(version.package_id, component)
        return Content(component, label, number, feeds[place[0]] if place else None, place[1] if place else "")

    found = [content(component, number) for component, number in version.contents.items()]
    return sorted(found, key=lambda content: (content.label.casefold(), content.component))


def about_of(version: PackageVersion) -> list[tuple[str, str]]:
    """What it says about itself, in words: [("Build number", "114")]."""
    return [(name.replace("_", " ").capitalize(), str(value)) for name, value in version.about.items()]


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
