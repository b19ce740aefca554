"""What a person gets, and how: read and changed for every project together, or for one stack."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet

from accounts import trail
from accounts.models import Membership, User
from projects.models import Project
from publishing.messages.audience import TELLS_THE_REQUESTER, Timing, wish_of
from publishing.models import Kind, Subscription

DEFAULT = ""  # nothing said: as everywhere, or as it is by default
DEFAULT_HOUR = 8


@dataclass(frozen=True)
class Choice:
    """One kind, and how this person is told of it."""

    kind: Kind
    chosen: str
    """A timing, or "" where nothing is said."""
    otherwise: str
    """What holds where nothing is said, in words."""


def choices_of(person: User, stack: Project | None) -> list[Choice]:
    """What is chosen, in the order of the kinds. stack=None: for every project together."""
    rows = list(_own(person, stack))
    wide = list(_own(person, None)) if stack is not None else []
    held = set(Membership.objects.held_by(person).values_list("role", flat=True))
    of_roles = list(Subscription.objects.filter(role__in=held))
    return [Choice(kind, _chosen(rows, kind), _otherwise(kind, wide, of_roles)) for kind in Kind]


def hour_of(person: User) -> int:
    """The hour of the day at which this person gets their summary."""
    row = person.subscriptions.filter(timing=Timing.DAILY).order_by("pk").first()
    return row.hour if row else DEFAULT_HOUR


def stacks_of(person: User) -> list[Project]:
    """The stacks, and projects on their own, for which this person has said something."""
    named = person.subscriptions.exclude(project=None).values("project")
    return list(Project.objects.filter(pk__in=named).order_by("name"))


@transaction.atomic
def choose(person: User, stack: Project | None, chosen: Mapping[str, str], hour: int) -> None:
    """Put these choices (kind → timing, or "" for none) in the place of the former ones.

    hour  of the summary, in the portal's time zone; one for all that this person gets once a day
    """
    User.objects.select_for_update(no_key=True).get(pk=person.pk)  # two that choose at once choose one after the other
    before = {choice.kind: choice.chosen for choice in choices_of(person, stack)}
    hour_before = hour_of(person)
    _own(person, stack).delete()
    for timing in Timing:
        kinds = [kind for kind in Kind if chosen.get(kind) == timing]
        if kinds:
            Subscription.objects.create(person=person, project=stack, kinds=kinds, timing=timing, hour=hour)
    person.subscriptions.update(hour=hour)
    changed = [
        f"{kind.label}: {_words(chosen.get(kind, DEFAULT))}" for kind in Kind if chosen.get(kind, "") != before[kind]
    ]
    changed += [f"summary at {hour}:00"] if hour != hour_before else []
    if changed:
        where = f"of {stack} " if stack else ""
        trail.record(
            person,
            "messages.chosen",
            person,
            f"{person} chose which messages {where}to get: {'; '.join(changed)}.",
            project_id=stack.pk if stack else None,
        )


def _own(person: User, stack: Project | None) -> QuerySet[Subscription]:
    return Subscription.objects.filter(person=person, project=stack, environment=None)


def _chosen(rows: list[Subscription], kind: Kind) -> str:
    wish = wish_of([row for row in rows if kind in row.kinds], (), by_default=False)
    return wish.timing if wish else DEFAULT


def _otherwise(kind: Kind, wide: list[Subscription], of_roles: list[Subscription]) -> str:
    """What holds where nothing is said here: for every project together, for a role that this person holds, by default."""
    rows = [[row for row in which if kind in row.kinds] for which in (wide, of_roles)]
    if wish := wish_of(*rows, by_default=False):
        return _words(wish.timing)
    if kind == Kind.DECISION_NEEDED:
        return "at once, where you may decide"
    return "at once, for what you asked for" if kind in TELLS_THE_REQUESTER else _words(Timing.OFF)


def _words(timing: str) -> str:
    return str(Timing(timing).label).lower() if timing else "as usual"
