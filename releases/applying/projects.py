"""How things are deployed, and what belongs together: projects with their components, packages and triggers."""

from collections.abc import Iterable
from typing import Any

from accounts.configuring import difference, titled
from lifecycles.models import Lifecycle
from lifecycles.rules import Problem
from projects import rules
from projects.models import Process, Project, Step
from registry.rules import why_not_package_name
from releases import blueprint as shapes
from releases.applying.packages import named_packages, package_at, reference, split
from releases.applying.variables import bring_variables
from releases.applying.work import Work, in_order
from releases.blueprint import Blueprint
from releases.models import Trigger

SAID_OF_BOTH = ("name", "description", "time_limit_seconds", "commit_url", "work_item_url")  # projects and components


# -- how things are deployed ------------------------------------------------------------------------------------------


def processes(work: Work, blueprint: Blueprint) -> None:
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


def _steps(work: Work, place: str, process: Process, wanted: list[shapes.StepShape], *, new: bool) -> None:
    firsts = [work.once(f"{place}[{index}]", Step, process.pk, shape.name) for index, shape in enumerate(wanted)]
    if not all(firsts):
        return
    rows = in_order(work, process, process.steps, [shape.name for shape in wanted], quiet=new)
    for index, shape in enumerate(wanted):
        row = rows.get(shape.name) or Step(process=process, name=shape.name, position=index + 1)
        values = shape.said("kind", "settings", "time_limit_seconds", "retries", "repeatable")

        def why_not(row: Step = row) -> Iterable[Problem]:
            return rules.why_not_step(row.kind, row.settings)

        work.bring(f"{place}[{index}]", row, values, why_not=why_not, quiet=True)


# -- what belongs together --------------------------------------------------------------------------------------------


def projects(work: Work, blueprint: Blueprint) -> None:
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


def _components(work: Work, place: str, stack: Project, wanted: list[shapes.ComponentShape]) -> None:
    for index, shape in enumerate(wanted):
        values = shape.said(*SAID_OF_BOTH, "stage", "condition")
        values |= {"kind": Project.Kind.COMPONENT, "parent": stack, "position": index + 1}
        _project(work, f"{place}[{index}]", shape, values)


def _project(
    work: Work, place: str, shape: shapes.ProjectShape | shapes.ComponentShape, values: dict[str, Any]
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
    held = [] if new else [reference(line.package) for line in row.project_packages.select_related("package__feed")]
    wanted = shape.packages if "packages" in shape.model_fields_set else held
    _check_packages(work, f"{place}.packages", shape)
    if (
        not work.bring(place, row, values, why_not=lambda: rules.why_not_project(row, wanted), named=shape.slug)
        or len(work.problems) > refused
    ):
        return None
    if wanted != held:
        _bring_packages(work, row, held, wanted, new=new)
    bring_variables(work, f"{place}.variables", shape.variables, row)
    return row


def _check_packages(work: Work, place: str, shape: shapes.ProjectShape | shapes.ComponentShape) -> None:
    for index, name in enumerate(shape.packages):
        here = f"{place}[{index}]"
        if work.once(here, "package", shape.slug, name.lower()):
            feed, own = split(work, here, name)
            if feed and (sentence := why_not_package_name(feed, own)):
                work.refuse(here, sentence)


def _bring_packages(work: Work, project: Project, held: list[str], wanted: list[str], *, new: bool) -> None:
    packages = [package_at(work, *split(work, "packages", name)) for name in wanted]
    project.project_packages.exclude(package__in=packages).delete()
    for position, package in enumerate(packages, start=1):
        project.project_packages.update_or_create(package=package, defaults={"position": position})
    names = [reference(package) for package in packages]
    if not new and names != held:
        work.note(project, f"{titled(project)}: {difference('packages', held, names)}")


def _triggers(work: Work, place: str, project: Project, wanted: list[shapes.TriggerShape]) -> None:
    for index, shape in enumerate(wanted):
        here = f"{place}[{index}]"
        if not work.once(here, Trigger, project.pk, shape.name):
            continue
        packages = named_packages(work, f"{here}.packages", shape.packages)
        row = project.triggers.filter(name=shape.name).first() or Trigger(project=project, name=shape.name)
        new = row._state.adding
        if work.bring(here, row, shape.said("enabled")) and "packages" in shape.model_fields_set:
            work.bring_list(row, "packages", row.packages, packages, new=new)
