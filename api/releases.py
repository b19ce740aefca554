"""Releases: create, look up, edit the notes, hold back, ask whether and request that they go somewhere."""

from typing import Any

from django.http import Http404, HttpRequest
from ninja import Body, Query, Router, Status

from accounts.models import Scope
from api import access, addresses, paging
from api.auth import Caller, caller
from api.deployments import shown as shown_deployment
from api.doors import door
from api.paging import Paging
from api.shapes import releases as shapes
from api.shapes.common import Page, ReasonAsked
from api.shapes.deployments import DeploymentAsked, DeploymentShape
from deployments import actions as deployments
from deployments import policy
from deployments.models import LiveVersion
from projects.access import Act, may
from releases import actions
from releases.models import Release

router = Router(tags=["Releases"])

NOTHING_STATED = shapes.MaybeReasonAsked()  # the body may be left out
RELEASE = "/projects/{slug:slug}/releases/{number}"


@door(
    router,
    "GET",
    "/projects/{slug:slug}/releases",
    scope=Scope.READ,
    answers={200: Page[shapes.ReleaseLine]},
    summary="List releases",
    name="releases",
)
def releases(request: HttpRequest, slug: str, paged: Query[Paging]) -> dict[str, Any]:
    """Highest number first."""
    project = access.project_of(caller(request), slug)

    def line(release: Release) -> shapes.ReleaseLine:
        return shapes.release_line(release, addresses.of_release(request, release))

    rows = project.releases.select_related("project", "created_by")
    return paging.page_of(request, rows, line, paged, order=("-sort_key", "-pk"))


@door(
    router,
    "POST",
    "/projects/{slug:slug}/releases",
    scope=Scope.RELEASE,
    answers={200: shapes.ReleaseShape, 201: shapes.ReleaseShape},
    refuses=(409, 422),
    summary="Create a release",
)
def create(request: HttpRequest, slug: str, asked: shapes.ReleaseAsked) -> Status[Any]:
    """With the newest version of every package, save for those stated. 201: created; 200: one with exactly these contents
    existed already, and is shown as it is."""
    who = caller(request)
    project = access.project_of(who, slug, Act.CREATE_RELEASE)
    release, new = actions.create(
        project, by=who.user, versions=asked.versions, notes=asked.notes, number=asked.number or None
    )
    return Status(201 if new else 200, _shown(request, who, release))


@door(
    router,
    "GET",
    RELEASE,
    scope=Scope.READ,
    answers={200: shapes.ReleaseShape},
    summary="Show a release",
    name="release",
)
def release(request: HttpRequest, slug: str, number: str) -> shapes.ReleaseShape:
    """Its manifest, its notes, what was frozen with it (variables without their values), and where it is live."""
    who = caller(request)
    return _shown(request, who, access.release_of(who, slug, number))


@door(
    router,
    "PATCH",
    RELEASE,
    scope=Scope.RELEASE,
    answers={200: shapes.ReleaseShape},
    refuses=(422,),
    summary="Edit the notes of a release",
)
def edit_notes(request: HttpRequest, slug: str, number: str, asked: shapes.NotesAsked) -> shapes.ReleaseShape:
    """Nothing else of a release ever changes. What the notes were stays on record."""
    who = caller(request)
    found = access.release_of(who, slug, number, Act.CREATE_RELEASE)
    actions.edit_notes(found, asked.notes, by=who.user)
    return _shown(request, who, found)


@door(
    router,
    "POST",
    f"{RELEASE}/prevent-progression",
    scope=Scope.RELEASE,
    answers={200: shapes.ReleaseShape},
    refuses=(409, 422),
    summary="Keep a release from going further",
)
def prevent_progression(request: HttpRequest, slug: str, number: str, asked: ReasonAsked) -> shapes.ReleaseShape:
    """It stays where it has succeeded, and goes into no other phase."""
    who = caller(request)
    found = access.release_of(who, slug, number, Act.MANAGE)
    actions.prevent_progression(found, by=who.user, reason=asked.reason)
    return _shown(request, who, found)


@door(
    router,
    "POST",
    f"{RELEASE}/allow-progression",
    scope=Scope.RELEASE,
    answers={200: shapes.ReleaseShape},
    refuses=(409,),
    summary="Let a release go further again",
)
def allow_progression(
    request: HttpRequest, slug: str, number: str, asked: Body[shapes.MaybeReasonAsked] = NOTHING_STATED
) -> shapes.ReleaseShape:
    who = caller(request)
    found = access.release_of(who, slug, number, Act.MANAGE)
    actions.allow_progression(found, by=who.user, reason=asked.reason)
    return _shown(request, who, found)


@door(
    router,
    "GET",
    f"{RELEASE}/readiness",
    scope=Scope.READ,
    answers={200: shapes.ReadinessShape},
    summary="Ask whether a release may go to an environment",
)
def readiness(request: HttpRequest, slug: str, number: str, environment: str) -> shapes.ReadinessShape:
    """Every reason why not, for this account, as a sentence and a code."""
    who = caller(request)
    found = access.release_of(who, slug, number)
    place = access.environment_of(who, environment)
    return shapes.readiness(policy.why_not_deployable(found, place, by=who.user))


@door(
    router,
    "POST",
    f"{RELEASE}/deployments",
    scope=Scope.DEPLOY,
    answers={201: DeploymentShape},
    refuses=(409, 422),
    summary="Request a deployment",
)
def deploy(request: HttpRequest, slug: str, number: str, asked: DeploymentAsked) -> Status[Any]:
    """Promote, redeploy or roll back: which it is follows from what is live there. It waits for the approvals that it needs.
    409 names every reason that stops even asking."""
    who = caller(request)
    found = access.release_of(who, slug, number)
    only = found.project.components.filter(slug=asked.only).select_related("parent").first() if asked.only else None
    if asked.only and only is None:
        raise Http404(f"{found.project} has no component “{asked.only}”.")
    requested = deployments.request(
        found,
        access.environment_of(who, asked.environment),
        by=who.user,
        reason=asked.reason,
        start_at=asked.start_at,
        not_after=asked.not_after,
        only=only,
    )
    return Status(201, shown_deployment(request, access.deployment_of(who, requested.pk)))


def _shown(request: HttpRequest, who: Caller, found: Release) -> shapes.ReleaseShape:
    """The release as it is stored now."""
    release = (
        Release.objects.with_contents().select_related("project__parent", "created_by", "trigger").get(pk=found.pk)
    )
    live = (
        LiveVersion.objects.now()
        .filter(release=release)
        .select_related("environment")
        .order_by("environment__position")
    )
    technical = may(who.user, Act.SEE_TECHNICAL, release.project)
    return shapes.release_shape(release, addresses.of_release(request, release), live, technical=technical)
