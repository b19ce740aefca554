"""Bring the configuration to what a blueprint says.

Rows are compared one by one, checked before they are written, and written in one transaction that is kept only when
nothing at all was refused. What the blueprint does not name stays; of what it names, the lists that it gives (packages,
steps, phases, who may approve) are brought to exactly what it says.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import models, transaction

from accounts import configuring
from accounts.configuring import CONCEALED, difference, titled
from accounts.models import Membership, User
from config.encryption import CannotDecrypt
from lifecycles import actions as lifecycles
from lifecycles.models import Environment, Lifecycle, Phase
from lifecycles.rules import Problem, WantedPhase, why_not_phase, why_not_together, why_not_without
from projects import rules
from projects.models import ApprovalRule, Process, Project, Step, Variable
from projects.wording import title_of_variable
from registry import outside
from registry.models import Feed, ManifestSource, Package
from registry.rules import why_not_feed, why_not_package_name
from registry.sources import why_not_name
from releases import blueprint as shapes
from releases.blueprint import Blueprint, BlueprintRefused
from releases.models import RetentionRule, Trigger

SAID_OF_BOTH = ("name", "description", "time_limit_seconds", "commit_url", "work_item_url")  # projects and components
OUT_OF_THE_WAY = 1_000_000  # where positions wait while rows change places, since each may exist only once


@dataclass(frozen=True)
class Change:
    """One thing that is, or would be, different: “Patient UI: stage 1 → 2”. Never holds a sensitive value."""

    sentence: str

    def __str__(self) -> str:
        return self.sentence


def changes(blueprint: Blueprint) -> list[Change]:
    """What `apply` would change. Writes nothing; raises BlueprintRefused like `apply`."""
    return apply(blueprint, by=None, dry_run=True)


def apply(blueprint: Blueprint, by: User | None, dry_run: bool = False) -> list[Change]:
    """Bring the configuration to what the blueprint says; every change leaves a line on the trail. Again: no changes.

    by  None: the command line.
    Raises BlueprintRefused with everything that is wrong; nothing is written then.
    """
    work = _Work(by)
    with transaction.atomic():
        for bring in _ORDER:
            bring(work, blueprint)
        if work.problems:
            raise BlueprintRefused(work.problems)
        if dry_run:
            transaction.set_rollback(True)
    return work.changes


class _Work:
    """What was changed and what was refused so far."""

    def __init__(self, by: User | None) -> None:
        self.by = by
        self.changes: list[Change] = []
        self.problems: list[str] = []
        self._seen: set[tuple[object, ...]] = set()
        self._refused: set[tuple[type[models.Model], str]] = set()

    def note(self, row: models.Model, sentence: str) -> None:
        self.changes.append(Change(sentence))
        configuring.record(self.by, row, sentence)

    def refuse(self, place: str, sentence: str) -> None:
        self.problems.append(f"{place}: {sentence}")

    def give_up(self, model: type[models.Model], name: str) -> None:
        """This was refused: what refers to it is left out without another sentence."""
        self._refused.add((model, name))

    def once(self, place: str, *key: object) -> bool:
        """Whether this is the first time that the file names this; otherwise it is refused."""
        if key in self._seen:
            self.refuse(place, "This is named twice in the file. Keep one of them.")
            return False
        self._seen.add(key)
        return True

    def find(self, place: str, model: type[models.Model], field: str, name: str | None) -> Any:
        """The row that the file refers to; None where it names none, or where that is refused."""
        if name is None:
            return None
        row = model._default_manager.filter(**{field: name}).first()
        if row is None and (model, name) not in self._refused:
            kind = model._meta.verbose_name
            self.refuse(place, f"There is no {kind} “{name}”, neither in this file nor stored. Check its spelling.")
        return row

    def find_all(self, place: str, model: type[models.Model], field: str, names: Sequence[str]) -> list[Any]:
        found = [self.find(f"{place}[{index}]", model, field, name) for index, name in enumerate(names)]
        return [row for row in found if row is not None]

    def bring(
        self,
        place: str,
        row: models.Model,
        values: dict[str, Any],
        *,
        why_not: Callable[[], Iterable[Problem]] = tuple,
        named: str | None = None,
        quiet: bool = False,
    ) -> bool:
        """Bring one row to these values, unless something is wrong with it.

        named  how others in the file refer to it; quiet: somebody else says that it was created
        """
        new = row._state.adding
        before = {name: getattr(row, name) for name in values} if not new else {}
        for name, value in values.items():
            setattr(row, name, value)
        problems = [*_wrong_with(row), *why_not()]
        for problem in problems:
            self.refuse(f"{place}.{problem.field}" if problem.field else place, problem.sentence)
        if problems:
            if named is not None:
                self.give_up(type(row), named)
            return False
        differences = [_difference(row, name, old) for name, old in before.items() if old != getattr(row, name)]
        if new or differences:
            # Only what the file says: a column that never changes may not even be written again.
            row.save(update_fields=None if new else list(values))
        if differences or (new and not quiet):
            self.note(row, f"{titled(row)}: {', '.join(differences) or 'created'}")
        return True

    def bring_list(
        self, row: models.Model, label: str, held: Any, wanted: Sequence[models.Model], *, new: bool
    ) -> None:
        """Bring the rows of a many-to-many relation to exactly these."""
        before = sorted(map(str, held.all()))
        after = sorted(map(str, wanted))
        if before != after:
            held.set(wanted)
            if not new:
                self.note(row, f"{titled(row)}: {difference(label, before, after)}")


def _wrong_with(row: models.Model) -> list[Problem]:
    """What the row's own fields and constraints say."""
    try:
        row.full_clean()
    except ValidationError as error:
        return [
            Problem("" if field == NON_FIELD_ERRORS else field, sentence)
            for field, sentences in error.message_dict.items()
            for sentence in sentences
        ]
    return []


def _difference(row: models.Model, name: str, before: object) -> str:
    field: Any = row._meta.get_field(name)
    labels = dict(field.flatchoices or ())
    after = getattr(row, name)
    return difference(str(field.verbose_name), labels.get(before, before), labels.get(after, after))


# -- where things may go ----------------------------------------------------------------------------------------------


def _environments(work: _Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.environments):
        place = f"environments[{index}]"
        if work.once(place, Environment, shape.slug):
            row = Environment.objects.filter(slug=shape.slug).first() or Environment(slug=shape.slug)
            values = shape.said(
                "name", "is_production", "worker_pool", "base_url", "guided_failure", "second_pair_of_eyes", "capacity"
            )
            values["position"] = index + 1 if shape.position is None else shape.position
            work.bring(place, row, values, named=shape.slug)


def _lifecycles(work: _Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.lifecycles):
        place = f"lifecycles[{index}]"
        if work.once(place, Lifecycle, shape.slug):
            row = Lifecycle.objects.filter(slug=shape.slug).first() or Lifecycle(slug=shape.slug)
            new = row._state.adding
            if (
                work.bring(place, row, shape.said("name", "description"), named=shape.slug)
                and "phases" in shape.model_fields_set
            ):
                _phases(work, f"{place}.phases", row, shape.phases, new=new)


def _phases(work: _Work, place: str, lifecycle: Lifecycle, wanted: list[shapes.PhaseShape], *, new: bool) -> None:
    refused = len(work.problems)
    phases = [_wanted_phase(work, f"{place}[{index}]", shape) for index, shape in enumerate(wanted)]
    for index, phase in enumerate(phases):
        work.once(f"{place}[{index}]", Phase, lifecycle.pk, phase.name)
    staying = {environment.pk for phase in phases for environment in phase.environments}
    leaving = Environment.objects.filter(places__lifecycle=lifecycle).exclude(pk__in=staying)
    for sentence in (*why_not_together(phases), *why_not_without(lifecycle, leaving)):
        work.refuse(place, sentence)
    if len(work.problems) > refused:
        return
    before = _route(lifecycle)
    rows = _in_order(work, lifecycle, lifecycle.phases, [phase.name for phase in phases], quiet=new)
    for index, (phase, shape) in enumerate(zip(phases, wanted, strict=True)):
        row = rows.get(phase.name) or Phase(lifecycle=lifecycle, name=phase.name, position=index + 1)
        work.bring(f"{place}[{index}]", row, shape.said("optional", "minimum"), quiet=True)
        rows[phase.name] = row
    lifecycles.place_environments(lifecycle, [(rows[phase.name], phase) for phase in phases])
    if (after := _route(lifecycle)) != before and not new:
        work.note(lifecycle, f"{titled(lifecycle)}: {difference('environments', before, after)}")


def _wanted_phase(work: _Work, place: str, shape: shapes.PhaseShape) -> WantedPhase:
    named = [
        (
            work.find(f"{place}.environments[{index}].environment", Environment, "slug", where.environment),
            where.automatic,
        )
        for index, where in enumerate(shape.environments)
    ]
    found = [(environment, automatic) for environment, automatic in named if environment is not None]
    phase = WantedPhase(
        shape.name,
        [environment for environment, _ in found],
        [environment for environment, automatic in found if automatic],
        shape.minimum,
    )
    if len(found) == len(named):  # otherwise what is missing has been said, and the rest would mislead
        for problem in why_not_phase(phase):
            work.refuse(f"{place}.{problem.field}", problem.sentence)
    return phase


def _route(lifecycle: Lifecycle) -> list[str]:
    """Where it leads, phase by phase: ["Test: TEST (automatic)", "Production: PROD"]."""
    route = []
    for phase in lifecycle.phases.prefetch_related("places__environment").order_by("position"):
        places = (f"{where.environment}{' (automatic)' if where.automatic else ''}" for where in phase.places.all())
        route.append(f"{phase.name}: {' and '.join(places)}")
    return route


def _in_order(work: _Work, owner: models.Model, held: Any, names: list[str], *, quiet: bool) -> dict[str, Any]:
    """The rows of an ordered list by name, without those that are not wanted, and the wanted ones in this order."""
    stored = {row.name: row for row in held.order_by("position")}
    if list(stored) == names:
        return stored
    held.exclude(name__in=names).delete()
    held.update(position=models.F("position") + OUT_OF_THE_WAY)
    for position, name in enumerate(names, start=1):
        held.filter(name=name).update(position=position)
    kind = held.model._meta.verbose_name_plural
    if not quiet:
        work.note(owner, f"{titled(owner)}: {difference(str(kind), list(stored), names)}")
    return {row.name: row for row in held.all()}


# -- what they are made of --------------------------------------------------------------------------------------------


def _feeds(work: _Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.feeds):
        place = f"feeds[{index}]"
        if not work.once(place, Feed, shape.slug):
            continue
        row = Feed.objects.filter(slug=shape.slug).first() or Feed(slug=shape.slug, kind=shape.kind)
        changed = "secret" in shape.model_fields_set and _readable(row) != shape.secret

        def why_not(row: Feed = row, shape: shapes.FeedShape = shape) -> Iterable[Problem]:
            return (Problem(*wrong) for wrong in why_not_feed(row, shape.kind))

        new = row._state.adding
        if changed:
            row.set_secret(shape.secret)
        values = shape.said("name", "url", "username", "enabled", "poll_seconds")
        if work.bring(place, row, values, why_not=why_not, named=shape.slug) and changed:
            row.save(update_fields=["secret"])
            if not new:
                work.note(row, f"{titled(row)}: password or token: {CONCEALED}")


# -- how things are deployed ------------------------------------------------------------------------------------------


def _processes(work: _Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.processes):
        place = f"processes[{index}]"
        if work.once(place, Process, shape.slug):
            row = Process.objects.filter(slug=shape.slug).first() or Process(slug=shape.slug)
            new = row._state.adding
            if (
                work.bring(place, row, shape.said("name", "description"), named=shape.slug)
                and "steps" in shape.model_fields_set
            ):
                _steps(work, f"{place}.steps", row, shape.steps, new=new)


def _steps(work: _Work, place: str, process: Process, wanted: list[shapes.StepShape], *, new: bool) -> None:
    firsts = [work.once(f"{place}[{index}]", Step, process.pk, shape.name) for index, shape in enumerate(wanted)]
    if not all(firsts):
        return
    rows = _in_order(work, process, process.steps, [shape.name for shape in wanted], quiet=new)
    for index, shape in enumerate(wanted):
        row = rows.get(shape.name) or Step(process=process, name=shape.name, position=index + 1)
        values = shape.said("kind", "settings", "time_limit_seconds", "retries", "repeatable")

        def why_not(row: Step = row) -> Iterable[Problem]:
            return rules.why_not_step(row.kind, row.settings)

        work.bring(f"{place}[{index}]", row, values, why_not=why_not, quiet=True)


# -- what belongs together --------------------------------------------------------------------------------------------


def _projects(work: _Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.projects):
        place = f"projects[{index}]"
        values = shape.said(*SAID_OF_BOTH, "number_pattern", "reverse_on_rollback")
        values |= {"kind": Project.Kind(shape.kind), "parent": None, "stage": 0}
        project = _project(work, place, shape, values)
        if shape.components and shape.kind != "stack":
            work.refuse(f"{place}.components", f"{shape.name} is not a stack, so it has no components.")
        elif project is not None:
            _components(work, f"{place}.components", project, shape.components)
        if project is not None:
            _triggers(work, f"{place}.triggers", project, shape.triggers)


def _components(work: _Work, place: str, stack: Project, wanted: list[shapes.ComponentShape]) -> None:
    for index, shape in enumerate(wanted):
        values = shape.said(*SAID_OF_BOTH, "stage", "condition")
        values |= {"kind": Project.Kind.COMPONENT, "parent": stack, "position": index + 1}
        _project(work, f"{place}[{index}]", shape, values)


def _project(
    work: _Work, place: str, shape: shapes.ProjectShape | shapes.ComponentShape, values: dict[str, Any]
) -> Project | None:
    """Bring one project with its packages and variables; None where it is refused."""
    if not work.once(place, Project, shape.slug):
        return None
    refused = len(work.problems)
    for name, model in (("lifecycle", Lifecycle), ("process", Process)):
        if name in shape.model_fields_set:
            values[name] = work.find(f"{place}.{name}", model, "slug", getattr(shape, name))
            if values[name] is None and getattr(shape, name) is not None:
                work.give_up(Project, shape.slug)
                return None
    row = Project.objects.filter(slug=shape.slug).first() or Project(slug=shape.slug)
    new = row._state.adding
    held = [] if new else [_reference(line.package) for line in row.project_packages.select_related("package__feed")]
    wanted = shape.packages if "packages" in shape.model_fields_set else held
    _check_packages(work, f"{place}.packages", shape)
    if (
        not work.bring(place, row, values, why_not=lambda: rules.why_not_project(row, wanted), named=shape.slug)
        or len(work.problems) > refused
    ):
        return None
    if wanted != held:
        _bring_packages(work, row, held, wanted, new=new)
    _variables(work, f"{place}.variables", shape.variables, row)
    return row


def _check_packages(work: _Work, place: str, shape: shapes.ProjectShape | shapes.ComponentShape) -> None:
    for index, name in enumerate(shape.packages):
        here = f"{place}[{index}]"
        if work.once(here, "package", shape.slug, name.lower()):
            feed, own = _split(work, here, name)
            if feed and (sentence := why_not_package_name(feed, own)):
                work.refuse(here, sentence)


def _bring_packages(work: _Work, project: Project, held: list[str], wanted: list[str], *, new: bool) -> None:
    packages = [_package(work, *_split(work, "packages", name)) for name in wanted]
    project.project_packages.exclude(package__in=packages).delete()
    for position, package in enumerate(packages, start=1):
        project.project_packages.update_or_create(package=package, defaults={"position": position})
    names = [_reference(package) for package in packages]
    if not new and names != held:
        work.note(project, f"{titled(project)}: {difference('packages', held, names)}")


def _split(work: _Work, place: str, reference: str) -> tuple[Any, str]:
    """The feed and the name there: “patient-ui” lies in the built-in one, “exchange/com.example:api” in another. The feed
    is None where there is none of this name, which has been said then."""
    feed, slash, name = reference.partition("/")
    return (work.find(place, Feed, "slug", feed), name) if slash else (Feed.builtin(), reference)


def _reference(package: Package) -> str:
    return package.name if package.feed.is_builtin else f"{package.feed.slug}/{package.name}"


def _package(work: _Work, feed: Feed, name: str) -> Package:
    """The package of this name in that feed; created where nobody has pushed it, or looked it up, yet."""
    there = Package.objects.filter(feed=feed).called(name).select_related("feed").first()
    if there is not None:
        return there
    package = Package.objects.create(feed=feed, name=name) if feed.is_builtin else outside.watch(feed, name)
    work.note(package, f"{titled(package)}: created")
    return package


def _triggers(work: _Work, place: str, project: Project, wanted: list[shapes.TriggerShape]) -> None:
    for index, shape in enumerate(wanted):
        here = f"{place}[{index}]"
        if not work.once(here, Trigger, project.pk, shape.name):
            continue
        packages = _named(work, f"{here}.packages", shape.packages)
        row = project.triggers.filter(name=shape.name).first() or Trigger(project=project, name=shape.name)
        new = row._state.adding
        if work.bring(here, row, shape.said("enabled")) and "packages" in shape.model_fields_set:
            work.bring_list(row, "packages", row.packages, packages, new=new)


def _named(work: _Work, place: str, references: Sequence[str]) -> list[Package]:
    """The packages that a trigger names, which are there already."""
    found = []
    for index, reference in enumerate(references):
        feed, name = _split(work, f"{place}[{index}]", reference)
        package = Package.objects.filter(feed=feed).called(name).first() if feed else None
        if package is not None:
            found.append(package)
        elif feed is not None:
            sentence = f"There is no package “{reference}”, neither in this file nor stored. Check its spelling."
            work.refuse(f"{place}[{index}]", sentence)
    return found


# -- what packages are called, and how their manifests are read --------------------------------------------------------


def _packages(work: _Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.packages):
        place = f"packages[{index}]"
        feed = work.find(f"{place}.feed", Feed, "slug", shape.feed) if shape.feed else Feed.builtin()
        if feed is None or not work.once(place, Package, feed.pk, shape.name.lower()):
            continue
        if sentence := why_not_package_name(feed, shape.name):
            work.refuse(f"{place}.name", sentence)
            continue
        package = _package(work, feed, shape.name)
        manifest = shape.manifest.said("file", "form") if shape.manifest else {}
        values = shape.said("label", "prereleases") | {f"manifest_{name}": value for name, value in manifest.items()}
        if work.bring(place, package, values) and "sources" in shape.model_fields_set:
            _sources(work, f"{place}.sources", package, shape.sources)


def _sources(work: _Work, place: str, package: Package, wanted: list[shapes.SourceShape]) -> None:
    stored = {row.components: row for row in package.manifest_sources.select_related("feed", "package")}
    for index, shape in enumerate(wanted):
        here = f"{place}[{index}]"
        feed = work.find(f"{here}.feed", Feed, "slug", shape.feed)
        if feed is None or not work.once(here, ManifestSource, package.pk, shape.components):
            continue
        row = stored.pop(shape.components, None) or ManifestSource(package=package, components=shape.components)

        def why_not(row: ManifestSource = row) -> Iterable[Problem]:
            return [Problem("name", sentence)] if (sentence := why_not_name(row.name)) else []

        work.bring(here, row, shape.said("name") | {"feed": feed, "position": index}, why_not=why_not)
    kept = {shape.components for shape in wanted}
    for row in stored.values():
        if row.components not in kept:
            row.delete()
            work.note(package, f"{titled(row)}: deleted")


# -- with which values ------------------------------------------------------------------------------------------------


def _shared_variables(work: _Work, blueprint: Blueprint) -> None:
    _variables(work, "variables", blueprint.variables, None)


def _variables(work: _Work, place: str, wanted: list[shapes.VariableShape], project: Project | None) -> None:
    for index, shape in enumerate(wanted):
        here = f"{place}[{index}]"
        environment = work.find(f"{here}.environment", Environment, "slug", shape.environment)
        if environment is None and shape.environment is not None:
            continue
        if work.once(here, Variable, project and project.pk, environment and environment.pk, shape.name):
            scope = {"project": project, "environment": environment, "name": shape.name}
            _variable(work, here, Variable.objects.filter(**scope).first() or Variable(**scope), shape)


def _variable(work: _Work, place: str, row: Variable, shape: shapes.VariableShape) -> None:
    """Sensitive values are compared decrypted, and never written into a sentence."""
    new, was_sensitive, before = row._state.adding, row.sensitive, _readable(row)
    sensitive = shape.sensitive if "sensitive" in shape.model_fields_set else was_sensitive
    if not new and before == shape.value and was_sensitive == sensitive:
        return
    row.set_value(shape.value, sensitive=sensitive)
    problems = [*_wrong_with(row), *rules.why_not_variable_name(row.name)]
    for problem in problems:
        work.refuse(f"{place}.{problem.field}" if problem.field else place, problem.sentence)
    if problems:
        return
    row.save()
    details = []
    if before != shape.value:
        details.append(CONCEALED if sensitive or was_sensitive else difference("value", before, shape.value))
    if was_sensitive != sensitive:
        details.append(difference("sensitive", was_sensitive, sensitive))
    work.note(row, f"{title_of_variable(row)}: {'created' if new else ', '.join(details)}")


def _readable(row: Variable | Feed) -> str | None:
    """The stored value; None where its key is lost, so that the file's value takes its place."""
    try:
        return row.plaintext
    except CannotDecrypt:
        return None


# -- who must agree, and who may what ---------------------------------------------------------------------------------


def _groups(work: _Work, blueprint: Blueprint) -> None:
    for index, name in enumerate(blueprint.groups):
        place = f"groups[{index}]"
        if work.once(place, Group, name) and not Group.objects.filter(name=name).exists():
            work.bring(place, Group(name=name), {}, named=name)


def _rules(work: _Work, blueprint: Blueprint) -> None:
    lists = (
        ("environments", Environment, "slug"),
        ("projects", Project, "slug"),
        ("groups", Group, "name"),
        ("people", User, "username"),
    )
    for index, shape in enumerate(blueprint.approval_rules):
        place = f"approval_rules[{index}]"
        if not work.once(place, ApprovalRule, shape.name):
            continue
        refused = len(work.problems)
        row = ApprovalRule.objects.filter(name=shape.name).first() or ApprovalRule(name=shape.name)
        new = row._state.adding
        named = {
            name: work.find_all(f"{place}.{name}", model, field, getattr(shape, name))
            for name, model, field in lists
            if name in shape.model_fields_set
        }
        held = {name: [] if new else list(getattr(row, name).all()) for name, _, _ in lists} | named
        complete = all(len(rows) == len(getattr(shape, name)) for name, rows in named.items())

        def why_not(row: ApprovalRule = row, held: dict[str, list[Any]] = held) -> Iterable[Problem]:
            return rules.why_not_rule(row.minimum, row.roles, held["groups"], held["people"])

        values = shape.said("roles", "minimum", "requester_may", "creator_may")
        if complete and len(work.problems) == refused and work.bring(place, row, values, why_not=why_not):
            for name, rows in named.items():
                work.bring_list(row, name, getattr(row, name), rows, new=new)


def _grants(work: _Work, blueprint: Blueprint) -> None:
    references = (
        ("user", User, "username"),
        ("group", Group, "name"),
        ("project", Project, "slug"),
        ("environment", Environment, "slug"),
    )
    for index, shape in enumerate(blueprint.grants):
        place = f"grants[{index}]"
        named = {
            name: work.find(f"{place}.{name}", model, field, getattr(shape, name)) for name, model, field in references
        }
        if any(named[name] is None and getattr(shape, name) is not None for name in named):
            continue
        grant = named | {"role": shape.role}
        if work.once(place, Membership, *grant.values()) and not Membership.objects.filter(**grant).exists():
            work.bring(place, Membership(**grant), {})


# -- what is kept -----------------------------------------------------------------------------------------------------


def _retention(work: _Work, blueprint: Blueprint) -> None:
    for index, shape in enumerate(blueprint.retention):
        place = f"retention[{index}]"
        package = Package.objects.named(shape.package).first() if shape.package is not None else None
        if shape.package is not None and package is None:
            sentence = f"There is no package “{shape.package}”, neither in this file nor stored. Check its spelling."
            work.refuse(f"{place}.package", sentence)
        elif work.once(place, RetentionRule, package and package.pk):
            row = RetentionRule.objects.filter(package=package).first() or RetentionRule(package=package)
            work.bring(place, row, shape.said("keep_days", "keep_newest", "enabled"))


# Whatever refers to something comes after it.
_ORDER: tuple[Callable[[_Work, Blueprint], None], ...] = (
    _environments,
    _feeds,
    _lifecycles,
    _processes,
    _groups,
    _projects,
    _packages,
    _shared_variables,
    _rules,
    _grants,
    _retention,
)
