"""What a worker may take from the queue: what waits in its pool, nothing that is too late, and no more than an
environment has room for."""

from datetime import timedelta

import pytest
from celery import current_app
from django.utils import timezone

from deployments import holding, sweep
from deployments.models import Deployment, Status
from lifecycles.models import Environment
from tests.deployments.rows import claimed, ended, paused
from tests.deployments.scenes import requested
from tests.factories import a_lifecycle, a_lone_project, a_release, an_environment

pytestmark = pytest.mark.django_db


def a_site(name: str, environment: str = "TEST") -> Deployment:
    return requested(a_release(a_lone_project(name, lifecycle=a_lifecycle(environment))), environment)


@pytest.fixture
def small() -> Environment:
    """TEST has room for one script."""
    return an_environment("TEST", capacity=1)


def test_what_has_waited_longest_is_taken_first():
    first, second = a_site("First"), a_site("Second")

    assert [claimed(), claimed()] == [first, second]


def test_a_message_takes_what_it_names():
    _, second = a_site("First"), a_site("Second")

    assert holding.claim(second.pk, "default") == second


def test_a_message_that_came_through_another_pool_takes_nothing():
    row = a_site("First")

    assert holding.claim(row.pk, "far") is None


def test_what_is_taken_is_taken_once():
    row = a_site("First")

    assert [holding.claim(row.pk, "default"), holding.claim(row.pk, "default"), holding.claim_next("default")] == [
        row,
        None,
        None,
    ]


def test_what_did_not_start_in_time_is_not_taken():
    row = a_site("First")
    Deployment.objects.filter(pk=row.pk).update(not_after=timezone.now() - timedelta(seconds=1))

    assert holding.claim_next("default") is None


def test_a_worker_that_is_going_away_takes_nothing():
    a_site("First")
    holding.this_worker().going.set()

    assert holding.claim_next("default") is None


def test_no_more_scripts_run_in_an_environment_than_it_has_room_for(small):
    first, second = a_site("First"), a_site("Second")
    running = claimed()
    found = [holding.claim_next("default"), holding.claim(second.pk, "default")]

    ended(running)

    assert (running, found, claimed()) == (first, [None, None], second)


def test_a_full_environment_lets_what_goes_elsewhere_pass(small):
    a_site("First")
    a_site("Second")
    elsewhere = a_site("Third", "PROD")

    assert [claimed(), claimed()][1] == elsewhere


def test_what_waits_for_a_person_takes_no_room(small):
    a_site("First")
    second = a_site("Second")
    paused(claimed())

    assert claimed() == second


@pytest.fixture
def messages(settings, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The deployments that workers were woken for, as the broker was told."""
    told: list[int] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **options: told.extend(args))
    settings.CELERY_BROKER_URL = "redis://never-asked"
    return told


def test_the_sweep_wakes_a_worker_for_what_has_room_again(small, messages):
    a_site("First")
    second = a_site("Second")
    running = claimed()
    messages.clear()
    sweep.wake_for_what_waits()
    told_before = list(messages)

    ended(running)
    sweep.wake_for_what_waits()

    assert (told_before, messages) == ([], [second.pk])


def test_a_worker_that_has_no_free_slot_wakes_nobody(settings, messages):
    settings.WORKER_SLOTS = 1
    a_site("First")
    a_site("Second")
    claimed()
    messages.clear()

    sweep.wake_for_what_waits()

    assert messages == []


def test_a_row_that_was_taken_knows_what_surrounds_it(django_assert_num_queries):
    row = a_site("First")
    taken = claimed()

    with django_assert_num_queries(0):
        said = [str(taken), str(taken.release), taken.project.slug, taken.environment.slug, taken.status]

    assert said == [str(row), str(row.release), "first", "test", Status.RUNNING]
