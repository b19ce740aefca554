"""Packages, good and hostile, built on the spot: plain functions that return bytes or write a file."""

import base64
import io
import tarfile
import zipfile
from pathlib import Path

SCRIPT = b"#!/bin/sh\necho deployed to $1\n"


def a_zip(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    entries = [(zipfile.ZipInfo(name), data) for name, data in files.items()]
    return a_zip_of(*entries, compression=compression)


def a_zip_of(*entries: tuple[zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of prepared entries; the same name twice is allowed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for info, data in entries:
            archive.NameToInfo.pop(info.filename, None)  # keeps zipfile from warning about a repeated name
            archive.writestr(info, data, compression)
    return buffer.getvalue()


def zip_entry(name: str, mode: int = 0) -> zipfile.ZipInfo:
    """An entry as a Unix system writes it: `mode` holds the kind of file and the permissions."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = mode << 16
    return info


def a_tar(files: dict[str, bytes], kind: str = "") -> bytes:
    """kind: "", "gz" or "bz2"."""
    return a_tar_of(*[(tarfile.TarInfo(name), data) for name, data in files.items()], kind=kind)


def a_tar_of(*entries: tuple[tarfile.TarInfo, bytes], kind: str = "", format: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{kind}", format=format) as archive:
        for info, data in entries:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def tar_entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info


CDAF_MANIFEST = b"""# Manifest for revision patient-pages
SOLUTION=patient-pages
BUILDNUMBER=17
REVISION=main
# the solution's own properties follow
solutionName=patient-pages
artifactPrefix=1.4 # and the number of the build
productName=Patient Pages
"""


def cdaf_files(*targets: str, manifest: bytes | None = CDAF_MANIFEST) -> dict[str, bytes]:
    """What CDAF puts into TasksLocal, as far as it matters here; properties for these targets."""
    files = {f"TasksLocal/propertiesForLocalTasks/{target}": b"deployTaskOverride=deploy.tsk\n" for target in targets}
    files |= {"TasksLocal/delivery.sh": b"#!/usr/bin/env bash\n", "TasksLocal/deploy.tsk": b"./deploy.sh\n"}
    return files | ({} if manifest is None else {"TasksLocal/manifest.txt": manifest})


def cdaf_script(
    payload: dict[str, bytes] | bytes, *, solution: str = "patient-pages", version: str = "1.4.17"
) -> bytes:
    """A self-extracting release.sh as CDAF writes it; the payload as files or as it stands in the script."""
    encoded = payload if isinstance(payload, bytes) else base64.encodebytes(a_tar(payload, "gz")).rstrip()
    lines = [
        "#!/usr/bin/env bash",
        'ENVIRONMENT="$1"',
        'RELEASE="$2"',
        'OPT_ARG="$3"',
        f"SOLUTION={solution}",
        f"echo; echo 'Launching release.sh ({version}) ...'",
        'if [ -d "TasksLocal" ]; then rm -rf "TasksLocal"; fi',
        'for packageFile in $(find . -maxdepth 1 -type f -name "${SOLUTION}-*.gz"); do rm $packageFile; done',
        "base64 -d << EOF | tar -xzf -",
    ]
    end = b'\nEOF\n./TasksLocal/delivery.sh "$ENVIRONMENT" "$RELEASE" "$OPT_ARG"\n'
    return "\n".join(lines).encode() + b"\n" + encoded + end


def saved(directory: Path, data: bytes) -> Path:
    path = directory / "package"
    path.write_bytes(data)
    return path
