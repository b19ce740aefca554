"""Many writers of one page: what is true in the end is on the page in the end, once."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from publishing.confluence.cloud import Cloud
from publishing.confluence.data_center import DataCenter
from publishing.confluence.dialects import Page
from publishing.confluence.drafts import Draft
from publishing.confluence.failures import Conflict
from publishing.confluence.transport import Access, Transport
from publishing.confluence.upsert import Done, Target, bring_up_to_date
from tests.publishing.confluence_server import There

WRITERS = 12


class Truth:
    """What a page should say: a number that only goes up."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.number = 0

    def move_on(self) -> None:
        with self.lock:
            self.number += 1

    def draft(self) -> Draft:
        number = self.number
        return Draft("UI - TEST", f"<p>number {number}.</p>", str(number), "https://signalbox.example/", "ours.ui.")


def target(page_id: str = "") -> Target:
    return Target(page_id, "REL", "", "UI - TEST", "ours ui", {"ours ui"}, "ours.ui.")


def write(there: There, dialect: str, truth: Truth, page_id: str = "") -> Done:
    access = Access(there.url, there.email, there.token) if dialect == "cloud" else Access(there.url, "", there.token)
    with Transport(access) as site:
        made: list[Page] = []
        return bring_up_to_date(
            Cloud(site) if dialect == "cloud" else DataCenter(site), target(page_id), truth.draft, made.append
        )


@pytest.mark.parametrize("dialect", ["cloud", "data-center"])
def test_of_twelve_writers_the_newest_truth_wins(there, dialect):
    truth = Truth()
    page = write(there, dialect, truth).page
    barrier = threading.Barrier(WRITERS)

    def one(_: int) -> None:
        barrier.wait(10)
        truth.move_on()
        while True:
            try:
                write(there, dialect, truth, page.id)
            except Conflict:
                continue  # as a round does, later
            return

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(one, range(WRITERS)))

    shown = there.page("UI - TEST")
    assert f"number {WRITERS}." in shown.body
    assert [int(message) for message in shown.messages[1:]] == sorted({int(message) for message in shown.messages[1:]})
    assert shown.properties["signalbox"]["version"] == shown.version
    assert len(there.pages) == 1


@pytest.mark.parametrize("dialect", ["cloud", "data-center"])
def test_of_twelve_that_make_the_same_page_one_makes_it(there, dialect):
    truth, barrier = Truth(), threading.Barrier(WRITERS)

    def one(_: int) -> Done | None:
        barrier.wait(10)
        while True:
            try:
                return write(there, dialect, truth)
            except Conflict:
                continue

    with ThreadPoolExecutor(WRITERS) as pool:
        done = list(pool.map(one, range(WRITERS)))

    assert len(there.pages) == 1
    assert there.page("UI - TEST").version == 1
    assert len({found.page.id for found in done}) == 1
    assert sum(found.wrote for found in done) == 1


@pytest.mark.parametrize("dialect", ["cloud", "data-center"])
def test_a_late_writer_that_has_read_old_facts_does_not_get_through(there, dialect):
    truth = Truth()
    page = write(there, dialect, truth).page
    old, fast = Truth(), Truth()
    old.number, fast.number = 1, 2
    reads: list[int] = []

    def old_facts_once() -> Draft:
        """The first time it is asked, somebody else is faster."""
        reads.append(1)
        if len(reads) > 1:
            return fast.draft()
        found = old.draft()
        write(there, dialect, fast, page.id)
        return found

    slow = Truth()
    slow.draft = old_facts_once
    write(there, dialect, slow, page.id)

    assert len(reads) == 2
    assert there.page("UI - TEST").version == 2
    assert "number 2." in there.page("UI - TEST").body
