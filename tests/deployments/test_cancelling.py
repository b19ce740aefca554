"""Cancelling says what becomes of every part, and afterwards what had been done."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.models import Event, User
from deployments import actions
from deployments.actions import DeploymentRefused
from deployments.models import FINAL, Deployment, LiveVersion, Status
from tests.deployments.rows import a_row, a_rows_shop, claimed, ended, interrupted, paused, run_out
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_lone_project, a_release, a_user, an_environment

pytestmark = pytest.mark.django_db


def a_train() -> Deployment:
    return requested(a_release(a_rows_shop()))


def a_deployer(name: str = "dan") -> User:
    return a_user(name, role="deployer")


def states(train: Deployment) -> dict[str, str]:
    return {child.project.name: child.status for child in train.children.select_related("project")}


def again(deployment: Deployment) -> Deployment:
    deployment.refresh_from_db()
    return deployment


def test_a_request_that_waits_for_approval_is_cancelled_at_once():
    a_gate("TEST")
    train = a_train()

    row = actions.cancel(train, by=a_manager(), reason="Not today")

    assert (again(row).status, row.outcome) == (Status.CANCELLED, "mia cancelled Shop 1.0.1 to TEST: Not today")


def test_a_request_that_waits_for_its_time_is_cancelled_at_once():
    release = a_release(a_rows_shop())
    scheduled = requested(release, start_at=timezone.now() + timedelta(hours=1))

    row = actions.cancel(scheduled, by=a_manager())

    assert (again(row).status, row.outcome) == (Status.CANCELLED, "mia cancelled Shop 1.0.1 to TEST.")


def test_what_waits_for_a_worker_is_cancelled_at_once_and_no_worker_takes_it():
    queued = requested(a_release(a_lone_project()))

    row = actions.cancel(queued, by=a_manager())
    run_out()

    assert again(row).status == Status.CANCELLED
    assert not LiveVersion.objects.exists()


def test_a_train_of_which_nothing_runs_yet_is_cancelled_at_once():
    train = a_train()

    row = actions.cancel(train, by=a_manager())

    assert (row.status, states(train)) == (Status.CANCELLED, {"API": "cancelled", "UI": "cancelled"})
    assert row.outcome == "Shop 1.0.1 was cancelled in TEST: API and UI not started."


def test_a_train_drops_what_waits_and_lets_what_runs_end():
    train = a_train()
    running = claimed()

    row = actions.cancel(train, by=a_manager())

    assert (row.status, row.is_stopping) == (Status.RUNNING, True)
    assert states(train) == {"API": "running", "UI": "cancelled"}
    assert not again(running).cancel_stops_running


def test_a_train_that_lets_its_last_part_end_is_cancelled_then_and_says_what_was_done():
    train = a_train()
    running = claimed()
    actions.cancel(train, by=a_manager())

    ended(running)

    assert again(train).status == Status.CANCELLED
    assert train.outcome == "Shop 1.0.1 was cancelled in TEST: API deployed; UI not started."
    assert [str(live) for live in LiveVersion.objects.all()] == ["API 1.0.0 in TEST"]


def test_a_train_can_be_told_to_stop_what_runs():
    train = a_train()
    running = claimed()

    row = actions.cancel(train, by=a_manager(), stop_running=True, reason="The disk is full")

    assert (row.status, again(running).cancel_stops_running) == (Status.RUNNING, True)
    assert running.cancel_requested_by == a_manager()
    line = Event.objects.get(verb="deployment.cancel_requested")
    assert line.sentence == (
        "mia cancelled Shop 1.0.1 to TEST; what waits is dropped and what runs is stopped: The disk is full"
    )


def test_letting_it_end_can_become_stopping_it_but_not_the_other_way_round():
    train = a_train()
    running = claimed()
    actions.cancel(train, by=a_manager(), stop_running=True)

    actions.cancel(train, by=a_manager())

    assert again(running).cancel_stops_running
    assert again(train).cancel_stops_running


def test_a_part_that_was_stopped_midway_is_named():
    train = a_train()
    running = claimed()
    actions.cancel(train, by=a_manager(), stop_running=True)

    ended(running, Status.CANCELLED)

    assert again(train).outcome == "Shop 1.0.1 was cancelled in TEST: API stopped midway; UI not started."


def test_a_component_that_runs_alone_is_not_cancelled_without_saying_that_it_is_to_be_stopped():
    running = requested(a_release(a_lone_project()))
    claimed()

    with pytest.raises(DeploymentRefused, match="Ask for it to be stopped midway, or let it end") as refused:
        actions.cancel(running, by=a_manager())

    assert refused.value.code == "running"
    assert again(running).cancel_requested_at is None


def test_a_component_that_runs_alone_can_be_told_to_stop():
    running = requested(a_release(a_lone_project()))
    claimed()

    row = actions.cancel(running, by=a_manager(), stop_running=True)

    assert (row.status, row.is_stopping, row.cancel_stops_running) == (Status.RUNNING, True, True)


def test_cancelling_a_train_whose_part_is_interrupted_leaves_the_decision_open():
    train = a_train()
    interrupted(claimed())

    row = actions.cancel(train, by=a_manager())

    assert (row.status, states(train)) == (Status.NEEDS_ATTENTION, {"API": "interrupted", "UI": "cancelled"})


def test_stopping_a_train_whose_part_is_interrupted_ends_it():
    train = a_train()
    interrupted(claimed())

    row = actions.cancel(train, by=a_manager(), stop_running=True)

    assert (row.status, states(train)) == (Status.CANCELLED, {"API": "cancelled", "UI": "cancelled"})


@pytest.mark.parametrize("stop_running", [False, True])
def test_cancelling_what_is_interrupted_alone_ends_it_with_the_truth(stop_running):
    requested(a_release(a_lone_project()))
    lost = interrupted(claimed())

    row = actions.cancel(lost, by=a_manager(), stop_running=stop_running, reason="The machine is gone")

    assert again(row).status == Status.CANCELLED
    assert row.outcome == (
        "mia cancelled Website 1.0.0 to TEST; what is really there is not known: The machine is gone"
    )


def test_cancelling_what_waits_after_a_failure_alone_ends_it_with_what_had_failed():
    requested(a_release(a_lone_project()))
    waiting = paused(claimed())

    row = actions.cancel(waiting, by=a_manager())

    assert again(row).status == Status.CANCELLED
    assert row.outcome == ("“Run the release package” failed with exit status 3. mia cancelled Website 1.0.0 to TEST.")


def test_a_worker_that_comes_back_after_the_cancellation_of_what_was_interrupted_changes_nothing():
    requested(a_release(a_lone_project()))
    running = claimed()
    actions.cancel(interrupted(running), by=a_manager())

    with pytest.raises(AssertionError):
        ended(running)

    assert not LiveVersion.objects.exists()


def test_a_part_of_a_train_is_not_cancelled_by_itself():
    train = a_train()

    with pytest.raises(DeploymentRefused, match=r"is part of Shop 1\.0\.1 to TEST\. Cancel that one") as refused:
        actions.cancel(train.children.get(stage=1), by=a_manager())

    assert refused.value.code == "part_of_train"
    assert states(train) == {"API": "queued", "UI": "pending"}


@pytest.mark.parametrize("status", FINAL)
def test_what_is_over_is_not_cancelled(status):
    row = a_row(status, outcome="It was thus.")

    with pytest.raises(DeploymentRefused, match=r"Shop 1\.0\.1 to TEST is over: It was thus\.") as refused:
        actions.cancel(row, by=a_manager(), stop_running=True)

    assert refused.value.code == "over"
    assert again(row).status == status


def test_a_deployer_cancels_what_this_person_asked_for():
    release = a_release(a_lone_project())
    mine = actions.request(release, an_environment("TEST"), by=a_deployer())

    assert actions.cancel(mine, by=a_deployer()).status == Status.CANCELLED


@pytest.mark.parametrize("role", [None, "viewer", "deployer", "approver", "administrator"])
def test_nobody_but_a_release_manager_cancels_what_others_asked_for(role):
    queued = requested(a_release(a_lone_project()))

    with pytest.raises(PermissionDenied, match="It takes the role release manager"):
        actions.cancel(queued, by=a_user("sam", role=role))

    assert again(queued).status == Status.QUEUED


def test_a_release_manager_cancels_what_others_asked_for():
    release = a_release(a_lone_project())
    theirs = actions.request(release, an_environment("TEST"), by=a_deployer())

    assert actions.cancel(theirs, by=a_manager()).status == Status.CANCELLED


def test_who_asked_and_lost_the_role_does_not_cancel_any_more():
    release = a_release(a_lone_project())
    dan = a_deployer()
    mine = actions.request(release, an_environment("TEST"), by=dan)
    dan.memberships.all().delete()

    with pytest.raises(PermissionDenied):
        actions.cancel(mine, by=dan)

    assert again(mine).status == Status.QUEUED
