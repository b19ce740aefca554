"""Everything arrives, in order for each who is told, however long somebody is away; and what is not sent says why."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Event
from config.encryption import encrypt
from deployments import actions
from deployments.models import Deployment
from publishing.messages import outbox, outlook, posting, resending
from publishing.messages.failures import SendingFailed, Then
from publishing.models import Channel, Delivery, Kind, Notice, Subscription
from tests.deployments.dying import killed_when
from tests.deployments.rows import a_row, a_rows_shop
from tests.deployments.scenes import a_gate, a_manager, requested, seen_plan
from tests.factories import (
    SIGNING_SECRET,
    a_channel,
    a_delivery,
    a_notice,
    a_release,
    a_subscription,
    a_user,
    an_administrator,
)
from tests.publishing.receiving import Receiver, hang, lose, raw, status

pytestmark = pytest.mark.django_db
State = Delivery.State


@pytest.fixture
def row() -> Deployment:
    return a_row()


@pytest.fixture
def channel(receiver: Receiver) -> Channel:
    return a_channel(receiver.url)


def several(row: Deployment, to, count: int = 3) -> list[Delivery]:
    return [a_delivery(a_notice(row, subject=f"Number {number}"), to) for number in range(count)]


def at_once() -> None:
    """The time of every next try has come."""
    Delivery.objects.waiting().update(next_at=timezone.now())


def post_all(rounds: int = 50) -> None:
    """What a worker does until nothing is due, as if no time had to pass between two tries."""
    for _ in range(rounds):
        at_once()
        if not outbox.post_next():
            return


def states() -> list[str]:
    return list(Delivery.objects.order_by("notice_id").values_list("state", flat=True))


def uids() -> list[str]:
    return [str(uid) for uid in Notice.objects.order_by("pk").values_list("uid", flat=True)]


# -- in order, at least once ------------------------------------------------------------------------------------------


def test_messages_arrive_in_the_order_of_what_happened(row, channel, receiver):
    several(row, channel)

    post_all()

    assert receiver.ids == uids()
    assert states() == ["sent"] * 3


FAILURES = {
    "a server error": status(500),
    "a gateway in between": status(502, b"<html>Bad gateway"),
    "too many requests": status(429, Retry_After="3600"),
    "a time-out of the server": status(408),
    "no answer": lose,
    "garbage": raw(b"\x00\x01\x02"),
    "half an answer": raw(b"HTTP/1.1 20"),
}


@pytest.mark.parametrize("answering", FAILURES.values(), ids=FAILURES)
def test_whatever_passes_is_tried_again_and_nothing_overtakes(answering, row, channel, receiver):
    several(row, channel)
    receiver.plan = [answering, answering]

    post_all()

    first, second, third = uids()
    assert receiver.ids == [first, first, first, second, third]
    assert Delivery.objects.get(notice__uid=first).tries == 3


def test_a_receiver_that_hangs_is_left_and_tried_again(row, channel, receiver, monkeypatch):
    monkeypatch.setattr("publishing.outgoing.READ_SECONDS", 0.2)
    several(row, channel, 1)
    receiver.plan = [hang]

    assert outbox.post_next() is Then.LATER
    post_all()

    assert states() == ["sent"]


def test_while_it_waits_the_log_says_why_and_when(row, channel, receiver):
    (delivery,) = several(row, channel, 1)
    receiver.usual = status(503, b"back at noon", Retry_After="600")

    outbox.post_next()

    delivery.refresh_from_db()
    assert delivery.problem == "127.0.0.1 answered 503. “back at noon”"
    assert delivery.next_at > timezone.now() + timedelta(seconds=590)
    channel.refresh_from_db()
    assert (channel.problem, channel.parked_at) == (delivery.problem, None)
    assert not outbox.post_next()


def test_once_it_takes_something_again_the_channel_is_well(row, channel, receiver):
    several(row, channel, 1)
    receiver.plan = [status(500)]

    post_all()

    channel.refresh_from_db()
    assert (channel.problem, channel.failing_since) == ("", None)


def test_a_channel_that_is_away_keeps_no_other_waiting(row, channel, receiver):
    with Receiver(usual=status(500)).running() as broken:
        away = a_channel(broken.url, name="Away")
        several(row, away, 2)
        several(row, channel, 2)

        while outbox.post_next():
            pass

    assert len(receiver.arrived) == 2
    assert set(Delivery.objects.filter(channel=away).values_list("state", flat=True)) == {"waiting"}


def test_after_a_day_of_outage_nothing_is_lost_doubled_or_out_of_order(row, channel, receiver, monkeypatch):
    with Receiver().running() as gone:
        nowhere = gone.url
    Channel.objects.filter(pk=channel.pk).update(address=encrypt(nowhere))
    several(row, channel, 20)
    start, clock = timezone.now(), {"now": timezone.now()}
    monkeypatch.setattr(timezone, "now", lambda: clock["now"])
    while clock["now"] < start + timedelta(days=1):
        while outbox.post_next():
            pass
        clock["now"] += timedelta(minutes=10)

    Channel.objects.filter(pk=channel.pk).update(address=channel.address)
    clock["now"] += timedelta(minutes=20)
    while outbox.post_next():
        pass

    assert receiver.ids == uids()
    assert set(states()) == {"sent"}


@pytest.mark.parametrize(("tries", "longest"), [(1, 6), (2, 12), (3, 24), (8, 768), (9, 900 * 1.2), (500, 900 * 1.2)])
def test_pauses_double_and_are_never_longer_than_a_quarter_of_an_hour(tries, longest):
    pauses = [outbox.pause_after(tries).total_seconds() for _ in range(50)]

    assert all(longest * 0.6 <= pause <= longest for pause in pauses)
    assert len(set(pauses)) > 1


def test_a_receiver_is_given_the_time_that_it_asks_for_but_not_for_ever():
    assert outbox.pause_after(1, 60) == timedelta(seconds=60)
    assert outbox.pause_after(1, 86_400) == timedelta(hours=6)


# -- workers that are killed, and several at once ---------------------------------------------------------------------


def test_what_somebody_is_sending_nobody_else_sends(row, channel):
    (delivery,) = several(row, channel, 1)

    assert outbox.claim(delivery.pk) is not None
    assert outbox.claim(delivery.pk) is None
    assert outbox.post_next() is False


def test_a_killed_worker_is_replaced_and_its_message_doubled_at_most(row, channel, receiver):
    several(row, channel, 2)
    receiver.plan = [hang]
    with killed_when(lambda: receiver.arrived):
        outbox.post_next()
    assert outbox.post_next() is False  # the claim of the killed one still holds

    Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    post_all()

    first, second = uids()
    assert receiver.ids == [first, first, second]


def test_who_was_too_slow_changes_nothing_any_more(row, channel):
    (delivery,) = several(row, channel, 1)
    slow = outbox.claim(delivery.pk)
    Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    post_all()

    outbox._keep_failure([slow], SendingFailed("Too late.", Then.LATER))

    delivery.refresh_from_db()
    assert (delivery.state, delivery.problem) == ("sent", "")


# -- refused for good -------------------------------------------------------------------------------------------------

FOR_GOOD = {400: "does not take this message", 401: "does not let Signalbox in", 403: "does not let Signalbox in",
            404: "does not exist any more", 410: "does not exist any more", 413: "does not take this message",
            302: "a redirect, which is not followed"}  # fmt: skip


@pytest.mark.parametrize(("code", "words"), FOR_GOOD.items())
def test_what_is_refused_for_good_waits_for_an_administrator(code, words, row, channel, receiver):
    several(row, channel, 2)
    receiver.plan = [status(code, b"no", Location="https://elsewhere.example/")]

    post_all()

    channel.refresh_from_db()
    assert channel.parked_at is not None
    assert words in channel.problem
    assert len(receiver.arrived) == 1
    assert states() == ["waiting", "waiting"]

    resending.let_go_on(channel, by=an_administrator())
    post_all()

    assert receiver.ids == [uids()[0], *uids()]
    assert states() == ["sent", "sent"]


def test_an_address_inside_is_refused_for_good_unless_that_is_allowed(row, channel, receiver):
    Channel.objects.update(allow_private=False)
    several(row, channel, 1)

    assert outbox.post_next() is Then.PARKED

    channel.refresh_from_db()
    assert "must begin with https://" in channel.problem
    assert receiver.arrived == []


def test_after_days_of_trying_it_is_given_up_and_the_next_has_its_turn(row, channel, receiver):
    first, _second = several(row, channel, 2)
    tried = timezone.now() - timedelta(days=3)
    Delivery.objects.filter(pk=first.pk).update(first_tried_at=tried, tries=30)
    receiver.plan = [status(500)]

    post_all()

    assert states() == ["given_up", "sent"]


def test_what_was_hardly_tried_is_not_given_up(row, channel, receiver):
    several(row, channel, 1)
    Delivery.objects.update(first_tried_at=timezone.now() - timedelta(days=30), tries=1)
    receiver.plan = [status(500)]

    post_all()

    assert states() == ["sent"]


def test_a_mistake_of_our_own_does_not_stop_the_outbox(row, channel, receiver, monkeypatch, caplog):
    several(row, channel, 1)
    monkeypatch.setattr(posting, "request_for", lambda *_: 1 / 0)

    assert outbox.post_next() is Then.LATER
    monkeypatch.undo()
    post_all()

    assert states() == ["sent"]
    assert "ZeroDivisionError" in caplog.text


def test_a_channel_that_is_switched_off_keeps_what_waits(row, channel, receiver):
    several(row, channel, 1)
    Channel.objects.update(enabled=False)
    post_all()
    assert receiver.arrived == []

    Channel.objects.update(enabled=True)
    post_all()

    assert states() == ["sent"]


def test_no_secret_stands_in_any_sentence(row, receiver):
    channel = a_channel(f"{receiver.url}/s3cret?code=s3same")
    several(row, channel, 1)
    receiver.usual = status(400, f"{receiver.url}/s3cret?code=s3same is wrong".encode())

    post_all()

    channel.refresh_from_db()
    assert channel.problem.endswith("“… is wrong”")


# -- decided meanwhile ------------------------------------------------------------------------------------------------


def test_a_decision_that_was_made_meanwhile_is_asked_of_nobody(channel, receiver):
    outlook.look_round()
    a_subscription(channel, Kind.DECISION_NEEDED)
    otto = a_gate("TEST")
    waiting = requested(a_release(a_rows_shop(), "1.0.0"))
    outlook.look_round()
    actions.reject(waiting, by=otto, fingerprint=seen_plan(waiting), comment="No")

    post_all()

    delivery = Delivery.objects.get(channel=channel)
    assert (delivery.state, receiver.arrived) == ("skipped", [])
    assert delivery.problem == "Decided meanwhile: Shop 1.0.0 to TEST does not wait for approval any more."


def test_a_decision_that_is_still_waited_for_is_asked(channel, receiver):
    outlook.look_round()
    a_subscription(channel, Kind.DECISION_NEEDED)
    a_gate("TEST")
    waiting = requested(a_release(a_rows_shop(), "1.0.0"))
    outlook.look_round()

    post_all()

    assert receiver.arrived[0].json["data"]["url"].endswith(f"/deployments/{waiting.pk}/approval/")


# -- sending again ----------------------------------------------------------------------------------------------------


def test_what_was_sent_is_sent_again_with_the_same_id_and_on_record(row, channel, receiver):
    (delivery,) = several(row, channel, 1)
    post_all()

    assert resending.send_again([delivery], by=an_administrator()) == 1
    post_all()

    assert receiver.ids == [uids()[0]] * 2
    assert Event.objects.get(verb="message.sent_again").sentence == "admin has “Number 0” sent to Hook again."


def test_what_was_given_up_is_not_tried_any_more_and_the_next_has_its_turn(row, channel, receiver):
    first, _ = several(row, channel, 2)

    resending.give_up([first], by=an_administrator())
    post_all()

    assert receiver.ids == uids()[1:]
    assert resending.give_up([first], by=an_administrator()) == 0


def test_a_time_is_replayed_in_order_with_what_was_never_sent(row, channel, receiver):
    sent = several(row, channel, 2)
    post_all()
    never = a_notice(row, Kind.FAILED)
    a_notice(row, Kind.STARTED)
    a_subscription(channel, Kind.FINISHED, Kind.FAILED)
    receiver.arrived.clear()
    now = timezone.now()

    count = resending.replay(channel, now - timedelta(hours=1), now + timedelta(hours=1), by=an_administrator())
    post_all()

    assert count == 3
    assert receiver.ids == [*(str(delivery.notice.uid) for delivery in sent), str(never.uid)]
    assert Event.objects.filter(verb="message.replayed").count() == 1


def test_a_time_that_ends_before_it_begins_is_refused(channel):
    now = timezone.now()

    with pytest.raises(resending.ReplayRefused, match="The end must lie after the beginning"):
        resending.replay(channel, now, now, by=a_manager())


def test_a_test_message_is_posted_at_once_and_says_what_it_is(channel, receiver):
    Channel.objects.update(problem="Gone.", failing_since=timezone.now(), parked_at=timezone.now())

    said = resending.test(channel, by=an_administrator())

    assert said == "200 ok"
    assert receiver.arrived[0].json["type"] == "io.signalbox.test.v1"
    channel.refresh_from_db()
    assert channel.parked_at is None


def test_a_test_message_that_is_refused_says_why(channel, receiver):
    receiver.usual = status(404)

    with pytest.raises(SendingFailed, match="answered 404: the webhook does not exist any more"):
        resending.test(channel, by=an_administrator())


# -- what is posted ---------------------------------------------------------------------------------------------------


def test_a_webhook_is_signed_over_what_arrives(row, channel, receiver):
    several(row, channel, 1)
    post_all()

    (one,) = receiver.arrived
    key = base64.b64decode(SIGNING_SECRET.removeprefix("whsec_"))
    assert one.headers["content-type"] == "application/cloudevents+json"
    assert one.headers["webhook-signature"] == _signature(key, one)
    assert abs(int(one.headers["webhook-timestamp"]) - timezone.now().timestamp()) < 60


def _signature(key: bytes, one) -> str:
    signed = f"{one.headers['webhook-id']}.{one.headers['webhook-timestamp']}.".encode() + one.body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


@pytest.mark.parametrize("kind", ["teams", "slack"])
def test_teams_and_slack_get_cards_with_a_button_to_the_page(kind, row, receiver):
    several(row, a_channel(receiver.url, kind=kind), 1)

    post_all()

    assert f"/deployments/{row.pk}/" in json.dumps(receiver.arrived[0].json)
    assert receiver.arrived[0].headers["content-type"] == "application/json"


def test_subscriptions_of_everything_reach_a_channel_end_to_end(channel, receiver):
    outlook.look_round()
    a_subscription(channel)
    a_subscription(a_user("vera", role="viewer"), timing=Subscription.Timing.OFF)
    a_gate("TEST")
    requested(a_release(a_rows_shop(), "1.0.0"))

    outlook.look_round()
    post_all()

    assert [one.json["type"] for one in receiver.arrived] == ["io.signalbox.deployment.decision_needed.v1"]
