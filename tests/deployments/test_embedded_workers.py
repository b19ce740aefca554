"""The embedded default: SQLite and the bundled broker, or none at all. Workers are killed; scripts run once."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import broker
from deployments import holding
from deployments.models import Deployment, Status
from tests.deployments.dying import wait_for
from tests.deployments.patience import wait_until
from tests.deployments.real_workers import Fleet
from tests.deployments.scenes import a_shop, released, requested
from tests.deployments.scripts import asked_for, output_of
from tests.factories import a_lone_project

pytestmark = [pytest.mark.embedded, pytest.mark.django_db(transaction=True)]


class Broker:
    """The server program of the embedded default on a private socket; without memory, as there."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = broker.socket_url(home)

    def start(self) -> None:
        found = broker.find_server()
        assert found is not None
        socket = broker.socket_path(self.home)
        socket.parent.mkdir(exist_ok=True, mode=0o700)
        where = ["--port", "0", "--unixsocket", str(socket), "--unixsocketperm", "700", "--dir", str(self.home)]
        command = [found.program, *where, "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(socket.exists)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        broker.socket_path(self.home).unlink(missing_ok=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def valkey(home: Path) -> Iterator[Broker]:
    server = Broker(home)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def fleet(transactional_db: None, own_worker: holding.Worker, home: Path, valkey: Broker) -> Iterator[Fleet]:
    """Workers on the bundled broker."""
    fleet = Fleet(home, valkey.url)
    yield fleet
    fleet.disband()


@pytest.fixture
def fleet_without_broker(transactional_db: None, own_worker: holding.Worker, home: Path) -> Iterator[Fleet]:
    """Workers that find their work by looking into the database."""
    fleet = Fleet(home, "memory://")
    yield fleet
    fleet.disband()


def all_succeeded() -> bool:
    return not Deployment.objects.exclude(status=Status.SUCCEEDED).exists()


def test_scripts_outlive_a_worker_that_is_killed_and_its_successor_adopts_them(fleet, yard):
    worker = fleet.start()
    rows = [asked_for(yard.waiting(), project=a_lone_project(f"Site {number}")) for number in range(4)]
    wait_until(lambda: len(yard.lines()) == 4)
    fleet.kill(worker)

    fleet.start()
    wait_until(lambda: Deployment.objects.filter(fence__gte=2).count() == 4)
    yard.open()

    wait_until(all_succeeded)
    assert len(yard.lines()) == 4
    assert {tuple(output_of(row).splitlines()[1:]) for row in rows} == {("before the gate", "behind the gate")}


def test_a_train_goes_on_after_everything_was_killed(fleet, valkey, yard):
    worker = fleet.start()
    train = requested(released(a_shop(api=yard.waiting(), ui=yard.counting())))
    wait_until(yard.lines)
    valkey.kill()
    fleet.kill(worker)
    yard.open()

    valkey.start()
    fleet.start()

    wait_for(train, Status.SUCCEEDED)
    assert len(yard.lines()) == 2


def test_a_worker_goes_on_when_its_broker_was_killed_and_is_back(fleet, valkey, yard):
    fleet.start()
    first = asked_for(yard.waiting(), project=a_lone_project("First"))
    wait_until(yard.lines)
    valkey.kill()
    yard.open()
    wait_for(first, Status.SUCCEEDED)
    asked_for(yard.counting(), project=a_lone_project("Second"))

    valkey.start()

    wait_until(all_succeeded, 30)
    assert len(yard.lines()) == 2


def test_a_worker_without_a_broker_finds_its_work_by_looking(fleet_without_broker, yard):
    fleet_without_broker.start()

    train = requested(released(a_shop(api=yard.counting(), ui=yard.counting())))

    wait_for(train, Status.SUCCEEDED)
    assert len(yard.lines()) == 2


def test_a_worker_without_a_broker_is_replaced_like_any_other(fleet_without_broker, yard):
    worker = fleet_without_broker.start()
    deployment = asked_for(yard.waiting())
    wait_until(yard.lines)
    fleet_without_broker.kill(worker)

    successor = fleet_without_broker.start()
    wait_until(lambda: Deployment.objects.get(pk=deployment.pk).fence >= 2)
    assert fleet_without_broker.terminate(successor, 8) == 0
    yard.open()
    fleet_without_broker.start()

    wait_for(deployment, Status.SUCCEEDED)
    assert len(yard.lines()) == 1
