"""The outbox: every delivery is sent at least once, and for each recipient in the order of the notices.

Of each recipient only the oldest that waits is tried; it keeps the later ones back until it was sent or given up. Whoever
sends claims it first by a conditional update that holds for a while: any number of workers may send at once, and what
one of them took and never settled is taken by another. So a message is doubled only where an answer was lost.

The summary of a day is one mail, for which its oldest delivery stands.
"""

import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from publishing.messages import mail, posting
from publishing.messages.audience import why_not_now
from publishing.messages.failures import SendingFailed, Then
from publishing.models import Channel, Delivery, DeliveryQuerySet

log = logging.getLogger(__name__)
State = Delivery.State

CLAIM = timedelta(minutes=5)  # longer than any sending takes
FIRST_PAUSE = 5  # seconds; twice as long after every failure
LONGEST_PAUSE = timedelta(minutes=15)  # between two tries, however often they came to nothing
LONGEST_ASKED = timedelta(hours=6)  # that the other side is granted with Retry-After
GIVE_UP_AFTER = timedelta(days=3)  # since the first try…
GIVE_UP_TRIES = 20  # …and not before so many: Signalbox itself may have been away
HEADS = 8  # how many are looked at to find one that nobody else is sending
IN_A_DIGEST = 200  # notices of one summary; more make another one

NAMES = (
    "notice__project__parent",
    "notice__environment",
    "notice__deployment__project__parent",
    "notice__deployment__release__project",
    "notice__deployment__environment",
    "notice__event",
    "person",
    "channel",
)


# -- whose turn it is -------------------------------------------------------------------------------------------------


def next_posts(now: datetime) -> DeliveryQuerySet:
    """Of each channel that takes something, the one whose turn it is, if it is due."""
    rows = _heads(Delivery.objects.waiting().exclude(channel=None), "channel")
    return _due(rows, now).filter(channel__enabled=True, channel__parked_at=None)


def next_mails(now: datetime) -> DeliveryQuerySet:
    """Of each person the one whose turn it is, if it is due."""
    return _due(_heads(Delivery.objects.waiting().exclude(person=None).filter(digest_due_at=None), "person"), now)


def next_digests(now: datetime) -> DeliveryQuerySet:
    """Of each person whose summary is due, the oldest delivery in it."""
    return _due(_heads(Delivery.objects.waiting().filter(digest_due_at__lte=now), "person"), now)


def _heads(rows: DeliveryQuerySet, recipient: str) -> DeliveryQuerySet:
    """The oldest of each recipient. Asked for as the first by index: PostgreSQL compares each pair for “none is older”,
    which takes it many seconds once thousands wait."""
    oldest = rows.filter(**{recipient: OuterRef(recipient)}).order_by("notice_id").values("notice_id")[:1]
    return rows.filter(notice_id=Subquery(oldest))


def _due(rows: DeliveryQuerySet, now: datetime) -> DeliveryQuerySet:
    return rows.filter(_is_free(now), next_at__lte=now).order_by("next_at", "pk")


def _is_free(now: datetime) -> Q:
    return Q(claimed_until=None) | Q(claimed_until__lte=now)


def claim(pk: int) -> Delivery | None:
    """Take this delivery, or None where somebody else has. It is read anew, with all its names."""
    now = timezone.now()
    until = now + CLAIM
    if not Delivery.objects.waiting().filter(_is_free(now), pk=pk).update(claimed_until=until):
        return None
    return Delivery.objects.select_related(*NAMES).filter(pk=pk, claimed_until=until).first()


def _claim_one(heads: DeliveryQuerySet) -> Delivery | None:
    for pk in heads.values_list("pk", flat=True)[:HEADS]:
        if taken := claim(pk):
            return taken
    return None


# -- sending ----------------------------------------------------------------------------------------------------------


def post_next() -> Then | bool:
    """Post one delivery to its channel. False: none is due; True: it is settled; else what its failure leads to."""
    delivery = _claim_one(next_posts(timezone.now()))
    if delivery is None or delivery.channel is None:
        return False
    if because := why_not_now(delivery.notice, None):
        return _leave_out(delivery, because)
    channel, notice = delivery.channel, delivery.notice
    outcome = _send([delivery], lambda: posting.post(channel, notice))
    if outcome is True:
        troubled = Channel.objects.filter(pk=channel.pk).exclude(problem="")
        troubled.update(problem="", failing_since=None, parked_at=None)
    return outcome


def mail_next() -> Then | bool:
    """Send one mail: a notice, or else a summary. Says the same as `post_next`."""
    delivery = _claim_one(next_mails(timezone.now()))
    if delivery is None or delivery.person is None:
        return _mail_next_digest()
    if because := why_not_now(delivery.notice, delivery.person):
        return _leave_out(delivery, because)
    person = delivery.person
    return _send([delivery], lambda: mail.send(mail.mail_for(delivery, person)))


def _mail_next_digest() -> Then | bool:
    head = _claim_one(next_digests(timezone.now()))
    if head is None or head.person is None:
        return False
    person, kept = head.person, []
    for delivery in [head, *_rest_of(head)]:
        if because := why_not_now(delivery.notice, person):
            _leave_out(delivery, because)
        else:
            kept.append(delivery)
    return _send(kept, lambda: mail.send(mail.digest_for(kept, person))) if kept else True


def _send(deliveries: list[Delivery], send: Callable[[], str | None]) -> Then | bool:
    """Send what these deliveries, the oldest first, share one message for, and write down what it came to."""
    try:
        said = send() or ""
    except SendingFailed as failure:
        _keep_failure(deliveries, failure)
        return failure.then
    except Exception:
        log.exception("%s could not be put into a message", deliveries[0])
        _keep_failure(deliveries, SendingFailed("Something broke on our side. The worker’s log says what.", Then.LATER))
        return Then.LATER
    _settle_sent(deliveries, said)
    return True


def _rest_of(head: Delivery) -> list[Delivery]:
    """What else belongs into the summary that this one begins, claimed with it."""
    now = timezone.now()
    rows = Delivery.objects.waiting().filter(person=head.person, digest_due_at__lte=now).exclude(pk=head.pk)
    pks = list(rows.filter(_is_free(now)).order_by("notice_id").values_list("pk", flat=True)[: IN_A_DIGEST - 1])
    Delivery.objects.waiting().filter(_is_free(now), pk__in=pks).update(claimed_until=head.claimed_until)
    mine = Delivery.objects.waiting().filter(pk__in=pks, claimed_until=head.claimed_until)
    return list(mine.select_related(*NAMES).order_by("notice_id"))


# -- settling ---------------------------------------------------------------------------------------------------------


def _held(delivery: Delivery) -> DeliveryQuerySet:
    """The row, as long as this claim holds: who was too late changes nothing."""
    return Delivery.objects.waiting().filter(pk=delivery.pk, claimed_until=delivery.claimed_until)


def _leave_out(delivery: Delivery, because: str) -> bool:
    _held(delivery).update(state=State.SKIPPED, problem=because, claimed_until=None)
    return True


@transaction.atomic
def _settle_sent(deliveries: list[Delivery], said: str) -> None:
    now = timezone.now()
    for delivery in deliveries:
        _held(delivery).update(
            state=State.SENT,
            sent_at=now,
            problem="",
            answer=said,
            claimed_until=None,
            tries=F("tries") + 1,
            first_tried_at=Coalesce("first_tried_at", Value(now)),
        )


@transaction.atomic
def _keep_failure(deliveries: list[Delivery], failure: SendingFailed) -> None:
    """Write down why, and when it is tried again. The first says how often it was tried before, and since when."""
    head, now = deliveries[0], timezone.now()
    since = head.first_tried_at or now
    long_enough = now - since >= GIVE_UP_AFTER and head.tries >= GIVE_UP_TRIES
    over = failure.then is Then.NEVER or (failure.then is not Then.PARKED and long_enough)
    state = State.GIVEN_UP if over else State.WAITING
    next_at = now if failure.then is Then.PARKED else now + pause_after(head.tries + 1, failure.retry_after)
    for delivery in deliveries:
        _held(delivery).update(
            state=state,
            problem=failure.sentence,
            next_at=next_at,
            claimed_until=None,
            tries=F("tries") + 1,
            first_tried_at=Coalesce("first_tried_at", Value(since)),
        )
    if head.channel_id:
        _keep_trouble(head.channel_id, failure, now)
    log.warning("%s: %s (%s)", head, failure.sentence, "given up" if over else failure.then.value)


def _keep_trouble(pk: int, failure: SendingFailed, now: datetime) -> None:
    parked = {"parked_at": now} if failure.then is Then.PARKED else {}
    Channel.objects.filter(pk=pk).update(
        problem=failure.sentence, failing_since=Coalesce("failing_since", Value(now)), **parked
    )


def pause_after(tries: int, retry_after: int | None = None) -> timedelta:
    """How long until the next try: twice as long after every failure, a little more or less, so that not everything
    comes back at once; as long as the other side asked for, if that is longer."""
    doubled = timedelta(seconds=FIRST_PAUSE * 2 ** min(tries - 1, 10))
    pause = min(doubled, LONGEST_PAUSE) * random.uniform(0.8, 1.2)  # noqa: S311 - not a secret
    return max(pause, min(timedelta(seconds=retry_after or 0), LONGEST_ASKED))
