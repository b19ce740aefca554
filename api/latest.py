"""The version of a package that is meant by “what is live in PROD” or “the newest”, without knowing its number."""

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.urls import reverse
from ninja import Query, Router, Schema
from pydantic import Field

from accounts.models import Scope
from api import access
from api.auth import Caller, caller
from api.doors import door
from api.packages import shown
from api.problems import ApiRefused
from api.shapes import packages as shapes
from api.shapes.common import Word
from deployments import history
from projects.access import Act
from projects.models import Project
from registry.models import Package, PackageVersion

router = Router(tags=["Packages"])


class Which(Schema):
    environment: Word = Field("", description="Its slug or name: the version that is live there. Empty: the highest.")
    project: Word = Field(
        "", description="With an environment: the project, or its stack, whose live version is meant."
    )
    prerelease: bool = Field(False, description="Without an environment: whether a pre-release may be the highest.")


@door(
    router,
    "GET",
    "/packages/{name}/latest",
    scope=Scope.READ,
    answers={200: shapes.VersionShape},
    refuses=(409,),
    summary="Show what is live, or the newest",
)
def latest(request: HttpRequest, name: str, which: Query[Which]) -> shapes.VersionShape:
    """The version that is live in an environment; without one the highest that may be used. 409: several projects hold the
    package and different versions of it are live there, so that one of them has to be named."""
    return shown(request, caller(request), _meant(caller(request), name, which))


@door(
    router,
    "GET",
    "/packages/{name}/latest/download",
    scope=Scope.READ,
    answers={302: None},
    refuses=(409,),
    summary="Download what is live, or the newest",
    document={"responses": {302: {"headers": {"Location": {"schema": {"type": "string", "format": "uri-reference"}}}}}},
)
def download(request: HttpRequest, name: str, which: Query[Which]) -> HttpResponseRedirect:
    """Leads to the download of exactly that version."""
    found = _meant(caller(request), name, which)
    return HttpResponseRedirect(reverse("api:download", args=[found.package.name, found.version]))


def _meant(who: Caller, name: str, which: Which) -> PackageVersion:
    package = access.package_of(who, name)
    number = _live(who, package, which) if which.environment else _highest(package, prerelease=which.prerelease)
    found = package.published(number)
    if found is None:
        raise Http404(f"{package} has no version {number}.")
    return found


def _highest(package: Package, *, prerelease: bool) -> str:
    usable = package.versions.eligible().newest_first().values_list("version", flat=True)
    found = usable.first() if prerelease else usable.exclude(version__contains="-").first()
    if found is None:
        hint = " that is no pre-release; say prerelease=true for one" if usable.exists() else ""
        raise Http404(f"{package} has no version that may be used{hint}.")
    return found


def _live(who: Caller, package: Package, which: Which) -> str:
    """Raises Http404 where nothing is live, and ApiRefused where different versions are, of several projects."""
    environment = access.environment_called(who, which.environment)
    projects = access.projects_of(who, Act.SEE_TECHNICAL)
    if which.project:
        projects = projects.filter(Q(slug__iexact=which.project) | Q(parent__slug__iexact=which.project))
        if not projects.exists():
            raise Http404(f"There is no project “{which.project}”, or you may not see its packages.")
    lines = history.live_holders(package, environment, projects)
    versions = {line.version.version for line in lines}
    if not versions:
        of = f" in {which.project}" if which.project else ""
        raise Http404(f"No version of {package}{of} is live in {environment}.")
    if len(versions) > 1:
        found = ", ".join(f"{line.version.version} in {_named(line.release.project)}" for line in lines)
        raise ApiRefused(
            409,
            "several-live",
            f"Different versions of {package} are live in {environment}: {found}. Say which project is meant:"
            f" project={lines[0].release.project.slug}.",
        )
    return versions.pop()


def _named(project: Project) -> str:
    return f"{project} ({project.slug})"
