"""A whole deployment may take so long and no longer: all its steps, tries and components together. With real scripts."""

from datetime import timedelta

import pytest
from django.utils import timezone

from deployments import resolving, sweep
from deployments.models import Deployment, Status
from projects.models import Project
from tests.deployments.rows import claimed
from tests.deployments.scenes import a_manager, a_shop, released, requested, work_through
from tests.deployments.scripts import a_process_of, asked_for, carried_out
from tests.factories import a_lone_project, an_environment

pytestmark = pytest.mark.django_db

TOO_LONG = "sleep 30"


def again(deployment: Deployment) -> Deployment:
    deployment.refresh_from_db()
    return deployment


def a_train(seconds: int, **scripts: str) -> Deployment:
    """API before UI, which may take so long together; on its way."""
    shop = a_shop(**scripts)
    Project.objects.filter(pk=shop.pk).update(time_limit_seconds=seconds)
    return requested(released(Project.objects.get(pk=shop.pk)))


def states(train: Deployment) -> dict[str, str]:
    return {child.project.name: child.status for child in train.children.select_related("project")}


def test_a_script_is_stopped_when_its_deployment_takes_too_long():
    deployment = carried_out(asked_for(TOO_LONG, project=a_lone_project(time_limit_seconds=1)))

    assert (deployment.status, deployment.outcome) == (
        Status.FAILED,
        "“Run the release package” was stopped because the whole of Website 1.0.0 to TEST took longer than 1 second.",
    )


def test_the_limit_counts_for_all_steps_and_tries_together(yard, monkeypatch):
    monkeypatch.setattr("deployments.runner.LONGEST_PAUSE", 0.01)
    steps = a_process_of({"repeatable": True, "retries": 9}, {"repeatable": True, "retries": 9})
    project = a_lone_project(process=steps, time_limit_seconds=1)

    deployment = carried_out(asked_for(yard.counting("sleep 0.4; exit 1"), project=project))

    assert (deployment.status, len(yard.lines()) in (2, 3)) == (Status.FAILED, True)
    assert "the whole of Website 1.0.0 to TEST took longer than 1 second" in deployment.outcome


def test_without_a_limit_only_the_steps_count():
    assert claimed_of(asked_for("exit 0")).overdue_at is None


def claimed_of(deployment: Deployment) -> Deployment:
    assert claimed() == deployment
    return again(deployment)


def test_a_train_that_takes_too_long_is_stopped_and_says_so():
    train = a_train(1, api=TOO_LONG)

    work_through()

    assert (again(train).status, states(train)) == (Status.FAILED, {"API": "failed", "UI": "cancelled"})
    assert train.outcome == (
        "Shop 1.0.1 stopped in TEST because it took longer than 1 second: API failed; UI not started."
    )
    assert "because the whole of Shop 1.0.1 to TEST took longer than 1 second" in train.children.get(stage=1).outcome


def test_a_train_whose_components_find_no_worker_in_time_is_ended_by_the_sweep():
    train = a_train(60)
    Deployment.objects.filter(pk=train.pk).update(overdue_at=timezone.now() - timedelta(seconds=1))

    sweep.advance_stuck()

    assert (again(train).status, states(train)) == (Status.FAILED, {"API": "cancelled", "UI": "cancelled"})
    assert train.children.get(stage=1).outcome == (
        "Shop 1.0.1 to TEST took longer than 60 seconds, before this one had started."
    )


def test_the_time_for_which_a_train_waits_for_a_person_does_not_count():
    an_environment("TEST", guided_failure=True)
    train = a_train(60, api="exit 3")
    began_with = again(train).overdue_at
    work_through()
    waiting = again(train).overdue_at

    resolving.resolve(train.children.get(stage=1), "retry", by=a_manager())

    assert (waiting, again(train).overdue_at > began_with) == (None, True)
    assert claimed_of(train.children.get(stage=1)).overdue_at == train.overdue_at
