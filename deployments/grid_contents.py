"""The lines of the grid below a component: what its manifest names, and which version of that is where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lifecycles.models import Environment
from releases.contents import Entry, Key, in_order

MOST_SHOWN = 6


@dataclass(frozen=True)
class ContentCell:
    """One component of a manifest in one environment. `apart`: how it differs from the environment to the left, in words."""

    environment: Environment
    is_deployed: bool  # whether any release is live here
    version: str | None
    apart: str


@dataclass(frozen=True)
class ContentRow:
    package: str
    component: str
    label: str
    cells: list[ContentCell]

    @property
    def differs(self) -> bool:
        return any(cell.apart for cell in self.cells)


Place = tuple[Environment, int | None]  # and the id of the release that is live there


def content_rows(places: Sequence[Place], entries: Mapping[int, list[Entry]]) -> list[ContentRow]:
    """One row for each component that the manifest of any of these releases names, in order of label.

    places   the environments of the grid in their order, each with what is live of one project
    entries  those of every live release, by its id
    """
    here = [{entry.key: entry for entry in entries.get(release or 0, [])} for _, release in places]
    everything = {entry.key: entry for found in here for entry in found.values()}
    return [
        ContentRow(entry.package, entry.component, entry.label, _cells(places, here, entry.key))
        for entry in sorted(everything.values(), key=in_order)
    ]


def unfolded(rows: list[ContentRow]) -> list[ContentRow]:
    """Those that are shown at once: all where they are few, else those that differ, as long as these are few."""
    if len(rows) <= MOST_SHOWN:
        return rows
    apart = [row for row in rows if row.differs]
    return apart if len(apart) <= MOST_SHOWN else []


def fold_words(rows: list[ContentRow]) -> str:
    """What is behind the fold; empty where nothing is."""
    shown = unfolded(rows)
    folded = len(rows) - len(shown)
    if not folded:
        return ""
    if shown:
        return f"{folded} more in its manifest, no different between environments"
    apart = sum(row.differs for row in rows)
    return f"{folded} in its manifest, {f'{apart} of them differ' if apart else 'no different'} between environments"


def _cells(places: Sequence[Place], here: Sequence[Mapping[Key, Entry]], key: Key) -> list[ContentCell]:
    cells: list[ContentCell] = []
    for (environment, release), found in zip(places, here, strict=True):
        version = found[key].version if key in found else None
        left = cells[-1] if cells else None
        apart = _apart(left, version) if release is not None else ""
        cells.append(ContentCell(environment, release is not None, version, apart))
    return cells


def _apart(left: ContentCell | None, version: str | None) -> str:
    if left is None or not left.is_deployed or left.version == version:
        return ""
    return f"{left.environment} has {left.version}" if left.version else f"not in {left.environment}"
