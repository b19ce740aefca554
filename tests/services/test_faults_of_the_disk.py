"""The disk of the work directory is full while twenty scripts run: what cannot be known is asked, the rest goes on."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployments.models import FINAL, Deployment, LiveVersion, Status
from tests.deployments.patience import wait_until
from tests.deployments.scenes import requested
from tests.services.faults import PATIENCE, RUNNING, adopted, all_succeeded, everything_adds_up, run_again

pytestmark = [pytest.mark.services, pytest.mark.root, pytest.mark.django_db(transaction=True)]

SIZE = 4 * 1024**2  # bytes


class Disk:
    """A small file system in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(path)], check=True)

    def fill(self) -> None:
        """To the last byte."""
        with (self.path / "filler").open("wb", buffering=0) as file:
            file.write(bytes(SIZE))  # as much of it as there is room for

    def clear(self) -> None:
        (self.path / "filler").unlink()

    def remove(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.path)], check=True)


@pytest.fixture
def disk(settings, own_worker, tmp_path) -> Iterator[Disk]:
    """The disk that runs have their directories on. Ask for it before the fleet."""
    disk = Disk(tmp_path / "disk")
    settings.SPOOL_DIR = disk.path / "spool"
    yield disk
    disk.remove()


def failed_trains() -> list[Deployment]:
    return list(Deployment.objects.tops().filter(status=Status.FAILED))


def test_a_full_disk_leaves_nothing_undecidable_and_all_goes_on_once_there_is_room(disk, fleet, line):
    fleet.start(slots=RUNNING + 4)
    line.depart()
    line.wait_for()
    disk.fill()
    assert shutil.disk_usage(disk.path).free == 0
    (late,) = line.depart(1)
    line.let_end(RUNNING // 2)
    wait_until(lambda: Deployment.objects.get(pk=late.pk).status in FINAL, PATIENCE)

    disk.clear()
    line.gate.open()

    everything_adds_up(line)
    run_again("The disk was full.")
    everything_adds_up(line)
    for row in failed_trains():
        requested(row.release)
    everything_adds_up(line)
    places = LiveVersion.objects.now().values_list("project", "environment")
    assert set(places) == set(Deployment.objects.values_list("project", "environment"))


def test_a_worker_that_starts_while_the_disk_is_full_adopts_what_runs_at_the_latest_when_there_is_room(
    disk, fleet, line
):
    worker = fleet.start(slots=RUNNING)
    line.depart()
    line.wait_for()
    disk.fill()
    fleet.kill(worker)

    fleet.launch(slots=RUNNING)
    wait_until(lambda: "No space left on device" in fleet.said() or adopted(), PATIENCE)
    disk.clear()
    wait_until(adopted, PATIENCE)
    line.gate.open()

    everything_adds_up(line)
    assert all_succeeded()
