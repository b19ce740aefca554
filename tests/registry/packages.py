"""Packages, good and hostile, built on the spot: plain functions that return bytes or write a file."""

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


def saved(directory: Path, data: bytes) -> Path:
    path = directory / "package"
    path.write_bytes(data)
    return path
