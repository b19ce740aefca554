"""The page of a release: what it brings, where it is, what stands in its way, and the one next action."""

import pytest
from django.test import Client

from accounts.models import User
from projects.models import Project
from registry import actions as registry
from registry.models import PackageVersion
from releases import actions as releases
from releases.models import Release
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, failed, went_live
from tests.deployments.scenes import a_gate, a_manager, pushed, requested
from tests.factories import a_release, a_trigger, a_user, a_version, an_environment
from tests.portal.pages import buttons_of, opened, said, title_of

pytestmark = pytest.mark.django_db

MANAGING = ["Edit the notes", "Prevent 1.0.0"]


@pytest.fixture
def manager(client: Client) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


@pytest.fixture
def shop() -> Project:
    return a_rows_shop()


@pytest.fixture
def release(shop: Project) -> Release:
    return a_release(shop, "1.0.0", ui="1.4.0")


def release_page(client: Client, number: str = "1.0.0", slug: str = "shop"):
    return opened(client, "release", slug, number)


# -- what it brings ---------------------------------------------------------------------------------------------------


def test_it_says_who_created_it_and_what_it_holds(client, manager, release):
    response = release_page(client)

    assert title_of(response) == "Shop 1.0.0"
    assert "Created by creator just now. Its contents are frozen." in said(response)
    assert "UI 1.4.0 None" in said(response)
    assert "Nobody has written notes for this release." in said(response)


def test_a_manifest_is_shown_beside_its_package(client, manager, shop):
    a_version("api", "2.0.0", contents={"patient-api": "1.4.114"})
    a_release(shop, "1.0.0")

    assert "API 2.0.0 patient-api 1.4.114" in said(release_page(client))


def test_what_changes_is_told_from_what_stays(client, manager, shop, release):
    went_live(release)
    a_release(shop, "1.1.0", ui="1.5.0")

    page = said(release_page(client, "1.1.0"))

    assert "What will change in TEST 1 of 2 components, in this order" in page
    assert "API 1.0.0 Skipped 1.0.0 is live there already." in page
    assert "UI from 1.4.0→ to 1.5.0 It replaces 1.4.0." in page


def test_a_release_that_a_trigger_created_says_why(client, manager, shop, settings, tmp_path):
    settings.PACKAGES_DIR = tmp_path
    a_version("api")
    a_trigger(shop)
    pushed("ui", "1.4.0")
    number = shop.releases.get().number

    assert f"Because ui 1.4.0 led to Shop {number}." in said(release_page(client, number))


def test_notes_are_shown_as_text(client, manager, shop):
    a_version("api")
    a_version("ui")
    releases.create(shop, by=manager, number="1.0.0", notes="<script>alert(1)</script>")

    page = release_page(client).content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


# -- where it is, and what stands in its way --------------------------------------------------------------------------


def test_a_new_release_is_ready_for_the_first_environment(client, manager, release):
    response = release_page(client)

    assert "Ready to be requested for TEST Nothing stands in its way." in said(response)
    assert buttons_of(response) == ["Edit the notes", "Request TEST…", "Prevent 1.0.0"]


def test_an_approval_to_come_is_said_beforehand(client, manager, release):
    a_gate("TEST")

    page = said(release_page(client))

    assert "It may be requested now, and then waits for what is listed below." in page
    assert "It needs 1 approval (Gate) once it has been requested. Waits" in page


def test_a_request_is_followed(client, manager, release):
    a_gate("TEST")
    requested(release)

    response = release_page(client)

    assert "Waiting for approval to TEST mia asked for it just now." in said(response)
    assert "Gate: 1 approval missing from otto. Waits" in said(response)
    assert "Follow it" in buttons_of(response)


def test_whoever_may_decide_is_led_to_the_decision(client, release):
    client.force_login(a_gate("TEST"))
    requested(release)

    assert buttons_of(release_page(client)) == ["Review and decide"]


def test_after_test_it_is_ready_for_prod(client, manager, release):
    went_live(release)

    response = release_page(client)

    assert "TEST Live now" in said(response)
    assert "PROD Not yet Nothing is live there yet." in said(response)
    assert "Request PROD…" in buttons_of(response)


def test_a_deployment_under_way_is_followed(client, manager, release):
    went_live(release)
    requested(release, "PROD")

    response = release_page(client)

    assert "Deploying to PROD Asked by mia just now." in said(response)
    assert "Follow it" in buttons_of(response)


def test_a_failure_is_said_where_it_happened(client, manager, shop, release):
    went_live(release)
    failed(a_release(shop, "1.1.0", api="1.1.0"))

    page = said(release_page(client, "1.1.0"))

    assert "TEST Failed The last deployment there. 1.0.0 is live there." in page
    assert "Promotion" in page


def test_a_release_that_was_everywhere_may_be_deployed_again(client, manager, release):
    went_live(release)
    went_live(release, "PROD")

    response = release_page(client)

    assert "It has been everywhere in its lifecycle" in said(response)
    assert "Deploy again to PROD…" in buttons_of(response)


def test_an_older_release_that_was_everywhere_is_a_way_back(client, manager, shop, release):
    newer = a_release(shop, "1.1.0", ui="1.5.0")
    for each in (release, newer):
        went_live(each)
        went_live(each, "PROD")

    response = release_page(client)

    assert "Roll back PROD to 1.0.0…" in buttons_of(response)
    assert "PROD Was live The last deployment there. 1.1.0 is live there." in said(response)


def test_what_cannot_go_on_has_a_sentence_and_no_button(client, manager, release):
    went_live(release)
    releases.prevent_progression(release, by=manager, reason="Wrong prices")

    response = release_page(client)

    assert "It cannot go to PROD as it is mia prevented its progression: Wrong prices" in said(response)
    assert "Stops it" in said(response)
    assert buttons_of(response) == ["Edit the notes", "Allow 1.0.0 again"]


def test_what_was_withdrawn_is_not_offered_again(client, manager, release):
    went_live(release)
    went_live(release, "PROD")
    registry.withdraw(PackageVersion.objects.get(package__name="ui"), by=manager, reason="It leaks")

    response = release_page(client)

    assert "ui 1.4.0 was withdrawn and is never deployed again: It leaks" in said(response)
    assert buttons_of(response) == MANAGING


def test_its_deployments_are_listed_with_what_they_came_to(client, manager, release):
    went_live(release)

    page = said(release_page(client))

    assert "Shop 1.0.0 is live in TEST." in page.partition("Its deployments")[2]


def test_a_release_that_nobody_asked_for_says_so(client, manager, release):
    assert "Nobody has asked for it to go anywhere yet." in said(release_page(client))


def test_the_release_of_a_component_goes_on_its_own(client, manager, release):
    went_live(release)

    response = release_page(client, "1.4.0", "ui")

    assert "Promote to PROD on its own…" in buttons_of(response)
    assert "Promotion with 1.0.0" in said(response)


# -- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "buttons"),
    [
        ("business_viewer", []),
        ("viewer", []),
        ("approver", []),
        ("administrator", []),
        ("deployer", ["Edit the notes", "Request TEST…"]),
        ("release_manager", ["Edit the notes", "Request TEST…", "Prevent 1.0.0"]),
    ],
)
def test_a_role_decides_which_buttons_there_are(client, release, role, buttons):
    client.force_login(a_user("pat", role=role))

    assert buttons_of(release_page(client)) == buttons


def test_a_role_for_one_environment_opens_no_other(client, release):
    client.force_login(a_user("dora", role="deployer", environment=an_environment("TEST")))
    before = buttons_of(release_page(client))
    went_live(release)

    assert "Request TEST…" in before
    assert "Request PROD…" not in buttons_of(release_page(client))


def test_a_deployer_may_deploy_again_but_not_roll_back(client, shop, release):
    newer = a_release(shop, "1.1.0", ui="1.5.0")
    for each in (release, newer):
        went_live(each)
        went_live(each, "PROD")
    client.force_login(a_user("dora", role="deployer"))

    assert buttons_of(release_page(client, "1.1.0")) == ["Edit the notes", "Deploy again to PROD…"]
    assert buttons_of(release_page(client, "1.0.0")) == ["Edit the notes"]


def test_a_stranger_does_not_learn_that_it_exists(client, release):
    client.force_login(a_user("stranger"))

    assert release_page(client).status_code == 404


@pytest.mark.parametrize("number", ["9.9.9", "nonsense", "1.0.0\x00"])
def test_a_number_that_does_not_exist_is_not_found(client, manager, release, number):
    assert release_page(client, number).status_code == 404
