"""In a real browser: the page of the workers follows what happens, and a phone without a script lets a worker drain."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from deployments import holding, presence
from deployments.models import Worker
from tests.deployments.rows import a_worker, claimed
from tests.deployments.scenes import requested
from tests.factories import a_lone_project, a_release, an_administrator, an_environment
from tests.journeys.test_nobody_is_shut_out import problems_of, too_wide

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def worker(own_worker: None) -> Worker:
    """One that runs a script, beside a silent one, one of no environment's pool, a pool without any, and a queue."""
    requested(a_release(a_lone_project("Website")))
    an_environment("DMZ", worker_pool="dmz")
    a_worker("silent.example:4711:9f8e7d6c5b4a", heard=7200)
    a_worker("spare.example:99:aaaabbbbcccc", "spare")
    worker = a_worker(holding.this_worker().name, "default", "far", heard=-3600)  # it stays alive as long as this takes
    claimed()
    requested(a_release(a_lone_project("Intranet")))
    return worker


@pytest.fixture
def administrator() -> User:
    return an_administrator()


@pytest.mark.parametrize(
    ("viewport", "scheme"), [("desktop", "light"), ("desktop", "dark"), ("phone", "light"), ("phone", "dark")]
)
def test_nobody_is_shut_out(
    new_page: Callable[..., Page], axe: Callable[..., list[str]], administrator, worker, viewport, scheme
):
    page = new_page(viewport=viewport, scheme=scheme, user=administrator)

    assert problems_of(page, axe, "/workers/", f"/workers/{worker.pk}/drain/") == []


def test_nothing_is_wider_than_the_smallest_screen(new_page: Callable[..., Page], administrator, worker):
    page = new_page(viewport="narrow", user=administrator)

    assert too_wide(page, "/workers/", f"/workers/{worker.pk}/drain/") == []


def test_it_follows_what_happens(new_page: Callable[..., Page], administrator, worker):
    page = new_page(user=administrator)
    page.goto("/workers/")
    row = page.locator("#pool-default tr", has_text=worker.name)
    expect(row).to_contain_text("Website 1.0.0 to TEST")

    presence.drain([worker], by=None)

    expect(row).to_contain_text("Draining since")


def test_a_phone_lets_a_worker_drain_without_a_script(new_page: Callable[..., Page], administrator, worker):
    page = new_page(viewport="phone", js=False, user=administrator)
    page.goto("/workers/")
    row = page.locator("#pool-default tr", has_text=worker.name)

    drain = row.get_by_role("link", name="Drain…")
    box = drain.bounding_box()
    assert box is not None
    assert box["height"] >= 44  # a finger's width
    drain.click()
    page.get_by_role("button", name="Drain it").click()

    expect(page.get_by_role("status").first).to_contain_text("drains: it finishes what it runs")
    row.get_by_role("button", name="Drain no longer").click()
    expect(row).to_contain_text("Deploying")
    assert Worker.objects.get(pk=worker.pk).drain_requested_at is None
