"""What may be configured: whether a channel's address, secret and kinds will do. Pure, for every form that asks."""

import base64
import binascii
from collections.abc import Iterator
from urllib.parse import urlsplit

from publishing import outgoing
from publishing.messages.webhooks import SECRET_PREFIX
from publishing.models import KINDS, Channel

SLACK = ("hooks.slack.com", "hooks.slack-gov.com")
SECRET_MIN_BYTES, SECRET_MAX_BYTES = 24, 64  # as Standard Webhooks say


def why_not_channel(kind: str, address: str, secret: str, *, allow_private: bool) -> Iterator[tuple[str, str]]:
    """What is wrong: the field and a sentence for each. An empty secret is one that will be made."""
    if sentence := outgoing.why_not_address(address, allow_private=allow_private):
        yield "address", sentence
    elif kind == Channel.Kind.SLACK and not allow_private and urlsplit(address).hostname not in SLACK:
        yield "address", f"An incoming webhook of Slack begins with https://{SLACK[0]}/services/."
    if secret and kind != Channel.Kind.WEBHOOK:
        yield "secret", "Only webhooks are signed; Teams and Slack know each other by the address alone."
    elif secret and not _is_secret(secret):
        yield (
            "secret",
            f"A signing secret is “{SECRET_PREFIX}” and the base64 of {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES} bytes. Leave it"
            " empty, and one is made.",
        )


def why_not_kinds(kinds: list[str]) -> str | None:
    """What is wrong with the kinds of a subscription; None: nothing."""
    if not kinds:
        return "Choose at least one kind of message."
    unknown = [kind for kind in kinds if kind not in KINDS]
    return f"There is no kind of message called {', '.join(unknown)}." if unknown else None


def _is_secret(text: str) -> bool:
    try:
        raw = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        return False
    return text.startswith(SECRET_PREFIX) and SECRET_MIN_BYTES <= len(raw) <= SECRET_MAX_BYTES
