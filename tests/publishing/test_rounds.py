"""The duty that every worker attends to, on real transactions: it goes on whatever fails, and ends when it is told to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.conf import settings as configured
from django.db import OperationalError, connection
from django.utils.module_loading import import_string

from publishing.messages import outbox, outlook, rounds
from publishing.messages.failures import Then
from publishing.models import Delivery, Outlook
from tests.deployments.patience import wait_until
from tests.deployments.rows import a_rows_shop, went_live
from tests.factories import a_channel, a_release, a_subscription
from tests.publishing.receiving import status

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def attending() -> Iterator[threading.Thread]:
    """A worker's duty, in a thread of its own as in a worker."""
    going = threading.Event()
    thread = threading.Thread(target=rounds.forever, args=(going,))
    thread.start()
    try:
        yield thread
    finally:
        going.set()
        thread.join(15)
        assert not thread.is_alive()


def test_every_worker_is_told_to_attend_to_it():
    assert rounds.forever in [import_string(name) for name in configured.WORKER_DUTIES]


def test_what_happens_arrives_by_itself(receiver, monkeypatch):
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0.05)
    a_subscription(a_channel(receiver.url))
    with attending():
        wait_until(Outlook.objects.exists)
        went_live(a_release(a_rows_shop(), "1.0.0"))

        wait_until(lambda: len(receiver.arrived) == 2)

    kinds = [one.json["data"]["kind"] for one in receiver.arrived]
    assert kinds == ["started", "finished"]


def test_a_database_that_was_away_is_worked_with_again(receiver, monkeypatch, caplog):
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0.05)
    a_subscription(a_channel(receiver.url))
    away = threading.Event()
    away.set()
    look, post = outlook.look_round, outbox.post_next

    def unless_away(do):
        def done():
            if away.is_set():
                raise OperationalError("the database is away")
            return do()

        return done

    monkeypatch.setattr(outlook, "look_round", unless_away(look))
    monkeypatch.setattr(outbox, "post_next", unless_away(post))
    with attending():
        wait_until(lambda: "the database is away" in caplog.text)
        went_live(a_release(a_rows_shop(), "1.0.0"))
        away.clear()

        wait_until(lambda: len(receiver.arrived) == 2)


def test_a_receiver_that_fails_is_not_asked_without_a_pause(receiver, monkeypatch):
    monkeypatch.setattr(rounds, "PAUSE_SECONDS", 0.05)
    receiver.usual = status(500)
    a_subscription(a_channel(receiver.url))
    with attending():
        wait_until(Outlook.objects.exists)
        went_live(a_release(a_rows_shop(), "1.0.0"))
        wait_until(lambda: Delivery.objects.filter(tries=1).exists())
        wait_until(lambda: not Delivery.objects.exclude(claimed_until=None).exists())

    assert len(receiver.arrived) == 1


@pytest.mark.parametrize(
    ("outcome", "least", "most"),
    [(True, 0, 0), (Then.LATER, 0, 0), (Then.PARKED, 0, 0), (False, 1, 2), (Then.AWAY, 20, 20)],
)
def test_it_pauses_where_there_is_nothing_to_do_or_nobody_to_do_it_with(outcome, least, most):
    assert least <= rounds._pause_after(outcome) <= most


def test_looking_for_nothing_writes_nothing(django_assert_max_num_queries):
    outlook.look_round()
    with django_assert_max_num_queries(2) as asked:
        outlook.look_round()

    assert not [query for query in asked.captured_queries if not query["sql"].startswith("SELECT")]
    assert connection.in_atomic_block is False
