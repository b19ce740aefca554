"""The Procfile and the systemd units are started as they are written, and what they start does its work."""

import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from deployments import spool
from deployments.models import Status, Worker
from tests.deployments.dying import wait_for
from tests.deployments.patience import wait_until
from tests.deployments.real_workers import ROOT
from tests.deployments.scripts import asked_for, output_of
from tests.factories import an_environment
from tests.operations.units import PREFIX, Installation, exec_start, procfile, unit

PATIENCE = 60.0  # seconds; the machine may be busy with other tests
WEB, WORKER = "signalbox-web.service", "signalbox-worker@.service"


@pytest.fixture
def machine(transactional_db, tmp_path: Path):
    home = tmp_path / "machine"
    home.mkdir()
    installation = Installation(home)
    yield installation
    installation.remove()
    for name, *_ in list(spool.known()):
        spool.kill(name, spool.pid_of(name, patience=0), 0)


COMMANDS = {
    "systemd": (exec_start(WEB), exec_start(WORKER, "default")),
    "Procfile": (procfile()["web"], procfile()["worker"]),
}


@pytest.mark.services
@pytest.mark.parametrize(("web", "worker"), COMMANDS.values(), ids=COMMANDS)
def test_what_is_written_serves_and_deploys(machine: Installation, yard, web, worker):
    machine.start(web)
    machine.start(worker)
    wait_until(Worker.objects.exists, PATIENCE)
    row = asked_for(yard.counting("echo done"))

    wait_for(row, Status.SUCCEEDED)

    ready = wait_until(lambda: _ready(machine), PATIENCE)
    assert {name: check["verdict"] for name, check in ready.items()} == dict.fromkeys(
        ("database", "storage", "room", "broker", "sweep"), "ok"
    )
    assert output_of(row).endswith("done\n")
    assert len(yard.lines()) == 1


@pytest.mark.services
@pytest.mark.parametrize(("web", "worker"), COMMANDS.values(), ids=COMMANDS)
def test_sigterm_ends_each_cleanly_and_a_running_script_is_handed_over(machine: Installation, yard, web, worker):
    server, first = machine.start(web), machine.start(worker)
    row = asked_for(yard.waiting())
    wait_until(yard.lines, PATIENCE)
    wait_until(lambda: _ready(machine), PATIENCE)

    assert machine.terminated(server) == 0, machine.said(server)
    assert machine.terminated(first) == 0, machine.said(first)

    assert not Worker.objects.exists()
    machine.start(worker)
    wait_until(Worker.objects.exists, PATIENCE)
    yard.open()
    wait_for(row, Status.SUCCEEDED)
    assert len(yard.lines()) == 1
    row.refresh_from_db()
    assert row.attempt == 1


@pytest.mark.services
def test_a_worker_serves_the_pool_that_its_instance_names(machine: Installation, yard):
    an_environment("TEST", worker_pool="vault")
    row = asked_for(yard.counting())

    machine.start(exec_start(WORKER, "vault"))

    wait_until(lambda: list(Worker.objects.values_list("pools", flat=True)) == [["vault"]], PATIENCE)
    wait_for(row, Status.SUCCEEDED)


def _ready(machine: Installation) -> dict | None:
    try:
        return requests.get(machine.url("/readyz"), timeout=10).json()["checks"]
    except requests.RequestException:
        return None


# -- what is written --------------------------------------------------------------------------------------------------


def test_stopping_a_worker_never_touches_its_scripts():
    service = unit(WORKER)["Service"]

    assert service["KillMode"] == ["process"]
    assert service["OOMPolicy"] == ["continue"]
    assert not {"PrivateTmp", "NoNewPrivileges", "ProtectSystem", "ProtectHome"} & service.keys()


@pytest.mark.parametrize("name", [WEB, WORKER])
def test_units_restart_run_unprivileged_and_take_their_settings_from_one_file(name):
    service = unit(name)["Service"]

    assert service["Restart"] == ["always"]
    assert service["User"] == ["signalbox"]
    assert service["EnvironmentFile"] == ["/etc/signalbox/signalbox.env"]
    assert service["WorkingDirectory"] == [PREFIX]


if shutil.which("systemd-analyze"):

    @pytest.mark.parametrize("name", [WEB, WORKER])
    def test_systemd_itself_finds_nothing_wrong(name, tmp_path: Path):
        text = (ROOT / "deploy" / "systemd" / name).read_text().replace(PREFIX, str(ROOT))
        installed = tmp_path / name.replace("@", "@default")
        installed.write_text(text)

        verified = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(installed)],
            capture_output=True,
            text=True,
            check=False,
        )

        assert (verified.returncode, verified.stderr) == (0, "")
