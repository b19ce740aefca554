"""What the database itself refuses about deployments, whoever asks, on SQLite and PostgreSQL alike."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from deployments.models import FINAL, UNDER_WAY, UNFINISHED, WAITING, Approval, Deployment, LiveVersion, Status, Worker
from tests.deployments.rows import a_bare_release, a_live_interval, a_row
from tests.deployments.scenes import a_manager
from tests.factories import a_component, a_stack, a_user, an_environment

pytestmark = pytest.mark.django_db


def an_approval(row: Deployment, **fields: object) -> Approval:
    fields = {"person": a_user("anna"), "decision": "approved", "capacity": "approver", "fingerprint": "f"} | fields
    return Approval.objects.create(deployment=row, **fields)


def refused(match: str = "") -> object:
    """The database says no, and a constraint's or a trigger's words tell which one it was."""
    return pytest.raises(IntegrityError, match=match)


# -- deployments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", UNDER_WAY)
def test_one_deployment_of_a_project_is_under_way_in_an_environment(status):
    first = a_row(Status.RUNNING)

    with refused("deployment_one_under_way|project_id"), transaction.atomic():
        a_row(status, first.release)

    assert Deployment.objects.get() == first


@pytest.mark.parametrize("status", WAITING)
def test_one_request_of_a_project_waits_in_an_environment(status):
    first = a_row(Status.SCHEDULED)

    with refused("deployment_one_waiting|project_id"), transaction.atomic():
        a_row(status, first.release)

    assert Deployment.objects.get() == first


def test_one_may_wait_while_one_is_under_way_and_others_are_over():
    first = a_row(Status.RUNNING)
    a_row(Status.REQUESTED, first.release)
    a_row(Status.FAILED, first.release)

    a_row(Status.FAILED, first.release)

    assert Deployment.objects.count() == 4


def test_the_same_project_may_be_under_way_in_two_environments():
    first = a_row(Status.RUNNING)

    a_row(Status.RUNNING, first.release, an_environment("PROD"))

    assert Deployment.objects.count() == 2


@pytest.mark.parametrize("status", FINAL)
def test_what_is_final_has_a_time_when_it_finished(status):
    with refused("deployment_finished_at_when_final"), transaction.atomic():
        a_row(status, finished_at=None)

    assert not Deployment.objects.exists()


@pytest.mark.parametrize("status", UNFINISHED)
def test_what_is_not_final_has_not_finished(status):
    with refused("deployment_finished_at_when_final"), transaction.atomic():
        a_row(status, finished_at=timezone.now())

    assert not Deployment.objects.exists()


def test_a_status_that_nobody_knows_is_refused():
    with refused("deployment_finished_at_when_final"), transaction.atomic():
        a_row("paused")

    assert not Deployment.objects.exists()


def test_what_is_no_part_of_a_train_has_no_stage():
    with refused("deployment_stage_inside_a_train"), transaction.atomic():
        a_row(stage=1)

    assert not Deployment.objects.exists()


def test_a_part_of_a_train_has_a_stage():
    train = a_row(Status.RUNNING)
    part = a_bare_release(a_component(train.project))

    with refused("deployment_stage_inside_a_train"), transaction.atomic():
        a_row(Status.PENDING, part, parent=train, stage=0)

    assert Deployment.objects.get() == train


def test_a_window_ends_after_it_starts():
    now = timezone.now()

    with refused("deployment_window_ends_after_it_starts"), transaction.atomic():
        a_row(start_at=now, not_after=now)

    assert not Deployment.objects.exists()


def test_a_window_may_be_open_on_either_side():
    now = timezone.now()

    a_row(start_at=now)
    a_row(Status.RUNNING, Deployment.objects.get().release, not_after=now)

    assert Deployment.objects.count() == 2


def test_a_final_status_never_changes():
    row = a_row(Status.SUCCEEDED)

    with refused("Final is final"), transaction.atomic():
        Deployment.objects.filter(pk=row.pk).update(status=Status.FAILED)

    row.refresh_from_db()
    assert row.status == Status.SUCCEEDED


def test_a_deployment_is_never_deleted():
    row = a_row(Status.CANCELLED)

    with refused("A deployment is never deleted"), transaction.atomic():
        row.delete()

    assert Deployment.objects.filter(status=Status.CANCELLED).exists()


def test_a_deployment_is_not_even_deleted_in_sql():
    a_row(Status.REQUESTED)

    with refused("A deployment is never deleted"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM deployments_deployment")

    assert Deployment.objects.exists()


# -- decisions --------------------------------------------------------------------------------------------------------


def test_a_person_has_one_standing_decision_on_a_request():
    row = a_row()
    an_approval(row)

    with refused("approval_one_standing_per_person|person_id"), transaction.atomic():
        an_approval(row, decision="rejected", comment="No.")

    assert Approval.objects.get().decision == "approved"


def test_a_person_may_decide_again_once_the_first_decision_was_withdrawn():
    row = a_row()
    an_approval(row, withdrawn_at=timezone.now())

    an_approval(row)

    assert row.approvals.count() == 2


def test_two_people_may_decide_on_one_request():
    row = a_row()
    an_approval(row)

    an_approval(row, person=a_user("ben"))

    assert row.approvals.count() == 2


def test_a_rejection_has_a_comment():
    row = a_row()

    with refused("approval_rejection_has_a_comment"), transaction.atomic():
        an_approval(row, decision="rejected", comment="")

    assert not Approval.objects.exists()


def test_a_decision_is_never_deleted():
    approval = an_approval(a_row())

    with refused("A decision is never deleted"), transaction.atomic():
        approval.delete()

    assert Approval.objects.exists()


@pytest.mark.parametrize(
    "change", [{"decision": "rejected", "comment": "No."}, {"comment": "Yes!"}, {"fingerprint": "another plan"}]
)
def test_a_decision_is_never_changed(change):
    approval = an_approval(a_row())

    with refused("A decision is never changed"), transaction.atomic():
        Approval.objects.update(**change)

    approval.refresh_from_db()
    assert (approval.decision, approval.comment, approval.fingerprint) == ("approved", "", "f")


def test_a_decision_never_goes_to_another_person():
    an_approval(a_row())
    ben = a_user("ben")

    with refused("A decision is never changed"), transaction.atomic():
        Approval.objects.update(person=ben)

    assert Approval.objects.get().person == a_user("anna")


def test_a_decision_never_goes_to_another_request():
    approval = an_approval(a_row())
    other = a_row(Status.RUNNING, approval.deployment.release)

    with refused("A decision is never changed"), transaction.atomic():
        Approval.objects.update(deployment=other)

    assert Approval.objects.get().deployment == approval.deployment


# -- what ran ---------------------------------------------------------------------------------------------------------


def test_a_step_runs_once_in_an_attempt():
    row = a_row(Status.RUNNING)
    row.step_runs.create(attempt=1, position=1, name="Run")

    with refused("step_run_once_per_attempt|position"), transaction.atomic():
        row.step_runs.create(attempt=1, position=1, name="Run")

    assert row.step_runs.count() == 1


def test_a_step_may_run_again_in_the_next_attempt():
    row = a_row(Status.RUNNING)
    row.step_runs.create(attempt=1, position=1, name="Run")

    row.step_runs.create(attempt=2, position=1, name="Run")

    assert row.step_runs.count() == 2


def test_a_piece_of_the_log_is_stored_once():
    run = a_row(Status.RUNNING).step_runs.create(attempt=1, position=1, name="Run")
    run.chunks.create(sequence=0, first_line=0, raw_end=6, text="first\n")

    with refused("log_chunk_once|sequence"), transaction.atomic():
        run.chunks.create(sequence=0, first_line=0, raw_end=7, text="second\n")

    assert run.chunks.get().text == "first\n"


def test_a_worker_has_a_name_of_its_own():
    now = timezone.now()
    Worker.objects.create(name="one", host="here", started_at=now, heard_at=now)

    with refused("name"), transaction.atomic():
        Worker.objects.create(name="one", host="there", started_at=now, heard_at=now)

    assert Worker.objects.get().host == "here"


# -- what is live -----------------------------------------------------------------------------------------------------


def test_one_release_of_a_project_is_live_in_an_environment():
    row = a_row(Status.SUCCEEDED)
    a_live_interval(row, 0)

    with refused("never live in one place at once|live_version_one_now"), transaction.atomic():
        a_live_interval(row, 10)

    assert LiveVersion.objects.count() == 1


def test_another_project_may_be_live_in_the_same_environment():
    a_live_interval(a_row(Status.SUCCEEDED), 0)

    a_live_interval(a_row(Status.SUCCEEDED, a_bare_release(a_stack("Depot"))), 0)

    assert LiveVersion.objects.now().count() == 2


def test_nothing_ends_before_it_begins():
    row = a_row(Status.SUCCEEDED)

    with refused("live_version_ends_after_it_begins"), transaction.atomic():
        a_live_interval(row, 20, 10)

    assert not LiveVersion.objects.exists()


@pytest.mark.parametrize(("begun", "over"), [(5, 15), (15, 25), (12, 18), (5, 25), (10, 20), (5, None), (15, None)])
def test_two_releases_are_never_live_in_one_place_at_once(begun, over):
    row = a_row(Status.SUCCEEDED)
    a_live_interval(row, 10, 20)

    with refused("Two releases of a project are never live in one place at once"), transaction.atomic():
        a_live_interval(row, begun, over)

    assert LiveVersion.objects.count() == 1


@pytest.mark.parametrize(("begun", "over"), [(0, 10), (20, 30), (20, None)])
def test_one_release_may_follow_another_at_once(begun, over):
    row = a_row(Status.SUCCEEDED)
    a_live_interval(row, 10, 20)

    a_live_interval(row, begun, over)

    assert LiveVersion.objects.count() == 2


def test_what_was_live_is_never_deleted():
    a_live_interval(a_row(Status.SUCCEEDED), 0)

    with refused("What was live is never deleted"), transaction.atomic():
        LiveVersion.objects.all().delete()

    assert LiveVersion.objects.count() == 1


def test_when_something_became_live_is_never_rewritten():
    live = a_live_interval(a_row(Status.SUCCEEDED), 0)

    with refused("never rewritten; only an open interval may be closed"), transaction.atomic():
        LiveVersion.objects.update(from_at=live.from_at - timedelta(days=1))

    assert LiveVersion.objects.get().from_at == live.from_at


def test_which_release_was_live_is_never_rewritten():
    row = a_row(Status.SUCCEEDED)
    a_live_interval(row, 0)
    other = a_bare_release(row.project, number="1.0.2")

    with refused("never rewritten; only an open interval may be closed"), transaction.atomic():
        LiveVersion.objects.update(release=other)

    assert LiveVersion.objects.get().release == row.release


@pytest.mark.parametrize("column", ["project", "environment", "deployment"])
def test_where_and_by_what_something_was_live_is_never_rewritten(column):
    row = a_row(Status.SUCCEEDED)
    live = a_live_interval(row, 0)
    others = {
        "project": a_stack("Depot"),
        "environment": an_environment("PROD"),
        "deployment": a_row(Status.SUCCEEDED, row.release),
    }

    with refused("never rewritten"), transaction.atomic():
        LiveVersion.objects.update(**{column: others[column]})

    assert LiveVersion.objects.get() == live


@pytest.mark.parametrize("until", [None, timezone.now()])
def test_an_interval_that_is_closed_stays_closed_as_it_is(until):
    live = a_live_interval(a_row(Status.SUCCEEDED), 0, 10)

    with refused("a closed interval stays as it is"), transaction.atomic():
        LiveVersion.objects.update(until_at=until)

    assert LiveVersion.objects.get().until_at == live.until_at


def test_an_open_interval_may_be_closed():
    a_live_interval(a_row(Status.SUCCEEDED), 0)
    now = timezone.now()

    LiveVersion.objects.update(until_at=now)

    assert LiveVersion.objects.get().until_at == now


def test_what_was_live_at_a_moment_has_one_answer():
    row = a_row(Status.SUCCEEDED)
    first, second = a_live_interval(row, 0, 10), a_live_interval(row, 10)

    answers = [LiveVersion.objects.at(first.from_at + timedelta(minutes=n)).get() for n in (0, 9, 10, 11)]

    assert answers == [first, first, second, second]


def test_nothing_was_live_before_anything_was():
    live = a_live_interval(a_row(Status.SUCCEEDED, requested_by=a_manager()), 0)

    assert not LiveVersion.objects.at(live.from_at - timedelta(seconds=1)).exists()
