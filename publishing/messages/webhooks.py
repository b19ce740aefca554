"""Webhooks: a CloudEvents 1.0 envelope in JSON, signed as Standard Webhooks say.

The fields and how a receiver verifies them are described in docs/messages.md; they only ever grow.
https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
import json
import secrets
from datetime import datetime
from typing import Any

from django.conf import settings

from publishing.messages import links
from publishing.models import Kind, Notice

CONTENT_TYPE = "application/cloudevents+json"
SECRET_PREFIX = "whsec_"  # noqa: S105 - what every such secret begins with
SECRET_BYTES = 32
TYPES: dict[str, str] = {
    **{str(kind): f"io.signalbox.deployment.{kind}.v1" for kind in Kind},
    str(Kind.OUT_OF_STEP): "io.signalbox.stack.out_of_step.v1",
    str(Kind.HOLD): "io.signalbox.hold.changed.v1",
    "test": "io.signalbox.test.v1",
}


def new_secret() -> str:
    """A signing secret, as receivers' libraries expect it."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def envelope_of(notice: Notice) -> dict[str, Any]:
    """The event. Its id is the same however often it is sent: whoever has taken it knows it again."""
    return {
        "specversion": "1.0",
        "id": str(notice.uid),
        "source": settings.BASE_URL,
        "type": TYPES[notice.kind],
        "time": notice.at.isoformat(timespec="microseconds"),
        "subject": _subject_of(notice),
        "datacontenttype": "application/json",
        "data": {
            "kind": notice.kind,
            "title": notice.subject,
            "sentence": notice.sentence,
            "url": links.page_of(notice),
            **notice.data,
        },
    }


def request_for(notice: Notice, secret: str, now: datetime) -> tuple[bytes, dict[str, str]]:
    """The body, and the headers that sign it. `now` is aware; `secret` begins with whsec_."""
    body = json.dumps(envelope_of(notice), ensure_ascii=False, separators=(",", ":")).encode()
    stamp = str(int(now.timestamp()))
    return body, {
        "Content-Type": CONTENT_TYPE,
        "webhook-id": str(notice.uid),
        "webhook-timestamp": stamp,
        "webhook-signature": signature(str(notice.uid), stamp, body, secret),
    }


def signature(uid: str, stamp: str, body: bytes, secret: str) -> str:
    """`v1,` and the base64 of the HMAC-SHA256 over id, time stamp and body, joined by full stops."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = b".".join((uid.encode(), stamp.encode(), body))
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def _subject_of(notice: Notice) -> str:
    if notice.deployment_id is not None:
        return f"deployments/{notice.deployment_id}"
    return f"holds/{notice.data['hold']}" if "hold" in notice.data else "signalbox"
