"""Cancelling says first what it does; what nobody knows the outcome of is decided by a person with a reason."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Event, User
from deployments import actions
from deployments.models import Deployment, Status
from projects.models import Project
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import claimed, ended, interrupted
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_lone_project, a_release, a_stack, a_user, an_environment


@pytest.fixture
def manager(client: Client, db: None) -> User:
    manager = a_manager()
    client.force_login(manager)
    return manager


@pytest.fixture
def shop(db: None) -> Project:
    return a_stack("Shop", components={"API": 1, "UI": 2})


def cancel(client: Client, deployment: Deployment, **given: str):
    return client.post(reverse("portal:cancel", args=[deployment.pk]), given)


def resolve(client: Client, deployment: Deployment, **given: str):
    return client.post(reverse("portal:resolve", args=[deployment.pk]), given)


def unknown_in(project: Project, *, silent: bool = False) -> Deployment:
    """A script whose process is gone (or whose host is silent)."""
    requested(a_release(project))
    script = claimed()
    script.step_runs.create(attempt=1, position=1, name="Run the release package")
    return interrupted(script, silent=silent)


def test_cancelling_names_what_is_dropped_and_what_runs(client, manager, shop):
    train = requested(a_release(shop))
    claimed()

    page = client.get(reverse("portal:cancel", args=[train.pk])).content.decode()

    dropped, runs = page.split("<dt>Runs now</dt>")
    assert "UI 1.0.0" in dropped
    assert "API 1.0.0" in runs
    assert "Let it go on to its end" in page


def test_what_runs_goes_on_unless_it_is_stopped(client, manager, shop):
    train = requested(a_release(shop))
    claimed()

    response = cancel(client, train, running="end", reason="Wrong day")

    train.refresh_from_db()
    assert response.status_code == 302
    assert train.cancel_requested_at is not None
    assert not train.cancel_stops_running
    assert train.children.get(stage=2).status == Status.CANCELLED
    assert "what runs goes on to its end" in client.get(response.url).content.decode()


def test_what_runs_is_stopped_when_that_is_chosen(client, manager, shop):
    train = requested(a_release(shop))
    script = claimed()

    cancel(client, train, running="stop")

    script.refresh_from_db()
    assert script.cancel_stops_running


def test_a_request_that_waits_is_dropped_with_its_reason(client, manager, shop):
    a_gate("TEST")
    waiting = requested(a_release(shop))

    response = cancel(client, waiting, reason="Not needed")

    waiting.refresh_from_db()
    assert waiting.status == Status.CANCELLED
    assert "Not needed" in waiting.outcome
    assert "is cancelled." in client.get(response.url).content.decode()


def test_cancelling_a_script_on_its_own_proposes_to_stop_it(client, manager):
    requested(a_release(a_lone_project()))

    page = client.get(reverse("portal:cancel", args=[claimed().pk])).content.decode()

    assert '<input type="radio" name="running" value="stop" id="id_running_1" checked>' in page


def test_a_script_on_its_own_is_not_cancelled_by_letting_it_run(client, manager):
    requested(a_release(a_lone_project()))
    script = claimed()

    response = cancel(client, script, running="end")

    assert response.status_code == 422
    assert "is its only part" in response.content.decode()


def test_what_is_over_cannot_be_cancelled(client, manager):
    requested(a_release(a_lone_project()))
    script = ended(claimed())

    response = cancel(client, script)

    assert response.status_code == 422
    assert "is over" in response.content.decode()


def test_a_component_is_cancelled_with_its_train(client, manager, shop):
    train = requested(a_release(shop))

    response = cancel(client, train.children.get(stage=1))

    assert response.status_code == 422
    assert f"is part of {train}. Cancel that one." in response.content.decode()


def test_whoever_asked_may_cancel_and_another_deployer_may_not(client, shop):
    a_gate("TEST")
    dan, eve = a_user("dan", role="deployer"), a_user("eve", role="deployer")
    waiting = actions.request(a_release(shop), an_environment("TEST"), by=dan)
    client.force_login(eve)
    refused = cancel(client, waiting)
    client.force_login(dan)

    assert refused.status_code == 403
    assert cancel(client, waiting).status_code == 302


def test_an_unknown_outcome_leads_from_the_train_to_the_decision(client, manager, shop):
    script = unknown_in(shop)

    page = client.get(reverse("portal:deployment", args=[script.parent_id])).content.decode()

    assert "Nobody knows what became of API" in page
    assert reverse("portal:resolve", args=[script.pk]) in page


def test_the_decision_page_says_what_is_known(client, manager, shop):
    script = unknown_in(shop)

    page = client.get(reverse("portal:resolve", args=[script.pk])).content.decode()

    assert "Outcome unknown." in page
    assert "where its process is gone" in page
    assert "Run the release package, since" in page


@pytest.mark.parametrize(
    ("decision", "becomes"), [("retry", "queued"), ("succeeded", "succeeded"), ("failed", "failed")]
)
def test_the_decision_is_carried_out_and_on_record(client, manager, shop, decision, becomes):
    script = unknown_in(shop)

    response = resolve(client, script, decision=decision, reason="I looked at the site.")

    script.refresh_from_db()
    assert response.status_code == 302
    assert response.url == reverse("portal:deployment", args=[script.parent_id])
    assert script.status == becomes
    assert Event.objects.filter(sentence__contains="I looked at the site.", actor=manager).exists()


def test_a_decision_takes_a_reason(client, manager, shop):
    script = unknown_in(shop)

    response = resolve(client, script, decision="succeeded", reason=" ")

    page = response.content.decode()
    assert response.status_code == 422
    assert '<a href="#id_reason">Say how you know, or why it may run again: it is kept on record.</a>' in page


def test_no_decision_is_refused_at_the_choices(client, manager, shop):
    script = unknown_in(shop)

    response = resolve(client, script, reason="Well")

    page = response.content.decode()
    assert response.status_code == 422
    assert '<a href="#id_decision_0">Decide what is to become of it.</a>' in page


def test_a_silent_host_takes_a_confirmation_before_it_runs_again(client, manager, shop):
    script = unknown_in(shop, silent=True)
    unsure = resolve(client, script, decision="retry", reason="It is down.")

    sure = resolve(client, script, decision="retry", reason="It is down.", sure="on")

    assert unsure.status_code == 422
    assert "the script may still be running there" in unsure.content.decode()
    assert sure.status_code == 302


def test_what_is_known_is_not_decided(client, manager, shop):
    requested(a_release(shop))
    script = ended(claimed())

    response = resolve(client, script, decision="failed", reason="No.")

    assert response.status_code == 422
    assert "is known (deployed)" in response.content.decode()
    assert "there is nothing to decide" in client.get(reverse("portal:resolve", args=[script.pk])).content.decode()


def test_only_release_managers_decide(client, shop):
    script = unknown_in(shop)
    client.force_login(a_user("dan", role="deployer"))

    assert client.get(reverse("portal:resolve", args=[script.pk])).status_code == 403
    assert resolve(client, script, decision="failed", reason="No.").status_code == 403
