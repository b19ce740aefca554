"""Who is let in, and what is said to whoever is not."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts import tokens
from accounts.models import ApiToken
from tests.api.callers import a_token, an_account, as_, calling, with_token
from tests.factories import a_lone_project, a_stack, a_user

pytestmark = pytest.mark.django_db
PROJECTS = "/api/v1/projects"


def test_nobody_is_let_in_without_a_token():
    answer = Client().get(PROJECTS)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "code": "token-missing",
        "sentence": "State a token: “Authorization: Bearer sbx_…”. An administrator issues one for a service account.",
        "detail": "State a token: “Authorization: Bearer sbx_…”. An administrator issues one for a service account.",
    }


def test_an_unknown_token_is_refused():
    answer = with_token("sbx_made-up").get(PROJECTS)

    assert answer.status_code == 401
    assert answer.json()["sentence"] == "This token is not known here. Check that it was copied completely."
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_an_expired_token_is_refused():
    secret = a_token(an_account("ci", "viewer"))
    ApiToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    answer = with_token(secret).get(PROJECTS)

    assert (answer.status_code, "has expired" in answer.json()["sentence"]) == (401, True)


def test_a_revoked_token_is_refused():
    secret = a_token(an_account("ci", "viewer"))
    tokens.revoke(ApiToken.objects.get(), by=None)

    answer = with_token(secret).get(PROJECTS)

    assert (answer.status_code, "was revoked" in answer.json()["sentence"]) == (401, True)


def test_the_token_of_a_closed_account_is_refused():
    account = an_account("ci", "viewer")
    secret = a_token(account)
    type(account).objects.update(is_active=False)

    assert with_token(secret).get(PROJECTS).status_code == 401


@pytest.mark.parametrize("header", ["Basic Y2k6Y2k=", "sbx_abc", "Bearer", "Bearer ", ""])
def test_another_way_of_stating_it_is_refused(header):
    answer = Client(headers={"Authorization": header}).get(PROJECTS)

    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")


def test_a_wrong_token_is_refused_even_beside_a_good_session():
    person = a_user("ann", role="viewer")
    client = with_token("sbx_made-up")
    client.force_login(person)

    assert client.get(PROJECTS).status_code == 401


def test_a_token_without_the_scope_is_refused_with_its_name():
    answer = as_("release_manager", "push", "deploy").get(PROJECTS)

    assert answer.status_code == 403
    assert answer.json()["code"] == "scope-missing"
    assert answer.json()["sentence"] == "This token has no “read” scope (read). Ask an administrator for one that has."
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


def test_a_token_opens_no_more_than_the_roles_of_its_account():
    a_stack("Shop", {"UI": 1})

    answer = as_("viewer", "release").post("/api/v1/projects/shop/releases", {}, "application/json")

    assert answer.status_code == 403
    assert answer.json()["sentence"].startswith("You may not create a release for Shop. It takes the role deployer or")


def test_other_projects_do_not_exist_for_a_token_of_one_project():
    shop, other = a_stack("Shop", {"UI": 1}), a_lone_project("Website")
    client = calling(an_account("ci", "viewer"), project=shop)

    listed = [line["slug"] for line in client.get(PROJECTS).json()["items"]]

    assert listed == ["shop", "ui"]
    assert client.get(f"{PROJECTS}/{other.slug}").status_code == 404
    assert client.get(f"{PROJECTS}/ui").status_code == 200


def test_projects_of_others_do_not_exist_for_a_stranger():
    a_stack("Shop", {"UI": 1})

    answer = calling(an_account("stranger")).get(f"{PROJECTS}/shop")

    assert answer.status_code == 404
    assert answer.json()["sentence"] == "There is no such project, or you may not see it."


def test_a_signed_in_person_reads_with_the_session_of_the_browser():
    a_stack("Shop", {"UI": 1})
    client = Client()
    client.force_login(a_user("ann", role="viewer"))

    assert client.get(f"{PROJECTS}/shop").status_code == 200


def test_a_session_changes_nothing():
    a_stack("Shop", {"UI": 1})
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_user("mia", role="release_manager"))

    answer = client.post(f"{PROJECTS}/shop/releases", {}, "application/json")

    assert (answer.status_code, answer.json()["code"]) == (401, "token-missing")


def test_the_last_use_of_a_token_is_noted():
    as_("viewer").get(PROJECTS)

    assert ApiToken.objects.get().last_used_at is not None
