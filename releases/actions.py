"""Make it happen: releases are put together here. One verb per function, one transaction per verb."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import trail
from accounts.models import User
from projects import numbering
from projects.models import Project
from registry import actions as registry
from registry import keeping, outside
from registry.feeds import Listed
from registry.inspection import Inspection
from registry.models import Package, PackageVersion
from registry.storage import Received
from registry.versions import VersionRefused, parse
from releases import needs, snapshot
from releases.models import Release, ReleaseComponent, ReleasePackage, Trigger, TriggerEvaluation

Outcome = TriggerEvaluation.Outcome
NOTES_MAX = 20_000


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
    if created:
        for trigger in _watching(version):
            _evaluate(trigger, version, by)
    evaluations = version.evaluations.select_related("trigger__project", "release__project")
    return Intake(version, created, list(evaluations.order_by("pk")))


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
    _lock(project)  # before its components', as a push does, so that nobody waits in a circle
    chosen = _chosen(project, versions or {}, by)
    if not project.is_stack:
        return _release_of_packages(project, chosen, by=by, notes=notes, number=number)
    return _release_of_components(project, chosen, by=by, notes=notes, number=number)


@transaction.atomic
def edit_notes(release: Release, notes: str, *, by: User) -> None:
    """Replace the notes; what they were stays on record."""
    if len(notes) > NOTES_MAX:
        raise ReleaseRefused("too_long", f"Notes hold at most {NOTES_MAX:,} characters; these have {len(notes):,}.")
    locked = Release.objects.select_for_update().get(pk=release.pk)
    if locked.notes == notes:
        return
    Release.objects.filter(pk=release.pk).update(notes=notes)
    trail.record(by, "release.notes", release, f"The notes of {release} were edited.", before=locked.notes, after=notes)
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


def _watching(version: PackageVersion) -> list[Trigger]:
    """The enabled triggers that this package concerns: named in the trigger, or part of its project."""
    package = version.package_id
    part = Q(packages=None) & (Q(project__packages=package) | Q(project__components__packages=package))
    watching = Trigger.objects.filter(Q(packages=package) | part, enabled=True)
    return list(watching.select_related("project__process").distinct().order_by("pk"))


def _evaluate(trigger: Trigger, version: PackageVersion, by: User) -> None:
    """Leave exactly one visible record: created, existing or nothing, with the reason."""
    project = _lock(trigger.project)  # pushes queue up here
    release, outcome, sentence = _outcome(trigger, project, version, by)
    trigger.evaluations.create(version=version, outcome=outcome, release=release, sentence=sentence)
    trail.record(by, "trigger.evaluated", version, sentence, project_id=project.pk, outcome=str(outcome))


def _lock(project: Project) -> Project:
    """The project as it is now; whoever else puts its releases together waits until the transaction ends."""
    return Project.objects.select_for_update(of=("self",), no_key=True).get(pk=project.pk)


def _outcome(
    trigger: Trigger, project: Project, version: PackageVersion, by: User
) -> tuple[Release | None, Outcome, str]:
    try:
        with transaction.atomic():
            release, new = create(project, by=by)
    except ReleaseRefused as refusal:
        return None, Outcome.NOTHING, f"No release was created: {refusal.sentence}"
    if not new:
        return release, Outcome.EXISTING, _why_existing(release, version)
    Release.objects.filter(pk=release.pk).update(trigger=trigger)
    return release, Outcome.CREATED, f"{version} led to {release}."


def _why_existing(release: Release, version: PackageVersion) -> str:
    held = PackageVersion.objects.filter(
        Q(release_packages__release=release) | Q(release_packages__release__stack_lines__parent=release),
        package=version.package_id,
    )
    versions = list(held.select_related("package").distinct())
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


def _release_of_components(
    stack: Project, chosen: Mapping[int, PackageVersion], *, by: User, notes: str, number: str | None
) -> tuple[Release, bool]:
    components = list(stack.components.select_related("process", "parent").order_by("stage", "position", "pk"))
    if not components:
        raise ReleaseRefused("no_components", f"{stack} has no components yet. An administrator adds them.")
    lines = [(component, _release_of_packages(component, chosen, by=by)[0]) for component in components]
    contents = [
        f"{component.slug}={release.pk} stage={component.stage} when={component.condition}"
        for component, release in lines
    ]
    release, new = _store(stack, {}, contents, number=number, by=by, notes=notes)
    if new:
        ReleaseComponent.objects.bulk_create(
            ReleaseComponent(
                parent=release, component=component, release=held, stage=component.stage, condition=component.condition
            )
            for component, held in lines
        )
        _announce(release, ", ".join(f"{component} {held.number}" for component, held in lines), by)
    return release, new


def _release_of_packages(
    project: Project, chosen: Mapping[int, PackageVersion], *, by: User, notes: str = "", number: str | None = None
) -> tuple[Release, bool]:
    held = [_newest(project, package, chosen) for package in _own_packages(project)]
    if not held:
        raise ReleaseRefused("no_packages", f"{project} holds no package. An administrator adds one.")
    _hold(held)
    frozen = snapshot.take(project)
    contents = [f"{version.package_id}={version.pk}" for version in held]
    release, new = _store(project, frozen, contents, number=number or held[0].version, by=by, notes=notes)
    if new:
        ReleasePackage.objects.bulk_create(
            ReleasePackage(release=release, package_id=version.package_id, version=version) for version in held
        )
        _announce(release, ", ".join(str(version) for version in held), by)
    return release, new


def _own_packages(project: Project) -> list[int]:
    return list(project.project_packages.order_by("position", "pk").values_list("package", flat=True))


def _newest(project: Project, package: int, chosen: Mapping[int, PackageVersion]) -> PackageVersion:
    """The stated version, else the highest that may be used. Raises ReleaseRefused when there is none."""
    if package in chosen:
        return chosen[package]
    newest = PackageVersion.objects.filter(package=package).eligible().newest_first().select_related("package").first()
    if newest is None:
        raise ReleaseRefused("component_without_package", f"{project} has no package yet that could be deployed.")
    return newest


def _hold(versions: list[PackageVersion]) -> None:
    """Keep these from being removed until the release that holds them is there. Raises ReleaseRefused where one was
    removed or withdrawn since it was looked up."""
    there = keeping.hold(version.pk for version in versions)
    for version in versions:
        if version.pk not in there:
            sentence = (
                f"{version} was removed or withdrawn just now. Create the release again, or choose another version."
            )
            raise ReleaseRefused("removed", sentence)


def _store(
    project: Project,
    frozen: dict[str, object],
    contents: list[str],
    *,
    number: str | None,
    by: User,
    notes: str,
) -> tuple[Release, bool]:
    """The release with these contents: the one that exists, or a new one under the next free number."""
    project = _lock(project)  # numbers are handed out one by one
    digest = snapshot.fingerprint(frozen, contents)
    if existing := Release.objects.filter(project=project, fingerprint=digest).first():
        return existing, False
    chosen = _free_number(project, number)
    release = Release.objects.create(
        project=project,
        number=chosen,
        sort_key=parse(chosen).sort_key,
        notes=notes,
        created_by=by,
        snapshot=frozen,
        fingerprint=digest,
    )
    return release, True


def _free_number(project: Project, stated: str | None) -> str:
    taken = set(project.releases.values_list("number", flat=True))
    if stated is None:
        return numbering.next_number(project.number_pattern, timezone.localdate(), taken)
    try:
        parse(stated)
    except VersionRefused as refusal:
        raise ReleaseRefused("number_unreadable", str(refusal)) from refusal
    if stated not in taken:
        return stated
    if project.is_stack:
        raise ReleaseRefused("number_taken", f"{project} {stated} exists already and holds other contents.")
    # The same packages with another process or other variables: same place in the order, told apart by a build part.
    return next(number for n in range(2, len(taken) + 3) if (number := f"{stated}+{n}") not in taken)


def _announce(release: Release, contents: str, by: User) -> None:
    trail.record(by, "release.created", release, f"{release} was created: {contents}.")
