"""What went live in an environment, as an Atom feed (RFC 4287): one entry for each time, with its release notes.

Readers ask again and again, so that the answer says by its ETag and Last-Modified whether anything is new.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Max, Q
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.utils.feedgenerator import Atom1Feed
from django.utils.http import http_date

from accounts.models import Event
from deployments.history import live_history
from deployments.models import Deployment, LiveVersion
from deployments.rollup import brought_by_each
from lifecycles.models import Environment
from projects.models import Project
from publishing.notes import template_of, written
from releases.actions import NOTES_EDITED
from releases.notes import rendered

ENTRIES = 25
CONTENT_TYPE = "application/atom+xml; charset=utf-8"
NEVER = datetime(2000, 1, 1, tzinfo=UTC)  # when a feed without entries was updated: Atom wants a moment
Mode = Deployment.Mode

_UNFIT_FOR_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass(frozen=True)
class Addresses:
    """Where readers are led, as complete addresses: the feed itself, and what each entry is about."""

    feed: str
    page: str
    of_entry: Callable[[LiveVersion], str]


def answer(request: HttpRequest, project: Project, environment: Environment, addresses: Addresses) -> HttpResponse:
    """The feed of a project and what goes with it, or 304 for a reader that has it as it is."""
    lives = _lives(project, environment)
    body = _feed(project, environment, lives, addresses)
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    updated = _updated(project, lives)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    response = HttpResponse(body, content_type=CONTENT_TYPE, headers=headers)
    seconds = int(updated.timestamp())
    response.headers["Last-Modified"] = http_date(seconds)
    return get_conditional_response(request, etag=etag, last_modified=seconds, response=response) or response


def _lives(project: Project, environment: Environment) -> list[LiveVersion]:
    """The latest intervals: of a stack its own, and those of components that went without it."""
    alone = Q(project=project) | Q(deployment__parent=None)
    lives = live_history(environment, [project, *project.components.all()]).filter(alone)
    return list(lives.defer("release__snapshot", "deployment__plan")[:ENTRIES])


def _updated(project: Project, lives: Sequence[LiveVersion]) -> datetime:
    """When anything in it last became other than it was, in UTC: something went live, or notes were edited."""
    told = Q(project=project) | Q(project__parent=project)
    edited = Event.objects.filter(told, verb=NOTES_EDITED).aggregate(last=Max("at"))["last"]
    return max(NEVER, *(live.from_at for live in lives[:1]), edited or NEVER).astimezone(UTC)


def _feed(project: Project, environment: Environment, lives: Sequence[LiveVersion], addresses: Addresses) -> str:
    feed = _Feed(
        title=_fit(f"{project} in {environment}"),
        link=addresses.page,
        description="",
        subtitle=_fit(f"What went live in {environment}, and what it brought"),
        language="en-GB",
        author_name="Signalbox",
        feed_url=addresses.feed,
        feed_guid=_tag(f"{project.slug}/{environment.slug}"),
    )
    brought = brought_by_each(lives) if lives else {}
    template = template_of(project)
    for live in lives:
        address = addresses.of_entry(live)
        notes = written(live.release, environment, brought[live.pk], live.from_at, template, address)
        feed.add_item(
            title=_fit(_title(live)),
            link=address,
            description="",
            unique_id=_tag(f"live/{live.pk}"),
            pubdate=live.from_at,
            updateddate=live.from_at,
            content=_fit(rendered(notes)),
        )
    return str(feed.writeString("utf-8"))


class _Feed(Atom1Feed):
    """Entries hold their text, and a feed without any was updated long ago, not now."""

    def latest_post_date(self) -> datetime:
        return max((item["pubdate"] for item in self.items), default=NEVER)

    def add_item_elements(self, handler: Any, item: dict[str, Any]) -> None:
        super().add_item_elements(handler, item | {"description": None})  # no summary: all of it is there
        handler.addQuickElement("content", item["content"], {"type": "html"})


def _title(live: LiveVersion) -> str:
    again = {Mode.REDEPLOY: " again", Mode.ROLLBACK: " again, after a rollback"}
    return f"{live.release} is live in {live.environment}{again.get(Mode(live.deployment.mode), '')}"


def _tag(path: str) -> str:
    """A name that never changes while the portal has the same one (RFC 4151)."""
    return f"tag:{urlsplit(settings.BASE_URL).hostname},2026:{path}"


def _fit(text: str) -> str:
    """Without the characters that no XML may hold."""
    return _UNFIT_FOR_XML.sub("", text)
