"""Test a connection: step by step, on a page of its own, each step a sentence that says what works and what does not."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from config.encryption import CannotDecrypt
from publishing.confluence import storage_format as storage
from publishing.confluence.dialects import Content, Dialect, Page
from publishing.confluence.failures import Away, ConfluenceFailed, Gone, NotFound, SignInRefused
from publishing.confluence.storage_format import element
from publishing.confluence.visiting import site_of
from publishing.models import Connection

TITLE = "Signalbox test"


@dataclass(frozen=True)
class Step:
    """`works`: None where it could not be tried."""

    name: str
    works: bool | None
    sentence: str


NAMES = (
    "Reach the site",
    "Sign in",
    "See the space",
    "Make a page",
    "Change it",
    "Mark it as ours",
    "Label it",
    "Remove it",
)


def probe(connection: Connection, space: str, parent: str = "") -> list[Step]:
    """Every step, in order; after the first that fails, those that need it were not tried. Takes as long as the network
    does: never inside a transaction.

    parent  the number of the page that the test page is put under; empty: the space itself
    """
    try:
        with site_of(connection) as dialect:
            found = list(_steps(dialect, space, parent))
    except CannotDecrypt as failure:
        found = [Step(NAMES[0], None, "Not tried."), Step(NAMES[1], False, str(failure))]
    return found + [Step(name, None, "Not tried.") for name in NAMES[len(found) :]]


def _steps(dialect: Dialect, key: str, parent: str) -> Iterator[Step]:
    try:
        space = dialect.space(key)
    except ConfluenceFailed as failure:
        yield from _why_no_space(failure)
        return
    yield Step(NAMES[0], True, f"{dialect.host} answers.")
    yield Step(NAMES[1], True, "The user name and token are accepted.")
    yield Step(NAMES[2], True, f"The account sees the space {key}.")
    try:
        page = dialect.create(space, parent, _content("made"))
    except ConfluenceFailed as failure:
        yield Step(NAMES[3], False, failure.sentence)
        return
    yield Step(NAMES[3], True, f"The page “{page.title}” was made.")
    yield from _with_page(dialect, page)


def _why_no_space(failure: ConfluenceFailed) -> Iterator[Step]:
    """One question tells all three: who is not reached, does not answer whom it does not know, or what it does not show."""
    if isinstance(failure, SignInRefused):
        yield Step(NAMES[0], True, "The site answers.")
        yield Step(NAMES[1], False, failure.sentence)
    elif isinstance(failure, NotFound):
        yield Step(NAMES[0], True, "The site answers.")
        yield Step(NAMES[1], True, "The user name and token are not refused.")
        yield Step(NAMES[2], False, failure.sentence)
    elif isinstance(failure, Away | Gone):
        yield Step(NAMES[0], False, failure.sentence)
    else:
        yield Step(NAMES[0], True, "The site answers.")
        yield Step(NAMES[1], False, failure.sentence)


def _with_page(dialect: Dialect, page: Page) -> Iterator[Step]:
    """Each of these is tried, whatever became of the one before; the page is removed in any case."""

    def change() -> None:
        dialect.update(page, Content(page.title, _content("changed").body, "Signalbox test"))

    yield _step(NAMES[4], change, "The page was changed, with a comment on its version.")
    yield _step(
        NAMES[5],
        lambda: dialect.write_property(page.id, {"owner": TITLE}, None),
        "The page carries a content property.",
    )
    yield _step(NAMES[6], lambda: dialect.label(page.id), "The page has a label.")
    gone = "The page is in the trash of the space."
    step = _step(NAMES[7], lambda: dialect.trash(page.id), gone)
    if not step.works:
        step = Step(
            step.name,
            False,
            f"{step.sentence} Publishing needs no right to delete; remove the page “{page.title}” by hand.",
        )
    yield step


def _step(name: str, run: Callable[[], None], sentence: str) -> Step:
    try:
        run()
    except ConfluenceFailed as failure:
        return Step(name, False, failure.sentence)
    return Step(name, True, sentence)


def _content(what: str) -> Content:
    said = f"Signalbox {what} this page to find out whether it can publish here. It may be deleted."
    return Content(f"{TITLE} {secrets.token_hex(4)}", storage.written([element("p", said)]))
