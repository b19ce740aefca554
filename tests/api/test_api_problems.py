"""Whatever goes wrong, the answer is a problem document with a sentence."""

import pytest

from api import projects
from tests.api.callers import as_
from tests.factories import a_release, a_stack

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("method", "address", "status", "code"),
    [
        ("GET", "/api/v1/", 404, "not-found"),
        ("GET", "/api/v1/nothing/here", 404, "not-found"),
        ("POST", "/api/v1/nothing/here", 404, "not-found"),
        ("GET", "/api/v1/projects/", 404, "not-found"),
        ("GET", "/api/v1/docs", 404, "not-found"),
        ("GET", "/api/v1/deployments/one", 404, "not-found"),
        ("GET", "/api/v1/deployments/99999999999999999999999", 404, "not-found"),
        ("GET", "/api/v1/packages/u%00i", 404, "not-found"),
        ("GET", "/api/v1/projects/shop/releases/1%00", 404, "not-found"),
        ("GET", "/api/v1/projects/shop/releases/9.9.9", 404, "not-found"),
        ("GET", "/api/v1/environments/nowhere/history", 404, "not-found"),
        ("GET", "/api/v1/deployments?environment=%00", 404, "not-found"),
        ("GET", "/api/v1/deployments?project=%00", 404, "not-found"),
        ("GET", "/api/v1/deployments?status=done", 400, "shape"),
        ("GET", "/api/v1/projects?limit=201", 400, "shape"),
        ("GET", "/api/v1/projects?limit=many", 400, "shape"),
        ("GET", "/api/v1/projects?cursor=rubbish", 400, "cursor-unreadable"),
        ("GET", "/api/v1/projects?cursor=WzFd", 400, "cursor-unreadable"),
        ("GET", "/api/v1/projects?cursor=W3sieCI6MX0sMV0", 400, "cursor-unreadable"),
        ("DELETE", "/api/v1/projects", 405, "method-not-allowed"),
        ("PUT", "/api/v1/packages", 405, "method-not-allowed"),
    ],
)
def test_an_address_that_leads_nowhere_says_so(method, address, status, code):
    a_stack("Shop", {"UI": 1})

    answer = as_("viewer").generic(method, address)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["sentence"].endswith(".")


def test_a_method_that_is_not_possible_names_those_that_are():
    answer = as_("viewer").delete("/api/v1/projects")

    assert answer.headers["Allow"] == "GET"
    assert answer.json()["sentence"] == "DELETE is not possible at this address; GET is."


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        ("{", "not-json", "The body is not JSON in UTF-8. Send one JSON object."),
        (b"\xff\xfe", "not-json", "The body is not JSON in UTF-8. Send one JSON object."),
        ("", "shape", "The request does not have the right shape: body: Field required."),
        ("[]", "shape", "right shape"),
        ('{"environmnt": "test"}', "shape", "environment: Field required; environmnt: Extra inputs are not permitted"),
        ('{"environment": "test", "start_at": "2030-01-01T10:00:00"}', "shape", "timezone"),
        ('{"environment": "test", "reason": "\\u0000"}', "shape", "cannot be stored"),
        ('{"environment": "test", "reason": "\\ud800"}', "shape", "right shape"),
        ('{"environment": 7}', "shape", "environment: "),
        ('{"environment": "test", "\\ud800": 1}', "shape", "right shape"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused_with_the_field(body, code, sentence):
    a_release(a_stack("Shop", {"UI": 1}))

    answer = as_("deployer").generic(
        "POST", "/api/v1/projects/shop/releases/1.0.1/deployments", body, "application/json"
    )

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert sentence in answer.json()["sentence"]


def test_a_bug_is_answered_with_a_fixed_sentence_and_logged_with_its_traceback(monkeypatch, caplog):
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    a_stack("Shop", {"UI": 1})
    monkeypatch.setattr(projects, "build_grids", broken)

    answer = as_("viewer").get("/api/v1/projects/shop/grid")

    assert (answer.status_code, answer.json()["code"]) == (500, "bug")
    assert "secret detail" not in answer.content.decode()
    assert "RuntimeError: secret detail" in caplog.text


def test_no_answer_is_kept_by_a_cache_in_between():
    answer = as_("viewer").get("/api/v1/projects")

    assert answer.headers["Cache-Control"] == "private, no-cache"
