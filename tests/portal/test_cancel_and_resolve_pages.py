"""Cancelling says first what it does and afterwards what had been done; what cannot go on is decided by a person."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Event, User
from deployments import actions
from deployments.log import Writer
from deployments.models import Deployment, Status
from lifecycles.models import Environment
from projects.models import Project
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import claimed, ended, interrupted, paused
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.deployments.scripts import a_process_of
from tests.factories import a_lone_project, a_release, a_stack, a_user, an_environment
from tests.portal.pages import buttons_of, errors_of, opened, said, words


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


def failed_in(project: Project) -> Deployment:
    """A script that waits for a person because a step of it has failed."""
    requested(a_release(project))
    return paused(claimed())


def says(script: Deployment, *lines: str) -> None:
    Writer(script.step_runs.get(), ()).say("\n".join(lines))


def rita() -> User:
    return a_user("rita", role="release_manager")


def test_cancelling_names_what_is_dropped_and_what_runs(client, manager, shop):
    train = requested(a_release(shop))
    claimed()

    page = client.get(reverse("portal:cancel", args=[train.pk])).content.decode()

    dropped, runs = page.split("<dt>Runs now</dt>")
    assert "UI 1.0.0" in dropped
    assert "API 1.0.0" in runs
    assert "Let what runs go on to its end" in page


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


def test_a_script_on_its_own_can_only_be_stopped_and_nothing_else_is_offered(client, manager):
    requested(a_release(a_lone_project()))

    page = opened(client, "cancel", claimed().pk)

    assert '<input type="hidden" name="running" value="stop">' in page.content.decode()
    assert "go on to its end" not in said(page)


def test_what_has_begun_since_the_page_was_opened_is_not_stopped_without_asking(client, manager):
    waiting = requested(a_release(a_lone_project()))
    assert 'name="running"' not in opened(client, "cancel", waiting.pk).content.decode()
    claimed()

    assert cancel(client, waiting).status_code == 422


def test_what_waits_for_a_person_is_left_to_be_decided_or_dropped(client, manager, shop):
    train = requested(a_release(shop))
    interrupted(claimed())

    page = said(opened(client, "cancel", train.pk))

    assert "Leave what waits for a person to be decided Drop what waits for a person" in page
    assert "midway" not in page


def test_what_is_over_cannot_be_cancelled_any_more(client, manager, shop):
    over = requested(a_release(shop))
    cancel(client, over)

    page = opened(client, "cancel", over.pk)

    assert "It is over, so that there is nothing left to cancel." in said(page)
    assert buttons_of(page) == []


def test_there_is_nothing_to_decide_about_a_train_or_about_what_waits(client, manager, shop):
    train = requested(a_release(shop))
    interrupted(claimed())
    waiting = requested(a_release(a_lone_project()))

    assert "Decisions are made about its components." in said(opened(client, "resolve", train.pk))
    assert "It does not wait for a decision" in said(opened(client, "resolve", waiting.pk))


def test_a_script_on_its_own_is_not_cancelled_by_letting_it_run(client, manager):
    requested(a_release(a_lone_project()))
    script = claimed()

    response = cancel(client, script, running="end")

    assert response.status_code == 422
    assert "is its only part" in response.content.decode()


def test_what_waits_for_a_person_alone_is_cancelled_without_asking_whether_to_stop_it(client, manager):
    script = unknown_in(a_lone_project())
    page = said(opened(client, "cancel", script.pk))

    response = cancel(client, script)

    script.refresh_from_db()
    assert "go on to its end" not in page
    assert (response.status_code, script.status) == (302, Status.CANCELLED)


def test_a_cancelled_train_says_what_had_been_done_and_where_it_was_stopped(client, manager):
    train = requested(a_release(a_stack("Shop", components={"API": 1, "UI": 2, "Docs": 3})))
    ended(claimed())
    running = claimed()
    running.step_runs.create(
        attempt=1, position=1, name="Publish", finished_at=timezone.now(), outcome="“Publish” was stopped."
    )
    actions.cancel(train, by=manager, stop_running=True)
    ended(running, Status.CANCELLED)

    page = said(opened(client, "deployment", train.pk))

    assert (
        "What had been done by then Done API 1.0.0 Stopped midway UI 1.0.0: “Publish” was stopped."
        " Never started Docs 1.0.0"
    ) in page


def test_a_script_that_was_stopped_says_at_which_step(client, manager):
    process = a_process_of({"name": "Warm up"}, {"name": "Publish"}, {"name": "Check"})
    requested(a_release(a_lone_project(process=process)))
    script = claimed()
    run = {"attempt": 1, "finished_at": timezone.now()}
    script.step_runs.create(position=1, name="Warm up", exit_status=0, outcome="“Warm up” succeeded.", **run)
    script.step_runs.create(position=2, name="Publish", outcome="“Publish” was stopped.", **run)
    ended(script, Status.CANCELLED)

    page = said(opened(client, "deployment", script.pk))

    assert "Done “Warm up” Stopped midway “Publish”: “Publish” was stopped. Never started “Check”" in page


def test_a_request_that_was_cancelled_before_it_began_says_nothing_of_what_had_been_done(client, manager):
    a_gate("TEST")
    waiting = requested(a_release(a_lone_project()))
    cancel(client, waiting)

    assert "What had been done" not in said(opened(client, "deployment", waiting.pk))


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


def test_the_decision_page_shows_the_end_of_the_log(client, manager, shop):
    script = unknown_in(shop)
    says(script, *(f"line {number} of many" for number in range(1, 41)))

    page = said(opened(client, "resolve", script.pk))

    assert "line 40 of many" in page
    assert "line 29 of many" in page
    assert "line 28 of many" not in page


def test_the_decision_page_says_which_try_of_a_repeatable_step_it_was(client, manager):
    process = a_process_of({"name": "Warm up", "repeatable": True, "retries": 2})
    script = failed_in(a_lone_project(process=process))

    page = said(opened(client, "resolve", script.pk))

    assert "Attempt 1, try 1 of 3 of this step" in page


def test_a_failure_that_waits_leads_from_the_train_to_the_decision(client, manager, shop):
    script = failed_in(shop)

    page = opened(client, "deployment", script.parent_id)

    assert "API 1.0.0 has failed in TEST and waits for a decision" in said(page)
    assert any("Decide how it goes on" in button for button in buttons_of(page))


def test_of_a_failure_only_what_is_possible_is_offered(client, manager, shop):
    page = said(opened(client, "resolve", failed_in(shop).pk))

    assert "Try it again" in page
    assert "Ignore the failure and go on" in page
    assert "Let it fail" in page
    assert "I have looked" not in page


def test_a_failure_is_ignored_only_with_a_reason(client, manager, shop):
    script = failed_in(shop)

    response = resolve(client, script, decision="ignore")

    assert response.status_code == 422
    assert errors_of(response) == ["Say why the failure may be ignored: it is kept on record."]


def test_what_has_failed_is_tried_again_without_a_word(client, manager, shop):
    script = failed_in(shop)

    response = resolve(client, script, decision="retry")

    script.refresh_from_db()
    assert (response.status_code, script.status) == (302, Status.QUEUED)


def test_what_goes_on_although_a_step_has_failed_says_so(client, manager):
    process = a_process_of({"name": "Warm up"}, {"name": "Publish"})
    script = failed_in(a_lone_project(process=process))

    page = resolve(client, script, decision="ignore", reason="It warms up by itself.")

    shown = said(client.get(page.url))
    assert "It goes on although a step of it has failed, and will not count as deployed." in shown
    assert "mia ignored it: It warms up by itself." in shown


def test_marking_where_two_are_needed_is_only_a_proposal_and_the_page_says_who_may_confirm(client, manager, shop):
    Environment.objects.filter(name="TEST").update(second_pair_of_eyes=True)
    rita()
    script = unknown_in(shop)

    response = resolve(client, script, decision="succeeded", reason="The page says 1.0.0.")

    shown = said(client.get(response.url))
    assert "It counts once somebody else has confirmed it." in shown
    assert "You have marked it as succeeded just now: The page says 1.0.0." in shown
    assert "Somebody else has to confirm it: rita." in shown


def test_the_second_person_finds_the_proposal_and_confirms_it(client, manager, shop):
    Environment.objects.filter(name="TEST").update(second_pair_of_eyes=True)
    script = unknown_in(shop)
    resolve(client, script, decision="succeeded", reason="The page says 1.0.0.")
    client.force_login(rita())
    page = said(opened(client, "resolve", script.pk))

    response = resolve(client, script, decision="succeeded", reason="I see it as well.")

    script.refresh_from_db()
    assert "mia has marked it as succeeded just now: The page says 1.0.0." in page
    assert "It has succeeded: I have looked as well" in page
    assert (response.status_code, script.status) == (302, Status.SUCCEEDED)


def test_what_somebody_else_has_decided_meanwhile_is_not_offered_any_more(client, manager, shop):
    script = unknown_in(shop)
    resolve(client, script, decision="failed", reason="The page is empty.")

    response = resolve(client, script, decision="retry", reason="Again.")

    page = said(response)
    assert response.status_code == 422
    assert "is known (failed)" in page
    assert "Put my decision on record" not in page


def test_what_waits_for_a_decision_is_on_the_overview_and_counted(client, manager, shop):
    script = unknown_in(shop)

    page = opened(client, "overview")

    assert "Nobody knows what became of API 1.0.0 in TEST" in said(page)
    assert reverse("portal:resolve", args=[script.pk]) in page.content.decode()
    assert ", waiting for you: 1" in words(page.content.decode())


def test_what_one_has_proposed_waits_for_others(client, manager, shop):
    Environment.objects.filter(name="TEST").update(second_pair_of_eyes=True)
    rita()
    script = unknown_in(shop)
    resolve(client, script, decision="succeeded", reason="The page says 1.0.0.")

    page = said(opened(client, "waiting"))

    assert "Nothing waits for you" in page
    assert "You have marked it as succeeded. It waits to be confirmed by rita." in page


def test_whoever_may_not_decide_sees_what_waits_for_whom(client, manager, shop):
    script = failed_in(shop)
    client.force_login(a_user("dan", role="deployer"))

    page, waiting = opened(client, "deployment", script.parent_id), opened(client, "waiting")

    assert "A release manager has to decide: mia." in said(page)
    assert reverse("portal:resolve", args=[script.pk]) not in page.content.decode()
    assert "It waits for a decision by mia." in said(waiting)


def test_a_running_step_says_when_it_is_stopped_at_the_latest(client, manager):
    requested(a_release(a_lone_project()))
    script = claimed()
    script.step_runs.create(attempt=1, position=1, name="Publish")
    noon = datetime(2030, 5, 6, 12, tzinfo=UTC)
    Deployment.objects.filter(pk=script.pk).update(deadline_at=noon, overdue_at=noon + timedelta(hours=1))

    page = said(opened(client, "deployment", script.pk))

    assert "“Publish” is stopped on Mon 6 May 2030 12:00 UTC at the latest" in page
    assert "The whole deployment is stopped on Mon 6 May 2030 13:00 UTC at the latest" in page


def test_only_release_managers_decide(client, shop):
    script = unknown_in(shop)
    client.force_login(a_user("dan", role="deployer"))

    assert client.get(reverse("portal:resolve", args=[script.pk])).status_code == 403
    assert resolve(client, script, decision="failed", reason="No.").status_code == 403
