"""Look into a package without running it, and unpack it. Pure: a path in, plain data out.

One walk serves both, so what was inspected is exactly what is unpacked later.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from registry import cdaf
from registry.archives import format_of, members_of
from registry.archives.members import (
    CHUNK,
    DAMAGED,
    Limits,
    Member,
    Meter,
    PackageRefused,
    too_many_members,
    unpacks_too_large,
)
from registry.archives.paths import Paths

__all__ = ["ENTRY_POINT", "Inspection", "Limits", "PackageRefused", "inspect", "unpack"]

ENTRY_POINT = "release.sh"
_MANIFESTS = ("manifest", "manifest.txt", "manifest.properties")
_MANIFEST_MAX_BYTES = 64 * 1024
_MANIFEST_LINE = re.compile(
    r"(?P<component>[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*)\s*=\s*(?P<version>[A-Za-z0-9][A-Za-z0-9.+_-]*)"
)

_WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


@dataclass(frozen=True)
class Inspection:
    """What a package holds."""

    format: str
    """zip, nupkg, jar, war, tar, tar.gz, tar.bz2 or script, by content."""
    members: int
    unpacked_bytes: int
    entry_point: str | None
    """Path of the release.sh to run; None where there is none."""
    contents: dict[str, str]
    """Component and version, line by line of its manifest; empty where it has none."""
    targets: list[str]
    """The environments that it says it supports; empty where it says nothing."""


def inspect(path: Path, limits: Limits) -> Inspection:
    """Read the package to its end. Raises PackageRefused for whatever `unpack` would refuse."""
    findings = _findings(path, limits)
    for parts, member, chunks in _walk(path, findings.kind, limits):
        for _ in findings.watch(parts, member, chunks):
            pass
    return findings.result()


def unpack(path: Path, into: Path, limits: Limits) -> Inspection:
    """Write the package's files and directories below `into`, which must be missing or empty.

    Files become 0644, or 0755 where somebody might execute them; nothing else of their mode, owner or time is kept.
    Raises PackageRefused, FileExistsError where `into` holds something, OSError. After each of them `into` is as empty
    as before.
    """
    into.mkdir(parents=True, exist_ok=True)
    if any(into.iterdir()):
        raise FileExistsError(f"{into} is not empty.")
    try:
        findings = _findings(path, limits)
        for parts, member, chunks in _walk(path, findings.kind, limits):
            _write(into.joinpath(*parts), member, findings.watch(parts, member, chunks))
        return findings.result()
    except BaseException:
        _empty(into)
        raise


def _findings(path: Path, limits: Limits) -> "_Findings":
    kind = format_of(path)
    return _Findings(kind, cdaf.targets_of_script(path, limits) if kind == "script" else set())


def _walk(path: Path, kind: str, limits: Limits) -> Iterator[tuple[tuple[str, ...], Member, Iterator[bytes]]]:
    """Every member with its path and its bytes, checked; the bytes are to be consumed before the next member."""
    paths, meter = Paths(limits), Meter(limits, packed_bytes=path.stat().st_size)
    for count, member in enumerate(members_of(path, kind, limits), start=1):
        if count > limits.members:
            raise too_many_members(limits)
        if member.size > limits.unpacked_bytes:
            raise unpacks_too_large(limits)
        if parts := paths.add(member.name, is_directory=member.is_directory):
            yield parts, member, _chunks(member, meter)


def _chunks(member: Member, meter: Meter) -> Iterator[bytes]:
    size = 0
    while chunk := member.read(CHUNK):
        meter.count(len(chunk))
        size += len(chunk)
        yield chunk
    if size != member.size:
        raise PackageRefused(DAMAGED)


class _Findings:
    """What is worth knowing about the members that pass by."""

    def __init__(self, kind: str, targets: set[str]) -> None:
        self.kind = kind
        self._members = 0
        self._unpacked_bytes = 0
        self._directories: set[str] = set()  # at the top level; two are enough to know that there is not only one
        self._entry_points: set[tuple[str, ...]] = set()
        self._manifests: dict[tuple[str, ...], bytes] = {}
        self._marks: set[str] = set()
        self._targets = targets

    def watch(self, parts: tuple[str, ...], member: Member, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Hand the member's bytes on, and remember what matters."""
        self._members += 1
        if (member.is_directory or len(parts) > 1) and len(self._directories) < 2:
            self._directories.add(parts[0])
        if member.is_directory:
            return
        self._note(parts)
        kept = bytearray() if self._may_be_manifest(parts, member) else None
        for chunk in chunks:
            self._unpacked_bytes += len(chunk)
            if kept is not None:
                kept += chunk
            yield chunk
        if kept is not None:
            self._manifests[parts] = bytes(kept)

    def result(self) -> Inspection:
        if not self._unpacked_bytes:
            raise PackageRefused("The archive holds no files, or only empty ones. Push the finished package.")
        return Inspection(
            format=self._format(),
            members=self._members,
            unpacked_bytes=self._unpacked_bytes,
            entry_point=next(
                ("/".join(place) for place in self._places(ENTRY_POINT) if place in self._entry_points), None
            ),
            contents=self._contents(),
            targets=sorted(self._targets),
        )

    def _note(self, parts: tuple[str, ...]) -> None:
        if parts[-1] == ENTRY_POINT and len(parts) <= 2 and self._is_near(parts):
            self._entry_points.add(parts)
        if self.kind == "zip":
            self._marks |= {mark for mark, is_marked in _ZIP_MARKS.items() if is_marked(parts)}
        if target := cdaf.target(parts):
            self._targets.add(target)

    def _is_near(self, parts: tuple[str, ...]) -> bool:
        return len(parts) == 1 or (len(parts) == 2 and self._directories == {parts[0]})

    def _may_be_manifest(self, parts: tuple[str, ...], member: Member) -> bool:
        if parts[0] == cdaf.DIRECTORY or parts[-1] not in _MANIFESTS:
            return False
        return self._is_near(parts) and member.size <= _MANIFEST_MAX_BYTES

    def _places(self, name: str) -> list[tuple[str, ...]]:
        """Where a file of this name counts: at the top, or else in the only directory there."""
        inside = [(directory, name) for directory in self._directories if len(self._directories) == 1]
        return [(name,), *inside]

    def _contents(self) -> dict[str, str]:
        for place in (place for name in _MANIFESTS for place in self._places(name)):
            if place in self._manifests:
                return _manifest(self._manifests[place])
        return {}

    def _format(self) -> str:
        return next((mark for mark in _ZIP_MARKS if mark in self._marks), self.kind)


_ZIP_MARKS: dict[str, Callable[[tuple[str, ...]], bool]] = {
    "nupkg": lambda parts: len(parts) == 1 and parts[0].endswith(".nuspec"),
    "war": lambda parts: parts[0] == "WEB-INF",
    "jar": lambda parts: parts == ("META-INF", "MANIFEST.MF"),
}


def _manifest(data: bytes) -> dict[str, str]:
    """`component=version` lines. Comments, blank and malformed lines say nothing; what is not UTF-8 neither."""
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return {}
    matches = (_MANIFEST_LINE.fullmatch(line.strip()) for line in lines)
    return {match["component"]: match["version"] for match in matches if match}


def _write(target: Path, member: Member, chunks: Iterator[bytes]) -> None:
    _make(target if member.is_directory else target.parent)
    if member.is_directory:
        for _ in chunks:
            pass
        return
    with os.fdopen(os.open(target, _WRITE_NEW, 0o600), "wb") as file:
        for chunk in chunks:
            file.write(chunk)
        os.fchmod(file.fileno(), 0o755 if member.is_executable else 0o644)


def _make(directory: Path) -> None:
    """The directory and those above it, readable whatever the umask."""
    if not directory.is_dir():
        _make(directory.parent)
        directory.mkdir()
        directory.chmod(0o755)


def _empty(directory: Path) -> None:
    for child in directory.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()
