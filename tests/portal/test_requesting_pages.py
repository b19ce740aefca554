"""Asking for a release to go somewhere, a component to go alone, and a new release to be put together."""

import pytest
from django.urls import reverse

from deployments.models import Deployment
from projects.models import Project
from releases.models import Release
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, went_live
from tests.deployments.scenes import a_gate, a_manager
from tests.factories import a_release, a_user, a_version, an_environment


@pytest.fixture
def shop(db: None) -> Project:
    return a_rows_shop()


@pytest.fixture
def manager(client, shop):
    client.force_login(a_manager())
    return client


def address(release: Release, environment: str = "test") -> str:
    return f"{reverse('portal:request', args=[release.project.slug, release.number])}?environment={environment}"


def ui_release(number: str = "1.0.0") -> Release:
    return Release.objects.get(project__name="UI", number=number)


# -- a stack ----------------------------------------------------------------------------------------------------------


def test_the_page_says_what_will_happen_before_anything_happens(manager, shop):
    a_gate("TEST")

    page = manager.get(address(a_release(shop))).content.decode()

    assert "What will change in TEST" in page
    assert "It needs 1 approval (Gate) once it has been requested." in page
    assert not Deployment.objects.exists()


def test_asking_leads_to_the_deployment(manager, shop):
    response = manager.post(address(a_release(shop)), {"reason": "The fix for the reminders"})

    deployment = Deployment.objects.get(parent=None)
    assert response.url == reverse("portal:deployment", args=[deployment.pk])
    assert (deployment.environment.name, deployment.reason) == ("TEST", "The fix for the reminders")


def test_without_an_environment_it_is_about_the_next_one(manager, shop):
    release = a_release(shop)
    went_live(release)

    page = manager.get(reverse("portal:request", args=["shop", release.number])).content.decode()

    assert "Request 1.0.1 for PROD" in page


def test_an_environment_outside_the_lifecycle_is_not_found(manager, shop):
    an_environment("DEMO")

    assert manager.get(address(a_release(shop), "demo")).status_code == 404


def test_a_release_that_may_not_go_there_is_refused_with_every_reason(manager, shop):
    release = a_release(shop)

    page = manager.get(address(release, "prod")).content.decode()
    response = manager.post(address(release, "prod"), {"reason": ""})

    assert "It cannot be requested as it is" in page
    assert '<button class="btn pri big"' not in page
    assert response.status_code == 422
    assert "It must first succeed in TEST" in response.content.decode()
    assert not Deployment.objects.exists()


def test_who_may_not_ask_is_told_which_role_it_takes(client, shop):
    client.force_login(a_user("vera", role="viewer"))

    response = client.post(address(a_release(shop)), {"reason": ""})

    assert response.status_code == 422
    assert "It takes the role deployer or release manager" in response.content.decode()
    assert not Deployment.objects.exists()


def test_an_unreadable_time_is_said_at_its_field(manager, shop):
    response = manager.post(address(a_release(shop)), {"start_at": "tonight"})

    page = response.content.decode()
    assert response.status_code == 422
    assert '<a href="#id_start_at">Give date and time' in page
    assert "<title>Error: " in page


def test_a_window_that_ends_before_it_begins_is_said_at_its_field(manager, shop):
    details = {"start_at": "2126-11-24T18:00", "not_after": "2126-11-24T17:00"}

    response = manager.post(address(a_release(shop)), details)

    assert response.status_code == 422
    assert '<a href="#id_not_after">' in response.content.decode()


def test_going_back_is_called_so(manager, shop):
    first = a_release(shop)
    went_live(first)
    went_live(a_release(shop, ui="2.0.0"))

    page = manager.get(address(first)).content.decode()

    assert "Roll back TEST to 1.0.1" in page


# -- a component on its own -------------------------------------------------------------------------------------------


@pytest.fixture
def newer(manager, shop) -> Release:
    """UI 2.0.0 has been in TEST with its stack; PROD runs the release before."""
    first = a_release(shop)
    went_live(first)
    went_live(first, "PROD")
    went_live(a_release(shop, ui="2.0.0"))
    return ui_release("2.0.0")


def test_the_page_says_what_it_breaks_and_what_to_do_instead(manager, newer):
    page = manager.get(address(newer, "prod")).content.decode()

    assert "UI will be out of step in PROD" in page
    assert "PROD runs Shop 1.0.1, which names 1.0.0." in page
    assert reverse("portal:release", args=["shop", "1.0.2"]) in page


def test_it_needs_a_reason_and_the_name_of_the_environment(manager, newer):
    response = manager.post(address(newer, "prod"), {"reason": " ", "typed": "TEST"})

    page = response.content.decode()
    assert response.status_code == 422
    assert "Say why UI cannot wait for a release of Shop." in page
    assert "Type PROD to confirm that this is the environment you mean." in page
    assert not Deployment.objects.filter(environment__name="PROD", project=newer.project, parent=None).exists()


def test_with_both_it_goes_alone(manager, newer):
    manager.post(address(newer, "prod"), {"reason": "The login button is hidden.", "typed": "prod"})

    deployment = Deployment.objects.get(environment__name="PROD", project=newer.project, parent=None)
    assert deployment.is_alone
    assert deployment.reason == "The login button is hidden."


def test_a_deployer_may_not_send_it_alone(client, newer):
    client.force_login(a_user("dora", role="deployer"))

    response = client.post(address(newer, "prod"), {"reason": "Please", "typed": "PROD"})

    assert response.status_code == 422
    assert "It takes the role release manager" in response.content.decode()


def test_going_back_to_what_the_stack_names_brings_it_in_step_again(manager, newer):
    manager.post(address(newer, "prod"), {"reason": "Hot-fix", "typed": "PROD"})

    page = manager.get(address(ui_release(), "prod")).content.decode()

    assert "UI will be in step in PROD" in page


# -- a new release ----------------------------------------------------------------------------------------------------


def a_new_release(client, **versions: str):
    page = client.get(reverse("portal:release-create", args=["shop"]))
    fields = {f"version_{package.pk}": versions[package.name] for package in page.context["form"].packages}
    return client.post(reverse("portal:release-create", args=["shop"]), fields | {"notes": "By hand"})


def test_the_newest_version_of_every_package_is_chosen_beforehand(manager, shop):
    a_version("api", "1.10.0")
    a_version("api", "1.9.0")
    a_version("ui", "1.0.0")

    page = manager.get(reverse("portal:release-create", args=["shop"])).content.decode()

    assert page.index('value="1.10.0"') < page.index('value="1.9.0"')


def test_a_release_is_put_together_from_what_was_chosen(manager, shop):
    a_version("api", "1.10.0")
    a_version("api", "1.9.0")
    a_version("ui", "1.0.0")

    response = a_new_release(manager, api="1.9.0", ui="1.0.0")

    release = Release.objects.get(project=shop)
    assert response.url == reverse("portal:release", args=["shop", release.number])
    assert release.notes == "By hand"
    assert [line.release.number for line in release.components.all()] == ["1.9.0", "1.0.0"]


def test_the_same_contents_lead_to_the_release_that_holds_them(manager, shop):
    there = a_release(shop)

    response = a_new_release(manager, api="1.0.0", ui="1.0.0")

    assert response.url == reverse("portal:release", args=["shop", there.number])
    assert Release.objects.filter(project=shop).count() == 1


def test_a_package_without_a_version_is_named(manager, shop):
    a_version("api", "1.0.0")

    response = a_new_release(manager, api="1.0.0", ui="")

    assert response.status_code == 422
    assert "ui has no version yet that could be deployed." in response.content.decode()


def test_a_version_that_is_not_on_offer_is_refused(manager, shop):
    a_version("api", "1.0.0")
    a_version("ui", "1.0.0")

    response = a_new_release(manager, api="6.6.6", ui="1.0.0")

    assert response.status_code == 422
    assert "Choose one of the versions of api that are on offer." in response.content.decode()
