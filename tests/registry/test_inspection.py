import tarfile
import zipfile

import pytest

from registry.inspection import Limits, PackageRefused, inspect, unpack
from tests.registry.packages import SCRIPT, a_tar, a_tar_of, a_zip, a_zip_of, saved, tar_entry, zip_entry

LIMITS = Limits(unpacked_bytes=10_000_000, members=1000, ratio=200)
SITE = {"release.sh": SCRIPT, "dist/index.html": b"<h1>Patient Portal</h1>"}


@pytest.mark.parametrize(
    ("data", "format"),
    [
        (a_zip(SITE), "zip"),
        (a_zip(SITE, zipfile.ZIP_STORED), "zip"),
        (a_zip(SITE | {"patient-ui.nuspec": b"<package/>"}), "nupkg"),
        (a_zip(SITE | {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0"}), "jar"),
        (a_zip(SITE | {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0", "WEB-INF/web.xml": b"<web-app/>"}), "war"),
        (a_zip(SITE | {"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0", "META-INF/application.xml": b"<x/>"}), "ear"),
        (a_tar(SITE), "tar"),
        (a_tar(SITE, "gz"), "tar.gz"),
        (a_tar(SITE, "bz2"), "tar.bz2"),
    ],
)
def test_a_package_is_recognised_by_what_it_holds(tmp_path, data, format):
    inspection = inspect(saved(tmp_path, data), LIMITS)

    assert inspection.format == format
    assert inspection.entry_point == "release.sh"


@pytest.mark.parametrize("data", [a_zip(SITE), a_tar(SITE), a_tar(SITE, "gz"), a_tar(SITE, "bz2")])
def test_unpacking_writes_what_inspection_saw(tmp_path, data):
    path = saved(tmp_path, data)

    unpacked = unpack(path, tmp_path / "run", LIMITS)

    assert unpacked == inspect(path, LIMITS)
    assert unpacked.members == 2
    assert unpacked.unpacked_bytes == sum(map(len, SITE.values()))
    assert (tmp_path / "run/release.sh").read_bytes() == SCRIPT
    assert (tmp_path / "run/dist/index.html").read_bytes() == SITE["dist/index.html"]


@pytest.mark.parametrize(
    "first_line",
    [b"#!/bin/sh\n", b"#!/usr/bin/env bash\n", b"#! /bin/bash -e\r\n", b"#!/bin/dash", b"#!/usr/local/bin/zsh\n"],
)
def test_a_single_shell_script_is_a_package(tmp_path, first_line):
    path = saved(tmp_path, first_line + b"\n\x00\x01payload")

    inspection = unpack(path, tmp_path / "run", LIMITS)

    assert (inspection.format, inspection.entry_point, inspection.members) == ("script", "release.sh", 1)
    assert (tmp_path / "run/release.sh").read_bytes() == path.read_bytes()
    assert (tmp_path / "run/release.sh").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("first_line", [b"#!/usr/bin/python3\n", b"#!/bin/false sh\n", b"#!\n", b"#!/bin/shiny\n"])
def test_a_script_for_anything_but_a_shell_is_refused(tmp_path, first_line):
    with pytest.raises(PackageRefused, match="names no shell"):
        inspect(saved(tmp_path, first_line), LIMITS)


@pytest.mark.parametrize(
    ("files", "entry_point"),
    [
        (["release.sh", "inner/release.sh"], "release.sh"),
        (["patient-ui/release.sh", "patient-ui/dist/index.html"], "patient-ui/release.sh"),
        (["README", "patient-ui/release.sh"], "patient-ui/release.sh"),
        (["one/release.sh", "two/release.sh"], None),
        (["one/release.sh", "two/README"], None),
        (["one/two/release.sh"], None),
        (["Release.sh", "dist/index.html"], None),
    ],
)
def test_the_entry_point_is_at_the_top_or_in_the_only_directory_there(tmp_path, files, entry_point):
    path = saved(tmp_path, a_zip(dict.fromkeys(files, SCRIPT)))

    assert inspect(path, LIMITS).entry_point == entry_point


def test_a_tar_of_the_current_directory_is_read_as_if_named_without_the_dot(tmp_path):
    path = saved(tmp_path, a_tar_of((tar_entry("./", tarfile.DIRTYPE), b""), (tar_entry("./release.sh"), SCRIPT)))

    inspection = unpack(path, tmp_path / "run", LIMITS)

    assert (inspection.entry_point, inspection.members) == ("release.sh", 1)


@pytest.mark.parametrize("name", ["manifest", "manifest.txt", "manifest.properties", "desired/manifest"])
def test_the_manifest_tells_the_contents(tmp_path, name):
    manifest = "\ufeff# what CloudHub shall run\r\n\r\npatient-api = 1.4.114\r\nadmissions-api=1.2.195\r\n"

    inspection = inspect(saved(tmp_path, a_zip({name: manifest.encode()})), LIMITS)

    assert inspection.contents == {"patient-api": "1.4.114", "admissions-api": "1.2.195"}


@pytest.mark.parametrize(
    "manifest",
    [
        b"no equals sign\n=1.0\nname=\nna me=1.0\nname=1 0\n; x\n",
        b"caf\xe9=1.0",
        b"name=1.0\n" + b"#" * 65536,
        b"a=1\x00\n",
    ],
)
def test_what_is_no_manifest_says_nothing_and_is_not_refused(tmp_path, manifest):
    path = saved(tmp_path, a_tar({"manifest": manifest, "release.sh": SCRIPT}))

    assert inspect(path, LIMITS).contents == {}


def test_a_manifest_further_down_says_nothing(tmp_path):
    path = saved(tmp_path, a_tar({"a/manifest": b"x=1", "b/manifest": b"y=2", "c/d/manifest": b"z=3"}))

    assert inspect(path, LIMITS).contents == {}


# -- modes ------------------------------------------------------------------------------------------------------------


def test_unpacked_files_are_executable_or_not_and_nothing_else(tmp_path):
    path = saved(
        tmp_path,
        a_tar_of(
            (tar_entry("setuid.sh", mode=0o6755), SCRIPT),
            (tar_entry("secret", mode=0o600), b"x"),
            (tar_entry("open", mode=0o777, kind=tarfile.DIRTYPE), b""),
            (tar_entry("open/inner/data", mode=0o666), b"x"),
        ),
    )

    unpack(path, tmp_path / "run", LIMITS)

    modes = {
        str(found.relative_to(tmp_path / "run")): found.stat().st_mode & 0o7777 for found in tmp_path.glob("run/**/*")
    }
    assert modes == {"setuid.sh": 0o755, "secret": 0o644, "open": 0o755, "open/inner": 0o755, "open/inner/data": 0o644}


def test_a_zip_keeps_the_executable_bit(tmp_path):
    path = saved(tmp_path, a_zip_of((zip_entry("release.sh", 0o104755), SCRIPT), (zip_entry("data", 0o100644), b"x")))

    unpack(path, tmp_path / "run", LIMITS)

    assert (tmp_path / "run/release.sh").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "run/data").stat().st_mode & 0o7777 == 0o644


def test_a_directory_that_holds_something_is_not_unpacked_into(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/there").touch()

    with pytest.raises(FileExistsError):
        unpack(saved(tmp_path, a_zip(SITE)), tmp_path / "run", LIMITS)

    assert [found.name for found in (tmp_path / "run").iterdir()] == ["there"]


# -- forms of tar that people's tools write ---------------------------------------------------------------------------

LONG = "/".join(["deeply-nested-directory-number-one"] * 6) + "/" + "n" * 120 + "-päckage.txt"


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_are_read_from_extended_headers(tmp_path, format):
    path = saved(tmp_path, a_tar_of((tar_entry(LONG), b"long"), (tar_entry("short"), b"short"), format=format))

    unpack(path, tmp_path / "run", LIMITS)

    assert (tmp_path / "run" / LONG).read_bytes() == b"long"
    assert (tmp_path / "run/short").read_bytes() == b"short"


def test_an_old_style_tar_is_read(tmp_path):
    path = saved(
        tmp_path,
        a_tar_of(
            (tar_entry("dist/", tarfile.AREGTYPE), b""),
            (tar_entry("dist/x", tarfile.AREGTYPE), b"x" * 512),
            format=tarfile.USTAR_FORMAT,
        ),
    )

    assert unpack(path, tmp_path / "run", LIMITS).unpacked_bytes == 512


def test_a_comment_for_the_whole_archive_is_passed_over(tmp_path):
    with tarfile.open(tmp_path / "package", "w", pax_headers={"comment": "0123abcd"}) as archive:
        archive.addfile(tar_entry("empty"))
        archive.add(__file__, "release.sh")

    assert inspect(tmp_path / "package", LIMITS).entry_point == "release.sh"
