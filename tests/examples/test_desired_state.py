import json
from pathlib import Path
from typing import Any

import pytest
import requests

from examples.patient_portal.packages import build
from tests.examples.conftest import Portal, StandIn, run_script, unpacked

COMPONENT = "anypoint-desired-state"
CREDENTIALS = {"ANYPOINT_CLIENT_ID": "client-1", "ANYPOINT_CLIENT_SECRET": "s3cr3t"}


def running(cloudhub: StandIn, environment: str) -> dict[str, str]:
    items = cloudhub.get(f"/environments/{environment}/applications").json()["items"]
    return {item["name"]: item["version"] for item in items}


def test_an_empty_environment_gets_every_api(run_release: Any, cloudhub: StandIn) -> None:
    done = run_release(COMPONENT, "1.0.0", CLOUDHUB_URL=cloudhub.url)

    assert done.returncode == 0, done.stderr
    assert "patient-api none -> 1.4.113: applied\nadmissions-api none -> 1.2.195: applied\n" in done.stdout
    assert running(cloudhub, "TEST") == {"patient-api": "1.4.113", "admissions-api": "1.2.195"}


def test_a_second_run_changes_nothing(run_release: Any, cloudhub: StandIn) -> None:
    run_release(COMPONENT, "1.0.0", CLOUDHUB_URL=cloudhub.url)

    done = run_release(COMPONENT, "1.0.0", "TEST", "2026.11.2", CLOUDHUB_URL=cloudhub.url)

    assert "patient-api 1.4.113: unchanged\nadmissions-api 1.2.195: unchanged\n0 of 2 applied" in done.stdout
    assert cloudhub.get("/environments/TEST/applications/patient-api").json()["release"] == "2026.11.1"


def test_only_the_api_that_changed_is_applied(run_release: Any, cloudhub: StandIn) -> None:
    run_release(COMPONENT, "1.0.0", CLOUDHUB_URL=cloudhub.url)

    done = run_release(COMPONENT, "1.0.1", "TEST", "2026.11.2", CLOUDHUB_URL=cloudhub.url)

    assert "patient-api 1.4.113 -> 1.4.114: applied\nadmissions-api 1.2.195: unchanged\n" in done.stdout


def test_another_environment_has_a_state_of_its_own(run_release: Any, cloudhub: StandIn) -> None:
    run_release(COMPONENT, "1.0.1", CLOUDHUB_URL=cloudhub.url)

    done = run_release(COMPONENT, "1.0.0", "PROD", "2026.11.1", CLOUDHUB_URL=cloudhub.url)

    assert "2 of 2 applied" in done.stdout
    assert running(cloudhub, "TEST")["patient-api"] == "1.4.114"
    assert running(cloudhub, "PROD")["patient-api"] == "1.4.113"


def test_a_deleted_application_is_deployed_again(run_release: Any, cloudhub: StandIn) -> None:
    run_release(COMPONENT, "1.0.0", CLOUDHUB_URL=cloudhub.url)
    requests.delete(f"{cloudhub.url}/environments/TEST/applications/admissions-api", timeout=10).raise_for_status()

    done = run_release(COMPONENT, "1.0.0", CLOUDHUB_URL=cloudhub.url)

    assert "patient-api 1.4.113: unchanged\nadmissions-api none -> 1.2.195: applied" in done.stdout


def test_a_changed_setting_of_one_api_applies_that_api_alone(cloudhub: StandIn, tmp_path: Path) -> None:
    folder = unpacked(build(COMPONENT, "1.0.0"), tmp_path / "package")
    run_script(folder, tmp_path, CLOUDHUB_URL=cloudhub.url)
    with (folder / "settings/TEST.properties").open("a") as file:
        file.write("patient-api.replicas=3\n")

    done = run_script(folder, tmp_path, CLOUDHUB_URL=cloudhub.url)

    assert "patient-api 1.4.113, settings changed: applied\nadmissions-api 1.2.195: unchanged" in done.stdout
    stored = cloudhub.get("/environments/TEST/applications/patient-api").json()["settings"]
    assert stored["replicas"] == "3"


def test_a_manifest_can_be_stated(run_release: Any, cloudhub: StandIn) -> None:
    run_release(COMPONENT, "2.0.0", build={"manifest": {"patient-api": "9.9.9"}}, CLOUDHUB_URL=cloudhub.url)

    assert running(cloudhub, "TEST") == {"patient-api": "9.9.9"}


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "There is nowhere to deploy to."),
        ({"ANYPOINT_CLIENT_ID": "x"}, "Set both ANYPOINT_CLIENT_ID and ANYPOINT_CLIENT_SECRET, or neither."),
        ({"CLOUDHUB_URL": "http://127.0.0.1:1"}, "CloudHub at http://127.0.0.1:1 cannot be reached: "),
        ({"CLOUDHUB_URL": "nonsense"}, "What answers at nonsense is not CloudHub. Check CLOUDHUB_URL."),
        (CREDENTIALS, "anypoint-cli-v4 is not in PATH."),
    ],
)
def test_a_missing_target_is_refused_with_a_sentence(
    run_release: Any, variables: dict[str, str], sentence: str
) -> None:
    done = run_release(COMPONENT, "1.0.0", **variables)

    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_an_environment_without_settings_is_refused(run_release: Any, cloudhub: StandIn) -> None:
    done = run_release(COMPONENT, "1.0.0", "STAGE", "2026.11.1", CLOUDHUB_URL=cloudhub.url)

    assert done.returncode == 1
    assert "This package has no settings for STAGE, only for: PROD, TEST." in done.stderr
    assert running(cloudhub, "STAGE") == {}


def test_a_malformed_manifest_is_refused(cloudhub: StandIn, tmp_path: Path) -> None:
    folder = unpacked(build(COMPONENT, "1.0.0"), tmp_path / "package")
    (folder / "manifest").write_text("patient-api 1.4.113\n")

    done = run_script(folder, tmp_path, CLOUDHUB_URL=cloudhub.url)

    assert done.returncode == 1
    assert "Line 1 of manifest is not name=value: patient-api 1.4.113" in done.stderr


def test_a_target_that_refuses_fails_the_script_with_its_sentence(run_release: Any, portal: Portal) -> None:
    portal.status, portal.body = 403, b'{"sentence": "This organisation has no vCores left."}'

    done = run_release(COMPONENT, "1.0.0", CLOUDHUB_URL=portal.url)

    assert done.returncode == 1
    assert done.stderr == "CloudHub refused: This organisation has no vCores left.\n"
    assert [asked["method"] for asked in portal.asked] == ["GET", "PUT"]


def test_credentials_deploy_a_new_application_through_the_cli(run_release: Any, fake_cli: Any) -> None:
    anypoint = fake_cli("anypoint-cli-v4", "echo '[]'")

    done = run_release(
        COMPONENT, "1.0.0", "PROD", "2026.11.1", build={"manifest": {"patient-api": "1.4.113"}},
        PATH=anypoint["PATH"], **CREDENTIALS,
    )  # fmt: skip

    listed, deployed = anypoint["calls"]()
    (state,) = [argument for argument in deployed if argument.startswith("desired.state.hash:")]
    assert done.returncode == 0, done.stderr
    assert listed == ["runtime-mgr:application:list", "--environment", "PROD", "--output", "json"]
    assert deployed == [
        "runtime-mgr:application:deploy", "patient-api", "cloudhub-eu-central-1", "4.9.4", "patient-api",
        "--releaseChannel", "LTS", "--javaVersion", "17", "--assetVersion", "1.4.113", "--environment", "PROD",
        "--replicas", "2", "--replicaSize", "0.5", "--property", "mule.env:prod", "--property", "log.level:INFO",
        "--property", state, "--property", "desired.state.version:1.4.113",
        "--property", "desired.state.release:2026.11.1",
    ]  # fmt: skip


def described(version: str, settings_hash: str) -> str:
    """A fake that lists one application and describes it."""
    properties = {"desired.state.hash": settings_hash, "desired.state.version": version}
    description = json.dumps({"application": {"configuration": {"properties": properties}}})
    return f"""case "$1" in
    *:list) echo '[{{"id": "id-1", "name": "patient-api"}}]' ;;
    *:describe) echo '{description}' ;;
    esac"""


def test_an_application_that_runs_is_modified(run_release: Any, fake_cli: Any) -> None:
    anypoint = fake_cli("anypoint-cli-v4", described("1.4.112", "0" * 64))

    done = run_release(
        COMPONENT, "1.0.0", build={"manifest": {"patient-api": "1.4.113"}}, PATH=anypoint["PATH"], **CREDENTIALS
    )

    _, describe, modify = anypoint["calls"]()
    assert "patient-api 1.4.112 -> 1.4.113: applied" in done.stdout
    assert describe == ["runtime-mgr:application:describe", "id-1", "--environment", "TEST", "--output", "json"]
    assert modify[:10] == [
        "runtime-mgr:application:modify", "id-1", "--artifactId", "patient-api", "--runtimeVersion", "4.9.4",
        "--assetVersion", "1.4.113", "--environment", "TEST",
    ]  # fmt: skip


def test_an_application_in_its_desired_state_is_left_alone(run_release: Any, fake_cli: Any) -> None:
    options = {"build": {"manifest": {"patient-api": "1.4.113"}}}
    recording = fake_cli("anypoint-cli-v4", "echo '[]'")
    run_release(COMPONENT, "1.0.0", PATH=recording["PATH"], **options, **CREDENTIALS)
    (state,) = [argument for argument in recording["calls"]()[1] if argument.startswith("desired.state.hash:")]
    anypoint = fake_cli("anypoint-cli-v4", described("1.4.113", state.partition(":")[2]))

    done = run_release(COMPONENT, "1.0.0", PATH=anypoint["PATH"], **options, **CREDENTIALS)

    assert "patient-api 1.4.113: unchanged" in done.stdout
    assert anypoint["calls"]()[-1][0] == "runtime-mgr:application:describe"


def test_a_failing_cli_fails_the_script_without_its_secrets(run_release: Any, fake_cli: Any) -> None:
    anypoint = fake_cli("anypoint-cli-v4", 'echo "bad login $ANYPOINT_CLIENT_ID $ANYPOINT_CLIENT_SECRET" >&2; exit 4')

    done = run_release(COMPONENT, "1.0.0", PATH=anypoint["PATH"], **CREDENTIALS)

    assert done.returncode == 1
    assert "anypoint-cli-v4 runtime-mgr:application:list failed with status 4: bad login" in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr + str(anypoint["calls"]())
    assert "ANYPOINT_CLIENT_SECRET=s3cr3t" in anypoint["environment"]()


def test_a_cli_that_does_not_answer_with_json_is_refused(run_release: Any, fake_cli: Any) -> None:
    anypoint = fake_cli("anypoint-cli-v4", "echo 'A new version is available'")

    done = run_release(COMPONENT, "1.0.0", PATH=anypoint["PATH"], **CREDENTIALS)

    assert done.returncode == 1
    assert "did not answer with JSON" in done.stderr
