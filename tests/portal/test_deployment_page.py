"""The page of a deployment: where it stands, what it waits for, who sees what, and how it follows what happens."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from deployments import actions
from deployments.models import Deployment, Status, Worker, move
from projects.models import Project
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import went_live
from tests.deployments.scenes import (
    a_gate,
    a_manager,
    a_real_version,
    a_shop,
    deployed,
    released,
    requested,
    work_through,
)
from tests.factories import a_release, a_stack, a_trigger, a_user


@pytest.fixture
def manager(client: Client, db: None) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


@pytest.fixture
def shop(db: None) -> Project:
    return a_shop()


def text_of(client: Client, deployment: Deployment, **query: str) -> str:
    return client.get(reverse("portal:deployment", args=[deployment.pk]), query).content.decode()


def live(client: Client, deployment: Deployment, rev: str):
    return client.get(reverse("portal:deployment-live", args=[deployment.pk]), {"rev": rev})


def revision_in(page: str) -> str:
    return page.split("?rev=")[1].split('"')[0]


def test_a_request_says_what_it_waits_for_and_who_may_answer(client, manager, shop):
    a_gate("TEST")

    page = text_of(client, requested(released(shop), reason="Friday build"))

    assert "Waiting for approval" in page
    assert "Gate: 1 approval missing from otto." in page
    assert "Friday build" in page
    assert "It is not there yet." in page
    assert "Review and decide" not in page


def test_whoever_may_decide_finds_the_way_to_it(client, shop):
    client.force_login(a_gate("TEST"))

    page = text_of(client, requested(released(shop)))

    assert "Review and decide" in page


def test_a_queued_script_says_that_no_worker_serves_its_pool(client, manager, shop):
    train = requested(released(shop))

    page = text_of(client, train.children.get(stage=1))

    assert "No worker serves the pool “default” at present." in page
    assert not Worker.objects.exists()


def test_a_train_shows_its_components_their_logs_and_its_outcome(client, manager, shop):
    train = deployed(released(shop))

    page = text_of(client, train)

    assert f"{train.release} is live in TEST." in page
    assert page.count("<details") - page.count('<details class="menu"') == 2
    assert "hello TEST" in page


def test_the_failed_log_is_open_and_what_succeeded_is_folded(client, manager):
    train = requested(released(a_shop(ui="exit 3")))
    work_through()
    done, failed = train.children.order_by("stage")

    page = text_of(client, train)

    assert f'<details id="fold-{failed.pk}" open>' in page
    assert f'<details id="fold-{done.pk}">' in page
    assert "UI failed" in page


def test_a_component_that_was_skipped_says_why(client, manager, shop):
    release = released(shop)
    deployed(release)
    again = deployed(release)

    page = text_of(client, again)

    assert "1.0.0 is live there already." in page
    assert "Skipped, already there" in page


def test_a_component_names_the_train_that_it_is_part_of(client, manager, shop):
    train = deployed(released(shop))

    page = text_of(client, train.children.get(stage=1))

    assert f"Part of {train}" in page


def test_the_page_asks_for_changes_and_gets_204_while_there_are_none(client, manager, shop):
    train = requested(released(shop))
    revision = revision_in(text_of(client, train))

    response = live(client, train, revision)

    assert response.status_code == 204


def test_a_change_brings_the_page_anew_without_the_lines_of_the_log(client, manager, shop):
    train = requested(released(shop))
    revision = revision_in(text_of(client, train))
    work_through()

    response = live(client, train, revision)

    assert response.status_code == 200
    page = response.content.decode()
    assert "is live in TEST" in page
    assert "hello TEST" not in page


def test_an_ended_deployment_is_not_asked_about_any_more(client, manager, shop):
    page = text_of(client, deployed(released(shop)))

    assert "/live/" not in page
    assert "hx-trigger" not in page


def test_a_running_script_is_followed_line_by_line(client, manager, shop):
    train = requested(released(shop))
    script = train.children.get(stage=1)
    move(script.pk, Status.RUNNING, attempt=1)

    page = text_of(client, script)

    assert f"{reverse('portal:log', args=[script.pk])}?after=0" in page
    assert 'hx-trigger="every 1s"' in page


def test_business_sees_how_it_went_and_no_log(client, db):
    train = requested(released(a_kiosk()))
    work_through()
    client.force_login(a_user("bea", role="business_viewer"))

    page = text_of(client, train)

    assert "Till failed" in page
    assert "The secret of the log" not in page
    assert "data-log-tools" not in page


def test_business_is_refused_the_log_by_every_door(client, shop):
    train = deployed(released(shop))
    client.force_login(a_user("bea", role="business_viewer", project=shop))

    refused = [client.get(reverse(f"portal:{door}", args=[train.pk])).status_code for door in ("log", "log-raw")]

    assert refused == [403, 403]


def test_a_stranger_does_not_learn_that_it_exists(client, shop):
    train = deployed(released(shop))
    client.force_login(a_user("stranger"))

    assert client.get(reverse("portal:deployment", args=[train.pk])).status_code == 404


def test_decisions_stay_with_their_comments_after_the_end(client, shop):
    otto = a_gate("TEST")
    train = requested(released(shop))
    actions.approve(train, by=otto, fingerprint=train.fingerprint, comment="Tested on Friday.")
    work_through()
    client.force_login(otto)

    page = text_of(client, train)

    assert "<b>otto</b>" in page
    assert "“Tested on Friday.”" in page


def test_the_list_narrows_to_a_state_and_a_place(client, manager, shop):
    release = released(shop)
    deployed(release)
    requested(release, "PROD")

    page = client.get(reverse("portal:deployments"), {"status": "succeeded", "environment": "test"}).content.decode()

    assert page.count('scope="row"') == 1


def test_the_list_goes_on_with_older_rows(client, manager, shop):
    release = released(shop)
    first = deployed(release)
    for _ in range(50):
        deployed(release)

    page = client.get(reverse("portal:deployments")).content.decode()
    older = page.split('class="btn sm" href="')[1].split('"')[0]
    second = client.get(
        f"{reverse('portal:deployments')}{older.removeprefix(reverse('portal:deployments'))}"
    ).content.decode()

    assert page.count('scope="row"') == 50
    assert reverse("portal:deployment", args=[first.pk]) in second


def test_an_address_that_nobody_wrote_for_us_still_opens_the_list(client, manager, shop):
    response = client.get(reverse("portal:deployments"), {"before": "٣x", "status": "nonsense", "project": "no"})

    assert response.status_code == 200


def a_kiosk() -> Project:
    """A stack whose only component fails."""
    stack = a_stack("Kiosk", components={"Till": 1})
    a_real_version("till", "1.0.0", "echo The secret of the log; exit 3\n")
    return stack


@pytest.mark.parametrize(
    "address",
    ["/deployments/", "/environments/test/history/", "/packages/", "/packages/ui/", "/evaluations/", "/activity/"],
)
def test_a_list_asks_no_more_for_more_rows(client, manager, shop, address, django_assert_max_num_queries):
    a_trigger(shop)
    went_live(a_release(shop, ui="1.0.0"))
    with CaptureQueriesContext(connection) as few:
        client.get(address)
    went_live(a_release(shop, ui="1.1.0"))
    went_live(a_release(shop, ui="1.2.0", api="1.2.0"))

    with django_assert_max_num_queries(len(few)):
        client.get(address)
