"""What manifests name, and what is different between two releases, as JSON."""

import pytest

from projects.models import Project, Variable
from registry.models import Package
from releases.models import Release, TriggerEvaluation
from tests.api.callers import as_
from tests.deployments.rows import went_live
from tests.factories import (
    a_package,
    a_release,
    a_source,
    a_stack,
    a_trigger,
    a_version,
    an_outside_package,
)

pytestmark = pytest.mark.django_db

API = "/api/v1/projects/shop"


@pytest.fixture
def shop() -> Project:
    """A stack whose component UI holds a package with a manifest, patient-api being the Patient API."""
    an_outside_package("patient-api", label="Patient API")
    shop = a_stack("Shop", {"UI": 1})
    a_source(a_package("ui"))
    return shop


def a_ui(version: str, patient: str) -> str:
    return a_version("ui", version, contents={"patient-api": patient}).version


@pytest.fixture
def older(shop: Project) -> Release:
    return a_release(shop, "1.0.0", ui=a_ui("1.0.0", "1.4.113"))


@pytest.fixture
def newer(shop: Project, older: Release) -> Release:
    went_live(older)
    return a_release(shop, "1.1.0", ui=a_ui("1.1.0", "1.4.114"))


ENTRY = {"package": "ui", "component": "patient-api", "label": "Patient API"}
CHANGED = ENTRY | {"change": "changed", "before": "1.4.113", "after": "1.4.114"}


def test_the_grid_says_which_version_of_a_manifests_component_is_where(newer):
    answer = as_("business_viewer").get(f"{API}/grid").json()

    assert [row["contents"] for row in answer["rows"]] == [
        [],
        [ENTRY | {"versions": {"test": "1.4.113", "prod": None}}],
    ]


def test_the_history_says_what_was_named_then(newer):
    answer = as_("business_viewer").get("/api/v1/environments/test/history").json()

    assert sorted((row["project"], row["contents"]) for row in answer["items"]) == [
        ("shop", []),
        ("ui", [ENTRY | {"version": "1.4.113"}]),
    ]


def test_a_release_says_what_its_manifests_name(newer):
    answer = as_("business_viewer").get(f"{API}/releases/1.1.0").json()

    (held,) = answer["components"][0]["packages"]
    assert held["contents"] == {"patient-api": "1.4.114"}


def test_the_plan_of_a_deployment_says_what_changes_inside(newer):
    deployment = went_live(newer)

    answer = as_("business_viewer").get(f"/api/v1/deployments/{deployment.pk}").json()

    assert [line["contents"] for line in answer["plan"]] == [[CHANGED]]


# -- comparing --------------------------------------------------------------------------------------------------------


def compared(role: str, before: str, after: str):
    return as_(role).get(f"{API}/compare", {"from": before, "to": after})


def test_two_releases_are_compared(newer):
    Release.objects.filter(pk=newer.pk).update(notes="Invoices")

    answer = compared("viewer", "1.0.0", "1.1.0").json()

    assert {field: answer[field] for field in ("project", "before", "after", "is_back")} == {
        "project": "shop", "before": "1.0.0", "after": "1.1.0", "is_back": False
    }  # fmt: skip
    assert answer["components"] == [
        {
            "project": "ui",
            "name": "UI",
            "change": "changed",
            "before": "1.0.0",
            "after": "1.1.0",
            "place": [],
            "packages": [{"package": "ui", "label": "ui", "change": "changed", "before": "1.0.0", "after": "1.1.0"}],
            "contents": [CHANGED],
            "process": None,
            "steps": [],
            "variables": [],
        }
    ]
    assert answer["notes"] == [{"project": "shop", "release": "1.1.0", "notes": "Invoices"}]


def test_the_way_back_is_one(newer):
    answer = compared("viewer", "1.1.0", "1.0.0").json()

    assert answer["is_back"]
    assert answer["components"][0]["contents"][0]["after"] == "1.4.113"


def test_variables_are_told_to_those_who_see_technical_details(shop, older):
    secret = Variable(project=shop, name="KEY")
    secret.set_value("hunter2", sensitive=True)
    secret.save()
    a_release(shop, "1.1.0")

    technical = compared("viewer", "1.0.0", "1.1.0")
    business = compared("business_viewer", "1.0.0", "1.1.0").json()["components"][0]

    (told,) = technical.json()["components"][0]["variables"]
    assert told == {
        "name": "KEY", "environment": None, "scope": "stack", "change": "added", "sensitive": True,
        "before": None, "after": None,
    }  # fmt: skip
    assert "hunter2" not in technical.content.decode()
    assert (business["steps"], business["variables"]) == (None, None)


@pytest.mark.parametrize(("before", "after"), [("1.0.0", "9.9.9"), ("9.9.9", "1.0.0"), ("a\0b", "1.0.0")])
def test_a_release_that_there_is_not_is_not_found(newer, before, after):
    assert compared("viewer", before, after).status_code == 404


def test_a_comparison_takes_two_numbers(newer):
    assert as_("viewer").get(f"{API}/compare", {"from": "1.0.0"}).status_code == 400


# -- evaluations ------------------------------------------------------------------------------------------------------


@pytest.fixture
def evaluated(shop: Project) -> Project:
    """Two pushes, one of which created nothing."""
    trigger = a_trigger(shop)
    Package.objects.filter(name="ui").update(label="Patient UI")
    release = a_release(shop)
    for version, outcome, made in (("1.0.0", "created", release), ("2.0.0", "nothing", None)):
        TriggerEvaluation.objects.create(
            trigger=trigger, version=a_version("ui", version), outcome=outcome, release=made, sentence=outcome
        )
    return shop


@pytest.mark.parametrize(
    ("query", "outcomes"),
    [
        ({}, ["nothing", "created"]),
        ({"outcome": "created"}, ["created"]),
        ({"package": "PATIENT"}, ["nothing", "created"]),
        ({"package": "api"}, []),
        ({"trigger": "every push"}, ["nothing", "created"]),
        ({"trigger": "Some push"}, []),
        ({"since": "2001-01-01T00:00:00Z"}, ["nothing", "created"]),
        ({"until": "2001-01-01T00:00:00Z"}, []),
    ],
)
def test_evaluations_are_narrowed(evaluated, query, outcomes):
    answer = as_("viewer").get(f"{API}/evaluations", query).json()

    assert [line["outcome"] for line in answer["items"]] == outcomes


def test_an_evaluation_says_how_the_version_became_known(evaluated):
    answer = as_("viewer").get(f"{API}/evaluations").json()

    assert [line["origin"] for line in answer["items"]] == ["pushed by ci", "pushed by ci"]


@pytest.mark.parametrize("query", [{"outcome": "never"}, {"package": "a\0b"}, {"since": "yesterday"}])
def test_a_filter_that_cannot_be_understood_is_refused(evaluated, query):
    assert as_("viewer").get(f"{API}/evaluations", query).status_code == 400
