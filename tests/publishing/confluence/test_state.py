"""What pages of the portal, and those who watch an installation, are told about the pages in Confluence."""

import pytest
from django.test import Client

from publishing.confluence.state import figures, states_for
from publishing.models import Publication
from tests.deployments.rows import went_live
from tests.factories import a_release, an_environment
from tests.publishing.confluence.scenes import Site, a_live_shop, publication

pytestmark = pytest.mark.django_db


def of_ui(shop):
    ui = shop.components.get(name="UI")
    return states_for(shop.components.all())[ui.pk, an_environment("TEST").pk]


def test_a_page_that_says_what_is_live_is_current(data_center: Site):
    shop, _ = a_live_shop(data_center)
    data_center.round()

    state = of_ui(shop)

    assert (state.title, state.is_current, state.sentence) == ("UI - TEST", True, "The page says what is live.")
    assert state.url.endswith(f"/pages/viewpage.action?pageId={data_center.there.page('UI - TEST').id}")
    assert state.since == publication("UI - TEST").published_at


def test_a_page_is_not_current_as_soon_as_something_else_is_live(data_center: Site):
    shop, _ = a_live_shop(data_center)
    data_center.round()
    went_live(a_release(shop, "1.0.1", ui="1.4.18"))

    state = of_ui(shop)

    assert (state.is_current, state.sentence) == (False, "The page is being brought up to date.")


def test_a_page_that_is_not_there_yet_has_no_address(data_center: Site):
    shop, _ = a_live_shop(data_center)
    data_center.rounds.look()

    state = of_ui(shop)

    assert (state.url, state.is_current, state.sentence) == ("", False, "The page is being made.")


def test_a_page_in_trouble_says_since_when_but_not_what_only_administrators_need_to_know(data_center: Site):
    shop, _ = a_live_shop(data_center)
    with data_center.there.outage():
        data_center.round()
        for _ in range(5):
            data_center.later()

    state = of_ui(shop)

    assert not state.is_current
    assert state.sentence.startswith("The page could not be written since ")
    assert "127.0.0.1" not in state.sentence


def test_all_of_them_take_one_query(data_center: Site, django_assert_num_queries):
    shop, _ = a_live_shop(data_center)
    data_center.round()
    components = list(shop.components.all())

    with django_assert_num_queries(1):
        states_for(components)


def test_figures_count_pages_by_how_they_stand(data_center: Site):
    data_center.there.create_foreign("UI - TEST")
    a_live_shop(data_center)
    data_center.round()

    found = figures()
    assert found.counts == {"due": 0, "current": 4, "waiting": 0, "parked": 1, "withdrawn": 0}
    assert found.behind_since == Publication.objects.get(state="parked").failing_since


def test_figures_say_that_nothing_is_behind(data_center: Site):
    a_live_shop(data_center)
    data_center.round()

    assert figures().behind_since is None


def test_metrics_hold_them(data_center: Site, client: Client):
    a_live_shop(data_center)
    data_center.round()

    text = client.get("/metrics").content.decode()

    assert 'signalbox_publications{state="current"} 5.0' in text
    assert "signalbox_publications_behind_seconds 0.0" in text


def test_a_page_without_an_address_has_none():
    assert Publication().address == ""
