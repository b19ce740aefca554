"""Fetch and authorise in one call: what a person may not see does not exist (404), what they may not do is refused (403)."""

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db.models import CharField, Q, QuerySet
from django.db.models.functions import Cast
from django.http import Http404

from accounts.backends import is_administrator
from accounts.models import Event, User
from deployments import on_hold
from deployments.models import Deployment, Hold, Worker
from lifecycles.models import Environment
from projects import access
from projects.access import Act, projects_for
from projects.models import Project
from registry.models import BuildInformation, Package, PackageQuerySet, PackageVersion

Person = User | AnonymousUser
VERSIONS = "registry.packageversion"
BUILDS = "registry.buildinformation"


def person(user: Person) -> User:
    """The signed-in person. Every page but sign-in and health lets nobody else in."""
    if not isinstance(user, User):
        raise PermissionDenied("Sign in first.")
    return user


def deployment_of(user: Person, pk: int, act: Act = Act.SEE) -> Deployment:
    """The deployment with everything that a page names. Raises Http404 for strangers, PermissionDenied without the role."""
    found = Deployment.objects.with_names().filter(pk=pk, project__in=projects_for(user)).first()
    if found is None:
        raise Http404(f"There is no deployment {pk}, or you may not see it.")
    if act is not Act.SEE:
        access.require(user, act, found.project, None if act is Act.SEE_TECHNICAL else found.environment)
    return found


def environments_of(user: Person) -> QuerySet[Environment]:
    """The environments that this person's projects go through."""
    return access.environments_of(projects_for(user))


def environment_of(user: Person, slug: str) -> Environment:
    found = environments_of(user).filter(slug=slug).first()
    if found is None:
        raise Http404(f"There is no environment “{slug}”, or none of your projects goes there.")
    return found


def hold_of(user: Person, pk: int) -> Hold:
    """The hold, for whoever may release it. Raises Http404 for strangers, PermissionDenied without the role."""
    found = on_hold.record_of(projects_for(user)).filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no hold {pk}, or it concerns none of your projects.")
    access.require_throughout(user, Act.MANAGE, found.project, found.environment)
    return found


def technical_projects(user: Person) -> QuerySet[Project]:
    """The projects whose packages, logs and workers this person may see. Raises PermissionDenied when there is none,
    unless that is because there are no projects yet."""
    projects = projects_for(user, Act.SEE_TECHNICAL)
    if not projects.exists() and not access.may_everywhere(user, Act.SEE_TECHNICAL):
        raise PermissionDenied(access.NOT_TECHNICAL)
    return projects


def packages_of(user: Person) -> PackageQuerySet:
    """The packages of this person's projects; those that no project holds take a role for every project."""
    projects = technical_projects(user)
    if access.may_everywhere(user, Act.SEE_TECHNICAL):
        return Package.objects.builtin()
    return Package.objects.builtin().filter(projects__in=projects).distinct()


def worker_of(user: Person, pk: int) -> Worker:
    """The worker, for an administrator of the portal: every project may depend on it."""
    if not is_administrator(user):
        raise PermissionDenied("Workers serve every project, so only an administrator may tell them to drain. Ask one.")
    found = Worker.objects.filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such worker any more.")
    return found


def package_of(user: Person, name: str) -> Package:
    found = packages_of(user).named(name).first() if name.isprintable() else None
    if found is None:
        raise Http404(f"There is no package “{name}”, or you may not see it.")
    return found


def version_of(user: Person, name: str, version: str) -> PackageVersion:
    package = package_of(user, name)
    found = package.published(version)
    if found is None:
        raise Http404(f"{package} has no version {version}.")
    return found


def require_on_package(user: Person, act: Act, package: Package) -> None:
    """Raise PermissionDenied unless this person may do this in every project that holds the package."""
    holders = list(package.projects.select_related("parent").distinct())
    for project in holders or [Project(name=f"the package {package}, which no project holds")]:
        access.require(user, act, project)


def may_on_package(user: Person, act: Act, package: Package) -> bool:
    try:
        require_on_package(user, act, package)
    except PermissionDenied:
        return False
    return True


def events_of(user: Person) -> QuerySet[Event]:
    """The lines of the trail about this person's projects and, for those who may see packages, about their packages."""
    events = Event.objects.select_related("actor", "project")
    if is_administrator(user):
        return events
    technical = projects_for(user, Act.SEE_TECHNICAL)
    versions = PackageVersion.objects.filter(package__projects__in=technical)
    pushes = Q(subject_type=VERSIONS, subject_id__in=versions.annotate(key=Cast("pk", CharField())).values("key"))
    builds = BuildInformation.objects.filter(package__projects__in=technical)
    built = Q(subject_type=BUILDS, subject_id__in=builds.annotate(key=Cast("pk", CharField())).values("key"))
    plain = Q(project__in=projects_for(user)) & ~Q(subject_type=VERSIONS)
    return events.filter(plain | Q(project__in=technical) | Q(project=None) & (pushes | built))
