"""How pages stand, for the portal and its API: without what only administrators need to know."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, OuterRef, QuerySet, Subquery

from deployments.models import LiveVersion
from projects.models import Project
from publishing.confluence.storage_format import moment
from publishing.models import Publication

KIND, STATE = Publication.Kind, Publication.State


@dataclass(frozen=True)
class PageState:
    """The Confluence page of one project in one environment. `url`: empty while there is none.

    is_current  whether it says what is live now
    since       aware: when it was written last, or since when it cannot be; None: not yet
    """

    title: str
    url: str
    is_current: bool
    since: datetime | None
    sentence: str


def states_for(projects: Iterable[Project]) -> dict[tuple[int, int], PageState]:
    """The pages of these by (project id, environment id), in one query; of those that have one. A stack's is the one that
    shows all of its components there."""
    rows = publications_of(projects).filter(kind__in=(KIND.COMPONENT, KIND.ENVIRONMENT)).order_by("-kind", "pk")
    return {(row.project_id, row.environment_id or 0): _state_of(row) for row in rows}


def publications_of(projects: Iterable[Project]) -> QuerySet[Publication]:
    """Those about these projects, each with what it is about and what is live there now."""
    live = LiveVersion.objects.now().filter(project=OuterRef("project"), environment=OuterRef("environment"))
    among = projects if isinstance(projects, QuerySet) else list(projects)
    rows = Publication.objects.filter(project__in=among).annotate(live=Subquery(live.values("pk")[:1]))
    return rows.select_related("connection", "project", "environment", "release__project")


def is_current(row: Any) -> bool:
    """Whether the page says what is true, as far as is known. Needs a row of `publications_of`."""
    return bool(row.state == STATE.CURRENT and row.shows_id == (row.live if row.kind == KIND.COMPONENT else None))


def sentence_of(row: Publication, *, is_current: bool) -> str:
    """How it stands, in a sentence for everybody."""
    since = moment(row.failing_since) if row.failing_since else ""
    if row.state == STATE.WITHDRAWN:
        return "This page is no longer kept up to date."
    if row.state == STATE.PARKED:
        return f"The page could not be written since {since}, and an administrator has to see to it."
    if row.state == STATE.WAITING:
        return f"The page could not be written since {since}. It is tried again by itself."
    if is_current:
        return "The page says what is live."
    return "The page is being brought up to date." if row.page_id else "The page is being made."


@dataclass(frozen=True)
class Figures:
    """For those who watch the installation."""

    counts: dict[str, int]
    """How many pages are in each state."""
    behind_since: datetime | None
    """Since when the page that is behind for longest should say something else (aware); None: none is behind."""


def figures() -> Figures:
    """In one query."""
    rows = Publication.objects.order_by().values_list("state")
    found = list(rows.annotate(count=Count("pk"), due=Min("next_at"), failing=Min("failing_since")))
    counts = dict.fromkeys(STATE.values, 0) | {state: count for state, count, _, _ in found}
    behind = (STATE.DUE, *Publication.IN_TROUBLE)
    moments = [failing or due for state, _, due, failing in found if state in behind]
    return Figures(counts, min(moments, default=None))


def _state_of(row: Publication) -> PageState:
    well = is_current(row)
    since = row.failing_since or row.published_at
    return PageState(row.title or str(row), row.address, well, since, sentence_of(row, is_current=well))
