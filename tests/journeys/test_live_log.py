"""The log of a script that really runs, in a browser that watches it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from deployments.models import Deployment
from tests.deployments.scenes import a_manager, a_real_version, requested, work_through
from tests.factories import a_lone_project, a_release

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

SCRIPT = r"""
echo "unpacking <script>document.title = 'taken over'</script>"
printf '\033[31mred\033[0m \033]0;title\007and on\n'
until [ -e {go} ]; do sleep 0.05; done
echo "published"
"""


@pytest.fixture
def go(tmp_path: Path) -> Path:
    """The script waits until this file is there."""
    return tmp_path / "go"


@pytest.fixture
def script(go: Path) -> Iterator[Deployment]:
    """A script that runs beside the test, and is let go at its end."""
    website = a_lone_project("Website")
    a_real_version("website", "1.0.0", SCRIPT.format(go=go))
    deployment = requested(a_release(website))
    thread = Thread(target=_work)
    thread.start()
    yield deployment
    go.touch()
    thread.join(timeout=10)


def _work() -> None:
    try:
        work_through()
    finally:
        connection.close()


def test_lines_appear_while_the_script_runs(new_page: Callable[..., Page], script, go):
    page = new_page(user=a_manager())
    page.goto(f"/deployments/{script.pk}/")
    expect(page.locator("#log")).to_contain_text("unpacking")
    expect(page.locator(".page-head .st")).to_have_text("Deploying")
    expect(page.locator("#log")).not_to_contain_text("published")

    go.touch()

    expect(page.locator("#log")).to_contain_text("published")
    expect(page.locator(".page-head .st")).to_have_text("Deployed")


def test_hostile_output_stays_text(new_page: Callable[..., Page], script):
    page = new_page(user=a_manager())
    page.goto(f"/deployments/{script.pk}/")

    expect(page.locator("#log")).to_contain_text("<script>document.title = 'taken over'</script>")
    expect(page.locator("#log")).to_contain_text("red and on")
    expect(page).not_to_have_title("taken over")
    expect(page.locator("#log script")).to_have_count(0)
