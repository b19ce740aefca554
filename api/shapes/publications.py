"""Publications as JSON."""

from datetime import datetime
from typing import Any, Literal

from ninja import Schema
from pydantic import Field

from publishing.confluence import state

State = Literal["due", "current", "waiting", "parked", "withdrawn"]


class PublicationShape(Schema):
    """A Confluence page that is kept up to date."""

    key: str
    kind: str = Field(description="component, environment, stack or release.")
    project: str
    environment: str | None
    release: str | None
    title: str = Field(description="As the page is called there; empty while there is none.")
    url: str = Field(description="Empty while there is none.")
    state: State
    current: bool = Field(description="Whether the page says what is true now, as far as is known.")
    sentence: str
    published_at: datetime | None = Field(description="When it was written last.")
    failing_since: datetime | None
    next_at: datetime | None = Field(description="When it is looked at next; null: not any more.")
    problem: str | None = Field(description="What exactly stands in the way; null for whoever does not configure it.")


def publication(row: Any, *, technical: bool) -> PublicationShape:
    """Needs a publication as `state.publications_of` reads it. technical: whether the caller configures the project."""
    is_current = state.is_current(row)
    return PublicationShape(
        key=row.key,
        kind=row.kind,
        project=row.project.slug,
        environment=row.environment.slug if row.environment else None,
        release=row.release.number if row.release else None,
        title=row.title,
        url=row.address,
        state=row.state,
        current=is_current,
        sentence=state.sentence_of(row, is_current=is_current),
        published_at=row.published_at,
        failing_since=row.failing_since,
        next_at=row.next_at,
        problem=row.problem if technical else None,
    )
