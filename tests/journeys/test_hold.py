"""A hold from end to end: put from the stack's page, told of wherever it matters, and what waited starts on release."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from deployments.holds import hold, release_hold
from deployments.models import Deployment, Hold, Status
from tests.deployments.rows import run_out
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_lone_project, a_release, a_stack, a_user, an_environment
from tests.journeys.test_nobody_is_shut_out import problems_of, too_wide

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


def test_a_hold_is_put_and_released_and_what_waited_starts(new_page: Callable[..., Page]):
    waiting_for = a_release(a_stack("Shop", components={"API": 1, "UI": 2}))
    page = new_page(viewport="phone", js=False, user=a_manager())
    page.goto("/projects/shop/")

    page.get_by_role("link", name="Put on hold…").click()
    page.get_by_label("Where").select_option("TEST")
    page.get_by_label("Why?").fill("Database migration")
    page.get_by_role("button", name="Put it on hold").click()
    expect(page.get_by_role("status").first).to_contain_text("Shop in TEST is on hold.")
    train = requested(waiting_for)
    page.goto(f"/deployments/{train.pk}/")
    expect(page.get_by_text("mia: Database migration.")).to_be_visible()
    page.goto("/holds/")
    page.get_by_role("link", name="Release the hold…").click()
    expect(page.get_by_role("link", name="Shop 1.0.1")).to_be_visible()
    page.get_by_role("button", name="Release the hold").click()

    expect(page.get_by_role("status").first).to_contain_text("The hold of Shop in TEST is released")
    assert Deployment.objects.get(pk=train.pk).status == Status.RUNNING


def test_the_grid_shows_a_hold_by_itself_and_that_it_is_over(new_page: Callable[..., Page]):
    shop = a_stack("Shop", components={"UI": 1})
    page = new_page(user=a_user("vic", role="business_viewer"))
    page.goto("/")
    heading = page.get_by_role("columnheader", name="TEST")
    expect(heading).not_to_contain_text("On hold")

    row = hold(shop, an_environment("TEST"), by=a_manager(), reason="Database migration")
    expect(heading).to_contain_text("On hold")
    release_hold(row, by=a_manager())

    expect(heading).not_to_contain_text("On hold")


@pytest.fixture
def pages() -> tuple[str, ...]:
    """Everything that tells of a hold: of two that stand, and one that was released."""
    shop, website = a_stack("Shop", components={"API": 1, "UI": 2}), a_lone_project("Website")
    release = a_release(shop)
    requested(release)
    run_out()
    release_hold(hold(website, None, by=a_manager(), reason="Stocktaking"), by=a_manager(), reason="It is through")
    queued = requested(a_release(website))
    mine = hold(shop, an_environment("PROD"), by=a_manager(), reason="Database migration")
    hold(None, None, by=a_manager(), reason="The network is being rebuilt tonight.")
    otto = a_gate("PROD")
    otto.memberships.get_or_create(role="release_manager")
    asked = requested(release, "PROD")
    return (
        "/",
        "/projects/shop/",
        "/projects/ui/",
        "/projects/shop/releases/1.0.1/",
        f"/deployments/{asked.pk}/",
        f"/deployments/{asked.pk}/approval/",
        f"/deployments/{queued.pk}/",
        "/deployments/",
        "/environments/",
        "/holds/",
        "/holds/put/?project=shop",
        f"/holds/{mine.pk}/release/",
    )


@pytest.mark.parametrize(("viewport", "scheme"), [("desktop", "light"), ("phone", "dark"), ("narrow", "light")])
def test_every_page_that_tells_of_it_is_accessible(new_page: Callable[..., Page], axe, pages, viewport, scheme):
    page = new_page(viewport=viewport, scheme=scheme, user=a_user("otto"))

    assert problems_of(page, axe, *pages) == []
    assert Hold.objects.standing().count() == 2


def test_long_names_and_addresses_stay_within_the_smallest_screen(new_page: Callable[..., Page]):
    clinics = a_stack("Regional Appointment Booking and Referral Management", components={"UI": 1})
    hold(clinics, None, by=a_manager(), reason=f"See https://wiki.example/{'migration' * 20}")
    page = new_page(viewport="narrow", user=a_manager())

    assert too_wide(page, "/", "/holds/", "/environments/", f"/projects/{clinics.slug}/") == []


def test_a_refused_form_is_accessible(new_page: Callable[..., Page], axe, pages):
    page = new_page(viewport="phone", user=a_user("otto"))
    page.goto("/holds/put/")

    page.get_by_role("button", name="Put it on hold").click()

    expect(page.get_by_role("alert")).to_contain_text("Say why")
    assert axe(page) == []
