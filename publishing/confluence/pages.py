"""What the pages say, for people who are no engineers: from what is true, as parts of the storage format.

Only what is true goes in, never when it was written: the same facts make the same page, so that none is written twice.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from deployments.alignment import Alignment
from deployments.grid import UNSETTLED, WORDS, Cell, Grid
from deployments.models import UNDER_WAY, LiveVersion, Status
from deployments.rollup import Rollup
from deployments.standing import Approved, Standing
from projects.models import Project
from publishing import addresses
from publishing.confluence import storage_format as storage
from publishing.confluence.markup import as_storage
from publishing.confluence.storage_format import Part, Word, element
from releases.changes import WorkItem
from releases.contents import Entry
from releases.models import Release, ReleasePackage
from releases.notes import rendered

DEPLOYED = Word("DEPLOYED", storage.GREEN)
OUT_OF_STEP = Word("OUT OF STEP", storage.YELLOW)
NOTHING_YET = Word("NOTHING YET", storage.GREY)
NO_LONGER = Word("REPLACED", storage.GREY)
DASH = "–"


@dataclass(frozen=True)
class Shown:
    """A page that an environment's page shows. `title` is empty while there is none."""

    project: Project
    title: str
    space: str


def component_page(standing: Standing, alignment: Alignment) -> Iterator[Part]:
    """What is live of one component in one environment, and what came with it."""
    yield storage.properties("release", _facts_of(standing, alignment))
    yield from _contents(standing.packages, standing.contents)
    yield element("h2", "What changed")
    yield from _changes(standing.brought, standing.stack_release)


def environment_page(stack: Project, environment: str, shown: Iterable[Shown]) -> Iterator[Part]:
    """All components of a stack in one environment, on one page."""
    yield element("p", f"What is live of {stack} in {environment}, component by component.")
    for one in shown:
        yield element("h2", one.project.name)
        if one.title:
            yield storage.included(one.title, one.space)
        else:
            yield element("p", "This component has no page of its own here yet.")


def stack_page(grid: Grid) -> Iterator[Part]:
    """Components × environments, with the version and a word about each. Where a train is under way, nobody can say yet what
    is out of step: the stack's own release follows its components."""
    moving = {cell.environment.pk for cell in grid.rows[0].cells if _is_moving(cell)}
    if not moving:
        yield element("p", grid.sentence)
    head = ["", *(place.name for place in grid.environments)]
    rows = [[[_name_of(row.project, grid.stack)], *(_cell(cell, moving) for cell in row.cells)] for row in grid.rows]
    yield storage.table(head, rows)
    odd = [
        [f"{row.project.name} in {cell.environment}: {line}"]
        for row in grid.rows
        for cell in row.cells
        for line in _oddities(cell, moving)
    ]
    if odd:
        yield element("h2", "What needs somebody")
        yield storage.items(odd)


def release_page(
    release: Release,
    lives: Sequence[LiveVersion],
    parts: Sequence[Release],
    brought: Rollup,
    entries: Sequence[Entry],
    told: str = "",
) -> Iterator[Part]:
    """One release: what it is made of, where it is or was live, and what it brought.

    lives  the intervals in which it was live, oldest first
    parts  the releases of its components, in order; empty for a project on its own
    told   what it brought as Markdown, in the form that the stack has for that; empty: in the usual one
    """
    yield storage.properties(
        "release",
        [
            ("Release", [storage.link(release.number, addresses.release(release))]),
            ("Of", [release.project.name]),
            ("Created", [f"{storage.moment(release.created_at)} by {release.created_by}"]),
            ("Live in", list(_live_in(lives))),
        ],
    )
    yield element("h2", "Where it is and was live")
    rows: list[list[list[Part]]] = [
        [[line.environment.name], [_word_of(line)], [storage.moment(line.from_at)], [_until(line)]] for line in lives
    ]
    yield storage.table(["Environment", "Status", "From", "Until"], rows)
    if parts:
        yield element("h2", "What it is made of")
        yield storage.table(["Component", "Release"], [[[part.project.name], [part.number]] for part in parts])
    yield from _contents([], entries)
    yield element("h2", "What it brought")
    yield from as_storage(rendered(told)) if told else _changes(brought)


# -- parts of them ----------------------------------------------------------------------------------------------------


def _facts_of(standing: Standing, alignment: Alignment) -> Iterator[tuple[str, list[Part]]]:
    release = standing.stack_release or standing.release
    yield "Release", [storage.link(release.number, addresses.release(release))]
    yield "Version", [standing.version]
    status: list[Part] = [storage.lozenge(DEPLOYED)]
    if not alignment.in_step:
        status += [" ", storage.lozenge(OUT_OF_STEP), f" {alignment.sentence}"]
    yield "Status", status
    place = standing.environment
    yield "Environment", [storage.link(place.name, place.base_url)]
    yield "Live since", [storage.moment(standing.live.from_at)]
    yield "Approved by", list(_approvals(standing.approved))
    yield "Deployed by", [str(standing.live.deployment.requested_by)]


def _approvals(approved: Sequence[Approved]) -> Iterator[Part]:
    if not approved:
        yield "Nobody had to approve it."
    for number, one in enumerate(approved):
        if number:
            yield element("br")
        said = f": “{one.comment}”" if one.comment else ""
        yield f"{one.person} ({one.capacity}) on {storage.moment(one.at)}{said}"


def _contents(packages: Sequence[ReleasePackage], entries: Sequence[Entry]) -> Iterator[Part]:
    """What it is made of, where that is more than the one version that was named already."""
    rows = [[[entry.label], [entry.version]] for entry in entries]
    if len(packages) > 1:
        rows = [[[str(line.version.package)], [line.version.original]] for line in packages] + rows
    if rows:
        yield element("h2", "What is in it")
        yield storage.table(["Part", "Version"], rows)


def _changes(brought: Rollup, stack_release: Release | None = None) -> Iterator[Part]:
    """stack_release: the one that it came with, whose notes are told as well."""
    noted = [stack_release] if stack_release is not None and stack_release.notes else []
    noted += [release for release in brought.notes if release not in noted]
    if compared := [part for part in brought.parts if part.older is not None]:
        yield element("p", "Compared with what was live before:")
        yield storage.items(
            [f"{part.newer.project} {part.older.number if part.older else DASH} → {part.newer.number}"]
            for part in compared
        )
    if not brought and not noted:
        yield element("p", "Nobody wrote down what changed.")
    if brought.work_items:
        yield element("h3", "Work items")
        yield storage.items(_work_item(item) for item in brought.work_items)
    for release in noted:
        yield element("h3", f"Notes of {release}")
        yield from as_storage(rendered(release.notes, below=3))
    if brought.taken_back or brought.work_items_taken_back:
        yield element("h3", "Taken back")
        yield element("p", "This is an older release than the one before. These are no longer there:")
        yield storage.items(
            [
                *([f"{release}"] for release in brought.taken_back),
                *(_work_item(item) for item in brought.work_items_taken_back),
            ]
        )


def _work_item(item: WorkItem) -> list[Part]:
    return [storage.link(item.id, item.url), f" {item.title}" if item.title else ""]


def _name_of(project: Project, stack: Project) -> Part:
    return element("strong", "The whole stack") if project.pk == stack.pk and stack.is_stack else project.name


def _cell(cell: Cell, moving: Collection[int]) -> list[Part]:
    """The version, a word, and since when. What only waits or runs comes and goes, and is not told here."""
    if cell.release is None:
        return [storage.lozenge(_unsettled_word(cell) or NOTHING_YET)]
    said = [_unsettled_word(cell), OUT_OF_STEP if _is_out_of_step(cell, moving) else None]
    words = [word for word in said if word] or [DEPLOYED]
    parts: list[Part] = [storage.link(cell.release.number, addresses.release(cell.release)), element("br")]
    for word in words:
        parts += [storage.lozenge(word), " "]
    return [*parts, element("br"), f"since {storage.moment(cell.since)}" if cell.since else ""]


def _is_moving(cell: Cell) -> bool:
    return any(deployment.status in UNDER_WAY for deployment in cell.beside)


def _is_out_of_step(cell: Cell, moving: Collection[int]) -> bool:
    return not cell.in_step and cell.environment.pk not in moving


def _unsettled_word(cell: Cell) -> Word | None:
    for deployment in cell.beside:
        group, word = WORDS[Status(deployment.status)]
        if group in UNSETTLED:
            return Word(word.upper(), storage.RED)
    return None


def _oddities(cell: Cell, moving: Collection[int]) -> Iterator[str]:
    if _is_out_of_step(cell, moving):
        yield cell.step_sentence
    for deployment in cell.beside:
        group, word = WORDS[Status(deployment.status)]
        if group in UNSETTLED:
            live = f" What is live is still {cell.release.number}." if cell.release else ""
            yield f"{word}: {deployment.release.number}.{live}"


def _live_in(lives: Sequence[LiveVersion]) -> Iterator[Part]:
    now = list(dict.fromkeys(line.environment.name for line in lives if line.until_at is None))
    if not now:
        yield storage.lozenge(NO_LONGER)
        yield " nowhere any more"
    for name in now:
        yield storage.lozenge(DEPLOYED)
        yield f" {name} "


def _word_of(line: LiveVersion) -> Part:
    return storage.lozenge(DEPLOYED if line.until_at is None else NO_LONGER)


def _until(line: LiveVersion) -> str:
    return storage.moment(line.until_at) if line.until_at else DASH
