"""What Signalbox asks of a Confluence site, whichever kind it is. Everything raises ConfluenceFailed."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from publishing.confluence import failures

PROPERTY = "signalbox"
"""The content property that marks a page as ours. Cloud allows letters, digits and “_” in its name."""
LABEL = "signalbox"
LONGEST_NUMBER, LONGEST_NAME, HIGHEST_VERSION = 30, 255, 2**31 - 1
"""What is believed of a page, and can be kept."""


@dataclass(frozen=True)
class Space:
    """`id` is what Cloud asks for in place of the key."""

    key: str
    id: str


@dataclass(frozen=True)
class Page:
    """A page as it is there now, with the number of its version. `space`: its key, empty where that is not said."""

    id: str
    title: str
    version: int
    status: str
    body: str = field(repr=False)
    space: str = ""

    @property
    def is_current(self) -> bool:
        """Neither in the trash nor archived."""
        return self.status == "current"


@dataclass(frozen=True)
class Property:
    """A content property of a page; `number` is the version that it has itself."""

    id: str
    number: int
    value: dict[str, Any]


@dataclass(frozen=True)
class Content:
    """What a page is to say. `comment` is written beside the version, where the kind of Confluence allows it."""

    title: str
    body: str = field(repr=False)
    comment: str = ""


class Dialect(Protocol):
    host: str

    def space(self, key: str) -> Space:
        """Raises NotFound where there is none, or the account does not see it."""

    def page(self, page_id: str) -> Page | None:
        """With its body; None where there is none, or it is hidden from the account."""

    def find(self, space: Space, title: str) -> Page | None:
        """The current page with this title, with its body."""

    def create(self, space: Space, parent: str, content: Content) -> Page:
        """parent: the number of a page; empty: the space itself. Raises TitleTaken."""

    def update(self, page: Page, content: Content) -> Page:
        """Write the version after the one that `page` has. Raises Conflict where there is one already."""

    def property(self, page_id: str) -> Property | None: ...

    def write_property(self, page_id: str, value: dict[str, Any], before: Property | None) -> None:
        """Raises Conflict where it is not `before` any more."""

    def label(self, page_id: str) -> None: ...

    def trash(self, page_id: str) -> None: ...


def text_in(found: Any, *path: str) -> str:
    """The text or number that stands there in an answer; empty where neither does."""
    value = _value_in(found, path)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def number_in(found: Any, *path: str) -> int:
    value = _value_in(found, path)
    return value if isinstance(value, int) else 0


def first_in(found: dict[str, Any], *, folded: str = "") -> dict[str, Any] | None:
    """The first of the `results`; of pages the one with this title (however it is written), where several are answered."""
    listed = found.get("results")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    same = [row for row in rows if text_in(row, "title").casefold() == folded.casefold()] if folded else rows
    return next(iter(same), None)


def read_property(found: dict[str, Any]) -> Property:
    value = found.get("value")
    number = number_in(found, "version", "number")
    return Property(text_in(found, "id"), number, value if isinstance(value, dict) else {})


def read_page(host: str, found: dict[str, Any], *, space: str = "") -> Page:
    """Both kinds describe a page alike. Raises Refused for what is none, or could not be kept."""
    page = Page(
        id=text_in(found, "id"),
        title=_one_line(text_in(found, "title")),
        version=number_in(found, "version", "number"),
        status=text_in(found, "status") or "current",
        body=text_in(found, "body", "storage", "value"),
        space=_one_line(space),
    )
    is_numbered = page.id.isascii() and page.id.isdigit() and len(page.id) <= LONGEST_NUMBER
    if not is_numbered or not 0 < page.version <= HIGHEST_VERSION:
        raise failures.unreadable(host, "something that is no page")
    return page


def _one_line(text: str) -> str:
    """What can be kept and shown of a name that was answered."""
    return "".join(character for character in text if character.isprintable())[:LONGEST_NAME]


def no_space(host: str, key: str) -> str:
    return (
        f"{host} has no space {key}, or does not show it to this account. Check the space key, and let the account see the"
        " space."
    )


def _value_in(found: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found
