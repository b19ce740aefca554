"""In a real browser: what cannot go on is found, understood and decided, on a phone, without a script, by two people."""

from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from accounts.models import User
from deployments.log import Writer
from deployments.models import Deployment, Status
from lifecycles.models import Environment
from tests.deployments.rows import claimed, interrupted, paused
from tests.deployments.scenes import a_manager, requested
from tests.deployments.scripts import a_process_of
from tests.factories import a_release, a_stack, a_user
from tests.journeys.people import tab_to

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

NewPage = Callable[..., Page]
Axe = Callable[..., list[str]]


@pytest.fixture
def manager() -> User:
    return a_manager()


@pytest.fixture
def failed(manager: User) -> Deployment:
    """The first of two steps of a component has failed, after it was tried again by itself, and waits for a person."""
    process = a_process_of({"name": "Warm up", "repeatable": True, "retries": 1}, {"name": "Publish"})
    stack = a_stack("Shop", components={"API": 1, "UI": 2})
    stack.components.update(process=process)
    requested(a_release(stack))
    script = claimed()
    run = script.step_runs.create(attempt=1, position=1, name="Warm up")
    Writer(run, ()).say("connecting to the cache\nerror: the cache did not answer")
    script.step_runs.update(exit_status=3, finished_at=timezone.now(), outcome="“Warm up” failed with exit status 3.")
    Deployment.objects.filter(pk=script.pk).update(attempt=2)
    script.refresh_from_db()
    return paused(script, step="Warm up")


@pytest.fixture
def lost(manager: User) -> Deployment:
    """Nobody knows what became of a component, and it takes two people to say that it has succeeded."""
    requested(a_release(a_stack("Shop", components={"API": 1, "UI": 2})))
    Environment.objects.update(second_pair_of_eyes=True)
    script = claimed()
    run = script.step_runs.create(attempt=1, position=1, name="Run the release package")
    Writer(run, ()).say("uploading\nuploaded 12 of 14 files")
    return interrupted(script)


def test_a_phone_ignores_a_failure_without_a_script_once_it_has_said_why(new_page: NewPage, manager, failed):
    page = new_page(viewport="phone", js=False, user=manager)
    page.goto("/")

    page.get_by_role("link", name="Decide how it goes on").click()
    expect(page.get_by_text("error: the cache did not answer")).to_be_visible()
    page.get_by_label("Ignore the failure and go on").check()
    page.get_by_role("button", name="Put my decision on record").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why the failure may be ignored")
    expect(page.get_by_label("Ignore the failure and go on")).to_be_checked()
    page.get_by_label("Why?").fill("The cache warms up by itself.")
    page.get_by_role("button", name="Put my decision on record").click()

    page.wait_for_url(f"**/deployments/{failed.parent_id}/")
    failed.refresh_from_db()
    assert (failed.status, failed.failure_ignored) == (Status.QUEUED, True)


def test_two_people_say_that_it_has_succeeded_the_second_by_keyboard(new_page: NewPage, manager, lost):
    first = new_page(viewport="phone", user=manager)
    first.goto(f"/deployments/{lost.pk}/resolve/")
    first.get_by_label("It has succeeded").check()
    first.get_by_label("How do you know").fill("The page says 1.0.0.")
    first.get_by_role("button", name="Put my decision on record").click()
    expect(first.get_by_text("It counts once somebody else has confirmed it")).to_be_visible()
    second = new_page(user=a_user("rita", role="release_manager"))
    second.goto("/waiting/")

    tab_to(second, second.get_by_role("link", name="Confirm or decide otherwise"))
    second.keyboard.press("Enter")
    expect(second.get_by_text("mia has marked it as succeeded")).to_be_visible()
    tab_to(second, second.get_by_label("Run it again"))
    second.keyboard.press("ArrowDown")
    expect(second.get_by_label("It has succeeded: I have looked as well")).to_be_checked()
    tab_to(second, second.get_by_label("How do you know"))
    second.keyboard.type("The log ends well.")
    tab_to(second, second.get_by_role("button", name="Put my decision on record"))
    second.keyboard.press("Enter")

    second.wait_for_url(f"**/deployments/{lost.parent_id}/")
    lost.refresh_from_db()
    assert (lost.status, lost.mark_proposed_by) == (Status.SUCCEEDED, None)


def test_a_decision_of_somebody_else_comes_to_the_open_page_by_itself(new_page: NewPage, manager, lost):
    page = new_page(user=manager)
    page.goto(f"/deployments/{lost.parent_id}/")
    expect(page.get_by_role("heading", name="Nobody knows what became of API")).to_be_visible()

    other = new_page(js=False, user=a_user("rita", role="release_manager"))
    other.goto(f"/deployments/{lost.pk}/resolve/")
    other.get_by_label("It has failed").check()
    other.get_by_label("How do you know").fill("Two files are missing.")
    other.get_by_role("button", name="Put my decision on record").click()

    expect(page.locator(".page-head .st")).to_have_text("Failed")
    expect(page.get_by_role("heading", name="Nobody knows what became of API")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", ["desktop", "phone"])
def test_a_refused_decision_is_accessible(new_page: NewPage, axe: Axe, manager, failed, viewport, scheme):
    page = new_page(viewport=viewport, scheme=scheme, user=manager)
    page.goto(f"/deployments/{failed.pk}/resolve/")

    page.get_by_role("button", name="Put my decision on record").click()
    page.get_by_role("alert").wait_for()

    assert axe(page) == []
    assert not page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
