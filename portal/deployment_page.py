"""What the page of one deployment says: where it stands, what it waits for, its steps, and which logs are open."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from accounts.models import User
from deployments import alignment, inside, log, on_hold, policy, pools
from deployments.decisions import UNDECIDED
from deployments.inside import PlanLine
from deployments.models import BROKEN_OFF, WAITING, Approval, Deployment, Hold, LiveVersion, Status
from deployments.policy import GateState
from portal import log_page
from portal.aftermath import Part, aftermath_of
from portal.log_page import Stretch
from portal.steps import Ran, ran
from portal.undecided import Undecided
from projects.access import Act, may

OPEN = (Status.RUNNING, Status.NEEDS_ATTENTION, *BROKEN_OFF)  # where somebody has to look


@dataclass(frozen=True)
class Fold:
    """One script's log on the page. `stretch` None: it has not started, so that there is nothing to unfold."""

    deployment: Deployment
    stretch: Stretch | None
    is_open: bool
    lines: int = 0  # of the whole log so far

    @property
    def is_followed(self) -> bool:
        """Whether the browser shall ask for more."""
        return not self.deployment.is_final


class DeploymentPage:
    """One deployment as `user` sees it. Everything is asked for only when the template names it."""

    def __init__(self, deployment: Deployment, user: User, first_line: int = 0) -> None:
        self.deployment, self.user, self.first_line = deployment, user, first_line
        self.shows_logs = may(user, Act.SEE_TECHNICAL, deployment.project)

    @cached_property
    def scripts(self) -> list[Deployment]:
        """The deployments that run a package: the components of a train in their order, or the one itself."""
        if not self.deployment.project.is_stack:
            return [self.deployment]
        return list(self.deployment.children.with_names().order_by("stage", "pk"))

    @cached_property
    def steps(self) -> list[Ran]:
        """The steps of a script, attempt by attempt."""
        return ran(self.deployment)

    @cached_property
    def lines(self) -> list[PlanLine]:
        """The items of the plan, with what changes inside them."""
        return inside.lines_of(self.deployment.plan)

    @property
    def is_waiting(self) -> bool:
        return self.deployment.status in WAITING

    @cached_property
    def waits_for(self) -> list[str]:
        """What keeps it from going on, as sentences."""
        row = self.deployment
        if self.is_waiting:
            blockers = policy.why_not_deployable(row.release, row.environment, deployment=row)
            return [blocker.sentence for blocker in blockers] or [
                "Nothing stands in its way: it starts within seconds."
            ]
        if row.status == Status.PENDING:
            return ["It starts when the stage before has succeeded."]
        if self.is_held:
            return [on_hold.sentence_of(hold) for hold in self.holds]
        return [sentence] if (sentence := pools.position_of(row)) else []

    @cached_property
    def holds(self) -> list[Hold]:
        """What stands in the way of deployments like this one; nothing concerns one that is over."""
        row = self.deployment
        return [] if row.is_final else on_hold.keeping(row.project, row.environment)

    @property
    def is_held(self) -> bool:
        """Whether it waits for a worker, and would not be taken by one."""
        row = self.deployment
        waits = row.status == Status.QUEUED and row.is_top and row.started_at is None
        return waits and bool(self.holds)

    @property
    def banner(self) -> list[Hold]:
        """The holds that the frame of the page tells of: where it waits for them, `waits_for` does."""
        return [] if self.is_waiting or self.is_held else self.holds

    @cached_property
    def live(self) -> LiveVersion | None:
        """What is live there now, whatever became of this deployment."""
        return alignment.live_version(self.deployment.project, self.deployment.environment)

    @cached_property
    def gates(self) -> list[GateState]:
        return policy.gate_states(self.deployment)

    @cached_property
    def approvals(self) -> list[Approval]:
        """Every decision that was made, withdrawn ones included, in order."""
        return list(self.deployment.approvals.select_related("person"))

    @cached_property
    def undecided(self) -> list[Undecided]:
        """The scripts that wait for a person."""
        return [Undecided(script, self.user) for script in self.scripts if script.status in UNDECIDED]

    @property
    def is_undecided(self) -> bool:
        """Whether it is one of them itself, rather than a train with such a component."""
        return any(stop.deployment.pk == self.deployment.pk for stop in self.undecided)

    @cached_property
    def aftermath(self) -> list[tuple[str, list[Part]]]:
        """What had been done of a cancelled deployment, and what not."""
        return aftermath_of(self.deployment) if self.deployment.status == Status.CANCELLED else []

    @cached_property
    def limits(self) -> list[tuple[str, datetime]]:
        """What is stopped when it takes too long, and when that is."""
        row = self.deployment
        if row.status != Status.RUNNING:
            return []
        limits = [(f"“{self.steps[-1].run.name}”", row.deadline_at)] if self.steps else []
        limits += [("The whole deployment", row.overdue_at)]
        limits += [(f"The deployment of {row.parent.release}", row.parent.overdue_at)] if row.parent else []
        return [(what, at) for what, at in limits if at]

    @property
    def may_decide(self) -> bool:
        return self.deployment.status == Status.REQUESTED and not policy.why_not_approvable(self.deployment, self.user)

    @property
    def may_withdraw(self) -> bool:
        """Whether this person's approval stands and can still be taken back."""
        mine = [approval for approval in self.approvals if approval.person_id == self.user.pk]
        approved = Approval.Decision.APPROVED
        return self.is_waiting and any(a.decision == approved and a.withdrawn_at is None for a in mine)

    @property
    def may_cancel(self) -> bool:
        row = self.deployment
        if row.cancel_stops_running or policy.why_not_cancellable(row):
            return False
        return may(self.user, policy.act_to_cancel(row, self.user), row.project, row.environment)

    @cached_property
    def folds(self) -> list[Fold]:
        """The logs, with their lines."""
        return [self._fold(script) for script in self.scripts] if self.shows_logs else []

    @cached_property
    def bare_folds(self) -> list[Fold]:
        """The logs without a line: what is on the page already stays there, and new ones fetch theirs."""
        nothing = Stretch([], 0, 0, ended=False)
        return [
            Fold(script, nothing, script.status in OPEN, log.line_count(script)) if script.attempt else _closed(script)
            for script in (self.scripts if self.shows_logs else [])
        ]

    @property
    def revision(self) -> str:
        """Changes with everything that the page shows besides the lines of the logs."""
        facts = [
            *(_facts(row) for row in {row.pk: row for row in [self.deployment, *self.scripts]}.values()),
            *((step.run.pk, step.run.finished_at, step.run.ignored) for step in self.steps),
            *((approval.pk, approval.withdrawn_at) for approval in self.approvals),
            *(self.waits_for if not self.deployment.is_final else ()),
        ]
        return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]

    @property
    def every(self) -> str:
        """How often the page asks whether something has changed; empty when nothing will."""
        if self.deployment.is_final:
            return ""
        return "5s" if self.is_waiting else "2s"

    def _fold(self, script: Deployment) -> Fold:
        if not script.attempt:
            return _closed(script)
        alone = script == self.deployment
        if alone and self.first_line:
            stretch = log_page.beginning_at(script, self.first_line)
        else:
            stretch = log_page.last_of(script, log_page.STRETCH if alone else self._share)
        return Fold(script, stretch, alone or script.status in OPEN, stretch.total)

    @property
    def _share(self) -> int:
        """How many lines each component of a train shows, so that all together stay few."""
        return max(20, min(log_page.IN_A_TRAIN, 2 * log_page.STRETCH // max(len(self.scripts), 1)))


def _closed(script: Deployment) -> Fold:
    return Fold(script, None, is_open=False)


def _facts(row: Deployment) -> list[object]:
    return [
        row.pk,
        row.status,
        row.attempt,
        row.outcome,
        row.cancel_requested_at,
        row.cancel_stops_running,
        row.fingerprint,
        row.deadline_at,
        row.overdue_at,
        row.mark_proposed_at,
    ]
