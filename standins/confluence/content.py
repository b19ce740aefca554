"""What a wiki holds, as values that never change: a change makes a new page of an old one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Where a page is in its life."""

    CURRENT = "current"
    DRAFT = "draft"
    ARCHIVED = "archived"
    TRASHED = "trashed"


@dataclass(frozen=True)
class Space:
    """A space: its number, which Cloud asks for, and its key, which Data Center and people use."""

    id: str
    key: str
    name: str
    homepage_id: str


@dataclass(frozen=True)
class Version:
    """One version of a page: what was written, by whom, when (ISO 8601, UTC), and what was said about it."""

    number: int
    title: str
    body: str
    message: str
    minor_edit: bool
    by: str
    at: str


@dataclass(frozen=True)
class Property:
    """A content property: JSON that a program keeps beside a page, with versions of its own."""

    id: str
    key: str
    value: Any
    number: int
    at: str


@dataclass(frozen=True)
class Page:
    """A page with its versions, newest last, of which there is always one."""

    id: str
    space: str  # the key
    parent: str | None
    status: Status
    versions: tuple[Version, ...]
    properties: tuple[Property, ...] = ()
    labels: tuple[str, ...] = ()
    restricted: bool = False  # only people named on the page may see it, and no program is

    @property
    def newest(self) -> Version:
        return self.versions[-1]

    @property
    def title(self) -> str:
        return self.newest.title

    @property
    def body(self) -> str:
        return self.newest.body

    def property_called(self, key: str) -> Property | None:
        return next((found for found in self.properties if found.key == key), None)

    def with_property(self, changed: Property) -> "Page":
        """The page with this property added or in the place of the one with the same key."""
        others = tuple(found for found in self.properties if found.key != changed.key)
        return replace(self, properties=(*others, changed))


@dataclass(frozen=True)
class Content:
    """Everything in a wiki. `last_id` is the last number that was given to anything."""

    spaces: Mapping[str, Space] = field(default_factory=dict)  # by key
    pages: Mapping[str, Page] = field(default_factory=dict)  # by id
    last_id: int = 65535

    def with_page(self, page: Page) -> "Content":
        return replace(self, pages={**self.pages, page.id: page})

    def with_new_id(self) -> tuple["Content", str]:
        """The same, and a number that nothing else has."""
        return replace(self, last_id=self.last_id + 1), str(self.last_id + 1)
