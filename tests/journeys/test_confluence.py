"""In a browser: an administrator tests a connection, sees how each page stands and publishes again; people read the pages."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from deployments import actions
from publishing.models import Connection
from registry.builds import Build, WorkItem
from registry.evidence import record_build
from releases.actions import edit_notes
from tests.deployments.rows import run_out
from tests.deployments.scenes import requested, seen_plan
from tests.factories import a_release, a_rule, a_service_account, a_user, a_version, an_administrator
from tests.journeys.test_nobody_is_shut_out import WIDER
from tests.publishing.confluence.scenes import Site, a_live_shop, states
from tests.publishing.confluence_server import There, confluence

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]

NewPage = Callable[..., Page]
ADMIN = "/admin/publishing"


@pytest.fixture
def there() -> Iterator[There]:
    with confluence() as there:
        yield there


@pytest.fixture
def site(there: There) -> Site:
    """A stack with notes, work items and an approval, and somebody else's page with the title of one of ours."""
    site = Site(there, "data-center")
    there.create_foreign("API - TEST")
    shop, _ = a_live_shop(site)
    a_version("ui", "1.4.18", contents={"texts": "1.0.1"})
    items = (WorkItem("PP-7", "Show the ward", "https://t.example.com/7"),)
    record_build("ui", "1.4.18", Build("57", "", "", "", "", work_items=items), a_service_account())
    release = a_release(shop, "1.1.0", ui="1.4.18")
    edit_notes(release, "## For wards\n\n* Bookings are **faster**", by=a_user("mia", role="release_manager"))
    otto = a_user("otto", role="approver")
    a_rule("Test managers", environments=["TEST"], people=[otto])
    asked = requested(release)
    actions.approve(asked, by=otto, fingerprint=seen_plan(asked), comment="Looks good")
    run_out()
    site.round()
    return site


@pytest.mark.parametrize("js", [True, False])
def test_a_connection_is_tested(new_page: NewPage, axe, site: Site, js):
    page = new_page(viewport="phone", js=js, user=an_administrator())
    page.goto(f"{ADMIN}/connection/{Connection.objects.get().pk}/change/")

    page.get_by_role("link", name="Test connection").click()
    expect(page.get_by_label("Space key")).to_have_value("REL")
    page.get_by_role("button", name="Test connection").click()

    expect(page.get_by_role("heading", name="Everything works")).to_be_visible()
    expect(page.get_by_role("row")).to_have_count(9)
    if js:
        assert [line for line in axe(page) if line.startswith(("serious", "critical"))] == []
        assert not page.evaluate(WIDER)


def test_a_page_that_is_in_the_way_is_named_and_published_once_it_is_gone(new_page: NewPage, site: Site):
    page = new_page(user=an_administrator())
    page.goto(f"{ADMIN}/publication/?state__exact=parked")
    expect(page.get_by_text("that Signalbox did not make")).to_be_visible()
    site.there.rename("API - TEST", "What we thought about the API")

    page.get_by_label("Select all objects on this page").check()
    page.get_by_label("Action:").select_option(label="Publish now")
    page.get_by_role("button", name="Go", exact=True).click()

    expect(page.get_by_text("1 page is published by a worker within seconds.")).to_be_visible()
    site.round()
    assert set(states().values()) == {"current"}


def test_people_read_what_is_live_on_one_page(new_page: NewPage, site: Site):
    page = new_page()

    page.goto(f"{site.there.url}/pages/viewpage.action?pageId={site.there.page('Shop - TEST').id}")

    for said in ("1.4.18", "DEPLOYED", "otto", "Looks good", "PP-7", "Show the ward", "For wards", "texts"):
        expect(page.get_by_text(said).first).to_be_visible()
