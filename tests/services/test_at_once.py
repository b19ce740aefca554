"""Many at once on PostgreSQL, where locks really lock: no deadlock, nothing twice, nothing lost."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import connection, transaction
from django.db.models import Count

from accounts.models import Event, User
from deployments import actions, holding, runner, sweep, train
from deployments.models import FINAL, UNDER_WAY, WAITING, Deployment, LiveVersion, Status
from lifecycles.models import Environment
from projects.models import Project
from releases.models import Release
from tests.deployments.dying import wait_for
from tests.deployments.patience import wait_until
from tests.deployments.scenes import (
    a_gate,
    a_manager,
    a_real_version,
    a_shop,
    pushed,
    released,
    requested,
    work_through,
)
from tests.deployments.scripts import asked_for, beside
from tests.factories import a_lone_project, a_release, a_rule, a_stack, a_trigger, a_user, an_environment

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

REFUSED = actions.DeploymentRefused


def lone_projects(count: int) -> list[Project]:
    return [a_lone_project(f"Site {number}") for number in range(count)]


def at_once(*runs: Callable[[], object]) -> list[object]:
    """Each in a thread with a connection of its own, all set off together: what each returned or was refused with.

    Anything else that is raised, a deadlock above all, is raised here.
    """
    barrier = threading.Barrier(len(runs))

    def one(run: Callable[[], object]) -> object:
        try:
            connection.ensure_connection()
            barrier.wait(10)
            return run()
        except REFUSED as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(runs)) as pool:
        return [future.result(60) for future in [pool.submit(one, run) for run in runs]]


def refusals(results: list[object]) -> list[str]:
    return sorted(result.code for result in results if isinstance(result, REFUSED))


def approval(deployment: Deployment, by: User) -> Callable[[], object]:
    deployment.refresh_from_db()
    fingerprint = deployment.fingerprint
    return lambda: actions.approve(deployment, by=by, fingerprint=fingerprint)


def test_of_eight_that_claim_one_deployment_one_gets_it(own_worker):
    rows = [asked_for("exit 0", project=project) for project in lone_projects(10)]

    claims = [at_once(*[lambda row=row: holding.claim(row.pk, "default")] * 8) for row in rows]

    assert [sum(claim is not None for claim in of_one) for of_one in claims] == [1] * 10
    assert set(Deployment.objects.values_list("attempt", "fence")) == {(1, 1)}


def test_a_claim_neither_takes_nor_waits_for_what_somebody_is_just_taking(own_worker):
    deployment = asked_for("exit 0")
    late: list[Deployment | None] = []
    first_has_it = threading.Event()

    with (
        beside(lambda: (first_has_it.wait(10), late.append(holding.claim(deployment.pk, "default")))),
        transaction.atomic(),
    ):
        assert holding.claim(deployment.pk, "default")
        first_has_it.set()
        wait_until(lambda: late)  # while the first still is at it

    assert late == [None]


@pytest.mark.parametrize("round_", range(3))
def test_of_eight_that_claim_for_an_environment_with_room_for_two_two_get_something(own_worker, round_):
    Environment.objects.filter(pk=an_environment("TEST").pk).update(capacity=2)
    for project in lone_projects(8):
        requested(a_release(project))

    taken = at_once(*[lambda: holding.claim_next("default")] * 8)

    assert len({row.pk for row in taken if row}) == 2
    assert Deployment.objects.filter(status=Status.RUNNING).count() == 2


def test_of_eight_that_claim_from_one_queue_each_gets_something_else(own_worker):
    rows = [requested(a_release(project)) for project in lone_projects(8)]

    taken = at_once(*[lambda: holding.claim_next("default")] * 8)

    assert {row.pk for row in taken} == {row.pk for row in rows}


def test_a_claim_and_a_cancellation_of_what_is_queued_leave_one_answer(own_worker):
    manager = a_manager()
    rows = [asked_for("exit 0", project=project) for project in lone_projects(8)]

    for row in rows:
        at_once(lambda row=row: holding.claim(row.pk, "default"), lambda row=row: actions.cancel(row, by=manager))

    for row in rows:
        row.refresh_from_db()
        verbs = set(Event.objects.filter(subject_id=str(row.pk)).values_list("verb", flat=True))
        assert ("deployment.claimed" in verbs) != (row.status == Status.CANCELLED)


@pytest.mark.parametrize("round_", range(3))
def test_a_train_ends_once_when_the_components_of_its_last_stage_end_together(own_worker, yard, round_):
    stack = a_stack("Shop", components={"A": 1, "B": 1, "C": 1, "D": 1})
    for name in ("a", "b", "c", "d"):
        a_real_version(name, "1.0.0", yard.waiting())
    row = requested(released(stack))
    claimed = [holding.claim(child.pk, "default") for child in row.children.all()]

    with beside(lambda: at_once(*[lambda one=one: runner.carry_out(one) for one in claimed])):
        wait_until(lambda: len(yard.lines()) == 4)
        yard.open()

    row.refresh_from_db()
    assert row.status == Status.SUCCEEDED
    assert Event.objects.filter(subject_id=str(row.pk), verb="deployment.succeeded").count() == 1
    assert LiveVersion.objects.filter(project=stack).count() == 1


def test_a_worker_ends_a_train_while_somebody_holds_its_track(own_worker):
    row = requested(released(a_shop()))

    with transaction.atomic():
        train.lock_track(row.project)
        with beside(work_through):
            pass  # would wait for the end of this block, and with it for ever

    row.refresh_from_db()
    assert row.status == Status.SUCCEEDED


def test_people_who_decide_while_workers_end_things_never_wait_in_a_circle(own_worker):
    manager = a_manager()
    stack = a_shop()
    rounds = []
    for _ in range(6):
        row = requested(released(stack))
        rounds.append(
            at_once(
                work_through,
                work_through,
                lambda row=row: actions.cancel(row, by=manager),
                lambda row=row: train.advance(row.pk),
                sweep.start_scheduled,
                lambda row=row: actions.cancel(row, by=manager, stop_running=True),
            )
        )
        work_through()
        row.refresh_from_db()
        assert row.status in FINAL

    assert not Deployment.objects.exclude(status__in=FINAL).exists()


def test_two_approvals_at_once_start_it_once(own_worker):
    stack = a_shop()
    people = [a_user(name, role="approver") for name in ("otto", "emma")]
    a_rule("Two", environments=["TEST"], minimum=2).people.set(people)
    row = requested(released(stack))

    results = at_once(*[approval(row, person) for person in people])

    assert refusals(results) == []
    row.refresh_from_db()
    assert row.status == Status.RUNNING
    assert row.children.count() == 2
    assert Event.objects.filter(subject_id=str(row.pk), verb="deployment.started").count() == 1


def test_the_same_person_who_approves_twice_at_once_counts_once(own_worker):
    otto = a_gate("TEST", minimum=2)
    row = requested(released(a_shop()))

    results = at_once(approval(row, otto), approval(row, otto))

    assert refusals(results) == ["decided_already"]
    row.refresh_from_db()
    assert (row.status, row.approvals.count()) == (Status.REQUESTED, 1)


def test_approving_and_cancelling_at_once_leave_one_truth(own_worker):
    otto, manager = a_gate("TEST"), a_manager()
    stack = a_shop()

    for _ in range(5):
        row = requested(released(stack))
        results = at_once(approval(row, otto), lambda row=row: actions.cancel(row, by=manager))
        row.refresh_from_db()
        assert row.status == Status.CANCELLED
        assert refusals(results) in ([], ["not_waiting"])
        assert not row.children.filter(status__in=UNDER_WAY).exists()


def test_approving_and_superseding_at_once_leave_one_waiting_and_one_under_way_at_most(own_worker):
    otto, manager = a_gate("TEST"), a_manager()
    stack = a_shop()
    first = requested(released(stack))
    a_real_version("ui", "1.1.0")
    second = released(stack)

    at_once(approval(first, otto), lambda: actions.request(second, an_environment("TEST"), by=manager))

    first.refresh_from_db()
    assert first.status in (Status.RUNNING, Status.SUPERSEDED)
    assert Deployment.objects.tops().filter(status__in=WAITING).count() == 1


def test_eight_that_push_request_approve_and_work_at_once_keep_every_promise(own_worker):
    otto, manager = a_gate("TEST"), a_manager()
    stack = a_shop()
    a_trigger(stack)
    environment = an_environment("TEST")
    stack.lifecycle.phases.get(position=1).places.update(automatic=True)
    pushed("ui", "1.0.1")

    def push(name: str, first: int) -> None:
        for patch in range(first, first + 5):
            pushed(name, f"2.{patch}.0")

    def ask() -> None:
        for _ in range(5):
            newest = Release.objects.filter(project=stack).order_by("-sort_key").first()
            with suppress(REFUSED):
                actions.request(newest, environment, by=manager)

    def approve() -> None:
        for _ in range(10):
            for row in Deployment.objects.tops().filter(status=Status.REQUESTED):
                with suppress(REFUSED):
                    actions.approve(row, by=otto, fingerprint=row.fingerprint)

    def work() -> None:
        for _ in range(5):
            work_through()
            sweep.start_scheduled()

    at_once(
        lambda: push("ui", 0),
        lambda: push("ui", 5),
        lambda: push("api", 0),
        lambda: push("api", 5),
        ask,
        approve,
        work,
        work,
    )

    numbers = list(Release.objects.filter(project=stack).values_list("number", flat=True))
    assert (
        len(numbers)
        == len(set(numbers))
        == Release.objects.filter(project=stack).values("fingerprint").distinct().count()
    )
    tops = Deployment.objects.tops().filter(project=stack)
    assert tops.filter(status__in=WAITING).count() <= 1
    assert tops.filter(status__in=UNDER_WAY).count() <= 1
    assert (
        not LiveVersion.objects.now().values("project", "environment").annotate(n=Count("pk")).filter(n__gt=1).exists()
    )
    work_through()
    sweep.start_scheduled()
    work_through()
    assert not Deployment.objects.filter(status__in=UNDER_WAY).exists()


def test_two_sweeps_at_once_start_what_is_scheduled_once(own_worker):
    stack = a_shop()
    first = requested(released(stack))
    a_real_version("ui", "1.1.0")
    second = requested(released(stack))
    work_through()
    first.refresh_from_db()

    at_once(*[sweep.start_scheduled] * 4)

    wait_for(second, Status.RUNNING)
    assert Event.objects.filter(subject_id=str(second.pk), verb="deployment.started").count() == 1
