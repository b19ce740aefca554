"""What went wrong, in one sentence, in the look of the portal; and the strict policy on every page."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, reverse

from accounts.models import User
from config.urls import urlpatterns as product
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, went_live
from tests.deployments.scenes import a_manager
from tests.factories import a_release, a_user
from tests.portal.pages import said, title_of

pytestmark = pytest.mark.django_db


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("secret-in-the-traceback")


urlpatterns = [path("broken/", broken), *product]


@pytest.fixture
def manager(client: Client) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


def directives(response: HttpResponse) -> dict[str, str]:
    policy = response.headers["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in policy.split(";"))


STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}


@pytest.mark.parametrize(
    "address", ["/nowhere/", "/projects/nowhere/", "/deployments/999999/", "/projects/a/releases/b/"]
)
def test_what_does_not_exist_or_may_not_be_seen_is_answered_alike(client, manager, address):
    response = client.get(address)

    assert response.status_code == 404
    assert title_of(response) == "There is nothing here"
    assert "This page does not exist, or you may not see it." in said(response)
    assert directives(response) == STRICT


def test_whoever_is_not_signed_in_gets_the_same_page(client):
    response = client.get("/nowhere/")

    assert response.status_code == 404
    assert title_of(response) == "There is nothing here"


def test_a_refused_member_reads_which_role_it_takes(client):
    a_rows_shop()
    client.force_login(a_user("vera", role="viewer"))

    response = client.get(reverse("portal:release-create", args=["shop"]))

    assert response.status_code == 403
    assert title_of(response) == "You may not do this"
    assert "It takes the role deployer or release manager; ask an administrator for it." in said(response)
    assert directives(response) == STRICT


def test_what_another_site_sends_is_not_carried_out(manager):
    release = a_release(a_rows_shop(), "1.0.0")
    client = Client(enforce_csrf_checks=True)
    client.force_login(manager)

    response = client.post(reverse("portal:prevent", args=["shop", "1.0.0"]), {"reason": "Forged"})

    release.refresh_from_db()
    assert response.status_code == 403
    assert title_of(response) == "Nothing was changed"
    assert "did not come from a page that Signalbox just showed you" in said(response)
    assert directives(response) == STRICT
    assert not release.is_prevented


@pytest.mark.urls(__name__)
def test_a_fault_of_ours_is_admitted_without_its_details(client, manager):
    client.raise_request_exception = False

    response = client.get("/broken/")

    assert response.status_code == 500
    assert title_of(response) == "Something broke on our side"
    assert "nothing half-done was kept" in said(response)
    assert "secret-in-the-traceback" not in response.content.decode()
    assert directives(response) == STRICT


PAGES = (
    "/",
    "/live/?stack=shop",
    "/projects/shop/",
    "/projects/ui/",
    "/projects/shop/releases/create/",
    "/projects/shop/releases/1.0.0/",
    "/projects/shop/releases/1.0.0/request/",
    "/projects/ui/releases/1.0.0/request/",
    "/projects/shop/releases/1.0.0/notes/",
    "/deployments/",
    "/waiting/",
    "/environments/",
    "/packages/",
    "/evaluations/",
    "/activity/",
)


@pytest.mark.parametrize("address", PAGES)
def test_every_page_forbids_whatever_is_not_its_own(client, manager, address):
    went_live(a_release(a_rows_shop(), "1.0.0"))

    response = client.get(address)

    page = response.content.decode()
    assert response.status_code == 200
    assert directives(response) == STRICT
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page
    assert page.count("<script") == page.count("<script src=") + page.count('<script type="module" src=')


def test_the_door_is_as_strict_as_the_rest(client):
    response = client.get(reverse("portal:sign-in"))

    assert directives(response) == STRICT
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
