"""Holds as JSON."""

from datetime import datetime

from ninja import Schema
from pydantic import Field

from api.shapes.common import Asked, Text, Word
from deployments import on_hold
from deployments.models import Hold


class HoldAsked(Asked):
    project: Word | None = Field(None, description="The slug of a stack or a project on its own; null: every project.")
    environment: Word | None = Field(None, description="The slug of an environment; null: every environment.")
    reason: Text


class HoldShape(Schema):
    """What keeps new deployments from starting."""

    id: int
    project: str | None = Field(description="null: every project.")
    environment: str | None = Field(description="null: every environment.")
    what: str = Field(description="The same in words.")
    by: str
    at: datetime
    reason: str
    sentence: str
    standing: bool
    released_by: str | None
    released_at: datetime | None
    released_because: str


def hold(found: Hold) -> HoldShape:
    """Needs a hold with the names of `on_hold.NAMES`."""
    return HoldShape(
        id=found.pk,
        project=found.project.slug if found.project else None,
        environment=found.environment.slug if found.environment else None,
        what=found.what,
        by=str(found.by),
        at=found.at,
        reason=found.reason,
        sentence=on_hold.sentence_of(found),
        standing=found.released_at is None,
        released_by=str(found.released_by) if found.released_by else None,
        released_at=found.released_at,
        released_because=found.released_because,
    )
