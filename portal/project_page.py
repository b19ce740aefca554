"""What the pages of a stack and of a component say."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import QuerySet

from accounts.models import User
from deployments import on_hold
from deployments.grid import Cell, Grid, Row, build_grids
from deployments.models import Deployment, Hold, LiveVersion
from lifecycles.models import Environment
from portal.release_page import WayBack, ways_back
from projects.access import Act, may
from projects.models import Project
from releases.models import Release


@dataclass(frozen=True)
class Standing:
    """A release in one environment: live there, or what its last deployment came to; None: it was never there."""

    environment: Environment
    is_live: bool
    last: Deployment | None


@dataclass(frozen=True)
class ReleaseLine:
    release: Release
    standings: list[Standing]


class ProjectPage:
    """One stack, component or project on its own, as `user` sees it."""

    def __init__(self, project: Project, user: User) -> None:
        self.project, self.user = project, user

    @cached_property
    def environments(self) -> list[Environment]:
        return self.project.track.environments()

    @cached_property
    def grid(self) -> Grid:
        """The grid of the stack that it is, or belongs to."""
        return build_grids([self.project.parent or self.project], holds=self.holds)[0]

    @cached_property
    def holds(self) -> list[Hold]:
        """Those that keep it from being deployed somewhere."""
        return on_hold.standing_over_project(self.project)

    @cached_property
    def row(self) -> Row:
        """Its own row of the grid."""
        return next(row for row in self.grid.rows if row.project.pk == self.project.pk)

    @property
    def cells(self) -> list[Cell]:
        return self.row.cells

    @property
    def components(self) -> QuerySet[Project]:
        return self.project.components.select_related("process").order_by("stage", "position", "name")

    @cached_property
    def ways_back(self) -> list[WayBack]:
        return ways_back(self.project, self.environments, self.user)

    @cached_property
    def ways_on(self) -> list[WayBack]:
        """What could be brought to an environment from the one before it, on its own."""
        found = []
        for left, right in zip(self.cells, self.cells[1:], strict=False):
            if left.release and _is_newer(left.release, right.release) and self._may_manage(right.environment):
                found.append(WayBack(right.environment, left.release))
        return found

    def _may_manage(self, environment: Environment) -> bool:
        return may(self.user, Act.MANAGE, self.project, environment)

    @property
    def first_release(self) -> str:
        """What brings the first release about."""
        if self.project.parent:
            return f"The first release of {self.project.parent} brings one."
        if self.project.triggers.filter(enabled=True).exists():
            return "It comes as soon as every package has been pushed."
        return "No trigger creates releases here: a release manager does."

    @property
    def may_create(self) -> bool:
        return may(self.user, Act.CREATE_RELEASE, self.project)

    @property
    def may_hold(self) -> bool:
        return not self.project.parent_id and may(self.user, Act.MANAGE, self.project)

    @property
    def may_configure(self) -> bool:
        return may(self.user, Act.CONFIGURE, self.project)

    @property
    def may_see_packages(self) -> bool:
        return may(self.user, Act.SEE_TECHNICAL, self.project)

    def lines_of(self, releases: Sequence[Release]) -> list[ReleaseLine]:
        """Where each of these releases stands, in the order given. Two queries."""
        live = set(LiveVersion.objects.now().filter(project=self.project).values_list("environment", "release"))
        last: dict[tuple[int, int], Deployment] = {}
        for row in Deployment.objects.filter(project=self.project, release__in=list(releases)).order_by("pk"):
            last[row.environment_id, row.release_id] = row
        return [
            ReleaseLine(
                release,
                [
                    Standing(place, (place.pk, release.pk) in live, last.get((place.pk, release.pk)))
                    for place in self.environments
                ],
            )
            for release in releases
        ]


def _is_newer(release: Release, than: Release | None) -> bool:
    return than is None or (release.sort_key, release.pk) > (than.sort_key, than.pk)
