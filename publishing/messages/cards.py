"""How a notice looks in Microsoft Teams and in Slack: what happened, the facts, and one button that opens the page.

Whatever comes from people or pipelines is text there, never markup: a release called “<!channel>” calls nobody.
https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
https://docs.slack.dev/messaging/formatting-message-text · https://docs.slack.dev/reference/block-kit/blocks
"""

import re
from typing import Any

from django.utils import timezone

from publishing.messages import links
from publishing.models import Kind, Notice

TEXT_MAX = 2800  # Slack takes 3000 characters of one text, of which escaping may need some
TITLE_MAX = 140  # Slack's header takes 150
LOOKS = {  # glyph, and the colour that Adaptive Cards have a name for; the words say it without either
    Kind.DECISION_NEEDED: ("⏳", "Warning"),
    Kind.APPROVED: ("✔", "Good"),
    Kind.FINISHED: ("✔", "Good"),
    Kind.STARTED: ("▶", "Accent"),
    Kind.CANCELLED: ("⊘", "Default"),
    Kind.HOLD: ("⏸", "Warning"),
    Kind.OUT_OF_STEP: ("≠", "Warning"),
}
BAD = ("✖", "Attention")
TEST = ("✔", "Default")


def facts_of(notice: Notice) -> list[tuple[str, str]]:
    """What stands below the sentence: name and value."""
    facts = []
    if notice.project:
        facts.append(("Project", str(notice.project.parent or notice.project)))
    if notice.environment:
        facts.append(("Environment", str(notice.environment)))
    if number := notice.data.get("release"):
        facts.append(("Release", str(number)))
    if who := notice.data.get("requested_by"):
        facts.append(("Requested by", str(who)))
    local = timezone.localtime(notice.at)
    return [*facts, ("When", f"{local.day} {local:%B %Y %H:%M %Z}")]


def for_teams(notice: Notice) -> dict[str, Any]:
    """What an incoming webhook of Teams Workflows takes: a message with one Adaptive Card."""
    glyph, colour = _look(notice)
    title = {
        "type": "TextBlock",
        "text": f"{glyph} {_plain_markdown(_shortened(notice.subject, TITLE_MAX))}",
        "size": "Large",
        "weight": "Bolder",
        "color": colour,
        "wrap": True,
        "style": "heading",
    }
    sentence = {"type": "TextBlock", "text": _plain_markdown(_shortened(notice.sentence, TEXT_MAX)), "wrap": True}
    facts = [{"title": name, "value": _plain_markdown(value)} for name, value in facts_of(notice)]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, sentence, {"type": "FactSet", "facts": facts}],
        "actions": [{"type": "Action.OpenUrl", "title": links.word_for(notice), "url": links.page_of(notice)}],
        "msteams": {"width": "Full"},
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def for_slack(notice: Notice) -> dict[str, Any]:
    """What an incoming webhook of Slack takes: blocks, and a text for notifications and screen readers."""
    glyph, _ = _look(notice)
    title = f"{glyph} {_shortened(notice.subject, TITLE_MAX)}"
    facts = [f"*{name}*\n{_quoted(value, 200)}" for name, value in facts_of(notice)]
    return {
        "text": _escaped(f"{title}: {_shortened(notice.sentence, TEXT_MAX)}"),
        "unfurl_links": False,
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
            {"type": "section", "text": {"type": "mrkdwn", "text": _quoted(notice.sentence), "verbatim": True}},
            {"type": "section", "fields": [{"type": "mrkdwn", "text": text, "verbatim": True} for text in facts]},
            {
                "type": "actions",
                "elements": [
                    {
                        "type": "button",
                        "text": {"type": "plain_text", "text": links.word_for(notice)},
                        "url": links.page_of(notice),
                    }
                ],
            },
        ],
    }


def _look(notice: Notice) -> tuple[str, str]:
    if notice.kind == "test":
        return TEST
    return LOOKS.get(Kind(notice.kind), BAD)


def _shortened(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _escaped(text: str) -> str:
    """Slack's three control characters, after which no link, mention or date can begin."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _quoted(text: str, most: int = TEXT_MAX) -> str:
    """For a text that Slack reads as markup: marks of emphasis get a space of no width behind them, and mean nothing.
    At most so many letters, also where that makes it longer (up to five times)."""
    quoted = _without_markup(_shortened(text, most))
    return quoted if len(quoted) <= most else _without_markup(_shortened(text, most // 5))


def _without_markup(text: str) -> str:
    return re.sub(r"([*_~`])", "\\1\u200b", _escaped(text))


def _plain_markdown(text: str) -> str:
    """For a text that Adaptive Cards read as Markdown: its marks, escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", text)
