"""Messages in figures, for those who watch over the portal."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Min, Q
from django.utils import timezone

from publishing.models import Channel, Delivery


@dataclass(frozen=True)
class MessageFigures:
    """What waits to be sent, by the way that it goes; what waits for the hour of a summary is not counted."""

    at: datetime
    waiting: dict[str, int] = field(default_factory=dict)
    oldest_since: dict[str, datetime | None] = field(default_factory=dict)
    parked: int = 0
    """Channels that nothing is sent to until an administrator acts."""


def figures() -> MessageFigures:
    """In two queries."""
    now = timezone.now()
    due = Delivery.objects.waiting().filter(Q(digest_due_at=None) | Q(digest_due_at__lte=now))
    ways = {"mail": Q(channel=None), "channel": Q(channel__isnull=False)}
    counts = {f"of_{way}": Count("pk", filter=those) for way, those in ways.items()}
    oldest = {f"since_{way}": Min("notice__at", filter=those) for way, those in ways.items()}
    found = due.aggregate(**counts, **oldest)
    return MessageFigures(
        at=now,
        waiting={way: found[f"of_{way}"] for way in ways},
        oldest_since={way: found[f"since_{way}"] for way in ways},
        parked=Channel.objects.filter(enabled=True).exclude(parked_at=None).count(),
    )
