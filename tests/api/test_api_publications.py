"""Publications over the API: which pages are kept up to date, and how each stands, for whom."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from publishing.models import Publication, StackPublishing
from tests.api.callers import as_
from tests.factories import a_connection, a_publishing, a_release, a_stack, an_environment

pytestmark = pytest.mark.django_db

PUBLICATIONS = "/api/v1/publications"
SENTENCE = "wiki.example has a page with this title already."


@pytest.fixture
def publishing() -> StackPublishing:
    return a_publishing(a_stack("Shop", {"API": 1, "UI": 2}), a_connection())


def a_page(publishing: StackPublishing, component: str = "UI", **fields: object) -> Publication:
    place, project = an_environment("TEST"), publishing.project.components.get(name=component)
    usual = {"key": f"component:{project.pk}:{place.pk}", "kind": "component", "project": project, "environment": place}
    where = {"connection": publishing.connection, "space": publishing.space, "next_at": timezone.now()}
    return Publication.objects.create(publishing=publishing, **where | usual | fields)


def parked(publishing: StackPublishing) -> Publication:
    since = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
    return a_page(publishing, state="parked", problem=SENTENCE, failing_since=since, tries=1)


def test_it_says_everything_about_a_page(publishing):
    row = a_page(publishing, page_id="65001", title="UI - TEST", state="current", published_at=timezone.now())

    (shown,) = as_("viewer").get(PUBLICATIONS).json()["items"]

    assert shown["key"] == row.key
    assert (shown["kind"], shown["project"], shown["environment"], shown["release"]) == (
        "component",
        "ui",
        "test",
        None,
    )
    assert (shown["title"], shown["url"]) == (
        "UI - TEST",
        "https://confluence.example.com/pages/viewpage.action?pageId=65001",
    )
    assert (shown["state"], shown["current"], shown["sentence"]) == ("current", True, "The page says what is live.")


def test_a_release_page_names_its_release(publishing):
    release = a_release(publishing.project, "1.0.0")
    a_page(publishing, key="release:1", kind="release", project=publishing.project, environment=None, release=release)

    (shown,) = as_("viewer").get(PUBLICATIONS).json()["items"]

    assert (shown["project"], shown["release"], shown["sentence"]) == ("shop", "1.0.0", "The page is being made.")


def test_what_stands_in_the_way_is_told_to_administrators(publishing):
    parked(publishing)

    (shown,) = as_("administrator").get(PUBLICATIONS).json()["items"]

    assert shown["problem"] == SENTENCE


@pytest.mark.parametrize("role", ["business_viewer", "viewer", "release_manager"])
def test_others_are_told_that_somebody_has_to_see_to_it(publishing, role):
    parked(publishing)

    (shown,) = as_(role).get(PUBLICATIONS).json()["items"]

    assert shown["problem"] is None
    sentence = "The page could not be written since 1 May 2026, 12:30 UTC, and an administrator has to see to it."
    assert shown["sentence"] == sentence


def test_they_are_narrowed_by_project_and_by_state(publishing):
    a_page(publishing, "API")
    parked(publishing)
    client = as_("viewer")

    def keys(query: str) -> list[str]:
        return [shown["project"] for shown in client.get(f"{PUBLICATIONS}?{query}").json()["items"]]

    assert keys("project=api") == ["api"]
    assert keys("state=parked") == ["ui"]
    assert keys("project=api&state=parked") == []


def test_a_state_that_there_is_not_is_refused(publishing):
    assert as_("viewer").get(f"{PUBLICATIONS}?state=lost").status_code == 400


def test_pages_of_projects_that_one_does_not_see_are_not_listed(publishing):
    a_page(publishing)
    other = a_stack("Kiosk")

    assert as_("viewer", project=other).get(PUBLICATIONS).json()["items"] == []
