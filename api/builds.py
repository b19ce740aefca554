"""The build that made a version: pushed before the version or after it."""

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Status

from accounts.models import Scope
from api import access
from api.auth import Caller, caller
from api.doors import door
from api.shapes import evidence as shapes
from projects.access import Act
from projects.links import links_of_first
from registry import evidence, filenames, versions
from registry.models import BuildInformation

router = Router(tags=["Packages"])

BUILD = "/packages/{name}/versions/{version}/build"


@door(
    router,
    "PUT",
    BUILD,
    scope=Scope.PUSH,
    answers={200: shapes.BuildShape, 201: shapes.BuildShape},
    refuses=(413, 422),
    summary="Say which build made a version",
    name="build",
)
def record(request: HttpRequest, name: str, version: str, asked: shapes.BuildAsked) -> Status[Any]:
    """Before the version is pushed or after. 201: it counts from now on; 200: the same was known already.

    What was said before stays on record. It takes the same right as pushing the package.
    """
    who = caller(request)
    versions.parse(version)
    access.require_on_package(who, Act.PUSH, filenames.package_name(name))
    found, new = evidence.record_build(name, version, asked.facts(), who.user)
    return Status(201 if new else 200, shown(who, found))


@door(
    router,
    "GET",
    BUILD,
    scope=Scope.READ,
    answers={200: shapes.BuildShape},
    summary="Show which build made a version",
    name="build",
)
def build(request: HttpRequest, name: str, version: str) -> shapes.BuildShape:
    """Its number, its commits and its work items, with the addresses that they lead to."""
    who = caller(request)
    package = access.package_of(who, name)
    found = evidence.build_called(package, versions.parse(version).normalised)
    if found is None:
        raise Http404(f"Nothing is known about the build of {package} {version}.")
    return shown(who, found)


def shown(who: Caller, found: BuildInformation) -> shapes.BuildShape:
    """As this caller sees it: addresses follow the patterns of the projects that they may look into."""
    holders = access.projects_of(who, Act.SEE_TECHNICAL).filter(packages=found.package).select_related("parent")
    return shapes.build_shape(found, links_of_first(holders))
