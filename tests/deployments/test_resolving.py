"""What cannot go on by itself is decided by a person, with a reason: nothing is offered that is refused."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.models import Event, User
from deployments import actions, decisions, resolving, waiting
from deployments.actions import DeploymentRefused
from deployments.models import Deployment, LiveVersion, Status, move
from lifecycles.models import Environment
from tests.deployments.rows import a_row, a_rows_shop, claimed, ended, interrupted, paused, run_out
from tests.deployments.scenes import a_manager, requested
from tests.deployments.scripts import a_process_of
from tests.factories import a_lone_project, a_release, a_user, an_environment

pytestmark = pytest.mark.django_db


def a_train() -> Deployment:
    return requested(a_release(a_rows_shop()))


def a_lost_script(*, silent: bool = False) -> Deployment:
    """A project on its own of which nobody knows what its script came to."""
    requested(a_release(a_lone_project()))
    return interrupted(claimed(), silent=silent)


def a_paused_script() -> Deployment:
    """A project on its own whose only step has failed, so that it waits for a person."""
    requested(a_release(a_lone_project()))
    return paused(claimed())


def rita() -> User:
    """A second release manager."""
    return a_user("rita", role="release_manager")


def takes_two(deployment: Deployment) -> Deployment:
    """Its environment asks for a second pair of eyes."""
    Environment.objects.filter(pk=deployment.environment_id).update(second_pair_of_eyes=True)
    return Deployment.objects.with_names().get(pk=deployment.pk)


def states(train: Deployment) -> dict[str, str]:
    return {child.project.name: child.status for child in train.children.select_related("project")}


def again(deployment: Deployment) -> Deployment:
    deployment.refresh_from_db()
    return deployment


def resolved(deployment: Deployment, decision: str, reason: str = "I looked.", **details: object) -> Deployment:
    return resolving.resolve(deployment, decision, **({"by": a_manager(), "reason": reason} | details))


def offered(deployment: Deployment, by: User | None = None) -> list[str]:
    return [decision.name for decision in decisions.decisions_for(deployment, by)]


# -- an unknown outcome -----------------------------------------------------------------------------------------------


def test_an_interrupted_part_makes_its_train_ask_a_person():
    train = a_train()

    interrupted(claimed())

    assert again(train).status == Status.NEEDS_ATTENTION
    assert Event.objects.filter(verb="deployment.needs_attention").count() == 1


def test_an_interrupted_part_that_is_tried_again_waits_for_a_worker_and_its_train_goes_on():
    train = a_train()
    lost = interrupted(claimed())

    row = resolved(lost, "retry")

    assert (row.status, again(train).status) == (Status.QUEUED, Status.RUNNING)
    assert row.fence > lost.fence


def test_what_is_tried_again_no_longer_says_what_it_had_come_to():
    lost = a_lost_script()

    row = resolved(lost, "retry")

    assert (lost.outcome, row.outcome) == ("Outcome unknown.", "")


def test_the_time_that_it_waited_for_a_person_does_not_count_against_its_limit():
    lost = a_lost_script()
    Deployment.objects.filter(pk=lost.pk).update(overdue_at=timezone.now() - timedelta(minutes=1))

    row = resolved(lost, "retry")

    assert row.overdue_at is None


def test_what_was_being_stopped_and_is_tried_again_is_not_stopped_any_more():
    requested(a_release(a_lone_project()))
    running = claimed()
    actions.cancel(running, by=a_manager(), stop_running=True)

    row = resolved(interrupted(running), "retry")

    assert (row.status, row.is_stopping, row.cancel_stops_running) == (Status.QUEUED, False, False)


def test_a_train_whose_part_was_tried_again_can_still_succeed():
    train = a_train()
    resolved(interrupted(claimed()), "retry")

    run_out()

    assert again(train).status == Status.SUCCEEDED


def test_a_part_that_is_known_to_have_succeeded_is_live_and_its_train_goes_on():
    train = a_train()
    lost = interrupted(claimed())

    row = resolved(lost, "succeeded", reason="The page says 1.0.0.")

    assert row.outcome == "mia found out that API 1.0.0 to TEST has succeeded: The page says 1.0.0."
    assert [str(live) for live in LiveVersion.objects.now()] == ["API 1.0.0 in TEST"]
    assert (again(train).status, states(train)) == (Status.RUNNING, {"API": "succeeded", "UI": "queued"})


def test_a_part_that_is_known_to_have_failed_stops_its_train():
    train = a_train()
    lost = interrupted(claimed())

    resolved(lost, "failed", reason="The page is empty.")

    assert (again(train).status, states(train)) == (Status.FAILED, {"API": "failed", "UI": "cancelled"})
    assert train.outcome == "Shop 1.0.1 stopped in TEST: API failed; UI not started."
    assert not LiveVersion.objects.exists()


def test_a_deployment_on_its_own_that_is_known_to_have_succeeded_is_live():
    row = resolved(a_lost_script(), "succeeded")

    assert row.status == Status.SUCCEEDED
    assert LiveVersion.objects.get().deployment == row


def test_a_worker_that_comes_back_after_the_decision_changes_nothing():
    requested(a_release(a_lone_project()))
    running = claimed()
    resolved(interrupted(running), "failed")

    with pytest.raises(AssertionError):
        ended(running)

    assert again(running).status == Status.FAILED
    assert not LiveVersion.objects.exists()


def test_trying_again_while_the_host_is_silent_takes_being_sure():
    silent = a_lost_script(silent=True)

    with pytest.raises(DeploymentRefused, match="is silent, and the script may still be running there") as refused:
        resolved(silent, "retry")

    assert refused.value.code == "host_silent"
    assert again(silent).status == Status.INTERRUPTED


def test_who_is_sure_may_try_again_although_the_host_is_silent():
    silent = a_lost_script(silent=True)

    row = resolved(silent, "retry", sure=True)

    assert (row.status, row.owner) == (Status.QUEUED, "")


@pytest.mark.parametrize("decision", ["succeeded", "failed"])
def test_marking_does_not_take_being_sure(decision):
    silent = a_lost_script(silent=True)

    assert resolved(silent, decision).status == decision


@pytest.mark.parametrize("decision", ["retry", "succeeded", "failed"])
@pytest.mark.parametrize("reason", ["", "  "])
def test_a_decision_about_an_unknown_outcome_takes_a_reason(decision, reason):
    lost = a_lost_script()

    with pytest.raises(DeploymentRefused, match="Say how you know, or why it may run again") as refused:
        resolved(lost, decision, reason=reason)

    assert refused.value.code == "reason_missing"
    assert again(lost).status == Status.INTERRUPTED


def test_a_decision_is_on_the_trail_with_its_reason():
    resolved(a_lost_script(), "retry", reason="Nothing runs there.")

    line = Event.objects.get(verb="deployment.retried")
    assert (line.actor, line.sentence) == (a_manager(), "mia runs Website 1.0.0 to TEST again: Nothing runs there.")


# -- a second pair of eyes --------------------------------------------------------------------------------------------


def test_the_first_who_marks_it_as_succeeded_only_proposes_it():
    lost = takes_two(a_lost_script())

    row = resolved(lost, "succeeded", reason="The page says 1.0.0.")

    assert (row.status, row.mark_proposed_by, row.fence) == (Status.INTERRUPTED, a_manager(), lost.fence)
    assert row.mark_proposed_because == "The page says 1.0.0."
    assert not LiveVersion.objects.exists()
    assert Event.objects.get(verb="deployment.mark_proposed").sentence == (
        "mia marked Website 1.0.0 to TEST as succeeded, which somebody else has to confirm: The page says 1.0.0."
    )


def test_another_who_says_so_too_confirms_it():
    lost = takes_two(a_lost_script())
    resolved(lost, "succeeded", reason="The page says 1.0.0.")

    row = resolved(lost, "succeeded", by=rita(), reason="The log ends well.")

    assert (row.status, LiveVersion.objects.get().deployment) == (Status.SUCCEEDED, row)
    assert row.outcome == (
        "mia found out that Website 1.0.0 to TEST has succeeded (The page says 1.0.0.), and rita confirmed it:"
        " The log ends well."
    )


def test_nobody_confirms_what_this_person_has_proposed():
    lost = takes_two(a_lost_script())
    resolved(lost, "succeeded")

    with pytest.raises(DeploymentRefused, match="somebody else has to confirm it") as refused:
        resolved(lost, "succeeded", reason="I looked again.")

    assert refused.value.code == "proposed_already"
    assert (again(lost).status, lost.mark_proposed_because) == (Status.INTERRUPTED, "I looked.")


def test_a_proposal_leaves_the_other_decisions_to_whoever_made_it():
    lost = takes_two(a_lost_script())

    resolved(lost, "succeeded")

    assert offered(again(lost), a_manager()) == ["retry", "failed"]
    assert offered(lost, rita()) == ["retry", "succeeded", "failed"]


@pytest.mark.parametrize("decision", ["retry", "failed"])
def test_another_decision_clears_the_proposal(decision):
    lost = takes_two(a_lost_script())
    resolved(lost, "succeeded")

    row = resolved(lost, decision, by=rita())

    assert (row.mark_proposed_by, row.mark_proposed_at, row.mark_proposed_because) == (None, None, "")


def test_what_was_proposed_of_an_earlier_attempt_confirms_nothing_of_a_later_one():
    lost = takes_two(a_lost_script())
    resolved(lost, "succeeded")
    resolved(lost, "retry", by=rita())
    interrupted(claimed())

    row = resolved(lost, "succeeded", by=rita())

    assert (row.status, row.mark_proposed_by) == (Status.INTERRUPTED, rita())


def test_where_no_second_pair_of_eyes_is_asked_for_any_more_the_first_may_end_it():
    lost = takes_two(a_lost_script())
    resolved(lost, "succeeded")
    Environment.objects.update(second_pair_of_eyes=False)

    row = resolved(lost, "succeeded")

    assert row.status == Status.SUCCEEDED


def test_failing_and_trying_again_take_one_person_only():
    lost = takes_two(a_lost_script())

    assert resolved(lost, "failed").status == Status.FAILED


# -- a failure that waits for a person --------------------------------------------------------------------------------


def test_a_part_that_waits_after_a_failure_makes_its_train_ask_a_person():
    train = a_train()

    paused(claimed())

    assert (again(train).status, states(train)) == (
        Status.NEEDS_ATTENTION,
        {"API": "needs_attention", "UI": "pending"},
    )


def test_what_has_failed_can_be_tried_again_without_a_reason():
    train = a_train()
    waiting = paused(claimed())

    row = resolved(waiting, "retry", reason="")

    assert (row.status, row.outcome, again(train).status) == (Status.QUEUED, "", Status.RUNNING)
    assert Event.objects.get(verb="deployment.retried").sentence == "mia runs API 1.0.0 to TEST again."


def test_what_has_failed_and_is_let_fail_says_what_had_failed_and_who_let_it():
    train = a_train()

    row = resolved(paused(claimed()), "failed", reason="")

    assert row.outcome == "“Run the release package” failed with exit status 3. mia let it fail."
    assert (again(train).status, states(train)) == (Status.FAILED, {"API": "failed", "UI": "cancelled"})


def test_a_failure_is_not_ignored_without_a_reason():
    waiting = a_paused_script()

    with pytest.raises(DeploymentRefused, match="Say why the failure may be ignored") as refused:
        resolved(waiting, "ignore", reason=" ")

    assert refused.value.code == "reason_missing"
    assert (again(waiting).status, waiting.failure_ignored) == (Status.NEEDS_ATTENTION, False)


def test_an_ignored_failure_after_which_no_step_is_left_ends_it_as_failed_and_nothing_is_live():
    waiting = a_paused_script()

    row = resolved(waiting, "ignore", reason="The cache warms up by itself.")

    assert (row.status, row.failure_ignored) == (Status.FAILED, True)
    assert "mia" in row.outcome
    assert "Run the release package" in row.outcome
    assert "The cache warms up by itself." in row.outcome
    assert not LiveVersion.objects.exists()


def test_an_ignored_failure_is_on_the_step_and_on_the_trail():
    waiting = a_paused_script()

    resolved(waiting, "ignore", reason="The cache warms up by itself.")

    run = waiting.step_runs.get()
    assert (run.ignored, run.exit_status) == (True, 3)
    assert run.outcome == (
        "“Run the release package” failed with exit status 3. mia ignored it: The cache warms up by itself."
    )
    assert Event.objects.get(verb="deployment.failure_ignored").sentence == (
        "mia ignored that “Run the release package” of Website 1.0.0 to TEST has failed: The cache warms up by itself."
    )


def test_an_ignored_failure_with_steps_left_goes_on_with_them():
    process = a_process_of({"name": "Warm up"}, {"name": "Publish"})
    requested(a_release(a_lone_project(process=process)))
    waiting = paused(claimed(), step="Warm up")

    row = resolved(waiting, "ignore")

    assert (row.status, row.outcome, row.failure_ignored) == (Status.QUEUED, "", True)
    assert row.fence > waiting.fence


def test_what_fails_after_an_ignored_failure_and_is_let_fail_stops_its_train_all_the_same():
    process = a_process_of({"name": "Warm up"}, {"name": "Publish"})
    shop = a_rows_shop()
    shop.components.update(process=process)
    train = requested(a_release(shop))
    resolved(paused(claimed(), step="Warm up"), "ignore")

    row = resolved(paused(claimed(), step="Publish", position=2), "failed")

    assert (row.status, row.failure_ignored) == (Status.FAILED, False)
    assert (again(train).status, states(train)) == (Status.FAILED, {"API": "failed", "UI": "cancelled"})


def test_only_the_failure_that_it_waits_with_is_ignored():
    waiting = a_paused_script()
    resolved(waiting, "retry")
    paused(claimed())

    resolved(waiting, "ignore")

    assert [run.ignored for run in waiting.step_runs.order_by("attempt")] == [False, True]


def test_what_had_a_failure_ignored_is_not_marked_as_succeeded():
    process = a_process_of({"name": "Warm up"}, {"name": "Publish"})
    requested(a_release(a_lone_project(process=process)))
    resolved(paused(claimed(), step="Warm up"), "ignore")
    lost = interrupted(claimed())

    with pytest.raises(DeploymentRefused, match="it cannot count as deployed") as refused:
        resolved(lost, "succeeded")

    assert refused.value.code == "failure_ignored"
    assert offered(lost) == ["retry", "failed"]


def test_where_no_step_has_failed_there_is_nothing_to_ignore():
    requested(a_release(a_lone_project()))
    waiting = claimed()
    move(waiting.pk, Status.NEEDS_ATTENTION)

    with pytest.raises(DeploymentRefused, match="there is nothing to ignore") as refused:
        resolved(waiting, "ignore")

    assert refused.value.code == "nothing_failed"
    assert offered(again(waiting)) == ["retry", "failed"]


# -- what is offered, and to whom -------------------------------------------------------------------------------------


def test_an_unknown_outcome_is_run_again_or_marked():
    assert offered(a_lost_script()) == ["retry", "succeeded", "failed"]


def test_a_failure_is_tried_again_or_ignored_or_let_be():
    assert offered(a_paused_script()) == ["retry", "ignore", "failed"]


@pytest.mark.parametrize(("silent", "takes_sure"), [(False, False), (True, True)])
def test_only_running_it_again_beside_a_silent_host_takes_being_sure(silent, takes_sure):
    lost = a_lost_script(silent=silent)

    taking = [decision.name for decision in decisions.decisions_for(lost) if decision.takes_sure]

    assert taking == (["retry"] if takes_sure else [])


def test_a_decision_that_takes_two_says_so():
    lost = takes_two(a_lost_script())

    proposed = [decision.word for decision in decisions.decisions_for(lost) if decision.is_proposal]

    assert proposed == ["It has succeeded: I have looked, and the version is there. Somebody else has to confirm it"]


@pytest.mark.parametrize("status", list(Status))
def test_a_train_offers_no_decision_of_its_own(status):
    assert offered(a_row(status)) == []


def test_a_train_sends_whoever_decides_to_its_component():
    train = a_train()
    interrupted(claimed())

    with pytest.raises(DeploymentRefused, match="Decide about that one") as refused:
        resolved(again(train), "failed")

    assert refused.value.code == "decide_the_component"


@pytest.mark.parametrize("status", [status for status in Status if status != Status.NEEDS_ATTENTION])
def test_an_outcome_that_is_known_is_not_decided(status):
    row = a_row(status)

    with pytest.raises(DeploymentRefused, match="so that there is nothing to decide") as refused:
        resolved(row, "failed")

    assert refused.value.code == "not_interrupted"
    assert again(row).status == status


@pytest.mark.parametrize("decision", ["explode", "ignore"])
def test_a_decision_that_is_not_offered_is_refused_with_those_that_are(decision):
    lost = a_lost_script()

    with pytest.raises(DeploymentRefused, match=r"Decide on one of: retry, succeeded, failed\.") as refused:
        resolved(lost, decision)

    assert refused.value.code == "decision_unknown"
    assert again(lost).status == Status.INTERRUPTED


@pytest.mark.parametrize("decision", ["retry", "ignore"])
def test_nothing_of_a_cancelled_train_is_run_again(decision):
    train = a_train()
    waiting = paused(claimed())
    actions.cancel(train, by=a_manager())

    with pytest.raises(DeploymentRefused, match=r"Shop 1\.0\.1 to TEST was cancelled") as refused:
        resolved(waiting, decision)

    assert refused.value.code == "train_cancelled"
    assert offered(Deployment.objects.get(pk=waiting.pk)) == ["failed"]


def test_a_cancelled_train_ends_once_its_last_part_is_decided():
    train = a_train()
    lost = interrupted(claimed())
    actions.cancel(train, by=a_manager())

    resolved(lost, "succeeded")

    assert (again(train).status, states(train)) == (Status.CANCELLED, {"API": "succeeded", "UI": "cancelled"})


@pytest.mark.parametrize("role", [None, "viewer", "deployer", "approver", "administrator"])
@pytest.mark.parametrize("standstill", [a_lost_script, a_paused_script])
def test_nobody_but_a_release_manager_decides(role, standstill):
    row = standstill()

    with pytest.raises(PermissionDenied):
        resolving.resolve(row, "failed", by=a_user("sam", role=role), reason="I looked.")

    assert again(row).status in (Status.INTERRUPTED, Status.NEEDS_ATTENTION)


# -- waiting for whom -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("standstill", [a_lost_script, a_paused_script])
def test_what_cannot_go_on_waits_for_whoever_may_decide(standstill):
    row, dan = standstill(), a_user("dan", role="deployer")

    assert (waiting.undecided_for(a_manager()), waiting.undecided_for_others(a_manager())) == ([row], [])
    assert (waiting.undecided_for(dan), waiting.undecided_for_others(dan)) == ([], [row])


def test_what_one_has_marked_waits_for_somebody_else():
    lost = takes_two(a_lost_script())

    resolved(lost, "succeeded")

    assert (waiting.undecided_for(a_manager()), waiting.undecided_for_others(a_manager())) == ([], [lost])
    assert waiting.undecided_for(rita()) == [lost]


def test_the_train_of_what_cannot_go_on_does_not_wait_a_second_time():
    a_train()
    lost = interrupted(claimed())

    assert waiting.undecided_for(a_manager()) == [lost]


def test_what_cannot_go_on_waits_for_nobody_who_may_not_see_it():
    a_lost_script()
    stranger = a_user("sam")

    assert (waiting.undecided_for(stranger), waiting.undecided_for_others(stranger)) == ([], [])


def test_who_decides_in_one_environment_only_is_not_asked_about_another():
    row = a_lost_script()
    other = a_user("ria", role="release_manager", environment=an_environment("PROD"))

    assert (waiting.undecided_for(other), waiting.undecided_for_others(other)) == ([], [row])
