"""A train takes a stack's components through their stages, and stops where one fails."""

from deployments import actions, holding, log, runner, sweep
from deployments.models import Deployment, LiveVersion, Status
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
from tests.factories import an_environment


def statuses(deployment: Deployment) -> dict[str, str]:
    return {child.project.name: child.status for child in deployment.children.select_related("project")}


def test_a_train_deploys_its_stages_in_order_and_is_live(db):
    train = requested(released(a_shop()))

    work_through()

    train.refresh_from_db()
    assert train.status == Status.SUCCEEDED
    first, second = train.children.order_by("stage")
    assert first.finished_at < second.started_at
    assert {str(live) for live in LiveVersion.objects.now()} == {
        f"{train.release} in TEST",
        "API 1.0.0 in TEST",
        "UI 1.0.0 in TEST",
    }


def test_a_script_gets_the_environment_and_the_number_of_the_train(db):
    train = requested(released(a_shop()))

    work_through()

    child = train.children.get(stage=1)
    assert f"hello TEST {train.release.number}\n" in "".join(log.text_of(child))


def test_the_next_stage_does_not_start_before_the_stage_before_has_succeeded(db):
    train = requested(released(a_shop()))

    assert statuses(train) == {"API": "queued", "UI": "pending"}


def test_a_failed_stage_stops_the_train_and_the_rest_is_not_started(db):
    train = requested(released(a_shop(api="exit 3")))

    work_through()

    train.refresh_from_db()
    assert statuses(train) == {"API": "failed", "UI": "cancelled"}
    assert train.status == Status.FAILED
    assert train.outcome == f"{train.release} stopped in TEST: API failed; UI not started."
    assert not LiveVersion.objects.exists()


def test_a_component_that_is_there_already_is_skipped_and_counts_as_a_success(db):
    stack = a_shop()
    deployed(released(stack))

    a_real_version("ui", "1.1.0")

    train = deployed(released(stack))

    assert statuses(train) == {"API": "skipped", "UI": "succeeded"}


def test_a_component_whose_later_attempt_failed_is_not_skipped(db, tmp_path):
    stack = a_shop()
    first = deployed(released(stack))
    a_real_version("api", "2.0.0", "exit 1")
    requested(released(stack))
    work_through()

    train = requested(first.release)
    work_through()

    train.refresh_from_db()
    assert statuses(train)["API"] == Status.SUCCEEDED


def test_rolling_back_runs_the_stages_in_reverse(db):
    stack = a_shop()
    first = deployed(released(stack))
    a_real_version("ui", "2.0.0")
    a_real_version("api", "2.0.0")
    deployed(released(stack))

    back = deployed(first.release)

    assert back.mode == Deployment.Mode.ROLLBACK
    order = back.children.order_by("started_at").values_list("project__name", flat=True)
    assert list(order) == ["UI", "API"]


def test_cancelling_a_train_drops_what_waits_and_lets_the_running_part_end(db):
    train = requested(released(a_shop()))

    running = holding.claim_next("default")

    actions.cancel(train, by=a_manager())
    runner.carry_out(running)

    train.refresh_from_db()
    assert statuses(train) == {"API": "succeeded", "UI": "cancelled"}
    assert train.status == Status.CANCELLED
    assert train.outcome == f"{train.release} was cancelled in TEST: API deployed; UI not started."
    assert not LiveVersion.objects.filter(project=train.project).exists()


def test_an_older_request_is_superseded_by_a_newer_one(db):
    stack = a_shop()
    a_gate("TEST")
    older = requested(released(stack))
    a_real_version("ui", "1.1.0")

    newer = requested(released(stack))

    older.refresh_from_db()
    assert (older.status, newer.status) == (Status.SUPERSEDED, Status.REQUESTED)


def test_a_request_waits_while_another_is_under_way_and_starts_afterwards(db):
    stack = a_shop()
    first = requested(released(stack))
    a_real_version("ui", "1.1.0")
    second = requested(released(stack))
    assert second.status == Status.SCHEDULED

    work_through()
    sweep.start_scheduled()
    work_through()

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == (Status.SUCCEEDED, Status.SUCCEEDED)
    assert LiveVersion.objects.now().get(project=stack, environment=an_environment("TEST")).release == second.release
