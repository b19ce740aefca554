"""What people who are no engineers read on the pages."""

import pytest

from deployments import actions
from deployments.models import Deployment
from projects.models import Project
from publishing.models import NotesTemplate
from registry.builds import Build, WorkItem
from registry.evidence import record_build
from releases.actions import edit_notes
from releases.models import Release
from standins.confluence.storage_format import macros, parse, text_of
from tests.deployments.rows import a_rows_shop, failed, run_out, went_live
from tests.deployments.scenes import requested, seen_plan
from tests.factories import a_component, a_release, a_rule, a_service_account, a_user, a_version, an_environment
from tests.publishing.confluence.scenes import Site, a_live_shop

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(data_center: Site) -> Site:
    return data_center


def read(site: Site, title: str) -> str:
    """The text of the page, without markup."""
    return text_of(parse(site.there.page(title).body))


def noted(release: Release, notes: str) -> Release:
    edit_notes(release, notes, by=a_user("mia", role="release_manager"))
    return release


def built(version: str, *items: WorkItem) -> None:
    a_version("ui", version)
    record_build("ui", version, Build("57", "", "", "", "", work_items=items), a_service_account())


def approved(shop: Project, number: str, **versions: str) -> Deployment:
    otto = a_user("otto", role="approver")
    otto.first_name, otto.last_name = "Otto", "Test"
    otto.save()
    a_rule("Test managers", environments=["TEST"], people=[otto])
    asked = requested(a_release(shop, number, **versions))
    actions.approve(asked, by=otto, fingerprint=seen_plan(asked), comment="Looks <good> & fine")
    run_out()
    return asked


def test_who_approved_it_and_what_they_said(site: Site):
    shop, _ = a_live_shop(site)
    approved(shop, "1.0.1", ui="1.4.18")

    site.round()

    assert "Otto Test (named in the rule) on " in read(site, "UI - TEST")
    assert "“Looks <good> & fine”" in read(site, "UI - TEST")


def test_work_items_with_their_addresses(site: Site):
    shop, _ = a_live_shop(site)
    built("1.4.18", WorkItem("PP-7", "Show the ward", "https://t.example.com/7?a=1&b=2"), WorkItem("PP-8", "", ""))
    went_live(a_release(shop, "1.0.1", ui="1.4.18"))

    site.round()

    body = site.there.page("UI - TEST").body
    assert '<li><a href="https://t.example.com/7?a=1&amp;b=2">PP-7</a> Show the ward</li>' in body
    assert "<li>PP-8</li>" in body


def test_everything_between_what_was_live_before_and_now(site: Site):
    shop, _ = a_live_shop(site)
    built("1.4.18", WorkItem("PP-7", "Show the ward", ""))
    built("1.4.19", WorkItem("PP-8", "Sort the wards", ""))
    a_release(shop, "1.0.1", ui="1.4.18")  # never deployed
    went_live(a_release(shop, "1.0.2", ui="1.4.19"))

    site.round()

    said = read(site, "UI - TEST")
    assert "UI 1.4.17 → 1.4.19" in said
    assert "PP-7" in said
    assert "PP-8" in said


def test_the_notes_of_the_release_that_it_came_with(site: Site):
    shop, _ = a_live_shop(site)
    went_live(noted(a_release(shop, "1.0.1", ui="1.4.18"), "# For wards\n\n* **faster**"))

    site.round()

    body = site.there.page("UI - TEST").body
    assert "<h3>Notes of Shop 1.0.1</h3><h4>For wards</h4>" in body
    assert "<strong>faster</strong>" in body


def test_that_nobody_wrote_anything_down(site: Site):
    a_live_shop(site)

    site.round()

    assert "Nobody wrote down what changed." in read(site, "UI - TEST")


def test_what_the_manifest_of_a_package_names(site: Site):
    shop = a_rows_shop()
    site.publishes(shop)
    a_version("api", "1.0.0", contents={"patient-api": "1.4.113"})
    went_live(a_release(shop, "1.0.0", api="1.0.0"))

    site.round()

    assert "1.4.113" in read(site, "API - TEST")
    assert "1.4.113" in read(site, "Shop 1.0.0")


def test_the_packages_of_a_component_that_has_several(site: Site):
    shop = a_rows_shop()
    site.publishes(shop)
    shop.components.get(name="UI").project_packages.create(package=a_version("texts", "3.2.1").package, position=2)
    went_live(a_release(shop, "1.0.0", ui="1.4.17", texts="3.2.1"))

    site.round()

    said = read(site, "UI - TEST")
    assert "1.4.17" in said
    assert "3.2.1" in said


def test_a_rollback_says_what_is_no_longer_there(site: Site):
    shop, first = a_live_shop(site)
    built("1.4.18", WorkItem("PP-7", "Show the ward", ""))
    went_live(noted(a_release(shop, "1.0.1", ui="1.4.18"), "Faster"))
    went_live(first)

    site.round()

    said = read(site, "UI - TEST")
    assert "These are no longer there:" in said
    assert said.index("Taken back") < said.index("PP-7")


def test_a_release_says_where_it_is_and_where_it_was(site: Site):
    shop, first = a_live_shop(site)
    went_live(first, "PROD")
    went_live(a_release(shop, "1.0.1", ui="1.4.18"))

    site.round()

    tree = parse(site.there.page("Shop 1.0.0").body)
    words = [text_of(macro) for macro in macros(tree, "status")]
    assert sorted(words) == sorted(["GreenDEPLOYED"] * 2 + ["GreyREPLACED"])


def test_a_release_that_is_nowhere_live_any_more_says_so(site: Site):
    shop, _ = a_live_shop(site)
    went_live(a_release(shop, "1.0.1", ui="1.4.18"))

    site.round()

    assert "nowhere any more" in read(site, "Shop 1.0.0")


def test_a_failure_is_told_and_what_is_still_live(site: Site):
    shop, _ = a_live_shop(site)
    failed(a_release(shop, "1.0.1", api="1.0.1"))

    site.round()

    assert "API in TEST: Failed: 1.0.1. What is live is still 1.0.0." in read(site, "Shop: which version is where")


def test_no_state_is_told_by_a_colour_alone(site: Site):
    shop, _ = a_live_shop(site)
    failed(a_release(shop, "1.0.1", api="1.0.1"))

    site.round()

    for page in site.there.pages:
        for macro in macros(parse(page.body), "status"):
            assert text_of(macro).removeprefix("Green").removeprefix("Grey").removeprefix("Red").removeprefix("Yellow")


def test_names_with_markup_in_them_are_names(site: Site):
    shop = a_rows_shop()
    a_component(shop, "A & B <i>", package="ab")
    site.publishes(shop)
    an_environment("TEST")
    went_live(a_release(shop, "1.0.0"))

    site.round()

    assert "A & B <i> - TEST" in [page.title for page in site.there.pages]
    assert 'ri:content-title="A &amp; B &lt;i&gt; - TEST"' in site.there.page("Shop - TEST").body


def test_a_release_tells_what_it_brought_in_the_form_that_its_stack_has_for_that(site: Site):
    shop, release = a_live_shop(site)
    noted(release, "Bookings for **children** & others.")
    NotesTemplate.objects.create(project=shop, text="## New in {environment}\n\n{notes}\n\nAsk the service desk.")

    site.round()

    words = read(site, f"Shop {release.number}")
    assert "New in TEST" in words
    assert "Bookings for children & others." in words
    assert "Ask the service desk." in words
