"""Fetching exactly what is live somewhere, or the newest, without knowing its number."""

import pytest

from lifecycles.models import Environment
from registry.actions import withdraw
from tests.api.callers import an_account, as_, calling
from tests.api.rows import a_deployment, a_train
from tests.factories import a_component, a_release, a_stack, a_user, a_version, an_environment

pytestmark = pytest.mark.django_db
LATEST = "/api/v1/packages/ui/latest"


@pytest.fixture
def shop(db):
    """1.0.0 is live in PROD, 1.1.0 in TEST, 1.2.0 nowhere."""
    shop = a_stack("Shop", {"UI": 1, "API": 2})
    first = a_release(shop, ui="1.0.0")
    a_train(first, "TEST"), a_train(first, "PROD")
    a_train(a_release(shop, ui="1.1.0"), "TEST")
    a_version("ui", "1.2.0")
    return shop


def found(client, **query: str):
    answer = client.get(LATEST, query)
    return answer.status_code, answer.json().get("version") or answer.json()["sentence"]


@pytest.mark.parametrize(
    ("environment", "version"), [("PROD", "1.0.0"), ("prod", "1.0.0"), ("Prod", "1.0.0"), ("test", "1.1.0")]
)
def test_what_is_live_somewhere_is_found_by_the_environment_alone(shop, environment, version):
    assert found(as_("viewer"), environment=environment) == (200, version)


def test_an_environment_is_known_by_its_name_and_by_its_slug(shop):
    Environment.objects.filter(slug="prod").update(name="Production-EU")

    answers = [found(as_("viewer"), environment=name) for name in ("production-eu", "PROD")]

    assert answers == [(200, "1.0.0")] * 2


def test_the_answer_is_the_whole_version_with_its_download(shop):
    answer = as_("viewer").get(LATEST, {"environment": "PROD"}).json()

    assert answer["package"] == "ui"
    assert answer["sha256"]
    assert answer["download"] == "http://testserver/api/v1/packages/ui/versions/1.0.0/download"


def test_the_download_of_what_is_live_leads_to_exactly_that_version(shop):
    answer = as_("viewer").get(f"{LATEST}/download", {"environment": "PROD"})

    assert (answer.status_code, answer.url) == (302, "/api/v1/packages/ui/versions/1.0.0/download")


def test_a_component_that_went_alone_counts_and_not_what_its_stack_names(shop):
    hot_fix = a_release(shop.components.get(slug="ui"), ui="1.2.0")
    a_deployment(hot_fix, "PROD")

    assert found(as_("viewer"), environment="PROD") == (200, "1.2.0")


def test_what_is_live_is_found_although_it_was_withdrawn(shop):
    withdraw(a_version("ui", "1.0.0"), by=a_user("rita"), reason="It leaks.")

    answer = as_("viewer").get(LATEST, {"environment": "PROD"}).json()

    assert (answer["version"], answer["withdrawn_reason"]) == ("1.0.0", "It leaks.")


def test_where_nothing_is_live_a_sentence_says_so(shop):
    a_version("api", "1.0.0"), an_environment("QA")
    a_stack("Bank", {"Vault": 1}, lifecycle=shop.lifecycle)
    a_version("vault", "1.0.0")

    answer = as_("viewer").get("/api/v1/packages/vault/latest", {"environment": "PROD"})

    assert (answer.status_code, answer.json()["sentence"]) == (404, "No version of vault is live in PROD.")


@pytest.mark.parametrize("environment", ["NOWHERE", "te\0st"])
def test_an_environment_that_there_is_not_is_not_found(shop, environment):
    status, _ = found(as_("viewer"), environment=environment)

    assert status in (400, 404)


# -- several projects -------------------------------------------------------------------------------------------------


@pytest.fixture
def kiosk(shop):
    """Another stack that holds the same package, with 1.1.0 live in PROD."""
    kiosk = a_stack("Kiosk", lifecycle=shop.lifecycle)
    a_component(kiosk, "Screen", package="ui")
    a_train(a_release(kiosk, ui="1.1.0"), "PROD")
    return kiosk


def test_different_versions_of_several_projects_are_not_chosen_from(kiosk):
    answer = as_("viewer").get(LATEST, {"environment": "PROD"})

    assert (answer.status_code, answer.json()["code"]) == (409, "several-live")
    assert answer.json()["sentence"] == (
        "Different versions of ui are live in PROD: 1.1.0 in Screen (screen), 1.0.0 in UI (ui). Say which project is"
        " meant: project=screen."
    )


@pytest.mark.parametrize(
    ("project", "version"), [("ui", "1.0.0"), ("screen", "1.1.0"), ("kiosk", "1.1.0"), ("Shop", "1.0.0")]
)
def test_the_project_or_its_stack_says_which_is_meant(kiosk, project, version):
    assert found(as_("viewer"), environment="PROD", project=project) == (200, version)


def test_a_project_without_it_has_nothing_live(kiosk):
    assert found(as_("viewer"), environment="PROD", project="api") == (404, "No version of ui in api is live in PROD.")


def test_the_same_version_of_several_projects_is_no_question(kiosk):
    a_train(a_release(kiosk, ui="1.0.0"), "PROD")

    assert found(as_("viewer"), environment="PROD") == (200, "1.0.0")


def test_a_project_that_one_may_not_see_does_not_count(shop, kiosk):
    client = calling(an_account("guest", "viewer", project=shop))

    assert found(client, environment="PROD") == (200, "1.0.0")
    assert found(client, environment="PROD", project="kiosk")[0] == 404


# -- the newest -------------------------------------------------------------------------------------------------------


def test_without_an_environment_the_highest_that_may_be_used_is_found(shop):
    a_version("ui", "1.10.0"), a_version("ui", "1.9.0")
    withdraw(a_version("ui", "2.0.0"), by=a_user("rita"), reason="It leaks.")

    assert found(as_("viewer")) == (200, "1.10.0")


@pytest.mark.parametrize(("prerelease", "version"), [("false", "1.2.0"), ("true", "2.0.0-rc.1")])
def test_a_pre_release_is_found_only_when_it_is_asked_for(shop, prerelease, version):
    a_version("ui", "2.0.0-rc.1")

    assert found(as_("viewer"), prerelease=prerelease) == (200, version)


def test_where_there_are_only_pre_releases_a_sentence_says_so(shop):
    a_component(shop, "Docs")
    a_version("docs", "1.0.0-beta")

    answer = as_("viewer").get("/api/v1/packages/docs/latest")

    assert answer.status_code == 404
    assert answer.json()["sentence"] == (
        "docs has no version that may be used that is no pre-release; say prerelease=true for one."
    )


def test_the_newest_is_downloaded_too(shop):
    assert as_("viewer").get(f"{LATEST}/download").url == "/api/v1/packages/ui/versions/1.2.0/download"
