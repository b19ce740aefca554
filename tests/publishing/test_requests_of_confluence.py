"""The schemas of the requests to Confluence Cloud allow nothing that Atlassian's OpenAPI document does not."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from standins.confluence.journal import Entry
from tests.publishing.facts_of_openapi import ANYTHING, LARGEST_LIMIT, OPERATIONS
from tests.publishing.requests_of_confluence import schemas, violations_in

SCHEMAS = schemas()
each = pytest.mark.parametrize("name", sorted(OPERATIONS))


def properties_of(schema: dict[str, Any], above: str = "") -> dict[str, dict[str, Any]]:
    """The properties of a schema for an object, with those of objects in it: body, body.value, …"""
    found = {}
    for name, described in schema.get("properties", {}).items():
        found[above + name] = described
        found |= properties_of(described, f"{above}{name}.")
    return found


def body_of(name: str) -> dict[str, Any]:
    body: dict[str, Any] = SCHEMAS[name]["properties"]["body"]
    return body["items"] if OPERATIONS[name].in_list else body


def words_in(described: dict[str, Any]) -> set[str]:
    """The choices that a schema states for a query parameter, as a list or as a pattern of words."""
    item = described["items"]
    return set(item.get("enum", re.findall(r"[a-z_]+", item.get("pattern", ""))))


def test_every_request_has_a_schema_and_nothing_else_has():
    assert set(SCHEMAS) == set(OPERATIONS)
    assert len(SCHEMAS) == 10


@each
def test_a_schema_is_a_schema(name: str):
    Draft202012Validator.check_schema(SCHEMAS[name])


@each
def test_a_schema_is_about_the_documented_path(name: str):
    stated, operation = SCHEMAS[name]["properties"], OPERATIONS[name]

    assert stated["method"]["const"] == operation.method
    assert re.fullmatch(stated["path"]["pattern"], operation.path.replace("{id}", "123"))


@each
def test_a_schema_allows_documented_query_parameters_only(name: str):
    query = SCHEMAS[name]["properties"]["query"]

    assert set(query["properties"]) <= set(OPERATIONS[name].query)
    assert query["additionalProperties"] is False


@each
def test_a_schema_allows_documented_choices_in_the_query_only(name: str):
    stated = SCHEMAS[name]["properties"]["query"]["properties"]
    documented = {key: choices for key, choices in OPERATIONS[name].query.items() if choices and key in stated}

    assert {word for key, choices in documented.items() for word in words_in(stated[key]) - choices} == set()


@each
def test_a_schema_allows_documented_fields_of_the_documented_types_only(name: str):
    stated, documented = properties_of(body_of(name)), OPERATIONS[name].fields
    fields = {key: described for key, described in stated.items() if not key.startswith("value.")}

    assert set(fields) <= set(documented)
    assert {key for key, found in fields.items() if documented[key] not in (ANYTHING, found["type"])} == set()
    assert {key for key, found in fields.items() if found["type"] == "object" and key != "value"} == {
        key for key, found in fields.items() if found.get("additionalProperties") is False
    }


@each
def test_a_schema_requires_what_is_documented_as_required(name: str):
    assert OPERATIONS[name].required <= set(body_of(name).get("required", []))


@each
def test_a_schema_allows_documented_choices_of_fields_only(name: str):
    stated = properties_of(body_of(name))
    documented = {key: choices for key, choices in OPERATIONS[name].choices.items() if key in stated}

    assert {word for key, choices in documented.items() for word in set(stated[key]["enum"]) - choices} == set()


@pytest.mark.parametrize(
    ("limit", "allowed"), [(0, False), (1, True), (LARGEST_LIMIT, True), (LARGEST_LIMIT + 1, False)]
)
def test_limits_are_those_that_are_documented(limit: int, *, allowed: bool):
    entry = asked("GET", "/wiki/api/v2/spaces", {"keys": ["REL"], "limit": [str(limit)]})

    assert (violations_in([entry]) == []) is allowed


def asked(method: str, path: str, query: dict[str, list[str]] | None = None, body: Any = None) -> Entry:
    return Entry(method, path, query or {}, body, 200, True, "2026-11-26T05:00:00+00:00")


BODY = {"representation": "storage", "value": "<p>…</p>"}
PAGE = {"spaceId": "1", "status": "current", "title": "Patient UI - TEST", "parentId": "2", "body": BODY}
NEXT = {"id": "7", "status": "current", "title": "x", "body": BODY, "version": {"number": 2, "message": "2026.11.1"}}
STATE = {"key": "signalbox.state", "value": {"sequence": 1}}
ALLOWED = [
    asked("GET", "/wiki/api/v2/spaces", {"keys": ["REL"]}),
    asked("GET", "/wiki/api/v2/pages", {"space-id": ["1"], "title": ["x"], "status": ["current"], "limit": ["2"]}),
    asked("GET", "/wiki/api/v2/pages/7", {"body-format": ["storage"]}),
    asked("POST", "/wiki/api/v2/pages", body=PAGE),
    asked("PUT", "/wiki/api/v2/pages/7", body=NEXT),
    asked("DELETE", "/wiki/api/v2/pages/7"),
    asked("GET", "/wiki/api/v2/pages/7/properties", {"key": ["signalbox.state"]}),
    asked("POST", "/wiki/api/v2/pages/7/properties", body=STATE),
    asked("PUT", "/wiki/api/v2/pages/7/properties/8", body=STATE | {"version": {"number": 2}}),
    asked("POST", "/wiki/rest/api/content/7/label", body=[{"prefix": "global", "name": "signalbox"}]),
]
REFUSED = [
    asked("GET", "/wiki/api/v2/search", {"cql": ["type=page"]}),
    asked("GET", "/wiki/api/v2/spaces"),
    asked("GET", "/wiki/api/v2/pages", {"space-id": ["REL"], "title": ["x"], "status": ["current"]}),
    asked("GET", "/wiki/api/v2/pages", {"space-id": ["1"], "title": ["x"], "status": ["any"]}),
    asked("GET", "/wiki/api/v2/pages/7", {"body-format": ["none"]}),
    asked("GET", "/wiki/api/v2/pages/7", {"expand": ["version"]}),
    asked("POST", "/wiki/api/v2/pages", body=PAGE | {"spaceId": 1}),
    asked("POST", "/wiki/api/v2/pages", body=PAGE | {"version": {"message": "2026.11.1"}}),
    asked("POST", "/wiki/api/v2/pages", body=PAGE | {"body": {"storage": BODY}}),
    asked("POST", "/wiki/api/v2/pages", body=PAGE | {"title": "x" * 256}),
    asked("PUT", "/wiki/api/v2/pages/7", body=NEXT | {"version": {"message": "2026.11.1"}}),
    asked("PUT", "/wiki/api/v2/pages/7", body=NEXT | {"version": {"number": 2, "minorEdit": True}}),
    asked("PUT", "/wiki/api/v2/pages/7", body={key: value for key, value in NEXT.items() if key != "status"}),
    asked("DELETE", "/wiki/api/v2/pages/7", {"purge": ["true"]}),
    asked("POST", "/wiki/api/v2/pages/7/properties", body={"key": "signalbox.state"}),
    asked("PUT", "/wiki/api/v2/pages/7/properties/signalbox.state", body=STATE | {"version": {"number": 2}}),
    asked("PUT", "/wiki/api/v2/pages/7/properties/8", body=STATE),
    asked("POST", "/wiki/api/v2/pages/7/labels", body=[{"prefix": "global", "name": "signalbox"}]),
    asked("POST", "/wiki/rest/api/content/7/label", body=[{"name": "signalbox"}]),
    asked("POST", "/wiki/rest/api/content/7/label", body=[{"prefix": "global", "name": "Two Words"}]),
    asked("GET", "/wiki/rest/api/content/7", {"expand": ["version"]}),
]


@pytest.mark.parametrize("entry", ALLOWED, ids=lambda entry: f"{entry.method} {entry.path}")
def test_each_of_these_requests_is_allowed(entry: Entry):
    assert violations_in([entry]) == []


@pytest.mark.parametrize("entry", REFUSED, ids=lambda entry: f"{entry.method} {entry.path}")
def test_everything_else_is_a_violation(entry: Entry):
    assert violations_in([entry]) != []


def test_what_is_asked_of_data_center_is_not_looked_at():
    assert violations_in([asked("GET", "/rest/api/content", {"title": ["x"]})]) == []
