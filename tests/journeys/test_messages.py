"""From a message to the decision on a phone, and choosing what one gets, with and without JavaScript."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from deployments.models import Deployment, Status
from publishing.messages import links
from publishing.models import Kind, Subscription
from tests.deployments.rows import a_rows_shop
from tests.deployments.scenes import requested
from tests.factories import a_notice, a_release, a_rule, a_stack, a_user
from tests.journeys.people import PASSWORD, somebody

pytestmark = [pytest.mark.journey, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("js", [True, False], ids=["with JavaScript", "without"])
def test_a_message_leads_over_the_door_to_the_decision(new_page: Callable[..., Page], js: bool):
    otto = somebody("otto", "approver")
    a_rule("Gate", ["TEST"], people=[otto])
    row = requested(a_release(a_rows_shop(), "1.0.0"))
    page = new_page(viewport="phone", js=js)

    page.goto(links.path_of(a_notice(row, Kind.DECISION_NEEDED)))
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve Shop 1.0.0 for TEST?")
    assert Deployment.objects.get(pk=row.pk).status == Status.REQUESTED
    page.get_by_role("button", name="Approve").click()

    expect(page.get_by_role("status").first).to_contain_text("You approved Shop 1.0.0 to TEST.")
    assert Deployment.objects.get(pk=row.pk).status != Status.REQUESTED


@pytest.mark.parametrize("js", [True, False], ids=["with JavaScript", "without"])
def test_choosing_is_done_by_keyboard_and_form_alone(new_page: Callable[..., Page], js: bool):
    a_stack("Shop", components={"UI": 1})
    vera = a_user("vera", role="viewer")
    page = new_page(viewport="phone", js=js, user=vera)

    page.goto("/")
    page.get_by_text("Menu").click()
    page.get_by_role("link", name="My messages").last.click()
    page.get_by_label("Choices for").select_option("shop")
    page.get_by_role("button", name="Show").press("Enter")
    page.get_by_label("Finished").select_option("daily")
    page.get_by_label("Once a day at").select_option("7")
    page.get_by_role("button", name="Keep these choices").press("Enter")

    expect(page.get_by_role("status").first).to_contain_text("Your choices for Shop are kept.")
    expect(page.get_by_label("Finished")).to_have_value("daily")
    row = Subscription.objects.get()
    assert (row.person, row.project.slug, row.kinds, row.hour) == (vera, "shop", ["finished"], 7)
