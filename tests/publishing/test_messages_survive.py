"""Whoever looks or sends may be killed at any moment: nothing is lost, nothing told twice, and little sent twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from publishing.messages import mail, outbox, outlook, posting
from publishing.models import Delivery, Notice, Seen
from tests.deployments.dying import Killed
from tests.deployments.rows import a_row, a_rows_shop, went_live
from tests.factories import a_channel, a_delivery, a_notice, a_release, a_subscription, a_user

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def dying_in(module: Any, name: str, *, after: bool, call: int = 1) -> Iterator[None]:
    """The process is killed in this call of the function: before it does anything, or right after."""
    real: Callable[..., Any] = getattr(module, name)
    calls = 0

    def dying(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call and not after:
            raise Killed
        result = real(*arguments, **named)
        if calls == call:
            raise Killed
        return result

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        patch.setattr(module, name, dying)
        yield


def claims_run_out() -> None:
    Delivery.objects.exclude(claimed_until=None).update(claimed_until=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("module", "name", "call"),
    [
        (outlook, "_tell", 1),
        (outlook, "_tell", 2),
        (outlook, "audience_of", 2),
        (outlook, "deliveries_for", 1),
        (outlook, "_take_in", 1),
    ],
)
def test_whoever_is_killed_while_looking_leaves_nothing_half_done(module, name, call, after):
    outlook.look_round()
    a_subscription(a_channel())
    went_live(a_release(a_rows_shop(), "1.0.0"))

    with dying_in(module, name, after=after, call=call):
        outlook.look_round()
    assert (Notice.objects.count(), Seen.objects.count(), Delivery.objects.count()) == (0, 0, 0)
    outlook.look_round()

    assert list(Notice.objects.order_by("pk").values_list("kind", flat=True)) == ["started", "finished"]
    assert Delivery.objects.filter(state="waiting").count() == 2


@pytest.mark.parametrize(
    ("module", "name", "after", "arrivals"),
    [
        (outbox, "claim", True, 1),
        (posting, "request_for", True, 1),
        (posting, "post", False, 1),
        (posting, "post", True, 2),
        (outbox, "_settle_sent", False, 2),
        (outbox, "_settle_sent", True, 1),
    ],
)
def test_whoever_is_killed_while_posting_doubles_at_most_what_had_arrived(module, name, after, arrivals, receiver):
    row, channel = a_row(), a_channel(receiver.url)
    first, second = (a_notice(row) for _ in range(2))
    for notice in (first, second):
        a_delivery(notice, channel)

    with dying_in(module, name, after=after):
        outbox.post_next()
    claims_run_out()
    while outbox.post_next():
        pass

    assert receiver.ids == [str(first.uid)] * arrivals + [str(second.uid)]
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


@pytest.mark.parametrize(
    ("name", "after", "arrivals"), [("send", False, 1), ("send", True, 2), ("digest_for", True, 1)]
)
def test_whoever_is_killed_while_mailing_a_summary_sends_it_whole(name, after, arrivals, mailbox):
    row, vera = a_row(), a_user("vera", role="viewer")
    vera.email = "vera@example.org"
    vera.save()
    for _ in range(3):
        a_delivery(a_notice(row), vera, digest_due_at=timezone.now() - timedelta(minutes=1))

    with dying_in(mail, name, after=after):
        outbox.mail_next()
    claims_run_out()
    while outbox.mail_next():
        pass

    assert [message["Subject"].split(" from")[0] for message in mailbox.mails] == ["[Signalbox] 3 messages"] * arrivals
    assert len({message["Message-ID"] for message in mailbox.mails}) == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
