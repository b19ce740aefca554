import http.client
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from standins.sites import NotThere, file_for
from tests.examples.conftest import CHECKOUT, StandIn

APPLICATION = {"version": "1.4.113", "settings_hash": "a" * 64, "release": "2026.11.1"}


def put(
    cloudhub: StandIn, path: str = "/environments/TEST/applications/patient-api", **changes: Any
) -> requests.Response:
    return requests.put(cloudhub.url + path, json=APPLICATION | changes, timeout=10)


def test_an_application_is_created_once_and_then_replaced(cloudhub: StandIn) -> None:
    statuses = [put(cloudhub).status_code, put(cloudhub, version="1.4.114").status_code]

    stored = cloudhub.get("/environments/TEST/applications/patient-api").json()
    assert statuses == [201, 200]
    assert stored["version"] == "1.4.114"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"version": ""}, "version must be a version such as 1.4.113."),
        ({"settings_hash": "abc"}, "settings_hash must be 64 lower-case hexadecimal digits."),
        ({"release": None}, "release must be a release number such as 2026.11.1."),
        ({"settings": {"replicas": 1}}, "settings must be an object whose values are strings."),
        ({"colour": "red"}, "Unknown field 'colour'. Send version, settings_hash, release and settings only."),
    ],
)
def test_a_malformed_application_is_refused(cloudhub: StandIn, changes: dict[str, Any], sentence: str) -> None:
    answer = put(cloudhub, **changes)

    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["sentence"] == sentence
    assert cloudhub.get("/environments/TEST/applications").json() == {"items": []}


@pytest.mark.parametrize(
    ("path", "body", "kind", "status"),
    [
        ("/environments/TEST/applications/a", b"{", "application/json", 400),
        ("/environments/TEST/applications/a", b"[]", "application/json", 400),
        ("/environments/TEST/applications/a", b"{}", "text/plain", 415),
        ("/environments/TEST/applications/a", b" " * 70_000, "application/json", 413),
        ("/environments/TEST/applications", b"{}", "application/json", 405),
        ("/environments/%3Cb%3E/applications/a", b"{}", "application/json", 422),
        ("/elsewhere", b"{}", "application/json", 404),
    ],
)
def test_a_malformed_request_is_refused(cloudhub: StandIn, path: str, body: bytes, kind: str, status: int) -> None:
    answer = requests.put(cloudhub.url + path, data=body, headers={"Content-Type": kind}, timeout=10)

    assert answer.status_code == status
    assert answer.json()["sentence"]


def test_a_removed_application_is_gone(cloudhub: StandIn) -> None:
    put(cloudhub)

    removed = requests.delete(cloudhub.url + "/environments/TEST/applications/patient-api", timeout=10)

    assert removed.status_code == 200
    assert cloudhub.get("/environments/TEST/applications/patient-api").status_code == 404


def test_the_state_survives_a_restart(start: Any, tmp_path: Path) -> None:
    first = start("cloudhub", "--data", tmp_path / "state.json")
    put(first)
    first.process.send_signal(signal.SIGTERM)
    status = first.process.wait(timeout=10)

    second = start("cloudhub", "--data", tmp_path / "state.json")

    assert status == 0
    assert second.get("/environments/TEST/applications/patient-api").json()["version"] == "1.4.113"


def test_the_page_shows_what_runs_where(cloudhub: StandIn) -> None:
    put(cloudhub)

    page = cloudhub.get("/")

    assert "<caption>TEST</caption>" in page.text
    assert '<th scope="row">patient-api</th><td>1.4.113</td>' in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_a_file_that_is_not_ours_is_named_and_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "state.json"
    data.write_text("not json")

    done = stand_in("cloudhub", "--data", str(data))

    assert done.returncode == 1
    assert done.stderr == f"{data} is not the JSON that this stand-in wrote. Move it away to start empty.\n"
    assert data.read_text() == "not json"


@pytest.mark.parametrize(("name", "option"), [("cloudhub", "--data"), ("sites", "--root")])
def test_a_busy_port_is_named_in_one_sentence(name: str, option: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        done = stand_in(name, option, str(tmp_path / "x"), "--port", str(port))

    assert done.returncode == 1
    assert (
        done.stderr == f"Cannot listen on 127.0.0.1:{port}: address already in use. Choose another port with --port.\n"
    )


def stand_in(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"standins.{name}", *arguments]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=30, check=False)


def test_an_empty_directory_is_served_as_such(sites: StandIn) -> None:
    assert "Nothing has been published yet." in sites.get("/").text


def test_the_index_lists_each_environment_with_its_version(sites: StandIn, run_release: Any, tmp_path: Path) -> None:
    run_release("patient-ui", "1.0.0", "TEST", "2026.11.1", SITE_ROOT=tmp_path / "sites")

    assert '<li><a href="/test/">test</a> patient-ui 1.0.0, release 2026.11.1</li>' in sites.get("/").text


def test_sites_are_served_uncached_and_under_a_strict_policy(sites: StandIn, run_release: Any, tmp_path: Path) -> None:
    run_release("patient-ui", "1.0.0", SITE_ROOT=tmp_path / "sites")

    page = sites.get("/test")
    style = sites.get("/test/portal.css")

    assert page.url.endswith("/test/")
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"


def test_sites_cannot_be_changed(sites: StandIn) -> None:
    answer = requests.post(sites.url + "/test/", data=b"x", timeout=10)

    assert answer.status_code == 501


@pytest.mark.parametrize(
    "path",
    ["/../secret", "/%2e%2e/secret", "/test/..%2f..%2fsecret", "/.published/x", "/out/secret", "/test/%00", "/test\\x"],
)
def test_nothing_outside_the_root_is_served(tmp_path: Path, path: str) -> None:
    root = tmp_path / "sites"
    (root / "test").mkdir(parents=True)
    (root / ".published").mkdir()
    (root / ".published/x").write_text("x")
    (tmp_path / "secret").write_text("secret")
    (root / "out").symlink_to(tmp_path)

    with pytest.raises(NotThere):
        file_for(root, path)


def test_a_redirect_never_leaves_the_machine(sites: StandIn, run_release: Any, tmp_path: Path) -> None:
    run_release("patient-ui", "1.0.0", SITE_ROOT=tmp_path / "sites")
    connection = http.client.HTTPConnection(sites.url.removeprefix("http://"), timeout=10)

    connection.request("GET", "//test")

    location = connection.getresponse().getheader("Location", "")
    connection.close()
    assert not location.startswith("//")
