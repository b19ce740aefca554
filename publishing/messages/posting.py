"""Posting a notice to a channel, and what its answers mean."""

import json
from datetime import datetime

from django.utils import timezone

from config.encryption import CannotDecrypt
from publishing import outgoing
from publishing.messages import cards, webhooks
from publishing.messages.failures import SendingFailed, Then
from publishing.models import Channel, Notice

AGAIN = (408, 409, 423, 425, 429)  # of 4xx, what may be otherwise in a while


def post(channel: Channel, notice: Notice) -> str:
    """Post it and return what the other side said, for the log. Raises SendingFailed.

    Takes as long as the network does: never inside a transaction.
    """
    try:
        address = channel.plain_address
        body, headers = request_for(channel, notice, timezone.now())
        answer = outgoing.post(address, body, headers, allow_private=channel.allow_private)
    except CannotDecrypt as error:
        raise SendingFailed(str(error), Then.PARKED) from error
    except outgoing.Refused as error:
        raise SendingFailed(str(error), Then.PARKED) from error
    except outgoing.Unreachable as error:
        raise SendingFailed(str(error), Then.LATER) from error
    said = answer.excerpt.replace(address, "…")
    if answer.is_success:
        return f"{answer.status} {said}".strip()
    raise SendingFailed(*_meaning(channel, answer.status, said), answer.retry_after)


def request_for(channel: Channel, notice: Notice, now: datetime) -> tuple[bytes, dict[str, str]]:
    """The body and the headers, in the language of the channel. Raises CannotDecrypt."""
    if channel.kind == Channel.Kind.WEBHOOK:
        return webhooks.request_for(notice, channel.plain_secret, now)
    card = cards.for_teams(notice) if channel.kind == Channel.Kind.TEAMS else cards.for_slack(notice)
    return json.dumps(card, ensure_ascii=False).encode(), {"Content-Type": "application/json"}


def _meaning(channel: Channel, status: int, said: str) -> tuple[str, Then]:
    """What a status that is no success means: server errors and too many requests pass, the rest takes a person."""
    quote = f" “{said}”" if said else ""
    if status >= 500 or status in AGAIN:
        return f"{channel.host} answered {status}.{quote}", Then.LATER
    if 300 <= status < 400:
        return (
            f"{channel.host} answered {status}, a redirect, which is not followed: enter where it leads to.",
            Then.PARKED,
        )
    if status in (404, 410):
        what = "the webhook does not exist any more; make a new one there and enter its address"
        return f"{channel.host} answered {status}: {what}.{quote}", Then.PARKED
    if status in (401, 403):
        what = "it does not let Signalbox in; check the address, the secret and what is allowed there"
        return f"{channel.host} answered {status}: {what}.{quote}", Then.PARKED
    return f"{channel.host} answered {status}: it does not take this message.{quote}", Then.PARKED
