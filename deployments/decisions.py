"""What may a person decide about a script that cannot go on by itself? Nobody knows what it came to, or a step of it
has failed where the environment asks for a person then. Questions only: `resolving.py` does what was decided.

`OFFERED` says which decisions there are; whatever stands in the way of one (`why_not`) keeps it from being offered and
refuses it, so that nothing is offered that is refused.
"""

from dataclasses import dataclass, replace

from django.db.models import QuerySet

from accounts.models import User
from deployments.models import Deployment, Status, StepRun
from deployments.policy import Blocker


@dataclass(frozen=True)
class Decision:
    """One way out of a standstill."""

    name: str
    word: str  # what choosing it means, for people
    ask: str = ""  # what to say when it comes without a reason; empty: it needs none
    takes_sure: bool = False  # its host is silent: whoever chooses it has made sure that nothing runs there
    is_proposal: bool = False  # it takes effect once somebody else has confirmed it

    @property
    def takes_reason(self) -> bool:
        return bool(self.ask)


HOW_KNOWN = "Say how you know, or why it may run again: it is kept on record."
WHY_IGNORED = "Say why the failure may be ignored: it is kept on record."
CONFIRM = "It has succeeded: I have looked as well, and the version is there"

OFFERED: dict[Status, tuple[Decision, ...]] = {
    Status.INTERRUPTED: (
        Decision("retry", "Run it again", HOW_KNOWN),
        Decision("succeeded", "It has succeeded: I have looked, and the version is there", HOW_KNOWN),
        Decision("failed", "It has failed: I have looked, and the version is not there", HOW_KNOWN),
    ),
    Status.NEEDS_ATTENTION: (
        Decision("retry", "Try it again: what has succeeded is not run a second time"),
        Decision("ignore", "Ignore the failure and go on: it does not count as deployed", WHY_IGNORED),
        Decision("failed", "Let it fail: nothing more of it is run"),
    ),
}
UNDECIDED = tuple(OFFERED)  # the statuses of a script that waits for a person


def decisions_for(deployment: Deployment, by: User | None = None) -> list[Decision]:
    """What may be decided about it now; by this person, where one is named who has the role for it."""
    return [
        as_it_stands(deployment, decision)
        for decision in offered(deployment)
        if why_not(deployment, decision, by) is None
    ]


def proposal_stands(deployment: Deployment) -> bool:
    """Whether somebody has marked it as succeeded and waits for somebody else to confirm it."""
    return (
        deployment.status == Status.INTERRUPTED
        and deployment.mark_proposed_by_id is not None
        and deployment.environment.second_pair_of_eyes
    )


def offered(row: Deployment) -> tuple[Decision, ...]:
    return () if row.project.is_stack else OFFERED.get(Status(row.status), ())


def why_not(row: Deployment, decision: Decision, by: User | None) -> Blocker | None:
    """Why this decision cannot be taken on this row at present, by this person."""
    if decision.name in ("retry", "ignore") and row.parent and row.parent.cancel_requested_at:
        sentence = f"{row.parent} was cancelled, so that nothing of it is run any more. Say what became of {row}."
        return Blocker("train_cancelled", sentence)
    if decision.name == "ignore" and not failed_steps(row).exists():
        return Blocker("nothing_failed", f"No step of {row} has failed, so that there is nothing to ignore.")
    if decision.name == "succeeded" and row.failure_ignored:
        sentence = f"A failure of {row} was ignored, so that it cannot count as deployed. Run it again, or let it fail."
        return Blocker("failure_ignored", sentence)
    if decision.name == "succeeded" and by and proposal_stands(row) and row.mark_proposed_by_id == by.pk:
        return Blocker("proposed_already", "You have marked it as succeeded already: somebody else has to confirm it.")
    return None


def as_it_stands(row: Deployment, decision: Decision) -> Decision:
    """The decision with what this row adds to it."""
    if decision.name == "retry":
        return replace(decision, takes_sure=row.status == Status.INTERRUPTED and bool(row.owner))
    if decision.name == "succeeded" and row.environment.second_pair_of_eyes:
        if proposal_stands(row):
            return replace(decision, word=CONFIRM)
        return replace(decision, word=f"{decision.word}. Somebody else has to confirm it", is_proposal=True)
    return decision


def failed_steps(row: Deployment) -> QuerySet[StepRun]:
    ended = row.step_runs.filter(finished_at__isnull=False, ignored=False)
    return ended.exclude(exit_status=0)
