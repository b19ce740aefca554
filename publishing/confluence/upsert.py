"""Bring one page up to date: found, or made, and written only when what it should say is not what we wrote last.

**Order.** What a page should say is worked out *after* the version of the page was read, and written as the version
after that one, which Confluence takes from one writer only. So of any number of writers, in any order, the last one
that gets through has read the database after every other one wrote: a late writer's version number is stale (409), and
then it begins again. Content is never queued, so there is no older content that could arrive late.

**Whose page.** A content property says whose it is, what was written last (a hash of our own text; Confluence rewrites
what it is sent, so that its answer is never compared) and as which version. A crash, or an answer that is lost, between a write
and its property leaves a page that carries our signature in its last line instead: the one version that can carry it is
the one that we wrote. Every other page with the title is somebody else's, and is not touched.
"""

import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from publishing.confluence.dialects import Content, Dialect, Page, Property
from publishing.confluence.drafts import Draft
from publishing.confluence.failures import Conflict, NotAllowed, NotFound, Refused, TitleTaken

TRIES = 4
LONGEST_PAUSE = 0.4  # seconds between two of them; the more tries, the longer


@dataclass(frozen=True)
class Target:
    """Which page is meant, and where it belongs.

    page_id  as it is known; empty: it is looked for by its title, and made where there is none
    parent   the number of the page that a new one is put under; empty: the space itself
    title    the title that it is looked for by
    owner, owners  how its property says that it is ours: as it is written, and whatever else counts
    reference  what our signature begins with
    """

    page_id: str
    space: str
    parent: str
    title: str
    owner: str
    owners: Collection[str]
    reference: str


@dataclass(frozen=True)
class Done:
    """The page as it is there now, and what it says. `wrote`: whether that took a version."""

    page: Page
    draft: Draft
    wrote: bool


@dataclass(frozen=True)
class Mark:
    """What our content property says of a page: whose it is, the hash and the version that were written last, and the title
    that we gave it then, so that one that a person gave it since is told apart."""

    owner: str = ""
    hash: str = ""
    version: int = 0
    title: str = ""

    @classmethod
    def read(cls, found: Property | None) -> "Mark":
        value: dict[str, Any] = found.value if found else {}
        owner, digest, title = (str(value.get(name, "")) for name in ("owner", "hash", "title"))
        version = value.get("version")
        return cls(owner, digest, version if isinstance(version, int) else 0, title)

    @property
    def value(self) -> dict[str, Any]:
        return {"owner": self.owner, "hash": self.hash, "version": self.version, "title": self.title}


def bring_up_to_date(
    dialect: Dialect, target: Target, draft: Callable[[], Draft], remember: Callable[[Page], None]
) -> Done:
    """The page, now that it says what `draft` says. Raises ConfluenceFailed.

    draft     works out what the page should say, whenever it is called
    remember  is called with a page that was just made, before anything else is done
    """
    for attempt in range(1, TRIES + 1):
        try:
            return _try(dialect, target, draft, remember)
        except Conflict:
            if attempt == TRIES:
                raise
            time.sleep(random.uniform(0.1, 1) * LONGEST_PAUSE * attempt / TRIES)  # noqa: S311 - not a secret
    raise AssertionError("unreachable")


def _try(dialect: Dialect, target: Target, draft: Callable[[], Draft], remember: Callable[[Page], None]) -> Done:
    found = _by_number(dialect, target) or _by_title(dialect, target)
    wanted = draft()  # only now: after the version was read
    if found is None:
        return _make(dialect, target, wanted, remember)
    page, stated = found
    mark = Mark.read(stated)
    if mark.hash == wanted.hash and mark.version == page.version:
        return Done(page, wanted, wrote=False)
    if wanted.signature in page.body and page.version == mark.version + 1:  # we wrote it, and could not say so
        if stated is None:
            _label(dialect, page)
        _say(dialect, target, page, wanted, stated)
        return Done(page, wanted, wrote=False)
    written = _write(dialect, page, wanted, keep_title=bool(mark.title) and page.title != mark.title)
    _say(dialect, target, written, wanted, stated)
    return Done(written, wanted, wrote=True)


def _write(dialect: Dialect, page: Page, wanted: Draft, *, keep_title: bool) -> Page:
    """keep_title: somebody has renamed the page, and it stays so."""
    content = wanted.content
    title = page.title if keep_title else content.title
    try:
        return dialect.update(page, Content(title, content.body, content.comment))
    except TitleTaken:
        raise TitleTaken(
            f"The page “{page.title}” is to be called “{title}”, but the space has another page of that title. Rename or"
            " delete that page, or change the title here."
        ) from None


def _by_number(dialect: Dialect, target: Target) -> tuple[Page, Property | None] | None:
    """The page that we know, wherever it was moved and however it is called. In the trash it counts as gone."""
    page = dialect.page(target.page_id) if target.page_id else None
    if page is None or not page.is_current:
        return None
    stated = dialect.property(page.id)
    if stated is not None and Mark.read(stated).owner not in target.owners:
        return None
    return page, stated


def _by_title(dialect: Dialect, target: Target) -> tuple[Page, Property | None] | None:
    """The page that has the title, if it is ours. Raises TitleTaken where it is somebody else's."""
    page = dialect.find(dialect.space(target.space), target.title)
    if page is None:
        return None
    stated = dialect.property(page.id)
    if stated is None and page.version == 1 and target.reference in page.body:
        return page, None  # made by us, and nothing was written down about it
    if stated is None or Mark.read(stated).owner not in target.owners:
        raise TitleTaken(
            f"The space {target.space} has a page “{page.title}” that Signalbox did not make, so that it is left alone."
            " Rename or delete that page, or change the title here."
        )
    return page, stated


def _make(dialect: Dialect, target: Target, wanted: Draft, remember: Callable[[Page], None]) -> Done:
    space = dialect.space(target.space)
    try:
        page = dialect.create(space, target.parent, wanted.content)
    except TitleTaken:
        if dialect.find(space, wanted.title) is not None:  # since we looked: look again whose it is
            raise Conflict("Somebody else has just made a page with this title.") from None
        raise
    except NotFound:
        raise NotFound(
            f"A page cannot be made in the space {target.space}"
            f"{f' under page {target.parent}' if target.parent else ''}: {dialect.host} does not find one of them, or does"
            " not let this account add pages there. Check the parent page and the rights of the account."
        ) from None
    remember(page)
    _label(dialect, page)
    _say(dialect, target, page, wanted, None)
    return Done(page, wanted, wrote=True)


def _label(dialect: Dialect, page: Page) -> None:
    """Labels help people to find pages; a site that does not let the account set any gets its pages all the same."""
    try:
        dialect.label(page.id)
    except (NotAllowed, NotFound, Refused):
        return


def _say(dialect: Dialect, target: Target, page: Page, wanted: Draft, before: Property | None) -> None:
    """Write down on the page what was written. What a newer writer has written down meanwhile stays.

    `title` is the one that we wanted: one that differs from it was given by a person.
    """
    mark = Mark(target.owner, wanted.hash, page.version, wanted.title)
    for attempt in range(1, TRIES + 1):
        try:
            dialect.write_property(page.id, mark.value, before)
        except Conflict:
            before = dialect.property(page.id)
            if Mark.read(before).version >= page.version:
                return
            if attempt == TRIES:
                raise
        else:
            return
