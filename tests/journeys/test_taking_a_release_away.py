"""In a browser: a release is downloaded to be run elsewhere, and an administrator sees what a retention rule would remove."""

import tarfile
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from releases.models import RetentionRule
from tests.factories import a_user, a_version, an_administrator
from tests.journeys.test_nobody_is_shut_out import problems_of
from tests.releases.bundles import a_portal_release

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

NewPage = Callable[..., Page]
Axe = Callable[..., list[str]]
PAGE = "/projects/patient-portal/releases/1.0.1/run-it-yourself/"
FORESEEN = "/admin/releases/retentionrule/foreseen/"


def test_a_release_is_downloaded_from_its_page_without_any_script(new_page: NewPage):
    a_portal_release()
    page = new_page(user=a_user("vera", role="viewer"), js=False)
    page.goto("/projects/patient-portal/releases/1.0.1/")
    page.get_by_role("link", name="Run it yourself").click()

    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download").click()

    assert downloading.value.suggested_filename == "patient-portal-1.0.1.tar"
    with tarfile.open(downloading.value.path()) as archive:
        assert "patient-portal-1.0.1/run.sh" in archive.getnames()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", ["desktop", "phone", "narrow"])
def test_the_page_is_accessible(new_page: NewPage, axe: Axe, viewport, scheme):
    a_portal_release()
    page = new_page(viewport=viewport, scheme=scheme, user=a_user("vera", role="viewer"))

    assert problems_of(page, axe, PAGE) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", ["desktop", "phone"])
def test_the_dry_run_of_a_rule_is_accessible(new_page: NewPage, axe: Axe, viewport, scheme, pass_days):
    [a_version("ui", number) for number in ("1.0.0", "1.1.0", "2.0.0")]
    RetentionRule.objects.create(keep_newest=1)
    pass_days(2)
    page = new_page(viewport=viewport, scheme=scheme, user=an_administrator())

    assert problems_of(page, axe, FORESEEN) == []
