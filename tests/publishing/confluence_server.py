"""A Confluence for tests: the stand-in in a thread, on a free port, with everything in reach.

    with confluence() as there:
        there.cloud_url, there.email, there.token      Cloud: Basic; the address ends in /wiki
        there.data_center_url, there.token             Data Center: Bearer
        there.space                                    "REL"; its home page is there.home

        there.pages                                    current pages but home pages, oldest first, as Shown
        there.page("Patient UI - TEST")                the current page with this title, or AssertionError
        there.shown(page_id)                           a page by number, whatever its status
        there.edit(title, body), there.rename(title, new), there.move(title, parent_title)
        there.trash(title), there.archive(title), there.purge(title), there.restrict(title)
        there.create_foreign(title)                    a page that somebody else wrote, without properties; answers its id

        there.account                                  .hidden and .read_only are sets of keys of spaces; .token may be changed
        there.largest_body = 1000                      bytes; more is answered 413
        there.wiki.trash_keeps_titles = True           a title in the trash is taken (off by default, as in Confluence)

        there.faults.next(3, status=429, retry_after=5)   retry_after: seconds, an aware datetime (an HTTP date), text, None
        there.faults.conflict(2)                       409 OptimisticLockException on the next writes
        there.faults.hang(1, seconds=30)               carried out, answered late (at once when lifted, and at the end)
        there.faults.drop(1)                           connection closed, not carried out
        there.faults.lose_answers(1, methods=("POST",), path="/pages")   carried out, connection closed; any write by default
        with there.outage(status=503): …               everything; also 401, 403, 410; 0 closes every connection
        there.faults.lift()

        there.requests                                 what the dialects were asked: method, path, query, body, status
                                                       (0: no answer sent), carried_out
        there.writes                                   those with POST, PUT or DELETE
        there.forget_requests()
        there.violations()                             sentences: requests to Cloud that the schemas do not allow

`confluence(search_lag=60)`: searches answer for the wiki as it was a minute ago.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from standins.confluence.accounts import PERSON, Account
from standins.confluence.content import Page
from standins.confluence.faults import WRITES, Faults
from standins.confluence.journal import Entry
from standins.confluence.server import Confluence, server_for
from standins.confluence.wiki import ANY_STATUS, Wiki
from tests.publishing.requests_of_confluence import violations_in


@dataclass(frozen=True)
class Shown:
    """A page as a test looks at it: the newest version, and what stands beside it."""

    id: str
    title: str
    status: str
    version: int
    body: str
    message: str
    minor_edit: bool
    messages: list[str]  # of all versions, oldest first
    by: str
    properties: dict[str, Any]
    labels: list[str]
    parent: str | None  # the title
    restricted: bool


class There:
    """The running stand-in. See the top of the module."""

    space = "REL"

    def __init__(self, confluence: Confluence, address: str) -> None:
        self._confluence = confluence
        self.wiki: Wiki = confluence.wiki
        self.faults: Faults = confluence.faults
        self.account: Account = confluence.accounts[0]
        self.url = address
        self.cloud_url = f"{address}/wiki"
        self.data_center_url = address
        self.email = self.account.email

    @property
    def token(self) -> str:
        return self.account.token

    @property
    def home(self) -> str:
        """The id of the home page of the space."""
        return self.wiki.content.spaces[self.space].homepage_id

    @property
    def space_id(self) -> str:
        return self.wiki.content.spaces[self.space].id

    @property
    def largest_body(self) -> int:
        return self._confluence.largest_body

    @largest_body.setter
    def largest_body(self, size: int) -> None:
        self._confluence.largest_body = size

    @property
    def pages(self) -> list[Shown]:
        homes = {space.homepage_id for space in self.wiki.content.spaces.values()}
        return [self._shown(page) for page in self.wiki.pages(PERSON) if page.id not in homes]

    def page(self, title: str) -> Shown:
        return self._shown(self._titled(title))

    def shown(self, page_id: str) -> Shown:
        return self._shown(self.wiki.page(PERSON, page_id))

    def edit(self, title: str, body: str, message: str = "") -> Shown:
        return self._shown(self.wiki.edit(self._titled(title).id, body=body, message=message))

    def rename(self, title: str, new: str) -> Shown:
        return self._shown(self.wiki.edit(self._titled(title).id, title=new))

    def move(self, title: str, parent: str) -> Shown:
        return self._shown(self.wiki.move(self._titled(title).id, self._titled(parent).id))

    def trash(self, title: str) -> None:
        self.wiki.trash(PERSON, self._titled(title).id)

    def archive(self, title: str) -> None:
        self.wiki.archive(self._titled(title).id)

    def purge(self, title: str) -> None:
        self.wiki.purge(self._titled(title).id)

    def restrict(self, title: str, *, restricted: bool = True) -> None:
        self.wiki.restrict(self._titled(title).id, restricted=restricted)

    def create_foreign(self, title: str, body: str = "<p>Written by hand.</p>") -> str:
        return self.wiki.create(PERSON, self.space, title, body, parent=self.home).id

    def outage(self, status: int = 503, retry_after: Any = None) -> AbstractContextManager[None]:
        return self.faults.outage(status, retry_after)

    @property
    def requests(self) -> list[Entry]:
        return self._confluence.journal.entries()

    @property
    def writes(self) -> list[Entry]:
        return [entry for entry in self.requests if entry.method in WRITES]

    def forget_requests(self) -> None:
        self._confluence.journal.clear()

    def violations(self) -> list[str]:
        return violations_in(self.requests)

    def _titled(self, title: str) -> Page:
        found = self.wiki.titled(PERSON, self.space, title)
        assert found, f"there is no page {title!r}, but {[page.title for page in self.wiki.pages(PERSON, ANY_STATUS)]}"
        return found[0]

    def _shown(self, page: Page) -> Shown:
        parent = self.wiki.content.pages.get(page.parent or "")
        return Shown(
            id=page.id,
            title=page.title,
            status=page.status,
            version=page.newest.number,
            body=page.body,
            message=page.newest.message,
            minor_edit=page.newest.minor_edit,
            messages=[version.message for version in page.versions],
            by=page.newest.by,
            properties={found.key: found.value for found in page.properties},
            labels=list(page.labels),
            parent=parent.title if parent else None,
            restricted=page.restricted,
        )


@contextmanager
def confluence(search_lag: float = 0) -> Iterator[There]:
    """A new wiki, empty but for its home pages, that is served until the end."""
    standin = Confluence(Wiki(search_lag=timedelta(seconds=search_lag)))
    server = server_for(standin)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield There(standin, f"http://127.0.0.1:{server.server_port}")
    finally:
        standin.faults.lift()
        server.shutdown()
        server.server_close()
        thread.join()
