"""Real workers on PostgreSQL and Redis, killed, doubled and cut off: every script runs once, and nothing is forgotten."""

import signal
import time

import pytest

from accounts.models import Event
from deployments import doorbell, spool
from deployments.models import Deployment, LiveVersion, Status, Worker
from tests.deployments.dying import wait_for
from tests.deployments.patience import wait_until
from tests.deployments.scenes import a_shop, released, requested
from tests.deployments.scripts import Yard, asked_for, output_of
from tests.factories import a_lone_project

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def sites(count: int, script: str) -> list[Deployment]:
    """As many deployments of projects of their own, all waiting for a worker."""
    return [asked_for(script, project=a_lone_project(f"Site {number}")) for number in range(count)]


def all_have(status: str) -> bool:
    return not Deployment.objects.exclude(status=status).exists()


def started_once_each(yard: Yard, count: int) -> bool:
    return len(yard.lines()) == len(set(yard.lines())) == count


def test_a_train_goes_from_the_request_to_live(fleet, yard):
    fleet.start()

    train = requested(released(a_shop(api=yard.counting(), ui=yard.counting())))

    wait_for(train, Status.SUCCEEDED)
    assert LiveVersion.objects.now().get(project=train.project).release == train.release
    assert started_once_each(yard, 2)


def test_scripts_outlive_a_worker_that_is_killed_and_its_successor_adopts_them(fleet, yard):
    worker = fleet.start()
    rows = sites(4, yard.waiting())
    wait_until(lambda: len(yard.lines()) == 4)
    fleet.kill(worker)

    fleet.start()
    wait_until(lambda: Deployment.objects.filter(fence__gte=2).count() == 4)
    yard.open()

    wait_until(lambda: all_have(Status.SUCCEEDED))
    assert started_once_each(yard, 4)
    assert {tuple(output_of(row).splitlines()[1:]) for row in rows} == {("before the gate", "behind the gate")}


def test_outcomes_of_scripts_that_ended_while_no_worker_lived_are_recorded(fleet, yard):
    worker = fleet.start()
    rows = sites(2, yard.waiting("exit 3"))
    wait_until(lambda: len(yard.lines()) == 2)
    fleet.kill(worker)
    yard.open()
    wait_until(lambda: all(spool.exit_status(f"{row.pk}-1-1") == 3 for row in rows))

    fleet.start()

    wait_until(lambda: all_have(Status.FAILED))
    assert started_once_each(yard, 2)


def test_a_worker_that_is_asked_to_go_is_gone_at_once_and_its_scripts_run_on(fleet, yard):
    worker = fleet.start()
    sites(3, yard.waiting())
    wait_until(lambda: len(yard.lines()) == 3)

    assert fleet.terminate(worker, 8) == 0  # its scripts wait for somebody to open the gate

    assert not Worker.objects.exists()
    fleet.start()
    yard.open()
    wait_until(lambda: all_have(Status.SUCCEEDED))
    assert started_once_each(yard, 3)


def test_messages_that_come_five_times_to_two_workers_start_nothing_twice(fleet, yard):
    fleet.start()
    fleet.start()
    rows = sites(10, yard.counting("sleep 0.2"))

    for row in rows * 5:
        doorbell.send(row.pk, "pool.default")

    wait_until(lambda: all_have(Status.SUCCEEDED))
    assert started_once_each(yard, 10)
    assert set(Deployment.objects.values_list("attempt", flat=True)) == {1}


def test_what_waits_is_found_again_when_all_messages_are_lost(fleet, yard, messages):
    sites(6, yard.counting())
    assert messages.waiting() == 6
    messages.lose_all()

    fleet.start(slots=2)

    wait_until(lambda: all_have(Status.SUCCEEDED), 30)
    assert started_once_each(yard, 6)


def test_a_frozen_worker_is_replaced_and_does_not_disturb_when_it_wakes(fleet, yard):
    frozen = fleet.start()
    row = sites(1, yard.waiting())[0]
    wait_until(yard.lines)
    frozen.send_signal(signal.SIGSTOP)
    fleet.start()
    wait_until(lambda: Deployment.objects.get(pk=row.pk).fence >= 2)

    frozen.send_signal(signal.SIGCONT)
    wait_until(lambda: "is held by somebody else now" in fleet.said())
    yard.open()

    wait_for(row, Status.SUCCEEDED)
    assert started_once_each(yard, 1)
    assert output_of(row).splitlines()[1:] == ["before the gate", "behind the gate"]


def test_a_host_that_fell_silent_is_asked_about_and_reports_when_it_returns(fleet, yard, tmp_path):
    far = {
        "WORKER_HOST": "far.example",
        "SPOOL_DIR": str(tmp_path / "far"),
        "SILENCE_SECONDS": "1",
        "LEASE_SECONDS": "1",
    }
    near = {"SILENCE_SECONDS": "1", "LEASE_SECONDS": "1"}
    worker = fleet.start(**far)
    row = sites(1, yard.waiting())[0]
    wait_until(yard.lines)
    fleet.kill(worker)
    fleet.start(**near)
    wait_for(row, Status.INTERRUPTED)

    yard.open()
    fleet.start(**far)

    wait_for(row, Status.SUCCEEDED)
    assert started_once_each(yard, 1)


def test_many_short_deployments_do_not_wait_for_each_others_messages(fleet, yard):
    fleet.start(slots=2)
    began = time.monotonic()

    sites(20, yard.counting())

    wait_until(lambda: all_have(Status.SUCCEEDED), 30)
    assert time.monotonic() - began < 10
    assert started_once_each(yard, 20)


def test_an_idle_worker_goes_on_when_the_database_has_dropped_its_connections(fleet, yard, outage):
    fleet.start(slots=1, RING_AGAIN_SECONDS="60")
    sites(1, yard.counting())
    wait_until(lambda: all_have(Status.SUCCEEDED))

    outage.drop_connections()
    asked_for(yard.counting(), project=a_lone_project("Later"))

    wait_until(lambda: all_have(Status.SUCCEEDED))
    assert started_once_each(yard, 2)


def test_a_running_script_is_followed_on_when_the_database_has_dropped_its_connections(fleet, yard, outage):
    fleet.start()
    sites(1, yard.waiting())
    wait_until(yard.lines)

    outage.drop_connections()
    yard.open()

    wait_until(lambda: all_have(Status.SUCCEEDED))
    assert started_once_each(yard, 1)


def test_scripts_that_end_while_the_database_is_away_are_not_taken_for_lost(fleet, yard, outage):
    fleet.start(LEASE_SECONDS="1", SILENCE_SECONDS="5")
    sites(3, yard.waiting())
    wait_until(lambda: len(yard.lines()) == 3)
    with outage:
        yard.open()
        wait_until(lambda: fleet.said().count("the database is not available") >= 12)  # longer than a lease

    wait_until(lambda: all_have(Status.SUCCEEDED))
    assert started_once_each(yard, 3)
    assert not Event.objects.filter(verb="deployment.interrupted").exists()
