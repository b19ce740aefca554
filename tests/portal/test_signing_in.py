"""The way in and out."""

import pytest
from django.contrib.auth import get_user
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.deployments.rows import a_rows_shop
from tests.factories import a_service_account, a_user
from tests.portal.pages import errors_of, said

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery staple"
WRONG = "This name and password do not belong together. Check both; capital letters count in the password."
SIGN_IN, SIGN_OUT, OVERVIEW = "/sign-in/", "/sign-out/", "/"


@pytest.fixture
def vera() -> User:
    vera = a_user("vera", role="viewer")
    vera.set_password(PASSWORD)
    vera.save()
    return vera


def enter(client: Client, name: str = "vera", password: str = PASSWORD, **fields: str):
    return client.post(SIGN_IN, {"username": name, "password": password} | fields)


def is_in(client: Client) -> bool:
    return get_user(client).is_authenticated


def test_name_and_password_open_the_overview(client, vera):
    response = enter(client)

    assert response.url == OVERVIEW
    assert is_in(client)


def test_a_wrong_password_is_said_and_lets_nobody_in(client, vera):
    response = enter(client, password="wrong")

    assert response.status_code == 422
    assert errors_of(response) == [WRONG]
    assert not is_in(client)


def test_an_unknown_name_is_answered_like_a_wrong_password(client, vera):
    assert errors_of(enter(client, name="nobody")) == [WRONG]


def test_the_password_is_not_sent_back(client, vera):
    assert "wrong-one" not in enter(client, password="wrong-one").content.decode()


def test_what_is_missing_is_said_at_its_field(client, vera):
    response = enter(client, name="", password="")

    assert response.status_code == 422
    assert errors_of(response) == ["Enter your name.", "Enter your password."]
    assert 'aria-describedby="id_username_error"' in response.content.decode()


def test_an_account_that_is_switched_off_stays_outside(client, vera):
    User.objects.filter(pk=vera.pk).update(is_active=False)

    response = enter(client)

    assert response.status_code == 422
    assert not is_in(client)


@pytest.mark.parametrize("password", ["", "!", PASSWORD])
def test_a_service_account_cannot_sign_in(client, password):
    a_service_account("ci")

    response = enter(client, name="ci", password=password)

    assert response.status_code == 422
    assert not is_in(client)


def test_whoever_is_not_signed_in_is_asked_to_and_then_led_on(client, vera):
    a_rows_shop()

    asked = client.get("/projects/shop/")
    led = enter(client, next=asked.url.partition("next=")[2])

    assert asked.url == "/sign-in/?next=/projects/shop/"
    assert led.url == "/projects/shop/"


def test_the_way_on_survives_a_wrong_password(client, vera):
    page = enter(client, password="wrong", next="/projects/shop/").content.decode()

    assert '<input type="hidden" name="next" value="/projects/shop/">' in page


@pytest.mark.parametrize(
    "foreign",
    ["https://evil.example/", "//evil.example/", "///evil.example", r"\\evil.example", "javascript:alert(1)", SIGN_IN],
)
def test_nobody_is_led_to_a_foreign_site_or_in_a_circle(client, vera, foreign):
    assert enter(client, next=foreign).url == OVERVIEW
    assert client.get(SIGN_IN, {"next": foreign}).url == OVERVIEW


def test_a_page_that_polls_after_the_session_has_ended_is_loaded_anew(client):
    response = client.get("/live/", {"stack": "shop"}, headers={"HX-Request": "true"}, follow=True)

    assert response.status_code == 204
    assert response.headers["HX-Refresh"] == "true"


def test_signing_out_ends_the_session_and_says_so(client, vera):
    enter(client)

    response = client.post(SIGN_OUT, follow=True)

    assert not is_in(client)
    assert response.redirect_chain == [(SIGN_IN, 302)]
    assert "You are signed out." in said(response)


def test_a_link_signs_nobody_out(client, vera):
    enter(client)

    response = client.get(SIGN_OUT)

    assert response.status_code == 405
    assert is_in(client)


def test_signing_out_twice_does_no_harm(client):
    assert client.post(SIGN_OUT).url == SIGN_IN


def test_another_site_signs_nobody_in_or_out(vera):
    client = Client(enforce_csrf_checks=True)
    client.force_login(vera)

    response = client.post(SIGN_OUT)

    assert response.status_code == 403
    assert is_in(client)


def test_the_session_cannot_be_read_by_scripts(client, vera):
    enter(client)

    cookie = client.cookies["sessionid"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"


def test_every_page_but_the_door_asks_to_sign_in(client):
    for_everybody = [client.get(reverse(f"portal:{name}")).status_code for name in ("sign-in", "healthz")]
    for_people = [
        client.get(reverse(f"portal:{name}")).url.partition("?")[0]
        for name in ("overview", "overview-live", "waiting", "deployments", "packages", "activity")
    ]

    assert for_everybody == [200, 200]
    assert set(for_people) == {SIGN_IN}
