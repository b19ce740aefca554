"""Looking through the trail: every line that is worth telling becomes a notice, with its deliveries, exactly once.

Numbers and times of lines are given before their transaction commits, so that a line may appear behind others that were
looked at already. Therefore a look once a minute reaches an hour back, to whatever was not seen yet, and those in between
some minutes; only a transaction that takes longer than an hour would be missed. Lines, notices and deliveries are written
in one transaction, under the lock of the one row that says how far the trail was looked through: the order of notices is
the order in which they became visible.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from accounts.models import Event
from publishing.messages.audience import Timing, audience_of, next_digest
from publishing.messages.telling import VERBS, Draft, drafts_of
from publishing.models import Delivery, Notice, Outlook, Seen

log = logging.getLogger(__name__)
LATE = timedelta(hours=1)
"""How long a transaction may take whose lines are still told, clocks of several machines that differ included."""
FIRST_LOOK = timedelta(minutes=15)
"""So far back the first look ever goes: what happened while the portal was set up is told, what is older is history."""
LITTLE = timedelta(minutes=2)  # as far as most looks reach, so that looking costs little however busy the portal is
STALE = timedelta(minutes=1)  # between two looks that reach all the way
AT_ONCE = 50  # lines of one transaction


def look_round() -> int:
    """Look at everything that was not seen yet. How many notices that made. Any number of workers may look at once."""
    made = 0
    while True:
        new, more = _look()
        made += new
        if not more:
            return made


def _look() -> tuple[int, bool]:
    """One transaction's worth: how many notices it made, and whether there may be more lines."""
    begun = timezone.now()
    outlook = Outlook.objects.first()
    if outlook is None:
        Outlook.objects.get_or_create(number=1, defaults={"since": begun - FIRST_LOOK, "until": begun - FIRST_LOOK})
        return 0, True
    whole = outlook.until <= begun - STALE
    if not whole and not _unseen(outlook, LITTLE).exists():  # no lock, and nothing written, for nothing
        return 0, False
    with transaction.atomic():
        locked = Outlook.objects.select_for_update(skip_locked=True).first()
        if locked is None:  # somebody else is looking just now
            return 0, False
        events = list(_unseen(locked, LATE if whole else LITTLE).select_related("actor").order_by("pk")[:AT_ONCE])
        made, failed = _take_in(events)
        more = len(events) == AT_ONCE
        if whole and not more and not failed:
            Outlook.objects.update(until=begun)
            Seen.objects.filter(at__lt=begun - 2 * LATE).delete()
    return made, more and failed < AT_ONCE


def _unseen(outlook: Outlook, reach: timedelta) -> QuerySet[Event]:
    since = max(outlook.until - reach, outlook.since)
    lines = Event.objects.filter(at__gte=since, verb__in=list(VERBS))
    return lines.filter(~Exists(Seen.objects.filter(event=OuterRef("pk"))))


def _take_in(events: list[Event]) -> tuple[int, int]:
    """Write what these lines come to. How many notices, and how many lines failed, which are looked at again."""
    made = failed = 0
    for event, drafts in drafts_of(events):
        try:
            with transaction.atomic():
                made += sum(_tell(event, draft) for draft in drafts)
                Seen.objects.get_or_create(event=event, defaults={"at": event.at})
        except Exception:
            failed += 1
            log.exception("the line %s of the trail could not be told of and is looked at again", event.pk)
    return made, failed


def _tell(event: Event, draft: Draft) -> bool:
    """Write the notice and a delivery for everybody who is told; whether it is new."""
    notice, new = Notice.objects.get_or_create(
        key=draft.key,
        defaults={
            "kind": draft.kind,
            "at": event.at,
            "event": event,
            "project": draft.project,
            "environment": draft.environment,
            "deployment": draft.deployment,
            "subject": _in_one_line(draft.subject),
            "sentence": draft.sentence,
            "data": draft.data,
        },
    )
    if new:
        Delivery.objects.bulk_create(deliveries_for(notice, timezone.now()))
    return new


def deliveries_for(notice: Notice, now: datetime) -> list[Delivery]:
    """Unsaved rows, one for everybody who is told; of those whom nothing is sent to, with the reason."""
    return [
        Delivery(
            notice=notice,
            person=told.person,
            channel=told.channel,
            next_at=now,
            digest_due_at=next_digest(now, told.wish.hour) if told.wish.timing == Timing.DAILY else None,
            state=Delivery.State.SKIPPED if told.skipped else Delivery.State.WAITING,
            problem=told.skipped,
        )
        for told in audience_of(notice)
    ]


def _in_one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= Notice.SUBJECT_MAX else f"{line[: Notice.SUBJECT_MAX - 1]}…"
