"""The search index, which answers for the wiki as it was a while ago, and the little of CQL that is understood."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from standins.confluence.content import Page, Status
from standins.serving import Refused

_CONDITION = re.compile(
    r"""\s*(?P<field>space|space\.key|title|label|type|parent|ancestor|id)\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|'(?P<single>[^']*)'|(?P<bare>[\w.-]+))\s*""",
    re.IGNORECASE,
)
_ORDER = re.compile(r"\border\s+by\b.*$", re.IGNORECASE | re.DOTALL)
Condition = tuple[str, str]


class Index:
    """Remembers, for as long as it lags, how each page was before its last changes."""

    def __init__(self, lag: timedelta = timedelta(0)) -> None:
        self.lag = lag
        self._entries: dict[str, list[tuple[datetime, Page]]] = {}

    def note(self, page: Page, at: datetime) -> None:
        """The page became this at that moment; it is found so once the lag has passed."""
        before = self._entries.get(page.id, [])
        visible = [entry for entry in before if entry[0] + self.lag <= at]
        self._entries[page.id] = [*visible[-1:], *before[len(visible) :], (at, page)]

    def forget(self, page_id: str) -> None:
        self._entries.pop(page_id, None)

    def search(self, conditions: Iterable[Condition], at: datetime) -> list[Page]:
        """The pages, as the index knows them at that moment, that meet all conditions; in the order of their ids."""
        known = (self._known(entries, at) for _, entries in sorted(self._entries.items()))
        asked = list(conditions)
        return [page for page in known if page is not None and all(_meets(page, *condition) for condition in asked)]

    def _known(self, entries: list[tuple[datetime, Page]], at: datetime) -> Page | None:
        visible = [page for changed_at, page in entries if changed_at + self.lag <= at]
        return visible[-1] if visible and visible[-1].status == Status.CURRENT else None


def conditions_of(cql: str) -> list[Condition]:
    """The conditions that are joined by “and”; raises Refused(400) for CQL beyond that."""
    rest, found = _ORDER.sub("", cql), []
    while rest:
        condition = _CONDITION.match(rest)
        if condition is None:
            raise Refused(400, f"Could not parse cql : {cql}")
        value = condition["quoted"] if condition["quoted"] is not None else condition["single"] or condition["bare"]
        found.append((condition["field"].lower(), re.sub(r"\\(.)", r"\1", value or "")))
        rest = rest[condition.end() :]
        if rest:
            joined = re.match(r"and\b", rest, re.IGNORECASE)
            if joined is None or not rest[joined.end() :].strip():
                raise Refused(400, f"Could not parse cql : {cql}")
            rest = rest[joined.end() :]
    if not found:
        raise Refused(400, "Could not parse cql : it is empty")
    return found


def _meets(page: Page, field: str, value: str) -> bool:
    if field == "label":
        return value.lower() in page.labels
    if field == "title":
        return page.title.lower() == value.lower()
    if field == "type":
        return value.lower() == "page"
    if field in ("parent", "ancestor"):
        return page.parent == value
    if field == "id":
        return page.id == value
    return page.space.lower() == value.lower()
