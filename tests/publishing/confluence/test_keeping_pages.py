"""Pages say what is live, whoever touched them meanwhile, and are written only when they would say something else."""

import pytest

from deployments.models import Status
from publishing.confluence import asking
from publishing.models import Connection, Publication, StackPublishing
from releases.actions import edit_notes
from tests.deployments.rows import a_rows_shop, claimed, ended, run_out, went_live
from tests.deployments.scenes import requested
from tests.factories import a_lone_project, a_release, a_user, an_environment
from tests.publishing.confluence.scenes import Site, a_live_shop, publication, states, titles

pytestmark = pytest.mark.django_db


def test_a_success_makes_all_the_pages_that_the_stack_is_to_have(site: Site):
    a_live_shop(site)

    site.round()

    assert titles(site.there) == [
        "API - TEST",
        "Shop - TEST",
        "Shop 1.0.0",
        "Shop: which version is where",
        "UI - TEST",
    ]
    assert set(states().values()) == {"current"}
    assert site.there.violations() == []


def test_the_pages_carry_our_mark_and_a_label(site: Site):
    a_live_shop(site)

    site.round()

    page = site.there.page("UI - TEST")
    assert page.labels == ["signalbox"]
    assert page.properties["signalbox"]["version"] == page.version == 1
    assert page.properties["signalbox"]["owner"].endswith(publication("UI - TEST").key)


def test_a_component_says_what_is_live_and_since_when_and_who_let_it(site: Site):
    a_live_shop(site)

    site.round()

    body = site.there.page("UI - TEST").body
    assert "1.4.17" in body
    assert "DEPLOYED" in body
    assert "Nobody had to approve it." in body
    assert "http://localhost:8000/projects/shop/releases/1.0.0/" in body


def test_the_page_of_an_environment_shows_the_pages_of_its_components(site: Site):
    a_live_shop(site)

    site.round()

    body = site.there.page("Shop - TEST").body
    assert body.index('ri:content-title="API - TEST"') < body.index('ri:content-title="UI - TEST"')
    assert site.there.page("Shop - TEST").version == 1


def test_the_comment_of_a_version_is_the_number_of_the_release(site: Site):
    shop, _ = a_live_shop(site)
    site.round()

    went_live(a_release(shop, "1.0.1", ui="1.4.18"))
    site.round()

    first = "" if site.is_cloud else "1.0.0"  # Cloud takes no comment with the first version
    page = site.there.page("UI - TEST")
    assert page.messages == [first, "1.0.1"]
    assert "1.4.18" in page.body


def test_what_has_not_changed_is_not_written_again(site: Site):
    shop, _ = a_live_shop(site)
    site.round()
    site.there.forget_requests()

    went_live(a_release(shop, "1.0.1", ui="1.4.18"))
    site.round()

    assert site.there.page("API - TEST").version == 1
    assert site.there.page("Shop - TEST").version == 1  # it shows the same pages
    assert site.there.page("UI - TEST").version == 2


def test_a_round_in_which_nothing_happened_asks_nobody(site: Site):
    a_live_shop(site)
    site.round()
    site.there.forget_requests()

    site.round()

    assert site.there.requests == []


def test_the_look_that_every_page_gets_now_and_then_writes_nothing_where_all_is_well(site: Site):
    a_live_shop(site)
    site.round()
    site.there.forget_requests()

    site.later()

    assert site.there.requests
    assert site.there.writes == []


def test_notes_that_are_edited_reach_the_pages(site: Site):
    _, release = a_live_shop(site)
    site.round()

    edit_notes(release, "Booking *works* again", by=a_user("mia", role="release_manager"))
    site.round()

    assert "<em>works</em>" in site.there.page("Shop 1.0.0").body


def test_notes_that_were_edited_while_no_worker_lived_reach_the_pages(site: Site):
    _, release = a_live_shop(site)
    site.round()
    edit_notes(release, "Booking *works* again", by=a_user("mia", role="release_manager"))

    Site(site.there, site.dialect).round()  # another worker, which has heard of nothing

    assert "<em>works</em>" in site.there.page("Shop 1.0.0").body


def test_what_somebody_wrote_on_a_page_is_replaced(site: Site):
    a_live_shop(site)
    site.round()
    site.there.edit("UI - TEST", "<p>I know better.</p>")

    site.later()

    assert "I know better" not in site.there.page("UI - TEST").body
    assert site.there.page("UI - TEST").version == 3


def test_a_page_that_somebody_renamed_keeps_its_name_and_is_shown_by_it(site: Site):
    shop, _ = a_live_shop(site)
    site.round()
    site.there.rename("UI - TEST", "The booking pages, test")

    site.later()
    went_live(a_release(shop, "1.0.1", ui="1.4.18"))
    site.round()

    assert "1.4.18" in site.there.page("The booking pages, test").body
    assert 'ri:content-title="The booking pages, test"' in site.there.page("Shop - TEST").body
    assert "UI - TEST" not in titles(site.there)


def test_another_title_pattern_renames_what_nobody_else_has_renamed(site: Site):
    a_live_shop(site)
    site.round()
    site.there.rename("API - TEST", "The interface")
    publishing = StackPublishing.objects.get()
    publishing.component_title = "{stack} {component} in {environment}"
    publishing.save()
    asking.publishing_changed(publishing)

    site.round()

    assert {"Shop UI in TEST", "The interface"} <= set(titles(site.there))


def test_a_title_that_another_page_has_is_not_taken_from_it(site: Site):
    a_live_shop(site)
    site.round()
    site.there.create_foreign("Shop UI")
    publishing = StackPublishing.objects.get()
    publishing.stack_title = "Shop UI"
    publishing.save()
    asking.publishing_changed(publishing)

    site.round()

    row = Publication.objects.get(kind="stack")
    assert row.state == "parked"
    assert "is to be called “Shop UI”, but the space has another page of that title" in row.problem
    assert site.there.page("Shop UI").version == 1


def test_a_restored_backup_of_confluence_is_brought_up_to_date(site: Site):
    shop, _ = a_live_shop(site)
    site.round()
    backup = site.there.wiki.content
    went_live(a_release(shop, "1.0.1", ui="1.4.18"))
    site.round()
    site.there.wiki._content = backup

    site.later()

    assert "1.4.18" in site.there.page("UI - TEST").body
    assert len(titles(site.there)) == 6
    assert set(states().values()) == {"current"}


def test_a_page_that_somebody_moved_stays_there(site: Site):
    shop, _ = a_live_shop(site)
    site.there.create_foreign("Our pages")
    site.round()
    site.there.move("UI - TEST", "Our pages")

    went_live(a_release(shop, "1.0.1", ui="1.4.18"))
    site.round()

    page = site.there.page("UI - TEST")
    assert page.parent == "Our pages"
    assert "1.4.18" in page.body


@pytest.mark.parametrize("how", ["trash", "purge"])
def test_a_page_that_is_gone_is_made_again(site: Site, how):
    a_live_shop(site)
    site.round()
    before = site.there.page("UI - TEST").id
    getattr(site.there, how)("UI - TEST")

    site.later()

    assert site.there.page("UI - TEST").id != before
    assert publication("UI - TEST").page_id == site.there.page("UI - TEST").id


@pytest.mark.parametrize("how", ["restrict", "archive"])
def test_a_page_that_is_hidden_from_us_needs_somebody(site: Site, how):
    a_live_shop(site)
    site.round()
    getattr(site.there, how)("UI - TEST")

    site.later()

    row = Publication.objects.get(project__name="UI", kind="component")
    assert row.state == "parked"
    assert "restricted or archived" in row.problem


def test_a_page_of_somebody_else_with_the_same_title_is_never_touched(site: Site):
    site.there.create_foreign("UI - TEST")
    a_live_shop(site)

    site.round()
    site.later()

    page, row = site.there.page("UI - TEST"), Publication.objects.get(project__name="UI", kind="component")
    assert (page.version, page.body, page.properties) == (1, "<p>Written by hand.</p>", {})
    assert row.state == "parked"
    assert "that Signalbox did not make" in row.problem
    assert states()["component: API in TEST"] == "current"


def test_a_title_that_is_free_again_is_taken_when_somebody_asks(site: Site):
    site.there.create_foreign("UI - TEST")
    a_live_shop(site)
    site.round()
    site.there.rename("UI - TEST", "Something else")

    asking.publish_now(Publication.objects.filter(state="parked"), by=a_user("admin"))
    site.round()

    assert "1.4.17" in site.there.page("UI - TEST").body
    assert set(states().values()) == {"current"}


def test_the_page_of_another_signalbox_is_somebody_elses(site: Site):
    a_live_shop(site)
    site.round()
    Publication.objects.all().delete()
    Connection.objects.update(owner="another")

    site.later()

    assert set(states().values()) == {"parked"}
    assert site.there.page("UI - TEST").version == 1


def test_a_restored_backup_of_signalbox_finds_its_pages_again(site: Site):
    a_live_shop(site)
    site.round()
    Publication.objects.all().delete()
    before = titles(site.there)
    site.there.forget_requests()

    site.round()

    assert titles(site.there) == before
    assert site.there.writes == []
    assert set(states().values()) == {"current"}


def test_publishing_that_is_switched_off_leaves_the_pages_as_they_are(site: Site):
    shop, _ = a_live_shop(site)
    site.round()
    StackPublishing.objects.update(enabled=False)

    went_live(a_release(shop, "1.0.1", ui="1.4.18"))
    site.round()

    assert set(states().values()) == {"withdrawn"}
    assert site.there.page("UI - TEST").version == 1


def test_publishing_that_is_switched_on_again_goes_on_with_the_same_pages(site: Site):
    shop, _ = a_live_shop(site)
    site.round()
    before = site.there.page("UI - TEST").id
    StackPublishing.objects.update(enabled=False)
    site.round()
    StackPublishing.objects.update(enabled=True)

    went_live(a_release(shop, "1.0.1", ui="1.4.18"))
    site.round()

    page = site.there.page("UI - TEST")
    assert (page.id, page.version) == (before, 2)
    assert set(states().values()) == {"current"}


def test_a_connection_that_is_switched_off_is_not_asked(site: Site):
    a_live_shop(site)
    Connection.objects.update(enabled=False)

    site.round()

    assert site.there.requests == []
    assert set(states().values()) == {"due"}


def test_only_the_pages_that_are_chosen_are_made(site: Site):
    shop = a_rows_shop()
    site.publishes(shop, environment_pages=False, stack_page=False, release_pages=False)
    went_live(a_release(shop))

    site.round()

    assert titles(site.there) == ["API - TEST", "UI - TEST"]


def test_a_project_on_its_own_has_pages_as_well(site: Site):
    website = a_lone_project("Website")
    site.publishes(website, environment_pages=False, stack_page=False)
    went_live(a_release(website, website="2.0.0"))

    site.round()

    assert titles(site.there) == ["Website - TEST", "Website 2.0.0"]
    assert "2.0.0" in site.there.page("Website - TEST").body


def test_new_pages_are_put_under_the_page_that_is_named(site: Site):
    above = site.there.create_foreign("Releases")
    shop = a_rows_shop()
    site.publishes(shop, parent_page=above)
    went_live(a_release(shop))

    site.round()

    assert site.there.page("UI - TEST").parent == "Releases"


def test_a_component_that_is_out_of_step_is_said_to_be(site: Site):
    shop, _ = a_live_shop(site)
    went_live(a_release(shop.components.get(name="UI"), ui="1.4.18"))

    site.round()

    assert "OUT OF STEP" in site.there.page("UI - TEST").body
    assert "Out of step: 1.0.0 names 1.4.17." in site.there.page("Shop: which version is where").body


def test_a_component_is_not_called_out_of_step_while_its_train_is_under_way(data_center: Site):
    shop, _ = a_live_shop(data_center)
    requested(a_release(shop, "1.0.1", api="1.0.1", ui="1.4.18"))
    ended(claimed())  # the API, while the UI waits for its stage

    data_center.round()

    assert "1.0.1" in data_center.there.page("API - TEST").body
    for page in data_center.there.pages:
        assert "OUT OF STEP" not in page.body
    run_out()
    data_center.round()
    assert data_center.there.page("API - TEST").version == 1


def test_a_train_that_ends_midway_leaves_its_components_out_of_step(data_center: Site):
    shop, _ = a_live_shop(data_center)
    data_center.round()
    requested(a_release(shop, "1.0.1", api="1.0.1", ui="1.4.18"))
    ended(claimed())
    data_center.round()

    run_out(Status.FAILED)
    data_center.round()

    assert "OUT OF STEP" in data_center.there.page("API - TEST").body
    stack = data_center.there.page("Shop: which version is where").body
    assert "FAILED" in stack
    assert "Failed: 1.4.18. What is live is still 1.4.17." in stack


def test_a_component_that_its_stack_catches_up_with_is_in_step_again(data_center: Site):
    shop, _ = a_live_shop(data_center)
    went_live(a_release(shop.components.get(name="UI"), ui="1.4.18"))
    data_center.round()
    assert "OUT OF STEP" in data_center.there.page("UI - TEST").body

    went_live(a_release(shop, "1.0.1", ui="1.4.18"))
    data_center.round()

    assert "OUT OF STEP" not in data_center.there.page("UI - TEST").body


def test_a_rollback_reaches_the_page_and_says_what_is_taken_back(site: Site):
    shop, first = a_live_shop(site)
    second = a_release(shop, "1.0.1", ui="1.4.18")
    edit_notes(second, "Faster", by=a_user("mia", role="release_manager"))
    went_live(second)
    site.round()

    went_live(first)
    site.round()

    page = site.there.page("UI - TEST")
    assert page.message == "1.0.0"
    assert "1.4.17" in page.body


def test_a_second_environment_has_pages_of_its_own(site: Site):
    _, release = a_live_shop(site)
    site.round()

    went_live(release, "PROD")
    site.round()

    assert {"UI - PROD", "API - PROD", "Shop - PROD"} <= set(titles(site.there))
    assert an_environment("PROD").name in site.there.page("Shop 1.0.0").body
