"""Releases as JSON: the manifest, what was frozen with it (never a value of a variable), where it is."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from api.shapes.common import Asked, BlockerShape, Text, Word
from deployments.models import LiveVersion
from deployments.policy import Blocker, Stops
from releases.models import Release, ReleaseComponent


class ReleaseAsked(Asked):
    versions: dict[Word, Word] = Field(
        {}, description="Package → version, for those that shall not simply be the newest.", max_length=200
    )
    notes: Text = ""
    number: Word | None = Field(None, description="None: the next of the project's pattern, or the package's version.")


class NotesAsked(Asked):
    notes: Text


class MaybeReasonAsked(Asked):
    reason: Text = ""


class ReleaseLine(Schema):
    project: str
    number: str
    created_at: datetime
    created_by: str
    prevented: bool = Field(description="Whether it may not go further.")
    url: str


class PackageHeld(Schema):
    package: str
    version: str
    withdrawn: bool
    contents: dict[str, str] = Field(description="Component and version, as its manifest says.")


class ComponentHeld(Schema):
    component: str
    release: str
    stage: int
    condition: str
    packages: list[PackageHeld]


class VariableShape(Schema):
    """A variable without its value."""

    name: str
    environment: str | None
    scope: str
    sensitive: bool


class SnapshotShape(Schema):
    """The process and the variables as they were when the release was created."""

    project: str
    process: dict[str, Any]
    variables: list[VariableShape]


class PlaceShape(Schema):
    environment: str
    since: datetime
    deployment: int


class ReleaseShape(ReleaseLine):
    notes: str
    trigger: str | None = Field(description="The trigger that created it; null: somebody did.")
    prevented_reason: str
    components: list[ComponentHeld]
    packages: list[PackageHeld]
    snapshots: list[SnapshotShape] | None = Field(description="null for those who see no technical details.")
    live_in: list[PlaceShape]
    readiness: str
    deployments: str


class ReadinessShape(Schema):
    """May it go there?"""

    deployable: bool = Field(description="Nothing speaks against it: a deployment would start at once.")
    requestable: bool = Field(description="It may be requested, and waits where something still stops its start.")
    blockers: list[BlockerShape]


def release_line(release: Release, url: str) -> ReleaseLine:
    return ReleaseLine(
        project=release.project.slug,
        number=release.number,
        created_at=release.created_at,
        created_by=str(release.created_by),
        prevented=release.is_prevented,
        url=url,
    )


def release_shape(release: Release, url: str, live: Iterable[LiveVersion], *, technical: bool) -> ReleaseShape:
    """Needs a release `with_contents()` and live versions with their environments."""
    lines = list(release.components.all())
    return ReleaseShape(
        **release_line(release, url).model_dump(),
        notes=release.notes,
        trigger=release.trigger.name if release.trigger else None,
        prevented_reason=release.progression_prevented_reason,
        components=[_component(line) for line in lines],
        packages=_packages(release),
        snapshots=_snapshots(release, lines) if technical else None,
        live_in=[
            PlaceShape(environment=place.environment.slug, since=place.from_at, deployment=place.deployment_id)
            for place in live
        ],
        readiness=f"{url}/readiness",
        deployments=f"{url}/deployments",
    )


def readiness(blockers: list[Blocker]) -> ReadinessShape:
    return ReadinessShape(
        deployable=not blockers,
        requestable=not any(found.stops is Stops.REQUESTING for found in blockers),
        blockers=[blocker(found) for found in blockers],
    )


def blocker(found: Blocker) -> BlockerShape:
    return BlockerShape(code=found.code, sentence=found.sentence, stops=found.stops.value)


def _component(line: ReleaseComponent) -> ComponentHeld:
    return ComponentHeld(
        component=line.component.slug,
        release=line.release.number,
        stage=line.stage,
        condition=line.condition,
        packages=_packages(line.release),
    )


def _packages(release: Release) -> list[PackageHeld]:
    return [
        PackageHeld(
            package=held.version.package.name,
            version=held.version.version,
            withdrawn=held.version.is_withdrawn,
            contents=held.version.contents,
        )
        for held in release.packages.all()
    ]


def _snapshots(release: Release, lines: list[ReleaseComponent]) -> list[SnapshotShape]:
    """One for each project that is deployed: the components of a stack, or the project itself."""
    if lines:
        return [_snapshot(line.component.slug, line.release.snapshot) for line in lines]
    return [_snapshot(release.project.slug, release.snapshot)]


def _snapshot(project: str, frozen: dict[str, Any]) -> SnapshotShape:
    shown = ("name", "environment", "scope", "sensitive")
    return SnapshotShape(
        project=project,
        process=frozen.get("process") or {},
        variables=[
            VariableShape(**{field: variable[field] for field in shown}) for variable in frozen.get("variables", [])
        ],
    )
