"""Draining: a worker finishes what it has and takes nothing new. And pools: a worker takes what is of its own only."""

import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Event
from deployments import doorbell, holding, presence
from deployments.models import Deployment, Status, Worker
from deployments.sweep import Sweep
from releases import actions as releases
from tests.deployments.dying import wait_for
from tests.deployments.patience import wait_until
from tests.deployments.real_workers import ROOT, Fleet
from tests.deployments.rows import a_worker, claimed, ended
from tests.deployments.scenes import a_zip, requested
from tests.deployments.scripts import a_version_holding, asked_for
from tests.deployments.test_embedded_workers import fleet, fleet_without_broker, home, valkey  # noqa: F401
from tests.factories import (
    a_lifecycle,
    a_lone_project,
    a_release,
    a_service_account,
    an_administrator,
    an_environment,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def listening(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process stops listening to when it is told to drain, it does for one test only."""
    monkeypatch.setattr(doorbell, "_put_by", None)


def drain(*arguments: object, **options: object) -> str:
    """What the command prints."""
    said = StringIO()
    call_command("drain", *arguments, stdout=said, **options)
    return said.getvalue()


def refused(*arguments: object, **options: object) -> str:
    with pytest.raises(CommandError) as refusal:
        drain(*arguments, **options)
    assert refusal.value.returncode == 1
    return str(refusal.value)


def sites(count: int, script: str, first: int = 1) -> list[Deployment]:
    """As many deployments of projects of their own, all waiting for a worker."""
    return [asked_for(script, project=a_lone_project(f"Site {n}")) for n in range(first, first + count)]


def a_site_in(pool: str, script: str) -> Deployment:
    """One that goes to an environment of this pool, which is called like it."""
    environment = an_environment(pool.upper(), worker_pool=pool)
    project = a_lone_project(f"Site in {pool}", lifecycle=a_lifecycle(environment.name))
    a_version_holding(project.slug, "1.0.0", a_zip(script))
    release, _ = releases.create(project, by=a_service_account())
    return requested(release, environment.name)


def draining() -> set[str]:
    return set(Worker.objects.filter(drain_requested_at__isnull=False).values_list("name", flat=True))


def own_row() -> Worker:
    """This process, as it says of itself."""
    Sweep().once()
    return Worker.objects.get(name=holding.this_worker().name)


def looks_again(worker: Worker) -> None:
    """Wait until it has looked for something to do several times from now on."""
    later = timezone.now() + timedelta(seconds=2)
    wait_until(lambda: Worker.objects.get(pk=worker.pk).heard_at > later)


def taken_by(worker: Worker, rows: list[Deployment]) -> int:
    """How many of these the worker has ever claimed."""
    subjects = [str(row.pk) for row in rows]
    return Event.objects.filter(verb="deployment.claimed", subject_id__in=subjects, data__owner=worker.name).count()


def all_succeeded() -> bool:
    return not Deployment.objects.exclude(status=Status.SUCCEEDED).exists()


def misrouted(row: Deployment, pool: str, broker_url: str) -> None:
    """A message about this deployment comes through another pool's queue."""
    prefix = {"global_keyprefix": os.environ["CELERY_KEY_PREFIX"]}
    with current_app.connection_for_write(broker_url, transport_options=prefix) as connection:
        queue = doorbell.queue_of(pool)
        current_app.send_task(doorbell.CARRY_OUT, (row.pk,), queue=queue, connection=connection, ignore_result=True)


# -- rows -------------------------------------------------------------------------------------------------------------


def test_a_draining_worker_does_not_count_as_serving():
    worker = a_worker()
    assert presence.is_served("default")

    presence.drain([worker], by=None)

    assert not presence.is_served("default")


def test_it_goes_on_draining_when_it_says_again_that_it_lives(own_worker):
    presence.drain([own_row()], by=None)

    assert own_row().drain_requested_at is not None


def test_a_draining_worker_takes_nothing_and_takes_it_after_all_when_it_drains_no_longer(own_worker):
    worker = own_row()
    requested(a_release(a_lone_project("Site")))
    presence.drain([worker], by=None)
    assert holding.claim_next("default") is None

    presence.resume([worker], by=None)

    assert holding.claim_next("default") is not None


def test_who_let_it_drain_is_on_record_once():
    worker, admin = a_worker(), an_administrator()
    presence.drain([worker], by=admin)
    presence.drain([worker], by=admin)
    presence.resume([worker], by=None)
    presence.resume([worker], by=None)

    lines = Event.objects.filter(verb__startswith="worker.").order_by("pk")

    assert [(line.verb, line.actor, line.subject_label) for line in lines] == [
        ("worker.draining", admin, worker.name),
        ("worker.resumed", None, worker.name),
    ]


def test_without_a_broker_a_draining_worker_rings_for_nothing_that_others_could_do(own_worker, settings, monkeypatch):
    settings.CELERY_BROKER_URL = "memory://"
    monkeypatch.setattr(doorbell, "_listening", False)
    doorbell.listen()
    worker = own_row()
    presence.drain([worker], by=None)
    own_row()
    row = requested(a_release(a_lone_project("Site")))

    Sweep().once()

    row.refresh_from_db()
    assert (row.rung_at, row.rung_count) == (None, 0)
    presence.resume([worker], by=None)
    own_row()
    assert doorbell.is_heard()


# -- the command ------------------------------------------------------------------------------------------------------


def test_without_arguments_it_lists_the_workers_and_what_they_run(own_worker):
    a_worker("dead.example:1:a", "far", heard=3600)
    presence.drain([a_worker("old.example:1:a")], by=None)
    own_row()
    requested(a_release(a_lone_project("Site")))
    row = claimed()

    said = {line.split("  ")[0]: line for line in drain().splitlines()}

    assert "pools: far  silent since" in said["dead.example:1:a"]
    assert "draining since" in said["old.example:1:a"]
    assert said[own_worker.name].endswith(f"runs: {row}")
    assert draining() == {"old.example:1:a"}


def test_it_says_that_there_is_no_worker():
    assert drain() == "There is no worker.\n"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["one.example:1:"], {"one.example:1:abc"}),
        (["one.example:11:abc", "two"], {"one.example:11:abc", "two.example:1:abc"}),
        (["--host", "one.example"], {"one.example:1:abc", "one.example:11:abc"}),
        (["--pool", "far"], {"one.example:11:abc", "two.example:1:abc"}),
        (["--pool", "far", "--host", "one.example"], {"one.example:11:abc"}),
        (["--all"], {"one.example:1:abc", "one.example:11:abc", "two.example:1:abc"}),
    ],
    ids=["prefix", "several", "host", "pool", "host-and-pool", "all"],
)
def test_it_drains_who_is_named(arguments, named):
    a_worker("one.example:1:abc")
    a_worker("one.example:11:abc", "default", "far")
    a_worker("two.example:1:abc", "far")

    drain(*arguments)

    assert draining() == named


def test_a_whole_name_means_that_worker_even_where_another_begins_so():
    a_worker("one.example:1:ab")
    a_worker("one.example:1:abc")

    drain("one.example:1:ab")

    assert draining() == {"one.example:1:ab"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["one"], "“one” begins the names of one.example:11:abc and one.example:1:abc. State more of the name."),
        (["six"], "There is no worker whose name begins with “six”. Without a name all are listed."),
        (["--host", "six"], "There is no worker on the host “six”."),
        (["--host", "six", "--pool", "far"], "There is no worker on the host “six” in the pool “far”."),
        (["one", "--all"], "Name workers, or say which with --host and --pool, or --all: only one of the three."),
        (["--undo"], "Say which workers: name them, or use --host, --pool or --all."),
        (["--wait"], "Say which workers: name them, or use --host, --pool or --all."),
        (["--all", "--undo", "--wait"], "With --undo there is nothing to wait for. Leave out one of the two."),
    ],
    ids=["ambiguous", "nobody", "host", "host-and-pool", "two-ways", "undo-whom", "wait-for-whom", "wait-for-what"],
)
def test_it_refuses_what_is_not_clear(arguments, sentence):
    a_worker("one.example:1:abc")
    a_worker("one.example:11:abc")

    assert refused(*arguments) == sentence
    assert draining() == set()


def test_undo_lets_them_take_what_is_new_again():
    worker = a_worker()
    drain("--all")

    said = drain("--all", "--undo")

    assert said == f"{worker} drains no longer and takes what is new.\n"
    assert draining() == set()


def test_it_waits_no_longer_than_it_is_told_to_and_names_what_still_runs(own_worker):
    own_row()
    requested(a_release(a_lone_project("Site")))
    row = claimed()

    said = refused("--all", "--wait", "0.1")

    assert said.startswith(f"After 0.1 seconds 1 script still runs: {row} (deployment {row.pk} on {row.host}).")
    assert draining() == {own_worker.name}


def test_it_comes_back_when_nothing_runs(own_worker):
    own_row()
    requested(a_release(a_lone_project("Site")))
    ended(claimed())

    assert drain("--all", "--wait").splitlines()[-1] == f"{own_worker.name} runs nothing any more."


# -- real workers -----------------------------------------------------------------------------------------------------


@pytest.mark.embedded
def test_a_draining_worker_finishes_what_it_has_and_another_takes_what_is_new(fleet, yard):  # noqa: F811
    fleet.start()
    old = Worker.objects.get()
    having = sites(3, yard.waiting())
    wait_until(lambda: len(yard.lines()) == 3)
    drain(old.name)
    new = sites(2, yard.counting(name="new"), first=4)
    looks_again(old)
    assert yard.lines("new") == []

    fleet.start()
    wait_until(lambda: len(yard.lines("new")) == 2)
    yard.open()

    wait_until(all_succeeded)
    assert len(yard.lines()) == 3
    assert (taken_by(old, having), taken_by(old, new)) == (3, 0)
    assert Worker.objects.get(pk=old.pk).drain_requested_at is not None


@pytest.mark.embedded
def test_new_messages_go_to_those_who_take_what_is_new(fleet, yard):  # noqa: F811
    fleet.start(RING_AGAIN_SECONDS="60")
    old = Worker.objects.get()
    fleet.start(RING_AGAIN_SECONDS="60")
    drain(old.name)
    wait_until(lambda: "Canceling queue pool.default" in fleet.said())

    rows = sites(6, yard.counting())

    wait_until(all_succeeded)
    assert len(yard.lines()) == 6
    assert taken_by(old, rows) == 0


@pytest.mark.embedded
@pytest.mark.parametrize("kind", ["fleet", "fleet_without_broker"])
def test_a_worker_that_drains_no_longer_takes_what_has_waited(kind, request, yard):
    workers: Fleet = request.getfixturevalue(kind)
    workers.start()
    drain("--all")
    row = sites(1, yard.counting())[0]
    looks_again(Worker.objects.get())
    assert yard.lines() == []

    drain("--all", "--undo")

    wait_for(row, Status.SUCCEEDED)
    assert len(yard.lines()) == 1


@pytest.mark.embedded
def test_who_waits_for_it_is_told_when_the_last_script_has_ended(fleet, yard):  # noqa: F811
    fleet.start()
    sites(2, yard.waiting())
    wait_until(lambda: len(yard.lines()) == 2)

    waiting = subprocess.Popen(
        [sys.executable, "manage.py", "drain", "--all", "--wait", "60"],
        cwd=ROOT,
        env=fleet.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until(draining)
    assert waiting.poll() is None
    yard.open()

    said, _ = waiting.communicate(timeout=60)
    assert waiting.returncode == 0
    assert "it finishes 2 scripts and takes nothing new." in said
    assert all_succeeded()


@pytest.mark.embedded
def test_a_draining_worker_goes_on_to_adopt(fleet, yard):  # noqa: F811
    other = fleet.start()
    row = sites(1, yard.waiting())[0]
    wait_until(yard.lines)
    fleet.start()
    drain("--all")
    fleet.kill(other)

    wait_until(lambda: Deployment.objects.get(pk=row.pk).fence >= 2)
    yard.open()

    wait_for(row, Status.SUCCEEDED)
    assert len(yard.lines()) == 1


@pytest.mark.embedded
def test_a_worker_serves_all_the_pools_that_it_is_started_for(fleet, yard):  # noqa: F811
    fleet.start(pools="far,near")

    for pool in ("far", "near"):
        a_site_in(pool, yard.counting())

    wait_until(all_succeeded)
    assert len(yard.lines()) == 2


@pytest.mark.embedded
def test_a_worker_takes_nothing_of_another_pool_whatever_message_it_gets(fleet, valkey, yard):  # noqa: F811
    fleet.start(slots=1, pools="near")
    far = a_site_in("far", yard.counting(name="far"))
    for _ in range(3):
        misrouted(far, "near", valkey.url)

    near = a_site_in("near", yard.counting(name="near"))  # its message comes behind the others

    wait_for(near, Status.SUCCEEDED)
    assert yard.lines("far") == []
    fleet.start(pools="far")
    wait_for(far, Status.SUCCEEDED)
