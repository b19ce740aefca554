"""Retention: which versions' bytes are kept, and removing the others. The versions themselves stay on record.

`judge` and `plan` say what the rules come to and are pure; `apply` does it, version by version, and asks once more under
a lock. A version goes only if everything that its rule names lets it go. Whatever the rule says, a version stays that a
release holds (so that whatever is, was or could become live stays deployable), than which no higher one may be used, or
that was pushed within the last day. A withdrawn version goes by the same rules, but takes no place among the highest.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.db import transaction
from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from accounts import trail
from registry import keeping
from registry.models import Attachment, PackageVersion
from releases.models import ReleasePackage, RetentionRule

GRACE = timedelta(days=1)
"""Nothing younger is removed, so that there is time to make a release of what was pushed below the highest version."""


class Stays(Enum):
    """Why a version is kept."""

    HELD = "A release holds it"
    HIGHEST = "No higher version may be used"
    NEWEST = "It is among the highest that its rule keeps"
    YOUNG = "It is not old enough"


@dataclass(frozen=True)
class Candidate:
    """A version with bytes, as far as the rules look at it."""

    pk: int
    package: int
    name: str
    sort_key: str
    since: datetime  # when it was pushed, or its bytes were brought anew
    is_usable: bool  # not withdrawn
    is_held: bool  # by a release
    artifact: int
    size: int  # in bytes
    shared: int = 1  # how many versions that are not removed consist of these bytes, this one included
    is_attached: bool = False  # whether an attachment consists of them, too


@dataclass(frozen=True)
class Removal:
    """A version that goes. `because` goes on after “was removed:” and has no full stop."""

    version: Candidate
    rule: RetentionRule
    because: str


@dataclass(frozen=True)
class Stay:
    """A version that its rule, or what goes before every rule, keeps."""

    version: Candidate
    rule: RetentionRule
    why: Stays
    because: str


# -- what the rules come to -------------------------------------------------------------------------------------------


def judge(rules: Iterable[RetentionRule], versions: Iterable[Candidate], now: datetime) -> Iterator[Removal | Stay]:
    """What becomes of each version, highest first within its package, whether its rule is enabled or not.

    A package's own rule takes the place of the general one, also while it is not enabled. Of what no rule is about
    nothing is said.
    """
    by_package = {rule.package_id: rule for rule in rules}
    usable: dict[int, int] = {}  # package → how many higher versions may be used
    for version in sorted(versions, key=lambda version: (version.package, version.sort_key), reverse=True):
        higher = usable.get(version.package, 0)
        usable[version.package] = higher + version.is_usable
        rule = by_package.get(version.package) or by_package.get(None)
        if rule is not None:
            yield _judge(version, rule, higher, now)


def plan(rules: Iterable[RetentionRule], versions: Iterable[Candidate], now: datetime) -> list[Removal]:
    """Those of these versions that go."""
    return [verdict for verdict in judge(rules, versions, now) if isinstance(verdict, Removal)]


def _judge(version: Candidate, rule: RetentionRule, higher: int, now: datetime) -> Removal | Stay:
    age = now - version.since
    if version.is_held:
        return Stay(version, rule, Stays.HELD, "A release holds it.")
    if higher == 0:
        return Stay(version, rule, Stays.HIGHEST, "No higher version may be used.")
    if rule.keep_newest is not None and higher < rule.keep_newest:
        return Stay(version, rule, Stays.NEWEST, f"It is among the {rule.keep_newest} highest.")
    if rule.keep_days is not None and age <= timedelta(days=rule.keep_days):
        return Stay(version, rule, Stays.YOUNG, f"It is not older than {_days(rule.keep_days)}.")
    if age <= GRACE:
        return Stay(version, rule, Stays.YOUNG, "It was pushed within the last day.")
    return Removal(version, rule, _because(rule))


def _because(rule: RetentionRule) -> str:
    older = [f"it is older than {_days(rule.keep_days)}"] if rule.keep_days is not None else []
    lower = [_higher(rule.keep_newest)] if rule.keep_newest is not None else []
    *reasons, last = ["no release holds it", *older, *lower]
    return f"{', '.join(reasons)} and {last} (rule {rule})"


def _days(count: int) -> str:
    return f"{count} day{'' if count == 1 else 's'}"


def _higher(count: int) -> str:
    return f"{count} higher ones may be used" if count > 1 else "a higher one may be used"


def freed_by(removals: Sequence[Removal]) -> int:
    """How many bytes the storage gets back by all of these together: what something else consists of, too, stays."""
    going: dict[int, list[Candidate]] = {}
    for removal in removals:
        going.setdefault(removal.version.artifact, []).append(removal.version)
    return sum(same[0].size for same in going.values() if len(same) == same[0].shared and not same[0].is_attached)


# -- what there is ----------------------------------------------------------------------------------------------------


def foresee(rule: RetentionRule | None = None) -> list[Removal | Stay]:
    """What this rule, or all of them, would come to now, enabled or not. Writes nothing."""
    rules = _rules()
    versions = _present(rules if rule is None else [rule])
    verdicts = judge(rules, _candidates(versions), timezone.now())
    return [verdict for verdict in verdicts if rule is None or verdict.rule.pk == rule.pk]


def apply(*, at_most: int | None = None) -> list[Removal]:
    """Remove what the enabled rules let go, and return it. Each version goes in a transaction of its own and leaves a
    line on the trail; what somebody is just putting to use is passed over.

    at_most  so many are enough for now
    """
    rules = _rules()
    planned = [removal for removal in plan(rules, _candidates(_present(rules)), timezone.now()) if removal.rule.enabled]
    return [removed for removal in planned[:at_most] if (removed := remove(removal.version.pk))]


@transaction.atomic
def remove(pk: int) -> Removal | None:
    """Remove the version with this primary key, if the enabled rules still let it go once nobody can put it to use any
    more; None otherwise."""
    version = keeping.locked(pk)
    removal = _still(version) if version is not None else None
    if version is None or removal is None or not keeping.remove(version, removal.because):
        return None
    facts = {"size": removal.version.size, "rule": removal.rule.pk}
    trail.record(None, "version.removed", version, f"{version} was removed: {removal.because}.", **facts)
    return removal


def _still(version: PackageVersion) -> Removal | None:
    rules = [rule for rule in _rules() if rule.package_id in (None, version.package_id)]
    enough = max([rule.keep_newest or 1 for rule in rules], default=1)
    present = _present(rules).filter(package=version.package_id)
    higher = present.filter(withdrawn_at=None, sort_key__gt=version.sort_key).order_by("sort_key")[:enough]
    found = [*_candidates(present.filter(pk=version.pk)), *_candidates(higher)]
    planned = plan(rules, found, timezone.now())
    return next((removal for removal in planned if removal.version.pk == version.pk and removal.rule.enabled), None)


def _rules() -> list[RetentionRule]:
    return list(RetentionRule.objects.select_related("package"))


def _present(rules: Sequence[RetentionRule]) -> QuerySet[PackageVersion]:
    """The versions with bytes that these rules are about."""
    there = PackageVersion.objects.filter(removed_at=None, artifact__isnull=False)
    if any(rule.package_id is None for rule in rules):
        return there
    return there.filter(package__in=[rule.package_id for rule in rules])


def _candidates(versions: QuerySet[PackageVersion]) -> Iterator[Candidate]:
    """One query. Named columns only: the manifests of many versions are not read for it."""
    same = PackageVersion.objects.filter(removed_at=None, artifact=OuterRef("artifact")).order_by().values("artifact")
    rows = versions.annotate(
        since=Greatest("published_at", "artifact__stored_at"),
        held=Exists(ReleasePackage.objects.filter(version=OuterRef("pk"))),
        shared=Coalesce(Subquery(same.annotate(count=Count("pk")).values("count"), output_field=IntegerField()), 1),
        attached=Exists(Attachment.objects.filter(artifact=OuterRef("artifact"))),
    )
    columns = (
        *("pk", "package", "package__name", "package__label", "version", "sort_key", "since", "withdrawn_at"),
        *("held", "artifact", "artifact__size", "shared", "attached"),
    )
    for row in rows.values_list(*columns):
        pk, package, name, label, number, sort_key, since, withdrawn_at, held, artifact, size, shared, attached = row
        called = f"{label or name} {number}"
        yield Candidate(
            pk, package, called, sort_key, since, withdrawn_at is None, held, artifact, size, shared, attached
        )
