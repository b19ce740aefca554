"""The overview: what is running where, who is asked for what, and what a new installation still needs."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from lifecycles.models import Environment, Lifecycle
from projects.models import Project
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, claimed, failed, interrupted, run_out, went_live
from tests.deployments.scenes import a_gate, a_manager, pushed, requested
from tests.factories import (
    a_lifecycle,
    a_lone_project,
    a_release,
    a_stack,
    a_trigger,
    a_user,
    a_version,
    an_administrator,
    an_environment,
)
from tests.portal.pages import buttons_of, opened, said, words

pytestmark = pytest.mark.django_db

OPEN, DONE, LOCKED = "To do", "Done", "Cannot start yet"


@pytest.fixture
def shop() -> Project:
    return a_rows_shop()


@pytest.fixture
def viewer(client: Client) -> User:
    viewer = a_user("vera", role="viewer")
    client.force_login(viewer)
    return viewer


def overview(client: Client) -> str:
    return said(opened(client, "overview"))


def live(client: Client, rev: str = "", stack: str = "shop"):
    return opened(client, "overview-live", stack=stack, rev=rev)


def revision_of(client: Client) -> str:
    return opened(client, "overview").content.decode().split("rev=")[1].split('"')[0]


# -- the grid ---------------------------------------------------------------------------------------------------------


def test_the_grid_says_which_version_is_live_where(client, viewer, shop):
    went_live(a_release(shop, "1.0.0", ui="1.4.0"))

    page = overview(client)

    assert "PROD has no release yet." in page
    assert "UI Stage 2 1.4.0 Deployed just now: what UI brought to TEST Nothing deployed yet" in page


def test_an_environment_says_how_far_it_is_behind(client, viewer, shop):
    release = a_release(shop, "1.0.0")
    went_live(release)
    went_live(release, "PROD")
    went_live(a_release(shop, "1.1.0", ui="1.1.0"))

    assert "PROD is 1 release behind TEST." in overview(client)


def test_a_failure_stands_beside_what_is_live(client, viewer, shop):
    went_live(a_release(shop, "1.0.0"))
    failed(a_release(shop, "1.1.0", api="1.1.0"))

    page = overview(client)

    assert "API Stage 1 1.0.0 Deployed just now: what API brought to TEST Failed 1.1.0" in page


def test_a_component_on_its_own_is_shown_out_of_step(client, viewer, shop):
    went_live(a_release(shop, "1.0.0"))
    newer = a_release(shop, "1.1.0", ui="1.1.0")
    went_live(newer.components.get(component__slug="ui").release)

    page = overview(client)

    assert "UI is out of step in TEST." in page
    assert "Out of step: 1.0.0 names 1.0.0." in page


def test_a_project_on_its_own_is_not_called_a_stack(client, viewer):
    went_live(a_release(a_lone_project("Website"), website="2.0.0"))

    page = overview(client)

    assert "Website 2.0.0 Deployed" in page
    assert "stack" not in page


def test_a_person_sees_the_stacks_of_their_roles_and_no_others(client, shop):
    a_stack("Kiosk", components={"Till": 1})
    client.force_login(a_user("vera", role="viewer", project=shop))

    page = overview(client)

    assert "Shop" in page
    assert "Kiosk" not in page


def test_a_role_for_one_component_leads_to_that_component(client, shop):
    ui = Project.objects.get(slug="ui")
    client.force_login(a_user("vera", role="viewer", project=ui))

    response = opened(client, "overview")

    assert "Components that you may see UI" in said(response)
    assert reverse("portal:project", args=["ui"]) in response.content.decode()
    assert "Shop" not in said(response)


def test_somebody_without_a_role_reads_whom_to_ask(client, shop):
    client.force_login(a_user("stranger"))

    page = overview(client)

    assert "Ask an administrator for the ones that you work with." in page
    assert "Shop" not in page


# -- who is asked -----------------------------------------------------------------------------------------------------


def test_whoever_may_decide_is_asked_to(client, shop):
    client.force_login(a_gate("TEST"))
    requested(a_release(shop, "1.0.0"))

    response = opened(client, "overview")

    assert "Your decision is needed mia asked just now for Shop 1.0.0 to go to TEST." in said(response)
    assert "Review and decide on Shop 1.0.0 to TEST" in buttons_of(response)
    assert "Waiting for you , waiting: 1" in words(response.content.decode())


def test_the_requester_is_not_asked(client, shop):
    a_gate("TEST")
    requested(a_release(shop, "1.0.0"))
    client.force_login(a_manager())

    page = overview(client)

    assert "Your decision is needed" not in page
    assert "Waiting for approval 1.0.0" in page


# -- recent activity --------------------------------------------------------------------------------------------------


def test_recent_activity_says_what_happened_to_ones_own_projects(client, shop):
    went_live(a_release(shop, "1.0.0"))
    went_live(a_release(a_stack("Kiosk", components={"Till": 1}), "7.0.0"))
    client.force_login(a_user("vera", role="viewer", project=shop))

    page = overview(client)

    assert "Shop 1.0.0" in page
    assert "Kiosk" not in page


def test_business_does_not_read_about_packages(client, settings, tmp_path):
    settings.PACKAGES_DIR = tmp_path
    a_trigger(a_stack("Shop", components={"UI": 1}))
    pushed("ui", "3.2.1")
    client.force_login(a_user("vera", role="viewer"))
    technical = overview(client)

    client.force_login(a_user("bea", role="business_viewer"))

    assert "ui 3.2.1 led to Shop" in technical
    assert "ui 3.2.1 led to Shop" not in overview(client)


# -- the fragment that refreshes itself -------------------------------------------------------------------------------


def test_an_unchanged_grid_is_not_sent_again(client, viewer, shop):
    went_live(a_release(shop, "1.0.0"))

    response = live(client, rev=revision_of(client))

    assert response.status_code == 204
    assert response.content == b""


def test_a_changed_grid_is_sent_with_its_new_revision(client, viewer, shop):
    release = a_release(shop, "1.0.0")
    before = revision_of(client)
    requested(release)

    response = live(client, rev=before)

    assert response.status_code == 200
    assert "Waits for a worker" in response.content.decode()
    assert f"rev={before}" not in response.content.decode()


def test_the_fragment_holds_the_grid_alone(client, viewer, shop):
    response = live(client)

    assert response.content.decode().lstrip().startswith('<section class="card" id="grid-shop"')


@pytest.mark.parametrize("stack", ["", "nowhere", "a\x00b"])
def test_there_is_no_fragment_of_a_stack_that_does_not_exist(client, viewer, shop, stack):
    assert live(client, stack=stack).status_code == 404


def test_a_stranger_does_not_learn_that_the_stack_exists(client, shop):
    client.force_login(a_user("stranger"))

    assert live(client).status_code == 404


# -- the first steps of a new installation ----------------------------------------------------------------------------


def steps(client: Client) -> list[str]:
    """The word at the end of each first step, in order."""
    page = opened(client, "overview").content.decode()
    return [part.partition("<")[0] for part in page.split('<span class="word">')[1:]]


@pytest.fixture
def administrator(client: Client) -> User:
    administrator = an_administrator()
    client.force_login(administrator)
    return administrator


def test_everything_begins_with_environments(client, administrator):
    Environment.objects.all().delete()

    assert steps(client) == [OPEN, LOCKED, LOCKED, LOCKED, LOCKED]


def test_environments_lead_to_a_lifecycle(client, administrator):
    Lifecycle.objects.all().delete()
    an_environment("TEST")
    an_environment("PROD")

    assert steps(client) == [DONE, OPEN, LOCKED, LOCKED, LOCKED]
    assert "TEST, PROD exist." in overview(client)


def test_a_lifecycle_leads_to_a_stack(client, administrator):
    a_lifecycle()

    assert steps(client) == [DONE, DONE, OPEN, LOCKED, LOCKED]


def test_a_stack_leads_to_the_first_push(client, administrator, shop):
    assert steps(client) == [DONE, DONE, DONE, OPEN, LOCKED]


def test_a_push_leads_to_the_first_release(client, administrator, shop):
    a_version("ui")

    assert steps(client) == [DONE, DONE, DONE, DONE, OPEN]


def test_the_first_release_ends_the_first_steps(client, administrator, shop):
    a_release(shop)

    assert "First steps" not in overview(client)


def test_only_an_administrator_is_led_into_the_configuration(client, shop):
    Project.objects.filter(slug__in=["ui", "api"]).delete()
    client.force_login(an_administrator())
    administrators = opened(client, "overview").content.decode()
    client.force_login(a_user("vera", role="viewer"))
    viewers = opened(client, "overview").content.decode()

    link = f'<a href="{reverse("admin:index")}">Add a stack and its components</a>'
    assert link in administrators
    assert "Add a stack and its components" in viewers
    assert reverse("admin:index") not in viewers


# -- how much it asks the database ------------------------------------------------------------------------------------


def queries_of(client: Client) -> int:
    with CaptureQueriesContext(connection) as queries:
        opened(client, "overview")
    return len(queries)


def test_five_stacks_take_as_many_queries_as_one(client, viewer, shop):
    went_live(a_release(shop, "1.0.0"))
    one = queries_of(client)
    for name in ("Kiosk", "Depot", "Office", "Yard"):
        went_live(a_release(a_stack(name, components={f"{name} API": 1, f"{name} UI": 2}), "1.0.0"))
        requested(a_release(Project.objects.get(name=name), "1.1.0", **{f"{name.lower()}_ui": "1.1.0"}))
    run_out()

    assert (one, queries_of(client)) == (24, 24)


def test_of_many_that_wait_for_a_person_a_few_stand_above_the_grid_and_the_rest_is_linked(client):
    for number in range(5):
        requested(a_release(a_lone_project(f"Site {number}")))
        interrupted(claimed())
    client.force_login(a_manager())

    page = opened(client, "overview")

    assert said(page).count("Nobody knows what became of") == 3
    assert "2 more cannot go on until you decide. All that waits for you" in said(page)
    assert said(opened(client, "waiting")).count("Nobody knows what became of") == 5
