"""The members of a zip (APPNOTE 6.3), and so of a nupkg, jar or war. Pure."""

import io
import stat
import zipfile
from collections.abc import Iterator
from typing import IO, cast

from registry.archives.members import (
    Limits,
    Member,
    PackageRefused,
    damage_refused,
    link,
    shown,
    special,
    too_many_members,
)

_LOCAL_HEADER = 30  # bytes before the name of a file


class _ZipFileGuard:
    """Keeps the table of contents, which zipfile reads in one piece, from filling the memory."""

    def __init__(self, file: io.BufferedReader, limits: Limits) -> None:
        self.tell, self.seek, self.seekable = file.tell, file.seek, file.seekable
        self._file = file
        self._limits = limits
        self._most = 256 * limits.members + 128 * 1024
        self.reads_contents = True

    def read(self, size: int = -1) -> bytes:
        if not self.reads_contents:
            return self._file.read(size)
        if size > self._most:
            raise too_many_members(self._limits)
        data = self._file.read(size)
        if data.count(b"PK\x01\x02") > self._limits.members:
            raise too_many_members(self._limits)
        return data


def zip_members(file: io.BufferedReader, limits: Limits) -> Iterator[Member]:
    guard = _ZipFileGuard(file, limits)
    with damage_refused():
        archive = zipfile.ZipFile(cast(IO[bytes], guard))
    guard.reads_contents = False
    _refuse_overlaps(archive)
    for info in archive.infolist():
        _refuse_kind(info)
        if info.is_dir():
            yield Member(info.orig_filename, is_directory=True, is_executable=False, size=0, read=lambda size: b"")
            continue
        with damage_refused():
            body = archive.open(info)
        with body:
            yield Member(
                info.orig_filename,
                is_directory=False,
                is_executable=bool(info.external_attr >> 16 & 0o111),
                size=info.file_size,
                read=damage_refused()(body.read),
            )


def _refuse_overlaps(archive: zipfile.ZipFile) -> None:
    """Members that share bytes: how a small zip unpacks to petabytes without a suspicious ratio in any one member."""
    end = 0
    for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise PackageRefused(
                "Files in the archive overlap each other, as in archives made to fill a disk. Build and push it again."
            )
        end = info.header_offset + _LOCAL_HEADER + info.compress_size


def _refuse_kind(info: zipfile.ZipInfo) -> None:
    name, kind = info.orig_filename, stat.S_IFMT(info.external_attr >> 16)
    if info.flag_bits & (0x1 | 0x40 | 0x2000):
        raise PackageRefused(f"The archive is encrypted ({shown(name)}). Build it without a password.")
    if kind == stat.S_IFLNK:
        raise link(name, "symbolic link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise special(name)
    if (kind == stat.S_IFDIR) > info.is_dir() or (info.is_dir() and info.file_size):
        raise PackageRefused(f"The archive holds {shown(name)} both as a file and as a directory. Build it again.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PackageRefused(
            f"{shown(name)} in the archive is compressed by a method other than deflate. Build the zip with deflate."
        )
