"""Environments, projects and the grid as JSON."""

from datetime import datetime

from ninja import Schema
from pydantic import Field

from api.shapes.comparison import ContentRowShape, EntryShape, content_row, entries
from deployments.grid import Cell, Grid, Row
from deployments.models import Deployment, LiveVersion
from lifecycles.models import Environment, Phase
from projects.models import Project
from releases.contents import Entry


class EnvironmentShape(Schema):
    slug: str
    name: str
    is_production: bool
    base_url: str | None = Field(description="Where people find what runs there.")


class LiveShape(Schema):
    """From when until when a release was live in an environment."""

    project: str
    release: str
    deployment: int
    from_at: datetime
    until_at: datetime | None = Field(description="null: it is live now.")
    contents: list[EntryShape] = Field(description="What the manifests of its packages name.")


class ProjectLine(Schema):
    slug: str
    name: str
    kind: str = Field(description="stack, component or alone")
    stack: str | None = Field(description="The stack that a component belongs to.")
    description: str
    url: str


class ComponentShape(Schema):
    slug: str
    name: str
    stage: int = Field(description="Stage 1 is deployed first; those of the same stage side by side.")
    condition: str
    packages: list[str]
    url: str


class PhaseShape(Schema):
    name: str
    optional: bool
    minimum: int = Field(description="In how many of its environments a release must have succeeded; 0 means all.")
    environments: list[str]


class ProjectShape(ProjectLine):
    lifecycle: str
    phases: list[PhaseShape]
    components: list[ComponentShape]
    packages: list[str]
    releases: str
    deployments: str
    evaluations: str
    grid: str | None = Field(description="null for a component: its stack's grid shows it.")


class BesideShape(Schema):
    """What waits or is under way there, or failed later than what is live."""

    id: int
    release: str
    status: str
    word: str


class CellShape(Schema):
    """What is live of one project in one environment."""

    environment: str
    release: str | None
    since: datetime | None
    deployment: int | None
    in_step: bool
    step_sentence: str
    behind: str
    status: str
    word: str
    beside: list[BesideShape]


class RowShape(Schema):
    project: str
    name: str
    is_stack: bool
    cells: list[CellShape]
    contents: list[ContentRowShape] = Field(description="What the manifests of its live releases name.")


class GridShape(Schema):
    """Components × environments: which version is where."""

    project: str
    sentence: str
    revision: str = Field(description="Changes with every change of the grid.")
    attention: int = Field(description="How many things need a person.")
    environments: list[str]
    rows: list[RowShape]


def environment(found: Environment) -> EnvironmentShape:
    return EnvironmentShape(
        slug=found.slug, name=found.name, is_production=found.is_production, base_url=found.base_url or None
    )


def live(found: LiveVersion, contents: list[Entry]) -> LiveShape:
    return LiveShape(
        project=found.project.slug,
        release=found.release.number,
        deployment=found.deployment_id,
        from_at=found.from_at,
        until_at=found.until_at,
        contents=entries(contents),
    )


def project_line(project: Project, url: str) -> ProjectLine:
    return ProjectLine(
        slug=project.slug,
        name=project.name,
        kind=project.kind,
        stack=project.parent.slug if project.parent else None,
        description=project.description,
        url=url,
    )


def component(found: Project, url: str) -> ComponentShape:
    """Needs the prefetched `packages`."""
    return ComponentShape(
        slug=found.slug,
        name=found.name,
        stage=found.stage,
        condition=found.condition,
        packages=[package.name for package in found.packages.all()],
        url=url,
    )


def phase(found: Phase) -> PhaseShape:
    """Needs the prefetched `places` with their environments."""
    return PhaseShape(
        name=found.name,
        optional=found.optional,
        minimum=found.minimum,
        environments=[place.environment.slug for place in found.places.all()],
    )


def grid(found: Grid) -> GridShape:
    return GridShape(
        project=found.stack.slug,
        sentence=found.sentence,
        revision=found.revision,
        attention=found.attention,
        environments=[environment.slug for environment in found.environments],
        rows=[_row(row) for row in found.rows],
    )


def _row(row: Row) -> RowShape:
    cells = [_cell(cell) for cell in row.cells]
    contents = [content_row(line) for line in row.contents]
    return RowShape(
        project=row.project.slug, name=row.project.name, is_stack=row.is_stack, cells=cells, contents=contents
    )


def _cell(cell: Cell) -> CellShape:
    return CellShape(
        environment=cell.environment.slug,
        release=cell.number,
        since=cell.since,
        deployment=cell.deployment_id,
        in_step=cell.in_step,
        step_sentence=cell.step_sentence,
        behind=cell.behind,
        status=cell.status,
        word=cell.word,
        beside=[beside(deployment) for deployment in cell.beside],
    )


def beside(deployment: Deployment) -> BesideShape:
    return BesideShape(
        id=deployment.pk,
        release=deployment.release.number,
        status=deployment.status,
        word=deployment.get_status_display(),
    )
