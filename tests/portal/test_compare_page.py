"""Two releases can be compared: what changes, in words, and which two where nobody says which."""

import pytest
from django.test import Client
from django.urls import reverse

from projects.models import Project, Variable
from releases.models import Release
from tests.deployments.rows import a_rows_shop, went_live
from tests.deployments.scenes import a_manager
from tests.factories import a_lone_project, a_release, a_user, a_version
from tests.portal.pages import opened, said, title_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(client: Client) -> Project:
    """A stack without releases, and its release manager, signed in."""
    client.force_login(a_manager())
    return a_rows_shop()


@pytest.fixture
def three(shop: Project) -> list[Release]:
    return [a_release(shop, f"1.{n}.0", api=a_state(f"1.{n}.0", patient=f"1.4.{n}")) for n in range(3)]


def a_state(version: str, **contents: str) -> str:
    return a_version("api", version, contents={"runtime": "9"} | contents).version


def compared(client: Client, before: str = "", after: str = "", slug: str = "shop"):
    query = {"from": before, "to": after}
    return opened(client, "compare", slug, **{name: number for name, number in query.items() if number})


def with_a_variable(project: Project, value: str, *, sensitive: bool = False) -> Release:
    variable = Variable.objects.filter(project=project).first() or Variable(project=project, name="API_KEY")
    variable.set_value(value, sensitive=sensitive)
    variable.save()
    return a_release(project)


# -- what it says -----------------------------------------------------------------------------------------------------


def test_it_says_what_changes_and_what_stays(client, three):
    response = compared(client, "1.0.0", "1.2.0")

    assert title_of(response) == "Shop from 1.0.0→ to 1.2.0"
    page = said(response)
    assert "Components 1 of 2 change API from 1.0.0→ to 1.2.0" in page
    assert "patient from 1.4.0→ to 1.4.2 1 more in its manifest stays as it is runtime 9" in page
    assert "1 component stays as it is UI 1.0.0" in page


def test_the_way_back_says_that_it_is_one(client, three):
    page = said(compared(client, "1.2.0", "1.0.0"))

    assert "This goes back: 1.0.0 is older than 1.2.0. What was new in between goes away." in page
    assert "API from 1.2.0→ to 1.0.0" in page


def test_the_other_way_round_is_a_link(client, three):
    page = compared(client, "1.0.0", "1.2.0").content.decode()

    assert 'href="?from=1.2.0&amp;to=1.0.0"' in page


def test_a_number_with_a_build_part_is_linked_as_it_is(client):
    client.force_login(a_manager())
    website = a_lone_project()
    a_release(website)
    with_a_variable(website, "x")

    page = compared(client, "1.0.0", "1.0.0+2", slug="website").content.decode()

    assert 'href="?from=1.0.0%2B2&amp;to=1.0.0"' in page


def test_one_release_beside_itself_asks_for_another(client, three):
    response = compared(client, "1.0.0", "1.0.0")

    assert title_of(response) == "Shop 1.0.0"
    assert "Both sides are the same release. Choose another one to compare it with." in said(response)


def test_the_notes_of_the_releases_between_are_there(client, three):
    Release.objects.filter(pk=three[1].pk).update(notes="<b>Invoices</b>")

    page = compared(client, "1.0.0", "1.2.0").content.decode()

    assert "&lt;b&gt;Invoices&lt;/b&gt;" in page
    assert reverse("portal:release", args=["shop", "1.1.0"]) in page


def test_a_component_is_compared_on_its_own(client, three):
    page = said(compared(client, "1.0.0", "1.1.0", slug="api"))

    assert "Release from 1.0.0→ to 1.1.0 Packages of API api from 1.0.0→ to 1.1.0" in page


def test_a_component_that_came_or_went_says_so(client, shop):
    a_release(shop, "1.0.0")
    shop.components.filter(slug="ui").update(parent=None, kind="alone", stage=0, lifecycle=shop.lifecycle)
    a_release(shop, "1.1.0")

    assert "UI 1.0.0 No longer part of it" in said(compared(client, "1.0.0", "1.1.0"))
    assert "UI 1.0.0 New" in said(compared(client, "1.1.0", "1.0.0"))


def test_another_stage_is_a_change(client, shop):
    a_release(shop, "1.0.0")
    shop.components.filter(slug="ui").update(stage=3)
    a_release(shop, "1.1.0")

    assert "UI 1.0.0 Stage: 2 → 3" in said(compared(client, "1.0.0", "1.1.0"))


# -- how it is deployed -----------------------------------------------------------------------------------------------


def test_a_variable_is_told_with_its_values(client):
    client.force_login(a_manager())
    website = a_lone_project()
    with_a_variable(website, "one")
    with_a_variable(website, "two")

    page = said(compared(client, "1.0.0", "1.0.0+2", slug="website"))

    assert "The packages stay the same: only how they are deployed is different." in page
    assert "API_KEY From one→ to two" in page


def test_a_secret_is_told_without_its_values(client):
    client.force_login(a_manager())
    website = a_lone_project()
    with_a_variable(website, "hunter2", sensitive=True)
    with_a_variable(website, "hunter3", sensitive=True)

    page = said(compared(client, "1.0.0", "1.0.0+2", slug="website"))

    assert "API_KEY Changed (secret)" in page
    assert "hunter" not in page


def test_business_sees_that_something_is_deployed_differently_and_not_what(client):
    website = a_lone_project()
    with_a_variable(website, "one")
    with_a_variable(website, "two")
    client.force_login(a_user("bea", role="business_viewer"))

    page = said(compared(client, "1.0.0", "1.0.0+2", slug="website"))

    assert "The packages stay the same: only how they are deployed is different." in page
    assert "Process and variables" not in page
    assert "API_KEY" not in page


# -- which two --------------------------------------------------------------------------------------------------------


def test_without_a_word_the_newest_is_compared_with_what_is_live_in_the_last_environment(client, three):
    went_live(three[0])
    went_live(three[0], "PROD")
    went_live(three[1])

    assert title_of(compared(client)) == "Shop from 1.0.0→ to 1.2.0"


def test_what_is_live_already_is_compared_with_the_one_before(client, three):
    went_live(three[1])

    assert title_of(compared(client, after="1.1.0")) == "Shop from 1.0.0→ to 1.1.0"


def test_where_nothing_is_live_the_newest_is_compared_with_the_one_before(client, three):
    assert title_of(compared(client)) == "Shop from 1.1.0→ to 1.2.0"


def test_from_one_release_leads_to_the_newest(client, three):
    assert title_of(compared(client, before="1.0.0")) == "Shop from 1.0.0→ to 1.2.0"


def test_every_release_can_be_chosen_and_says_where_it_is_live(client, three):
    went_live(three[1])

    page = compared(client, "1.0.0", "1.2.0").content.decode()

    assert '<option value="1.1.0">1.1.0, live in TEST</option>' in page
    assert '<option value="1.0.0" selected>1.0.0</option>' in page


def test_without_releases_there_is_nothing_to_compare(client, shop):
    assert "Shop has no release yet. A comparison takes two." in said(compared(client))


def test_a_single_release_is_not_enough(client, shop):
    a_release(shop)

    assert "Shop has only one release so far. A comparison takes two." in said(compared(client))


@pytest.mark.parametrize(("before", "after"), [("9.9.9", "1.0.0"), ("1.0.0", "9.9.9"), ("a\0b", ""), ("", "a\0b")])
def test_a_release_that_there_is_not_is_not_found(client, three, before, after):
    assert compared(client, before, after).status_code == 404


def test_the_pages_of_a_project_lead_here(client, three):
    assert reverse("portal:compare", args=["shop"]) in opened(client, "project", "shop").content.decode()
    assert reverse("portal:compare", args=["api"]) in opened(client, "project", "api").content.decode()
