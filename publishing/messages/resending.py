"""What an administrator does about messages: sending again, giving up, replaying, letting a parked channel go on.

Verbs: one transaction each, and one line on the trail. Only the test of a channel calls anybody, outside of it.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import trail
from accounts.models import User
from publishing.messages import posting
from publishing.messages.audience import subscriptions_to
from publishing.models import Channel, Delivery, Notice

State = Delivery.State
REPLAYED_AT_MOST = 5000  # notices of one replay
TEST_TITLE = "This is a test message from Signalbox"
TEST_SENTENCE = "{by} sent it to see whether messages arrive here. Nothing has happened."


class ReplayRefused(Exception):
    """Carries a sentence."""


@transaction.atomic
def send_again(deliveries: Iterable[Delivery], *, by: User) -> int:
    """Send these once more, whatever became of them; what waits is tried at once. How many there are."""
    rows = [row for row in deliveries if _start_anew(row)]
    for row in rows:
        _record(by, "message.sent_again", row, f"{by} has “{row.notice}” sent to {row.recipient} again.")
    return len(rows)


@transaction.atomic
def give_up(deliveries: Iterable[Delivery], *, by: User) -> int:
    """Do not send what waits of these any more, so that what comes after it has its turn. How many that were."""
    count = 0
    for row in deliveries:
        waiting = Delivery.objects.waiting().filter(pk=row.pk)
        if waiting.update(state=State.GIVEN_UP, problem=f"{by} gave it up.", claimed_until=None):
            count += 1
            _record(by, "message.given_up", row, f"{by} gave up sending “{row.notice}” to {row.recipient}.")
    return count


@transaction.atomic
def replay(channel: Channel, since: datetime, until: datetime, *, by: User) -> int:
    """Send a channel everything of this time (aware, both included) once more that its subscriptions name, in the order
    in which it happened; what waits there is left alone. How many messages that are. Raises ReplayRefused."""
    if until <= since:
        raise ReplayRefused("The end must lie after the beginning.")
    notices = Notice.objects.filter(at__gte=since, at__lte=until).select_related("project", "environment")
    if notices.count() > REPLAYED_AT_MOST:
        raise ReplayRefused(f"That is more than {REPLAYED_AT_MOST} messages. Choose a shorter time.")
    count = 0
    for notice in notices.order_by("pk"):
        if any(row.channel_id == channel.pk for row in subscriptions_to(notice)):
            delivery, new = Delivery.objects.get_or_create(
                notice=notice, channel=channel, defaults={"next_at": timezone.now()}
            )
            count += new or (delivery.state != State.WAITING and _start_anew(delivery))
    words = f"{count} message{'' if count == 1 else 's'} from {_moment(since)} to {_moment(until)}"
    trail.record(by, "message.replayed", channel, f"{by} has {words} sent to {channel} again.", count=count)
    return count


@transaction.atomic
def let_go_on(channel: Channel, *, by: User | None) -> bool:
    """Try again what waits for this channel, now, as if it had not failed before. Whether anything had kept it."""
    kept = Channel.objects.filter(pk=channel.pk).exclude(problem="")
    if not kept.update(problem="", failing_since=None, parked_at=None):
        return False
    now = timezone.now()
    Delivery.objects.waiting().filter(channel=channel).update(next_at=now, tries=0, first_tried_at=None)
    trail.record(by, "channel.resumed", channel, f"{by or 'Signalbox'} lets {channel} go on: what waits is sent.")
    return True


def test(channel: Channel, *, by: User) -> str:
    """Post a message that says that it is a test, past the outbox, and return what the other side said. Raises
    SendingFailed. Whatever kept the channel is over if it takes this."""
    notice = Notice(kind="test", at=timezone.now(), subject=TEST_TITLE, sentence=TEST_SENTENCE.format(by=by))
    said = posting.post(channel, notice)
    with transaction.atomic():
        trail.record(by, "channel.tested", channel, f"{by} sent a test message to {channel}, which took it.")
        let_go_on(channel, by=by)
    return said


def _start_anew(row: Delivery) -> bool:
    """Put it back to its place in the order, with all its tries before it and no summary to wait for."""
    return bool(
        Delivery.objects.filter(pk=row.pk).update(
            state=State.WAITING,
            digest_due_at=None,
            next_at=timezone.now(),
            first_tried_at=None,
            tries=0,
            repeats=F("repeats") + 1,
            problem="",
            answer="",
            sent_at=None,
            claimed_until=None,
        )
    )


def _record(by: User, verb: str, row: Delivery, sentence: str) -> None:
    trail.record(by, verb, row, sentence, project_id=row.notice.project_id)


def _moment(at: datetime) -> str:
    return f"{timezone.localtime(at):%d %B %Y %H:%M}"
