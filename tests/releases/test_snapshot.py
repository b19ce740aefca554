"""What a release freezes besides its packages: which of several values of a variable counts, and what is masked."""

from typing import Any

import pytest

from config.encryption import CannotDecrypt, encrypt
from projects.models import Project, Variable
from releases import snapshot
from tests.factories import a_component, a_lone_project, a_stack, an_environment


def a_value(
    value: str, scope: str = "own", environment: str | None = None, *, sensitive: bool = False
) -> dict[str, Any]:
    return {
        "name": "COLOUR",
        "environment": environment,
        "scope": scope,
        "sensitive": sensitive,
        "value": encrypt(value) if sensitive else value,
    }


def colour(*values: dict[str, Any], environment: str = "test") -> str | None:
    return snapshot.environment_of({"variables": list(values)}, environment)[0].get("COLOUR")


def a_variable(value: str, project: Project | None = None, environment: str | None = None) -> Variable:
    place = an_environment(environment) if environment else None
    return Variable.objects.create(name="COLOUR", value=value, project=project, environment=place)


# -- which value counts -----------------------------------------------------------------------------------------------


def test_a_value_for_this_environment_is_stronger_than_one_for_everywhere():
    assert colour(a_value("here", environment="test"), a_value("everywhere")) == "here"


def test_a_value_for_another_environment_does_not_count():
    assert colour(a_value("there", environment="prod")) is None


def test_a_stacks_value_is_stronger_than_a_shared_one():
    assert colour(a_value("stack", "stack"), a_value("shared", "shared")) == "stack"


def test_a_components_own_value_is_stronger_than_its_stacks():
    assert colour(a_value("own", "own"), a_value("stack", "stack")) == "own"


def test_a_components_own_value_for_everywhere_is_stronger_than_a_shared_one_for_this_environment():
    assert colour(a_value("shared", "shared", "test"), a_value("own", "own")) == "own"


@pytest.mark.parametrize("environment", ["test", "prod"])
def test_all_six_places_together_give_the_narrowest(environment):
    values = [
        a_value(f"{scope} {place}", scope, place)
        for scope in ("own", "stack", "shared")
        for place in (environment, None)
    ]

    assert colour(*values, environment=environment) == f"own {environment}"


def test_a_release_without_variables_gives_none():
    assert snapshot.environment_of({}, "test") == ({}, set())


# -- what is masked ---------------------------------------------------------------------------------------------------


def test_a_sensitive_value_is_decrypted_and_named_as_a_secret():
    values, secrets = snapshot.environment_of({"variables": [a_value("hunter2", sensitive=True)]}, "test")

    assert (values, secrets) == ({"COLOUR": "hunter2"}, {"hunter2"})


def test_a_sensitive_value_that_is_overridden_is_no_secret_of_this_environment():
    variables = [a_value("hunter2", "shared", sensitive=True), a_value("blue", "own")]

    assert snapshot.environment_of({"variables": variables}, "test") == ({"COLOUR": "blue"}, set())


def test_an_empty_sensitive_value_masks_nothing():
    values, secrets = snapshot.environment_of({"variables": [a_value("", sensitive=True)]}, "test")

    assert (values, secrets) == ({"COLOUR": ""}, set())


def test_a_value_of_another_installation_says_which_key_is_missing():
    foreign = a_value("x") | {"sensitive": True, "value": "gAAAAforeign"}

    with pytest.raises(CannotDecrypt, match="ENCRYPTION_KEYS does not hold the key"):
        colour(foreign)


# -- what is taken ----------------------------------------------------------------------------------------------------


def test_a_component_takes_its_own_its_stacks_and_the_shared_values(db):
    stack = a_stack("Shop")
    ui = a_component(stack, "UI")
    a_variable("shared")
    a_variable("stack", stack)
    a_variable("own", ui)
    a_variable("elsewhere", a_lone_project("Elsewhere"))

    taken = snapshot.take(ui)

    assert {(line["scope"], line["value"]) for line in taken["variables"]} == {
        ("shared", "shared"),
        ("stack", "stack"),
        ("own", "own"),
    }


def test_a_value_for_an_environment_is_frozen_with_its_slug(db):
    website = a_lone_project()
    a_variable("blue", website, "PROD")

    assert [line["environment"] for line in snapshot.take(website)["variables"]] == ["prod"]


def test_the_process_is_frozen_step_by_step(db):
    website = a_lone_project()

    frozen = snapshot.take(website)["process"]

    assert (frozen["slug"], [step["position"] for step in frozen["steps"]]) == ("execute-the-release-package", [1])
    assert frozen["steps"][0] == {
        "position": 1,
        "name": "Run the release package",
        "kind": "run-package",
        "settings": {},
        "time_limit_seconds": 3600,
        "retries": 0,
        "repeatable": False,
    }


def test_a_stack_freezes_nothing(db):
    assert snapshot.take(a_stack("Shop")) == {}


# -- when two are the same --------------------------------------------------------------------------------------------


def test_the_order_of_contents_does_not_matter():
    assert snapshot.fingerprint({}, ["a=1", "b=2"]) == snapshot.fingerprint({}, ["b=2", "a=1"])


def test_another_encryption_of_the_same_secret_does_not_matter():
    first, second = ({"variables": [a_value("hunter2", sensitive=True)]} for _ in range(2))

    assert first != second
    assert snapshot.fingerprint(first, []) == snapshot.fingerprint(second, [])


@pytest.mark.parametrize(
    "other",
    [
        a_value("blue", environment="test"),
        a_value("blue", "stack"),
        a_value("green"),
        a_value("blue") | {"name": "COLOR"},
        a_value("blue") | {"sensitive": True, "value": ""},
    ],
    ids=["another environment", "another scope", "another value", "another name", "sensitive"],
)
def test_anything_else_does(other):
    other = other | {"value": encrypt("blue")} if other["sensitive"] else other

    fingerprints = {snapshot.fingerprint({"variables": [value]}, []) for value in (a_value("blue"), other)}

    assert len(fingerprints) == 2


def test_a_fingerprint_cannot_be_guessed_without_the_installations_key(settings):
    before = snapshot.fingerprint({}, ["a=1"])
    settings.ENCRYPTION_KEYS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="]

    assert snapshot.fingerprint({}, ["a=1"]) != before
