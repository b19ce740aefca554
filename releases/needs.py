"""What a release needs from outside stores, and whether it was there when the store was last asked.

A component that a package's manifest names and a manifest source places in a feed is a prerequisite: the release is not
ready while the feed does not have it. Everything is read from what was stored; `watch` and `resolve` are called by
whoever asks the stores.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts import trail
from registry import outside
from registry.feeds import Listed
from registry.models import Feed, ManifestSource, Package, PackageVersion
from registry.rules import why_not_package_name
from registry.sources import where_is
from releases.models import Release, ReleasePackage, ResolvedEntry

NEWEST_LOOKED_AT = 20  # versions of a package whose manifest is read to know what to look up
RELEASES_RESOLVED = 30  # the newest that hold such a package
LOOK_AGAIN = timedelta(hours=1)  # whether what was resolved is still the same
ASKED_AT_ONCE = 10  # digests that need a request of their own, in one round

DigestOf = Callable[[Package, Listed], str | None]


class State(Enum):
    FOUND = "found"
    MISSING = "missing"
    UNKNOWN = "unknown"
    MOVED = "moved"


@dataclass(frozen=True)
class Need:
    """One component of a manifest, and how it stands with it in its outside store."""

    release: int
    """The component's release whose package names it."""
    component: str
    version: str
    feed: Feed
    name: str
    """What the feed calls it."""
    package: Package | None
    """None until it is looked up for the first time."""
    listed: Listed | None
    resolved: ResolvedEntry | None

    @property
    def label(self) -> str:
        return str(self.package) if self.package and self.package.label else self.component

    @property
    def checked_at(self) -> datetime | None:
        listing = outside.listing_of(self.package) if self.package else None
        return listing.checked_at if listing else None

    @property
    def problem(self) -> str:
        """Why the store could not be asked the last time."""
        listing = outside.listing_of(self.package) if self.package else None
        return listing.problem if listing else ""

    @property
    def digest(self) -> str:
        """As it was resolved, else as it is listed."""
        return self.resolved.digest if self.resolved else self.listed.digest if self.listed else ""

    @property
    def state(self) -> State:
        if self.resolved and self.resolved.has_moved:
            return State.MOVED
        if self.listed:
            return State.FOUND
        return State.MISSING if self.checked_at or self.why_never else State.UNKNOWN

    @property
    def why_never(self) -> str | None:
        """Why no package of this feed can be what is needed, whatever is published there."""
        return None if self.package else why_not_package_name(self.feed, self.name)

    @property
    def is_met(self) -> bool:
        return self.state is State.FOUND

    @property
    def sentence(self) -> str:
        """How it stands, for people."""
        what = f"{self.label} {self.version}"
        if self.state is State.MOVED and self.resolved:
            return (
                f"{what} in {self.feed} is no longer what this release was put together with: it was"
                f" {self.resolved.digest[:19]}… and is {self.resolved.now_digest[:19]}… now. Push a package that names a"
                " version of its own."
            )
        if self.why_never:
            return (
                f"{what} cannot be in {self.feed}: its manifest source calls it “{self.name}” there. {self.why_never}"
                " Correct the manifest, or the source."
            )
        if self.checked_at is None:
            return f"Whether {what} is in {self.feed} is not known yet. {self._why_unknown}"
        if self.state is State.FOUND:
            return f"{what} is in {self.feed} (checked {_clock(self.checked_at)})."
        return f"{what} is not in {self.feed} (checked {_clock(self.checked_at)}). {self._what_next}"

    @property
    def _why_unknown(self) -> str:
        if not self.feed.enabled:
            return "An administrator has switched this feed off."
        return self.problem or "It is looked up within seconds."

    @property
    def _what_next(self) -> str:
        if not self.feed.enabled:
            return "An administrator has switched this feed off."
        if self.problem:
            return f"Since then it cannot be asked: {self.problem}"
        return "It goes on by itself once it is published there."


def needs_of(release: Release) -> list[Need]:
    """What the release needs from outside stores, a stack's by its components; by name within a manifest, whose own
    order a database may lose.

    One query where no manifest is held, two where nothing in it is placed anywhere, five otherwise.
    """
    held = ReleasePackage.objects.filter(Q(release=release) | Q(release__stack_lines__parent=release))
    lines = held.select_related("version").order_by("release__stack_lines__stage", "pk")
    return _needs([(line.release_id, line.version) for line in dict.fromkeys(lines)])


def _needs(held: Sequence[tuple[int, PackageVersion]]) -> list[Need]:
    places = [(release, component, str(version), place) for release, component, version, place in placed(held)]
    if not places:
        return []
    feeds = Feed.objects.in_bulk({feed for _, _, _, (feed, _) in places})
    packages = _packages([place for _, _, _, place in places])
    resolved = {
        (entry.release_id, entry.component): entry
        for entry in ResolvedEntry.objects.filter(release__in={release for release, _, _, _ in places})
    }
    needs = []
    for release, component, version, (feed, name) in places:
        package = packages.get((feed, name.lower()))
        listed = outside.find(package, version) if package else None
        entry = resolved.get((release, component))
        needs.append(Need(release, component, version, feeds[feed], name, package, listed, entry))
    return needs


def placed(held: Sequence[tuple[int, PackageVersion]]) -> Iterable[tuple[int, str, str, tuple[int, str]]]:
    """What the manifests of these versions name and a manifest source places somewhere: the number that the version
    came with, the component, its version, and where it is as (feed, name there). One query."""
    with_manifest = {version.package_id for _, version in held if version.contents}
    sources: dict[int, list[ManifestSource]] = {}
    for source in ManifestSource.objects.filter(package__in=with_manifest) if with_manifest else ():
        sources.setdefault(source.package_id, []).append(source)
    for release, version in held:
        for component, number in sorted(version.contents.items()):
            if place := where_is(component, sources.get(version.package_id, ())):
                yield release, component, str(number), place


def _packages(places: Iterable[tuple[int, str]]) -> dict[tuple[int, str], Package]:
    """The outside packages by (feed, name in lower case), each with its listing."""
    names = {name.lower() for _, name in places}
    rows = Package.objects.alias(folded=Lower("name")).filter(folded__in=names, feed__in={feed for feed, _ in places})
    return {(row.feed_id, row.name.lower()): row for row in rows.select_related("listing")}


def watch(versions: Iterable[PackageVersion]) -> None:
    """See to it that whatever these versions' manifests place in an outside store is looked up there."""
    places = {place for _, _, _, place in placed([(0, version) for version in versions])}
    known = _packages(places)
    feeds = Feed.objects.in_bulk({feed for feed, _ in places})
    for feed, name in sorted(places):
        package = known.get((feed, name.lower()))
        if package is None and why_not_package_name(feeds[feed], name):
            continue  # the manifest is a stranger's; what is wrong is said of every release that needs it
        if package is None or outside.listing_of(package) is None:
            outside.watch(feeds[feed], name)


def look_for(version: PackageVersion) -> None:
    """See to it that what a version that was just published needs is looked up, soon where it is not known to be there."""
    watch([version])
    missing = [need.package for need in _needs([(0, version)]) if need.package and not need.is_met]
    outside.ask_soon(missing)


def watch_all() -> None:
    """The same for the newest versions of every package that has manifest sources, whenever those were configured."""
    for package in Package.objects.exclude(manifest_sources=None).distinct():
        watch(package.versions.newest_first()[:NEWEST_LOOKED_AT])


def ask_again(release: Release) -> int:
    """Let the stores be asked at the next opportunity for what the release needs; how many things that concerns."""
    held = PackageVersion.objects.filter(
        Q(release_packages__release=release) | Q(release_packages__release__stack_lines__parent=release)
    )
    watch(held.distinct())
    return outside.ask_soon(need.package for need in needs_of(release) if need.package)


def resolve(package: Package, digest_of: DigestOf) -> None:
    """Write down, for the newest releases that need this outside package, what the store has under the version that
    they name; and for those where that is known, whether it still is the same.

    digest_of  asks the store for the digest of one version, "" where it has none, None where it could not be asked;
               called only where the listing states none, and outside of any transaction
    """
    due = [need for need in _needs(_recent(package)) if need.package == package and _is_due(need)]
    stated = [need for need in due if need.listed and need.listed.digest]
    silent = [need for need in due if need.listed and not need.listed.digest][:ASKED_AT_ONCE]
    for need in (*stated, *silent):
        if need.listed is not None:
            digest = need.listed.digest or digest_of(package, need.listed)
            if digest is not None:
                _resolved(need, package, need.listed, digest)


def _is_due(need: Need) -> bool:
    if need.resolved is None or need.listed is None:
        return need.listed is not None
    digest = need.listed.digest
    if digest and digest != (need.resolved.now_digest or need.resolved.digest):
        return True
    return (need.resolved.now_at or need.resolved.resolved_at) < timezone.now() - LOOK_AGAIN


def _recent(package: Package) -> list[tuple[int, PackageVersion]]:
    naming = Package.objects.filter(manifest_sources__feed=package.feed_id)
    lines = ReleasePackage.objects.filter(package__in=naming).select_related("version").order_by("-release")
    return [(line.release_id, line.version) for line in lines[:RELEASES_RESOLVED]]


def _resolved(need: Need, package: Package, listed: Listed, digest: str) -> None:
    now = timezone.now()
    if need.resolved is None:
        stated = {"package": package, "version": listed.version, "digest": digest}
        ResolvedEntry.objects.get_or_create(release_id=need.release, component=need.component, defaults=stated)
        return
    had_moved = need.resolved.has_moved
    ResolvedEntry.objects.filter(pk=need.resolved.pk).update(now_digest=digest, now_at=now)
    need.resolved.now_digest = digest
    if need.resolved.has_moved and not had_moved:
        release = Release.objects.select_related("project").get(pk=need.release)
        trail.record(None, "release.moved", release, f"{release}: {need.sentence}", project_id=release.project_id)


def _clock(at: datetime) -> str:
    """ "14:03", with the day unless that is today."""
    local = timezone.localtime(at)
    return f"{local:%H:%M}" if local.date() == timezone.localdate() else f"{local:%d %B %Y at %H:%M}"
