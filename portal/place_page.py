"""What is live of a project in one environment, and what would come next, as one person sees it."""

from functools import cached_property

from django.http import Http404

from accounts.models import User
from deployments import on_hold
from deployments.models import Hold
from lifecycles.models import Environment
from projects.access import Act, may
from projects.models import Project
from publishing.confluence.state import PageState, states_for
from publishing.places import Coming, Place, newest_not_live
from releases.models import Release

CHOICES = 100  # newest releases that can be chosen; any other one by its address


class PlacePage(Place):
    """What is live there, as `user` sees it, with the ways on from there."""

    def __init__(self, project: Project, environment: Environment, user: User) -> None:
        super().__init__(project, environment)
        self.user = user

    @cached_property
    def holds(self) -> list[Hold]:
        concerned = on_hold.standing_over_project(self.project)
        return [hold for hold in concerned if hold.environment_id in (None, self.environment.pk)]

    @cached_property
    def next(self) -> Release | None:
        """The newest release, where it is not live there."""
        return newest_not_live(self.project, self.standing.release if self.standing else None)

    @cached_property
    def publication(self) -> PageState | None:
        """Its Confluence page, where it has one."""
        return states_for([self.project]).get((self.project.pk, self.environment.pk))

    @property
    def may_configure(self) -> bool:
        return may(self.user, Act.CONFIGURE, self.project)


class ComingPage(Coming):
    """What comes, and what else could be asked about. `number`: of the release that is asked about; empty: the newest one
    that is not live there. Raises Http404 where there is no such release."""

    def __init__(self, project: Project, environment: Environment, number: str) -> None:
        super().__init__(project, environment, _release(project, number) if number else None)

    @cached_property
    def choices(self) -> list[tuple[str, str]]:
        """Number and words of each release that can be chosen, newest first."""
        newest = list(self.project.releases.newest_first().defer("snapshot")[:CHOICES])
        newest += [self.release] if self.release and self.release not in newest else []
        return [
            (release.number, f"{release.number}, live there" if release == self.live else release.number)
            for release in newest
        ]


def _release(project: Project, number: str) -> Release:
    rows = project.releases.select_related("project__parent")
    found = rows.filter(number=number).first() if number.isprintable() else None
    if found is None:
        raise Http404(f"{project} has no release {number}.")
    return found
