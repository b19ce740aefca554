"""What is around every page: who is signed in, where one can go, what protects it, and what is said when it breaks."""

from datetime import UTC, datetime, timedelta

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse

from deployments.models import Status
from portal.context import product_version
from portal.templatetags import ui
from tests.factories import a_user, an_administrator

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def page_for(client, user, path: str = "/") -> str:
    client.force_login(user)
    return client.get(path).content.decode()


def test_it_says_who_is_signed_in_the_time_zone_and_the_version(client, db):
    page = page_for(client, a_user("ann"))

    assert "<span>ann</span>" in page
    assert "Times are in UTC" in page
    assert f"Signalbox {product_version()}" in page


def test_the_page_one_is_on_is_marked(client, db):
    assert f'<a href="{reverse("portal:waiting")}" aria-current="page">' in page_for(
        client, a_user("ann"), reverse("portal:waiting")
    )


def test_only_an_administrator_is_led_to_the_configuration(client, db):
    assert reverse("admin:index") not in page_for(client, a_user("ann", role="release_manager"))
    assert reverse("admin:index") in page_for(client, an_administrator())


def test_packages_are_not_offered_to_who_may_not_see_them(client, db):
    assert reverse("portal:packages") not in page_for(client, a_user("bea", role="business_viewer"))


def test_a_strict_policy_comes_with_every_page(client, db):
    policy = client.get(reverse("portal:sign-in")).headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_no_page_holds_inline_script_or_style(client, db):
    page = page_for(client, a_user("ann"))

    assert [mark in page for mark in ("<style", " style=", " onclick", "<script>")] == [False] * 4


def test_what_does_not_exist_is_answered_with_a_way_on(client, db):
    client.force_login(a_user("ann"))

    response = client.get("/no/such/page/")

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
    assert "Go to the overview" in response.content.decode()


def test_what_one_may_not_do_names_the_role_that_it_takes(client, db):
    client.force_login(a_user("bea", role="business_viewer"))

    response = client.get(reverse("portal:packages"))

    assert response.status_code in (403, 404)
    assert "Go to the overview" in response.content.decode()


def test_a_form_from_elsewhere_changes_nothing_and_says_so(db):
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_user("ann"))

    response = client.post(reverse("portal:sign-out"))

    assert response.status_code == 403
    assert "Nothing was changed" in response.content.decode()


def test_the_page_for_our_own_mistakes_needs_no_database():
    assert "Something broke on our side" in render_to_string("500.html")


@pytest.mark.parametrize("status", Status)
def test_every_status_has_a_glyph_and_its_own_word(status):
    look = ui.look_of(status)

    assert look.word == status.label
    assert look.icon


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=10), "just now"),
        (timedelta(seconds=70), "1 minute ago"),
        (timedelta(minutes=25), "25 minutes ago"),
        (timedelta(minutes=59, seconds=50), "59 minutes ago"),
        (timedelta(hours=2), "2 hours ago"),
        (timedelta(hours=23, minutes=50), "23 hours ago"),
        (timedelta(days=6), "6 days ago"),
        (timedelta(days=20), "4 Nov 2026"),
        (-timedelta(minutes=5), "in 5 minutes"),
    ],
)
def test_how_long_ago_is_said_in_words(passed, words):
    assert ui.ago(NOW - passed, NOW) == words


def test_relative_words_carry_the_exact_time():
    shown = ui.when(NOW)

    assert 'datetime="2026-11-24T12:00:00+00:00"' in shown
    assert 'title="Tue 24 Nov 2026 12:00 UTC"' in shown
