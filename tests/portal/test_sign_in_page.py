"""The way in and out."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.factories import a_service_account, a_user

SIGN_IN = "/sign-in/"


@pytest.fixture
def ann(db: None) -> User:
    person = a_user("ann")
    person.set_password("signal-at-danger-42")
    person.save()
    return person


def answer(client: Client, name: str = "ann", password: str = "signal-at-danger-42", following: str = ""):
    return client.post(SIGN_IN, {"username": name, "password": password, "next": following})


def test_a_stranger_is_sent_to_the_sign_in_page_and_from_there_back(client, ann):
    sent = client.get("/waiting/")

    assert sent.url == f"{SIGN_IN}?next=/waiting/"
    assert answer(client, following="/waiting/").url == "/waiting/"


def test_without_a_place_to_go_back_to_it_leads_to_the_overview(client, ann):
    assert answer(client).url == reverse("portal:overview")


@pytest.mark.parametrize("elsewhere", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_it_never_leads_out_of_signalbox(elsewhere, client, ann):
    assert answer(client, following=elsewhere).url == reverse("portal:overview")


def test_a_wrong_password_is_a_sentence_and_the_name_stays(client, ann):
    response = answer(client, password="wrong")

    page = response.content.decode()
    assert response.status_code == 422
    assert "<title>Error: Sign in" in page
    assert "This name and password do not belong together." in page
    assert 'value="ann"' in page
    assert "wrong" not in page


def test_an_unknown_name_is_answered_like_a_wrong_password(client, ann):
    unknown, wrong = answer(client, name="nobody"), answer(client, password="wrong")

    assert unknown.context["form"].non_field_errors() == wrong.context["form"].non_field_errors()


def test_what_is_missing_is_said_at_the_field_and_in_the_summary(client, ann):
    page = answer(client, name="", password="").content.decode()

    assert '<a href="#id_username">Enter your name.</a>' in page
    assert '<a href="#id_password">Enter your password.</a>' in page
    assert 'aria-describedby="id_password_error"' in page


def test_a_service_account_cannot_sign_in(client, ann):
    a_service_account("ci")

    response = answer(client, name="ci", password="anything")

    assert response.status_code == 422
    assert "_auth_user_id" not in client.session


def test_signing_out_ends_the_session_and_says_so(client, ann):
    client.force_login(ann)

    page = client.post(reverse("portal:sign-out"), follow=True)

    assert "You are signed out." in page.content.decode()
    assert client.get("/").url.startswith(SIGN_IN)


def test_signing_out_after_the_session_has_ended_does_not_come_back_to_it(client, db):
    assert client.post(reverse("portal:sign-out")).url == SIGN_IN


def test_a_page_that_polls_after_the_session_has_ended_is_told_to_load_anew(client, db):
    response = client.get("/live/?stack=shop&rev=1", headers={"HX-Request": "true"}, follow=True)

    assert response.status_code == 204
    assert response.headers["HX-Refresh"] == "true"


def test_the_sign_in_page_shows_no_navigation(client, db):
    assert b"<nav" not in client.get(SIGN_IN).content
