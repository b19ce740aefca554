"""Who may do what where: the only door to a project. Views, API and policy ask here; nobody else looks at roles."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404

from accounts.backends import is_administrator
from accounts.models import Membership, Role, User
from config import compiled
from lifecycles.models import Environment
from projects.models import Project


class Act(Enum):
    """What somebody wants to do, and the roles that open it (any one of them)."""

    SEE = "see", tuple(Role)
    SEE_TECHNICAL = (
        "see logs, packages and workers",
        (Role.VIEWER, Role.DEPLOYER, Role.APPROVER, Role.RELEASE_MANAGER, Role.ADMINISTRATOR),
    )
    REQUEST = "request a deployment", (Role.DEPLOYER, Role.RELEASE_MANAGER)
    CREATE_RELEASE = "create a release", (Role.DEPLOYER, Role.RELEASE_MANAGER)
    APPROVE = "approve or reject", (Role.APPROVER, Role.RELEASE_MANAGER)
    MANAGE = "roll back, deploy one component alone, cancel, resolve or hold", (Role.RELEASE_MANAGER,)
    PUSH = "push its packages", (Role.DEPLOYER, Role.RELEASE_MANAGER)
    CONFIGURE = "configure it", (Role.ADMINISTRATOR,)
    RESTORE = "put a withdrawn version back into use", (Role.ADMINISTRATOR,)

    def __init__(self, words: str, roles: tuple[Role, ...]) -> None:
        self.words, self.roles = words, roles


NOT_TECHNICAL = "Your roles do not open packages, logs and workers. Ask an administrator for a viewer's role."


def roles_of(user: User | AnonymousUser, project: Project, environment: Environment | None = None) -> set[Role]:
    """The roles that `user` holds for this project: its own grants, its stack's, and those for every project.

    environment  None: roles held in any of its environments; otherwise only those that hold there
    """
    return set(_grants(user, [project], environment).get(project.pk, ()))


def may(user: User | AnonymousUser, act: Act, project: Project, environment: Environment | None = None) -> bool:
    return not roles_of(user, project, environment).isdisjoint(act.roles)


def projects_for(user: User | AnonymousUser, act: Act = Act.SEE) -> QuerySet[Project]:
    """The projects where this account may do this (somewhere), as a queryset in order of name."""
    if not isinstance(user, User) or not user.is_active:
        return Project.objects.none()
    if is_administrator(user) and Role.ADMINISTRATOR in act.roles:
        return Project.objects.all()
    grants = Membership.objects.held_by(user).filter(role__in=act.roles)
    if grants.filter(project=None).exists():
        return Project.objects.all()
    named = grants.values("project")
    return Project.objects.filter(Q(pk__in=named) | Q(parent__in=named))


def get_project(user: User | AnonymousUser, slug: str, *, act: Act = Act.SEE) -> Project:
    """The project with this slug, if `user` may do this there.

    Raises Http404 for strangers, so that nobody learns which projects exist, and PermissionDenied with a sentence for
    members without the role.
    """
    project = projects_for(user).filter(slug=slug).select_related("lifecycle", "parent__lifecycle", "process").first()
    if project is None:
        raise Http404("There is no such project, or you may not see it.")
    require(user, act, project)
    return project


def environment_of(project: Project, slug: str) -> Environment:
    """The environment of the project's lifecycle with this slug. Raises Http404 with a sentence."""
    found = project.track.environment(slug)
    if found is None:
        raise Http404(f"{project} does not go to an environment “{slug}”.")
    return found


def require(user: User | AnonymousUser, act: Act, project: Project, environment: Environment | None = None) -> None:
    """Raise PermissionDenied with a sentence unless `user` may do this here."""
    if not may(user, act, project, environment):
        raise PermissionDenied(why_not_permitted(act, project, environment))


def may_everywhere(user: User | AnonymousUser, act: Act) -> bool:
    """Whether a grant for every project allows this; asked of a project that no grant can have named."""
    return may(user, act, Project())


def roles_in(user: User | AnonymousUser, projects: Iterable[Project]) -> dict[int | None, set[Role]]:
    """The roles that `user` holds for each of these projects by its id, in any environment; under None, those that a
    grant for every project gives. In one query."""
    return _grants(user, [Project(), *projects], None)


@dataclass(frozen=True)
class Reach:
    """How far somebody's grants open one act: each for a project or every one, in an environment or all (None)."""

    grants: frozenset[tuple[int | None, int | None]]

    def covers(self, project: Project | None, environment: Environment | None) -> bool:
        """Whether a single grant opens it for all of this; None means every project, and every environment."""
        projects = {None, *(project.family if project else ())}
        environments = {None, environment.pk if environment else None}
        return any(held in projects and there in environments for held, there in self.grants)

    @property
    def is_empty(self) -> bool:
        return not self.grants

    @property
    def spans_projects(self) -> bool:
        """Whether some grant is for every project."""
        return any(held is None for held, _ in self.grants)

    @property
    def spans_environments(self) -> bool:
        """Whether some grant is for every environment."""
        return any(there is None for _, there in self.grants)


def reach_of(user: User | AnonymousUser, act: Act) -> Reach:
    """Where this account may do this, in one query, to be asked about many projects and environments."""
    if not isinstance(user, User) or not user.is_active:
        return Reach(frozenset())
    grants = Membership.objects.held_by(user).filter(role__in=act.roles)
    return Reach(frozenset(grants.values_list("project", "environment")))


def require_throughout(
    user: User | AnonymousUser, act: Act, project: Project | None, environment: Environment | None
) -> None:
    """Raise PermissionDenied with a sentence unless one grant allows this for all of it: for every project where none
    is named, in every environment where none is named."""
    if not reach_of(user, act).covers(project, environment):
        where = f"{project or 'every project'} in {environment or 'every environment'}"
        raise PermissionDenied(_why_not(act, where))


def environments_of(projects: QuerySet[Project]) -> QuerySet[Environment]:
    """The environments that these projects go through, in order; a component goes its stack's way."""
    seen = projects.values("pk")
    own = Q(places__lifecycle__projects__in=seen)
    of_stack = Q(places__lifecycle__projects__components__in=seen)
    return Environment.objects.filter(own | of_stack).distinct().order_by("position", "name")


def why_not_permitted(act: Act, project: Project, environment: Environment | None = None) -> str:
    """The sentence for somebody who may not."""
    return _why_not(act, f"{project} in {environment}" if environment else f"{project}")


def people_with(roles: Iterable[Role], project: Project, environment: Environment) -> QuerySet[User]:
    """The active people who hold one of these roles for this project in this environment."""
    grants = Membership.objects.filter(
        Q(project=None) | Q(project__in=project.family),
        Q(environment=None) | Q(environment=environment),
        role__in=list(roles),
    )
    return (
        User.objects.filter(is_active=True)
        .filter(Q(memberships__in=grants) | Q(groups__memberships__in=grants))
        .distinct()
        .order_by("username")
    )


def _why_not(act: Act, where: str) -> str:
    roles = " or ".join(role.label.lower() for role in act.roles)
    return f"You may not {act.words} for {where}. It takes the role {roles}; ask an administrator for it."


def _grants(
    user: User | AnonymousUser, projects: Iterable[Project], environment: Environment | None
) -> dict[int | None, set[Role]]:
    """Roles by project id, for these projects, in one query."""
    projects = list(projects)
    if not isinstance(user, User) or not user.is_active:
        return {project.pk: set() for project in projects}
    held: dict[int | None, set[Role]] = {}
    for role, project, where in compiled.rows(_held, user=user.pk):
        if environment is None or where in (None, environment.pk):
            held.setdefault(project, set()).add(Role(role))
    if user.is_superuser:
        held.setdefault(None, set()).add(Role.ADMINISTRATOR)
    everywhere = held.get(None, set())
    return {project.pk: everywhere.union(*(held.get(pk, set()) for pk in project.family)) for project in projects}


def _held() -> "QuerySet[Membership, tuple[str, int | None, int | None]]":
    grants = Membership.objects.held_by(compiled.parameter("user"))
    return grants.order_by().values_list("role", "project", "environment")
