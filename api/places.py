"""One project in one environment: what is live there, what would come next, and a feed of what went live."""

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from pydantic import Field

from accounts.models import Scope
from api import access, addresses
from api.auth import Caller, caller
from api.doors import door
from api.shapes import places as shapes
from api.shapes.common import Word
from deployments.models import LiveVersion
from lifecycles.models import Environment
from projects.access import Act, environment_of, may
from projects.models import Project
from publishing import feeds, notes
from publishing.places import Coming, Place

router = Router(tags=["Environments"])
PLACE = "/projects/{slug:slug}/environments/{slug:environment}"


@door(
    router,
    "GET",
    PLACE,
    scope=Scope.READ,
    answers={200: shapes.PlaceShape},
    summary="Show what is live of a project in an environment",
    name="place",
)
def place(request: HttpRequest, slug: str, environment: str) -> shapes.PlaceShape:
    """Since when, approved by whom, what came with it, and whether it is in step; of a stack with its components."""
    who = caller(request)
    found = Place(*_where(who, slug, environment))
    own = shapes.line(found.project, found.standing, found.cell)
    components = [shapes.line(line.project, line.standing, line.cell) for line in found.lines]
    brought = None
    if standing := found.standing:
        text = notes.rolled_up_live(standing.live, standing.brought)
        brought = shapes.rollup(standing.brought, text, technical=_is_technical(who, found.project))
    return shapes.place(own, found.environment, brought, components)


class Which(Schema):
    release: Word = Field("", description="The number of a release; empty: the newest one that is not live there.")


@door(
    router,
    "GET",
    f"{PLACE}/coming",
    scope=Scope.READ,
    answers={200: shapes.ComingShape},
    summary="Show what a release would bring to an environment",
)
def coming(request: HttpRequest, slug: str, environment: str, which: Query[Which]) -> shapes.ComingShape:
    """Notes and work items of everything between what is really live there, component by component, and this release; and
    what a rollback would take back."""
    who = caller(request)
    project, where = _where(who, slug, environment)
    release = access.release_of(who, slug, which.release) if which.release else None
    found = Coming(project, where, release)
    brings = None
    if found.release:
        text = notes.rolled_up(found.release, where, found.rollup)
        brings = shapes.rollup(found.rollup, text, technical=_is_technical(who, project))
    return shapes.ComingShape(
        project=project.slug,
        environment=where.slug,
        release=found.release.number if found.release else None,
        live=found.live.number if found.live else None,
        brings=brings,
    )


@door(
    router,
    "GET",
    f"{PLACE}/feed.atom",
    scope=Scope.READ,
    answers={200: None},
    summary="Follow what goes live in an environment",
    document={
        "responses": {200: {"content": {feeds.CONTENT_TYPE.partition(";")[0]: {"schema": {"type": "string"}}}}},
    },
)
def feed(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    """An Atom feed: one entry for each time that something went live, with its notes. Answers 304 to a reader that states the
    ETag or the date of what it has."""
    project, where = _where(caller(request), slug, environment)

    def entry(live: LiveVersion) -> str:
        return addresses.of_release(request, live.release)

    about = addresses.of_place(request, project, where)
    return feeds.answer(request, project, where, feeds.Addresses(f"{about}/feed.atom", about, entry))


def _where(who: Caller, slug: str, environment: str) -> tuple[Project, Environment]:
    project = access.project_of(who, slug)
    return project, environment_of(project, environment)


def _is_technical(who: Caller, project: Project) -> bool:
    return may(who.user, Act.SEE_TECHNICAL, project)
