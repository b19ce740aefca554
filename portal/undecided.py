"""A script that waits for a person, as somebody sees it: what ran where since when, what it printed last, what may be
decided, and who else has said something about it."""

from functools import cached_property

from accounts.models import User
from deployments import decisions
from deployments.decisions import Decision
from deployments.models import Deployment, Status
from portal import log_page
from portal.log_page import Stretch
from portal.steps import Ran, ran
from projects import access
from projects.access import Act

LINES = 12  # of the end of its log


class Undecided:
    """One such script as `user` sees it. Everything is asked for only when the template names it."""

    def __init__(self, deployment: Deployment, user: User) -> None:
        self.deployment, self.user = deployment, user

    @property
    def is_unknown(self) -> bool:
        """Whether nobody knows what it came to; otherwise a step of it has failed."""
        return self.deployment.status == Status.INTERRUPTED

    @property
    def is_silent(self) -> bool:
        """Whether its host may be running it still."""
        return self.is_unknown and bool(self.deployment.owner)

    @property
    def heading(self) -> str:
        row = self.deployment
        if self.is_unknown:
            return f"Nobody knows what became of {row.release} in {row.environment}"
        return f"{row.release} has failed in {row.environment} and waits for a decision"

    @cached_property
    def last(self) -> Ran | None:
        """The step that ran last."""
        runs = ran(self.deployment)
        return runs[-1] if runs else None

    @cached_property
    def may_decide(self) -> bool:
        return access.may(self.user, Act.MANAGE, self.deployment.project, self.deployment.environment)

    @cached_property
    def sees_technical(self) -> bool:
        return access.may(self.user, Act.SEE_TECHNICAL, self.deployment.project)

    @cached_property
    def decisions(self) -> list[Decision]:
        return decisions.decisions_for(self.deployment, self.user) if self.may_decide else []

    @property
    def takes_sure(self) -> bool:
        return any(decision.takes_sure for decision in self.decisions)

    @property
    def takes_reason(self) -> bool:
        """Whether every decision takes one."""
        return all(decision.takes_reason for decision in self.decisions)

    @cached_property
    def is_proposed(self) -> bool:
        """Whether it is marked as succeeded and waits for somebody else to confirm that."""
        return decisions.proposal_stands(self.deployment)

    @property
    def is_own_proposal(self) -> bool:
        return self.is_proposed and self.deployment.mark_proposed_by_id == self.user.pk

    @cached_property
    def deciders(self) -> list[str]:
        """Who may decide; of a proposal, who may confirm it."""
        row = self.deployment
        people = access.people_with(Act.MANAGE.roles, row.project, row.environment)
        return [str(person) for person in people if not (self.is_proposed and person.pk == row.mark_proposed_by_id)]

    @cached_property
    def tail(self) -> Stretch | None:
        """The end of its log, for those who may see logs."""
        return log_page.last_of(self.deployment, LINES) if self.sees_technical and self.last else None
