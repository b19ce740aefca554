"""Putting a release together by hand."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from projects.models import Project
from registry import actions as registry
from registry.models import Package
from releases.actions import NOTES_MAX
from releases.models import Release
from tests.deployments.rows import a_rows_shop
from tests.deployments.scenes import a_manager
from tests.factories import a_stack, a_user, a_version
from tests.portal.pages import errors_of, opened, said, title_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client: Client) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


@pytest.fixture
def shop() -> Project:
    """Two versions of the UI, one of the API."""
    shop = a_rows_shop()
    a_version("api", "1.0.0")
    a_version("ui", "1.4.0")
    a_version("ui", "1.10.0")
    return shop


def create_page(client: Client, slug: str = "shop"):
    return opened(client, "release-create", slug)


def create(client: Client, slug: str = "shop", notes: str = "", **versions: str):
    """What the form sends when these versions (package → version) are chosen."""
    chosen = {f"version_{Package.objects.get(name=name).pk}": version for name, version in versions.items()}
    return client.post(reverse("portal:release-create", args=[slug]), chosen | {"notes": notes})


def test_the_newest_version_of_every_package_comes_first(client, manager, shop):
    response = create_page(client)

    ui = response.content.decode().partition(">ui</label>")[2].partition("</select>")[0]
    assert title_of(response) == "Create a release of Shop"
    assert ui.index("1.10.0") < ui.index("1.4.0")


def test_a_release_holds_what_was_chosen_and_its_notes(client, manager, shop):
    response = create(client, api="1.0.0", ui="1.4.0", notes="Reminders")

    release = shop.releases.get()
    assert response.url == reverse("portal:release", args=["shop", release.number])
    assert release.components.get(component__slug="ui").release.number == "1.4.0"
    assert (release.notes, release.created_by) == ("Reminders", manager)
    assert f"Shop {release.number} was created." in said(client.get(response.url))


def test_the_same_again_leads_to_the_release_that_exists(client, manager, shop):
    first = create(client, api="1.0.0", ui="1.4.0")

    second = create(client, api="1.0.0", ui="1.4.0")

    assert second.url == first.url
    assert "holds exactly this already." in said(client.get(second.url))
    assert shop.releases.count() == 1


def test_a_withdrawn_version_is_not_on_offer(client, manager, shop):
    registry.withdraw(a_version("ui", "1.10.0"), by=manager, reason="It leaks")

    page = create_page(client).content.decode()
    response = create(client, api="1.0.0", ui="1.10.0")

    assert "1.10.0" not in page
    assert response.status_code == 422
    assert errors_of(response) == ["Choose one of the versions of ui that are on offer."]
    assert not Release.objects.exists()


def test_a_package_without_a_version_is_pushed_first(client, manager):
    a_rows_shop()
    a_version("ui", "1.4.0")

    response = create(client, ui="1.4.0")

    assert response.status_code == 422
    assert errors_of(response) == ["api has no version yet that could be deployed. Push one first."]
    assert not Release.objects.exists()


def test_notes_that_are_too_long_are_refused_and_kept(client, manager, shop):
    response = create(client, api="1.0.0", ui="1.4.0", notes="x" * (NOTES_MAX + 1))

    assert response.status_code == 422
    assert errors_of(response) == ["Notes hold at most 20,000 characters."]
    assert "x" * (NOTES_MAX + 1) in response.content.decode()
    assert not Release.objects.exists()


def test_a_stack_without_components_says_who_adds_them(client, manager):
    a_stack("Kiosk")

    response = create(client, "kiosk")

    assert response.status_code == 422
    assert errors_of(response) == ["Kiosk has no components yet. An administrator adds them."]


@pytest.mark.parametrize("role", ["business_viewer", "viewer", "approver", "administrator"])
def test_without_the_role_a_sentence_says_which_one_it_takes(client, shop, role):
    client.force_login(a_user("pat", role=role))

    response = create(client, api="1.0.0", ui="1.4.0")

    sentence = "You may not create a release for Shop. It takes the role deployer or release manager;"
    assert response.status_code == create_page(client).status_code == 403
    assert sentence in said(response)
    assert not Release.objects.exists()


def test_a_stranger_does_not_learn_that_the_stack_exists(client, shop):
    client.force_login(a_user("stranger"))

    assert create_page(client).status_code == create(client).status_code == 404
