"""What the page of all holds says: what each keeps waiting, and whether this person may release it."""

from dataclasses import dataclass

from accounts.models import User
from deployments import on_hold
from deployments.models import Hold
from projects.access import Reach, projects_for


@dataclass(frozen=True)
class HoldLine:
    hold: Hold
    waiting: int  # deployments of this person's projects that have not started, in its scope
    may_release: bool

    @property
    def waits(self) -> str:
        """What it keeps waiting, in words."""
        if not self.waiting:
            return "Nothing waits for it yet."
        return "1 deployment waits." if self.waiting == 1 else f"{self.waiting} deployments wait."


def lines_for(user: User, reach: Reach) -> list[HoldLine]:
    """The holds that stand over this person's projects, newest first, in two queries however many there are.

    reach  where this person may release
    """
    projects = projects_for(user)
    rows = on_hold.about_to_start().filter(project__in=projects).select_related("project", "environment")
    holds = on_hold.standing_over(projects)
    waiting = list(rows) if holds else []
    return [
        HoldLine(
            hold,
            sum(on_hold.concerns(hold, row.project, row.environment) for row in waiting),
            reach.covers(hold.project, hold.environment),
        )
        for hold in reversed(holds)
    ]
