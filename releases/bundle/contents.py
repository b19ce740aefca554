"""What a release consists of, in the order in which it is run: one item for each package that a step runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from registry.models import PackageVersion
from releases import scripts
from releases.actions import ReleaseRefused
from releases.models import Release

RUN_PACKAGE = "run-package"


@dataclass(frozen=True)
class Item:
    """One package, and what is run of it."""

    component: str  # its slug
    name: str
    stage: int
    release: str  # the component's own number
    version: PackageVersion
    step: str  # empty: no step runs this package
    entry_point: str  # empty: none was found, and the process names none
    told: str  # what its script is told of everything that the component's release holds, as JSON

    @property
    def file(self) -> str:
        """Where it lies in the bundle; empty for what lies in another store."""
        if self.version.is_reference:
            return ""
        ending = "sh" if self.version.format == "script" else self.version.format
        return f"packages/{self.version.package.name}.{self.version.version}.{ending}"

    def as_json(self) -> dict[str, Any]:
        version = self.version
        stored = {"sha256": version.bytes.sha256, "size": version.bytes.size} if version.artifact else {}
        return {
            "component": self.component,
            "name": self.name,
            "stage": self.stage,
            "release": self.release,
            "step": self.step or None,
            "package": version.package.name,
            "version": version.version,
            "format": version.format,
            "feed": version.package.feed.slug,
            "sha256": stored.get("sha256"),
            "size": stored.get("size"),
            "digest": version.digest or None,
            "file": self.file or None,
            "entry_point": self.entry_point or None,
            "environments": version.targets,
            "contained": bool(self.file),
        }


def items_of(release: Release) -> list[Item]:
    """Every package of the release, stage by stage. Raises ReleaseRefused where it holds what may not be run any more."""
    items = [item for stage, held in releases_of(release) for item in _items(held, stage)]
    for item in items:
        version = item.version
        if version.is_withdrawn:
            because = f"{version} was withdrawn and is never run again: {version.withdrawn_reason}"
            raise ReleaseRefused("withdrawn", because)
        if version.is_removed:
            raise ReleaseRefused("removed", version.removal)
    return items


def releases_of(release: Release) -> list[tuple[int, Release]]:
    """The component releases with their stages; a project on its own is its own only one."""
    if not release.project.is_stack:
        return [(1, release)]
    lines = release.components.select_related("release__project").order_by("stage", "component__position", "pk")
    return [(line.stage, line.release) for line in lines]


def _items(release: Release, stage: int) -> Iterator[Item]:
    lines = release.packages.select_related("version__package__feed", "version__artifact").order_by("pk")
    held = [line.version for line in lines]
    project, told = release.project, scripts.told_of(held)
    run: set[int] = set()
    steps = (release.snapshot.get("process") or {}).get("steps", [])
    for step in sorted(steps, key=lambda step: step["position"]):
        if step["kind"] == RUN_PACKAGE:
            version = _run_by(step, held, release)
            run.add(version.pk)
            entry_point = step["settings"].get("entry_point") or version.entry_point
            yield Item(project.slug, project.name, stage, release.number, version, step["name"], entry_point, told)
    for version in held:
        if version.pk not in run:
            yield Item(project.slug, project.name, stage, release.number, version, "", "", told)


def _run_by(step: dict[str, Any], held: list[PackageVersion], release: Release) -> PackageVersion:
    name = step["settings"].get("package")
    found = scripts.run_by(held, name)
    if found is None:
        sentence = f"{release} holds no package {name or ''}".rstrip() + f", which its step “{step['name']}” runs."
        raise ReleaseRefused("package_missing", sentence)
    return found
