"""Look into a package without running it, and unpack it. Pure: a path in, plain data out.

One walk serves both, so what was inspected is exactly what is unpacked later.
"""

import io
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from registry import cdaf, manifests
from registry.archives import format_of, members_of, members_of_packed_tar
from registry.archives.members import Limits, Member, PackageRefused, too_many_members, unpacks_too_large
from registry.archives.paths import Paths
from registry.findings import ENTRY_POINT, Findings
from registry.manifests import DEFAULT, ManifestMissing, ManifestPlace, ManifestUnreadable

__all__ = [
    "DEFAULT",
    "ENTRY_POINT",
    "Inspection",
    "Limits",
    "ManifestPlace",
    "ManifestUnreadable",
    "PackageRefused",
    "inspect",
    "unpack",
]

_WRITE_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


@dataclass(frozen=True)
class Inspection:
    """What a package holds."""

    format: str
    """zip, nupkg, jar, war, ear, tar, tar.gz, tar.bz2 or script, by content."""
    members: int
    unpacked_bytes: int
    entry_point: str | None
    """Path of the release.sh to run; None where there is none."""
    contents: dict[str, str]
    """Component and version, line by line of its manifest; empty where it has none."""
    targets: list[str]
    """The environments that it says it supports; empty where it says nothing."""
    about: dict[str, str] = field(default_factory=dict)
    """What a package of CDAF says about itself: solution, version, build_number, revision, artifact_prefix, or some."""


def inspect(path: Path, limits: Limits, manifest: ManifestPlace = DEFAULT) -> Inspection:
    """Look at the whole package.

    manifest  where an administrator says that it is; by default the usual places are tried

    Raises PackageRefused for whatever `unpack` would refuse, ManifestUnreadable where the manifest is not where it is
    said to be or cannot be read. A default one that cannot be read says nothing.
    """
    kind, findings = format_of(path), Findings(manifest)
    for parts, member in _walk(members_of(path, kind, limits), limits):
        if findings.see(parts, member):
            findings.keep(parts, b"".join(member.chunks))
    return _inspection(kind, findings, limits, manifest)


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
        kind, findings = format_of(path), Findings(DEFAULT)
        for parts, member in _walk(members_of(path, kind, limits), limits):
            target = into.joinpath(*parts)
            _write(target, member)
            if findings.see(parts, member):
                findings.keep(parts, target.read_bytes())
        return _inspection(kind, findings, limits, DEFAULT)
    except BaseException:
        _empty(into)
        raise


def _walk(members: Iterable[Member], limits: Limits) -> Iterator[tuple[tuple[str, ...], Member]]:
    """Every member with its path, both checked."""
    paths, left = Paths(limits), limits.unpacked_bytes
    for count, member in enumerate(members, start=1):
        left -= member.size
        if left < 0:
            raise unpacks_too_large(limits)
        if count > limits.members:
            raise too_many_members(limits)
        if parts := paths.add(member.name, is_directory=member.is_directory):
            yield parts, member


def _inspection(kind: str, outside: Findings, limits: Limits, manifest: ManifestPlace) -> Inspection:
    if not outside.unpacked_bytes:
        raise PackageRefused("The archive holds no files, or only empty ones. Push the finished package.")
    script = outside.script()
    carried = cdaf.carried(script) if script is not None else None
    inside = _inside(carried, limits, manifest)
    return Inspection(
        format=(outside.mark() or kind) if kind == "zip" else kind,
        members=outside.members,
        unpacked_bytes=outside.unpacked_bytes,
        entry_point=outside.entry_point(),
        contents=_contents([outside, *inside], manifest),
        targets=sorted(next((found for each in [*inside, outside] if (found := each.targets())), set())),
        about=(carried.about if carried else {})
        | next((said for each in [*inside, outside] if (said := each.about())), {}),
    )


def _inside(carried: cdaf.Carried | None, limits: Limits, manifest: ManifestPlace) -> list[Findings]:
    """What a self-extracting script carries, if that can be read.

    It replaces what lies beside the script before it is delivered. What is wrong with it is its own affair: it is not
    unpacked here.
    """
    if carried is None or carried.packed is None:
        return []
    findings, packed = Findings(manifest), io.BytesIO(carried.packed)
    members = members_of_packed_tar(packed, "tar.gz", limits, packed_bytes=len(carried.packed))
    try:
        for parts, member in _walk(members, limits):
            if findings.see(parts, member):
                findings.keep(parts, b"".join(member.chunks))
    except PackageRefused:
        return []
    return [findings]


def _contents(looked_into: list[Findings], manifest: ManifestPlace) -> dict[str, str]:
    if not manifest.file:
        usual = (each.usual_manifest() for each in looked_into)
        return next((manifests.glean(data) for data in usual if data is not None), {})
    for path, data in filter(None, (each.stated_manifest() for each in looked_into)):
        if data is None:
            raise manifests.too_large(path)
        return manifests.read(data, manifest.form, file=path)
    raise ManifestMissing(
        f"The package holds no file {manifest.file}, which is stated as its manifest. Push a package that holds it, or ask"
        " the administrator to state where the manifest is."
    )


def _write(target: Path, member: Member) -> None:
    if member.is_directory:
        _make(target)
        return
    _make(target.parent)
    with os.fdopen(os.open(target, _WRITE_NEW, 0o600), "wb") as file:
        for chunk in member.chunks:
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
