"""Taking a page to look at, and writing down what came of it. A lease lets one worker work on it, and a successor take
over from one that was killed; whoever has lost it writes nothing down any more."""

import random
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from publishing.confluence.dialects import Page
from publishing.confluence.drafts import Draft
from publishing.confluence.transport import VISIT_SECONDS
from publishing.models import Connection, Publication

KIND, STATE = Publication.Kind, Publication.State
LEASE = timedelta(seconds=VISIT_SECONDS + 15)
"""Longer than a visit to Confluence takes."""
CANDIDATES = 20
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=2), timedelta(minutes=15)
SIGN_IN_PAUSE = timedelta(minutes=15)
"""After the account was refused: more tries would only lock it."""
PARKED_PAUSE = timedelta(hours=6)
LOADED = (
    "publishing__project", "project__parent__lifecycle", "project__lifecycle", "environment", "release__project__parent",
    "connection",
)  # fmt: skip


def due() -> QuerySet[Publication]:
    """Those to look at now: components first, so that what shows them on one page has them all."""
    now = timezone.now()
    rested = Q(connection__next_at=None) | Q(connection__next_at__lte=now)
    rows = _free(now).filter(rested, connection__enabled=True)
    return rows.order_by("kind", "next_at", "pk")


def _free(now: datetime) -> QuerySet[Publication]:
    return Publication.objects.filter(Q(claimed_until=None) | Q(claimed_until__lt=now), next_at__lte=now)


def claim_next() -> Publication | None:
    """One that is due, for this caller alone; None where there is none left.

    Of a connection that was in trouble one page is tried first, by one caller: it may be as before, and many tries with
    a token that has expired would lock the account.
    """
    rows = list(due().values_list("pk", "connection", "connection__next_at")[:CANDIDATES])
    trying: set[int] = set()
    while rows:
        pk, connection, rested_until = rows.pop(0)
        if rested_until is not None and connection not in trying:
            if not _try_first(connection, rested_until):
                rows = [row for row in rows if row[1] != connection]
                continue
            trying.add(connection)
        if found := claim(pk):
            return found
        random.shuffle(rows)  # so that those who claim at once do not all want the same
    return None


def _try_first(connection: int, rested_until: datetime) -> bool:
    """Whether this caller is the one; whoever does not come back is replaced after the time of a lease."""
    rows = Connection.objects.filter(pk=connection, next_at=rested_until)
    return rows.update(next_at=timezone.now() + LEASE) == 1


def let_others_try(connection: Connection) -> None:
    """Nobody had to ask after all. `connection`: as it was when the page was claimed."""
    if connection.next_at is not None:
        Connection.objects.filter(pk=connection.pk, next_at=connection.next_at).update(next_at=timezone.now())


def claim(pk: int) -> Publication | None:
    """This one, if it is due and nobody has it: a single UPDATE of one row, so that of two that try one is told."""
    now, token = timezone.now(), secrets.token_hex(16)
    if _free(now).filter(pk=pk).update(claimed_until=now + LEASE, claimed_by=token) != 1:
        return None
    return Publication.objects.select_related(*LOADED).filter(pk=pk, claimed_by=token).first()


def remember(held: Publication, page: Page) -> None:
    """Which page it is, as soon as there is one: a crash from now on finds it again."""
    where = {"page_id": page.id, "page_version": page.version, "title": page.title, "page_space": page.space}
    _held(held).update(**where)


def keep(held: Publication, draft: Draft, page: Page | None = None, *, wrote: bool = False) -> bool:
    """It says what it should. page: as it is there now; None where nobody needed to ask. Whether we still hold it."""
    now = timezone.now()
    changes: dict[str, Any] = {"state": STATE.CURRENT, "problem": "", "failing_since": None, "tries": 0}
    verified_at = held.verified_at or now
    if page is not None:
        verified_at = now
        changes |= {
            "page_id": page.id,
            "page_version": page.version,
            "page_space": page.space,
            "title": page.title,
            "body_hash": draft.hash,
            "verified_at": now,
            "published_at": Value(now) if wrote else Coalesce("published_at", Value(now)),
        }
    pause = timedelta(seconds=settings.CONFLUENCE_VERIFY_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
    return _give_back(held, now, next_at=verified_at + pause, shows=draft.shows, **changes)


def keep_trying(held: Publication, sentence: str, retry_after: int | None = None) -> bool:
    """It did not work, and is tried again by itself."""
    return _trouble(held, STATE.WAITING, sentence, pause_after(held.tries + 1, retry_after))


def park(held: Publication, sentence: str) -> bool:
    """It will not work until somebody does something about it; it is tried again when asked to, and now and then."""
    return _trouble(held, STATE.PARKED, sentence, PARKED_PAUSE)


def let_be(held: Publication) -> bool:
    """There is nothing to tell: look again later."""
    now = timezone.now()
    return _give_back(held, now, next_at=now + LONGEST_PAUSE)


def pause_after(tries: int, retry_after: int | None = None) -> timedelta:
    """Twice as long after every try, as long as was asked for if that is longer, and never longer than LONGEST_PAUSE."""
    doubled = FIRST_PAUSE * float(2 ** min(tries - 1, 10)) * random.uniform(0.75, 1.25)  # noqa: S311 - no secret
    return min(max(doubled, timedelta(seconds=retry_after or 0)), LONGEST_PAUSE)


def connection_failed(connection: Connection, sentence: str, pause: timedelta) -> None:
    """Let the whole connection rest. Of several that fail at once, one is counted."""
    now = timezone.now()
    Connection.objects.filter(pk=connection.pk, failures=connection.failures).update(
        problem=sentence,
        failing_since=Coalesce("failing_since", Value(now)),
        failures=F("failures") + 1,
        next_at=now + pause,
    )


def connection_answered(connection: Connection) -> None:
    """It works, and has since been heard of."""
    now = timezone.now()
    lately = now - timedelta(minutes=1)
    stale = Q(answered_at=None) | Q(answered_at__lt=lately) | ~Q(problem="")
    Connection.objects.filter(stale, pk=connection.pk).update(answered_at=now, **WELL)


WELL: Mapping[str, Any] = {"problem": "", "failing_since": None, "failures": 0, "next_at": None}


def _trouble(held: Publication, state: str, sentence: str, pause: timedelta) -> bool:
    now = timezone.now()
    changes = {"state": state, "problem": sentence, "failing_since": Coalesce("failing_since", Value(now))}
    return (
        _held(held).update(**changes, next_at=now + pause, tries=F("tries") + 1, claimed_until=None, claimed_by="") == 1
    )


def _give_back(held: Publication, now: datetime, *, next_at: datetime, **changes: Any) -> bool:
    """A wish to look at it that came while we did is not lost: what we read may be older."""
    next_look = Case(When(asked=held.asked, then=Value(next_at)), default=Value(now))
    return _held(held).update(**changes, next_at=next_look, claimed_until=None, claimed_by="") == 1


def _held(held: Publication) -> QuerySet[Publication]:
    return Publication.objects.filter(pk=held.pk, claimed_by=held.claimed_by)
