"""The notes, which are all that ever changes of a release, and keeping one from going further."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Event, User
from releases import actions as releases
from releases.actions import NOTES_MAX
from releases.models import Release
from tests.deployments.rows import a_rows_shop
from tests.deployments.scenes import a_manager
from tests.factories import a_release, a_user
from tests.portal.pages import errors_of, opened, said

pytestmark = pytest.mark.django_db


@pytest.fixture
def manager(client: Client) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


@pytest.fixture
def release() -> Release:
    return a_release(a_rows_shop(), "1.0.0")


def send(client: Client, name: str, **fields: str):
    return client.post(reverse(f"portal:{name}", args=["shop", "1.0.0"]), fields)


def test_the_form_begins_with_the_notes_as_they_are(client, manager, release):
    releases.edit_notes(release, "Reminders", by=manager)

    assert "Reminders</textarea>" in opened(client, "notes", "shop", "1.0.0").content.decode()


def test_new_notes_are_shown_and_the_old_ones_stay_on_record(client, manager, release):
    send(client, "notes", notes="Reminders")

    response = send(client, "notes", notes="Reminders and refunds")

    assert response.url == reverse("portal:release", args=["shop", "1.0.0"])
    assert "The notes of Shop 1.0.0 were changed." in said(client.get(response.url))
    assert Event.objects.filter(verb="release.notes").latest("pk").data["before"] == "Reminders"


def test_notes_that_are_too_long_are_refused(client, manager, release):
    response = send(client, "notes", notes="x" * (NOTES_MAX + 1))

    release.refresh_from_db()
    assert response.status_code == 422
    assert errors_of(response) == ["Notes hold at most 20,000 characters."]
    assert release.notes == ""


@pytest.mark.parametrize("role", ["business_viewer", "viewer", "approver", "administrator"])
def test_without_the_role_the_notes_stay_as_they_are(client, release, role):
    client.force_login(a_user("pat", role=role))

    response = send(client, "notes", notes="Mine")

    release.refresh_from_db()
    assert response.status_code == opened(client, "notes", "shop", "1.0.0").status_code == 403
    assert release.notes == ""


def test_a_prevented_release_says_by_whom_and_why(client, manager, release):
    response = send(client, "prevent", reason="Wrong prices")

    page = said(client.get(response.url))
    assert "Shop 1.0.0 may not go further from now on." in page
    assert "mia prevented it just now: Wrong prices" in page


def test_prevention_needs_a_reason(client, manager, release):
    response = send(client, "prevent", reason="  ")

    release.refresh_from_db()
    assert response.status_code == 422
    assert errors_of(response) == ["Say why this release may not go further, so that everybody knows."]
    assert '<a href="#id_reason">' in response.content.decode()
    assert not release.is_prevented


def test_nobody_prevents_twice(client, manager, release):
    send(client, "prevent", reason="Wrong prices")

    response = send(client, "prevent", reason="Wrong taxes, too")

    release.refresh_from_db()
    assert response.status_code == 422
    assert errors_of(response) == ["The progression of Shop 1.0.0 is prevented already."]
    assert release.progression_prevented_reason == "Wrong prices"


def test_a_release_is_allowed_again(client, manager, release):
    send(client, "prevent", reason="Wrong prices")

    response = send(client, "allow")

    release.refresh_from_db()
    assert "Shop 1.0.0 may go further again." in said(client.get(response.url))
    assert not release.is_prevented


def test_allowing_what_nobody_prevented_says_so(client, manager, release):
    response = send(client, "allow")

    assert "The progression of Shop 1.0.0 is not prevented." in said(client.get(response.url))
    assert not Event.objects.filter(verb="release.allowed").exists()


@pytest.mark.parametrize("role", ["viewer", "deployer", "approver", "administrator"])
def test_only_a_release_manager_prevents_and_allows(client, manager, release, role):
    client.force_login(a_user("pat", role=role))

    answers = [send(client, "prevent", reason="Mine").status_code, send(client, "allow").status_code]

    release.refresh_from_db()
    assert answers == [403, 403]
    assert not release.is_prevented


def test_a_stranger_does_not_learn_that_the_release_exists(client, release):
    client.force_login(a_user("stranger"))

    answers = [send(client, name, reason="Mine", notes="Mine").status_code for name in ("notes", "prevent", "allow")]

    assert answers == [404, 404, 404]
