"""The page of a component: where it is, whether it is in step, and what may be done with it on its own."""

import pytest
from django.test import Client

from accounts.models import User
from projects.models import Project
from releases.models import Release
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, went_live
from tests.deployments.scenes import a_manager
from tests.factories import a_release, a_user
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


def component_page(client: Client, slug: str = "ui"):
    return opened(client, "project", slug)


def ui_of(release: Release) -> Release:
    return release.components.get(component__slug="ui").release


def test_it_says_to_which_stack_and_stage_it_belongs(client, manager, shop):
    response = component_page(client)

    assert title_of(response) == "UI"
    assert "Component of Shop, stage 2." in said(response)
    assert "No release yet. The first release of Shop brings one." in said(response)


def test_in_step_it_says_what_its_stack_names(client, manager, shop):
    went_live(a_release(shop, "1.0.0", ui="1.4.0"))

    assert "As 1.0.0 names it." in said(component_page(client))


def test_out_of_step_it_says_what_its_stack_names(client, manager, shop):
    went_live(a_release(shop, "1.0.0", ui="1.4.0"))
    went_live(ui_of(a_release(shop, "1.1.0", ui="1.5.0")))

    assert "Out of step: 1.0.0 names 1.4.0." in said(component_page(client))


def test_it_may_be_promoted_from_one_environment_to_the_next(client, manager, shop):
    went_live(a_release(shop, "1.0.0", ui="1.4.0"))

    assert "Promote 1.4.0 to PROD…" in buttons_of(component_page(client))


def test_what_is_live_in_both_is_not_offered_for_promotion(client, manager, shop):
    release = a_release(shop, "1.0.0", ui="1.4.0")
    went_live(release)
    went_live(release, "PROD")

    assert "On its own" not in said(component_page(client))


def test_an_older_version_is_no_promotion(client, manager, shop):
    older, newer = a_release(shop, "1.0.0", ui="1.4.0"), a_release(shop, "1.1.0", ui="1.5.0")
    went_live(older)
    went_live(newer)
    went_live(newer, "PROD")
    went_live(older)

    assert "Promote 1.4.0 to PROD…" not in buttons_of(component_page(client))


def test_it_may_be_rolled_back_to_what_was_live_before(client, manager, shop):
    went_live(a_release(shop, "1.0.0", ui="1.4.0"))
    went_live(a_release(shop, "1.1.0", ui="1.5.0"))

    assert "Roll back TEST to 1.4.0…" in buttons_of(component_page(client))


@pytest.mark.parametrize("role", ["business_viewer", "viewer", "deployer", "approver", "administrator"])
def test_only_a_release_manager_acts_on_one_component(client, shop, role):
    went_live(a_release(shop, "1.0.0", ui="1.4.0"))
    went_live(a_release(shop, "1.1.0", ui="1.5.0"))
    client.force_login(a_user("pat", role=role))

    response = component_page(client)

    assert buttons_of(response) == ["Deployments on its own", "Compare releases"]
    assert "For what cannot wait" not in said(response)


def test_business_does_not_read_which_packages_it_holds(client, shop):
    client.force_login(a_user("bea", role="business_viewer"))
    business = said(component_page(client))
    client.force_login(a_user("vera", role="viewer"))

    assert "Packages" not in business
    assert "Packages ui" in said(component_page(client))


def test_a_stranger_does_not_learn_that_it_exists(client, shop):
    client.force_login(a_user("stranger"))

    assert component_page(client).status_code == 404
