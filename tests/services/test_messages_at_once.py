"""Messages on PostgreSQL with real workers: many that look and send at once, late commits, and workers that are killed."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Event
from accounts.trail import record
from deployments.models import Deployment
from publishing.messages import outbox, outlook, preferences
from publishing.models import Channel, Delivery, Kind, Notice, Outlook, Subscription
from tests.deployments.patience import wait_until
from tests.deployments.rows import a_row
from tests.factories import a_channel, a_delivery, a_notice, a_subscription, a_user
from tests.publishing.receiving import Arrived, Receiver, hang, lose, status
from tests.services.test_at_once import at_once

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


def starts(row: Deployment, count: int) -> list[Event]:
    """So many lines of the trail, each of which is told once."""
    return [record(None, "approval.approved", row, f"Approved for the {number}th time.") for number in range(count)]


def in_order_of_first_arrival(arrived: list[Arrived]) -> list[str]:
    return list(dict.fromkeys(one.headers["webhook-id"] for one in arrived))


def uids() -> list[str]:
    return [str(uid) for uid in Notice.objects.order_by("pk").values_list("uid", flat=True)]


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "pause_after", lambda *_: timedelta(0))


def send_all() -> None:
    """What one of several workers does until everything is settled."""
    while Delivery.objects.waiting().exists():
        outbox.post_next()


def test_many_that_look_at_once_tell_everything_once_and_in_order():
    outlook.look_round()
    a_subscription(a_channel())
    events = starts(a_row(), 120)

    at_once(*[outlook.look_round] * 6)
    outlook.look_round()

    assert list(Notice.objects.order_by("pk").values_list("event", flat=True)) == [event.pk for event in events]
    assert Delivery.objects.count() == 120


def test_a_line_that_is_committed_behind_later_ones_is_told():
    outlook.look_round()
    a_subscription(a_channel())
    row, written, look_over = a_row(), threading.Event(), threading.Event()

    def slowly() -> None:
        try:
            with transaction.atomic():
                starts(row, 1)
                written.set()
                assert look_over.wait(20)
        finally:
            connection.close()

    slow = threading.Thread(target=slowly)
    slow.start()
    assert written.wait(20)
    starts(row, 1)
    outlook.look_round()
    Outlook.objects.update(until=timezone.now())
    told_before = Notice.objects.count()
    look_over.set()
    slow.join()

    outlook.look_round()

    assert (told_before, Notice.objects.count()) == (1, 2)


def test_many_that_send_at_once_keep_the_order_and_double_only_where_an_answer_was_lost(receiver, without_pauses):
    row = a_row()
    channel = a_channel(receiver.url)
    for _ in range(40):
        a_delivery(a_notice(row), channel)
    answers = [lose if number % 5 == 0 else status(503 if number % 7 == 0 else 200) for number in range(40)]
    lost, refused = sum(number % 5 == 0 for number in range(40)), sum(number in (7, 14, 21, 28) for number in range(40))
    receiver.plan = list(answers)

    at_once(*[send_all] * 6)

    assert in_order_of_first_arrival(receiver.arrived) == uids()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}
    assert len(receiver.arrived) == 40 + lost + refused


def test_each_channel_keeps_its_own_order(receiver, without_pauses):
    row = a_row()
    with Receiver(plan=[status(500)] * 3).running() as other:
        channels = [a_channel(receiver.url, name="One"), a_channel(other.url, name="Two")]
        for _ in range(15):
            notice = a_notice(row)
            for channel in channels:
                a_delivery(notice, channel)

        at_once(*[send_all] * 4)

        assert receiver.ids == uids()
        assert in_order_of_first_arrival(other.arrived) == uids()


def test_a_real_worker_tells_what_happens(fleet, receiver):
    a_subscription(a_channel(receiver.url))
    fleet.start()
    wait_until(Outlook.objects.exists)

    starts(a_row(), 5)

    wait_until(lambda: len(receiver.arrived) == 5, 30)
    assert receiver.ids == uids()


def test_a_worker_that_is_killed_while_it_sends_is_replaced_and_loses_nothing(fleet, receiver):
    receiver.plan = [hang]
    a_subscription(a_channel(receiver.url))
    worker = fleet.start()
    wait_until(Outlook.objects.exists)
    starts(a_row(), 3)
    wait_until(lambda: receiver.arrived, 30)

    fleet.kill(worker)
    Delivery.objects.exclude(claimed_until=None).update(claimed_until=timezone.now())  # as when its time is over
    fleet.start()

    wait_until(lambda: not Delivery.objects.waiting().exists() and Delivery.objects.count() == 3, 30)
    first, second, third = uids()
    assert receiver.ids == [first, first, second, third]
    assert not Channel.objects.exclude(problem="").exists()


@pytest.mark.parametrize("_round", range(3))
def test_who_chooses_in_two_windows_at_once_has_one_choice_for_each_kind(_round):
    vera = a_user("vera")
    chosen = dict.fromkeys(Kind, Subscription.Timing.AT_ONCE)

    at_once(*[lambda: preferences.choose(vera, None, chosen, 8)] * 4)

    (row,) = Subscription.objects.all()
    assert sorted(row.kinds) == sorted(Kind)
