"""Asking for a deployment: what is refused leaves nothing, what is accepted is one row with a frozen plan."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Event
from deployments import actions, plans, train
from deployments.actions import DeploymentRefused
from deployments.models import Deployment, LiveVersion, Status
from projects.models import Project
from registry import actions as registry
from releases import actions as releases
from releases.models import Release
from tests.deployments.rows import a_rows_shop, approved, claimed, failed, run_out, went_live
from tests.deployments.scenes import a_gate, a_manager, pushed, requested
from tests.factories import (
    a_lone_project,
    a_release,
    a_rule,
    a_service_account,
    a_stack,
    a_trigger,
    a_user,
    a_version,
    an_environment,
)

pytestmark = pytest.mark.django_db


def steps_of(deployment: Deployment) -> list[tuple[str, str | None, str, int, str]]:
    """The plan, as (component, from, to, stage, action)."""
    return [(i["component"], i["from_number"], i["number"], i["stage"], i["action"]) for i in deployment.plan]


def reasons_of(release: Release, environment: str = "TEST") -> dict[str, str]:
    return {item.component: item.because for item in plans.plan_for(release, an_environment(environment)).items}


def a_stack_asked_for_automatically(*components: str) -> Project:
    stack = a_stack("Shop", components=dict.fromkeys(components, 1))
    stack.lifecycle.places.filter(environment__name="TEST").update(automatic=True)
    a_trigger(stack)
    return stack


def an_api_that_waits(release: Release) -> Deployment:
    """The API alone, asked for now and to be started later."""
    later = timezone.now() + timedelta(hours=1)
    return requested(release, only=Project.objects.get(name="API"), reason="hot-fix", start_at=later)


def starts_now(deployment: Deployment) -> None:
    Deployment.objects.filter(pk=deployment.pk).update(start_at=None)
    train.start_if_clear(deployment)


# -- refused ----------------------------------------------------------------------------------------------------------


def test_a_refused_request_leaves_no_row_and_says_every_reason():
    release = a_release(a_rows_shop())
    releases.prevent_progression(release, by=a_manager(), reason="Wrong.")
    release.refresh_from_db()

    with pytest.raises(DeploymentRefused) as refused:
        requested(release, "PROD")

    assert refused.value.code == "phase_incomplete"
    assert refused.value.sentence == (
        "It must first succeed in TEST (phase TEST) before it goes to PROD. mia prevented its progression: Wrong."
    )
    assert not Deployment.objects.exists()


def test_a_refused_request_does_not_supersede_the_one_that_waits():
    stack = a_rows_shop()
    a_gate("TEST")
    waiting = requested(a_release(stack))
    newer = a_release(stack, ui="1.1.0")

    with pytest.raises(DeploymentRefused):
        actions.request(newer, an_environment("TEST"), by=a_user("vic", role="viewer"))

    waiting.refresh_from_db()
    assert waiting.status == Status.REQUESTED


def test_a_latest_start_in_the_past_is_refused():
    release = a_release(a_rows_shop())

    with pytest.raises(DeploymentRefused, match="The latest start lies in the past: give a later one, or none"):
        requested(release, not_after=timezone.now() - timedelta(minutes=1))

    assert not Deployment.objects.exists()


def test_a_latest_start_before_the_earliest_is_refused():
    release = a_release(a_rows_shop())
    now = timezone.now()

    with pytest.raises(DeploymentRefused, match="The latest start must lie after the earliest start"):
        requested(release, start_at=now + timedelta(hours=2), not_after=now + timedelta(hours=1))

    assert not Deployment.objects.exists()


# -- accepted ---------------------------------------------------------------------------------------------------------


def test_a_request_that_nobody_has_to_approve_starts_at_once():
    train = requested(a_release(a_rows_shop()))

    assert (train.status, train.mode) == (Status.RUNNING, Deployment.Mode.PROMOTE)
    assert list(train.children.values_list("status", flat=True).order_by("stage")) == [Status.QUEUED, Status.PENDING]


def test_a_project_on_its_own_waits_for_a_worker():
    deployment = requested(a_release(a_lone_project()))

    assert deployment.status == Status.QUEUED


def test_a_request_that_somebody_has_to_approve_waits_and_has_no_components_rows_yet():
    a_gate("TEST")

    train = requested(a_release(a_rows_shop()))

    assert train.status == Status.REQUESTED
    assert not train.children.exists()


def test_a_request_is_on_the_trail_with_who_asked_for_what():
    train = requested(a_release(a_rows_shop()))

    line = Event.objects.get(verb="deployment.requested")

    assert (line.actor, line.sentence) == (a_manager(), f"mia asked for {train}.")
    assert line.data == {"mode": "promote", "reason": ""}


def test_a_request_with_a_start_time_waits_for_it():
    deployment = requested(a_release(a_rows_shop()), start_at=timezone.now() + timedelta(hours=1))

    assert deployment.status == Status.SCHEDULED


# -- superseding ------------------------------------------------------------------------------------------------------


def test_a_newer_request_supersedes_one_that_waits_for_approval():
    stack = a_rows_shop()
    a_gate("TEST")
    older = requested(a_release(stack))

    newer = requested(a_release(stack, ui="1.1.0"))

    older.refresh_from_db()
    assert (older.status, newer.status) == (Status.SUPERSEDED, Status.REQUESTED)
    assert older.outcome == f"{newer.release} was requested instead of {older.release}."


def test_a_newer_request_supersedes_one_that_is_approved_and_waits_for_its_time():
    stack = a_rows_shop()
    older = requested(a_release(stack), start_at=timezone.now() + timedelta(hours=1))

    requested(a_release(stack, ui="1.1.0"))

    older.refresh_from_db()
    assert older.status == Status.SUPERSEDED


def test_a_newer_request_supersedes_one_that_no_worker_has_taken_yet():
    website = a_lone_project()
    older = requested(a_release(website))

    newer = requested(a_release(website, website="1.1.0"))

    older.refresh_from_db()
    assert (older.status, newer.status) == (Status.SUPERSEDED, Status.QUEUED)


def test_a_newer_request_waits_for_one_that_has_started():
    website = a_lone_project()
    older = requested(a_release(website))
    claimed()

    newer = requested(a_release(website, website="1.1.0"))

    older.refresh_from_db()
    assert (older.status, newer.status) == (Status.RUNNING, Status.SCHEDULED)


def test_a_request_for_another_environment_supersedes_nothing():
    release = a_release(a_rows_shop())
    went_live(release)
    a_gate("TEST", "PROD")
    older = requested(release, "TEST")

    requested(release, "PROD")

    older.refresh_from_db()
    assert older.status == Status.REQUESTED


# -- one component alone ----------------------------------------------------------------------------------------------


def test_one_component_goes_alone_with_a_reason():
    train = a_release(a_rows_shop())
    ui = Project.objects.get(name="UI")

    alone = requested(train, only=ui, reason="  Login is broken.  ")

    assert (alone.project, alone.parent, alone.reason) == (ui, None, "Login is broken.")
    assert alone.is_alone
    assert alone.status == Status.QUEUED


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_component_does_not_go_alone_without_a_reason(reason):
    train = a_release(a_rows_shop())

    with pytest.raises(DeploymentRefused, match="Say why UI cannot wait for a release of Shop") as refused:
        requested(train, only=Project.objects.get(name="UI"), reason=reason)

    assert refused.value.code == "reason_missing"
    assert not Deployment.objects.exists()


def test_a_component_does_not_go_alone_by_a_deployer():
    train = a_release(a_rows_shop())
    dan = a_user("dan", role="deployer")

    with pytest.raises(DeploymentRefused, match="You may not roll back, deploy one component alone") as refused:
        actions.request(
            train, an_environment("TEST"), by=dan, only=Project.objects.get(name="UI"), reason="Login is broken."
        )

    assert refused.value.code == "not_permitted"


def test_a_component_that_the_release_does_not_hold_is_refused():
    train = a_release(a_rows_shop())
    website = a_lone_project()

    with pytest.raises(DeploymentRefused, match=r"Shop 1\.0\.1 does not hold Website") as refused:
        requested(train, only=website, reason="Login is broken.")

    assert refused.value.code == "not_in_release"


def test_a_component_goes_no_further_alone_than_it_has_succeeded():
    train = a_release(a_rows_shop())

    with pytest.raises(DeploymentRefused, match="It must first succeed in TEST"):
        requested(train, "PROD", only=Project.objects.get(name="UI"), reason="Login is broken.")

    assert not Deployment.objects.exists()


def test_what_succeeded_with_its_stack_may_go_further_alone():
    train = a_release(a_rows_shop())
    went_live(train)

    alone = requested(train, "PROD", only=Project.objects.get(name="UI"), reason="Login is broken.")

    assert alone.status == Status.QUEUED


# -- automatically, by a push -----------------------------------------------------------------------------------------


def test_a_push_asks_for_the_automatic_environments_in_the_pushers_name():
    stack = a_stack_asked_for_automatically("UI")
    ci = a_service_account("pipeline")
    a_gate("TEST")

    taken = pushed("ui", "1.0.0", by=ci)

    (deployment,) = taken.deployments
    assert (deployment.project, deployment.environment.name) == (stack, "TEST")
    assert (deployment.requested_by, deployment.status) == (ci, Status.REQUESTED)
    assert deployment.reason == "Requested automatically for every new release."


def test_a_push_starts_what_nobody_has_to_approve():
    a_stack_asked_for_automatically("UI")

    taken = pushed("ui", "1.0.0")

    assert [deployment.status for deployment in taken.deployments] == [Status.RUNNING]


def test_the_same_bytes_again_ask_for_nothing():
    a_stack_asked_for_automatically("UI")
    pushed("ui", "1.0.0")

    taken = pushed("ui", "1.0.0")

    assert (taken.deployments, Deployment.objects.tops().count()) == ([], 1)


def test_a_push_asks_for_nothing_beyond_the_first_phase():
    stack = a_stack_asked_for_automatically("UI")
    stack.lifecycle.places.update(automatic=True)

    taken = pushed("ui", "1.0.0")

    assert [deployment.environment.name for deployment in taken.deployments] == ["TEST"]


def test_a_newer_push_supersedes_what_the_last_one_asked_for():
    a_stack_asked_for_automatically("UI")
    a_gate("TEST")
    (older,) = pushed("ui", "1.0.0").deployments

    (newer,) = pushed("ui", "1.1.0").deployments

    older.refresh_from_db()
    assert (older.status, newer.status) == (Status.SUPERSEDED, Status.REQUESTED)


def test_what_stands_in_the_way_of_an_automatic_request_is_on_the_trail(monkeypatch):
    """No reason of today can hold a brand-new release back from its first phase, so one of tomorrow's joins the table."""
    a_stack_asked_for_automatically("UI")
    reason = actions.Blocker("frozen", "TEST is frozen until Monday.")
    monkeypatch.setattr(actions.policy, "REASONS", (lambda question: iter([reason]),))

    taken = pushed("ui", "1.0.0")

    line = Event.objects.get(verb="deployment.not_requested")
    assert taken.deployments == []
    assert line.sentence == "Shop 1.0.1 was not requested for TEST: TEST is frozen until Monday."


# -- the frozen plan --------------------------------------------------------------------------------------------------


def test_the_plan_says_what_goes_from_which_to_which_number_in_which_stage():
    stack = a_rows_shop()
    went_live(a_release(stack))

    train = requested(a_release(stack, ui="1.1.0"))

    assert steps_of(train) == [("api", "1.0.0", "1.0.0", 1, "skip"), ("ui", "1.0.0", "1.1.0", 2, "deploy")]


def test_a_first_plan_comes_from_nothing():
    train = requested(a_release(a_rows_shop()))

    assert steps_of(train) == [("api", None, "1.0.0", 1, "deploy"), ("ui", None, "1.0.0", 2, "deploy")]


def test_the_plan_says_why_each_component_is_deployed_or_passed_over():
    stack = a_rows_shop()
    went_live(a_release(stack))
    a_release(stack, api="1.0.0", ui="1.1.0")

    assert reasons_of(a_release(stack, ui="1.1.0")) == {
        "api": "1.0.0 is live there already.",
        "ui": "It replaces 1.0.0.",
    }


def test_the_plan_says_what_is_not_there_yet():
    assert reasons_of(a_release(a_rows_shop())) == {"api": "It is not there yet.", "ui": "It is not there yet."}


def test_a_plan_names_the_component_whose_state_nobody_knows():
    stack = a_rows_shop()
    first = a_release(stack)
    went_live(first)
    failed(a_release(stack, api="2.0.0"))

    assert reasons_of(first) == {
        "api": "A later attempt did not succeed, so that nobody knows what is really there.",
        "ui": "1.0.0 is live there already.",
    }


def test_a_component_that_failed_after_another_success_elsewhere_is_still_passed_over_there():
    stack = a_rows_shop()
    first = a_release(stack)
    went_live(first, "TEST")
    went_live(first, "PROD")
    failed(a_release(stack, api="2.0.0"), "TEST")

    assert reasons_of(first, "PROD")["api"] == "1.0.0 is live there already."


def test_a_success_settles_what_failed_before_it_although_it_was_asked_for_earlier():
    stack = a_rows_shop()
    went_live(a_release(stack))
    hotfix = an_api_that_waits(a_release(stack, api="1.1.0"))
    failed(a_release(stack, api="2.0.0"))

    starts_now(hotfix)
    run_out()

    assert reasons_of(a_release(stack, api="1.1.0"))["api"] == "1.1.0 is live there already."


def test_a_failure_shakes_what_succeeded_before_it_although_it_was_asked_for_earlier():
    stack = a_rows_shop()
    went_live(a_release(stack))
    hotfix = an_api_that_waits(a_release(stack, api="3.0.0"))
    went_live(a_release(stack, api="2.0.0"))

    starts_now(hotfix)
    run_out(Status.FAILED)

    because = "A later attempt did not succeed, so that nobody knows what is really there."
    assert reasons_of(a_release(stack, api="2.0.0"))["api"] == because


def test_a_component_that_was_dropped_before_it_started_is_passed_over():
    stack = a_rows_shop()
    first = a_release(stack)
    went_live(first)
    failed(a_release(stack, api="2.0.0", ui="2.0.0"))

    assert reasons_of(first)["ui"] == "1.0.0 is live there already."


def test_the_plan_stays_as_it_was_when_the_world_changes():
    stack = a_rows_shop()
    a_gate("TEST")
    train = requested(a_release(stack))
    Project.objects.filter(name="UI").update(stage=5, name="Renamed")

    train.refresh_from_db()

    assert steps_of(train) == [("api", None, "1.0.0", 1, "deploy"), ("ui", None, "1.0.0", 2, "deploy")]


def test_two_plans_that_do_the_same_have_the_same_fingerprint():
    release = a_release(a_rows_shop())
    here = an_environment("TEST")

    first, second = plans.plan_for(release, here), plans.plan_for(release, here)

    assert first.fingerprint == second.fingerprint


def test_a_component_that_is_deployed_always_is_never_passed_over():
    stack = a_rows_shop()
    stack.components.filter(name="API").update(condition="always")
    release = a_release(stack)
    went_live(release)

    assert reasons_of(release) == {"api": "It is deployed every time.", "ui": "1.0.0 is live there already."}


def test_a_component_that_goes_only_if_newer_is_passed_over_where_something_newer_is_live():
    stack = a_rows_shop()
    stack.components.filter(name="API").update(condition="if_newer")
    went_live(a_release(stack, api="2.0.0"))

    older = a_release(stack, api="1.0.0", ui="2.0.0")

    assert reasons_of(older)["api"] == "2.0.0 is live there, which is newer."


def test_a_component_that_goes_only_if_newer_is_deployed_over_something_older():
    stack = a_rows_shop()
    stack.components.filter(name="API").update(condition="if_newer")
    went_live(a_release(stack, api="1.0.0"))

    assert reasons_of(a_release(stack, api="2.0.0"))["api"] == "It replaces 1.0.0."


def test_a_component_that_goes_only_if_newer_is_deployed_over_something_newer_that_was_shaken():
    stack = a_rows_shop()
    stack.components.filter(name="API").update(condition="if_newer")
    older = a_release(stack, api="1.0.0", ui="2.0.0")
    went_live(a_release(stack, api="2.0.0"))
    failed(a_release(stack, api="3.0.0"))

    assert reasons_of(older)["api"] == "It replaces 2.0.0."


def test_the_condition_that_counts_is_the_one_that_the_release_was_created_with():
    stack = a_rows_shop()
    release = a_release(stack)
    stack.components.update(condition="always")
    went_live(release)

    assert reasons_of(release) == {"api": "1.0.0 is live there already.", "ui": "1.0.0 is live there already."}


# -- the mode ---------------------------------------------------------------------------------------------------------


def test_a_higher_number_is_a_promotion():
    stack = a_rows_shop()
    went_live(a_release(stack))

    assert requested(a_release(stack, ui="1.1.0")).mode == Deployment.Mode.PROMOTE


def test_the_live_release_again_is_a_redeployment():
    release = a_release(a_lone_project())
    went_live(release)

    assert requested(release).mode == Deployment.Mode.REDEPLOY


def test_a_lower_number_is_a_rollback():
    website = a_lone_project()
    older = a_release(website, website="1.0.0")
    went_live(a_release(website, website="1.1.0"))

    assert requested(older).mode == Deployment.Mode.ROLLBACK


def test_the_same_version_with_older_variables_is_a_rollback():
    website = a_lone_project()
    before = a_release(website)
    website.variables.create(name="COLOUR", value="blue")
    went_live(a_release(website))

    assert requested(before).mode == Deployment.Mode.ROLLBACK


def test_a_rollback_plans_its_stages_backwards():
    stack = a_rows_shop()
    older = a_release(stack)
    went_live(a_release(stack, api="2.0.0", ui="2.0.0"))

    train = requested(older)

    assert steps_of(train) == [("ui", "2.0.0", "1.0.0", 1, "deploy"), ("api", "2.0.0", "1.0.0", 2, "deploy")]


def test_a_stack_may_roll_back_in_the_usual_order():
    stack = a_rows_shop()
    Project.objects.filter(pk=stack.pk).update(reverse_on_rollback=False)
    older = a_release(stack)
    went_live(a_release(stack, api="2.0.0", ui="2.0.0"))
    older = Release.objects.get(pk=older.pk)

    assert [item.component for item in plans.plan_for(older, an_environment("TEST")).items] == ["api", "ui"]


def test_redeploying_a_stack_that_is_there_deploys_nothing_and_succeeds():
    release = a_release(a_rows_shop())
    went_live(release)

    again = requested(release)

    assert (again.status, again.mode) == (Status.SUCCEEDED, Deployment.Mode.REDEPLOY)
    assert set(again.children.values_list("status", flat=True)) == {Status.SKIPPED}
    assert LiveVersion.objects.now().get(project=release.project).deployment == again


# -- what waits starts under the plan that was approved ---------------------------------------------------------------


def test_a_request_that_nobody_has_to_approve_starts_under_the_plan_of_the_day():
    stack = a_rows_shop()
    first = requested(a_release(stack))
    second = requested(a_release(stack, ui="1.1.0"))
    run_out()

    train.start_if_clear(second)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.SUCCEEDED, Status.RUNNING)
    assert steps_of(second) == [("api", "1.0.0", "1.0.0", 1, "skip"), ("ui", "1.0.0", "1.1.0", 2, "deploy")]


def test_a_request_that_was_approved_under_another_plan_goes_back_to_its_approvers():
    stack = a_rows_shop()
    otto = a_gate("TEST")
    waiting = requested(a_release(stack, ui="1.1.0"), start_at=timezone.now() + timedelta(seconds=1))
    approved(waiting, otto)
    alone = requested(a_release(stack, ui="1.1.0"), only=Project.objects.get(name="API"), reason="hot-fix")
    approved(alone, otto)
    run_out()
    Deployment.objects.filter(pk=waiting.pk).update(start_at=None)

    blockers = train.start_if_clear(waiting)

    waiting.refresh_from_db()
    assert [blocker.sentence for blocker in blockers] == ["Gate: 1 approval missing from otto."]
    assert waiting.status == Status.REQUESTED
    assert steps_of(waiting)[0] == ("api", "1.0.0", "1.0.0", 1, "skip")


def test_a_version_withdrawn_after_the_request_keeps_it_from_starting():
    stack = a_rows_shop()
    otto = a_gate("TEST")
    waiting = requested(a_release(stack, ui="1.1.0"))
    registry.withdraw(a_version("ui", "1.1.0"), by=a_manager(), reason="It holds a virus.")

    row = approved(waiting, otto)

    assert row.status == Status.SCHEDULED
    assert not row.children.exists()


def test_a_rule_with_a_number_of_people_is_frozen_with_the_request():
    a_rule("Owners", environments=["TEST"], roles=["approver"], minimum=3)

    train = requested(a_release(a_rows_shop()))

    assert [(gate["name"], gate["minimum"], gate["roles"]) for gate in train.gates] == [("Owners", 3, ["approver"])]


def test_a_promotion_that_waited_while_something_newer_went_live_is_superseded_and_never_rolls_back():
    stack = a_rows_shop()
    went_live(a_release(stack))
    hotfix = an_api_that_waits(a_release(stack, api="1.1.0"))
    went_live(a_release(stack, api="2.0.0"))

    starts_now(hotfix)

    hotfix.refresh_from_db()
    assert hotfix.status == Status.SUPERSEDED
    assert hotfix.outcome == "Something newer than API 1.1.0 went live in TEST first."
