"""What people ask of publications: to try again now."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from accounts import trail
from accounts.models import User
from publishing.confluence.claims import WELL
from publishing.confluence.settling import NO_TROUBLE
from publishing.models import Connection, Publication, StackPublishing

STATE = Publication.State


@transaction.atomic
def publish_now(publications: Iterable[Publication], *, by: User) -> int:
    """Have a worker look at these within seconds, in Confluence itself, whatever stood in the way so far; how many that
    concerns. Those that are no longer kept up to date stay as they are."""
    rows = [row for row in publications if row.state != STATE.WITHDRAWN]
    _try_now(Q(pk__in=[row.pk for row in rows]))
    Connection.objects.filter(pk__in={row.connection_id for row in rows}).exclude(problem="").update(**WELL)
    for row in rows:
        sentence = f"{row.get_kind_display()} page “{row}” is published again now."
        trail.record(by, "publication.requested", row, sentence)
    return len(rows)


def connection_changed(connection: Connection) -> None:
    """Whatever stood in the way may be put right now: everything that is in trouble there is tried at once."""
    Connection.objects.filter(pk=connection.pk).update(**WELL)
    _try_now(Q(connection=connection, state__in=Publication.IN_TROUBLE))


def publishing_changed(publishing: StackPublishing) -> None:
    """The same for the pages of one stack, and those that are well are looked at, too."""
    _try_now(Q(publishing=publishing))


def _try_now(which: Q) -> None:
    """Claims are left alone: whoever writes a page just now finds out that it is asked for again."""
    now = timezone.now()
    rows = Publication.objects.filter(which).exclude(state=STATE.WITHDRAWN)
    again = {"next_at": now, "verified_at": None, "asked": F("asked") + 1}
    rows.filter(state__in=Publication.IN_TROUBLE).update(state=STATE.DUE, **again, **NO_TROUBLE)
    rows.exclude(next_at=now).update(**again)
