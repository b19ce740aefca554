import json
import os
import subprocess
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

from examples.patient_portal.packages import NotPushed, build, manifest_for, source_of
from tests.examples.conftest import CHECKOUT, Portal, run_script, unpacked

EXAMPLE = CHECKOUT / "examples/patient_portal"


def push(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONDONTWRITEBYTECODE": "1"} | variables
    return subprocess.run(
        [str(EXAMPLE / "push"), *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def an_answer(created: bool, sentence: str, release: str | None) -> bytes:
    evaluation = {"project": "patient-portal", "outcome": "created", "sentence": sentence, "release": release}
    return json.dumps(
        {"package": "patient-ui", "version": "1.0.0", "created": created, "evaluations": [evaluation]}
    ).encode()


def test_the_same_version_gives_the_same_bytes() -> None:
    assert build("patient-ui", "1.0.0") == build("patient-ui", "1.0.0")


def test_another_version_gives_other_bytes() -> None:
    assert build("patient-ui", "1.0.0") != build("patient-ui", "1.0.1")


@pytest.mark.parametrize("component", ["patient-ui", "anypoint-desired-state"])
def test_the_entry_point_is_executable_and_at_the_top(component: str) -> None:
    with zipfile.ZipFile(BytesIO(build(component, "1.0.0"))) as archive:
        member = archive.getinfo("release.sh")

    assert member.external_attr >> 16 == 0o100755


@pytest.mark.parametrize(
    ("version", "patient_api", "admissions_api"),
    [("1.0.0", "1.4.113", "1.2.195"), ("1.0.1", "1.4.114", "1.2.195"), ("1.1.0", "1.4.123", "1.2.196")],
)
def test_the_manifest_follows_from_the_version(version: str, patient_api: str, admissions_api: str) -> None:
    assert manifest_for(version) == {"patient-api": patient_api, "admissions-api": admissions_api}


def test_a_broken_package_fails_with_status_3_after_some_output(tmp_path: Path) -> None:
    folder = unpacked(build("patient-ui", "1.0.2", broken=True), tmp_path / "package")

    done = run_script(folder, tmp_path, SITE_ROOT=tmp_path / "sites")

    assert done.returncode == 3
    assert done.stdout.startswith("patient-ui 1.0.2, release 2026.11.1, to TEST\n")
    assert not (tmp_path / "sites").exists()


def test_a_slow_package_does_its_work_in_the_end(tmp_path: Path) -> None:
    folder = unpacked(build("patient-ui", "1.0.3", slow_seconds=1), tmp_path / "package")

    done = run_script(folder, tmp_path, SITE_ROOT=tmp_path / "sites")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Preparing, second 1 of 1\nPatient UI 1.0.3")


@pytest.mark.parametrize(
    ("component", "version"), [("nothing", "1.0.0"), ("patient-ui", "1.0.0/../x"), ("patient-ui", "")]
)
def test_what_cannot_be_built_is_refused(component: str, version: str) -> None:
    with pytest.raises(NotPushed):
        build(component, version)


def test_a_new_version_is_pushed_as_a_pipeline_would(portal: Portal) -> None:
    portal.body = an_answer(True, "Release 2026.11.1 was created.", "2026.11.1")

    done = push("patient-ui", "1.0.0", SIGNALBOX_URL=portal.url, SIGNALBOX_TOKEN="t0ken")

    asked, _ = portal.asked
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == [
        "Pushed patient-ui 1.0.0",
        "patient-portal: Release 2026.11.1 was created.",
        "Build 100 of Example CI brings PP-101, PP-104",
    ]
    assert (asked["method"], asked["path"]) == ("POST", "/api/v1/packages?name=patient-ui&version=1.0.0")
    assert asked["headers"]["Authorization"] == "Bearer t0ken"
    assert asked["headers"]["Content-Type"] == "application/octet-stream"
    assert asked["content"] == build("patient-ui", "1.0.0")


def test_the_build_is_told_after_its_package(portal: Portal) -> None:
    push(
        "patient-ui", "1.0.0", "--work-item", "PP-1=One", "PP-2=Two", SIGNALBOX_URL=portal.url, SIGNALBOX_TOKEN="t0ken"
    )

    _, told = portal.asked
    facts = json.loads(told["content"])
    assert (told["method"], told["path"]) == ("PUT", "/api/v1/packages/patient-ui/versions/1.0.0/build")
    assert (told["headers"]["Authorization"], told["headers"]["Content-Type"]) == ("Bearer t0ken", "application/json")
    assert facts["commit"] == source_of(build("patient-ui", "1.0.0"))
    assert facts["work_items"] == [{"id": "PP-1", "title": "One"}, {"id": "PP-2", "title": "Two"}]


def test_in_a_pipeline_the_build_is_the_pipeline_s(portal: Portal) -> None:
    done = push(
        "patient-ui", "1.0.0", SIGNALBOX_URL=portal.url, SIGNALBOX_TOKEN="t", GITLAB_CI="true", CI_PIPELINE_IID="57"
    )

    assert done.stdout.splitlines()[-1] == "Build 57 of GitLab CI names no work items"


def test_the_same_bytes_again_are_reported_as_no_change(portal: Portal) -> None:
    portal.status, portal.body = 200, an_answer(False, "Release 2026.11.1 holds this version already.", None)

    done = push("patient-ui", "1.0.0", "--url", portal.url, "--token", "t0ken")

    assert done.returncode == 0
    assert "the portal had the same bytes already, nothing changed" in done.stdout


def test_a_refusal_prints_the_portals_sentence_and_fails(portal: Portal) -> None:
    portal.status, portal.content_type = 409, "application/problem+json"
    portal.body = b'{"code": "version-exists", "sentence": "Version 1.0.0 exists with other bytes."}'

    done = push("patient-ui", "1.0.0", "--url", portal.url, "--token", "t0ken")

    assert done.returncode == 1
    assert done.stderr == "Version 1.0.0 exists with other bytes.\n"


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (502, b"<h1>Bad gateway</h1>", "The portal answered with status 502 and without a sentence."),
        (302, b"", "The portal answered with status 302 and without a sentence."),
        (200, b"<h1>Welcome</h1>", "is not the portal: it did not answer with a JSON object."),
    ],
)
def test_an_answer_that_is_not_the_portals_fails(portal: Portal, status: int, body: bytes, sentence: str) -> None:
    portal.status, portal.body = status, body

    done = push("patient-ui", "1.0.0", "--url", portal.url, "--token", "t0ken")

    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--url", "http://127.0.0.1:1", "--token", "t"), "http://127.0.0.1:1 cannot be reached: "),
        (("--url", "nonsense", "--token", "t"), "'nonsense' is not the address of a portal."),
        (("--url", "http://127.0.0.1:1"), "There is no token. Set SIGNALBOX_TOKEN"),
        (("--manifest", "patient-api"), "'patient-api' is not API=VERSION, for example patient-api=1.4.113."),
        (("--work-item", "PP-1="), "'PP-1=' is not ID=TITLE, for example PP-101=Wards."),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    done = push("anypoint-desired-state", "1.0.0", *arguments)

    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_both_components_are_pushed_in_the_order_of_deployment(portal: Portal) -> None:
    push("all", "1.0.0", "--url", portal.url, "--token", "t0ken")

    pushes = [asked["path"] for asked in portal.asked if asked["method"] == "POST"]
    names = [path.partition("name=")[2].partition("&")[0] for path in pushes]
    assert names == ["anypoint-desired-state", "patient-ui"]


def test_a_package_can_be_built_without_pushing_it(tmp_path: Path) -> None:
    done = push("patient-ui", "1.0.0", "--build-only", str(tmp_path / "out"))

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/patient-ui.1.0.0.zip").read_bytes() == build("patient-ui", "1.0.0")


def test_the_configuration_names_the_components_that_can_be_pushed() -> None:
    stack: dict[str, Any] = yaml.safe_load((EXAMPLE / "stack.yaml").read_text())

    components = stack["projects"][0]["components"]

    assert [(c["stage"], c["packages"]) for c in components] == [(1, ["anypoint-desired-state"]), (2, ["patient-ui"])]
    assert {environment["name"] for environment in stack["environments"]} == {"TEST", "PROD"}
