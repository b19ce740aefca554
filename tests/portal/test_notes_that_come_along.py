"""What a release brings also says what lies between it and what is live where it goes."""

import pytest
from django.urls import reverse

from projects.models import Project
from releases import actions
from releases.models import Release
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, went_live
from tests.deployments.scenes import a_manager
from tests.factories import a_release


@pytest.fixture
def shop(db: None) -> Project:
    return a_rows_shop()


def shown(client, release: Release) -> str:
    client.force_login(a_manager())
    return client.get(reverse("portal:release", args=[release.project.slug, release.number])).content.decode()


def test_the_notes_of_releases_that_never_went_there_come_with_it(client, shop):
    went_live(a_release(shop))
    actions.edit_notes(a_release(shop, ui="2.0.0"), "Reminders by text message.", by=a_manager())
    actions.edit_notes(Release.objects.get(project__name="UI", number="2.0.0"), "Larger type.", by=a_manager())

    page = shown(client, a_release(shop, ui="3.0.0"))

    assert "It also brings what these say" in page
    assert "Reminders by text message." in page
    assert "Larger type." in page


def test_what_is_live_already_does_not_come_again(client, shop):
    first = a_release(shop)
    actions.edit_notes(first, "The very first.", by=a_manager())
    went_live(first)

    assert "The very first." not in shown(client, a_release(shop, ui="2.0.0"))


def test_going_back_brings_no_notes_and_says_what_it_takes_back(client, shop):
    oldest = a_release(shop)
    actions.edit_notes(a_release(shop, ui="2.0.0"), "Larger type.", by=a_manager())
    went_live(a_release(shop, ui="3.0.0"))

    page = shown(client, oldest)

    brought, taken_back = page.split('<section class="notice is-wait" aria-label="Taken back">')
    assert "Larger type." not in brought
    assert "Larger type." in taken_back


def test_notes_are_shown_as_written_and_never_as_markup(client, shop):
    release = a_release(shop)
    client.force_login(a_manager())

    client.post(reverse("portal:notes", args=["shop", release.number]), {"notes": "<b>Bookings</b> for children"})

    assert "&lt;b&gt;Bookings&lt;/b&gt; for children" in shown(client, release)
