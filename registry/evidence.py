"""What CI says about a version beside its bytes: the build that made it, and what it is made of. Verbs and questions.

Both only ever grow: what was said stays on record, and of several builds of a version the last one counts.
"""

from collections.abc import Iterable
from dataclasses import asdict

from django.db import transaction
from django.db.models import OuterRef, Subquery

from accounts import trail
from accounts.models import User
from registry import builds, documents, filenames, scrubbing, storage, versions
from registry.builds import Build
from registry.documents import AttachmentRefused
from registry.models import Attachment, BuildInformation, Package, PackageVersion
from registry.naming import package_called
from registry.storage import Received

ATTACHMENTS_AT_MOST = 20
"""Of one version."""

# -- the build that made it -------------------------------------------------------------------------------------------


@transaction.atomic
def record_build(name: str, version: str, facts: Build, by: User) -> tuple[BuildInformation, bool]:
    """Keep what is known about the build of this version, and say whether that is new.

    name, version  of a package that CI pushes; neither needs to be there yet. The version is kept normalised.

    The same as what counts now changes nothing; anything else counts from now on. Raises NameRefused, VersionRefused,
    BuildRefused.
    """
    parsed = versions.parse(version)
    kept = builds.checked(facts)
    package = package_called(filenames.package_name(name))
    Package.objects.select_for_update(no_key=True).get(pk=package.pk)  # builds of one package come one by one
    print_of_it = builds.fingerprint(kept)
    there = build_called(package, parsed.normalised)
    if there is not None and there.fingerprint == print_of_it:
        return there, False
    row = BuildInformation.objects.create(
        package=package, version=parsed.normalised, fingerprint=print_of_it, pushed_by=by, **_columns(kept)
    )
    which = f"build {row.number}" if row.number else "a build"
    trail.record(
        by,
        "build.recorded",
        row,
        f"{by} said that {which} made {package} {row.version}.",
        package=package.name,
        version=row.version,
        number=row.number,
        commit=row.commit,
    )
    return row, True


def build_called(package: Package, version: str) -> BuildInformation | None:
    """What counts as the build of this version (normalised), published or not."""
    return package.builds.filter(version=version).select_related("pushed_by").order_by("-pk").first()


def build_of(version: PackageVersion) -> BuildInformation | None:
    """What counts as the build that made this version."""
    return build_called(version.package, version.version)


def builds_of(found: Iterable[PackageVersion]) -> dict[int, BuildInformation]:
    """The build that counts by the pk of its version, for those that have one. One query."""
    pks = {(version.package_id, version.version): version.pk for version in found}
    same = BuildInformation.objects.filter(package=OuterRef("package"), version=OuterRef("version"))
    newest = PackageVersion.objects.filter(pk__in=pks.values()).annotate(
        newest=Subquery(same.order_by("-pk").values("pk")[:1])
    )
    rows = BuildInformation.objects.filter(pk__in=newest.values("newest")).select_related("package", "pushed_by")
    return {pks[row.package_id, row.version]: row for row in rows}


def _columns(build: Build) -> dict[str, object]:
    """The facts as columns; commits and work items as plain JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(build).items()}


# -- what it is made of -----------------------------------------------------------------------------------------------


def attach(version: PackageVersion, received: Received, filename: str, by: User) -> tuple[Attachment, bool]:
    """Keep a bill of materials or a provenance statement with this version, and say whether that is new.

    filename  as the sender calls it; empty: a usual one

    The received file is used up: it is kept, or discarded where an exception is raised. The same bytes again change
    nothing, but heal what is damaged in the storage. Raises AttachmentRefused, StorageFull, StorageAway.
    """
    try:
        kind = Attachment.Kind(documents.kind_of(received.path))
        _refuse_full(version, received)
        storage.keep(received)  # before the transaction: with a bucket it takes as long as the upload
        return _attach(version, received, kind, filenames.bare(filename) or _usual_name(kind), by)
    except BaseException:
        storage.discard(received)
        raise


@transaction.atomic
def _attach(
    version: PackageVersion, received: Received, kind: Attachment.Kind, filename: str, by: User
) -> tuple[Attachment, bool]:
    PackageVersion.objects.select_for_update(no_key=True).get(pk=version.pk)  # attachments of one come one by one
    told = version.attachments.select_related("version__package", "artifact", "attached_by")
    if there := told.filter(artifact__sha256=received.sha256).first():
        scrubbing.stored_again(there.artifact, by=by)
        return there, False
    _refuse_full(version, received)
    artifact = scrubbing.artifact_of(received, by=by)
    row = version.attachments.create(kind=kind, filename=filename, artifact=artifact, attached_by=by)
    trail.record(
        by,
        "attachment.added",
        version,
        f"{by} attached {filename} ({kind.label}) to {version}.",
        kind=str(kind),
        sha256=received.sha256,
        size=received.size,
        filename=filename,
    )
    return row, True


def _refuse_full(version: PackageVersion, received: Received) -> None:
    """Raise AttachmentRefused where the version takes no other attachment."""
    held = version.attachments.values_list("artifact__sha256", flat=True)
    if len(held) >= ATTACHMENTS_AT_MOST and received.sha256 not in held:
        raise AttachmentRefused(
            f"{version} has {ATTACHMENTS_AT_MOST} attachments already, and none of them is ever removed. Put several"
            " attestations into one file, as JSON lines.",
            code="attachments-full",
        )


def _usual_name(kind: Attachment.Kind) -> str:
    names = {Attachment.Kind.CYCLONEDX: "bom.cdx.json", Attachment.Kind.SPDX: "bom.spdx.json"}
    return names.get(kind, "attestations.intoto.jsonl")
