"""Workers die, freeze and are told everything fifty times while twenty scripts run: nothing is lost, nothing doubled."""

import os
import random
import signal
import time

import pytest
from django.db.models.functions import Now

from deployments import doorbell
from deployments.models import Deployment
from tests.deployments.patience import wait_until
from tests.services.faults import PATIENCE, RUNNING, adopted, all_succeeded, everything_adds_up

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def test_a_killed_worker_is_replaced_by_its_successor(fleet, line):
    worker = fleet.start(slots=RUNNING)
    line.depart()
    line.wait_for()
    fleet.kill(worker)

    fleet.start(slots=RUNNING)
    wait_until(adopted, PATIENCE)
    line.gate.open()

    everything_adds_up(line)
    assert all_succeeded()


def test_a_killed_worker_is_replaced_by_one_that_was_there_already(fleet, line):
    worker = fleet.start(slots=RUNNING)
    line.depart()
    line.wait_for()
    fleet.start(slots=RUNNING)

    fleet.kill(worker)
    wait_until(adopted, PATIENCE)
    line.gate.open()

    everything_adds_up(line)
    assert all_succeeded()


def test_a_frozen_worker_is_replaced_after_its_lease_and_does_no_harm_when_it_wakes(fleet, line):
    frozen = fleet.start(slots=RUNNING)
    line.depart()
    line.wait_for()
    frozen.send_signal(signal.SIGSTOP)
    fleet.start(slots=RUNNING)
    wait_until(adopted, PATIENCE)
    line.let_end(RUNNING // 2)  # some end while it sleeps, the others after it has woken

    frozen.send_signal(signal.SIGCONT)
    wait_until(lambda: fleet.said().count("is held by somebody else now") >= RUNNING, PATIENCE)
    line.gate.open()

    everything_adds_up(line)
    assert all_succeeded()


def test_what_went_on_while_no_worker_and_no_sweep_was_left_is_found_by_the_next(fleet, line):
    first, last = fleet.start(slots=RUNNING), fleet.start(slots=RUNNING)
    line.depart()
    line.wait_for()
    fleet.kill(first)
    fleet.kill(last)
    line.let_end(RUNNING // 2)
    wait_until(leases_have_run_out, PATIENCE)

    fleet.start(slots=RUNNING)
    wait_until(adopted, PATIENCE)
    line.gate.open()

    everything_adds_up(line)
    assert all_succeeded()


def leases_have_run_out() -> bool:
    return Deployment.objects.filter(lease_expires_at__lt=Now()).count() == RUNNING


def test_messages_that_two_workers_are_given_fifty_times_start_nothing_twice(fleet, line):
    workers = [fleet.start(slots=RUNNING), fleet.start(slots=RUNNING)]
    for worker in workers:
        worker.send_signal(signal.SIGSTOP)  # so that both find all messages at once
    line.depart()
    rows = list(Deployment.objects.scripts())
    for row in rows * 25:
        doorbell.send(row.pk, "pool.default")

    for worker in workers:
        worker.send_signal(signal.SIGCONT)
    line.wait_for()
    for row in rows * 25:
        doorbell.send(row.pk, "pool.default")
    line.gate.open()

    everything_adds_up(line)
    assert all_succeeded()


def test_any_number_of_deaths_at_any_moment_lose_nothing(broker, fleet, line):
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(10**6))
    print(f"CHAOS_SEED={seed} plays this again")
    chance = random.Random(seed)
    workers = [fleet.start(slots=24), fleet.start(slots=24)]
    line.depart(8, stages=(3, 1, 1), then="sleep 0.$((RANDOM % 6))")
    line.wait_for(24)

    for _ in range(4):
        fleet.kill(workers.pop(chance.randrange(2)))
        line.gate.let_through(chance.randrange(4, 9))
        if chance.random() < 0.5:
            broker.client().flushall()
        workers.append(fleet.start(slots=24))
        time.sleep(chance.uniform(0, 0.5))
    line.gate.open()
    wait_until(all_succeeded, PATIENCE)
    fleet.start(slots=1)  # whose first look clears away what the killed had no time to

    everything_adds_up(line)
    assert len(line.marks("started")) == 40
