"""What a package built by CDAF says about itself, and where it can be deployed."""

import base64
import gzip

import pytest

from registry.cdaf import about, targets_for
from registry.inspection import Limits, inspect, unpack
from registry.targets import why_no_target
from tests.registry.packages import a_tar, a_zip, cdaf_files, cdaf_script, saved

LIMITS = Limits(unpacked_bytes=10_000_000, members=1000, ratio=200)
FILES = cdaf_files("TEST", "PROD")
ABOUT = {
    "solution": "patient-pages",
    "build_number": "17",
    "revision": "main",
    "artifact_prefix": "1.4",
    "version": "1.4.17",
}


def inspected(tmp_path, data: bytes):
    return inspect(saved(tmp_path, data), LIMITS)


PACKAGES = {
    "script": cdaf_script(FILES),
    "script of a tar with dots": cdaf_script({f"./{name}": data for name, data in FILES.items()}),
    "script with a package for remote tasks": cdaf_script(FILES | {"patient-pages-17.tar.gz": a_tar(FILES, "gz")}),
    "tar": a_tar(FILES | {"patient-pages-17.tar.gz": b"x"}, "gz"),
    "zip": a_zip(FILES),
    "zip with everything in one directory": a_zip({f"patient-pages/{name}": data for name, data in FILES.items()}),
    "zip of what is in the directory": a_zip({name.removeprefix("TasksLocal/"): data for name, data in FILES.items()}),
    "zip that holds the script": a_zip({"release.sh": cdaf_script(FILES), "README": b"x"}),
    "tar with the script in a directory": a_tar({"patient-pages/release.sh": cdaf_script(FILES)}),
}


@pytest.mark.parametrize("data", PACKAGES.values(), ids=PACKAGES.keys())
def test_a_package_says_what_it_is_and_which_environments_it_has_settings_for(tmp_path, data):
    inspection = inspected(tmp_path, data)

    assert inspection.about == ABOUT
    assert inspection.targets == ["PROD", "TEST"]
    assert inspection.contents == {}


@pytest.mark.parametrize("data", PACKAGES.values(), ids=PACKAGES.keys())
def test_a_package_says_the_same_when_it_is_unpacked(tmp_path, data):
    path = saved(tmp_path, data)

    assert unpack(path, tmp_path / "run", LIMITS) == inspect(path, LIMITS)


@pytest.mark.parametrize(
    "directory", ["propertiesForLocalTasks", "propertiesForRemoteTasks", "propertiesForContainerTasks"]
)
def test_properties_for_each_kind_of_task_count(tmp_path, directory):
    files = {f"TasksLocal/{directory}/STAGE": b"x=1", f"TasksLocal/{directory}/.gitkeep": b"x"}

    assert inspected(tmp_path, a_tar(files)).targets == ["STAGE"]


@pytest.mark.parametrize(
    "path", ["propertiesForLocalTasks/deep/TEST", "a/b/propertiesForLocalTasks/TEST", "custom/TEST", "TEST"]
)
def test_a_file_elsewhere_is_no_target(tmp_path, path):
    assert inspected(tmp_path, a_tar({path: b"x"})).targets == []


def test_properties_in_one_of_several_directories_are_somebody_elses(tmp_path):
    files = {"one/propertiesForLocalTasks/TEST": b"x", "two/README": b"x"}

    assert inspected(tmp_path, a_zip(files)).targets == []


def test_what_the_script_carries_replaces_what_lies_beside_it(tmp_path):
    beside = cdaf_files("OLD", manifest=b"SOLUTION=old\nBUILDNUMBER=1\n")

    inspection = inspected(tmp_path, a_zip(beside | {"release.sh": cdaf_script(FILES)}))

    assert (inspection.targets, inspection.about) == (["PROD", "TEST"], ABOUT)


# -- what it is -------------------------------------------------------------------------------------------------------


def test_without_a_manifest_the_first_lines_of_the_script_say_it(tmp_path):
    inspection = inspected(tmp_path, cdaf_script(cdaf_files("TEST", manifest=None), version="2.0.5"))

    assert inspection.about == {"solution": "patient-pages", "version": "2.0.5"}
    assert inspection.targets == ["TEST"]


def test_a_script_that_carries_nothing_says_nothing_about_itself(tmp_path):
    script = b"#!/bin/sh\nSOLUTION=patient-pages\necho 'Launching release.sh (1.4.17) ...'\n"

    assert inspected(tmp_path, script).about == {}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"SOLUTION=a", {"solution": "a"}),
        (b"  SOLUTION = a b  # comment", {"solution": "a b"}),
        (b"SOLUTION=a\nSOLUTION=b", {"solution": "a"}),
        (b"REVISION=feature/x=1", {"revision": "feature/x=1"}),
        (b"# SOLUTION=a", {}),
        (b"SOLUTION=", {}),
        (b"SOLUTION=" + b"a" * 201, {}),
        (b"SOLUTION=a\x1b[2J", {}),
        (b"solution=a\nproductName=b", {}),
        (b"\xff\xfe", {}),
    ],
)
def test_a_line_of_its_manifest_says(line, said):
    assert about(line) == said


# -- what it cannot be read from -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        b"A",
        b"AAAA",
        b"*" * 80,
        base64.b64encode(a_tar({"../evil": b"x"}, "gz")),
        base64.b64encode(gzip.compress(b"x")),
        base64.b64encode(gzip.compress(bytes(9_000_000))),
        base64.b64encode(a_tar(FILES, "gz")[:-9]),
    ],
    ids=["one character", "too short", "no base64", "climbs out", "no tar", "a bomb", "cut off"],
)
def test_a_payload_that_cannot_be_read_says_nothing_and_is_not_refused(tmp_path, payload):
    inspection = inspected(tmp_path, cdaf_script(payload))

    assert (inspection.format, inspection.targets, inspection.contents) == ("script", [], {})
    assert inspection.about == {"solution": "patient-pages", "version": "1.4.17"}


@pytest.mark.parametrize(
    "beginning",
    [
        b"base64 -d << 'EOF' | tar -xzf -\n",
        b'base64 -d <<"EOF" | tar -xzf - -C .\n',
        b"  base64 --decode << EOF | tar -xzf -\n",
    ],
)
def test_the_payload_may_begin_in_other_ways(tmp_path, beginning):
    script = cdaf_script(FILES).replace(b"base64 -d << EOF | tar -xzf -\n", beginning)

    assert inspected(tmp_path, script).targets == ["PROD", "TEST"]


def test_a_payload_without_its_end_is_read_to_the_end_of_the_script(tmp_path):
    script, _, _ = cdaf_script(FILES).partition(b"\nEOF\n")

    assert inspected(tmp_path, script).targets == ["PROD", "TEST"]


def test_a_script_that_is_far_too_large_is_not_looked_into(tmp_path):
    script = cdaf_script(FILES) + b"#" * 16 * 1024 * 1024

    inspection = inspect(saved(tmp_path, script), Limits(unpacked_bytes=50_000_000, members=100, ratio=200))

    assert (inspection.targets, inspection.about) == ([], {})


# -- where it can be deployed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "taken"),
    [
        ("TEST", ["TEST", "TEST2"]),
        ("TEST2", ["TEST2"]),
        ("PROD", ["PROD"]),
        ("T", ["TEST", "TEST2"]),
        ("test", []),
        ("STAGE", []),
        ("TEST22", []),
    ],
)
def test_a_delivery_takes_every_target_whose_name_begins_with_the_environment(environment, taken):
    assert targets_for(environment, ["PROD", "TEST", "TEST2"]) == taken


def test_an_environment_without_settings_is_named_with_those_that_have_some():
    sentence = why_no_target("Patient UI 1.4.17", "STAGE", ["TEST", "PROD"])

    assert sentence == (
        "Patient UI 1.4.17 has no settings for STAGE: it supports TEST and PROD. Its script would end without doing"
        " anything. Push a version with settings for STAGE, or deploy it elsewhere."
    )


def test_an_environment_that_only_is_written_differently_is_named_as_it_is_there():
    sentence = why_no_target("Patient UI 1.4.17", "test", ["DEV", "TEST2", "TEST"])

    assert sentence == (
        "Patient UI 1.4.17 has no settings for test: it supports DEV, TEST2 and TEST. It is written TEST there. Its"
        " script would end without doing anything. Push a version with settings for test, or deploy it elsewhere."
    )


def test_of_many_targets_only_the_first_are_named():
    sentence = why_no_target("UI 1", "PROD", [f"T{number}" for number in range(20)])

    assert "it supports T0, T1, T2, T3, T4, T5, T6, T7 and 12 more." in sentence


@pytest.mark.parametrize("targets", [[], ["TEST"], ["TEST2"]])
def test_nothing_is_wrong_where_the_package_says_nothing_or_has_a_target(targets):
    assert why_no_target("Patient UI 1.4.17", "TEST", targets) is None
