"""Several people who decide about one script at the same instant, on PostgreSQL: one decision counts, and all are told."""

import pytest

from accounts.models import Event, User
from deployments import actions, holding, resolving, train
from deployments.models import Deployment, LiveVersion, Status
from lifecycles.models import Environment
from tests.deployments.rows import a_rows_shop, claimed, interrupted, paused
from tests.deployments.scenes import a_manager, requested
from tests.factories import a_lone_project, a_release, a_user
from tests.services.test_at_once import at_once, refusals

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
ROUNDS = range(3)


def rita() -> User:
    return a_user("rita", role="release_manager")


def deciding(row: Deployment, decision: str, by: User):
    """A decision yet to be made, on the row as it is now on this person's page."""
    return lambda: resolving.resolve(row, decision, by=by, reason=f"{by} looked.", sure=True)


def a_lost_script(*, silent: bool = False) -> Deployment:
    requested(a_release(a_lone_project()))
    return interrupted(claimed(), silent=silent)


def ends_of(row: Deployment) -> list[str]:
    """Every end of it that is on the trail."""
    ends = ("deployment.succeeded", "deployment.failed", "deployment.cancelled")
    return list(Event.objects.filter(subject_id=str(row.pk), verb__in=ends).values_list("verb", flat=True))


@pytest.mark.parametrize("round_", ROUNDS)
def test_of_two_who_find_out_opposite_things_one_is_believed_and_the_other_is_told(own_worker, round_):
    parent = requested(a_release(a_rows_shop()))
    row = interrupted(claimed())
    mia, second = a_manager(), rita()

    results = at_once(
        deciding(row, "succeeded", mia), deciding(row, "failed", second), lambda: train.advance(parent.pk)
    )

    row.refresh_from_db()
    assert refusals(results) == ["not_interrupted"]
    assert ends_of(row) == [f"deployment.{row.status}"]
    assert LiveVersion.objects.filter(project=row.project).exists() == (row.status == Status.SUCCEEDED)


@pytest.mark.parametrize("round_", ROUNDS)
def test_of_two_who_confirm_one_confirms_and_it_is_live_once(own_worker, round_):
    row = a_lost_script()
    Environment.objects.update(second_pair_of_eyes=True)
    deciding(row, "succeeded", a_manager())()
    second, third = rita(), a_user("otto", role="release_manager")

    results = at_once(deciding(row, "succeeded", second), deciding(row, "succeeded", third))

    row.refresh_from_db()
    assert refusals(results) == ["not_interrupted"]
    assert (row.status, ends_of(row)) == (Status.SUCCEEDED, ["deployment.succeeded"])
    assert LiveVersion.objects.count() == 1


@pytest.mark.parametrize("round_", ROUNDS)
def test_one_person_who_marks_it_twice_at_once_has_not_confirmed_it(own_worker, round_):
    row = a_lost_script()
    Environment.objects.update(second_pair_of_eyes=True)
    mia = a_manager()

    results = at_once(deciding(row, "succeeded", mia), deciding(row, "succeeded", mia))

    row.refresh_from_db()
    assert refusals(results) == ["proposed_already"]
    assert (row.status, row.mark_proposed_by, LiveVersion.objects.count()) == (Status.INTERRUPTED, mia, 0)


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_host_that_returns_while_somebody_decides_either_goes_on_or_lets_it_be(own_worker, round_):
    row = a_lost_script(silent=True)
    mia = a_manager()

    decided, taken = at_once(deciding(row, "failed", mia), lambda: holding.take_over(row))

    row.refresh_from_db()
    assert (taken is None) == (row.status == Status.FAILED)
    assert isinstance(decided, actions.DeploymentRefused) == (row.status == Status.RUNNING)


@pytest.mark.parametrize("round_", ROUNDS)
def test_ignoring_and_trying_again_at_once_queue_it_once(own_worker, round_):
    requested(a_release(a_lone_project()))
    row = paused(claimed())
    mia, second = a_manager(), rita()

    results = at_once(deciding(row, "ignore", mia), deciding(row, "retry", second))

    row.refresh_from_db()
    assert refusals(results) == ["not_interrupted"]
    assert (row.status, row.failure_ignored) in ((Status.FAILED, True), (Status.QUEUED, False))
