"""What manifests name, and what is different between two releases, as JSON."""

from collections.abc import Iterable

from ninja import Schema
from pydantic import Field

from api.shapes.evidence import CommitShape, WorkItemShape
from deployments.grid_contents import ContentRow
from releases.comparing import Compared
from releases.comparison import Difference, Named, PartComparison, VariableName
from releases.contents import Entry
from releases.models import Release

CHANGE = "added, removed, changed or same"


class EntryShape(Schema):
    """One line of a manifest."""

    package: str = Field(description="The package that holds the manifest.")
    component: str = Field(description="As the manifest writes it.")
    label: str = Field(description="What people call it.")
    version: str


class ContentRowShape(Schema):
    """A component of a manifest: which version of it is where."""

    package: str
    component: str
    label: str
    versions: dict[str, str | None] = Field(description="By environment; null: it is not there.")


class EntryChange(Schema):
    """A component of a manifest on both sides."""

    package: str
    component: str
    label: str
    change: str = Field(description=CHANGE)
    before: str | None
    after: str | None


class PackageChange(Schema):
    package: str
    label: str
    change: str = Field(description=CHANGE)
    before: str | None
    after: str | None


class SettingChange(Schema):
    """The process, one of its steps, or a component's place in the order of deployment."""

    name: str
    change: str = Field(description="added, removed or changed")
    before: str | None = Field(description="null for a step: what it does is told by its release.")
    after: str | None


class VariableChange(Schema):
    name: str
    environment: str | None = Field(description="null: everywhere.")
    scope: str
    change: str = Field(description="added, removed or changed")
    sensitive: bool
    before: str | None = Field(description="null also where either value is sensitive.")
    after: str | None


class PartShape(Schema):
    """One component of a stack on both sides, or the project itself."""

    project: str
    name: str
    change: str = Field(description=CHANGE)
    before: str | None = Field(description="The number of its release; null: it was no part of it.")
    after: str | None
    place: list[SettingChange]
    packages: list[PackageChange]
    contents: list[EntryChange]
    process: SettingChange | None
    steps: list[SettingChange] | None = Field(description="null for those who see no technical details.")
    variables: list[VariableChange] | None = Field(description="null for those who see no technical details.")


class NoteShape(Schema):
    project: str
    release: str
    notes: str


class ComparisonShape(Schema):
    """What is different from one release to another."""

    project: str
    before: str
    after: str
    is_back: bool = Field(description="It goes from a newer release to an older one.")
    components: list[PartShape]
    notes: list[NoteShape] = Field(description="Of the releases between them, the newer one included.")
    work_items: list[WorkItemShape]
    commits: list[CommitShape] | None = Field(description="null for those who see no technical details.")


def entries(found: Iterable[Entry]) -> list[EntryShape]:
    return [
        EntryShape(package=entry.package, component=entry.component, label=entry.label, version=entry.version)
        for entry in found
    ]


def content_row(row: ContentRow) -> ContentRowShape:
    return ContentRowShape(
        package=row.package,
        component=row.component,
        label=row.label,
        versions={cell.environment.slug: cell.version for cell in row.cells},
    )


def entry_change(line: Difference[Named]) -> EntryChange:
    what = line.what
    return EntryChange(
        package=what.within,
        component=what.name,
        label=what.label,
        change=line.kind,
        before=line.before,
        after=line.after,
    )


def comparison(found: Compared, *, technical: bool) -> ComparisonShape:
    return ComparisonShape(
        project=found.after.project.slug,
        before=found.before.number,
        after=found.after.number,
        is_back=found.comparison.is_back,
        components=[_part(part, technical=technical) for part in found.comparison.parts],
        notes=[_note(release) for release in found.notes],
        work_items=[WorkItemShape(**vars(item)) for item in found.work.work_items],
        commits=[CommitShape(**vars(commit)) for commit in found.work.commits] if technical else None,
    )


def _part(part: PartComparison, *, technical: bool) -> PartShape:
    return PartShape(
        project=part.slug,
        name=part.name,
        change=part.number.kind,
        before=part.number.before,
        after=part.number.after,
        place=[_setting(line) for line in part.place],
        packages=[_package(line) for line in part.packages],
        contents=[entry_change(line) for line in part.contents],
        process=_setting(part.process) if part.process else None,
        steps=[_setting(line) for line in part.steps] if technical else None,
        variables=[_variable(line) for line in part.variables] if technical else None,
    )


def _package(line: Difference[Named]) -> PackageChange:
    return PackageChange(
        package=line.what.name, label=line.what.label, change=line.kind, before=line.before, after=line.after
    )


def _setting(line: Difference[str]) -> SettingChange:
    return SettingChange(name=line.what, change=line.kind, before=line.before, after=line.after)


def _variable(line: Difference[VariableName]) -> VariableChange:
    return VariableChange(
        name=line.what.name,
        environment=line.what.environment or None,
        scope=line.what.scope,
        change=line.kind,
        sensitive=line.is_secret,
        before=line.before,
        after=line.after,
    )


def _note(release: Release) -> NoteShape:
    return NoteShape(project=release.project.slug, release=release.number, notes=release.notes)
