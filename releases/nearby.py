"""What a push and a new release need to know, each in one look, however many components and variables there are.

Projects that are asked about together are components of one stack, or one project.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from config import compiled, quick
from config.compiled import parameter
from projects.models import Process, Project, ProjectPackage, Variable
from registry.models import PackageVersion
from releases.models import Release, Trigger, TriggerEvaluation

OF_STEP = ("position", "name", "kind", "settings", "time_limit_seconds", "retries", "repeatable")
HIGHEST = 20
ALL_BUT_SNAPSHOT = tuple(field.attname for field in Release._meta.concrete_fields if field.name != "snapshot")


@dataclass(frozen=True)
class Member:
    """A package that a project holds, and the highest of its versions that a release may be made of."""

    package: int
    newest: PackageVersion | None


def triggers_watching(package: int) -> list[Trigger]:
    """The enabled triggers that a push of this package evaluates, in order: it is named in them, or where they name
    none, part of their project."""
    return compiled.rows(_watching, package=package)


def locked(project: int) -> Project:
    """The project as it is now; whoever else puts its releases together waits until the transaction ends."""
    return compiled.rows(_project, quick.locked(), pk=project)[0]


def locked_components(stack: Project) -> list[Project]:
    """The same for the components of a stack that is locked already, in their order."""
    return compiled.rows(_components, quick.locked(), stack=stack.pk)


def members_of(projects: Sequence[Project]) -> dict[int, list[Member]]:
    """The packages that each of these projects holds, in their order, by its id."""
    newest = {version.package_id: version for version in compiled.rows(_newest, top=_top(projects))}
    members: dict[int, list[Member]] = defaultdict(list)
    for project, package in compiled.rows(_members, top=_top(projects)):
        members[project].append(Member(package, newest.get(package)))
    return members


def processes_of(projects: Sequence[Project]) -> dict[int, dict[str, Any]]:
    """The processes that these projects go by as plain data, {"slug": …, "name": …, "steps": […]}, by their ids."""
    processes: dict[int, dict[str, Any]] = {}
    for pk, slug, name, *step in compiled.rows(_steps, top=_top(projects)):
        process = processes.setdefault(pk, {"slug": slug, "name": name, "steps": []})
        if step[0] is not None:
            process["steps"].append(dict(zip(OF_STEP, step, strict=True)))
    return processes


def variables_of(projects: Sequence[Project]) -> list[Variable]:
    """The shared variables, the stack's and those of all its components, in order, with their environments."""
    return compiled.rows(_variables, top=_top(projects))


def releases_holding(fingerprints: Mapping[Project, str]) -> dict[Project, Release]:
    """The release of each of these projects that has this fingerprint, where there is one."""
    where = {
        "project_id": tuple(project.pk for project in fingerprints),
        "fingerprint": tuple(fingerprints.values()),
    }
    found = {(row.project_id, row.fingerprint): row for row in quick.select(Release, ALL_BUT_SNAPSHOT, where)}
    there = {}
    for project, fingerprint in fingerprints.items():
        if release := found.get((project.pk, fingerprint)):
            release.project = project
            there[project] = release
    return there


def has_number(project: Project, number: str) -> bool:
    return bool(quick.select(Release, ("id",), {"project_id": project.pk, "number": number}))


def numbers_of(project: Project) -> set[str]:
    """The numbers that the project's releases have."""
    return {number for (number,) in compiled.rows(_numbers, project=project.pk)}


def highest_numbers_of(project: Project) -> list[str]:
    """Some of them, the highest first."""
    return [number for (number,) in compiled.rows(_highest_numbers, project=project.pk)]


def evaluations_of(version: PackageVersion) -> list[TriggerEvaluation]:
    """What the triggers made of the push of this version, in order, with everything that is told about it."""
    found = compiled.rows(_evaluations, version=version.pk)
    for evaluation in found:
        evaluation.version = version
    return found


def _top(projects: Sequence[Project]) -> int:
    return projects[0].parent_id or projects[0].pk


# -- built once -------------------------------------------------------------------------------------------------------


def _watching() -> QuerySet[Trigger]:
    named = Trigger.packages.through.objects
    holders = ProjectPackage.objects.filter(package=parameter("package"))
    part = Q(project__in=holders.values("project")) | Q(project__in=holders.values("project__parent"))
    names_none = ~Exists(named.filter(trigger=OuterRef("pk")))
    watching = Q(pk__in=named.filter(package=parameter("package")).values("trigger")) | (part & Q(names_none))
    return Trigger.objects.filter(watching, enabled=True).order_by("pk")


def _project() -> QuerySet[Project]:
    return Project.objects.filter(pk=parameter("pk")).order_by()


def _components() -> QuerySet[Project]:
    return Project.objects.filter(parent=parameter("stack")).order_by("stage", "position", "pk")


def _family() -> QuerySet[Project]:
    return Project.objects.filter(Q(pk=parameter("top")) | Q(parent=parameter("top"))).order_by()


def _members() -> "QuerySet[ProjectPackage, tuple[int, int]]":
    lines = ProjectPackage.objects.filter(project__in=_family().values("pk"))
    return lines.order_by("position", "pk").values_list("project", "package")


def _newest() -> QuerySet[PackageVersion]:
    """Of every package of the family."""
    newest = PackageVersion.objects.filter(package=OuterRef("package")).eligible().newest_first().values("pk")[:1]
    lines = ProjectPackage.objects.filter(project__in=_family().values("pk")).order_by()
    return PackageVersion.objects.filter(pk__in=lines.values(newest=Subquery(newest))).select_related("package")


def _steps() -> "QuerySet[Process, tuple[Any, ...]]":
    """One line per step; one without a step for a process that has none."""
    processes = Process.objects.filter(pk__in=_family().values("process")).order_by("pk", "steps__position")
    return processes.values_list("pk", "slug", "name", *(f"steps__{name}" for name in OF_STEP))


def _variables() -> QuerySet[Variable]:
    shown = Q(project=None) | Q(project__in=_family().values("pk"))
    return Variable.objects.filter(shown).select_related("environment").order_by("name", "pk")


def _numbers() -> "QuerySet[Release, tuple[str]]":
    return Release.objects.filter(project=parameter("project")).order_by().values_list("number")


def _highest_numbers() -> "QuerySet[Release, tuple[str]]":
    return Release.objects.filter(project=parameter("project")).newest_first().values_list("number")[:HIGHEST]


def _evaluations() -> QuerySet[TriggerEvaluation]:
    told = TriggerEvaluation.objects.select_related("trigger__project", "release__project")
    return told.filter(version=parameter("version")).order_by("pk")
