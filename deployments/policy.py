"""May this happen? Questions only: nothing here writes, and nothing here knows about HTTP.

Page, API, admin, command and engine all ask `why_not_deployable`. To add a reason, write one function that yields
`Blocker`s and name it in `REASONS`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.models import Role, User
from config import quick
from deployments import alignment, facts, on_hold, plans
from deployments.models import UNDER_WAY, WAITING, Approval, Deployment, Status
from deployments.wording import together
from lifecycles.models import Environment
from lifecycles.progress import Section, incomplete_before, section_of
from projects import access
from projects.access import Act
from registry.models import Artifact, PackageVersion
from registry.targets import why_no_target
from releases import needs
from releases.models import Release, ReleaseComponent

Decision = Approval.Decision
CAPACITY_MAX = 200  # characters that an approval has room for


class Stops(Enum):
    """What a reason stops: asking for the deployment at all, or only its start (it may be asked for, and waits)."""

    REQUESTING = "requesting"
    STARTING = "starting"


@dataclass(frozen=True)
class Blocker:
    """One reason why not. The sentence is shown to people as it stands, the code is for machines."""

    code: str
    sentence: str
    stops: Stops = Stops.REQUESTING


@dataclass(frozen=True)
class Question:
    """May this release go there? Asked by somebody or by nobody in particular, for a waiting request or for none."""

    release: Release
    environment: Environment
    track: list[Section]
    by: User | None
    deployment: Deployment | None
    at: datetime

    @cached_property
    def held(self) -> list[PackageVersion]:
        """The versions that the release is made of, its components' included."""
        return facts.held_by(self.release)


Reasons = Iterator[Blocker]
Reason = Callable[[Question], Reasons]


def why_not_deployable(
    release: Release,
    environment: Environment,
    *,
    by: User | None = None,
    deployment: Deployment | None = None,
    at: datetime | None = None,
) -> list[Blocker]:
    """Every reason why `release` may not go to `environment` now; empty means go ahead.

    by          the person who asks; None leaves out whether somebody in particular may
    deployment  the waiting request that it is asked for: its approvals count and it does not stand in its own way
    at          the moment that is asked about (aware); none given: now
    """
    return _answers(Question(release, environment, track_of(release), by, deployment, at or timezone.now()), REASONS)


def why_not_requestable(release: Release, environment: Environment, *, by: User | None = None) -> list[Blocker]:
    """The reasons among them that stop even asking."""
    question = Question(release, environment, track_of(release), by, None, timezone.now())
    reasons = [reason for reason in REASONS if reason not in ONLY_STARTING]
    return [blocker for blocker in _answers(question, reasons) if blocker.stops is Stops.REQUESTING]


def track_of(release: Release) -> list[Section]:
    """The phases that the release goes through, as plain data."""
    return facts.sections_for(release.project_id)


def succeeded_in(release: Release) -> set[int]:
    """The ids of the environments where this release has ever succeeded; being passed over as already there counts."""
    return facts.succeeded_in(release)


def _answers(question: Question, reasons: Iterable["Reason"]) -> list[Blocker]:
    release, environment = question.release, question.environment
    if section_of(environment.pk, question.track) is None:
        sentence = f"{environment} is not part of the lifecycle of {release.project}: {release.project.track}."
        return [Blocker("outside", sentence)]
    return [blocker for reason in reasons for blocker in reason(question)]


# -- the reasons ------------------------------------------------------------------------------------------------------


def _not_permitted(question: Question) -> Reasons:
    if question.by is None:
        return
    act = act_for(question.release, question.environment)
    if not access.may(question.by, act, question.release.project, question.environment):
        sentence = access.why_not_permitted(act, question.release.project, question.environment)
        yield Blocker("not_permitted", sentence)


def _empty(question: Question) -> Reasons:
    release = question.release
    if release.project.is_stack and not quick.select(ReleaseComponent, ("id",), {"parent": release.pk}, "LIMIT 1"):
        yield Blocker("no_components", f"{release} holds no components, so that there is nothing to deploy.")


def _phase_incomplete(question: Question) -> Reasons:
    succeeded = succeeded_in(question.release)
    for phase in incomplete_before(question.environment.pk, question.track, succeeded):
        places = Environment.objects.filter(pk__in=phase.environments)
        names = [place.name for place in places if place.pk not in succeeded]
        missing = phase.needed() - sum(pk in succeeded for pk in phase.environments)
        where = f"in {together(names)}" if missing == len(names) else f"in {missing} of {', '.join(names)}"
        yield Blocker(
            "phase_incomplete",
            f"It must first succeed {where} (phase {phase.name}) before it goes to {question.environment}.",
        )


def _progression_prevented(question: Question) -> Reasons:
    release = question.release
    if release.is_prevented and not _phase_has_success(question):
        who = release.progression_prevented_by
        yield Blocker(
            "progression_prevented", f"{who} prevented its progression: {release.progression_prevented_reason}"
        )


def _phase_has_success(question: Question) -> bool:
    here = section_of(question.environment.pk, question.track)
    return here is not None and not succeeded_in(question.release).isdisjoint(here.environments)


def _withdrawn(question: Question) -> Reasons:
    for version in question.held:
        if version.is_withdrawn:
            because = version.withdrawn_reason
            yield Blocker("withdrawn", f"{version} was withdrawn and is never deployed again: {because}")


def _removed(question: Question) -> Reasons:
    """What a release holds is never removed; should it be so all the same, nobody is to find out halfway."""
    for version in question.held:
        if version.is_removed:
            yield Blocker("removed", version.removal)


def _artifact_damaged(question: Question) -> Reasons:
    """It can be mended, so that it may be asked for already: the sweep starts it when the bytes are back."""
    for version in question.held:
        if version.artifact and version.artifact.problem:
            found = "missing" if version.artifact.problem == Artifact.Problem.MISSING else "damaged"
            when = f" on {_moment(version.artifact.checked_at)}" if version.artifact.checked_at else ""
            yield Blocker(
                "artifact_damaged",
                f"The stored bytes of {version} were found {found}{when}. Push the same package again; it waits until then.",
                Stops.STARTING,
            )


def _no_target(question: Question) -> Reasons:
    for version in question.held:
        if sentence := why_no_target(str(version), question.environment.name, version.targets):
            yield Blocker("no_target", sentence)


def _needs_missing(question: Question) -> Reasons:
    for need in needs.needs_of(question.release):
        if not need.is_met:
            yield Blocker(f"outside_{need.state.value}", need.sentence, Stops.STARTING)


def _approval_missing(question: Question) -> Reasons:
    if question.deployment is not None:
        for state in gate_states(question.deployment):
            if not state.is_met:
                yield Blocker("approval_missing", state.sentence, Stops.STARTING)
        return
    for gate in gates_for(question.release, question.environment):
        sentence = f"It needs {_count(gate.minimum)} ({gate.name}) once it has been requested."
        yield Blocker("approval_missing", sentence, Stops.STARTING)


def _too_early(question: Question) -> Reasons:
    deployment = question.deployment
    if deployment and deployment.start_at and deployment.start_at > question.at:
        sentence = f"It was asked to start on {_moment(deployment.start_at)}, not earlier."
        yield Blocker("too_early", sentence, Stops.STARTING)


def _too_late(question: Question) -> Reasons:
    """Until the sweep has expired the request: whoever approves or frees the track in between starts nothing."""
    deployment = question.deployment
    if not deployment or deployment.status not in WAITING or not deployment.not_after:
        return
    if deployment.not_after <= question.at:
        when = _moment(deployment.not_after)
        sentence = f"Its latest start was {when}: it has expired and must be requested anew."
        yield Blocker("too_late", sentence, Stops.STARTING)


def _on_hold(question: Question) -> Reasons:
    for hold in on_hold.keeping(question.release.project, question.environment):
        yield Blocker("on_hold", on_hold.sentence_of(hold), Stops.STARTING)


def _under_way(question: Question) -> Reasons:
    project = question.release.project
    same_track = Q(project=project) | Q(project__parent=project) | Q(project=project.parent_id)
    others = Deployment.objects.filter(same_track, environment=question.environment, status__in=UNDER_WAY, parent=None)
    if question.deployment is not None:
        others = others.exclude(pk=question.deployment.pk)
    for other in others.select_related("release__project"):
        word = Status(other.status).label.lower()
        sentence = f"{other.release} is on its way to {question.environment} ({word}); this one waits until it is over."
        yield Blocker("under_way", sentence, Stops.STARTING)


# Change windows, freezes and soak time join here, each as one function.
REASONS: tuple[Reason, ...] = (
    _not_permitted,
    _empty,
    _phase_incomplete,
    _progression_prevented,
    _withdrawn,
    _removed,
    _artifact_damaged,
    _no_target,
    _needs_missing,
    _approval_missing,
    _too_early,
    _too_late,
    _on_hold,
    _under_way,
)
# Whatever these say never stops the asking, so that nobody looks for it when somebody asks.
ONLY_STARTING: tuple[Reason, ...] = (
    _artifact_damaged,
    _needs_missing,
    _approval_missing,
    _too_early,
    _too_late,
    _on_hold,
    _under_way,
)


def act_for(release: Release, environment: Environment) -> Act:
    """What asking for this is, for the roles: rolling back and going without the stack take more than promoting."""
    live = alignment.live_version(release.project, environment)
    rollback = plans.mode_of(release, live.release if live else None) == Deployment.Mode.ROLLBACK
    return Act.MANAGE if rollback or release.project.parent_id else Act.REQUEST


def why_not_cancellable(deployment: Deployment) -> list[Blocker]:
    """Every reason why nobody can cancel this deployment."""
    if deployment.is_final:
        return [Blocker("over", f"{deployment} is over: {deployment.outcome}")]
    if deployment.parent_id:
        return [Blocker("part_of_train", f"{deployment} is part of {deployment.parent}. Cancel that one.")]
    return []


def act_to_cancel(deployment: Deployment, by: User) -> Act:
    """What cancelling it is, for the roles: one's own request takes no more than asking for it did."""
    own = deployment.requested_by_id == by.pk
    may_ask = access.may(by, Act.REQUEST, deployment.project, deployment.environment)
    return Act.REQUEST if own and may_ask else Act.MANAGE


# -- approval ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gate:
    """An approval rule as it was when the deployment was requested; later changes of the rule do not move it."""

    rule: int
    name: str
    minimum: int
    roles: list[str]
    groups: list[int]
    people: list[int]
    requester_may: bool
    creator_may: bool

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class GateState:
    """How far one gate is."""

    gate: Gate
    approvals: list[Approval]
    waiting_for: list[str]  # who may still answer, by name

    @property
    def missing(self) -> int:
        return max(self.gate.minimum - len(self.approvals), 0)

    @property
    def is_met(self) -> bool:
        return self.missing == 0

    @property
    def sentence(self) -> str:
        if self.is_met:
            return f"{self.gate.name}: approved by {together([str(approval.person) for approval in self.approvals])}."
        who = f" from {_either(self.waiting_for)}" if self.waiting_for else ". Nobody may give it: ask an administrator"
        return f"{self.gate.name}: {_count(self.missing)} missing{who}."


def gates_for(release: Release, environment: Environment) -> list[Gate]:
    """The gates that a request for this release and environment must pass. Every matching rule counts."""
    return [
        Gate(
            rule=rule.pk,
            name=rule.name,
            minimum=rule.minimum,
            roles=sorted(rule.roles),
            groups=groups,
            people=people,
            requester_may=rule.requester_may,
            creator_may=rule.creator_may,
        )
        for rule, groups, people in facts.rules_for(release.project, environment)
    ]


def gates_of(deployment: Deployment) -> list[Gate]:
    """The gates that were frozen when it was requested."""
    return [Gate(**gate) for gate in deployment.gates]


def gate_states(deployment: Deployment) -> list[GateState]:
    """How far every gate of this request is, with who approved and who may still answer."""
    standing = [
        approval
        for approval in deployment.approvals.filter(withdrawn_at=None).select_related("person")
        if approval.decision == Decision.APPROVED and approval.fingerprint == deployment.fingerprint
    ]
    states = []
    for gate in gates_of(deployment):
        counted = [approval for approval in standing if gate.rule in approval.gates]
        decided = {approval.person_id for approval in standing}
        waiting = [str(person) for person in approvers_of(gate, deployment) if person.pk not in decided]
        states.append(GateState(gate, counted, waiting))
    return states


def approvers_of(gate: Gate, deployment: Deployment) -> list[User]:
    """Everybody whose approval counts for this gate: named by role, group or name, able to see the project, and
    neither the requester nor the release's creator unless the rule lets them."""
    project, environment = deployment.project, deployment.environment
    by_role = access.people_with([Role(role) for role in gate.roles], project, environment)
    sees = access.people_with(Act.SEE.roles, project, environment)
    named = User.objects.filter(Q(pk__in=gate.people) | Q(groups__in=gate.groups) | Q(pk__in=by_role.values("pk")))
    people = named.filter(is_active=True, pk__in=sees.values("pk")).distinct().order_by("username")
    return [person for person in people if not _barred(gate, deployment, person)]


def why_not_approvable(deployment: Deployment, by: User) -> list[Blocker]:
    """Every reason why `by` may not decide on this request; empty means: decide."""
    if deployment.status != Status.REQUESTED:
        word = Status(deployment.status).label.lower()
        return [Blocker("not_waiting", f"{deployment} does not wait for approval any more ({word}).")]
    if deployment.approvals.filter(person=by, withdrawn_at=None).exists():
        return [Blocker("decided_already", "You have decided on this request already.")]
    if any(by in approvers_of(gate, deployment) for gate in gates_of(deployment)):
        return []
    named = [gate for gate in gates_of(deployment) if _is_named(gate, deployment, by)]
    if any(by.pk == deployment.requested_by_id and not gate.requester_may for gate in named):
        return [Blocker("requester", "You asked for this deployment, so that somebody else has to approve it.")]
    if named:
        return [Blocker("creator", "You created this release, so that somebody else has to approve it.")]
    return [Blocker("not_named", "No approval rule of this deployment names you, so that you cannot decide on it.")]


def counts_for(deployment: Deployment, by: User) -> list[Gate]:
    """The gates that an approval of this person counts for."""
    return [gate for gate in gates_of(deployment) if by in approvers_of(gate, deployment)]


def capacity_of(deployment: Deployment, by: User) -> str:
    """In which capacity this person decides, in words: the role, the group, or by name."""
    words: list[str] = []
    held = access.roles_of(by, deployment.project, deployment.environment)
    for gate in counts_for(deployment, by):
        words += [Role(role).label.lower() for role in gate.roles if Role(role) in held]
        words += list(by.groups.filter(pk__in=gate.groups).values_list("name", flat=True))
        words += ["named in the rule"] if by.pk in gate.people else []
    said = ", ".join(dict.fromkeys(words))
    return said if len(said) <= CAPACITY_MAX else f"{said[: CAPACITY_MAX - 1]}…"


def _is_named(gate: Gate, deployment: Deployment, by: User) -> bool:
    held = access.roles_of(by, deployment.project, deployment.environment)
    return bool(
        by.pk in gate.people
        or {Role(role) for role in gate.roles} & held
        or by.groups.filter(pk__in=gate.groups).exists()
    )


def _barred(gate: Gate, deployment: Deployment, person: User) -> bool:
    asked = person.pk == deployment.requested_by_id and not gate.requester_may
    created = person.pk == deployment.release.created_by_id and not gate.creator_may
    return asked or created


def _count(approvals: int) -> str:
    return "1 approval" if approvals == 1 else f"{approvals} approvals"


def _either(names: list[str], most: int = 4) -> str:
    shown = [*names[:most], f"{len(names) - most} others"] if len(names) > most else names
    return " or ".join(", ".join(shown).rsplit(", ", 1))


def _moment(at: datetime) -> str:
    return f"{timezone.localtime(at):%A %d %B %Y at %H:%M}"
