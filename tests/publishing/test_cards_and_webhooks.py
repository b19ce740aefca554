"""What channels are posted: documented, verifiable, and without any markup of whoever wrote the words."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from deployments.models import Deployment
from publishing.messages import cards, webhooks
from publishing.models import KINDS, Kind, Notice
from tests.deployments.rows import a_row
from tests.factories import SIGNING_SECRET, a_notice

pytestmark = pytest.mark.django_db
DOCUMENT = Path(__file__).resolve().parent.parent.parent / "docs" / "messages.md"
CLOUDEVENT = {  # the attributes of CloudEvents 1.0 that we use, from its JSON schema
    "type": "object",
    "required": ["id", "source", "specversion", "type"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "format": "uri-reference"},
        "specversion": {"const": "1.0"},
        "type": {"type": "string", "minLength": 1},
        "datacontenttype": {"const": "application/json"},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$"},
        "data": {"type": "object", "required": ["kind", "title", "sentence", "url"]},
    },
    "additionalProperties": False,
}


@pytest.fixture
def row() -> Deployment:
    return a_row()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_cloudevent_with_a_documented_type(kind, row):
    envelope = webhooks.envelope_of(a_notice(row, kind))

    jsonschema.validate(json.loads(json.dumps(envelope)), CLOUDEVENT)
    assert f"`{envelope['type']}`" in DOCUMENT.read_text()


def test_the_documented_example_has_the_fields_that_are_sent(row):
    example = json.loads(re.search(r"```json\n(\{\n  \"specversion.*?)```", DOCUMENT.read_text(), re.DOTALL)[1])
    facts = {
        "verb": "", "actor": None, "project": {}, "stack": None, "environment": {}, "deployment": 1, "release": "",
        "mode": "", "requested_by": "",
    }  # fmt: skip

    envelope = webhooks.envelope_of(a_notice(row, data=facts))

    assert set(example) == set(envelope)
    assert set(example["data"]) == set(envelope["data"])


def test_the_documented_verification_takes_what_we_send_and_nothing_else(row):
    program = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[1]
    described: dict[str, object] = {}
    exec(program, described)  # the reader's own program
    verified = described["verified"]
    now = a_notice(row).at
    body, headers = webhooks.request_for(a_notice(row), SIGNING_SECRET, now)

    assert verified(headers, body, SIGNING_SECRET, now=now.timestamp())["specversion"] == "1.0"
    for changed in (
        {"body": body + b" "},
        {"headers": headers | {"webhook-id": "another"}},
        {"headers": headers | {"webhook-timestamp": str(int(now.timestamp()) - 1)}},
        {"secret": webhooks.new_secret()},
        {"now": now.timestamp() + 3600},
    ):
        given = {"headers": headers, "body": body, "secret": SIGNING_SECRET, "now": now.timestamp()} | changed
        with pytest.raises(ValueError, match=r"not from Signalbox|too old"):
            verified(**given)


def test_a_signature_is_the_one_of_the_standard():
    """The vector of the specification of Standard Webhooks."""
    signed = webhooks.signature(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b'{"test": 2432232314}', "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    )

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_new_secrets_differ():
    assert len({webhooks.new_secret() for _ in range(10)}) == 10


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_card_for_teams_and_for_slack(kind, row):
    notice = a_notice(row, kind)

    card = cards.for_teams(notice)["attachments"][0]["content"]
    blocks = cards.for_slack(notice)["blocks"]

    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    (action,) = card["actions"]
    assert action["type"] == "Action.OpenUrl"  # it opens a page, and decides nothing
    assert action["url"] == blocks[-1]["elements"][0]["url"]
    assert "value" not in blocks[-1]["elements"][0]


HOSTILE = "<!channel> <https://evil.example|Log in> *bold* _it_ ~no~ `code` [x](https://evil.example) &amp; \\ # | 1"


def test_slack_reads_no_markup_of_ours(row):
    card = json.dumps(cards.for_slack(a_notice(row, subject=HOSTILE, sentence=HOSTILE)), ensure_ascii=False)

    assert "<!channel>" not in re.sub(r'"type": "plain_text", "text": "[^"]*"', "", card)
    assert "&lt;!channel&gt;" in card
    assert "*\u200bbold*\u200b" in card


def test_teams_reads_no_markup_of_ours(row):
    card = cards.for_teams(a_notice(row, subject=HOSTILE, sentence=HOSTILE))["attachments"][0]["content"]

    said = card["body"][1]["text"]
    assert r"\*bold\*" in said
    assert r"\[x\](https" in said
    assert re.search(r"(?<!\\)[*_\[\]`<>]", said) is None


def test_what_is_very_long_is_shortened_to_what_they_take(row):
    notice = a_notice(row, subject="S" * Notice.SUBJECT_MAX, sentence="<&>" * 5000)

    blocks = cards.for_slack(notice)["blocks"]

    assert len(blocks[0]["text"]["text"]) <= 150
    assert len(blocks[1]["text"]["text"]) <= 3000
    assert len(json.dumps(cards.for_teams(notice))) < 28_000


def test_what_concerns_every_project_has_a_card_without_one(row):
    notice = a_notice(row, Kind.HOLD, project=None, environment=None, deployment=None, data={"hold": 1})

    assert cards.for_teams(notice)["attachments"][0]["content"]["actions"][0]["url"].endswith("/holds/")
    assert [name for name, _ in cards.facts_of(notice)] == ["When"]
