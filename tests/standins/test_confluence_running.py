"""The stand-in runs as a command, keeps its pages where that is asked for, and stops when told to."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from standins.confluence.wiki import Wiki
from standins.serving import Refused
from tests.standins.pages import BODY

CHECKOUT = Path(__file__).resolve().parents[2]
MODULE = [sys.executable, "-m", "standins.confluence"]
COMMAND = [sys.executable, "manage.py", "confluence_standin"]
SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONUNBUFFERED": "1"}

Start = Callable[..., tuple[subprocess.Popen[str], list[str]]]


@pytest.fixture
def start() -> Iterator[Start]:
    """start(MODULE, "--data", path) runs it on a free port and answers the process and the lines that it printed."""
    running: list[subprocess.Popen[str]] = []

    def run(command: list[str], *arguments: object) -> tuple[subprocess.Popen[str], list[str]]:
        process = subprocess.Popen(
            [*command, "--port", "0", *map(str, arguments)],
            cwd=CHECKOUT, env=os.environ | SETTINGS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None
        return process, [process.stdout.readline() for _ in range(3)]

    yield run
    for process in running:
        process.terminate()
        process.wait(timeout=10)
        assert process.stdout is not None
        process.stdout.close()


def address_in(lines: list[str]) -> str:
    return "http://" + lines[0].split("http://")[1].split("/")[0]


@pytest.mark.parametrize("command", [MODULE, COMMAND], ids=["module", "manage.py"])
def test_it_prints_what_to_enter_and_answers_with_it(start: Start, command: list[str]):
    _, lines = start(command)
    address = address_in(lines)

    cloud = requests.get(f"{address}/wiki/api/v2/spaces", auth=("signalbox@example.org", "stand-in-token"), timeout=10)
    data_center = requests.get(
        f"{address}/rest/api/space", headers={"Authorization": "Bearer stand-in-token"}, timeout=10
    )

    assert f"address {address}/wiki, email signalbox@example.org, API token stand-in-token, space REL" in lines[1]
    assert f"address {address}, personal access token stand-in-token, space REL" in lines[2]
    assert (cloud.status_code, data_center.status_code) == (200, 200)


def test_pages_outlive_a_restart(start: Start, tmp_path: Path):
    data = tmp_path / "data" / "confluence.json"
    first, lines = start(MODULE, "--data", data)
    header = {"Authorization": "Bearer stand-in-token"}
    stated = {
        "type": "page",
        "title": "Patient UI - TEST",
        "space": {"key": "REL"},
        "body": {"storage": {"value": BODY, "representation": "storage"}},
        "version": {"message": "2026.11.1"},
    }
    made = requests.post(f"{address_in(lines)}/rest/api/content", json=stated, headers=header, timeout=10).json()
    path = f"/rest/api/content/{made['id']}"
    requests.post(
        f"{address_in(lines)}{path}/property", json={"key": "a", "value": {"b": 1}}, headers=header, timeout=10
    )
    first.send_signal(signal.SIGTERM)
    status = first.wait(timeout=10)

    _, lines = start(MODULE, "--data", data)

    kept = requests.get(f"{address_in(lines)}{path}?expand=version", headers=header, timeout=10).json()
    value = requests.get(f"{address_in(lines)}{path}/property/a", headers=header, timeout=10).json()["value"]
    assert status == 0
    assert (kept["title"], kept["version"]["message"], value) == ("Patient UI - TEST", "2026.11.1", {"b": 1})


def test_a_restart_makes_no_second_home_page(tmp_path: Path):
    first = Wiki(tmp_path / "confluence.json")

    second = Wiki(tmp_path / "confluence.json")

    assert second.content == first.content


@pytest.mark.parametrize(
    "stored", ["not json", "[]", '{"spaces": [{}]}', '{"spaces": [], "pages": [{"versions": []}], "last_id": 1}']
)
def test_a_file_that_is_not_ours_is_named_and_left_alone(tmp_path: Path, stored: str):
    data = tmp_path / "confluence.json"
    data.write_text(stored)

    with pytest.raises(SystemExit, match=r"is not the JSON that this stand-in wrote\. Move it away to start empty\."):
        Wiki(data)

    assert data.read_text() == stored


def test_what_cannot_be_stored_did_not_happen(tmp_path: Path):
    data = tmp_path / "there" / "confluence.json"
    wiki = Wiki(data)
    before, home = wiki.content, wiki.content.spaces["REL"].homepage_id
    data.unlink()
    data.parent.rmdir()

    with pytest.raises(Refused, match=r"The change could not be stored: No such file or directory\."):
        wiki.edit(home, body="<p>new</p>")

    assert wiki.content == before


def test_a_file_that_cannot_be_written_is_named_in_one_sentence(tmp_path: Path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")

    done = subprocess.run(
        [*MODULE, "--data", str(in_the_way / "confluence.json")],
        cwd=CHECKOUT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.startswith(f"Cannot use {in_the_way / 'confluence.json'}: ")


def test_a_busy_port_is_named_in_one_sentence(start: Start):
    _, lines = start(MODULE)
    port = address_in(lines).rpartition(":")[2]

    done = subprocess.run(
        [*MODULE, "--port", port], cwd=CHECKOUT, capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == 1
    assert (
        done.stderr == f"Cannot listen on 127.0.0.1:{port}: address already in use. Choose another port with --port.\n"
    )


def test_old_versions_are_dropped_before_the_file_grows_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("standins.confluence.wiki.VERSIONS_KEPT", 3)
    wiki = Wiki(tmp_path / "confluence.json")
    home = wiki.content.spaces["REL"].homepage_id

    for number in range(5):
        wiki.edit(home, body=f"<p>{number}</p>")

    stored = json.loads((tmp_path / "confluence.json").read_text())
    kept = next(page["versions"] for page in stored["pages"] if page["id"] == home)
    assert [version["number"] for version in kept] == [4, 5, 6]
