"""What outside stores list: asked now and then, never inside a transaction, and kept until the next answer.

`due` says whom to ask, `ask` asks, `keep` writes the answer down. Whoever asks makes something of what is new in between,
so that a crash before `keep` only means that it is asked again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts import trail
from accounts.models import User
from config.encryption import CannotDecrypt
from registry import feeds, versions
from registry.feeds import Access, FeedFailed, Listed
from registry.models import Feed, Listing, Package, PackageVersion

AT_ONCE = 50  # listings that one round looks at
ASKING_SECONDS = 120  # longer than one look takes: so long nobody else asks
LONGEST_PAUSE = timedelta(hours=1)  # between two tries, however often they came to nothing
NEW_AT_MOST = 50  # of one package in one look; more at once is an old store that was connected anew


@dataclass(frozen=True)
class Answer:
    """What a store said about one package. `listed` is None where nothing has changed or nothing was learnt."""

    listed: list[Listed] | None = None
    etag: str = ""
    new: tuple[Listed, ...] = ()
    """What was not listed before, lowest first; of a package that is looked at for the first time, only the highest."""
    failure: str = ""
    retry_after: int | None = None
    """Seconds that the store asked for, if it did."""


def access_to(feed: Feed) -> Access:
    """Where and as whom the feed is asked. Raises CannotDecrypt."""
    return Access(url=feed.url, username=feed.username, secret=feed.plaintext)


def due(at: datetime) -> list[Listing]:
    """The listings that are due to be looked at, longest overdue first."""
    rows = Listing.objects.filter(next_at__lte=at, package__feed__enabled=True).select_related("package__feed")
    return list(rows.order_by("next_at")[:AT_ONCE])


def claim(listing: Listing, at: datetime) -> bool:
    """Whether this caller is the one to look now: of many workers exactly one is told True."""
    until = at + timedelta(seconds=ASKING_SECONDS)
    return Listing.objects.filter(pk=listing.pk, next_at=listing.next_at).update(next_at=until, tried_at=at) == 1


def ask(listing: Listing) -> Answer:
    """Ask the store. Takes as long as the network does: never inside a transaction."""
    package = listing.package
    try:
        found = feeds.list_versions(package.feed.kind, access_to(package.feed), package.name, etag=listing.etag)
    except FeedFailed as failure:
        if failure.code == feeds.failures.PACKAGE_UNKNOWN:  # an answer like any other: there is nothing
            return Answer(listed=[])
        return Answer(failure=failure.sentence, retry_after=failure.retry_after)
    except CannotDecrypt as error:
        return Answer(failure=str(error))
    if found is None:
        return Answer()
    listed = list(found.versions)
    return Answer(listed, found.etag, tuple(_new(listing, listed)))


def _new(listing: Listing, listed: list[Listed]) -> list[Listed]:
    eligible = [line for line in listed if listing.package.prereleases or not line.parsed.is_prerelease]
    if listing.checked_at is None:
        return eligible[:1]
    before = {normalised for _, normalised, _, _ in listing.versions}
    return [line for line in reversed(eligible) if line.parsed.normalised not in before][-NEW_AT_MOST:]


@transaction.atomic
def keep(listing: Listing, answer: Answer) -> None:
    """Write down what was learnt, when to ask again, and how the feed is."""
    now, feed = timezone.now(), listing.package.feed
    row = Listing.objects.filter(pk=listing.pk)
    if answer.failure:
        pause = _pause(feed, listing.failures + 1, answer.retry_after)
        since = listing.failing_since or now
        row.update(problem=answer.failure, failing_since=since, failures=F("failures") + 1, next_at=now + pause)
        Feed.objects.filter(pk=feed.pk).update(
            problem=answer.failure, failing_since=Coalesce("failing_since", Value(now))
        )
        return
    learnt = {} if answer.listed is None else {"versions": _as_json(answer.listed), "etag": answer.etag}
    again = now + timedelta(seconds=feed.poll_seconds)
    row.update(checked_at=now, next_at=again, problem="", failing_since=None, failures=0, **learnt)
    Feed.objects.filter(pk=feed.pk).update(checked_at=now, problem="", failing_since=None)


def _pause(feed: Feed, failures: int, retry_after: int | None) -> timedelta:
    """Twice as long after every failure; as long as the store asked for, if that is longer."""
    doubled = timedelta(seconds=feed.poll_seconds * 2 ** min(failures - 1, 10))
    return min(max(doubled, timedelta(seconds=retry_after or 0)), LONGEST_PAUSE)


Line = list[str]
"""How a listed version is kept: its spelling, normalised, its digest, when it was published (ISO 8601); "" for none."""


def _as_json(listed: list[Listed]) -> list[Line]:
    return [
        [line.version, line.parsed.normalised, line.digest, line.published_at.isoformat() if line.published_at else ""]
        for line in listed
    ]


def _as_listed(line: Line) -> Listed:
    version, normalised, digest, at = line
    parsed = replace(versions.parse(normalised), original=version)
    return Listed(version, parsed, digest, datetime.fromisoformat(at) if at else None)


def find(package: Package, version: str) -> Listed | None:
    """The version as the store listed it last, however either of them is written. The package needs its `listing`."""
    try:
        wanted = versions.parse(version).normalised
    except versions.VersionRefused:
        return None
    return next((_as_listed(line) for line in _lines(package) if line[1] == wanted), None)


def newest(package: Package) -> Listed | None:
    """The highest version listed; pre-releases only where they count for this package."""
    counting = (line for line in _lines(package) if package.prereleases or "-" not in line[1])
    return next((_as_listed(line) for line in counting), None)


def higher_than(package: Package, version: str) -> int:
    """How many listed versions are higher than this normalised one; pre-releases only where they count."""
    floor = versions.parse(version).sort_key
    counting = (line[1] for line in _lines(package) if package.prereleases or "-" not in line[1])
    return sum(1 for _ in takewhile(lambda normalised: versions.parse(normalised).sort_key > floor, counting))


def _lines(package: Package) -> list[Line]:
    """What was listed last, highest first; nothing where the store was never asked."""
    listing = listing_of(package)
    return listing.versions if listing else []


def listing_of(package: Package) -> Listing | None:
    listing: Listing | None = getattr(package, "listing", None)
    return listing


def watch(feed: Feed, name: str) -> Package:
    """The package of this name in an outside feed, which is looked up from now on."""
    package = Package.objects.filter(feed=feed).called(name).first()
    if package is None:
        package = Package.objects.get_or_create(feed=feed, name=name)[0]
    Listing.objects.get_or_create(package=package, defaults={"next_at": timezone.now()})
    return package


def ask_soon(packages: Iterable[Package], *, unless_since: datetime | None = None) -> int:
    """Let these be asked at the next opportunity; how many that concerns.

    unless_since  those that were asked after this moment are left alone
    """
    rows = Listing.objects.filter(package__in=list(packages), package__feed__enabled=True, next_at__gt=timezone.now())
    if unless_since is not None:
        rows = rows.exclude(tried_at__gt=unless_since)
    return rows.update(next_at=timezone.now())


@transaction.atomic
def note(package: Package, listed: Listed, *, by: User) -> tuple[PackageVersion, bool]:
    """The version as a reference to the outside store, and whether it is new here. Its bytes stay where they are."""
    version = listed.parsed
    made, new = PackageVersion.objects.get_or_create(
        package=package,
        version=version.normalised,
        defaults={
            "sort_key": version.sort_key,
            "original": listed.version,
            "digest": listed.digest,
            "format": PackageVersion.REFERENCE,
            "members": 0,
            "unpacked_bytes": 0,
            "published_by": by,
        },
    )
    if new:
        trail.record(by, "version.seen", made, f"{made} was seen in {package.feed}.", digest=listed.digest)
    return made, new
