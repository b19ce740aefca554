"""Make it happen: releases are put together here. One verb per function, one transaction per verb."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import trail
from accounts.models import User
from config import quick
from projects import numbering
from projects.models import Project
from registry import actions as registry
from registry import keeping, outside
from registry.feeds import Listed
from registry.inspection import Inspection
from registry.models import Package, PackageVersion
from registry.storage import Received
from registry.versions import VersionRefused, parse
from releases import nearby, needs, snapshot
from releases.models import Release, ReleaseComponent, ReleasePackage, Trigger, TriggerEvaluation

Outcome = TriggerEvaluation.Outcome
NOTES_MAX = 20_000
NOTES_EDITED = "release.notes"  # on the trail


class ReleaseRefused(Exception):
    """Carries a sentence for people (`sentence`) and a code for machines."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code, self.sentence = code, sentence


@dataclass(frozen=True)
class Intake:
    """What a push led to: the published version, whether it is new, and what every trigger made of it."""

    version: PackageVersion
    created: bool
    evaluations: list[TriggerEvaluation]

    @property
    def new_releases(self) -> list[Release]:
        """The releases that this very push created."""
        if not self.created:
            return []
        return [line.release for line in self.evaluations if line.outcome == Outcome.CREATED and line.release]


@transaction.atomic
def take_in(received: Received, *, name: str, version: str, filename: str, inspection: Inspection, by: User) -> Intake:
    """Publish a package and evaluate every trigger that watches it, in one transaction.

    The same bytes again change nothing and answer with the evaluations of the first time. Raises what
    `registry.actions.publish` raises.
    """
    published = registry.publish(received, name=name, version=version, filename=filename, inspection=inspection, by=by)
    if published.created and published.version.contents:
        needs.look_for(published.version)
    return _taken_in(published.version, published.created, by)


@transaction.atomic
def take_notice(package: Package, listed: Listed, *, by: User) -> Intake:
    """Note a version that was seen in an outside store and evaluate every trigger that watches it, as a push does."""
    version, new = outside.note(package, listed, by=by)
    return _taken_in(version, new, by)


def is_watched(package: Package) -> bool:
    """Whether a project holds this outside package, or an enabled trigger names it."""
    return package.projects.exists() or package.triggers.filter(enabled=True).exists()


def _taken_in(version: PackageVersion, created: bool, by: User) -> Intake:
    if not created:
        return Intake(version, False, nearby.evaluations_of(version))
    watching = nearby.triggers_watching(version.package_id)
    return Intake(version, True, [_evaluate(trigger, version, by) for trigger in watching])


@transaction.atomic
def create(
    project: Project,
    *,
    by: User,
    versions: Mapping[str, str] | None = None,
    notes: str = "",
    number: str | None = None,
) -> tuple[Release, bool]:
    """Create a release of a stack, or of a project on its own, and say whether it is new.

    versions  package name → version, for the packages that shall not simply be the newest eligible
    number    none given: the next of the project's pattern (a project on its own: its package's version)
    The same contents again give the release that holds them already. Raises ReleaseRefused with a sentence.
    """
    project = nearby.locked(project.pk)  # before its components, as a push does, so that nobody waits in a circle
    return _put_together(project, _chosen(project, versions or {}, by), _Asked(by, notes, number))


@transaction.atomic
def edit_notes(release: Release, notes: str, *, by: User) -> None:
    """Replace the notes; what they were stays on record."""
    if len(notes) > NOTES_MAX:
        raise ReleaseRefused("too_long", f"Notes hold at most {NOTES_MAX:,} characters; these have {len(notes):,}.")
    locked = Release.objects.select_for_update().get(pk=release.pk)
    if locked.notes == notes:
        return
    Release.objects.filter(pk=release.pk).update(notes=notes)
    trail.record(by, NOTES_EDITED, release, f"The notes of {release} were edited.", before=locked.notes, after=notes)
    release.notes = notes


@transaction.atomic
def prevent_progression(release: Release, *, by: User, reason: str) -> None:
    """Keep the release out of every phase where it has not succeeded yet. Raises ReleaseRefused without a reason."""
    if not reason.strip():
        raise ReleaseRefused("reason_missing", "Say why this release may not go further, so that everybody knows.")
    held = Release.objects.filter(pk=release.pk, progression_prevented_at=None).update(
        progression_prevented_at=timezone.now(),
        progression_prevented_by=by,
        progression_prevented_reason=reason.strip(),
    )
    if not held:
        raise ReleaseRefused("prevented_already", f"The progression of {release} is prevented already.")
    trail.record(by, "release.prevented", release, f"{release} may not go further: {reason.strip()}")


@transaction.atomic
def allow_progression(release: Release, *, by: User, reason: str = "") -> None:
    """Take back `prevent_progression`. Raises ReleaseRefused when nothing was prevented."""
    freed = Release.objects.filter(pk=release.pk, progression_prevented_at__isnull=False).update(
        progression_prevented_at=None, progression_prevented_by=None, progression_prevented_reason=""
    )
    if not freed:
        raise ReleaseRefused("not_prevented", f"The progression of {release} is not prevented.")
    because = f": {reason.strip()}" if reason.strip() else "."
    trail.record(by, "release.allowed", release, f"{release} may go further again{because}")


# -- how a push becomes a release -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """Who puts a release together, and what is said of it besides its contents."""

    by: User
    notes: str = ""
    number: str | None = None
    trigger: Trigger | None = None


@dataclass(frozen=True)
class _Contents:
    """What a release of a project that is deployed itself would hold."""

    project: Project
    versions: list[PackageVersion]
    snapshot: dict[str, Any]

    @cached_property
    def fingerprint(self) -> str:
        return snapshot.fingerprint(self.snapshot, [f"{version.package_id}={version.pk}" for version in self.versions])


def _evaluate(trigger: Trigger, version: PackageVersion, by: User) -> TriggerEvaluation:
    """Leave exactly one visible record: created, existing or nothing, with the reason."""
    trigger.project = nearby.locked(trigger.project_id)  # pushes queue up here
    release, outcome, sentence = _outcome(trigger, version, by)
    evaluation = quick.insert(
        TriggerEvaluation(trigger=trigger, version=version, outcome=outcome, release=release, sentence=sentence)
    )
    trail.record(by, "trigger.evaluated", version, sentence, project_id=trigger.project_id, outcome=str(outcome))
    return evaluation


def _outcome(trigger: Trigger, version: PackageVersion, by: User) -> tuple[Release | None, Outcome, str]:
    try:
        with transaction.atomic():
            release, new = _put_together(trigger.project, {}, _Asked(by, trigger=trigger))
    except ReleaseRefused as refusal:
        return None, Outcome.NOTHING, f"No release was created: {refusal.sentence}"
    if not new:
        return release, Outcome.EXISTING, _why_existing(release, version)
    return release, Outcome.CREATED, f"{version} led to {release}."


def _why_existing(release: Release, version: PackageVersion) -> str:
    of_components = Q(release__in=release.components.order_by().values("release"))
    held = ReleasePackage.objects.filter(Q(release=release) | of_components, package=version.package_id)
    versions = [line.version for line in held.select_related("version__package")]
    if version in versions:
        return f"{release} holds {version} and the newest of everything else already."
    because = f": {versions[0]} is newer than {version}." if versions else f"; {version.package} is no part of it."
    return f"{release} holds the newest of everything already{because}"


def _chosen(project: Project, versions: Mapping[str, str], by: User) -> dict[int, PackageVersion]:
    """The stated versions by package id. Raises ReleaseRefused for what does not belong, exist or go any more."""
    chosen: dict[int, PackageVersion] = {}
    for name, text in versions.items():
        version = _stated(project, name, text, by)
        if version is None:
            raise ReleaseRefused("version_unknown", f"{project} has no package {name} {text}. Push it first.")
        if version.withdrawn_at:
            raise ReleaseRefused("withdrawn", f"{version} was withdrawn: {version.withdrawn_reason}")
        if version.is_removed:
            raise ReleaseRefused("removed", version.removal)
        chosen[version.package_id] = version
    return chosen


def _stated(project: Project, name: str, text: str, by: User) -> PackageVersion | None:
    """The version of one of the project's packages; one that an outside store lists is noted here."""
    try:
        wanted = parse(text).normalised
    except VersionRefused as refusal:
        raise ReleaseRefused("version_unreadable", str(refusal)) from refusal
    members = Package.objects.filter(Q(projects=project) | Q(projects__parent=project)).called(name)
    for package in members.select_related("feed", "listing").order_by("pk").distinct():
        if there := package.versions.select_related("package").filter(version=wanted).first():
            return there
        if listed := outside.find(package, text):
            return outside.note(package, listed, by=by)[0]
    return None


def _put_together(project: Project, chosen: Mapping[int, PackageVersion], asked: _Asked) -> tuple[Release, bool]:
    """The release of a locked project that holds what it would hold now, and whether it is new."""
    if project.is_stack:
        return _release_of_components(project, chosen, asked)
    return _releases_of_packages([project], chosen, asked)[0]


def _release_of_components(stack: Project, chosen: Mapping[int, PackageVersion], asked: _Asked) -> tuple[Release, bool]:
    components = nearby.locked_components(stack)
    if not components:
        raise ReleaseRefused("no_components", f"{stack} has no components yet. An administrator adds them.")
    releases = _releases_of_packages(components, chosen, _Asked(asked.by))
    lines = [(component, held) for component, (held, _) in zip(components, releases, strict=True)]
    contents = [
        f"{component.slug}={held.pk} stage={component.stage} when={component.condition}" for component, held in lines
    ]
    fingerprint = snapshot.fingerprint({}, contents)
    holds_something_new = any(new for _, new in releases)
    if not holds_something_new and (there := nearby.releases_holding({stack: fingerprint})):
        return there[stack], False
    release = _store(stack, asked, {}, fingerprint)
    quick.insert_all(
        [
            ReleaseComponent(
                parent=release, component=component, release=held, stage=component.stage, condition=component.condition
            )
            for component, held in lines
        ]
    )
    _announce(release, ", ".join(f"{component} {held.number}" for component, held in lines), asked.by)
    return release, True


def _releases_of_packages(
    projects: Sequence[Project], chosen: Mapping[int, PackageVersion], asked: _Asked
) -> list[tuple[Release, bool]]:
    """A release of each of these projects, which are locked: one project alone, or all components of a stack."""
    members, frozen = nearby.members_of(projects), snapshot.take_each(projects)
    contents = [
        _Contents(project, _held(project, members[project.pk], chosen), frozen[project.pk]) for project in projects
    ]
    there = nearby.releases_holding({found.project: found.fingerprint for found in contents})
    return [
        (there[found.project], False) if found.project in there else (_new(found, asked), True) for found in contents
    ]


def _held(
    project: Project, members: Sequence[nearby.Member], chosen: Mapping[int, PackageVersion]
) -> list[PackageVersion]:
    """Of each package the stated version, else the highest that may be used. Raises ReleaseRefused when there is
    none."""
    if not members:
        raise ReleaseRefused("no_packages", f"{project} holds no package. An administrator adds one.")
    held = [chosen.get(member.package, member.newest) for member in members]
    if None in held:
        raise ReleaseRefused("component_without_package", f"{project} has no package yet that could be deployed.")
    return [version for version in held if version]


def _new(contents: _Contents, asked: _Asked) -> Release:
    _hold(contents.versions)
    number = asked.number or contents.versions[0].version
    release = _store(contents.project, replace(asked, number=number), contents.snapshot, contents.fingerprint)
    quick.insert_all(
        [
            ReleasePackage(release=release, package_id=version.package_id, version=version)
            for version in contents.versions
        ]
    )
    _announce(release, ", ".join(str(version) for version in contents.versions), asked.by)
    return release


def _hold(versions: Sequence[PackageVersion]) -> None:
    """Keep these from being removed until the release that holds them is there. Raises ReleaseRefused where one was
    removed or withdrawn since it was looked up."""
    there = keeping.hold(version.pk for version in versions)
    for version in versions:
        if version.pk not in there:
            sentence = (
                f"{version} was removed or withdrawn just now. Create the release again, or choose another version."
            )
            raise ReleaseRefused("removed", sentence)


def _store(project: Project, asked: _Asked, frozen: dict[str, Any], fingerprint: str) -> Release:
    """The new release of a locked project: numbers are handed out one by one."""
    number = _free_number(project, asked.number)
    return quick.insert(
        Release(
            project=project,
            number=number,
            sort_key=parse(number).sort_key,
            notes=asked.notes,
            created_by=asked.by,
            trigger=asked.trigger,
            snapshot=frozen,
            fingerprint=fingerprint,
        )
    )


def _free_number(project: Project, stated: str | None) -> str:
    if stated is None:
        return _next_number(project)
    try:
        parse(stated)
    except VersionRefused as refusal:
        raise ReleaseRefused("number_unreadable", str(refusal)) from refusal
    if not nearby.has_number(project, stated):
        return stated
    if project.is_stack:
        raise ReleaseRefused("number_taken", f"{project} {stated} exists already and holds other contents.")
    # The same packages with another process or other variables: same place in the order, told apart by a build part.
    taken = nearby.numbers_of(project)
    return next(number for n in range(2, len(taken) + 3) if (number := f"{stated}+{n}") not in taken)


def _next_number(project: Project) -> str:
    pattern, today = project.number_pattern, timezone.localdate()
    told = numbering.number_after(pattern, today, nearby.highest_numbers_of(project))
    return told or numbering.next_number(pattern, today, nearby.numbers_of(project))


def _announce(release: Release, contents: str, by: User) -> None:
    trail.record(by, "release.created", release, f"{release} was created: {contents}.")
