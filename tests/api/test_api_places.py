"""What is live of a project in an environment, and what would come next, over the API."""

import pytest

from projects.models import Project
from registry import evidence
from registry.builds import Build, Commit, WorkItem
from releases import actions
from tests.api.callers import as_
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, approved, run_out, went_live
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_release, a_service_account, a_version, an_environment

pytestmark = pytest.mark.django_db

PLACE = "/api/v1/projects/shop/environments/test"


@pytest.fixture
def shop() -> Project:
    shop = a_rows_shop()
    went_live(a_release(shop, "1.0.0", api="1.0.0", ui="1.0.0"))
    a_version("ui", "2.0.0", contents={"patient-api": "1.4.114"})
    build = Build(commits=(Commit("7fd1a60b", "Show", "ann"),), work_items=(WorkItem("S-1", "Show the ward"),))
    evidence.record_build("ui", "2.0.0", build, a_service_account())
    actions.edit_notes(a_release(shop, "1.1.0", api="1.0.0", ui="2.0.0"), "*Bookings*", by=a_manager())
    return shop


def asked(path: str = "", role: str = "viewer"):
    return as_(role).get(f"{PLACE}{path}")


def test_what_is_live_is_told_with_who_approved_and_what_came(shop):
    otto = a_gate("TEST")
    approved(requested(shop.releases.get(number="1.1.0")), otto, "Good.")
    run_out()

    told = asked().json()

    assert (told["project"], told["environment"], told["status"], told["in_step"]) == ("shop", "test", "deployed", True)
    assert (told["live"]["release"], told["live"]["version"], told["live"]["stack_release"]) == ("1.1.0", "1.1.0", None)
    assert [(one["person"], one["comment"]) for one in told["live"]["approved"]] == [("otto", "Good.")]
    assert told["brought"]["notes"] == [{"project": "shop", "release": "1.1.0", "notes": "*Bookings*"}]
    assert [item["id"] for item in told["brought"]["work_items"]] == ["S-1"]
    assert told["brought"]["markdown"].startswith("# Shop 1.1.0 in TEST")
    api, ui = told["components"]
    assert (api["live"]["version"], ui["live"]["version"], ui["live"]["stack_release"]) == ("1.0.0", "2.0.0", "1.1.0")
    assert ui["live"]["contents"] == [{"label": "patient-api", "version": "1.4.114"}]


def test_a_component_has_a_place_of_its_own(shop):
    told = as_("viewer").get("/api/v1/projects/ui/environments/test").json()

    assert (told["live"]["version"], told["live"]["stack_release"], told["components"]) == ("1.0.0", "1.0.0", [])


def test_where_nothing_is_live_that_is_said(shop):
    told = as_("viewer").get("/api/v1/projects/shop/environments/prod").json()

    assert (told["live"], told["brought"], told["status"]) == (None, None, "none")


def test_the_newest_release_is_what_comes(shop):
    told = asked("/coming").json()

    assert (told["release"], told["live"]) == ("1.1.0", "1.0.0")
    assert told["brings"]["changes"] == [
        {"project": "shop", "name": "Shop", "before": "1.0.0", "after": "1.1.0", "is_back": False},
        {"project": "ui", "name": "UI", "before": "1.0.0", "after": "2.0.0", "is_back": False},
    ]
    assert "*Bookings*" in told["brings"]["markdown"]


def test_a_rollback_says_what_it_takes_back(shop):
    went_live(shop.releases.get(number="1.1.0"))

    told = asked("/coming?release=1.0.0").json()["brings"]

    assert [note["release"] for note in told["taken_back"]] == ["1.1.0"]
    assert [item["id"] for item in told["work_items_taken_back"]] == ["S-1"]
    assert [change["is_back"] for change in told["changes"]] == [True, True]


def test_where_the_newest_is_live_nothing_comes(shop):
    went_live(shop.releases.get(number="1.1.0"))

    told = asked("/coming").json()

    assert (told["release"], told["brings"]) == (None, None)


def test_commits_are_for_those_who_see_technical_details(shop):
    assert [commit["id"] for commit in asked("/coming").json()["brings"]["commits"]] == ["7fd1a60b"]
    assert asked("/coming", role="business_viewer").json()["brings"]["commits"] is None


def test_the_feed_is_read_with_a_token(shop):
    there = asked("/feed.atom")

    again = as_("viewer").get(f"{PLACE}/feed.atom", headers={"If-None-Match": there.headers["ETag"]})

    assert there.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert "Shop 1.0.0 is live in TEST" in there.content.decode()
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["", "/coming", "/feed.atom"])
def test_an_environment_that_the_project_does_not_go_to_is_not_found(shop, path):
    an_environment("QA")

    answer = as_("viewer").get(f"/api/v1/projects/shop/environments/qa{path}")

    assert (answer.status_code, answer.json()["sentence"]) == (404, "Shop does not go to an environment “qa”.")


def test_a_release_that_there_is_not_is_not_found(shop):
    assert asked("/coming?release=9.9.9").json()["sentence"] == "Shop has no release 9.9.9."
