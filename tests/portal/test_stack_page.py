"""The page of a stack: its grid, its releases, the order of deployment, and the way back."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from projects.models import Project
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, failed, went_live
from tests.deployments.scenes import a_manager, requested
from tests.factories import a_lone_project, a_release, a_stack, a_trigger, a_user
from tests.portal.pages import buttons_of, opened, said, title_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client: Client) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


@pytest.fixture
def shop() -> Project:
    return a_rows_shop()


def stack_page(client: Client, slug: str = "shop", **query: str):
    return opened(client, "project", slug, **query)


def test_every_release_says_where_it_stands(client, manager, shop):
    first = a_release(shop, "1.0.0")
    went_live(first)
    went_live(first, "PROD")
    went_live(a_release(shop, "1.1.0", ui="1.1.0"))
    failed(a_release(shop, "1.2.0", ui="1.2.0"))

    page = said(stack_page(client))

    assert "1.2.0 just now by creator Failed: 1.2.0 in TEST Not yet" in page
    assert "1.1.0 just now by creator Live now Not yet" in page
    assert "1.0.0 just now by creator Was live: 1.0.0 in TEST Live now" in page


def test_a_prevented_release_is_marked(client, manager, shop):
    release = a_release(shop, "1.0.0")
    client.post(f"/projects/shop/releases/{release.number}/prevent/", {"reason": "Wrong prices"})

    assert "May not go further" in said(stack_page(client))


def test_components_are_listed_in_the_order_of_deployment(client, manager, shop):
    page = said(stack_page(client))

    order = page.partition("Order of deployment")[2]
    assert order.index("API") < order.index("UI")


def test_a_stack_without_components_says_who_adds_them(client, manager):
    a_stack("Kiosk")

    assert "No components yet. An administrator adds them." in said(stack_page(client, "kiosk"))


def test_without_a_trigger_it_does_not_promise_a_release(client, manager, shop):
    assert "No release yet. No trigger creates releases here: a release manager does." in said(stack_page(client))


def test_with_a_trigger_it_says_what_brings_the_first_release(client, manager, shop):
    a_trigger(shop)

    assert "No release yet. It comes as soon as every package has been pushed." in said(stack_page(client))


def test_the_way_back_names_what_was_live_before(client, manager, shop):
    went_live(a_release(shop, "1.0.0"))
    went_live(a_release(shop, "1.1.0", ui="1.1.0"))

    assert "Roll back TEST to 1.0.0…" in buttons_of(stack_page(client))


def test_there_is_no_way_back_before_a_second_release(client, manager, shop):
    went_live(a_release(shop, "1.0.0"))

    assert "Way back" not in said(stack_page(client))


@pytest.mark.parametrize(
    ("role", "buttons"),
    [
        ("business_viewer", ["Deployments", "Compare releases"]),
        ("viewer", ["Deployments", "Compare releases"]),
        ("approver", ["Deployments", "Compare releases"]),
        ("administrator", ["Deployments", "Compare releases", "Share…"]),
        ("deployer", ["Deployments", "Compare releases", "Create a release"]),
        (
            "release_manager",
            ["Deployments", "Compare releases", "Put on hold…", "Create a release", "Roll back TEST to 1.0.0…"],
        ),
    ],
)
def test_a_role_decides_which_buttons_there_are(client, shop, role, buttons):
    went_live(a_release(shop, "1.0.0"))
    went_live(a_release(shop, "1.1.0", ui="1.1.0"))
    client.force_login(a_user("pat", role=role))

    assert buttons_of(stack_page(client)) == buttons


def test_a_project_on_its_own_has_a_page_without_components(client, manager):
    went_live(a_release(a_lone_project("Website"), website="2.0.0"))

    response = stack_page(client, "website")

    assert title_of(response) == "Website"
    assert "Order of deployment" not in said(response)
    assert "Which version of Website is live in each environment" in said(response)


def test_older_releases_are_on_the_next_page(client, manager):
    website = a_lone_project("Website")
    for minor in range(21):
        a_release(website, website=f"1.{minor}.0")

    first = stack_page(client, "website")
    older = first.content.decode().split('class="btn sm" href="')[1].split('"')[0]
    second = said(client.get(older))

    assert "1.20.0" in said(first)
    assert "1.0.0 just now" not in said(first)
    assert "1.0.0 just now" in second


def test_a_stranger_does_not_learn_that_it_exists(client, shop):
    client.force_login(a_user("stranger"))

    assert stack_page(client).status_code == stack_page(client, "nowhere").status_code == 404


def queries_of(client: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        stack_page(client)
    return len(queries)


def test_many_releases_take_as_many_queries_as_one(client, shop):
    client.force_login(a_user("vera", role="viewer"))
    went_live(a_release(shop, "1.0.0"))
    one = queries_of(client)
    for minor in range(1, 6):
        went_live(a_release(shop, f"1.{minor}.0", ui=f"1.{minor}.0"))
    requested(shop.releases.get(number="1.5.0"), "PROD")

    assert (one, queries_of(client)) == (30, 30)
