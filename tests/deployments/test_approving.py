"""Approving and rejecting: who may, how many it takes, which plan it holds for, and what the last one sets off."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.models import Event, Membership, User
from deployments import actions, policy, sweep, waiting
from deployments.actions import DeploymentRefused, PlanChanged
from deployments.models import Approval, Deployment, Status
from projects.models import ApprovalRule, Project
from tests.deployments.rows import a_lifecycle_of, a_rows_shop, approved, claimed, rejected, run_out, went_live
from tests.deployments.scenes import a_gate, a_manager, requested
from tests.factories import a_group, a_release, a_rule, a_user, an_environment

pytestmark = pytest.mark.django_db


def a_request(by: User | None = None, created_by: User | None = None, **details: object) -> Deployment:
    """Of a stack, for TEST, that waits for whatever rules there are."""
    release = a_release(a_rows_shop(), by=created_by)
    return actions.request(release, an_environment("TEST"), by=by or a_manager(), **details)


def why_not(deployment: Deployment, by: User) -> list[tuple[str, str]]:
    deployment.refresh_from_db()
    return [(blocker.code, blocker.sentence) for blocker in policy.why_not_approvable(deployment, by)]


def go_live_beside(deployment: Deployment, approver: User) -> None:
    """Something else goes live there: one component, alone."""
    only = Project.objects.get(name="API")
    alone = requested(deployment.release, deployment.environment.name, only=only, reason="hot-fix")
    approved(alone, approver)
    run_out()


# -- who may ----------------------------------------------------------------------------------------------------------


def test_who_holds_the_role_of_a_rule_may_approve():
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    anna = a_user("anna", role="approver")

    row = approved(a_request(), anna)

    assert row.status == Status.RUNNING
    assert row.approvals.get().capacity == "approver"


def test_who_is_in_a_group_of_a_rule_may_approve():
    owners = a_group("Product owners", anna := a_user("anna", role="viewer"))
    a_rule("Owners", environments=["TEST"], groups=[owners])

    row = approved(a_request(), anna)

    assert row.status == Status.RUNNING
    assert row.approvals.get().capacity == "Product owners"


def test_who_is_named_in_a_rule_may_approve():
    anna = a_user("anna", role="viewer")
    a_rule("Owners", environments=["TEST"], people=[anna])

    row = approved(a_request(), anna)

    assert row.status == Status.RUNNING
    assert row.approvals.get().capacity == "named in the rule"


def test_who_may_in_several_ways_is_on_record_with_all_of_them():
    anna = a_user("anna", role="approver")
    a_rule("Owners", environments=["TEST"], roles=["approver"], groups=[a_group("Board", anna)], people=[anna])

    row = approved(a_request(), anna)

    assert row.approvals.get().capacity == "approver, Board, named in the rule"


def test_however_many_ways_there_are_the_record_holds_them():
    anna = a_user("anna", role="approver")
    groups = [a_group(f"{n} {'x' * 140}", anna) for n in range(3)]
    a_rule("Owners", environments=["TEST"], groups=groups)

    row = approved(a_request(), anna)

    assert row.status == Status.RUNNING


def test_who_no_rule_names_may_not_approve():
    a_gate("TEST")
    deployment = a_request()
    vera = a_user("vera", role="approver")

    with pytest.raises(DeploymentRefused, match="No approval rule of this deployment names you") as refused:
        approved(deployment, vera)

    assert refused.value.code == "not_named"
    assert not Approval.objects.exists()


def test_who_is_named_but_holds_no_role_here_may_not_approve():
    anna = a_user("anna")
    a_rule("Owners", environments=["TEST"], people=[anna])
    deployment = a_request()

    assert policy.approvers_of(policy.gates_of(deployment)[0], deployment) == []
    with pytest.raises(DeploymentRefused):
        approved(deployment, anna)


def test_who_no_longer_works_here_may_not_approve():
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    anna = a_user("anna", role="approver")
    deployment = a_request()
    User.objects.filter(pk=anna.pk).update(is_active=False)
    anna.refresh_from_db()

    with pytest.raises(DeploymentRefused):
        approved(deployment, anna)

    assert not Approval.objects.exists()


def test_a_role_in_another_environment_does_not_count():
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    deployment = a_request()
    petra = a_user("petra", role="approver", environment=an_environment("PROD"))

    with pytest.raises(DeploymentRefused, match="No approval rule"):
        approved(deployment, petra)

    assert not Approval.objects.exists()


def test_a_role_in_this_environment_counts():
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    deployment = a_request()
    petra = a_user("petra", role="approver", environment=an_environment("TEST"))

    assert approved(deployment, petra).status == Status.RUNNING


def test_an_administrator_does_not_thereby_approve():
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    deployment = a_request()

    assert why_not(deployment, a_user("root", role="administrator"))[0][0] == "not_named"


# -- the requester and the creator ------------------------------------------------------------------------------------


def test_whoever_asked_does_not_approve():
    a_rule("Owners", environments=["TEST"], roles=["release_manager"])
    deployment = a_request(by=a_manager())

    with pytest.raises(DeploymentRefused, match="You asked for this deployment") as refused:
        approved(deployment, a_manager())

    assert refused.value.code == "requester"


def test_whoever_asked_approves_where_the_rule_says_so():
    a_rule("Owners", environments=["TEST"], roles=["release_manager"], requester_may=True)
    deployment = a_request(by=a_manager())

    assert approved(deployment, a_manager()).status == Status.RUNNING


def test_whoever_created_the_release_does_not_approve():
    carl = a_user("carl", role="approver")
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    deployment = a_request(created_by=carl)

    with pytest.raises(DeploymentRefused, match="You created this release") as refused:
        approved(deployment, carl)

    assert refused.value.code == "creator"


def test_whoever_created_the_release_approves_where_the_rule_says_so():
    carl = a_user("carl", role="approver")
    a_rule("Owners", environments=["TEST"], roles=["approver"], creator_may=True)
    deployment = a_request(created_by=carl)

    assert approved(deployment, carl).status == Status.RUNNING


def test_whoever_asked_does_not_reject_but_cancels():
    a_rule("Owners", environments=["TEST"], roles=["release_manager"])
    deployment = a_request(by=a_manager())

    with pytest.raises(DeploymentRefused):
        rejected(deployment, a_manager())

    assert actions.cancel(deployment, by=a_manager()).status == Status.CANCELLED


def test_an_approval_counts_only_for_the_rules_that_let_its_person():
    carl = a_user("carl", role="approver")
    lax = a_rule("Anybody", environments=["TEST"], roles=["approver"], creator_may=True)
    a_rule("Strict", environments=["TEST"], roles=["approver"])
    deployment = a_request(created_by=carl)

    row = approved(deployment, carl)

    assert (row.status, row.approvals.get().gates) == (Status.REQUESTED, [lax.pk])


# -- how many ---------------------------------------------------------------------------------------------------------


def test_a_minimum_of_two_takes_two_people():
    a_rule("Owners", environments=["TEST"], roles=["approver"], minimum=2)
    deployment = a_request()

    first = approved(deployment, a_user("anna", role="approver"))
    second = approved(deployment, a_user("ben", role="approver"))

    assert (first.status, second.status) == (Status.REQUESTED, Status.RUNNING)


def test_the_same_person_does_not_approve_twice():
    a_rule("Owners", environments=["TEST"], roles=["approver"], minimum=2)
    anna = a_user("anna", role="approver")
    deployment = a_request()
    approved(deployment, anna)

    with pytest.raises(DeploymentRefused, match="You have decided on this request already") as refused:
        approved(deployment, anna)

    assert refused.value.code == "decided_already"
    assert deployment.approvals.count() == 1


def test_every_rule_must_be_met():
    a_rule("Testers", environments=["TEST"], people=[tess := a_user("tess", role="viewer")])
    a_rule("Owners", environments=["TEST"], people=[olga := a_user("olga", role="viewer")])
    deployment = a_request()

    first = approved(deployment, tess)
    second = approved(deployment, olga)

    assert (first.status, second.status) == (Status.REQUESTED, Status.RUNNING)


def test_one_person_may_meet_several_rules_at_once():
    anna = a_user("anna", role="approver")
    a_rule("Testers", environments=["TEST"], people=[anna])
    a_rule("Owners", environments=["TEST"], roles=["approver"])

    assert approved(a_request(), anna).status == Status.RUNNING


def test_how_far_every_gate_is_can_be_read():
    a_rule("Owners", environments=["TEST"], roles=["approver"], minimum=2)
    anna, _ = a_user("anna", role="approver"), a_user("ben", role="approver")
    deployment = approved(a_request(), anna)

    (state,) = policy.gate_states(deployment)

    assert (state.missing, state.is_met, state.waiting_for) == (1, False, ["ben"])
    assert state.sentence == "Owners: 1 approval missing from ben."


def test_a_gate_that_is_met_says_by_whom():
    anna = a_gate("TEST")
    deployment = approved(a_request(), anna)

    (state,) = policy.gate_states(deployment)

    assert state.sentence == "Gate: approved by otto."


# -- rejecting --------------------------------------------------------------------------------------------------------


def test_one_rejection_ends_the_request():
    a_rule("Owners", environments=["TEST"], roles=["approver"], minimum=2)
    deployment = approved(a_request(), a_user("anna", role="approver"))

    row = rejected(deployment, a_user("ben", role="approver"), "  The figures are wrong. ")

    row.refresh_from_db()
    assert (row.status, row.outcome) == (Status.REJECTED, "ben rejected Shop 1.0.1 to TEST: The figures are wrong.")
    assert row.finished_at is not None


def test_a_rejection_needs_a_comment():
    otto = a_gate("TEST")
    deployment = a_request()

    with pytest.raises(
        DeploymentRefused, match="Say why you reject it, so that the team knows what to mend"
    ) as refused:
        rejected(deployment, otto, "  ")

    deployment.refresh_from_db()
    assert refused.value.code == "comment_missing"
    assert deployment.status == Status.REQUESTED


def test_nobody_approves_after_a_rejection():
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    deployment = a_request()
    rejected(deployment, a_user("anna", role="approver"))

    with pytest.raises(DeploymentRefused, match=r"does not wait for approval any more \(rejected\)") as refused:
        approved(deployment, a_user("ben", role="approver"))

    assert refused.value.code == "not_waiting"


def test_nobody_approves_what_was_superseded():
    otto = a_gate("TEST")
    older = a_request()
    requested(a_release(older.project, ui="1.1.0"))

    with pytest.raises(DeploymentRefused, match=r"does not wait for approval any more \(superseded\)"):
        approved(older, otto)

    assert not Approval.objects.exists()


def test_nobody_approves_what_has_started():
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    deployment = approved(a_request(), a_user("anna", role="approver"))

    with pytest.raises(DeploymentRefused, match=r"any more \(deploying\)"):
        approved(deployment, a_user("ben", role="approver"))

    assert deployment.approvals.count() == 1


# -- a changed plan ---------------------------------------------------------------------------------------------------


def test_an_approval_for_a_plan_that_nobody_sees_any_more_is_refused():
    otto = a_gate("TEST")
    deployment = a_request()

    with pytest.raises(PlanChanged, match="Read what it would do now, then decide"):
        actions.approve(deployment, by=otto, fingerprint="of an older page")

    assert not Approval.objects.exists()


def test_an_approval_is_refused_when_something_else_went_live_meanwhile():
    otto = a_gate("TEST")
    deployment = a_request()
    go_live_beside(deployment, otto)

    with pytest.raises(PlanChanged) as refused:
        approved(deployment, otto)

    assert (refused.value.code, refused.value.pk) == ("plan_changed", deployment.pk)
    assert not deployment.approvals.exists()


def test_a_rejection_of_a_changed_plan_is_refused_as_well():
    otto = a_gate("TEST")
    deployment = a_request()
    go_live_beside(deployment, otto)

    with pytest.raises(PlanChanged):
        rejected(deployment, otto)

    deployment.refresh_from_db()
    assert deployment.status == Status.REQUESTED


def test_the_new_plan_can_be_approved_once_it_is_in_place():
    otto = a_gate("TEST")
    deployment = a_request()
    go_live_beside(deployment, otto)
    actions.refresh_plan(deployment.pk)

    row = approved(deployment, otto)

    assert row.status == Status.RUNNING
    assert [item["action"] for item in row.plan] == ["skip", "deploy"]


def test_a_new_plan_withdraws_the_approvals_of_the_old_one():
    a_rule("Owners", environments=["TEST"], roles=["approver"], minimum=2)
    anna, ben = a_user("anna", role="approver"), a_user("ben", role="approver")
    deployment = approved(a_request(), anna)
    alone = requested(deployment.release, only=Project.objects.get(name="API"), reason="hot-fix")
    approved(alone, anna)
    approved(alone, ben)
    run_out()

    actions.refresh_plan(deployment.pk)

    approval = deployment.approvals.get()
    assert approval.withdrawn_because == "The plan changed: something else went live there in the meantime."
    assert why_not(deployment, anna) == []
    assert Event.objects.filter(verb="deployment.replanned").count() == 1


def test_a_plan_that_is_still_the_same_keeps_its_approvals():
    a_rule("Owners", environments=["TEST"], roles=["approver"], minimum=2)
    deployment = approved(a_request(), a_user("anna", role="approver"))

    actions.refresh_plan(deployment.pk)

    assert deployment.approvals.get().withdrawn_at is None


def test_a_new_plan_that_nobody_has_to_approve_leaves_the_request_waiting_for_its_time():
    deployment = a_request(start_at=timezone.now() + timedelta(hours=1))
    requested(deployment.release, only=Project.objects.get(name="API"), reason="hot-fix")
    run_out()

    actions.refresh_plan(deployment.pk)

    deployment.refresh_from_db()
    assert deployment.status == Status.SCHEDULED
    assert [item["action"] for item in deployment.plan] == ["skip", "deploy"]


def test_a_promotion_that_would_roll_back_by_now_is_superseded_instead_of_put_before_its_approvers():
    stack = a_rows_shop()
    went_live(a_release(stack))
    otto = a_gate("TEST")
    hotfix = requested(a_release(stack, api="1.1.0"), only=Project.objects.get(name="API"), reason="hot-fix")
    approved(requested(a_release(stack, api="2.0.0")), otto)
    run_out()

    with pytest.raises(PlanChanged):
        approved(hotfix, otto)

    hotfix.refresh_from_db()
    assert (hotfix.status, hotfix.mode) == (Status.SUPERSEDED, Deployment.Mode.PROMOTE)
    assert hotfix.outcome == "Something newer than API 1.1.0 went live in TEST first."


def test_a_plan_that_changes_between_approval_and_start_goes_back_to_its_approvers():
    otto = a_gate("TEST")
    deployment = approved(a_request(start_at=timezone.now() + timedelta(hours=1)), otto)
    go_live_beside(deployment, otto)
    Deployment.objects.filter(pk=deployment.pk).update(start_at=timezone.now())

    sweep.start_scheduled()

    deployment.refresh_from_db()
    assert deployment.status == Status.REQUESTED
    assert deployment.approvals.get().withdrawn_at is not None
    assert not deployment.children.exists()


# -- withdrawing ------------------------------------------------------------------------------------------------------


def test_an_approval_can_be_taken_back_before_the_start():
    otto = a_gate("TEST")
    deployment = approved(a_request(start_at=timezone.now() + timedelta(hours=1)), otto)

    row = actions.withdraw_approval(deployment, by=otto)

    assert row.status == Status.REQUESTED
    assert row.approvals.get().withdrawn_because == "otto took it back."
    assert why_not(deployment, otto) == []


def test_an_approval_that_the_gates_can_do_without_leaves_the_request_approved():
    anna, olga = a_user("anna", role="approver"), a_user("olga", role="approver")
    a_rule("Anybody", environments=["TEST"], people=[anna, olga])
    a_rule("Olga", environments=["TEST"], people=[olga])
    deployment = a_request(start_at=timezone.now() + timedelta(hours=1))
    approved(deployment, anna)
    approved(deployment, olga)

    row = actions.withdraw_approval(deployment, by=anna)

    assert row.status == Status.SCHEDULED


def test_an_approval_cannot_be_taken_back_after_the_start():
    otto = a_gate("TEST")
    deployment = approved(a_request(), otto)

    with pytest.raises(DeploymentRefused, match=r"has started or ended \(deploying\)"):
        actions.withdraw_approval(deployment, by=otto)

    assert deployment.approvals.get().withdrawn_at is None


def test_who_has_not_approved_has_nothing_to_take_back():
    a_gate("TEST")
    deployment = a_request()

    with pytest.raises(DeploymentRefused, match="You have not approved this request") as refused:
        actions.withdraw_approval(deployment, by=a_manager())

    assert refused.value.code == "not_approved"


def test_a_withdrawn_approval_can_be_given_again():
    otto = a_gate("TEST")
    deployment = approved(a_request(start_at=timezone.now() + timedelta(hours=1)), otto)
    actions.withdraw_approval(deployment, by=otto)

    row = approved(deployment, otto)

    assert (row.status, row.approvals.count()) == (Status.SCHEDULED, 2)


# -- rules that change ------------------------------------------------------------------------------------------------


def test_a_rule_that_grows_after_the_request_does_not_move_its_gate():
    otto = a_gate("TEST")
    deployment = a_request()
    ApprovalRule.objects.update(minimum=5)

    assert approved(deployment, otto).status == Status.RUNNING


def test_a_rule_that_is_new_after_the_request_does_not_count_for_it():
    otto = a_gate("TEST")
    deployment = a_request()
    a_rule("Late", environments=["TEST"], roles=["approver"], minimum=9)

    assert approved(deployment, otto).status == Status.RUNNING


def test_a_rule_that_is_deleted_after_the_request_still_gates_it():
    otto = a_gate("TEST")
    deployment = a_request()
    ApprovalRule.objects.all().delete()

    assert [state.sentence for state in policy.gate_states(deployment)] == ["Gate: 1 approval missing from otto."]
    assert approved(deployment, otto).status == Status.RUNNING


def test_who_loses_the_role_after_the_request_may_not_approve_any_more():
    a_rule("Owners", environments=["TEST"], roles=["approver"])
    anna = a_user("anna", role="approver")
    deployment = a_request()
    Membership.objects.filter(user=anna).update(role="viewer")

    assert why_not(deployment, anna)[0][0] == "not_named"


# -- what the last approval sets off ----------------------------------------------------------------------------------


def test_the_last_approval_starts_the_train_at_once():
    otto = a_gate("TEST")

    row = approved(a_request(), otto, comment="Tested by two people.")

    assert row.status == Status.RUNNING
    assert list(row.children.order_by("stage").values_list("status", flat=True)) == [Status.QUEUED, Status.PENDING]
    line = Event.objects.get(verb="approval.approved")
    assert (line.actor, line.sentence) == (otto, f"otto approved {row}. “Tested by two people.”")


def test_approving_today_deploys_tonight():
    otto = a_gate("TEST")
    deployment = approved(a_request(start_at=timezone.now() + timedelta(hours=1)), otto)
    Deployment.objects.filter(pk=deployment.pk).update(start_at=timezone.now() - timedelta(seconds=1))

    sweep.start_scheduled()

    deployment.refresh_from_db()
    assert deployment.status == Status.RUNNING


def test_what_was_approved_does_not_start_before_its_time():
    otto = a_gate("TEST")
    deployment = approved(a_request(start_at=timezone.now() + timedelta(hours=1)), otto)

    sweep.start_scheduled()

    deployment.refresh_from_db()
    assert (deployment.status, deployment.children.count()) == (Status.SCHEDULED, 0)


@pytest.mark.parametrize("status", [Status.REQUESTED, Status.SCHEDULED])
def test_what_has_not_started_by_its_latest_start_expires(status):
    a_gate("TEST")
    deployment = a_request(not_after=timezone.now() + timedelta(hours=1))
    at = datetime(2026, 1, 31, 22, 30, tzinfo=UTC)
    Deployment.objects.filter(pk=deployment.pk).update(not_after=at, status=status)

    sweep.expire()

    deployment.refresh_from_db()
    assert deployment.status == Status.EXPIRED
    assert deployment.outcome == "Shop 1.0.1 to TEST had not started by 31 January 2026 22:30, its latest start."


def test_what_has_started_in_time_does_not_expire():
    deployment = a_request(not_after=timezone.now() + timedelta(hours=1))
    Deployment.objects.filter(pk=deployment.pk).update(not_after=timezone.now())

    sweep.expire()

    deployment.refresh_from_db()
    assert deployment.status == Status.RUNNING


def test_the_last_approval_after_the_latest_start_starts_nothing():
    otto = a_gate("TEST")
    deployment = a_request(not_after=timezone.now() + timedelta(hours=1))
    Deployment.objects.filter(pk=deployment.pk).update(not_after=timezone.now() - timedelta(hours=1))

    row = approved(deployment, otto)

    assert (row.status, row.children.count()) == (Status.SCHEDULED, 0)


def test_an_approved_request_waits_for_a_clear_track():
    stack = a_rows_shop()
    requested(a_release(stack))
    claimed()
    otto = a_gate("TEST")
    second = requested(a_release(stack, ui="1.1.0"))

    assert approved(second, otto).status == Status.SCHEDULED


def test_the_stacks_approval_covers_its_components():
    otto = a_gate("TEST")

    row = approved(a_request(), otto)

    assert [child.gates for child in row.children.all()] == [[], []]


# -- waiting for you --------------------------------------------------------------------------------------------------


def test_what_waits_for_somebody_is_what_this_person_may_decide():
    otto = a_gate("TEST")
    deployment = a_request()

    assert waiting.waiting_for(otto) == [deployment]
    assert waiting.waiting_for(a_manager()) == []
    assert waiting.waiting_for_others(a_manager()) == [deployment]


def test_what_one_has_decided_waits_for_others():
    a_rule("Owners", environments=["TEST"], roles=["approver"], minimum=2)
    anna = a_user("anna", role="approver")
    deployment = approved(a_request(), anna)

    assert (waiting.waiting_for(anna), waiting.waiting_for_others(anna)) == ([], [deployment])


def test_requests_wait_oldest_first():
    release = a_release(a_rows_shop(a_lifecycle_of(("TEST", "QA"))))
    otto = a_gate("TEST", "QA")
    first, second = requested(release, "TEST"), requested(release, "QA")

    assert waiting.waiting_for(otto) == [first, second]


def test_what_waits_in_a_project_that_one_may_not_see_waits_for_nobody_there():
    anna = a_user("anna")
    a_rule("Owners", environments=["TEST"], people=[anna])
    a_request()

    assert (waiting.waiting_for(anna), waiting.waiting_for_others(anna)) == ([], [])


def test_going_to_prod_asks_its_own_approvers_again():
    stack = a_rows_shop()
    release = a_release(stack)
    went_live(release)
    otto = a_gate("PROD")

    row = requested(release, "PROD")

    assert row.status == Status.REQUESTED
    assert approved(row, otto).status == Status.RUNNING
