"""A feed of what went live: one entry for each time, and nothing sent again to who has it."""

from xml.etree import ElementTree as ET

import pytest
from django.test import RequestFactory

from projects.models import Project
from publishing import feeds
from releases import actions
from releases.models import Release
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, went_live
from tests.deployments.scenes import a_manager
from tests.factories import a_release, an_environment

pytestmark = pytest.mark.django_db

ATOM = {"a": "http://www.w3.org/2005/Atom"}
PAGE = "https://signalbox.example.com/page/"


@pytest.fixture
def shop(settings) -> Project:
    settings.BASE_URL = "https://signalbox.example.com"
    return a_rows_shop()


def asked(project: Project, **headers: str):
    request = RequestFactory().get("/feed.atom", headers=headers)
    addresses = feeds.Addresses(f"{PAGE}feed.atom", PAGE, lambda live: f"{PAGE}{live.release.number}/")
    return feeds.answer(request, project, an_environment("TEST"), addresses)


def entries(response) -> list[ET.Element]:
    return ET.fromstring(response.content).findall("a:entry", ATOM)


def titles(response) -> list[str]:
    return [entry.findtext("a:title", namespaces=ATOM) for entry in entries(response)]


def noted(release: Release, notes: str) -> Release:
    actions.edit_notes(release, notes, by=a_manager())
    return release


def test_each_time_that_something_went_live_is_an_entry_newest_first(shop):
    first, second = a_release(shop, "1.0.0", ui="1.0.0"), a_release(shop, "1.1.0", ui="2.0.0")
    for release in (first, second, second, first):
        went_live(release)

    assert titles(asked(shop)) == [
        "Shop 1.0.0 is live in TEST again, after a rollback",
        "Shop 1.1.0 is live in TEST again",
        "Shop 1.1.0 is live in TEST",
        "Shop 1.0.0 is live in TEST",
    ]


def test_of_a_stack_components_are_told_only_where_they_went_on_their_own(shop):
    went_live(a_release(shop, "1.0.0", ui="1.0.0"))
    went_live(a_release(shop, "1.1.0", ui="2.0.0").components.get(component__slug="ui").release)

    assert titles(asked(shop)) == ["UI 2.0.0 is live in TEST", "Shop 1.0.0 is live in TEST"]
    assert titles(asked(shop.components.get(slug="ui"))) == ["UI 2.0.0 is live in TEST", "UI 1.0.0 is live in TEST"]


def test_an_entry_holds_what_came_as_safe_html(shop):
    went_live(noted(a_release(shop, "1.0.0"), "**Bookings** <script>x</script>"))

    (entry,) = entries(asked(shop))

    content = entry.find("a:content", ATOM)
    assert content.get("type") == "html"
    assert "<strong>Bookings</strong> &lt;script&gt;x&lt;/script&gt;" in content.text
    assert entry.find("a:link", ATOM).get("href") == f"{PAGE}1.0.0/"


def test_the_names_of_entries_never_change(shop):
    went_live(a_release(shop, "1.0.0"))
    before = [entry.findtext("a:id", namespaces=ATOM) for entry in entries(asked(shop))]

    went_live(a_release(shop, "1.1.0", ui="2.0.0"))

    after = [entry.findtext("a:id", namespaces=ATOM) for entry in entries(asked(shop))]
    assert after[1:] == before
    assert all(name.startswith("tag:signalbox.example.com,2026:live/") for name in after)


def test_characters_that_no_xml_may_hold_are_left_out(shop):
    went_live(noted(a_release(shop, "1.0.0"), "bell \x07 and feed \x0c"))

    (entry,) = entries(asked(shop))

    assert "bell  and feed" in entry.find("a:content", ATOM).text


def test_a_feed_without_entries_is_a_feed_and_stays_the_same(shop):
    first, second = asked(shop), asked(shop)

    assert entries(first) == []
    assert first.headers["ETag"] == second.headers["ETag"]


def test_who_has_it_as_it_is_gets_nothing_again(shop):
    went_live(a_release(shop, "1.0.0"))
    there = asked(shop)

    by_etag = asked(shop, if_none_match=there.headers["ETag"])
    by_date = asked(shop, if_modified_since=there.headers["Last-Modified"])

    assert (by_etag.status_code, by_etag.content) == (304, b"")
    assert (by_date.status_code, by_date.content) == (304, b"")
    assert by_etag.headers["ETag"] == there.headers["ETag"]


def test_notes_that_are_edited_later_are_sent(shop):
    release = a_release(shop, "1.0.0")
    went_live(release)
    there = asked(shop)

    noted(release, "Bookings.")

    assert asked(shop, if_none_match=there.headers["ETag"]).status_code == 200


def test_a_feed_takes_the_same_questions_however_long_it_is(shop, django_assert_num_queries):
    went_live(a_release(shop, api="1.0.0", ui="1.0.0"))
    for number in range(2, 5):
        went_live(a_release(shop, api=f"{number}.0.0", ui=f"{number}.0.0"))

        with django_assert_num_queries(13):  # two of them are the test's own
            asked(shop)
