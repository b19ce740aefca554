"""What is live of a project in one environment, and what would come next, as JSON; texts are Markdown."""

from datetime import datetime

from ninja import Schema
from pydantic import Field

from api.shapes.comparison import NoteShape
from api.shapes.evidence import CommitShape, WorkItemShape
from api.shapes.projects import BesideShape, beside
from deployments.grid import Cell
from deployments.rollup import Part, Rollup
from deployments.standing import Approved, Standing
from lifecycles.models import Environment
from projects.models import Project
from releases.contents import Entry
from releases.models import Release


class NamedShape(Schema):
    """Something that a manifest names, as people call it."""

    label: str
    version: str


class ApprovedShape(Schema):
    person: str
    capacity: str = Field(description="The role, group or name that entitled this person, in words.")
    comment: str
    at: datetime


class PartChange(Schema):
    """A project whose release changes."""

    project: str
    name: str
    before: str | None = Field(description="null: nothing of it was live.")
    after: str
    is_back: bool = Field(description="It goes back to something earlier.")


class RollupShape(Schema):
    """What people get, compared with what is, or was, really live."""

    changes: list[PartChange] = Field(description="The stack's own first, then its components in order of deployment.")
    notes: list[NoteShape] = Field(description="Of everything that comes; Markdown.")
    work_items: list[WorkItemShape]
    taken_back: list[NoteShape] = Field(description="Of everything that a rollback takes away; Markdown.")
    work_items_taken_back: list[WorkItemShape]
    commits: list[CommitShape] | None = Field(description="null for those who see no technical details.")
    markdown: str = Field(description="All of it in the form of the stack's template; Markdown.")


class LiveHereShape(Schema):
    """What is live of one project."""

    release: str
    version: str = Field(description="Of its only package; the number of the release where there are several, or none.")
    since: datetime
    deployment: int
    stack_release: str | None = Field(description="The release of the stack that it came with; null: on its own.")
    approved: list[ApprovedShape]
    contents: list[NamedShape] = Field(description="What its manifests name.")


class LineShape(Schema):
    """One project in the environment."""

    project: str
    name: str
    live: LiveHereShape | None = Field(description="null: nothing is live there.")
    in_step: bool
    step_sentence: str
    status: str
    word: str
    beside: list[BesideShape] = Field(description="What waits or is under way there, or failed later.")


class PlaceShape(LineShape):
    environment: str
    brought: RollupShape | None = Field(description="What came with what is live; null: nothing is live there.")
    components: list[LineShape] = Field(description="Of a stack, in order of deployment.")


class ComingShape(Schema):
    """What deploying a release there would bring."""

    project: str
    environment: str
    release: str | None = Field(description="null: the newest release is live there already, or there is none.")
    live: str | None = Field(description="The number of the release that is live there; null: none.")
    brings: RollupShape | None


def line(project: Project, standing: Standing | None, cell: Cell) -> LineShape:
    return LineShape(
        project=project.slug,
        name=project.name,
        live=_live(standing) if standing else None,
        in_step=cell.in_step,
        step_sentence=cell.step_sentence,
        status=cell.status,
        word=cell.word,
        beside=[beside(deployment) for deployment in cell.beside],
    )


def place(
    own: LineShape, environment: Environment, brought: RollupShape | None, components: list[LineShape]
) -> PlaceShape:
    return PlaceShape(**own.model_dump(), environment=environment.slug, brought=brought, components=components)


def rollup(found: Rollup, markdown: str, *, technical: bool) -> RollupShape:
    return RollupShape(
        changes=[_change(part) for part in found.parts],
        notes=[_note(release) for release in found.notes],
        work_items=[WorkItemShape(**vars(item)) for item in found.work_items],
        taken_back=[_note(release) for release in found.taken_back],
        work_items_taken_back=[WorkItemShape(**vars(item)) for item in found.work_items_taken_back],
        commits=[CommitShape(**vars(commit)) for commit in found.commits] if technical else None,
        markdown=markdown,
    )


def _live(standing: Standing) -> LiveHereShape:
    return LiveHereShape(
        release=standing.release.number,
        version=standing.version,
        since=standing.live.from_at,
        deployment=standing.live.deployment_id,
        stack_release=standing.stack_release.number if standing.stack_release else None,
        approved=[_approved(approval) for approval in standing.approved],
        contents=[_named(entry) for entry in standing.contents],
    )


def _named(entry: Entry) -> NamedShape:
    return NamedShape(label=entry.label, version=entry.version)


def _approved(found: Approved) -> ApprovedShape:
    return ApprovedShape(person=found.person, capacity=found.capacity, comment=found.comment, at=found.at)


def _change(part: Part) -> PartChange:
    return PartChange(
        project=part.newer.project.slug,
        name=part.newer.project.name,
        before=part.older.number if part.older else None,
        after=part.newer.number,
        is_back=part.is_backwards,
    )


def _note(release: Release) -> NoteShape:
    return NoteShape(project=release.project.slug, release=release.number, notes=release.notes)
