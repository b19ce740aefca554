"""Many successes and many workers at once, on PostgreSQL: every page there is once, and says what is live in the end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from deployments.models import Deployment, LiveVersion, Status
from publishing.confluence.rounds import forever
from publishing.models import Publication
from tests.deployments.dying import wait_for
from tests.deployments.patience import wait_until
from tests.deployments.rows import run_out, went_live
from tests.deployments.scenes import a_shop, released, requested
from tests.factories import a_release, a_stack
from tests.publishing.confluence.scenes import Site, a_live_shop, states
from tests.publishing.confluence_server import There, confluence

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
WORKERS = 3
COMPONENTS = 50


@pytest.fixture
def there() -> Iterator[There]:
    with confluence() as there:
        yield there


@contextmanager
def workers(settings: Any) -> Iterator[None]:
    """So many workers attend to their duty while this lasts."""
    settings.CONFLUENCE_LOOK_SECONDS = 0.1
    going = threading.Event()
    duties = [threading.Thread(target=forever, args=(going,)) for _ in range(WORKERS)]
    for duty in duties:
        duty.start()
    try:
        yield
    finally:
        going.set()
        for duty in duties:
            duty.join(30)
        wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == "publishing"])


def all_current() -> bool:
    return set(states().values()) == {"current"}


def test_fifty_successes_at_once_are_all_on_the_pages(there, own_worker, settings):
    stack = a_stack("Fleet", components={f"Part {number}": 1 for number in range(COMPONENTS)})
    site = Site(there, "cloud")
    site.publishes(stack)
    requested(a_release(stack, "1.0.0"))

    def end_them() -> None:
        try:
            run_out()
        finally:
            connection.close()

    enders = [threading.Thread(target=end_them) for _ in range(8)]
    with workers(settings):
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join(60)
        assert not Deployment.objects.unfinished().exists()
        wait_until(lambda: Publication.objects.count() == COMPONENTS + 3 and all_current(), seconds=120)

    titles = [page.title for page in there.pages]
    assert len(titles) == len(set(titles)) == COMPONENTS + 3
    assert there.page("Fleet - TEST").body.count('ac:name="include"') == COMPONENTS
    assert there.page("Fleet: which version is where").body.count(">DEPLOYED<") == COMPONENTS + 1
    assert {page.version for page in there.pages if page.title.startswith("Part")} == {1}
    assert there.violations() == []


def test_fifty_successes_of_one_component_end_on_the_newest(there, own_worker, settings):
    site = Site(there, "data-center")
    shop, _ = a_live_shop(site)

    with workers(settings):
        for number in range(1, 51):
            went_live(a_release(shop, f"1.0.{number}", ui=f"2.0.{number}"))
        live = LiveVersion.objects.now().get(project__name="UI")
        wait_until(lambda: all_current() and Publication.objects.filter(shows=live).exists(), seconds=60)

    page = there.page("UI - TEST")
    assert "2.0.50" in page.body
    numbers = [int(message.rpartition(".")[2]) for message in page.messages]
    assert numbers == sorted(numbers)
    assert numbers[-1] == 50
    assert len({found.title for found in there.pages}) == len(there.pages)


def test_workers_that_meet_lost_answers_and_conflicts_make_every_page_once(there, own_worker, settings):
    site = Site(there, "cloud")
    there.faults.lose_answers(3, methods=("POST",), path="/pages")
    there.faults.conflict(3)
    a_live_shop(site)

    with workers(settings):
        wait_until(lambda: Publication.objects.count() == 5 and all_current(), seconds=60)

    assert len(there.pages) == 5


def test_real_workers_publish_and_one_that_is_killed_midway_is_replaced(fleet, there):
    shop = a_shop()
    Site(there, "cloud").publishes(shop)
    there.faults.hang(1, seconds=60, methods=("POST",), path="/pages")
    worker = fleet.start(CONFLUENCE_LOOK_SECONDS="0.2")

    train = requested(released(shop))
    wait_for(train, Status.SUCCEEDED)  # whatever Confluence does
    wait_until(lambda: len(there.pages) >= 4)
    lost = Publication.objects.filter(claimed_until__isnull=False)
    wait_until(lambda: lost.filter(page_id="").count() == 1)  # the page is there, and nobody has remembered it
    fleet.kill(worker)
    lost.update(claimed_until=timezone.now())  # as after its lease
    there.faults.lift()
    fleet.start(CONFLUENCE_LOOK_SECONDS="0.2")

    wait_until(lambda: Publication.objects.count() == 5 and all_current(), seconds=30)
    assert len(there.pages) == 5
    assert there.violations() == []
