"""What CI says about a version beside its bytes, as JSON."""

from datetime import datetime

from ninja import Schema
from pydantic import Field

from api.shapes.common import Asked, Text
from projects.links import Links
from registry.builds import Build, Commit, WorkItem
from registry.models import Attachment, BuildInformation
from releases import changes


class CommitAsked(Asked):
    id: Text
    message: Text = Field("", description="Its first line, or all of it.")
    author: Text = ""


class WorkItemAsked(Asked):
    id: Text
    title: Text = ""
    url: Text = Field("", description="Empty: it follows from the pattern of the project, where that has one.")


class BuildAsked(Asked):
    """What is known about a build. Whatever is left out is not known."""

    number: Text = ""
    url: Text = Field("", description="Where people look at the build.")
    server: Text = Field("", description="For example GitHub Actions.")
    branch: Text = ""
    commit: Text = ""
    repository: Text = Field("", description="Its address in the web.")
    commits: list[CommitAsked] = Field([], description="What is new since the build before, newest first.")
    work_items: list[WorkItemAsked] = []

    def facts(self) -> Build:
        stated = self.model_dump(exclude={"commits", "work_items"})
        return Build(
            **stated,
            commits=tuple(Commit(**commit.model_dump()) for commit in self.commits),
            work_items=tuple(WorkItem(**item.model_dump()) for item in self.work_items),
        )


class CommitShape(Schema):
    id: str
    message: str
    author: str
    url: str = Field(description="Empty: no address is known.")


class WorkItemShape(Schema):
    id: str
    title: str
    url: str = Field(description="Empty: no address is known.")


class BuildShape(Schema):
    """The build that made a version."""

    package: str
    version: str
    number: str
    url: str
    server: str
    branch: str
    commit: str
    commit_url: str = Field(description="Empty: no address is known.")
    repository: str
    commits: list[CommitShape]
    work_items: list[WorkItemShape]
    pushed_at: datetime
    pushed_by: str


class AttachmentShape(Schema):
    """A bill of materials or a provenance statement about a version."""

    id: int
    kind: str = Field(description="cyclonedx, spdx or in-toto")
    filename: str
    sha256: str
    size: int = Field(description="In bytes.")
    attached_at: datetime
    attached_by: str
    download: str


def build_shape(found: BuildInformation, links: Links) -> BuildShape:
    return BuildShape(
        package=found.package.name,
        version=found.version,
        number=found.number,
        url=found.url,
        server=found.server,
        branch=found.branch,
        commit=found.commit,
        commit_url=links.to_commit(found.commit),
        repository=found.repository,
        commits=[CommitShape(**vars(commit)) for commit in changes.commits_of(found, links)],
        work_items=[WorkItemShape(**vars(item)) for item in changes.work_items_of(found, links)],
        pushed_at=found.pushed_at,
        pushed_by=str(found.pushed_by),
    )


def attachment_shape(found: Attachment, download: str) -> AttachmentShape:
    return AttachmentShape(
        id=found.pk,
        kind=found.kind,
        filename=found.filename,
        sha256=found.artifact.sha256,
        size=found.artifact.size,
        attached_at=found.attached_at,
        attached_by=str(found.attached_by),
        download=download,
    )
