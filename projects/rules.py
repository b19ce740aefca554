"""How projects, processes, variables and approval rules may be configured. Django admin and `manage.py apply` ask here.

Questions only: nothing is written. What the database refuses by itself (constraints of one row) is not repeated here.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from django.contrib.auth.models import Group

from accounts.models import User
from lifecycles.models import Lifecycle
from lifecycles.rules import Problem
from projects import links, numbering
from projects.models import ApprovalRule, Project, Step

RESERVED_NAMES = frozenset({"PATH", "HOME", "ENVIRONMENT", "RELEASE", "BASH_ENV", "ENV", "IFS", "SHELLOPTS"})
RESERVED_BEGINNINGS = ("LD_", "SIGNALBOX_")
STEP_SETTINGS: Mapping[str, frozenset[str]] = {Step.Kind.RUN_PACKAGE: frozenset({"entry_point", "package"})}


# -- projects ---------------------------------------------------------------------------------------------------------


def why_not_project(project: Project, packages: Collection[object]) -> Iterator[Problem]:
    """Everything that is wrong with a project as it is wanted (unsaved), holding these packages."""
    stored = Project.objects.filter(pk=project.pk).first() if project.pk else None
    yield from _why_not_place(project)
    yield from _why_not_packages(project, packages)
    if project.is_stack and (sentence := numbering.why_not_pattern(project.number_pattern)):
        yield Problem("number_pattern", sentence)
    yield from why_not_links(project.commit_url, project.work_item_url)
    if stored:
        yield from _why_not_kind(stored, project)
        yield from _why_not_lifecycle(stored, project)


def _why_not_place(project: Project) -> Iterator[Problem]:
    """Two levels and no circle: a parent is a stack, and a stack has no parent."""
    parent = project.parent
    if parent is None:
        return
    if parent.pk == project.pk:
        yield Problem("parent", f"{project} cannot be its own stack. Choose another one.")
    elif not parent.is_stack:
        yield Problem(
            "parent",
            f"{parent} is not a stack. Only a stack has components, and a stack belongs to no other one, so there are"
            " never more than two levels.",
        )


def _why_not_packages(project: Project, packages: Collection[object]) -> Iterator[Problem]:
    if project.is_stack and packages:
        yield Problem("packages", f"{project} is a stack and holds no packages: give them to its components.")
    if not project.is_stack and not packages:
        yield Problem(
            "packages", f"{project} holds no package, so there would be nothing to deploy. Name at least one."
        )


def why_not_links(commit_url: str, work_item_url: str) -> Iterator[Problem]:
    """Everything that is wrong with the patterns for commits and work items."""
    if sentence := links.why_not_pattern(commit_url, links.COMMIT):
        yield Problem("commit_url", sentence)
    if sentence := links.why_not_pattern(work_item_url, links.WORK_ITEM):
        yield Problem("work_item_url", sentence)


def _why_not_kind(stored: Project, project: Project) -> Iterator[Problem]:
    if stored.kind == project.kind:
        return
    if stored.is_stack and stored.components.exists():
        yield Problem("kind", f"{stored} has components, so it stays a stack. Remove its components first.")
    elif project.is_stack and stored.project_packages.exists():
        yield Problem("kind", f"{stored} holds packages, so it does not become a stack. Add a new stack instead.")
    elif stored.releases.exists():
        was = stored.get_kind_display().lower()
        yield Problem("kind", f"{stored} has releases, so it stays what it is ({was}). Add a new project instead.")


def _why_not_lifecycle(stored: Project, project: Project) -> Iterator[Problem]:
    """A deployment that is not finished needs the lifecycle that it was requested under."""
    before, after = _lifecycle_of(stored), _lifecycle_of(project)
    if after is None or before == after:
        return
    for member in (stored, *stored.components.filter(lifecycle=None)):
        # Deployments lie in a higher room: they are looked up by their relation, nothing there is called.
        moving = member.deployments.filter(finished_at=None).exclude(environment__places__lifecycle=after)
        for deployment in moving.select_related("environment"):
            yield Problem(
                "lifecycle",
                f"A deployment of {member} to {deployment.environment} is not finished, and the lifecycle {after} does"
                f" not know {deployment.environment}. Let it finish, or cancel it.",
            )


def _lifecycle_of(project: Project) -> Lifecycle | None:
    """The one that it follows; None while a project is wanted without."""
    return project.lifecycle or (project.parent.lifecycle if project.parent else None)


# -- processes --------------------------------------------------------------------------------------------------------


def why_not_step(kind: str, settings: object) -> Iterator[Problem]:
    """Everything that is wrong with the settings of a step of this kind."""
    known = STEP_SETTINGS.get(kind, frozenset())
    if not isinstance(settings, Mapping):
        yield Problem("settings", "The settings of a step are an object in braces; {} for none.")
        return
    for key, value in settings.items():
        if key not in known:
            names = ", ".join(sorted(known))
            yield Problem("settings", f"A step of this kind has no setting “{key}”. It knows: {names}.")
        elif not isinstance(value, str) or not value:
            yield Problem("settings", f"The setting “{key}” is a text in quotes, and not empty. Leave it out for none.")
        elif key == "entry_point" and not _stays_inside(value):
            yield Problem(
                "settings",
                f"The entry point “{value}” is not a path inside the package. State it from the top of the package and"
                " without “..”, for example deploy/release.sh.",
            )


def _stays_inside(path: str) -> bool:
    parts = path.split("/")
    return not PurePosixPath(path).is_absolute() and "\\" not in path and not {"", ".", ".."} & set(parts)


# -- variables --------------------------------------------------------------------------------------------------------


def why_not_variable_name(name: str) -> Iterator[Problem]:
    """Names that a script gets from Signalbox or from the system, and that would break it."""
    if name.upper() in RESERVED_NAMES or name.upper().startswith(RESERVED_BEGINNINGS):
        yield Problem(
            "name",
            f"{name} is reserved: it would change how scripts run, or hide what Signalbox tells them. Choose another name.",
        )


# -- approval rules ---------------------------------------------------------------------------------------------------


def why_not_rule(
    minimum: int, roles: Collection[str], groups: Collection[Group], people: Collection[User]
) -> Iterator[Problem]:
    """A rule that nobody could ever meet would hold everything up for ever."""
    for role in roles:
        if role not in ApprovalRule.ROLES_THAT_MAY_APPROVE:
            possible = " or ".join(role.value for role in ApprovalRule.ROLES_THAT_MAY_APPROVE)
            yield Problem("roles", f"The role “{role}” never approves. A rule may name {possible}.")
    if not (roles or groups or people):
        yield Problem("", "This rule names nobody who may approve. Name at least one role, group or person.")
    elif not roles and not groups and minimum > len(people):
        yield Problem(
            "minimum",
            f"This rule asks for {minimum} approvals but names only {len(people)} who may give them. Name more people, or"
            " ask for fewer approvals.",
        )
