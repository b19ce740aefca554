"""What the page of one release says: where it is, what it brings to the next environment, and what stands in its way."""

from dataclasses import dataclass
from functools import cached_property

from accounts.models import User
from deployments import alignment, inside, policy
from deployments.history import deployments_of
from deployments.inside import PlanLine
from deployments.models import UNFINISHED, Deployment, LiveVersion, Status
from deployments.plans import SKIP, Plan, plan_for
from deployments.policy import Blocker, Stops
from deployments.rollup import Rollup, coming
from lifecycles.models import Environment
from portal.compare_page import Candidate, candidates
from projects.access import Act, may
from projects.models import Project
from registry.models import PackageVersion
from releases.contents import Entry, entries_of
from releases.models import Release
from releases.needs import Need, needs_of


@dataclass(frozen=True)
class Place:
    """One environment of the lifecycle, as this release sees it."""

    environment: Environment
    live: LiveVersion | None  # what is live there, whichever release it is
    is_live: bool  # this release is
    last: Deployment | None  # the last deployment of this release there
    is_next: bool


@dataclass(frozen=True)
class HeldPackage:
    version: PackageVersion
    entries: list[Entry]  # of its manifest


@dataclass(frozen=True)
class Held:
    """A release that holds packages: this one, or that of a component."""

    release: Release
    lines: list[HeldPackage]


class ReleasePage:
    """One release as `user` sees it. Everything is asked for only when the template names it."""

    def __init__(self, release: Release, user: User) -> None:
        self.release, self.user, self.project = release, user, release.project

    @cached_property
    def deployments(self) -> list[Deployment]:
        return deployments_of(self.release)

    @cached_property
    def environments(self) -> list[Environment]:
        return self.project.track.environments()

    @cached_property
    def live(self) -> dict[int, LiveVersion]:
        """What is live of this project, by environment."""
        rows = LiveVersion.objects.now().filter(project=self.project).select_related("release")
        return {row.environment_id: row for row in rows}

    @cached_property
    def next(self) -> Environment | None:
        """Where it goes next: the first environment where it is neither live nor has been; none when it went all the way."""
        succeeded = policy.succeeded_in(self.release)
        for environment in self.environments:
            if environment.pk not in succeeded:
                return environment
        return None

    @cached_property
    def places(self) -> list[Place]:
        last: dict[int, Deployment] = {}
        for row in self.deployments:
            last.setdefault(row.environment_id, row)
        return [
            Place(
                environment=environment,
                live=(live := self.live.get(environment.pk)),
                is_live=live is not None and live.release_id == self.release.pk,
                last=last.get(environment.pk),
                is_next=self.next == environment,
            )
            for environment in self.environments
        ]

    @cached_property
    def request(self) -> Deployment | None:
        """The unfinished deployment of this release to the next environment."""
        rows = [row for row in self.deployments if row.status in UNFINISHED and row.is_top]
        return next((row for row in rows if row.environment == self.next), rows[0] if rows else None)

    @cached_property
    def blockers(self) -> list[Blocker]:
        """What stands between this release and where it is planned for, for nobody in particular."""
        if self.planned_for is None:
            return []
        waiting = self.request if self.request and self.request.environment == self.planned_for else None
        if waiting and waiting.status not in (Status.REQUESTED, Status.SCHEDULED):
            return []
        return policy.why_not_deployable(self.release, self.planned_for, deployment=waiting)

    @cached_property
    def needs(self) -> list[Need]:
        """What it needs from outside stores, and whether it is there."""
        return needs_of(self.release)

    @property
    def stopped(self) -> list[Blocker]:
        """Those among them that stop even asking."""
        return [blocker for blocker in self.blockers if blocker.stops is Stops.REQUESTING]

    @property
    def done(self) -> list[str]:
        """What has been achieved on the way to the next environment, as sentences."""
        succeeded = policy.succeeded_in(self.release)
        been = [f"It has succeeded in {place}." for place in self.environments if place.pk in succeeded]
        waiting = self.request if self.request and self.request.environment == self.next else None
        return been + [state.sentence for state in (policy.gate_states(waiting) if waiting else []) if state.is_met]

    @property
    def may_request(self) -> bool:
        """Whether this person may ask for where it is planned for."""
        where = self.planned_for
        return where is not None and may(self.user, policy.act_for(self.release, where), self.project, where)

    @property
    def may_manage(self) -> bool:
        return may(self.user, Act.MANAGE, self.project)

    @property
    def may_take_away(self) -> bool:
        return may(self.user, Act.SEE_TECHNICAL, self.project)

    @property
    def may_decide(self) -> bool:
        return self.request is not None and not policy.why_not_approvable(self.request, self.user)

    @property
    def may_edit(self) -> bool:
        return may(self.user, Act.CREATE_RELEASE, self.project)

    @property
    def is_component(self) -> bool:
        return self.project.kind == Project.Kind.COMPONENT

    @cached_property
    def plan(self) -> Plan | None:
        """What deploying it to where it is planned for would do."""
        return plan_for(self.release, self.planned_for) if self.planned_for else None

    @cached_property
    def lines(self) -> list[PlanLine]:
        """The items of the plan, with what changes inside them."""
        return inside.lines_of(self.plan.items) if self.plan else []

    @property
    def planned_for(self) -> Environment | None:
        """The next environment; the last one for a release that has been everywhere."""
        return self.next or (self.environments[-1] if self.environments else None)

    @property
    def brings(self) -> int:
        """How many components of the plan are deployed."""
        return sum(item.action != SKIP for item in self.plan.items) if self.plan else 0

    @cached_property
    def contents(self) -> list[Held]:
        """The component releases that it holds, in order; its own packages make it one of its own."""
        releases = [self.release]
        if self.project.is_stack:
            lines = self.release.components.select_related("release__project").order_by("stage", "component__position")
            releases = [line.release for line in lines.prefetch_related("release__packages__version__package")]
        entries = entries_of(release.pk for release in releases)
        return [Held(release, _held(release, entries.get(release.pk, []))) for release in releases]

    @cached_property
    def comparable(self) -> list[Candidate]:
        """The releases that it is worth being compared with."""
        return candidates(self.release, self.planned_for)

    @cached_property
    def rollup(self) -> Rollup:
        """What it brings where it is planned for, and takes back, compared with what is live there."""
        return coming(self.release, self.planned_for) if self.planned_for else Rollup()

    @property
    def earlier_notes(self) -> list[Release]:
        """What else comes with it: the other releases with notes between what is live where it goes and this one, its own
        and those of the components that change."""
        return [release for release in self.rollup.notes if release != self.release]

    @property
    def replaced(self) -> Release | None:
        """What is live where it is planned for."""
        live = self.live.get(self.planned_for.pk) if self.planned_for else None
        return live.release if live else None

    @property
    def is_technical(self) -> bool:
        """Whether this person may see commits, which are for those who see packages and logs."""
        return may(self.user, Act.SEE_TECHNICAL, self.project)

    @property
    def evaluation(self) -> str:
        """Why a trigger created it; empty for a release that a person created."""
        first = self.release.evaluations.order_by("pk").first()
        return first.sentence if first else ""


def _held(release: Release, entries: list[Entry]) -> list[HeldPackage]:
    return [
        HeldPackage(line.version, [entry for entry in entries if entry.key[0] == line.package_id])
        for line in release.packages.all()
    ]


@dataclass(frozen=True)
class WayBack:
    """What a rollback would bring back in one environment."""

    environment: Environment
    release: Release


def ways_back(project: Project, environments: list[Environment], user: User) -> list[WayBack]:
    """Where this person may roll this project back, and to what."""
    found = [
        (environment, alignment.previous_live(project, environment))
        for environment in environments
        if may(user, Act.MANAGE, project, environment)
    ]
    return [WayBack(environment, release) for environment, release in found if release is not None]
