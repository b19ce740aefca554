"""Packages: push, look up, download, withdraw, restore."""

from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from typing import Any

from django.db.models import Count, OuterRef, Prefetch, Q, Subquery
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from ninja import Query, Router, Status

from accounts.models import Scope
from api import access, attachments, builds, paging, upload
from api.auth import Caller, caller
from api.doors import door
from api.paging import Paging
from api.shapes import packages as shapes
from api.shapes.common import Page, ReasonAsked
from api.upload import Stated
from deployments import actions as deployments
from deployments.actions import Taken
from deployments.models import LiveVersion
from projects.access import Act
from registry import actions as registry
from registry import evidence, filenames, serving, storage, versions
from registry.models import PackageVersion
from registry.storage import Received
from releases.models import Release

router = Router(tags=["Packages"])

USES_SHOWN = 100
BYTES: dict[str, Any] = {upload.RAW: {"schema": {"type": "string", "format": "binary"}}}
FORM: dict[str, Any] = {
    upload.FORM: {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {"type": "string", "format": "binary"},
                "name": {"type": "string"},
                "version": {"type": "string"},
            },
        }
    }
}


@door(
    router,
    "POST",
    "/packages",
    scope=Scope.PUSH,
    answers={200: shapes.PushedShape, 201: shapes.PushedShape},
    refuses=(409, 411, 413, 415, 422, 503, 507),
    summary="Push a package",
    document={"requestBody": {"required": True, "content": BYTES | FORM}},
)
def push(request: HttpRequest, name: str = "", version: str = "", filename: str = "") -> Status[Any]:
    """Publish a version of a package and evaluate the triggers that watch it.

    The body is the file itself, or a form with the field `file`. Name and version are stated in the address or in the
    form, or read from a file name of the form NAME.VERSION.EXT. 201: published; 200: the same bytes were there already;
    409: the version exists with other bytes.

    A SHA-256 in Content-Digest, Repr-Digest, Digest or X-Checksum-Sha256 is compared with what arrives. A body of unknown length
    (chunked) has to have one, unless it is a zip, a tar.gz or a tar.bz2. Who sends `Expect: 100-continue` is told of what
    speaks against the push before the body is sent.

    It takes the right to push for every project that holds the package; a package that no project holds yet can only be
    pushed by an account that may push for every project.
    """
    who, stated = caller(request), Stated(name, version, filename)
    if upload.is_form(request):
        received, stated = upload.from_form(request, stated, partial(_check_early, who))
    else:
        _check(who, stated)  # before a single byte is taken
        received = upload.from_body(request)
    taken = _take_in(who, received, stated)
    return Status(201 if taken.intake.created else 200, _pushed(request, taken))


def _check(who: Caller, stated: Stated) -> None:
    """Raise what speaks against this push whatever the bytes are."""
    name, text = filenames.identity(stated.filename, name=stated.name, version=stated.version)
    versions.parse(text)
    access.require_on_package(who, Act.PUSH, name)


def _check_early(who: Caller, stated: Stated) -> None:
    """The same as far as it has been stated before the file arrives: what a form leaves open may follow after it."""
    if stated.name:
        access.require_on_package(who, Act.PUSH, filenames.package_name(stated.name))
    if stated.version:
        versions.parse(stated.version)


def _take_in(who: Caller, received: Received, stated: Stated) -> Taken:
    """Look into what was received and hand it on; whatever is refused leaves nothing behind."""
    try:
        _check(who, stated)
        identity = asdict(stated)
        inspection = registry.examine(received, name=stated.name, filename=stated.filename)
        registry.place(received, **identity)
        return deployments.take_in(received, **identity, inspection=inspection, by=who.user)
    except BaseException:
        storage.discard(received)
        raise


def _pushed(request: HttpRequest, taken: Taken) -> shapes.PushedShape:
    published = taken.intake.version
    return shapes.PushedShape(
        package=published.package.name,
        version=published.version,
        sha256=published.bytes.sha256,
        size=published.bytes.size,
        created=taken.intake.created,
        evaluations=[shapes.evaluation(found) for found in taken.intake.evaluations],
        deployments=[
            shapes.requested(found, request.build_absolute_uri(reverse("api:deployment", args=[found.pk])))
            for found in taken.deployments
        ],
    )


@door(router, "GET", "/packages", scope=Scope.READ, answers={200: Page[shapes.PackageLine]}, summary="List packages")
def packages(request: HttpRequest, paged: Query[Paging]) -> dict[str, Any]:
    """The packages of the projects that you may look into, by name."""
    who = caller(request)
    newest = PackageVersion.objects.filter(package=OuterRef("pk")).eligible().newest_first().values("version")[:1]
    seen = Prefetch("projects", access.projects_of(who, Act.SEE_TECHNICAL), to_attr="seen")
    rows = access.packages_of(who).prefetch_related(seen)
    counted = rows.annotate(newest=Subquery(newest), number_of_versions=Count("versions", distinct=True))
    return paging.page_of(request, counted, shapes.package_line, paged, order=("name", "pk"))


@door(
    router,
    "GET",
    "/packages/{name}",
    scope=Scope.READ,
    answers={200: Page[shapes.VersionLine]},
    summary="List the versions of a package",
)
def package(request: HttpRequest, name: str, paged: Query[Paging]) -> dict[str, Any]:
    """Highest version first, withdrawn ones included."""
    rows = access.package_of(caller(request), name).versions.select_related("artifact", "published_by")
    return paging.page_of(request, rows, shapes.version_line, paged, order=("-sort_key", "-pk"))


@door(
    router,
    "GET",
    "/packages/{name}/versions/{version}",
    scope=Scope.READ,
    answers={200: shapes.VersionShape},
    summary="Show a version",
    name="version",
)
def version(request: HttpRequest, name: str, version: str) -> shapes.VersionShape:
    """What it holds, its SHA-256, and the newest releases that use it."""
    who = caller(request)
    return shown(request, who, access.version_of(who, name, version))


def shown(request: HttpRequest, who: Caller, found: PackageVersion) -> shapes.VersionShape:
    """The version with the newest releases that use it."""
    download = reverse("api:download", args=[found.package.name, found.version])
    build = evidence.build_of(found)
    attached = found.attachments.select_related("artifact", "attached_by", "version__package")
    return shapes.version_shape(
        found,
        _uses(who, found),
        request.build_absolute_uri(download),
        build=builds.shown(who, build) if build else None,
        attachments=[attachments.shown(request, one) for one in attached],
    )


def _uses(who: Caller, found: PackageVersion) -> list[shapes.UseShape]:
    """The newest releases that hold the version, components' and stacks', and where each is live."""
    holds = Q(packages__version=found) | Q(components__release__packages__version=found)
    holders = Release.objects.filter(pk__in=Release.objects.filter(holds).values("pk"))
    seen = holders.filter(project__in=access.projects_of(who)).select_related("project")
    releases = list(seen.order_by("-pk")[:USES_SHOWN])
    live: dict[int, list[str]] = {}
    for line in _live(releases):
        live.setdefault(line.release_id, []).append(line.environment.slug)
    return [
        shapes.UseShape(project=held.project.slug, release=held.number, live_in=live.get(held.pk, []))
        for held in releases
    ]


def _live(releases: Iterable[Release]) -> Iterable[LiveVersion]:
    found = LiveVersion.objects.now().filter(release__in=[release.pk for release in releases])
    return found.select_related("environment").order_by("environment__position")


@door(
    router,
    "GET",
    "/packages/{name}/versions/{version}/download",
    scope=Scope.READ,
    answers={200: None},
    refuses=(409, 410, 412, 416, 503),
    summary="Download a version",
    name="download",
    document={"responses": {200: {"content": BYTES}, 206: {"description": "A part", "content": BYTES}}},
    head=True,
)
def download(request: HttpRequest, name: str, version: str) -> HttpResponseBase:
    """The bytes as they were pushed. The ETag is their SHA-256, and so is Repr-Digest; Range and If-Range are followed. Where
    packages lie in a bucket, the answer may lead there (302), to an address that is good for a few minutes."""
    return serving.download(request, access.version_of(caller(request), name, version))


@door(
    router,
    "POST",
    "/packages/{name}/versions/{version}/withdraw",
    scope=Scope.RELEASE,
    answers={200: shapes.VersionShape},
    refuses=(409, 422),
    summary="Withdraw a version",
)
def withdraw(request: HttpRequest, name: str, version: str, asked: ReasonAsked) -> shapes.VersionShape:
    """It stays on record and is never deployed again. It takes the release manager's role in every project that holds it."""
    who, found = caller(request), access.version_of(caller(request), name, version)
    access.require_on_package(who, Act.MANAGE, found.package.name)
    return shown(request, who, registry.withdraw(found, by=who.user, reason=asked.reason))


@door(
    router,
    "POST",
    "/packages/{name}/versions/{version}/restore",
    scope=Scope.RELEASE,
    answers={200: shapes.VersionShape},
    refuses=(409, 422),
    summary="Put a withdrawn version back into use",
)
def restore(request: HttpRequest, name: str, version: str, asked: ReasonAsked) -> shapes.VersionShape:
    """It takes the administrator's role in every project that holds the package; in all projects where none does."""
    who, found = caller(request), access.version_of(caller(request), name, version)
    access.require_on_package(who, Act.RESTORE, found.package.name)
    return shown(request, who, registry.restore(found, by=who.user, reason=asked.reason))
