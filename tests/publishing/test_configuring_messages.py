"""Channels and subscriptions in the configuration: refused with a sentence, secrets never read back, all on record."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from accounts.models import Event
from config.encryption import decrypt
from publishing.models import Channel, Delivery, Subscription
from tests.deployments.rows import a_row
from tests.factories import SIGNING_SECRET, a_channel, a_delivery, a_notice, a_subscription, an_administrator
from tests.projects.doors import add, change
from tests.publishing.receiving import status

pytestmark = pytest.mark.django_db
HOOK = {
    "name": "Reports",
    "slug": "reports",
    "kind": "webhook",
    "enabled": "on",
    "new_address": "https://r.example/s3cret",
}
STORED = {"name": "Hook", "slug": "hook", "enabled": "on", "allow_private": "on"}


@pytest.fixture
def admin(client: Client) -> Client:
    user = an_administrator()
    user.is_staff = True
    user.save()
    client.force_login(user)
    return client


def said(response) -> str:
    return response.content.decode()


def test_a_webhook_gets_a_secret_that_is_shown_once(admin):
    page = admin.get(add(admin, Channel, **HOOK)["Location"])

    channel = Channel.objects.get()
    assert (channel.plain_address, channel.host) == ("https://r.example/s3cret", "r.example")
    assert channel.plain_secret.startswith("whsec_")
    assert f"which is shown this once: {escape(channel.plain_secret)}" in said(page)
    assert channel.plain_secret not in said(admin.get(f"/admin/publishing/channel/{channel.pk}/change/"))


def test_neither_address_nor_secret_is_ever_shown_or_written_down(admin):
    add(admin, Channel, **HOOK, new_secret=SIGNING_SECRET)
    channel = Channel.objects.get()

    page = said(admin.get(f"/admin/publishing/channel/{channel.pk}/change/"))

    assert channel.plain_secret == SIGNING_SECRET
    written = [f"{event.sentence} {event.data}" for event in Event.objects.all()]
    for secret in ("s3cret", SIGNING_SECRET):
        assert secret not in page
        assert not [line for line in written if secret in line]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"new_address": None}, "Enter where messages are posted to."),
        ({"new_address": "http://r.example/"}, "The address must begin with https://"),
        ({"new_address": "https://127.0.0.1/"}, "It leads into the internal network"),
        ({"new_address": "r.example"}, "This is no address."),
        ({"kind": "slack"}, "An incoming webhook of Slack begins with https://hooks.slack.com/services/."),
        ({"kind": "teams", "new_secret": SIGNING_SECRET}, "Only webhooks are signed"),
        ({"new_secret": "sesame"}, "A signing secret is"),
        ({"new_secret": "whsec_c2hvcnQ="}, "A signing secret is"),
    ],
)
def test_what_will_not_do_is_refused(admin, changes, sentence):
    page = add(admin, Channel, **(HOOK | changes))

    assert sentence in said(page)
    assert not Channel.objects.exists()


def test_empty_fields_keep_what_is_stored(admin):
    channel = a_channel("http://127.0.0.1:9/hook")

    change(admin, channel, **STORED | {"name": "Renamed"})

    channel.refresh_from_db()
    assert (channel.name, channel.plain_address) == ("Renamed", "http://127.0.0.1:9/hook")
    assert channel.plain_secret == SIGNING_SECRET


def test_a_new_secret_is_made_on_demand(admin):
    channel = a_channel()

    change(admin, channel, **STORED, make_secret="on")

    channel.refresh_from_db()
    assert channel.plain_secret != SIGNING_SECRET


def test_a_new_address_lets_a_parked_channel_go_on(admin):
    now = timezone.now()
    channel = a_channel(problem="Gone.", failing_since=now, parked_at=now)

    change(admin, channel, **STORED, new_address="http://127.0.0.1:9/other")

    channel.refresh_from_db()
    assert (channel.parked_at, channel.problem) == (None, "")
    assert decrypt(channel.address).endswith("/other")


def test_forbidding_the_internal_network_takes_another_address(admin):
    channel = a_channel("http://127.0.0.1:9/hook")

    page = change(admin, channel, **STORED | {"allow_private": None})

    assert "The address must begin with https://" in said(page)


@pytest.mark.parametrize(
    ("answer", "words"), [(200, "took the test message: 200"), (404, "the webhook does not exist")]
)
def test_the_test_message_says_what_came_of_it(admin, receiver, answer, words):
    channel = a_channel(receiver.url)
    receiver.usual = status(answer)

    page = admin.post("/admin/publishing/channel/", {"action": "test", "_selected_action": [channel.pk]}, follow=True)

    assert words in said(page)
    assert len(receiver.arrived) == 1


def test_a_channel_with_a_log_is_not_deleted(admin):
    channel = a_channel()
    a_delivery(a_notice(a_row()), channel)

    page = admin.post(f"/admin/publishing/channel/{channel.pk}/delete/", {"post": "yes"}, follow=True)

    assert Channel.objects.exists()
    assert "is in use by" in said(page)


SUBSCRIPTION = {"kinds": ["finished", "failed"], "timing": "at_once", "hour": "8"}


def test_a_role_is_subscribed(admin):
    add(admin, Subscription, **SUBSCRIPTION, role="viewer")

    row = Subscription.objects.get()
    assert (row.role, row.kinds) == ("viewer", ["finished", "failed"])
    assert "created" in Event.objects.get(verb="configuration.changed").sentence


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Name exactly one: a person, a role or a channel."),
        ({"role": "viewer", "kinds": []}, "This field is required."),
        ({"role": "viewer", "kinds": ["lunch"]}, "lunch is not one of the available choices."),
        ({"role": "viewer", "timing": "off"}, "is for a person."),
        ({"role": "viewer", "hour": "24"}, "less than or equal to 23"),
    ],
)
def test_half_a_subscription_is_refused(admin, changes, sentence):
    page = add(admin, Subscription, **(SUBSCRIPTION | changes))

    assert sentence in said(page)
    assert not Subscription.objects.exists()


def test_a_channel_has_no_summary(admin):
    page = add(admin, Subscription, **SUBSCRIPTION | {"timing": "daily"}, channel=a_channel().pk)

    assert "A channel is told at once" in said(page)


@pytest.mark.parametrize(("action", "state"), [("send_again", "waiting"), ("give_up", "sent")])
def test_deliveries_are_sent_again_and_given_up_from_the_list(admin, action, state):
    row = a_row()
    sent = a_delivery(a_notice(row), a_channel(), state="sent", sent_at=timezone.now())

    page = admin.post("/admin/publishing/delivery/", {"action": action, "_selected_action": [sent.pk]}, follow=True)

    sent.refresh_from_db()
    assert page.status_code == 200
    assert sent.state == state


def test_a_time_is_sent_again_from_the_channel(admin):
    channel = a_channel()
    a_subscription(channel)
    a_notice(a_row())
    now = timezone.localtime()
    address = f"/admin/publishing/channel/{channel.pk}/replay/"
    assert "Send again to Hook" in said(admin.get(address))
    times = {
        "since": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        "until": f"{now + timedelta(hours=1):%Y-%m-%dT%H:%M}",
    }

    page = admin.post(address, times, follow=True)

    assert "1 message waits for Hook again." in said(page)
    assert Delivery.objects.get(channel=channel).state == "waiting"


def test_a_time_that_is_none_is_refused(admin):
    channel = a_channel()

    page = admin.post(
        f"/admin/publishing/channel/{channel.pk}/replay/", {"since": "2026-11-24T10:00", "until": "2026-11-24T09:00"}
    )

    assert page.status_code == 422
    assert "The end must lie after the beginning." in said(page)


@pytest.mark.parametrize("page", ["channel", "subscription", "notice", "delivery"])
def test_the_lists_open(admin, page):
    a_delivery(a_notice(a_row()), a_channel())
    a_subscription("viewer")

    assert admin.get(f"/admin/publishing/{page}/").status_code == 200
