"""A bundle is unpacked with tar and run with bash, as a developer does."""

import json

import pytest

from registry.models import PackageVersion
from tests.factories import a_lone_project
from tests.registry.packages import a_zip, a_zip_of, zip_entry
from tests.releases.bundles import (
    REPORTS,
    a_path_with,
    a_portal,
    a_portal_release,
    environment_of,
    ran,
    released,
    runs,
    stored,
    unpacked,
)

pytestmark = pytest.mark.django_db
EVERYTHING = ["desired-state 1.0.0 DEV 1.0.1", "patient-ui 2.1.0 DEV 1.0.1", "notice 1.0.0 DEV 1.0.1"]


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.PACKAGES_DIR = tmp_path / "packages"


@pytest.fixture
def portal(tmp_path):
    """The unpacked bundle of a release like the Patient Portal's."""
    return unpacked(a_portal_release(), tmp_path / "fetched")


def flipped(path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


# -- running it -------------------------------------------------------------------------------------------------------


def test_every_package_is_run_in_the_order_of_the_stages_with_environment_and_release(portal):
    done = ran(portal, "DEV")

    assert (done.returncode, runs(portal)) == (0, EVERYTHING)
    assert done.stdout.endswith("Everything has succeeded in DEV.\n")


def test_it_can_be_run_from_anywhere_and_again(portal, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert [ran(portal, "DEV").returncode for _ in range(2)] == [0, 0]
    assert runs(portal) == EVERYTHING * 2


def test_a_script_sees_its_variables_and_nothing_else_of_the_callers_environment(portal):
    ran(portal, "DEV", SECRET_OF_MINE="x", TZ="Europe/Stockholm")

    seen = environment_of(portal, "patient-ui")
    given_by_bash = {"PWD", "SHLVL", "_", "OLDPWD"}
    assert set(seen) - given_by_bash <= {
        *("PATH", "LANG", "LC_ALL", "TZ", "HOME", "TMPDIR", "SITE_ROOT"),
        *("SIGNALBOX_PROJECT", "SIGNALBOX_PACKAGE", "SIGNALBOX_VERSION", "SIGNALBOX_PACKAGES"),
    }
    assert (seen["TZ"], seen["SIGNALBOX_PROJECT"]) == ("Europe/Stockholm", "patient-ui")


def test_a_script_is_told_what_the_release_holds_as_the_engine_tells_it(portal):
    ran(portal, "DEV")

    [held] = json.loads(environment_of(portal, "patient-ui")["SIGNALBOX_PACKAGES"])
    ui = PackageVersion.objects.get(package__name="patient-ui")
    assert held == {
        "feed": "builtin",
        "name": "patient-ui",
        "version": "2.1.0",
        "digest": f"sha256:{ui.artifact.sha256}",
    }


def test_every_package_runs_in_a_fresh_directory_that_is_gone_afterwards(portal, tmp_path):
    ran(portal, "DEV", TMPDIR=str(tmp_path))

    places = {(portal.parent / "site" / f"{name}.directory").read_text() for name in ("patient-ui", "notice")}
    assert len(places) == 2
    assert list(tmp_path.glob("tmp.*")) == []


def test_the_first_failure_stops_everything_after_it(tmp_path):
    script = REPORTS + b'[ "$SIGNALBOX_PACKAGE" != patient-ui ] || exit 3\n'
    portal = unpacked(a_portal_release(script), tmp_path / "fetched")

    done = ran(portal, "DEV")

    assert (done.returncode, runs(portal)) == (1, EVERYTHING[:2])
    assert "patient-ui 2.1.0 of patient-ui failed with exit status 3. What comes after it was not run." in done.stderr


def test_one_component_can_be_run_alone(portal):
    done = ran(portal, "DEV", "--only", "notice")

    assert (done.returncode, runs(portal)) == (0, [EVERYTHING[2]])


def test_every_step_of_a_process_is_run(tmp_path):
    website = a_lone_project("Website")
    stored("website", a_zip({"release.sh": REPORTS, "smoke.sh": REPORTS + b"echo smoke >>$SITE_ROOT/runs\n"}))
    website.process.steps.create(position=2, name="Smoke test", settings={"entry_point": "smoke.sh"})
    directory = unpacked(released(website), tmp_path / "fetched")

    ran(directory, "DEV")

    assert runs(directory) == ["website 1.0.0 DEV 1.0.0", "website 1.0.0 DEV 1.0.0", "smoke"]


# -- damage -----------------------------------------------------------------------------------------------------------


def test_verifying_runs_nothing(portal):
    done = ran(portal, "--verify")

    assert (done.returncode, done.stdout, runs(portal)) == (0, "Everything is as it was published.\n", [])


@pytest.mark.parametrize("arguments", [("DEV",), ("--verify",), ("DEV", "--only", "desired-state")])
def test_a_flipped_byte_in_a_package_is_refused_before_anything_has_run(portal, arguments):
    flipped(portal / "packages" / "notice.1.0.0.sh")

    done = ran(portal, *arguments)

    assert (done.returncode, runs(portal)) == (2, [])
    assert "packages/notice.1.0.0.sh: FAILED" in done.stderr
    assert "Nothing was run. Fetch the release again." in done.stderr


def test_a_missing_package_is_refused_before_anything_has_run(portal):
    (portal / "packages" / "notice.1.0.0.sh").unlink()

    done = ran(portal, "DEV")

    assert (done.returncode, runs(portal)) == (2, [])


def test_a_changed_order_is_refused(portal):
    flipped(portal / "order")

    assert ran(portal, "DEV").returncode == 2
    assert runs(portal) == []


# -- what it needs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def with_modes(tmp_path):
    """A zip whose script calls another one that has to be executable."""
    website = a_lone_project("Website")
    helper = (zip_entry("bin/helper", 0o100755), REPORTS)
    stored("website", a_zip_of((zip_entry("release.sh", 0o100644), b'#!/bin/bash\nexec ./bin/helper "$@"\n'), helper))
    return unpacked(released(website), tmp_path / "fetched")


def test_without_unzip_python_unpacks(portal, tmp_path):
    done = ran(portal, "DEV", PATH=a_path_with(tmp_path / "bin", "python3"))

    assert (done.returncode, runs(portal)) == (0, EVERYTHING)


def test_what_may_be_executed_stays_so_without_unzip(with_modes, tmp_path):
    done = ran(with_modes, "DEV", PATH=a_path_with(tmp_path / "bin", "python3"))

    assert (done.returncode, runs(with_modes)) == (0, ["website 1.0.0 DEV 1.0.0"])


def test_what_may_be_executed_stays_so(with_modes):
    done = ran(with_modes, "DEV")

    assert (done.returncode, runs(with_modes)) == (0, ["website 1.0.0 DEV 1.0.0"])


def test_without_both_a_sentence_says_what_is_needed(portal, tmp_path):
    done = ran(portal, "DEV", PATH=a_path_with(tmp_path / "bin"))

    assert done.returncode == 2
    assert "Neither unzip nor python3 is installed" in done.stderr


# -- variables --------------------------------------------------------------------------------------------------------


def test_without_variables_nothing_is_run(portal):
    (portal / "variables").unlink()

    done = ran(portal, "DEV")

    assert (done.returncode, runs(portal)) == (2, [])
    assert "copy variables.example to variables and fill it in" in done.stderr


def test_a_variable_may_be_for_one_component_and_then_counts_more(portal):
    file = portal / "variables"
    file.write_text(
        file.read_text() + "# a comment\nURL=for all\n\n[patient-ui]\nURL=for the UI = yes \n[notice]\nX=1\n"
    )

    ran(portal, "DEV")

    seen = {name: environment_of(portal, name) for name in ("desired-state", "patient-ui", "notice")}
    assert {name: found["URL"] for name, found in seen.items()} == {
        "desired-state": "for all",
        "patient-ui": "for the UI = yes ",
        "notice": "for all",
    }
    assert [name for name, found in seen.items() if "X" in found] == ["notice"]


def test_a_variable_may_come_from_a_file(portal):
    (portal / "key.pem").write_text("first\nsecond $HOME `id`\n")
    file = portal / "variables"
    file.write_text(file.read_text() + "KEY<key.pem\n")

    ran(portal, "DEV")

    assert environment_of(portal, "notice")["KEY"] == "first\nsecond $HOME `id`"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("export A=1", "Line 2 of “variables” is neither NAME=value nor NAME<file."),
        ("A<nowhere.pem", "Line 2 of “variables” names the file “nowhere.pem”, which cannot be read."),
    ],
)
def test_a_wrong_line_of_variables_is_refused_before_anything_has_run(portal, line, sentence):
    file = portal / "variables"
    file.write_text(file.read_text() + f"{line}\n")

    done = ran(portal, "DEV")

    assert (done.returncode, runs(portal)) == (2, [])
    assert sentence in done.stderr


def test_what_looks_like_a_command_in_a_value_is_a_value(portal):
    file = portal / "variables"
    file.write_text(file.read_text() + 'X=$(touch "$SITE_ROOT/harm") `id` ; false\n')

    ran(portal, "DEV")

    assert environment_of(portal, "notice")["X"] == '$(touch "$SITE_ROOT/harm") `id` ; false'
    assert not (portal.parent / "site" / "harm").exists()


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name the environment."),
        (("DEV; rm -rf /",), "“DEV; rm -rf /” cannot be given to a package"),
        (("DEV", "PROD"), "Name one environment"),
        (("DEV", "--only", "nothing"), "There is no component “nothing” in this release. It has: desired-state"),
        (("DEV", "--only"), "Say which component"),
        (("--force", "DEV"), "There is no option --force."),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(portal, arguments, sentence):
    done = ran(portal, *arguments)

    assert (done.returncode, runs(portal)) == (2, [])
    assert sentence in done.stderr


def test_help_says_how_it_is_run(portal):
    done = ran(portal, "--help")

    assert done.returncode == 0
    assert "./run.sh ENVIRONMENT --only COMPONENT" in done.stdout


def test_a_package_without_an_entry_point_is_refused_before_anything_has_run(tmp_path):
    portal = a_portal()
    stored("notice", a_zip({"notice.txt": b"Closed on Sunday"}), "2.0.0")
    directory = unpacked(released(portal), tmp_path / "fetched")

    done = ran(directory, "DEV")

    assert (done.returncode, runs(directory)) == (2, [])
    assert "notice 2.0.0 of notice has no entry point" in done.stderr


def test_what_lies_in_another_store_is_refused_before_anything_has_run(portal):
    order = portal / "order"
    order.write_text(order.read_text().replace("packages/notice.1.0.0.sh", "-"))
    sums = portal / "SHA256SUMS"
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if not line.endswith("  order\n")))

    refused, alone = ran(portal, "DEV"), ran(portal, "DEV", "--only", "patient-ui")

    assert "notice 1.0.0 of notice lies in another store and is not part of this." in refused.stderr
    assert (refused.returncode, alone.returncode, runs(portal)) == (2, 0, [EVERYTHING[1]])


def test_the_manifest_and_the_order_say_the_same(portal):
    manifest = json.loads((portal / "manifest.json").read_text())
    lines = [line.split("\t") for line in (portal / "order").read_text().splitlines() if line.startswith("run\t")]

    assert [(line[2], line[6], line[7]) for line in lines] == [
        (item["component"], item["file"], item["entry_point"]) for item in manifest["components"]
    ]
