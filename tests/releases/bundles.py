"""A release like the Patient Portal's with packages that really run, and what comes out of its bundle."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from projects.models import Project
from registry import actions as registry
from registry import storage
from registry.models import PackageVersion
from releases import bundle
from releases.actions import create
from releases.models import Release
from tests.factories import a_service_account, a_stack
from tests.registry.packages import a_tar, a_zip

# Leaves one line for each run, and what it was given beside it.
REPORTS = b"""#!/bin/bash
set -eu
echo "$SIGNALBOX_PACKAGE $SIGNALBOX_VERSION $1 $2" >>"$SITE_ROOT/runs"
env -0 | sort -z >"$SITE_ROOT/$SIGNALBOX_PACKAGE.environment"
pwd >"$SITE_ROOT/$SIGNALBOX_PACKAGE.directory"
if read -r line; then echo "stdin is open" >>"$SITE_ROOT/runs"; fi
"""
TOOLS = ("bash", "env", "cat", "sort", "sha256sum", "tar", "gzip", "mktemp", "mkdir", "rm", "cp", "chmod", "dirname")


def stored(name: str, data: bytes, version: str = "1.0.0", filename: str = "") -> PackageVersion:
    received = storage.receive([data], max_bytes=10**8)
    by = a_service_account()
    return registry.publish(received, name=name, version=version, filename=filename, by=by).version


def a_portal(script: bytes = REPORTS) -> Project:
    """In stage 1 the desired state (a tar.gz with a manifest); in stage 2 the notice (a plain script) and the UI (a zip)."""
    portal = a_stack("Patient Portal", components={"Desired state": 1, "Patient UI": 2, "Notice": 2})
    stored("desired-state", a_tar({"release.sh": script, "manifest": b"patient-api=1.4.114\n"}, kind="gz"))
    stored("patient-ui", a_zip({"ui/release.sh": script, "ui/site/index.html": b"<p>Hello</p>"}), "2.1.0")
    stored("notice", script)
    return portal


def a_portal_release(script: bytes = REPORTS) -> Release:
    return released(a_portal(script))


def released(project: Project) -> Release:
    return create(project, by=a_service_account())[0]


def content_of(release: Release) -> bytes:
    """The whole tar."""
    return b"".join(bundle.prepare(release).stream())


def files_in(release: Release) -> dict[str, bytes]:
    """What the bundle holds, by its path below the directory."""
    prepared = bundle.prepare(release)
    with tarfile.open(fileobj=io.BytesIO(content_of(release))) as archive:
        return {
            member.name.removeprefix(f"{prepared.name}/"): archive.extractfile(member).read()
            for member in archive.getmembers()
        }


def unpacked(release: Release, where: Path) -> Path:
    """The directory that `tar` makes of the bundle, with the variables copied and SITE_ROOT filled in."""
    where.mkdir()
    subprocess.run(["tar", "-x", "-C", str(where)], input=content_of(release), check=True)
    (directory,) = where.iterdir()
    (where / "site").mkdir()
    (directory / "variables").write_text(f"SITE_ROOT={where / 'site'}\n")
    return directory


def ran(directory: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """./run.sh with these arguments."""
    return subprocess.run(
        ["bash", str(directory / "run.sh"), *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def runs(directory: Path) -> list[str]:
    """What the scripts left, in order."""
    file = directory.parent / "site" / "runs"
    return file.read_text().splitlines() if file.exists() else []


def environment_of(directory: Path, package: str) -> dict[str, str]:
    """What the script of this package saw."""
    text = (directory.parent / "site" / f"{package}.environment").read_text()
    return dict(pair.split("=", 1) for pair in text.split("\0") if pair)


def a_path_with(where: Path, *tools: str) -> str:
    """A PATH that has the usual tools and these, and nothing else."""
    where.mkdir()
    for tool in (*TOOLS, *tools):
        found = sys.executable if tool == "python3" else shutil.which(tool)
        assert found, f"{tool} is not installed"
        (where / tool).symlink_to(found)
    return str(where)
