"""The OpenAPI document says everything that the API does."""

import pytest
from django.test import Client
from django.urls import get_resolver

from api.urls import api

SCHEMA = api.get_openapi_schema()
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, held in SCHEMA["paths"].items()
    for method, operation in held.items()
}


def routed() -> set[str]:
    """The addresses under the API that lead to operations, as the document writes them."""
    patterns = next(found for found in get_resolver().url_patterns if str(found.pattern) == "api/v1/").url_patterns
    own = {"openapi-json", "api-root", None}
    return {
        "/api/v1/" + str(found.pattern).replace("<slug:", "{").replace("<int:", "{").replace("<", "{").replace(">", "}")
        for found in patterns
        if found.name not in own
    }


def test_the_document_is_open_to_everybody():
    answer = Client().get("/api/v1/openapi.json")

    assert (answer.status_code, answer.json()["openapi"], answer.json()["info"]["title"]) == (200, "3.1.0", "Signalbox")


def test_every_address_is_documented_and_no_other():
    assert routed() == set(SCHEMA["paths"])


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_it_does_answers_and_refuses(name):
    operation = OPERATIONS[name]
    refusals = {status: answer for status, answer in operation["responses"].items() if status >= 400}
    successes = {status: answer for status, answer in operation["responses"].items() if status < 400}

    assert operation["summary"]
    assert {400, 401, 403, 500} <= set(refusals)
    assert ("{" in name) <= (404 in refusals)
    assert all(answer.get("content") or answer["headers"]["Location"] for answer in successes.values())
    assert all(list(answer["content"]) == ["application/problem+json"] for answer in refusals.values())
    assert {"Token"} <= {scheme for held in operation["security"] for scheme in held}
    assert operation["x-scope"] in {"read", "push", "release", "deploy", "approve"}


@pytest.mark.parametrize("name", [name for name in OPERATIONS if not name.startswith("GET")])
def test_nothing_is_changed_with_a_cookie(name):
    assert OPERATIONS[name]["security"] == [{"Token": []}]


def test_every_operation_has_a_name_of_its_own():
    names = [operation["operationId"] for operation in OPERATIONS.values()]

    assert len(set(names)) == len(names)


def test_the_push_documents_both_ways_of_sending_a_package():
    content = OPERATIONS["POST /api/v1/packages"]["requestBody"]["content"]

    assert set(content) == {"application/octet-stream", "multipart/form-data"}
