"""The whole journey in a real browser: pushed by a pipeline, approved by people, carried out by real scripts."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from deployments.models import Deployment, Status
from projects.models import ApprovalRule, Project
from tests.deployments.scenes import requested, work_through
from tests.journeys.people import PASSWORD, a_watched_shop, push, sign_in, tab_to

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

NewPage = Callable[..., Page]
THE_NEXT_ANSWER = "new Promise(on => document.addEventListener('htmx:after:swap', () => setTimeout(on), {once: true}))"


@pytest.fixture
def shop() -> Project:
    return a_watched_shop()


@pytest.fixture
def both_pushed(shop: Project, live_server: LiveServer) -> Deployment:
    """Version 1.0.0 of both came over HTTP; what that led to waits for the release manager."""
    assert push(live_server.url, "api", "1.0.0") == 201
    assert push(live_server.url, "ui", "1.0.0") == 201
    return Deployment.objects.get()


@pytest.fixture
def mia(shop: Project) -> User:
    return User.objects.get(username="mia")


def place(page: Page, row: str, environment: str):
    """A cell of the grid on the overview."""
    return page.locator("table.vg tr", has_text=row).locator(f'td[data-env="{environment}"]')


def remember(page: Page) -> None:
    """Leave a mark that does not outlive a reload."""
    page.evaluate("window.mark = 'still the same page'")


def remembers(page: Page) -> bool:
    return page.evaluate("window.mark") == "still the same page"


def test_a_push_reaches_prod_past_both_gates(new_page: NewPage, live_server, both_pushed):
    desk = new_page()
    desk.goto("/")
    sign_in(desk, "mia")
    expect(desk.get_by_role("heading", name="Your decision is needed")).to_be_visible()
    desk.get_by_role("link", name="Review and decide").click()
    desk.get_by_role("button", name="Approve for TEST").click()
    expect(desk.get_by_text("You approved")).to_be_visible()

    desk.goto("/")
    remember(desk)
    work_through()
    expect(place(desk, "UI", "TEST")).to_contain_text("Deployed")
    assert remembers(desk)

    desk.goto(f"/projects/shop/releases/{both_pushed.release.number}/")
    desk.get_by_role("link", name="Request PROD…").click()
    desk.get_by_role("button", name=f"Request {both_pushed.release.number} for PROD").click()
    expect(desk.get_by_text("Waiting for approval").first).to_be_visible()
    desk.goto("/")
    remember(desk)

    phone = new_page(viewport="phone")
    phone.goto("/waiting/")
    sign_in(phone, "petra")
    phone.get_by_role("link", name="Review and decide").click()
    phone.get_by_role("button", name="Approve for PROD").click()
    expect(phone.get_by_text("You approved")).to_be_visible()
    work_through()

    expect(place(desk, "Release of the stack", "PROD")).to_contain_text(both_pushed.release.number)
    expect(place(desk, "UI", "PROD")).to_contain_text("Same as TEST")
    assert remembers(desk)


def test_an_approval_needs_no_script(new_page: NewPage, both_pushed):
    page = new_page(js=False)
    page.goto("/")
    sign_in(page, "mia")

    page.get_by_role("link", name="Review and decide").click()
    page.get_by_role("button", name="Approve for TEST").click()

    expect(page.get_by_text("You approved")).to_be_visible()
    both_pushed.refresh_from_db()
    assert both_pushed.status == Status.RUNNING


def test_a_rejection_without_a_comment_is_taken_to_what_is_wrong(new_page: NewPage, mia, both_pushed):
    page = new_page(user=mia)
    page.goto(f"/deployments/{both_pushed.pk}/approval/")

    page.get_by_role("button", name="Reject for TEST").click()

    expect(page.get_by_role("alert")).to_be_focused()
    expect(page).to_have_title(f"Error: Decide on {both_pushed} · Signalbox")
    page.get_by_role("link", name="Say why you reject it").click()
    expect(page.get_by_label("Comment")).to_be_focused()


def test_the_keyboard_is_enough(new_page: NewPage, both_pushed):
    page = new_page()
    page.goto("/")

    tab_to(page, page.get_by_label("Name"))
    page.keyboard.type("mia")
    tab_to(page, page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    tab_to(page, page.get_by_role("link", name="Review and decide"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Approve for TEST")).to_be_visible()
    tab_to(page, page.get_by_role("button", name="Approve for TEST"))
    page.keyboard.press("Enter")

    expect(page.get_by_text("You approved")).to_be_visible()


def test_the_first_tab_leads_past_the_navigation(new_page: NewPage, mia, shop):
    page = new_page(user=mia)
    page.goto("/")

    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("main")).to_be_focused()


def test_a_component_goes_alone_and_is_shown_out_of_step(new_page: NewPage, live_server, mia, shop):
    ApprovalRule.objects.all().delete()
    push(live_server.url, "api", "1.0.0")
    push(live_server.url, "ui", "1.0.0")
    work_through()
    requested(shop.releases.get(), "PROD")
    work_through()
    push(live_server.url, "ui", "1.1.0")
    work_through()
    page = new_page(user=mia)

    page.goto("/projects/ui/")
    page.get_by_role("link", name="Promote 1.1.0 to PROD…").click()
    expect(page.get_by_role("heading", name="UI will be out of step in PROD")).to_be_visible()
    page.get_by_role("button", name="Promote 1.1.0 to PROD on its own").click()
    expect(page.get_by_role("alert")).to_contain_text("Type PROD to confirm that this is the environment you mean.")
    page.get_by_label("Why can this not wait for a release of Shop?").fill("Nobody can pay")
    page.get_by_label("Type PROD to confirm the environment").fill("prod")
    page.get_by_role("button", name="Promote 1.1.0 to PROD on its own").click()
    page.wait_for_url("**/deployments/*/")
    work_through()

    page.goto("/")
    expect(page.get_by_text("UI is out of step in PROD.")).to_be_visible()
    expect(place(page, "UI", "PROD")).to_contain_text("names 1.0.0.")


def test_a_screen_reader_hears_what_is_new_and_nothing_else(new_page: NewPage, mia, both_pushed):
    ApprovalRule.objects.all().delete()
    page = new_page(user=mia)
    page.goto("/")
    page.evaluate(THE_NEXT_ANSWER)
    expect(page.locator("#announce")).to_be_empty()

    requested(both_pushed.release)
    work_through()

    expect(page.locator("#announce")).to_have_text("Shop: PROD has no release yet.")


def test_a_session_that_has_ended_leads_to_the_door(new_page: NewPage, mia, shop):
    page = new_page(user=mia)
    page.goto("/")

    page.context.clear_cookies()

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
