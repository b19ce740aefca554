"""What is live of a project in one environment, and what comes next, in words for people who are no engineers."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.utils import timezone

from deployments import concluding
from deployments.models import Deployment, LiveVersion
from projects.models import Project
from publishing.models import NotesTemplate, Publication, StackPublishing
from registry import evidence
from registry.builds import Build, Commit, WorkItem
from releases import actions
from releases.models import Release
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, approved, claimed, failed, run_out, went_live
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import (
    a_connection,
    a_publishing,
    a_release,
    a_service_account,
    a_stack,
    a_user,
    a_version,
    an_environment,
)
from tests.portal.pages import buttons_of, opened, said, title_of

pytestmark = pytest.mark.django_db

TECHNICAL = ("release.sh", "ui.zip", "sha256", "7fd1a60b", "worker", "log/")


@pytest.fixture
def shop() -> Project:
    """API and a UI whose second version has a manifest, a build with commits, and notes."""
    shop = a_rows_shop()
    went_live(a_release(shop, "1.0.0", api="1.0.0", ui="1.0.0"))
    version = a_version("ui", "2.0.0", contents={"patient-api": "1.4.114"})
    build = Build(
        commits=(Commit("7fd1a60b01f91b31", "Show the ward", "ann"),),
        work_items=(WorkItem("S-1", "Show the ward", "https://t.example.com/S-1"),),
    )
    evidence.record_build("ui", str(version.version), build, a_service_account())
    noted(a_release(shop, "1.1.0", api="1.0.0", ui="2.0.0"), "Bookings for **children**.")
    return shop


@pytest.fixture
def viewer(client: Client):
    """Somebody from the business, who sees nothing technical."""
    viewer = a_user("bea", role="business_viewer")
    client.force_login(viewer)
    return viewer


def noted(release: Release, notes: str) -> Release:
    actions.edit_notes(release, notes, by=a_manager())
    return release


def newest(shop: Project) -> Release:
    return shop.releases.get(number="1.1.0")


# -- what is live -----------------------------------------------------------------------------------------------------


def test_the_page_says_what_is_live_since_when_and_what_it_brought(client, viewer, shop):
    went_live(newest(shop))

    response = opened(client, "place", "shop", "test")

    assert title_of(response) == "Shop in TEST"
    assert "1.1.0 is live here since" in said(response)
    assert "Compared with 1.0.0, which was live before" in said(response)
    assert "Shop 1.1.0 Bookings for children." in said(response)
    assert "Work items S-1 Show the ward" in said(response)
    assert "State Deployed" in said(response)


def test_it_says_who_approved_and_in_which_capacity(client, viewer, shop):
    otto = a_gate("TEST")
    approved(requested(newest(shop)), otto, "Looks good.")
    run_out()

    assert "Approved by otto, as " in said(opened(client, "place", "shop", "test"))
    assert "“Looks good.”" in said(opened(client, "place", "shop", "test"))


def test_where_nobody_had_to_approve_that_is_said(client, viewer, shop):
    assert "Approved by Nobody had to approve it" in said(opened(client, "place", "shop", "test"))


def test_a_component_says_what_it_came_with_and_what_is_in_it(client, viewer, shop):
    went_live(newest(shop))

    page = said(opened(client, "place", "ui", "test"))

    assert "Version 2.0.0 Came with Shop 1.1.0" in page
    assert "What is in it patient-api 1.4.114" in page
    assert "As 1.1.0 names it." in page


def test_a_component_that_went_on_its_own_says_so(client, viewer, shop):
    went_live(newest(shop).components.get(component__slug="ui").release)

    assert "Came On its own, without Shop" in said(opened(client, "place", "ui", "test"))
    page = said(opened(client, "place", "shop", "test"))
    assert "Out of step 1.0.0 names 1.0.0." in page
    assert "What UI 2.0.0 brought" in page


def test_what_failed_beside_it_is_said_without_its_details(client, viewer, shop):
    failed(newest(shop))

    page = said(opened(client, "place", "shop", "test"))

    assert "Failed 1.1.0" in page


def test_what_is_on_its_way_is_said(client, viewer, shop):
    a_gate("TEST")
    requested(newest(shop))

    assert "Waiting for approval 1.1.0" in said(opened(client, "place", "shop", "test"))


def test_before_anything_is_live_the_page_says_what_it_will_say(client, viewer, shop):
    response = opened(client, "place", "shop", "prod")

    assert "Nothing is live here yet." in said(response)
    assert response.status_code == 200


def test_a_rollback_says_what_was_taken_back(client, viewer, shop):
    went_live(newest(shop))
    went_live(shop.releases.get(number="1.0.0"))

    page = said(opened(client, "place", "shop", "test"))

    assert (
        "It goes back to something earlier, so that this is no longer there: Shop 1.1.0 Bookings for children." in page
    )
    assert "S-1 Show the ward" in page


@pytest.mark.parametrize("page", ["place", "coming", "place-notes", "coming-notes", "place-feed"])
@pytest.mark.parametrize("project", ["shop", "ui"])
def test_nothing_technical_is_on_it(client, viewer, shop, page, project):
    went_live(newest(shop))
    failed(a_release(shop, "1.2.0", api="1.0.0", ui="3.0.0"))
    host = LiveVersion.objects.now().filter(project__slug="ui").get().deployment.host

    told = opened(client, page, project, "test").content.decode()

    assert not [word for word in (*TECHNICAL, host) if word and word in told.partition("<main")[2]]


def test_it_takes_the_same_questions_however_many_components_there_are(
    client, viewer, shop, django_assert_max_num_queries
):
    went_live(newest(shop))

    with django_assert_max_num_queries(45):
        opened(client, "place", "shop", "test")


@pytest.mark.parametrize("page", ["place", "coming", "place-notes", "coming-notes", "place-feed"])
def test_an_environment_that_the_project_does_not_go_to_is_not_found(client, viewer, shop, page):
    an_environment("QA")

    assert opened(client, page, "shop", "qa").status_code == 404
    assert opened(client, page, "shop", "nowhere").status_code == 404


def test_pages_lead_there(client, viewer, shop):
    went_live(newest(shop))

    for page, parts in (("overview", ()), ("project", ("shop",)), ("project", ("ui",)), ("release", ("shop", "1.1.0"))):
        assert "/environments/test/" in opened(client, page, *parts).content.decode()


# -- what comes -------------------------------------------------------------------------------------------------------


def test_the_newest_release_that_is_not_live_is_told(client, viewer, shop):
    response = opened(client, "coming", "shop", "test")

    assert title_of(response) == "What Shop 1.1.0 brings to TEST"
    assert "Compared with 1.0.0, which is live there now" in said(response)
    assert "Bookings for children." in said(response)
    assert "UI from 1.0.0→ to 2.0.0" in said(response)


def test_any_other_release_can_be_asked_about(client, viewer, shop):
    went_live(newest(shop))

    page = said(opened(client, "coming", "shop", "test", release="1.0.0"))

    assert "UI from 2.0.0→ to 1.0.0 Goes back" in page
    assert "Taken back" in page


def test_where_the_newest_is_live_that_is_said(client, viewer, shop):
    went_live(newest(shop))

    assert "The newest release, 1.1.0, is live there already." in said(opened(client, "coming", "shop", "test"))
    assert "1.1.0 is live there already." in said(opened(client, "coming", "shop", "test", release="1.1.0"))


def test_a_stack_without_releases_has_nothing_to_come(client, viewer, shop):
    a_stack("Kiosk", components={"Till": 1})

    assert "Kiosk has no release yet." in said(opened(client, "coming", "kiosk", "test"))


@pytest.mark.parametrize("number", ["9.9.9", "\x00", "x" * 500])
def test_a_release_that_there_is_not_is_not_found(client, viewer, shop, number):
    assert opened(client, "coming", "shop", "test", release=number).status_code == 404


# -- to take away -----------------------------------------------------------------------------------------------------


def test_the_notes_can_be_taken_away_as_markdown(client, viewer, shop):
    response = opened(client, "coming-notes", "shop", "test")

    assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="shop-1-1-0.md"'
    assert "Bookings for **children**." in response.content.decode()


def test_what_is_live_can_be_taken_away_as_well(client, viewer, shop):
    NotesTemplate.objects.create(project=shop, text="{release} in {environment}: {components}")

    assert opened(client, "place-notes", "shop", "test").content.decode().startswith("1.0.0 in TEST: - API: 1.0.0, new")
    assert opened(client, "place-notes", "shop", "prod").content.decode() == "Nothing of Shop is live in PROD yet.\n"


def test_the_feed_is_for_whoever_may_see_the_project(client, viewer, shop):
    response = opened(client, "place-feed", "shop", "test")

    assert response.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert "Shop 1.0.0 is live in TEST" in response.content.decode()


# -- notes as people write them ---------------------------------------------------------------------------------------


def test_notes_can_be_looked_at_before_they_are_kept(client, shop):
    client.force_login(a_manager())
    release = newest(shop)

    response = client.post("/projects/shop/releases/1.1.0/notes/", {"notes": "Larger *type*", "preview": "yes"})

    release.refresh_from_db()
    assert "<em>type</em>" in response.content.decode()
    assert "Preview Not kept yet" in said(response)
    assert "Larger *type*</textarea>" in response.content.decode()
    assert release.notes == "Bookings for **children**."
    assert buttons_of(response) == ["Keep these notes", "Preview"]


def test_notes_that_are_too_long_are_refused_in_the_preview_too(client, shop):
    client.force_login(a_manager())

    response = client.post("/projects/shop/releases/1.1.0/notes/", {"notes": "x" * 20_001, "preview": "yes"})

    assert response.status_code == 422


def test_the_business_never_reads_which_machine_carries_something_out(client, viewer, shop):
    requested(newest(shop))
    row = claimed()
    Deployment.objects.filter(pk=row.pk).update(host="app-07.internal.example")
    row.refresh_from_db()
    concluding.interrupt_silent(row)

    for page, parts in (
        ("deployment", (row.pk,)),
        ("release", ("shop", "1.1.0")),
        ("place", ("shop", "test")),
        ("activity", ()),
        ("overview", ()),
    ):
        told = opened(client, page, *parts)
        assert told.status_code == 200
        assert "app-07" not in told.content.decode()
    assert "Outcome unknown" in said(opened(client, "place", "shop", "test"))


# -- in Confluence ----------------------------------------------------------------------------------------------------


def published(stack: Project, project: Project, kind: str, **fields: object) -> Publication:
    """The page of this project in TEST, as it was written last."""
    row = StackPublishing.objects.filter(project=stack).first() or a_publishing(stack, a_connection())
    usual = {"state": "current", "page_id": "65", "title": f"{project} - TEST", "published_at": timezone.now()}
    return Publication.objects.create(
        key=f"{kind}:{project.pk}",
        publishing=row,
        kind=kind,
        project=project,
        environment=an_environment("TEST"),
        connection=row.connection,
        space="REL",
        next_at=timezone.now(),
        **(usual | fields),
    )


def test_it_leads_to_its_confluence_page_and_says_whether_that_is_right(client, viewer, shop):
    ui = shop.components.get(name="UI")
    live = LiveVersion.objects.now().get(project=ui)
    published(shop, ui, "component", shows=live)

    page = opened(client, "place", "ui", "test")

    assert "UI - TEST in Confluence The page says what is live." in said(page)
    assert 'href="https://confluence.example.com/pages/viewpage.action?pageId=65"' in page.content.decode()


def test_what_confluence_says_is_marked_as_out_of_date_since_when(client, viewer, shop):
    since = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
    published(shop, shop, "environment", state="waiting", problem="wiki.example does not answer.", failing_since=since)

    words = said(opened(client, "place", "shop", "test"))

    assert "Shop - TEST in Confluence The page could not be written since 4 March 2026, 05:06 UTC." in words
    assert "wiki.example" not in words
