"""Projects, their grid and what their triggers made of pushes."""

from typing import Any

from django.db.models import Prefetch
from django.http import Http404, HttpRequest
from django.urls import reverse
from ninja import Query, Router, Schema
from pydantic import AwareDatetime, Field

from accounts.models import Scope
from api import access, addresses, paging
from api.auth import caller
from api.doors import door
from api.paging import Paging
from api.shapes import packages
from api.shapes import projects as shapes
from api.shapes.common import Page, Word
from api.shapes.comparison import ComparisonShape, comparison
from deployments.grid import build_grids
from lifecycles.models import PhaseEnvironment
from projects.access import Act, may
from projects.models import Project
from releases.comparing import compared
from releases.evaluations import narrowed
from releases.models import TriggerEvaluation

router = Router(tags=["Projects"])


@door(router, "GET", "/projects", scope=Scope.READ, answers={200: Page[shapes.ProjectLine]}, summary="List projects")
def projects(request: HttpRequest, paged: Query[Paging]) -> dict[str, Any]:
    """Stacks, components and projects on their own that you may see, by name."""
    rows = access.projects_of(caller(request)).select_related("parent")

    def line(project: Project) -> shapes.ProjectLine:
        return shapes.project_line(project, addresses.of_project(request, project))

    return paging.page_of(request, rows, line, paged, order=("name", "pk"))


@door(
    router,
    "GET",
    "/projects/{slug:slug}",
    scope=Scope.READ,
    answers={200: shapes.ProjectShape},
    summary="Show a project",
    name="project",
)
def project(request: HttpRequest, slug: str) -> shapes.ProjectShape:
    """Its components in the order of deployment, its lifecycle, and where to go on."""
    found = access.project_of(caller(request), slug)
    url = addresses.of_project(request, found)
    places = PhaseEnvironment.objects.select_related("environment")
    phases = found.track.phases.order_by("position").prefetch_related(Prefetch("places", places))
    components = found.components.order_by("stage", "position", "pk").prefetch_related("packages")
    filtered = request.build_absolute_uri(reverse("api:deployments"))
    return shapes.ProjectShape(
        **shapes.project_line(found, url).model_dump(),
        lifecycle=found.track.name,
        phases=[shapes.phase(phase) for phase in phases],
        components=[shapes.component(part, addresses.of_project(request, part)) for part in components],
        packages=[package.name for package in found.packages.all()],
        releases=f"{url}/releases",
        deployments=f"{filtered}?project={found.slug}",
        evaluations=f"{url}/evaluations",
        grid=None if found.parent_id else f"{url}/grid",
    )


@door(
    router,
    "GET",
    "/projects/{slug:slug}/grid",
    scope=Scope.READ,
    answers={200: shapes.GridShape},
    summary="Show which version is where",
)
def grid(request: HttpRequest, slug: str) -> shapes.GridShape:
    """The stack and its components × environments."""
    found = access.project_of(caller(request), slug)
    if found.parent:
        raise Http404(f"{found} is a component: the grid of {found.parent} shows it.")
    return shapes.grid(build_grids([found])[0])


class EvaluationFilter(Paging):
    package: Word = Field("", description="A part of the package's name or label.")
    outcome: TriggerEvaluation.Outcome | None = Field(None, description="One outcome.")
    trigger: Word = Field("", description="The name of a trigger.")
    since: AwareDatetime | None = Field(None, description="From this moment on.")
    until: AwareDatetime | None = Field(None, description="Before this moment.")


class TwoReleases(Schema):
    from_: str = Field(alias="from", max_length=200, description="The number of the release to compare with.")
    to: str = Field(max_length=200, description="The number of the release that is compared; it may be the older one.")


@door(
    router,
    "GET",
    "/projects/{slug:slug}/compare",
    scope=Scope.READ,
    answers={200: ComparisonShape},
    summary="Compare two releases",
)
def compare(request: HttpRequest, slug: str, two: Query[TwoReleases]) -> ComparisonShape:
    """Component by component: releases, packages, what their manifests name, process and variables; and what was written
    and done between the two."""
    who = caller(request)
    before, after = (access.release_of(who, slug, number) for number in (two.from_, two.to))
    technical = may(who.user, Act.SEE_TECHNICAL, after.project)
    return comparison(compared(before, after, technical=technical), technical=technical)


@door(
    router,
    "GET",
    "/projects/{slug:slug}/evaluations",
    scope=Scope.READ,
    answers={200: Page[packages.EvaluationShape]},
    summary="List what triggers made of pushes",
)
def evaluations(request: HttpRequest, slug: str, wanted: Query[EvaluationFilter]) -> dict[str, Any]:
    """Newest first, also where nothing was created, with the reason."""
    found = access.project_of(caller(request), slug, Act.SEE_TECHNICAL)
    rows = narrowed(
        TriggerEvaluation.objects.filter(trigger__project=found),
        package=wanted.package,
        outcome=wanted.outcome or "",
        trigger=wanted.trigger,
        since=wanted.since,
        until=wanted.until,
    )
    named = rows.select_related("trigger__project", "version__package__feed", "version__published_by", "release")
    return paging.page_of(request, named, packages.evaluation, wanted, order=("-pk",))
