"""The wiki itself: what programs and people do to its pages, and what it refuses. It knows neither dialect.

Every verb is carried out as a whole under one lock. What changes is written to the file first, where there is one, and
is only true if that worked.
"""

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from standins.confluence import filing, storage_format
from standins.confluence.accounts import PERSON, Account
from standins.confluence.content import Content, Page, Property, Space, Status, Version
from standins.confluence.index import Index, conditions_of
from standins.serving import Refused

SPACES = {"REL": "Releases", "DOC": "Documentation"}  # what a new wiki has; the rest comes through the API
LONGEST_TITLE = 255  # characters
VERSIONS_KEPT = 200  # of each page; the real one keeps all
ANY_STATUS = frozenset(Status)
CURRENT = frozenset({Status.CURRENT})


class NotFound(Refused):
    """It is not there, or the account may not see it: nobody is told which."""

    def __init__(self, what: str) -> None:
        super().__init__(404, what)


class TitleTaken(Refused):
    """A page with this title exists in the space, perhaps one that the account cannot see."""

    def __init__(self, title: str, space: str) -> None:
        super().__init__(400, f"A page with this title already exists: {title} in the space with key {space}")
        self.title, self.space = title, space


class VersionConflict(Refused):
    """The stated version does not follow the current one. `what` is a page or a property."""

    def __init__(self, current: int, stated: int, what: str = "page") -> None:
        super().__init__(409, f"Version must be incremented on update. Current version is: {current}")
        self.current, self.stated, self.what = current, stated, what


def utc_now() -> datetime:
    return datetime.now(UTC)


class Wiki:
    """Spaces and pages, kept in memory, and in one file where `path` is given.

    `trash_keeps_titles`: whether a page in the trash still holds its title; by default, as in Confluence, it does not.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        search_lag: timedelta = timedelta(0),
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.trash_keeps_titles = False
        self.index = Index(search_lag)
        self._path = path
        self._now = now
        self._lock = threading.RLock()
        self._content = filing.read(path) if path else Content()
        for page in self._content.pages.values():
            self.index.note(page, datetime.min.replace(tzinfo=UTC) + timedelta(days=1))
        for key, name in SPACES.items():
            self.add_space(key, name)

    # -- asking

    @property
    def content(self) -> Content:
        """Everything as it is now; it does not change any more."""
        return self._content

    def spaces(self, account: Account) -> list[Space]:
        return [space for space in self._content.spaces.values() if account.may_see(space.key)]

    def space(self, account: Account, key: str) -> Space:
        """The space, whatever the case of its key; raises NotFound."""
        for space in self.spaces(account):
            if space.key.lower() == key.lower():
                return space
        raise NotFound(f"No space with key : {key}")

    def page(self, account: Account, page_id: str, statuses: Collection[Status] = ANY_STATUS) -> Page:
        """The page if it has one of the statuses and the account may see it; raises NotFound."""
        page = self._content.pages.get(page_id)
        if page is None or page.status not in statuses or not account.may_see_page(page):
            raise NotFound(f"No content found with id: {page_id}")
        return page

    def pages(self, account: Account, statuses: Collection[Status] = CURRENT) -> list[Page]:
        """The pages with one of the statuses that the account may see, in the order they were made."""
        found = (page for page in self._content.pages.values() if page.status in statuses)
        return sorted((page for page in found if account.may_see_page(page)), key=lambda page: int(page.id))

    def titled(self, account: Account, space: str, title: str, statuses: Collection[Status] = CURRENT) -> list[Page]:
        """The pages of the space with this title, whatever its case."""
        return [
            page
            for page in self.pages(account, statuses)
            if page.space == space and page.title.lower() == title.lower()
        ]

    def search(self, account: Account, cql: str) -> list[Page]:
        """What the index finds, which lags; raises Refused(400) for CQL that is not understood."""
        with self._lock:
            found = self.index.search(conditions_of(cql), self._now())
        return [page for page in found if account.may_see_page(page)]

    # -- pages

    def create(
        self,
        account: Account,
        space: str,
        title: str,
        body: str,
        *,
        parent: str | None,
        status: Status = Status.CURRENT,
        message: str = "",
        minor_edit: bool = False,
    ) -> Page:
        """A new page below `parent`. Raises Refused: 403, 400 for a bad title, body or parent, 404 for no such space."""
        with self._lock:
            home = self.space(account, space)
            self._require_writer(account, home.key)
            self._require_title(home.key, title, but=None)
            self._require_parent(account, home.key, parent)
            storage_format.parse(body)
            content, page_id = self._content.with_new_id()
            version = self._version(1, title, storage_format.stored(body, home.key), message, minor_edit, account)
            return self._keep(Page(page_id, home.key, parent, status, (version,)), content)

    def update(
        self,
        account: Account,
        page_id: str,
        number: int,
        *,
        title: str,
        body: str,
        message: str = "",
        minor_edit: bool = False,
        parent: str | None = None,
    ) -> Page:
        """The next version of a current page, moved below `parent` where one is given.

        Raises Refused: 404, 403, 409 unless `number` follows the current version, 400 for a bad title, body or parent.
        """
        with self._lock:
            page = self.page(account, page_id, {Status.CURRENT, Status.DRAFT})
            self._require_writer(account, page.space)
            self._require_next(page, number)
            self._require_title(page.space, title, but=page_id)
            if parent is not None and parent != page.parent:
                self._require_parent(account, page.space, parent, of=page_id)
            storage_format.parse(body)
            kept = storage_format.stored(body, page.space)
            version = self._version(number, title, kept, message, minor_edit, account)
            versions = (*page.versions, version)[-VERSIONS_KEPT:]
            return self._keep(replace(page, parent=parent or page.parent, versions=versions, status=Status.CURRENT))

    def restore(self, account: Account, page_id: str, number: int, *, title: str) -> Page:
        """Take the page out of the trash as it was, but for its title. Raises Refused like `update`."""
        with self._lock:
            page = self.page(account, page_id, {Status.TRASHED})
            self._require_writer(account, page.space)
            self._require_next(page, number)
            self._require_title(page.space, title, but=page_id)
            version = self._version(number, title, page.body, "", False, account)
            above = self._content.pages.get(page.parent or "")
            parent = above.id if above and above.status == Status.CURRENT else None
            versions = (*page.versions, version)[-VERSIONS_KEPT:]
            return self._keep(replace(page, status=Status.CURRENT, parent=parent, versions=versions))

    def trash(self, account: Account, page_id: str) -> None:
        """Put the page into the trash; its children move up to its parent. Raises Refused: 404, 403."""
        with self._lock:
            page = self.page(account, page_id, CURRENT | {Status.DRAFT, Status.ARCHIVED})
            self._require_writer(account, page.space)
            children = [found for found in self._content.pages.values() if found.parent == page_id]
            moved = [replace(child, parent=page.parent) for child in children]
            self._keep_all([*moved, replace(page, status=Status.TRASHED)], self._content)

    # -- what stands beside a page

    def set_property(self, account: Account, page_id: str, key: str, value: Any, number: int | None) -> Property:
        """Write the content property: `number` None makes a new one, else it must follow the current version.

        Raises Refused: 404 for no such page, 403, 409 for a property that exists already or another version.
        """
        with self._lock:
            page = self.page(account, page_id)
            self._require_writer(account, page.space)
            found, content = page.property_called(key), self._content
            if found is not None and number is None:
                raise Refused(409, f"Unable to create content property: a property with key {key} already exists")
            if number is not None and number != (found.number if found else 0) + 1:
                raise VersionConflict(found.number if found else 0, number, "property")
            if found is not None:
                changed = replace(found, value=value, number=found.number + 1, at=self._moment())
            else:
                content, new_id = content.with_new_id()
                changed = Property(new_id, key, value, 1, self._moment())
            self._keep(page.with_property(changed), content)
            return changed

    def delete_property(self, account: Account, page_id: str, key: str) -> None:
        """Forget the content property. Raises Refused: 404, 403."""
        with self._lock:
            page = self.page(account, page_id)
            self._require_writer(account, page.space)
            if page.property_called(key) is None:
                raise NotFound(f"No content property found with key: {key}")
            left = tuple(found for found in page.properties if found.key != key)
            self._keep(replace(page, properties=left))

    def add_labels(self, account: Account, page_id: str, names: Iterable[str]) -> Page:
        """Add labels, in lower case; those that are there stay. Raises Refused: 404, 403, 400 for a bad name."""
        with self._lock:
            page = self.page(account, page_id)
            self._require_writer(account, page.space)
            labels = list(page.labels)
            for name in names:
                if not name or set(name) & set(" ,:;!?#&()*.<>[]^@") or len(name) > LONGEST_TITLE:
                    raise Refused(400, f"The label '{name}' contains invalid characters")
                if name.lower() not in labels:
                    labels.append(name.lower())
            return self._keep(replace(page, labels=tuple(labels)))

    def remove_label(self, account: Account, page_id: str, name: str) -> None:
        """Take the label away. Raises Refused: 404, 403."""
        with self._lock:
            page = self.page(account, page_id)
            self._require_writer(account, page.space)
            self._keep(replace(page, labels=tuple(label for label in page.labels if label != name.lower())))

    # -- what only people do

    def add_space(self, key: str, name: str) -> Space:
        """A space with its home page; what is there already stays as it is."""
        with self._lock:
            if key in self._content.spaces:
                return self._content.spaces[key]
            content, space_id = self._content.with_new_id()
            content, page_id = content.with_new_id()
            space = Space(space_id, key, name, page_id)
            content = replace(content, spaces={**content.spaces, key: space})
            body = f"<p>The home page of the space {key}.</p>"
            version = self._version(1, f"{name} Home", body, "", False, PERSON)
            self._keep(Page(page_id, key, None, Status.CURRENT, (version,)), content)
            return space

    def edit(self, page_id: str, *, title: str | None = None, body: str | None = None, message: str = "") -> Page:
        """What a person writes in the editor; raises Refused like `update`."""
        with self._lock:
            page = self.page(PERSON, page_id, CURRENT)
            new_title, new_body = title if title is not None else page.title, body if body is not None else page.body
            return self.update(PERSON, page_id, page.newest.number + 1, title=new_title, body=new_body, message=message)

    def move(self, page_id: str, parent: str) -> Page:
        """Put the page below another one: no new version. Raises Refused: 404, 400."""
        with self._lock:
            page = self.page(PERSON, page_id, CURRENT)
            self._require_parent(PERSON, page.space, parent, of=page_id)
            return self._keep(replace(page, parent=parent))

    def restrict(self, page_id: str, *, restricted: bool = True) -> Page:
        """Hide the page from programs, or show it again."""
        with self._lock:
            return self._keep(replace(self.page(PERSON, page_id), restricted=restricted))

    def archive(self, page_id: str) -> Page:
        """Put the page into the archive, where it keeps its title."""
        with self._lock:
            return self._keep(replace(self.page(PERSON, page_id, CURRENT), status=Status.ARCHIVED))

    def purge(self, page_id: str) -> None:
        """Remove the page for good, whatever its status."""
        with self._lock:
            self.page(PERSON, page_id)
            pages = {key: page for key, page in self._content.pages.items() if key != page_id}
            self._write(replace(self._content, pages=pages))
            self.index.forget(page_id)

    # -- rules

    def _require_writer(self, account: Account, space: str) -> None:
        if not account.may_write(space):
            raise Refused(403, f"{account.name} does not have permission to change pages in the space {space}")

    def _require_next(self, page: Page, number: int) -> None:
        if number != page.newest.number + 1:
            raise VersionConflict(page.newest.number, number)

    def _require_title(self, space: str, title: str, *, but: str | None) -> None:
        if not title.strip():
            raise Refused(400, "The title is required: state one that is not empty")
        if len(title) > LONGEST_TITLE:
            raise Refused(400, f"Title cannot be longer than {LONGEST_TITLE} characters")
        holding = ANY_STATUS if self.trash_keeps_titles else ANY_STATUS - {Status.TRASHED}
        if any(page.id != but for page in self.titled(PERSON, space, title, holding)):
            raise TitleTaken(title, space)

    def _require_parent(self, account: Account, space: str, parent: str | None, of: str | None = None) -> None:
        """The parent is a current page of the same space, and not the page `of` or below it."""
        if parent is None:
            return
        found = self._content.pages.get(parent)
        if found is None or found.status != Status.CURRENT or not account.may_see_page(found):
            raise NotFound(f"The parent ID specified does not exist: {parent}")
        if found.space != space:
            raise Refused(400, f"The parent {parent} is in another space")
        while of is not None and found is not None:
            if found.id == of:
                raise Refused(400, "A page cannot be moved below itself")
            found = self._content.pages.get(found.parent) if found.parent else None

    # -- keeping

    def _moment(self) -> str:
        return self._now().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def _version(self, number: int, title: str, body: str, message: str, minor_edit: bool, account: Account) -> Version:
        return Version(number, title, body, message, minor_edit, account.name, self._moment())

    def _keep(self, page: Page, content: Content | None = None) -> Page:
        self._keep_all([page], content or self._content)
        return page

    def _keep_all(self, pages: Iterable[Page], content: Content) -> None:
        changed = list(pages)
        for page in changed:
            content = content.with_page(page)
        self._write(content)
        for page in changed:
            self.index.note(page, self._now())

    def _write(self, content: Content) -> None:
        if self._path is not None:
            filing.write(self._path, content)
        self._content = content
