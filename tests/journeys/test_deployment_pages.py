"""In a real browser: the log comes in while it is written, a phone approves, and nobody is shut out."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from accounts.models import User
from deployments import holding, resolving
from deployments.log import Writer
from deployments.models import Deployment, Status
from lifecycles.models import Environment
from tests.deployments.rows import claimed, ended, interrupted, paused, run_out
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_lone_project, a_release, a_stack, a_trigger, a_version

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def own_worker(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SPOOL_DIR = tmp_path / "spool"
    monkeypatch.setattr(holding, "_worker", None)


@pytest.fixture
def manager() -> User:
    return a_manager()


@pytest.fixture
def script(manager: User) -> Deployment:
    """A script that runs."""
    requested(a_release(a_lone_project("Website"), website="1.0.0"))
    return claimed()


def says(script: Deployment, *lines: str) -> None:
    run, _ = script.step_runs.get_or_create(attempt=1, position=1, defaults={"name": "Run the release package"})
    Writer(run, ()).say("\n".join(lines))


def test_new_lines_come_in_by_themselves_until_it_is_over(new_page: Callable[..., Page], manager, script):
    says(script, "first line")
    page = new_page(user=manager)
    page.goto(f"/deployments/{script.pk}/")

    says(script, "<b>second</b> line", "error: third")
    expect(page.get_by_text("<b>second</b> line")).to_be_visible()
    ended(script)

    expect(page.locator(".page-head .st")).to_have_text("Deployed")
    expect(page.locator(".poll")).to_have_count(0)
    expect(page.locator("#L3")).to_have_class("err")


def test_a_component_opens_its_log_when_its_turn_comes(new_page: Callable[..., Page], manager):
    train = requested(a_release(a_stack("Shop", components={"API": 1, "UI": 2})))
    page = new_page(user=manager)
    page.goto(f"/deployments/{train.pk}/")
    expect(page.locator("#log details")).to_have_count(0)

    says(claimed(), "hello from the first stage")

    expect(page.get_by_text("hello from the first stage")).to_be_visible()


def test_what_was_read_stays_when_the_page_is_brought_up_to_date(new_page: Callable[..., Page], manager, script):
    says(script, *(f"line {n}" for n in range(1, 1_501)))
    page = new_page(user=manager)
    page.goto(f"/deployments/{script.pk}/")

    ended(script)

    expect(page.locator(".page-head .st")).to_have_text("Deployed")
    expect(page.locator("#log summary")).to_contain_text("1500 lines")
    expect(page.locator("#L501")).to_have_text("501" + page.locator("#L501 time").inner_text() + "line 501")
    expect(page.get_by_role("link", name="Earlier lines")).to_be_visible()


def test_the_log_is_searched_and_narrowed_to_warnings(new_page: Callable[..., Page], manager, script):
    says(script, "one", "warning: two", "three")
    ended(script)
    page = new_page(user=manager)
    page.goto(f"/deployments/{script.pk}/")

    page.get_by_label("Search the log").fill("three")
    expect(page.locator("output")).to_have_text("1 line")
    page.get_by_label("Search the log").fill("")
    page.get_by_label("Only warnings and errors").check()

    expect(page.locator("#log li:visible")).to_have_text(["2" + page.locator("#L2 time").inner_text() + "warning: two"])


def test_a_phone_approves_without_a_script(new_page: Callable[..., Page], manager):
    otto = a_gate("TEST")
    waiting = requested(a_release(a_stack("Shop", components={"UI": 1})))
    page = new_page(viewport="phone", js=False, user=otto)
    page.goto("/waiting/")

    page.get_by_role("link", name="Review and decide").click()
    page.get_by_role("button", name="Reject for TEST").click()
    expect(page.get_by_role("alert")).to_contain_text("Say why you reject it")
    page.get_by_role("button", name="Approve for TEST").click()

    page.wait_for_url(f"**/deployments/{waiting.pk}/")
    waiting.refresh_from_db()
    assert waiting.status == Status.RUNNING


@pytest.fixture
def everything(manager: User) -> dict[str, int]:
    """One of each: succeeded, waiting, outcome unknown and marked by one of two, failed and waiting for a person."""
    shop = a_stack("Shop", components={"API": 1, "UI": 2})
    a_trigger(shop)
    a_version("api", contents={f"component-number-{n}": "1.0.0" for n in range(9)}, targets=["TEST", "PROD"])
    release = a_release(shop)
    done = requested(release)
    run_out()
    otto = a_gate("PROD")
    otto.memberships.get_or_create(role="viewer")
    waiting = requested(release, "PROD", reason="Friday build")
    for number in ("1.1.0", "1.2.0"):
        a_release(shop, ui=number)  # so that several releases hold the same version of the API
    requested(a_release(a_stack("Kiosk", components={"Till": 1})))
    unknown = claimed()
    says(unknown, "warning: how far did it come?")
    marked_by_one_of_two(interrupted(unknown), manager)
    requested(a_release(a_lone_project("Website")))
    bad = paused(claimed())
    return {
        "done": done.pk,
        "waiting": waiting.pk,
        "unknown": unknown.pk,
        "train": unknown.parent_id or 0,
        "bad": bad.pk,
    }


def marked_by_one_of_two(script: Deployment, by: User) -> None:
    Environment.objects.filter(pk=script.environment_id).update(second_pair_of_eyes=True)
    resolving.resolve(script, "succeeded", by=by, reason="The page says 1.0.0.")


PAGES = (
    "/deployments/{done}/",
    "/deployments/{waiting}/",
    "/deployments/{waiting}/approval/",
    "/deployments/{train}/",
    "/deployments/{train}/cancel/",
    "/deployments/{unknown}/",
    "/deployments/{unknown}/resolve/",
    "/deployments/{bad}/",
    "/deployments/{bad}/resolve/",
    "/deployments/{bad}/cancel/",
    "/deployments/",
    "/waiting/",
    "/environments/",
    "/environments/test/history/",
    "/packages/",
    "/packages/ui/",
    "/packages/ui/1.0.0/",
    "/packages/api/1.0.0/",
    "/evaluations/",
    "/activity/",
)


@pytest.mark.parametrize(
    ("viewport", "scheme"), [("desktop", "light"), ("desktop", "dark"), ("phone", "light"), ("phone", "dark")]
)
def test_nobody_is_shut_out(
    new_page: Callable[..., Page], axe: Callable[..., list[str]], manager, everything, viewport, scheme
):
    page = new_page(viewport=viewport, scheme=scheme, user=manager)
    problems = []

    for address in PAGES:
        page.goto(address.format(**everything))
        problems += [f"{address}: {problem}" for problem in axe(page)]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            problems.append(f"{address}: wider than the screen")

    assert problems == []
