"""Where an environment asks for it, what fails waits for a person: tried again, ignored, or let fail. With real scripts."""

import pytest

from deployments import actions, resolving
from deployments.models import Deployment, LiveVersion, Status
from lifecycles.models import Environment
from tests.deployments.rows import claimed, paused
from tests.deployments.scenes import a_manager, a_real_version, a_shop, deployed, released, requested, work_through
from tests.deployments.scripts import Yard, asked_for, carried_out
from tests.factories import an_environment

pytestmark = pytest.mark.django_db

TWO_STEPS = ({"name": "First"}, {"name": "Second", "settings": {"entry_point": "second.sh"}})
FAILS = "exit 3"


@pytest.fixture(autouse=True)
def guided() -> Environment:
    """TEST asks for a person where something fails."""
    return an_environment("TEST", guided_failure=True)


def again(deployment: Deployment) -> Deployment:
    deployment.refresh_from_db()
    return deployment


def decided(deployment: Deployment, decision: str, reason: str = "") -> Deployment:
    """Decided by a release manager, and carried out as far as that lets it go."""
    resolving.resolve(deployment, decision, by=a_manager(), reason=reason)
    work_through()
    return again(deployment)


def a_train_that_waits(**scripts: str) -> Deployment:
    """API before UI; what these scripts do has made it wait for a person."""
    train = requested(released(a_shop(**scripts)))
    work_through()
    return again(train)


def part(train: Deployment, name: str) -> Deployment:
    return train.children.get(project__name=name)


def states(train: Deployment) -> dict[str, str]:
    return {child.project.name: child.status for child in train.children.select_related("project")}


def fails_until_mended(yard: Yard) -> str:
    return yard.counting(f'[ -e "{yard.path}/mended" ] || exit 3')


# -- it waits ---------------------------------------------------------------------------------------------------------


def test_a_script_that_fails_waits_for_a_person_and_no_worker_holds_it():
    deployment = carried_out(asked_for(FAILS))

    assert (deployment.status, deployment.outcome) == (
        Status.NEEDS_ATTENTION,
        "“Run the release package” failed with exit status 3.",
    )
    assert (deployment.owner, deployment.lease_expires_at, deployment.finished_at) == ("", None, None)
    assert not LiveVersion.objects.exists()


def test_where_nobody_asks_for_it_a_script_that_fails_has_failed(guided):
    Environment.objects.filter(pk=guided.pk).update(guided_failure=False)

    assert carried_out(asked_for(FAILS)).status == Status.FAILED


def test_a_repeatable_step_is_tried_again_by_itself_before_a_person_is_asked(yard):
    deployment = carried_out(asked_for(yard.counting(FAILS), {"repeatable": True, "retries": 1}))

    assert deployment.status == Status.NEEDS_ATTENTION
    assert len(yard.lines()) == 2


def test_a_step_that_takes_too_long_waits_for_a_person_too():
    deployment = carried_out(asked_for("sleep 30", {"time_limit_seconds": 1}))

    assert deployment.status == Status.NEEDS_ATTENTION
    assert "longer than 1 second" in deployment.outcome


def test_a_train_waits_with_the_part_that_failed_and_its_next_stage_does_not_start(yard):
    train = a_train_that_waits(api=FAILS, ui=yard.counting())

    assert (train.status, states(train)) == (
        Status.NEEDS_ATTENTION,
        {"API": "needs_attention", "UI": "pending"},
    )
    assert yard.lines() == []


# -- it is tried again ------------------------------------------------------------------------------------------------


def test_what_is_tried_again_and_succeeds_is_live(yard):
    deployment = carried_out(asked_for(fails_until_mended(yard)))
    yard.open("mended")

    row = decided(deployment, "retry")

    assert (row.status, row.attempt) == (Status.SUCCEEDED, 2)
    assert LiveVersion.objects.get().deployment == row
    assert len(yard.lines()) == 2


def test_what_had_succeeded_is_not_run_again(yard):
    first, second = yard.counting(name="first"), fails_until_mended(yard)
    deployment = carried_out(asked_for(first, *TWO_STEPS, **{"second.sh": second}))
    yard.open("mended")

    row = decided(deployment, "retry")

    assert row.status == Status.SUCCEEDED
    assert (len(yard.lines("first")), len(yard.lines())) == (1, 2)


def test_what_fails_again_waits_again(yard):
    deployment = carried_out(asked_for(fails_until_mended(yard)))

    row = decided(deployment, "retry")

    assert (row.status, row.attempt) == (Status.NEEDS_ATTENTION, 2)


def test_a_train_goes_on_once_its_part_has_succeeded_after_all(yard):
    train = a_train_that_waits(api=fails_until_mended(yard))
    yard.open("mended")

    decided(part(train, "API"), "retry")

    assert (again(train).status, states(train)) == (Status.SUCCEEDED, {"API": "succeeded", "UI": "succeeded"})


# -- it is ignored ----------------------------------------------------------------------------------------------------


def test_an_ignored_step_is_passed_over_and_what_is_left_runs_once(yard):
    first, second = yard.counting(FAILS, name="first"), yard.counting(name="second")
    deployment = carried_out(asked_for(first, *TWO_STEPS, **{"second.sh": second}))

    row = decided(deployment, "ignore", reason="The cache warms up by itself.")

    assert (row.status, row.failure_ignored) == (Status.FAILED, True)
    assert (len(yard.lines("first")), len(yard.lines("second"))) == (1, 1)
    assert not LiveVersion.objects.exists()


def test_what_ends_after_an_ignored_failure_says_who_ignored_what_and_why():
    deployment = carried_out(asked_for(FAILS, *TWO_STEPS, **{"second.sh": "exit 0"}))

    row = decided(deployment, "ignore", reason="The cache warms up by itself.")

    assert "“First” failed with exit status 3." in row.outcome
    assert "mia ignored it: The cache warms up by itself." in row.outcome


def test_another_failure_after_an_ignored_one_waits_for_a_person_again():
    deployment = carried_out(asked_for(FAILS, *TWO_STEPS, **{"second.sh": "exit 4"}))

    row = decided(deployment, "ignore", reason="The cache warms up by itself.")

    assert (row.status, row.outcome) == (Status.NEEDS_ATTENTION, "“Second” failed with exit status 4.")


def test_both_of_two_ignored_failures_are_named():
    deployment = carried_out(asked_for(FAILS, *TWO_STEPS, **{"second.sh": "exit 4"}))
    decided(deployment, "ignore", reason="The cache warms up by itself.")

    row = decided(deployment, "ignore", reason="Nobody reads that report.")

    assert (row.status, row.failure_ignored) == (Status.FAILED, True)
    assert "The cache warms up by itself." in row.outcome
    assert "Nobody reads that report." in row.outcome


def test_a_train_goes_on_after_an_ignored_failure_and_ends_as_failed_naming_it():
    train = a_train_that_waits(api=FAILS)

    row = decided(part(train, "API"), "ignore", reason="Nobody calls it today.")

    assert (row.status, states(train)) == (Status.FAILED, {"API": "failed", "UI": "succeeded"})
    assert again(train).status == Status.FAILED
    assert "API" in train.outcome
    assert "ignored" in train.outcome


def test_a_train_with_an_ignored_failure_leaves_what_was_live_of_the_stack_as_it_was():
    stack = a_shop()
    before = deployed(released(stack))
    a_real_version("api", "1.1.0", FAILS)
    train = requested(released(stack))
    work_through()

    decided(part(train, "API"), "ignore", reason="Nobody calls it today.")

    assert again(train).status == Status.FAILED
    assert LiveVersion.objects.now().get(project=stack).deployment == before
    assert LiveVersion.objects.now().get(project__name="API").release.number == "1.0.0"


def test_a_second_failure_behind_an_ignored_one_makes_the_train_wait_again():
    train = a_train_that_waits(api=FAILS, ui=FAILS)

    decided(part(train, "API"), "ignore", reason="Nobody calls it today.")

    assert (again(train).status, states(train)) == (
        Status.NEEDS_ATTENTION,
        {"API": "failed", "UI": "needs_attention"},
    )


# -- it is let fail, or cancelled -------------------------------------------------------------------------------------


def test_a_part_that_is_let_fail_stops_its_train(yard):
    train = a_train_that_waits(api=FAILS, ui=yard.counting())

    row = decided(part(train, "API"), "failed")

    assert row.outcome == "“Run the release package” failed with exit status 3. mia let it fail."
    assert (again(train).status, states(train)) == (Status.FAILED, {"API": "failed", "UI": "cancelled"})
    assert yard.lines() == []


def test_a_train_that_waits_can_be_stopped_as_a_whole():
    train = a_train_that_waits(api=FAILS)

    actions.cancel(train, by=a_manager(), stop_running=True)

    assert (again(train).status, states(train)) == (Status.CANCELLED, {"API": "cancelled", "UI": "cancelled"})


def test_what_waits_alone_can_be_cancelled():
    deployment = carried_out(asked_for(FAILS))

    actions.cancel(deployment, by=a_manager())

    assert again(deployment).status == Status.CANCELLED


def test_what_a_worker_leaves_is_what_the_tests_of_decisions_begin_with():
    real = carried_out(asked_for(FAILS))
    resolving.resolve(Deployment.objects.get(pk=real.pk), "retry", by=a_manager())

    made_up = paused(claimed())

    assert left_by(made_up) == left_by(real)


def left_by(row: Deployment) -> list[object]:
    columns = ("status", "outcome", "owner", "lease_expires_at", "finished_at", "failure_ignored", "host")
    return [getattr(row, column) for column in columns]
