"""Fetch and authorise in one call: what a caller may not see does not exist (404), what it may not do is refused (403).

A token opens at most what its account's roles open, and a token for one project nothing beyond that project.
"""

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404

from api.auth import Caller
from config import compiled
from deployments import on_hold
from deployments.models import Deployment, Hold
from lifecycles.models import Environment
from projects import access
from projects.access import Act
from projects.models import Project
from registry.models import Package, PackageQuerySet, PackageVersion
from releases.models import Release


def projects_of(who: Caller, act: Act = Act.SEE) -> QuerySet[Project]:
    """The projects where this caller may do this."""
    projects = access.projects_for(who.user, act)
    if who.token is not None and who.token.project_id is not None:
        projects = projects.filter(Q(pk=who.token.project_id) | Q(parent=who.token.project_id))
    return projects


def may_everywhere(who: Caller, act: Act) -> bool:
    """Whether a grant for every project allows this, and no token narrows it."""
    return not who.is_limited and access.may_everywhere(who.user, act)


def project_of(who: Caller, slug: str, act: Act = Act.SEE) -> Project:
    found = access.get_project(who.user, slug) if slug.isprintable() else None  # PostgreSQL takes no NUL in a question
    if found is None or not who.reaches(found):
        raise Http404("There is no such project, or you may not see it.")
    access.require(who.user, act, found)
    return found


def release_of(who: Caller, slug: str, number: str, act: Act = Act.SEE) -> Release:
    project = project_of(who, slug, act)
    found = project.releases.filter(number=number).first() if number.isprintable() else None
    if found is None:
        raise Http404(f"{project} has no release {number}.")
    found.project = project
    return found


def deployment_of(who: Caller, pk: int, act: Act = Act.SEE) -> Deployment:
    found = Deployment.objects.with_names().filter(pk=pk, project__in=projects_of(who)).first()
    if found is None:
        raise Http404(f"There is no deployment {pk}, or you may not see it.")
    access.require(who.user, act, found.project)
    return found


def hold_of(who: Caller, pk: int) -> Hold:
    found = on_hold.record_of(projects_of(who)).filter(pk=pk).first()
    if found is None:
        raise Http404(f"There is no hold {pk}, or it concerns none of your projects.")
    return found


def refuse_beyond_token(who: Caller, project: Project | None) -> None:
    """Raise PermissionDenied where every project (None) is meant and the token is for one only."""
    if project is None and who.is_limited:
        raise PermissionDenied(
            "This token is for one project only, and this concerns every project. Name that project."
        )


def environments_of(who: Caller) -> QuerySet[Environment]:
    """The environments that the caller's projects go through."""
    return access.environments_of(projects_of(who))


def environment_of(who: Caller, slug: str) -> Environment:
    found = environments_of(who).filter(slug=slug).first() if slug.isprintable() else None
    if found is None:
        raise Http404(f"There is no environment “{slug}”, or none of your projects goes there.")
    return found


def environment_called(who: Caller, name: str) -> Environment:
    """The environment with this slug or this name, whatever its upper and lower case."""
    environments = environments_of(who) if name.isprintable() else Environment.objects.none()
    found = environments.filter(slug__iexact=name).first() or environments.filter(name__iexact=name).first()
    if found is None:
        raise Http404(f"There is no environment “{name}”, or none of your projects goes there.")
    return found


def packages_of(who: Caller) -> PackageQuerySet:
    """The packages that the caller's projects hold. What no project holds takes a role for every project."""
    if may_everywhere(who, Act.SEE_TECHNICAL):
        return Package.objects.builtin()
    return Package.objects.builtin().filter(projects__in=projects_of(who, Act.SEE_TECHNICAL)).distinct()


def package_of(who: Caller, name: str) -> Package:
    found = packages_of(who).named(name).first() if name.isprintable() else None
    if found is None:
        raise Http404(f"There is no package “{name}”, or you may not see it.")
    return found


def version_of(who: Caller, name: str, version: str) -> PackageVersion:
    package = package_of(who, name)
    found = package.published(version)
    if found is None:
        raise Http404(f"{package} has no version {version}.")
    return found


def require_on_package(who: Caller, act: Act, name: str) -> None:
    """Raise PermissionDenied unless the caller may do this for every project that holds the package.

    Closed by default: for a package that no project holds it takes a grant for every project.
    """
    holders = compiled.rows(_holders, name=name.lower())
    held = access.roles_in(who.user, holders)
    if not holders and not who.is_limited and not held[None].isdisjoint(act.roles):
        return
    seen = {project.pk for project in holders if held[project.pk] and who.reaches(project)}
    if not seen:
        raise PermissionDenied(
            f"No project of yours holds the package {name}. An administrator adds it to a project first, or gives this"
            " account a role there."
        )
    for project in holders:
        if project.pk not in seen:
            raise PermissionDenied(
                f"The package {name} also belongs to a project that you may not see. Ask an administrator."
            )
        if held[project.pk].isdisjoint(act.roles):
            raise PermissionDenied(access.why_not_permitted(act, project))


def _holders() -> QuerySet[Project]:
    """The projects that hold the package that is pushed under this name."""
    named = Package.objects.builtin().folded(compiled.parameter("name"))
    return Project.objects.filter(packages__in=named).only("name", "parent").distinct()
