"""Releases through the API: created, shown, held back, asked about."""

import json

import pytest

from accounts.models import Event
from projects.models import Variable
from registry.actions import withdraw
from releases.models import Release
from tests.api.callers import an_account, as_, calling
from tests.api.rows import a_train
from tests.factories import a_package, a_release, a_stack, a_user, a_version, an_environment

pytestmark = pytest.mark.django_db
RELEASES = "/api/v1/projects/shop/releases"


@pytest.fixture
def shop(db):
    return a_stack("Shop", {"API": 1, "UI": 2})


def sent(client, method, address, body=None):
    return client.generic(method, address, json.dumps(body or {}), "application/json")


def test_a_release_is_created_from_the_newest_versions(shop):
    a_version("api", "1.0.0"), a_version("ui", "1.9.0"), a_version("ui", "1.10.0")

    answer = sent(as_("deployer"), "POST", RELEASES, {"notes": "New colours"})

    assert answer.status_code == 201
    shown = answer.json()
    assert (shown["number"], shown["notes"], shown["created_by"]) == ("1.0.1", "New colours", "deployer-account")
    assert [(line["component"], line["release"], line["stage"]) for line in shown["components"]] == [
        ("api", "1.0.0", 1),
        ("ui", "1.10.0", 2),
    ]
    assert shown["url"] == "http://testserver/api/v1/projects/shop/releases/1.0.1"


def test_a_release_of_stated_versions_is_created(shop):
    a_version("api", "1.0.0"), a_version("ui", "1.0.0"), a_version("ui", "2.0.0")

    shown = sent(as_("deployer"), "POST", RELEASES, {"versions": {"ui": "1.0"}, "number": "7.0.0"}).json()

    assert (shown["number"], shown["components"][1]["packages"]) == (
        "7.0.0",
        [{"package": "ui", "version": "1.0.0", "withdrawn": False, "contents": {}}],
    )


def test_the_same_contents_again_give_the_release_that_exists(shop):
    a_release(shop)

    answer = sent(as_("deployer"), "POST", RELEASES)

    assert (answer.status_code, answer.json()["number"]) == (200, "1.0.1")
    assert Release.objects.filter(project=shop).count() == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"versions": {"ui": "9.9.9"}}, 422, "version_unknown"),
        ({"versions": {"ui": "latest"}}, 422, "version_unreadable"),
        ({"versions": {"api": "1.0.0"}}, 409, "component_without_package"),
    ],
)
def test_a_release_that_cannot_be_put_together_is_refused(shop, body, status, code):
    a_version("api", "1.0.0")

    answer = sent(as_("deployer"), "POST", RELEASES, body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Release.objects.exists()


def test_a_number_that_is_no_version_is_refused(shop):
    a_version("api"), a_version("ui")

    answer = sent(as_("deployer"), "POST", RELEASES, {"number": "next"})

    assert (answer.status_code, answer.json()["code"]) == (422, "number_unreadable")


def test_a_number_that_is_taken_is_refused(shop):
    a_release(shop)
    a_version("ui", "2.0.0")

    answer = sent(as_("deployer"), "POST", RELEASES, {"number": "1.0.1"})

    assert (answer.status_code, answer.json()["code"]) == (409, "number_taken")


def test_releases_are_listed_highest_number_first(shop):
    for version in ("1.0.0", "1.9.0", "1.10.0"):
        a_release(shop, number=version, ui=version)

    listed = as_("viewer").get(RELEASES).json()["items"]

    assert [line["number"] for line in listed] == ["1.10.0", "1.9.0", "1.0.0"]


def test_a_release_shows_variables_without_any_value(shop):
    secret = Variable(project=shop, name="API_KEY")
    secret.set_value("hunter2", sensitive=True)
    secret.save()
    Variable.objects.create(project=shop, name="REGION", value="plainly-visible", environment=an_environment("TEST"))
    a_release(shop)

    answer = as_("viewer").get(f"{RELEASES}/1.0.1")

    assert {"name": "API_KEY", "environment": None, "scope": "stack", "sensitive": True} in (
        answer.json()["snapshots"][0]["variables"]
    )
    assert answer.json()["snapshots"][0]["process"]["slug"] == "execute-the-release-package"
    assert "plainly-visible" not in answer.content.decode()
    assert "gAAAA" not in answer.content.decode()


def test_a_release_says_where_it_is_live(shop):
    train = a_train(a_release(shop))

    shown = as_("viewer").get(f"{RELEASES}/1.0.1").json()

    assert [(place["environment"], place["deployment"]) for place in shown["live_in"]] == [("test", train.pk)]


def test_a_business_viewer_sees_the_release_but_nothing_technical(shop):
    a_release(shop)

    shown = as_("business_viewer").get(f"{RELEASES}/1.0.1").json()

    assert (shown["components"][0]["release"], shown["snapshots"]) == ("1.0.0", None)


def test_notes_are_edited_and_nothing_else(shop):
    release = a_release(shop)

    answer = sent(as_("release_manager"), "PATCH", f"{RELEASES}/1.0.1", {"notes": "Better words"})
    refused = sent(as_("release_manager"), "PATCH", f"{RELEASES}/1.0.1", {"notes": "x", "number": "2"})

    release.refresh_from_db()
    assert (answer.json()["notes"], release.notes, refused.status_code) == ("Better words", "Better words", 400)
    assert Event.objects.filter(verb="release.notes").count() == 1


def test_progression_is_prevented_with_a_reason_and_allowed_again(shop):
    a_release(shop)
    client = as_("release_manager")

    nameless = sent(client, "POST", f"{RELEASES}/1.0.1/prevent-progression", {"reason": " "})
    prevented = sent(client, "POST", f"{RELEASES}/1.0.1/prevent-progression", {"reason": "Broken login"})
    again = sent(client, "POST", f"{RELEASES}/1.0.1/prevent-progression", {"reason": "Broken login"})
    allowed = sent(client, "POST", f"{RELEASES}/1.0.1/allow-progression")

    assert (nameless.status_code, nameless.json()["code"]) == (422, "reason_missing")
    assert (prevented.json()["prevented"], prevented.json()["prevented_reason"]) == (True, "Broken login")
    assert (again.status_code, again.json()["code"]) == (409, "prevented_already")
    assert allowed.json()["prevented"] is False


def test_readiness_names_every_reason(shop):
    a_release(shop)

    answer = as_("viewer").get(f"{RELEASES}/1.0.1/readiness?environment=prod").json()

    assert (answer["deployable"], answer["requestable"]) == (False, False)
    assert [(found["code"], found["stops"]) for found in answer["blockers"]] == [
        ("not_permitted", "requesting"),
        ("phase_incomplete", "requesting"),
    ]


def test_readiness_without_a_reason_against_it_means_go(shop):
    a_release(shop)

    answer = as_("release_manager").get(f"{RELEASES}/1.0.1/readiness?environment=test").json()

    assert answer == {"deployable": True, "requestable": True, "blockers": []}


# -- packages ---------------------------------------------------------------------------------------------------------


def test_a_version_says_what_it_holds_and_where_it_is_used(shop):
    version = a_version("ui", "1.0.0", contents={"patient-api": "1.4.113"})
    a_train(a_release(shop))

    shown = as_("viewer").get("/api/v1/packages/ui/versions/1.0").json()

    assert (shown["contents"], shown["sha256"]) == ({"patient-api": "1.4.113"}, version.artifact.sha256)
    assert shown["used_by"] == [
        {"project": "shop", "release": "1.0.1", "live_in": ["test"]},
        {"project": "ui", "release": "1.0.0", "live_in": ["test"]},
    ]
    assert shown["download"] == "http://testserver/api/v1/packages/ui/versions/1.0.0/download"


def test_a_version_is_withdrawn_and_put_back_with_reasons(shop):
    a_version("ui")
    client, address = as_("release_manager"), "/api/v1/packages/ui/versions/1.0.0"
    administrator = as_("administrator", project=shop)

    nameless = sent(client, "POST", f"{address}/withdraw", {"reason": ""})
    withdrawn = sent(client, "POST", f"{address}/withdraw", {"reason": "Leaks data"})
    again = sent(client, "POST", f"{address}/withdraw", {"reason": "Leaks data"})
    not_theirs = sent(client, "POST", f"{address}/restore", {"reason": "False alarm"})
    unexplained = sent(administrator, "POST", f"{address}/restore", {"reason": " "})
    restored = sent(administrator, "POST", f"{address}/restore", {"reason": "False alarm"})

    assert (nameless.status_code, nameless.json()["code"]) == (422, "reason-missing")
    assert (withdrawn.json()["withdrawn_reason"], withdrawn.json()["withdrawn_by"]) == (
        "Leaks data",
        "release_manager-account",
    )
    assert (again.status_code, again.json()["code"]) == (409, "already-withdrawn")
    assert not_theirs.status_code == 403
    assert not_theirs.json()["sentence"].startswith(
        "You may not put a withdrawn version back into use for UI. It takes"
    )
    assert (unexplained.status_code, unexplained.json()["code"]) == (422, "reason-missing")
    assert (restored.status_code, restored.json()["withdrawn_at"]) == (200, None)


def test_putting_back_what_no_project_holds_takes_an_administrator_of_everything(shop):
    withdraw(a_version("loner"), by=a_user("rita"), reason="Leaks data")
    address = "/api/v1/packages/loner/versions/1.0.0/restore"
    of_one_project, of_everything = an_account("one", "administrator", project=shop), as_("administrator")

    unseen = sent(calling(of_one_project), "POST", address, {"reason": "False alarm"})
    restored = sent(of_everything, "POST", address, {"reason": "False alarm"})

    assert (unseen.status_code, restored.status_code) == (404, 200)


def test_packages_of_projects_out_of_sight_do_not_exist(shop):
    a_version("ui"), a_package("elsewhere"), a_version("elsewhere")

    token_of_one_project = as_("viewer", project=shop)
    limited = calling(an_account("limited", "viewer", project=shop))

    assert [line["name"] for line in limited.get("/api/v1/packages").json()["items"]] == ["api", "ui"]
    assert limited.get("/api/v1/packages/elsewhere").status_code == 404
    assert token_of_one_project.get("/api/v1/packages/elsewhere").status_code == 404


def test_a_package_names_its_newest_version_that_is_not_withdrawn(shop):
    a_version("ui", "1.0.0"), a_version("ui", "2.0.0")
    sent(as_("release_manager"), "POST", "/api/v1/packages/ui/versions/2.0.0/withdraw", {"reason": "Leaks data"})

    listed = as_("viewer").get("/api/v1/packages").json()["items"]

    assert listed[1] == {"name": "ui", "label": "", "newest": "1.0.0", "versions": 2, "projects": ["ui"]}
