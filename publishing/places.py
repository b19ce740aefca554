"""What is live of a project, and of the components of a stack, in one environment, and what would come next: for pages, for
the API and for readers with a link alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from deployments.grid import Cell, Grid, build_grids
from deployments.rollup import Rollup, coming
from deployments.standing import Standing, standings_of
from lifecycles.models import Environment
from projects.models import Project
from releases.models import Release


@dataclass(frozen=True)
class Line:
    """A component of a stack there: what is live of it, if anything, and its cell of the grid."""

    project: Project
    standing: Standing | None
    cell: Cell


class Place:
    """A project and, of a stack, its components in one environment. Everything is asked for only when it is named."""

    def __init__(self, project: Project, environment: Environment) -> None:
        self.project, self.environment = project, environment

    @cached_property
    def standing(self) -> Standing | None:
        """What is live of the project itself; None: nothing."""
        return self._standings.get(self.project.pk)

    @cached_property
    def cell(self) -> Cell:
        """Its cell of the grid: whether it is in step, and what is under way or went wrong beside it."""
        return self._cells[self.project.pk]

    @cached_property
    def lines(self) -> list[Line]:
        """Of a stack, its components in order of deployment; otherwise none."""
        return [Line(part, self._standings.get(part.pk), self._cells[part.pk]) for part in self._components]

    @cached_property
    def alone(self) -> list[Line]:
        """The components that did not come with what is live of the stack."""
        return [line for line in self.lines if line.standing and not line.cell.in_step]

    @cached_property
    def _standings(self) -> dict[int, Standing]:
        found = standings_of([self.project, *self._components], self.environment)
        return {standing.project.pk: standing for standing in found}

    @cached_property
    def _components(self) -> list[Project]:
        return [row.project for row in self._grid.rows if not row.is_stack] if self.project.is_stack else []

    @cached_property
    def _cells(self) -> dict[int, Cell]:
        return {row.project.pk: self._cell(row.cells) for row in self._grid.rows}

    def _cell(self, cells: Sequence[Cell]) -> Cell:
        found = next((cell for cell in cells if cell.environment == self.environment), None)
        return found or Cell(self.environment, None, None, None, True, "", "")  # its lifecycle is not its stack's

    @cached_property
    def _grid(self) -> Grid:
        return build_grids([self.project.parent or self.project])[0]


class Coming:
    """What deploying a release there would bring. `release`: None means the newest one, unless it is live there."""

    def __init__(self, project: Project, environment: Environment, release: Release | None) -> None:
        self.project, self.environment = project, environment
        self.release = release or newest_not_live(project, self.live)

    @cached_property
    def live(self) -> Release | None:
        rows = self.project.live_versions.now().filter(environment=self.environment)
        line = rows.select_related("release__project").first()
        return line.release if line else None

    @cached_property
    def rollup(self) -> Rollup:
        return coming(self.release, self.environment) if self.release else Rollup()

    @property
    def is_live(self) -> bool:
        return self.release is not None and self.release == self.live

    @property
    def is_back(self) -> bool:
        """Whether the project itself would go back to something earlier."""
        return any(part.is_backwards for part in self.rollup.parts if part.newer.project_id == self.project.pk)


def newest_not_live(project: Project, live: Release | None) -> Release | None:
    """The newest release of the project, unless that is what is live."""
    newest = project.releases.select_related("project__parent").newest_first().first()
    return None if newest == live else newest
