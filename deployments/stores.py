"""Outside stores as people look at them: how each is, and what is newest there beside what is deployed.

Plain data for pages and API. Everybody sees what the projects depend on whose packages they may see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from deployments.models import LiveVersion
from lifecycles.models import Environment
from projects.access import environments_of
from projects.models import Project
from registry import outside, versions
from registry.feeds import Listed
from registry.models import Feed, Listing, Package
from releases import needs
from releases.models import ReleasePackage


@dataclass(frozen=True)
class View:
    """Whose eyes it is seen with."""

    projects: QuerySet[Project]
    """Those whose packages they may see."""
    everything: bool
    """Whether that holds for every project, also for what no project depends on yet."""


@dataclass(frozen=True)
class FeedLine:
    feed: Feed
    packages: int


@dataclass(frozen=True)
class Deployed:
    """What of one package is live in one environment, and how many versions are newer than the highest of it."""

    environment: Environment
    versions: list[str]
    behind: int


@dataclass(frozen=True)
class PackageLine:
    package: Package
    listing: Listing | None
    newest: Listed | None
    deployed: list[Deployed]


def feeds_for(view: View) -> list[FeedLine]:
    """The outside feeds that these projects depend on, in order of name."""
    lines = [FeedLine(feed, len(packages_of(view, feed))) for feed in Feed.objects.exclude(kind=Feed.Kind.BUILTIN)]
    return lines if view.everything else [line for line in lines if line.packages]


def feed_for(view: View, slug: str) -> Feed | None:
    """The outside feed of this name, if they see it."""
    return next((line.feed for line in feeds_for(view) if line.feed.slug == slug), None)


def packages_of(view: View, feed: Feed) -> list[Package]:
    """The packages that are looked up there for these projects, in order of name."""
    rows = list(feed.packages.select_related("feed", "listing").order_by("label", "name"))
    if view.everything:
        return rows
    mine = view.projects
    held = set(feed.packages.filter(Q(projects__in=mine) | Q(triggers__project__in=mine)).values_list("pk", flat=True))
    named = _named(Package.objects.filter(projects__in=mine).exclude(manifest_sources=None).distinct())
    return [row for row in rows if row.pk in held or (feed.pk, row.name.lower()) in named]


def _named(packages: Iterable[Package]) -> set[tuple[int, str]]:
    """Where the manifests of these packages' newest versions place something."""
    newest = [
        (0, version) for package in packages for version in package.versions.newest_first()[: needs.NEWEST_LOOKED_AT]
    ]
    return {(feed, name.lower()) for _, _, _, (feed, name) in needs.placed(newest)}


def lines_of(view: View, feed: Feed) -> list[PackageLine]:
    """What is newest there of each package, beside what of it is live in the environments of these projects."""
    packages = packages_of(view, feed)
    places = list(environments_of(view.projects))
    live = _live(view, feed)
    return [
        PackageLine(
            package,
            outside.listing_of(package),
            outside.newest(package),
            [_deployed(package, place, live.get((package.name.lower(), place.pk), set())) for place in places],
        )
        for package in packages
    ]


def _deployed(package: Package, environment: Environment, found: set[str]) -> Deployed:
    in_order = sorted(found, key=_order, reverse=True)
    readable = [text for text in in_order if versions.looks_like_a_version(text)]
    behind = outside.higher_than(package, readable[0]) if readable else 0
    return Deployed(environment, in_order, behind)


def _order(text: str) -> str:
    try:
        return versions.parse(text).sort_key
    except versions.VersionRefused:
        return ""


def _live(view: View, feed: Feed) -> dict[tuple[str, int], set[str]]:
    """Versions by (name in the feed, environment): from the manifests of what is live, and held by releases themselves."""
    lines = LiveVersion.objects.now().filter(project__in=view.projects).values_list("release", "environment")
    where: dict[int, list[int]] = {}
    for release, environment in lines:
        where.setdefault(release, []).append(environment)
    held = list(ReleasePackage.objects.filter(release__in=where).select_related("version", "package"))
    found: dict[tuple[str, int], set[str]] = {}
    for release, name, version in (*_by_manifest(feed, held), *_by_itself(feed, held)):
        for environment in where[release]:
            found.setdefault((name.lower(), environment), set()).add(version)
    return found


def _by_manifest(feed: Feed, held: Sequence[ReleasePackage]) -> Iterable[tuple[int, str, str]]:
    for release, _, version, (where, name) in needs.placed([(line.release_id, line.version) for line in held]):
        if where == feed.pk:
            yield release, name, version


def _by_itself(feed: Feed, held: Sequence[ReleasePackage]) -> Iterable[tuple[int, str, str]]:
    for line in held:
        if line.package.feed_id == feed.pk:
            yield line.release_id, line.package.name, line.version.original
