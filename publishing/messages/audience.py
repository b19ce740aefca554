"""Who is told of a notice, and how: at once, once a day, or not at all.

Of what is said for a person the narrowest counts: their own subscriptions, then those of the roles that they hold there,
then what holds by default. Nobody is told of what they may not see, or of what they did themselves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.db.models import Q
from django.utils import timezone

from accounts.models import Membership, Role, User
from deployments import on_hold, policy
from deployments.models import Deployment, Status
from projects import access
from projects.access import Act
from publishing.models import Channel, Kind, Notice, Subscription

Timing = Subscription.Timing
TELLS_THE_REQUESTER = (Kind.REJECTED, Kind.FINISHED, Kind.FAILED, Kind.INTERRUPTED, Kind.CANCELLED)
"""What whoever asked for a deployment is told of by default."""
PRECEDENCE = (Timing.AT_ONCE, Timing.DAILY, Timing.OFF)  # of what is equally narrow


@dataclass(frozen=True)
class Wish:
    """How somebody is told. `hour`: of the day, in the portal's time zone, where it is once a day."""

    timing: str
    hour: int = 8


AT_ONCE = Wish(Timing.AT_ONCE)


@dataclass(frozen=True)
class Recipient:
    """A person or a channel. `skipped`: why nothing is sent all the same, in a sentence."""

    person: User | None = None
    channel: Channel | None = None
    wish: Wish = AT_ONCE
    skipped: str = ""


# -- the rules, pure --------------------------------------------------------------------------------------------------


def wish_of(own: Iterable[Subscription], of_roles: Iterable[Subscription], *, by_default: bool) -> Wish | None:
    """How a person wants to be told, out of the subscriptions that match; None: nothing says that they are told."""
    for rows in (list(own), list(of_roles)):
        if rows:
            row = min(rows, key=lambda row: (-row.specificity, PRECEDENCE.index(Timing(row.timing)), row.hour))
            return Wish(row.timing, row.hour)
    return AT_ONCE if by_default else None


def why_no_mail(person: User) -> str:
    """Why this account gets no mail at all; empty where it does."""
    if person.is_service_account:
        return f"{person} is a service account, which reads no mail."
    if not person.is_active:
        return f"The account of {person} is closed."
    if not person.email:
        return f"The account of {person} has no e-mail address."
    return ""


def next_digest(now: datetime, hour: int) -> datetime:
    """The next time that this hour of the day begins in the portal's time zone. `now` is aware, as is what is returned."""
    local = timezone.localtime(now)
    for day in (local.date(), local.date() + timedelta(days=1)):
        due = timezone.make_aware(datetime.combine(day, time(hour))).astimezone(UTC)
        if due > now:
            return due
    raise AssertionError("tomorrow's hour lies ahead")


# -- asked of the rows ------------------------------------------------------------------------------------------------


def audience_of(notice: Notice) -> list[Recipient]:
    """Everybody who is told, people first, each once."""
    rows = subscriptions_to(notice)
    channels = {row.channel_id: row.channel for row in rows if row.channel and row.channel.enabled}
    return [*_people(notice, rows), *(Recipient(channel=channel) for channel in channels.values())]


def subscriptions_to(notice: Notice) -> list[Subscription]:
    """The subscriptions that match its kind and its place, whoever they are for. What concerns every project concerns
    each."""
    rows = Subscription.objects.select_related("person", "channel")
    if notice.project is not None:
        rows = rows.filter(Q(project=None) | Q(project__in=notice.project.family))
    if notice.environment is not None:
        rows = rows.filter(Q(environment=None) | Q(environment=notice.environment))
    return [row for row in rows.order_by("pk") if notice.kind in row.kinds]


def _people(notice: Notice, rows: Sequence[Subscription]) -> list[Recipient]:
    own: dict[int, list[Subscription]] = {}
    of_roles: dict[int, list[Subscription]] = {}
    for row in rows:
        if row.person_id:
            own.setdefault(row.person_id, []).append(row)
        elif row.role:
            for pk in _holding(Role(row.role), notice):
                of_roles.setdefault(pk, []).append(row)
    by_default = _by_default(notice)
    named = User.objects.filter(pk__in={*own, *of_roles, *by_default}).order_by("username")
    entitled = _entitled(notice)
    told = []
    for person in named:
        wish = wish_of(own.get(person.pk, ()), of_roles.get(person.pk, ()), by_default=person.pk in by_default)
        if wish is None or wish.timing == Timing.OFF or person.pk == notice.event.actor_id:
            continue
        if entitled is not None and person.pk not in entitled:
            continue
        if sentence := why_no_mail(person):
            told.append(Recipient(person, wish=wish, skipped=sentence))
        elif may_see(person, notice):
            told.append(Recipient(person, wish=wish))
    return told


def _holding(role: Role, notice: Notice) -> set[int]:
    """The people who hold this role in the notice's place; where that is every place, anywhere."""
    if notice.project is not None and notice.environment is not None:
        people = access.people_with([role], notice.project, notice.environment)
    else:
        grants = Membership.objects.filter(role=role)
        if notice.project is not None:
            grants = grants.filter(Q(project=None) | Q(project__in=notice.project.family))
        if notice.environment is not None:
            grants = grants.filter(Q(environment=None) | Q(environment=notice.environment))
        people = User.objects.filter(Q(memberships__in=grants) | Q(groups__memberships__in=grants), is_active=True)
    return set(people.values_list("pk", flat=True))


def _by_default(notice: Notice) -> set[int]:
    """Whoever may decide is told that they are waited for; whoever asked, what came of it."""
    if notice.deployment is None:
        return set()
    if notice.kind == Kind.DECISION_NEEDED:
        return deciders(notice.deployment)
    return {notice.deployment.requested_by_id} if notice.kind in TELLS_THE_REQUESTER else set()


def _entitled(notice: Notice) -> set[int] | None:
    """Who may be told at all, beyond seeing the project: of a decision, whoever may decide. None: everybody."""
    if notice.kind == Kind.DECISION_NEEDED and notice.deployment is not None:
        return deciders(notice.deployment)
    return None


def deciders(deployment: Deployment) -> set[int]:
    """The ids of the people whose decision counts for this request, and who have not decided yet."""
    decided = set(deployment.approvals.filter(withdrawn_at=None).values_list("person", flat=True))
    gates = policy.gates_of(deployment)
    return {person.pk for gate in gates for person in policy.approvers_of(gate, deployment)} - decided


def may_see(person: User, notice: Notice) -> bool:
    """Whether this person may see what the notice is about, by the same rule as its page."""
    if notice.project is not None:
        return access.may(person, Act.SEE, notice.project)
    concerned = on_hold.record_of(access.projects_for(person))
    return isinstance(hold := notice.data.get("hold"), int) and concerned.filter(pk=hold).exists()


def why_not_now(notice: Notice, person: User | None) -> str:
    """Why it is not sent any more, asked right before, of rows that were read anew; empty: it is. person=None: to a
    channel."""
    row = notice.deployment
    if notice.kind == Kind.DECISION_NEEDED and row is not None:
        if row.status != Status.REQUESTED:
            return f"Decided meanwhile: {row} does not wait for approval any more."
        if person and (blockers := policy.why_not_approvable(row, person)):
            return blockers[0].sentence
    if person is None:
        return ""
    if sentence := why_no_mail(person):
        return sentence
    return "" if may_see(person, notice) else f"{person} may not see {notice.project or 'it'} any more."
