"""Holds over the API: what stands, putting one, releasing one, and what a token for one project opens."""

import pytest

from deployments.holds import hold, release_hold
from deployments.models import Deployment, Hold, Status
from projects.models import Project
from tests.api.callers import an_account, as_, calling
from tests.deployments.scenes import a_manager, requested
from tests.factories import a_release, a_stack, an_environment

pytestmark = pytest.mark.django_db

HOLDS = "/api/v1/holds"
JSON = "application/json"


@pytest.fixture
def shop() -> Project:
    return a_stack("Shop", {"API": 1, "UI": 2})


def put(client, **asked):
    return client.post(HOLDS, {"reason": "Database migration"} | asked, JSON)


def a_standing_hold(project: Project | None = None, environment: str | None = None) -> Hold:
    place = an_environment(environment) if environment else None
    return hold(project, place, by=a_manager(), reason="Database migration")


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        ({}, "the whole portal"),
        ({"project": None, "environment": None}, "the whole portal"),
        ({"environment": "prod"}, "PROD"),
        ({"project": "shop"}, "Shop"),
        ({"project": "shop", "environment": "prod"}, "Shop in PROD"),
    ],
)
def test_it_is_put(shop, asked, what):
    answer = put(as_("release_manager"), **asked)

    body = answer.json()
    assert (answer.status_code, body["what"], body["standing"]) == (201, what, True)
    assert (body["project"], body["environment"]) == (asked.get("project"), asked.get("environment"))
    assert Hold.objects.standing().get().pk == body["id"]


def test_it_says_everything_about_a_hold(shop):
    row = a_standing_hold(shop, "PROD")

    (shown,) = as_("viewer").get(HOLDS).json()["items"]

    assert shown["sentence"].startswith("On hold: Shop in PROD since ")
    assert (shown["by"], shown["reason"], shown["at"]) == (
        "mia",
        "Database migration",
        row.at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )
    assert (shown["released_by"], shown["released_at"], shown["released_because"]) == (None, None, "")


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"reason": " "}, 422, "reason_missing"),
        ({"project": "ui"}, 409, "part_of_stack"),
        ({"environment": "staging"}, 404, "not-found"),
        ({"project": "depot"}, 404, "not-found"),
        ({"project": ""}, 404, "not-found"),
        ({"stack": "shop"}, 400, "shape"),
    ],
)
def test_what_cannot_be_put_is_refused(shop, asked, status, code):
    answer = put(as_("release_manager"), **asked)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Hold.objects.exists()


def test_what_is_on_hold_already_is_refused_with_who_put_it(shop):
    a_standing_hold(shop)

    answer = put(as_("release_manager"), project="shop")

    assert (answer.status_code, answer.json()["code"]) == (409, "on_hold_already")
    assert "mia: Database migration." in answer.json()["sentence"]


def test_a_grant_for_one_project_does_not_hold_every_project(shop):
    client = calling(an_account("manager", "release_manager", project=shop))

    answer = put(client)

    assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted")
    assert "every project in every environment" in answer.json()["sentence"]


def test_a_token_for_one_project_holds_that_project_and_nothing_beyond(shop):
    client = calling(an_account("manager", "release_manager"), project=shop)

    statuses = [put(client, **asked).status_code for asked in ({}, {"environment": "prod"}, {"project": "shop"})]

    assert statuses == [403, 403, 201]
    assert [row.what for row in Hold.objects.all()] == ["Shop"]


def test_a_token_for_one_project_sees_what_concerns_it_and_releases_only_its_own(shop):
    mine, everything = a_standing_hold(shop), a_standing_hold()
    a_standing_hold(a_stack("Depot"))
    client = calling(an_account("manager", "release_manager"), project=shop)

    seen = [line["id"] for line in client.get(HOLDS).json()["items"]]
    statuses = [client.post(f"{HOLDS}/{row.pk}/release", content_type=JSON).status_code for row in (everything, mine)]

    assert seen == [everything.pk, mine.pk]
    assert statuses == [403, 200]


def test_strangers_see_none(shop):
    a_standing_hold()

    assert calling(an_account("stranger")).get(HOLDS).json()["items"] == []


@pytest.mark.parametrize(
    ("query", "shown"), [("", [True, False]), ("standing=true", [True]), ("standing=false", [False])]
)
def test_the_list_is_narrowed_to_those_that_stand_or_were_released(shop, query, shown):
    release_hold(a_standing_hold(shop), by=a_manager())
    a_standing_hold(shop)

    items = as_("viewer").get(f"{HOLDS}?{query}").json()["items"]

    assert [line["standing"] for line in items] == shown


def test_releasing_starts_what_has_waited(shop):
    row = a_standing_hold(shop)
    train = requested(a_release(shop))

    answer = as_("release_manager").post(f"{HOLDS}/{row.pk}/release", {"reason": "Migrated"}, JSON)

    body = answer.json()
    assert (body["standing"], body["released_by"], body["released_because"]) == (
        False,
        "release_manager-account",
        "Migrated",
    )
    assert Deployment.objects.get(pk=train.pk).status == Status.RUNNING


def test_it_is_released_once(shop):
    row = a_standing_hold(shop)
    release_hold(row, by=a_manager())

    answer = as_("release_manager").post(f"{HOLDS}/{row.pk}/release", content_type=JSON)

    assert (answer.status_code, answer.json()["code"]) == (409, "released_already")


def test_readiness_and_a_waiting_deployment_name_the_hold(shop):
    a_standing_hold(shop)
    release = a_release(shop)
    train = requested(release)
    client = as_("deployer")

    ready = client.get(f"/api/v1/projects/shop/releases/{release.number}/readiness?environment=test").json()
    shown = client.get(f"/api/v1/deployments/{train.pk}").json()

    assert "on_hold" in [reason["code"] for reason in ready["blockers"]]
    assert (ready["deployable"], ready["requestable"]) == (False, True)
    assert [(reason["code"], reason["stops"]) for reason in shown["blockers"]] == [("on_hold", "starting")]
