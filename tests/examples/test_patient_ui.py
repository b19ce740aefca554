import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.examples.conftest import StandIn

CREDENTIALS = {
    "CLOUDFLARE_API_TOKEN": "s3cr3t-token",
    "CLOUDFLARE_ACCOUNT_ID": "account-1",
    "CLOUDFLARE_PAGES_PROJECT": "portal",
}


def test_the_site_shows_its_version_environment_and_release(run_release: Any, sites: StandIn, tmp_path: Path) -> None:
    done = run_release("patient-ui", "1.0.0", "TEST", "2026.11.1", SITE_ROOT=tmp_path / "sites")

    page = sites.get("/test/").text
    assert done.returncode == 0, done.stderr
    assert '<dd id="version">1.0.0</dd>' in page
    assert '<dd id="environment">TEST</dd>' in page
    assert '<dd id="release">2026.11.1</dd>' in page
    assert "{{" not in page


def test_the_site_states_for_machines_what_it_is(run_release: Any, sites: StandIn, tmp_path: Path) -> None:
    run_release("patient-ui", "1.0.0", "TEST", "2026.11.1", SITE_ROOT=tmp_path / "sites")

    stated = sites.get("/test/version.json").json()

    assert stated == {"component": "patient-ui", "version": "1.0.0", "environment": "TEST", "release": "2026.11.1"}


def test_each_environment_has_a_site_of_its_own(run_release: Any, sites: StandIn, tmp_path: Path) -> None:
    run_release("patient-ui", "1.1.0", "TEST", "2026.11.2", SITE_ROOT=tmp_path / "sites")

    run_release("patient-ui", "1.0.0", "PROD", "2026.11.1", SITE_ROOT=tmp_path / "sites")

    assert sites.get("/test/version.json").json()["version"] == "1.1.0"
    assert sites.get("/prod/version.json").json()["version"] == "1.0.0"


def test_a_second_publication_replaces_the_first_and_leaves_nothing_behind(run_release: Any, tmp_path: Path) -> None:
    root = tmp_path / "sites"
    run_release("patient-ui", "1.0.0", "TEST", "2026.11.1", SITE_ROOT=root)

    run_release("patient-ui", "1.0.1", "TEST", "2026.11.2", SITE_ROOT=root)

    assert json.loads((root / "test/version.json").read_text())["version"] == "1.0.1"
    assert len(list((root / ".published/test").iterdir())) == 1


def test_publishing_one_environment_leaves_one_with_a_similar_name_alone(run_release: Any, tmp_path: Path) -> None:
    root = tmp_path / "sites"
    run_release("patient-ui", "1.0.0", "TEST.EU", "2026.11.1", SITE_ROOT=root)

    run_release("patient-ui", "1.0.1", "TEST", "2026.11.2", SITE_ROOT=root)

    assert json.loads((root / "test.eu/version.json").read_text())["version"] == "1.0.0"


def test_a_directory_that_somebody_else_made_is_not_replaced(run_release: Any, tmp_path: Path) -> None:
    theirs = tmp_path / "sites/test"
    theirs.mkdir(parents=True)

    done = run_release("patient-ui", "1.0.0", SITE_ROOT=tmp_path / "sites")

    assert done.returncode == 1
    assert "was not published by this script. Move it away first." in done.stderr
    assert not theirs.is_symlink()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "There is nowhere to publish to."),
        ({"CLOUDFLARE_API_TOKEN": "x"}, "Set both CLOUDFLARE_API_TOKEN and CLOUDFLARE_ACCOUNT_ID, or neither."),
        ({"CLOUDFLARE_API_TOKEN": "x", "CLOUDFLARE_ACCOUNT_ID": "y"}, "Set CLOUDFLARE_PAGES_PROJECT"),
        ({"SITE_ROOT": "/dev/null/sites"}, "Cannot write to /dev/null/sites."),
    ],
)
def test_a_missing_place_is_refused_with_a_sentence(run_release: Any, variables: dict[str, str], sentence: str) -> None:
    done = run_release("patient-ui", "1.0.0", **variables)

    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.mark.parametrize(
    "arguments", [("TEST",), ("../prod", "2026.11.1"), ("TEST", "$(touch x)"), ("-rf", "2026.11.1")]
)
def test_unusable_arguments_are_refused_before_anything_is_written(
    run_release: Any, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = run_release("patient-ui", "1.0.0", *arguments, SITE_ROOT=tmp_path / "sites")

    assert done.returncode == 1
    assert not (tmp_path / "sites").exists()


def test_credentials_publish_through_wrangler(run_release: Any, fake_cli: Any, tmp_path: Path) -> None:
    wrangler = fake_cli("wrangler", "echo Uploaded")

    done = run_release("patient-ui", "1.0.0", "PROD", "2026.11.1", PATH=wrangler["PATH"], **CREDENTIALS)

    (call,) = wrangler["calls"]()
    commit = call.pop(8)
    assert done.returncode == 0, done.stderr
    assert call == [
        "pages", "deploy", "dist", "--project-name", "portal", "--branch", "prod", "--commit-hash",
        "--commit-message", "patient-ui 1.0.0, release 2026.11.1", "--commit-dirty=true",
    ]  # fmt: skip
    assert re.fullmatch("[0-9a-f]{40}", commit)
    assert "CI=true\n" in wrangler["environment"]()
    assert "WRANGLER_SEND_METRICS=false\n" in wrangler["environment"]()


def test_the_branch_of_an_environment_can_be_stated(run_release: Any, fake_cli: Any) -> None:
    wrangler = fake_cli("wrangler")

    run_release("patient-ui", "1.0.0", PATH=wrangler["PATH"], CLOUDFLARE_PAGES_BRANCH="main", **CREDENTIALS)

    (call,) = wrangler["calls"]()
    assert call[5:7] == ["--branch", "main"]


def test_a_failing_wrangler_fails_the_script(run_release: Any, fake_cli: Any) -> None:
    wrangler = fake_cli("wrangler", "echo 'Authentication error [code: 10000]' >&2; exit 7")

    done = run_release("patient-ui", "1.0.0", PATH=wrangler["PATH"], **CREDENTIALS)

    assert done.returncode == 1
    assert "wrangler failed with status 7." in done.stderr
    assert "Done" not in done.stdout


def test_no_secret_is_printed_or_passed_as_an_argument(run_release: Any, fake_cli: Any) -> None:
    wrangler = fake_cli("wrangler")

    done = run_release("patient-ui", "1.0.0", PATH=wrangler["PATH"], **CREDENTIALS)

    assert "s3cr3t-token" not in done.stdout + done.stderr + str(wrangler["calls"]())
    assert "CLOUDFLARE_API_TOKEN=s3cr3t-token" in wrangler["environment"]()


def test_a_missing_wrangler_is_named(run_release: Callable[..., Any], tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("bash", "env", "cat", "tr", "sed", "cp", "rm", "find", "wc", "dirname"):
        (tools / tool).symlink_to(str(shutil.which(tool)))

    done = run_release("patient-ui", "1.0.0", PATH=tools, **CREDENTIALS)

    assert done.returncode == 1
    assert "wrangler is not in PATH." in done.stderr
