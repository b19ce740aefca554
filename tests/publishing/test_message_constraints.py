"""What may never be stored about messages, whoever writes it."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from config.encryption import encrypt
from publishing.models import Channel, Delivery, Notice, Outlook, Subscription
from tests.deployments.rows import a_row
from tests.factories import a_channel, a_delivery, a_notice, a_user

pytestmark = pytest.mark.django_db


def refused(make) -> bool:
    try:
        with transaction.atomic():
            make()
    except IntegrityError:
        return True
    return False


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "https://r.example/s3cret"},
        {"secret": "whsec_plain"},
        {"secret": ""},
        {"kind": "slack"},
        {"kind": "pigeon"},
        {"problem": "Gone."},
        {"parked_at": timezone.now()},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_channel_is_encrypted_signed_and_says_since_when(changes):
    stored = {"kind": "webhook", "address": encrypt("https://r.example/"), "secret": encrypt("whsec_x")}

    assert refused(
        lambda: Channel.objects.create(**({"name": "R", "slug": "r", "host": "r.example"} | stored | changes))
    )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"role": "viewer", "named": True},
        {"role": "viewer", "timing": "off"},
        {"to_channel": True, "timing": "daily"},
        {"role": "viewer", "hour": 24},
    ],
)
def test_a_subscription_is_of_exactly_one_and_possible(fields):
    fields = dict(fields)
    if fields.pop("named", False):
        fields["person"] = a_user("vera")
    if fields.pop("to_channel", False):
        fields["channel"] = a_channel()

    assert refused(lambda: Subscription.objects.create(kinds=["finished"], **fields))


def test_a_delivery_goes_to_one_recipient_once():
    notice, vera, channel = a_notice(a_row()), a_user("vera"), a_channel()
    for to in (vera, channel):
        a_delivery(notice, to)
        assert refused(lambda to=to: a_delivery(notice, to))

    assert refused(lambda: Delivery.objects.create(notice=notice, next_at=timezone.now()))
    assert refused(lambda: a_delivery(a_notice(a_row_again()), vera, channel=channel))
    assert refused(lambda: a_delivery(a_notice(a_row_again()), channel, digest_due_at=timezone.now()))


def a_row_again():
    return Notice.objects.latest("pk").deployment


@pytest.mark.parametrize("fields", [{"state": "sent"}, {"state": "skipped"}, {"state": "given_up"}])
def test_what_is_settled_says_when_or_why(fields):
    assert refused(lambda: a_delivery(a_notice(a_row()), a_user("vera"), **fields))


def test_nothing_is_noticed_twice_and_there_is_one_outlook():
    notice = a_notice(a_row())

    assert refused(lambda: a_notice(a_row_again(), key=notice.key))
    assert refused(lambda: Outlook.objects.create(number=2, since=timezone.now(), until=timezone.now()))
