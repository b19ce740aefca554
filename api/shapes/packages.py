"""Packages and what a push led to, as JSON."""

from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from api.shapes.evidence import AttachmentShape, BuildShape
from deployments.models import Deployment
from registry.models import Package, PackageVersion
from releases.evaluations import origin_of
from releases.models import TriggerEvaluation


class EvaluationShape(Schema):
    """What a trigger made of a push, also when nothing was created."""

    project: str
    trigger: str
    package: str
    version: str
    at: datetime
    origin: str = Field(
        description="How the version became known: by a push, or because it was seen in an outside store."
    )
    outcome: str = Field(description="created, existing or nothing")
    sentence: str
    release: str | None = Field(description="The number of the release that was created or existed already.")


class RequestedShape(Schema):
    """A deployment that the push requested."""

    id: int
    project: str
    environment: str
    status: str
    url: str


class PushedShape(Schema):
    """What became of a push."""

    package: str
    version: str
    sha256: str
    size: int = Field(description="In bytes.")
    created: bool = Field(description="False: the same bytes had been pushed before.")
    evaluations: list[EvaluationShape]
    deployments: list[RequestedShape]


class PackageLine(Schema):
    name: str
    label: str = Field(description="What people call it; empty: its name.")
    newest: str | None = Field(description="Its highest version that may be used.")
    versions: int = Field(description="How many versions it has.")
    projects: list[str]


class VersionLine(Schema):
    version: str
    sha256: str
    size: int
    format: str
    published_at: datetime
    published_by: str
    withdrawn_at: datetime | None
    withdrawn_reason: str
    removed_at: datetime | None = Field(
        description="Since when its bytes are gone; the same pushed again brings it back."
    )
    removed_reason: str


class UseShape(Schema):
    """A release that holds the version, and where that release is live."""

    project: str
    release: str
    live_in: list[str]


class VersionShape(VersionLine):
    package: str
    stated: str = Field(description="The version as it was written when it was pushed.")
    filename: str
    entry_point: str | None = Field(description="The script that deploys it; null: none was found.")
    members: int
    unpacked_bytes: int
    contents: dict[str, str] = Field(description="Component and version, as its manifest says.")
    targets: list[str] = Field(description="The environments that it says it supports.")
    about: dict[str, Any] = Field(description="What else it says about itself, such as the number of its build.")
    withdrawn_by: str | None
    used_by: list[UseShape]
    download: str
    build: BuildShape | None = Field(description="null: nothing is known about the build that made it.")
    attachments: list[AttachmentShape]


def evaluation(found: TriggerEvaluation) -> EvaluationShape:
    return EvaluationShape(
        project=found.trigger.project.slug,
        trigger=found.trigger.name,
        package=found.version.package.name,
        version=found.version.version,
        at=found.at,
        origin=origin_of(found.version),
        outcome=found.outcome,
        sentence=found.sentence,
        release=found.release.number if found.release else None,
    )


def requested(deployment: Deployment, url: str) -> RequestedShape:
    return RequestedShape(
        id=deployment.pk,
        project=deployment.project.slug,
        environment=deployment.environment.slug,
        status=deployment.status,
        url=url,
    )


def package_line(package: Package) -> PackageLine:
    """Needs `newest`, `number_of_versions` and the prefetched `projects`."""
    return PackageLine(
        name=package.name,
        label=package.label,
        newest=package.newest,  # type: ignore[attr-defined]
        versions=package.number_of_versions,  # type: ignore[attr-defined]
        projects=sorted(project.slug for project in package.seen),  # type: ignore[attr-defined]
    )


def version_line(version: PackageVersion) -> VersionLine:
    return VersionLine(
        version=version.version,
        sha256=version.bytes.sha256,
        size=version.bytes.size,
        format=version.format,
        published_at=version.published_at,
        published_by=str(version.published_by),
        withdrawn_at=version.withdrawn_at,
        withdrawn_reason=version.withdrawn_reason,
        removed_at=version.removed_at,
        removed_reason=version.removed_reason,
    )


def version_shape(
    version: PackageVersion,
    used_by: list[UseShape],
    download: str,
    *,
    build: BuildShape | None,
    attachments: list[AttachmentShape],
) -> VersionShape:
    return VersionShape(
        **version_line(version).model_dump(),
        package=version.package.name,
        stated=version.original,
        filename=version.filename,
        entry_point=version.entry_point or None,
        members=version.members,
        unpacked_bytes=version.unpacked_bytes,
        contents=version.contents,
        targets=version.targets,
        about=version.about,
        withdrawn_by=str(version.withdrawn_by) if version.withdrawn_by else None,
        used_by=used_by,
        download=download,
        build=build,
        attachments=attachments,
    )
