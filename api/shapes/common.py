"""What several doors say and ask."""

from typing import Annotated, Generic, TypeVar

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field

Item = TypeVar("Item")


def _storable(text: str) -> str:
    """PostgreSQL stores no NUL and nothing stores half a surrogate pair."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds a character that cannot be stored")
    return text


Text = Annotated[str, Field(max_length=20_000), AfterValidator(_storable)]
Word = Annotated[str, Field(max_length=200), AfterValidator(_storable)]


class Asked(Schema):
    """What a caller sends. A field that is not known is refused: it would be a misspelt one, silently ignored."""

    model_config = ConfigDict(extra="forbid")


class Page(Schema, Generic[Item]):
    items: list[Item]
    next: str | None = Field(description="The address of the next page; null on the last.")


class BlockerShape(Schema):
    """One reason why not."""

    code: str
    sentence: str
    stops: str = Field(
        description="“requesting”: it cannot go there as it is; “starting”: it may be requested and waits."
    )


class FieldShape(Schema):
    field: str
    sentence: str


class Problem(Schema):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str = Field(description="For machines; stable.")
    sentence: str = Field(description="For people: what is wrong and what to do.")
    detail: str = Field(description="The sentence again, under the name of the RFC.")
    blockers: list[BlockerShape] | None = Field(None, description="Every reason, where there are several.")
    fields: list[FieldShape] | None = Field(None, description="What is wrong with which field.")


class ReasonAsked(Asked):
    reason: Text
