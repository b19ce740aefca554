"""Publish, withdraw, restore. HTML and API call the same verbs.

Looking into a package can take long and happens before any transaction: `examine`, then `publish`.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from accounts import trail
from accounts.models import User
from config import quick
from registry import filenames, inspection, manifests, scrubbing, storage, versions
from registry.inspection import Inspection, Limits
from registry.manifests import ManifestPlace
from registry.models import Artifact, Feed, Package, PackageVersion
from registry.naming import package_called
from registry.refusals import RegistryRefused
from registry.storage import Received


class VersionTaken(RegistryRefused):
    code = "version-taken"


class ReasonMissing(RegistryRefused):
    code = "reason-missing"


class AlreadyWithdrawn(RegistryRefused):
    code = "already-withdrawn"


class NotWithdrawn(RegistryRefused):
    code = "not-withdrawn"


@dataclass(frozen=True)
class Published:
    """`created` is False where the same bytes had been published under this version before."""

    version: PackageVersion
    created: bool


def limits() -> Limits:
    """What this installation allows a package to unpack to."""
    return Limits(
        unpacked_bytes=settings.PACKAGE_MAX_UNPACKED_BYTES,
        members=settings.PACKAGE_MAX_MEMBERS,
        ratio=settings.PACKAGE_MAX_RATIO,
    )


def examine(received: Received, *, name: str = "", filename: str = "") -> Inspection:
    """Look into what was received, without running it.

    name, filename  as `publish` takes them: the package may say where its manifest lies

    Raises PackageRefused, ManifestUnreadable, and discards what it refuses.
    """
    try:
        return inspection.inspect(received.path, limits(), _manifest_of(name, filename))
    except BaseException:
        storage.discard(received)
        raise


def _manifest_of(name: str, filename: str) -> ManifestPlace:
    """Where the manifest of this package lies, and in which form; the usual place where nobody has said so."""
    if not name:
        try:
            name, _ = filenames.identity_from(filename)
        except RegistryRefused:  # which will be said where it counts
            return manifests.DEFAULT
    package = Package.objects.named(name).only("manifest_file", "manifest_form").first()
    return ManifestPlace(package.manifest_file, package.manifest_form) if package else manifests.DEFAULT


def keep(received: Received, *, name: str, version: str, filename: str) -> None:
    """Bring what was received to its final place, before any transaction: with S3 that takes as long as the upload. What
    comes of it is only said by `publish`; without that, bytes that no row knows stay, which is harmless.

    Raises what `publish` raises of the name and the version, VersionTaken where it is known already, StorageFull and
    StorageAway, and discards then.
    """
    try:
        name, text = filenames.identity(filename, name=name, version=version)
        _refuse_other_bytes(name, versions.parse(text), received)
        storage.keep(received)
    except BaseException:
        storage.discard(received)
        raise


def publish(
    received: Received, *, name: str, version: str, filename: str, by: User, inspection: Inspection | None = None
) -> Published:
    """Publish what was received as `version` of the package `name`, in the built-in feed.

    name, version  as stated; where empty, they are read from `filename`
    inspection     what `examine` returned; examined here where it is not given

    The same bytes again bring back a version that had been removed, and change nothing otherwise.
    The received file is used up: it is kept (unless `keep` has done that), or discarded where an exception is raised. It
    is in its place before the row is committed; should the (outer) transaction be rolled back, bytes without a row stay,
    which is harmless.
    Raises NameRefused, IdentityRefused, VersionRefused, PackageRefused, VersionTaken, StorageFull, StorageAway.
    """
    try:
        name, text = filenames.identity(filename, name=name, version=version)
        parsed = versions.parse(text)
        looked = inspection or examine(received, name=name)
        if received.is_waiting:
            keep(received, name=name, version=text, filename=filename)
        return _publish(received, name, parsed, filenames.bare(filename), looked, by)
    except BaseException:
        storage.discard(received)
        raise


@transaction.atomic
def _publish(
    received: Received, name: str, version: versions.Version, filename: str, looked: Inspection, by: User
) -> Published:
    package = package_called(name)
    if there := _version(package, version):
        return _again(there, received, by)
    artifact = scrubbing.artifact_of(received, by=by)
    try:
        with transaction.atomic():
            published = _create(artifact, package, version, filename, looked, by)
    except IntegrityError:
        # Somebody published this version between the look and the write; theirs has won.
        if there := _version(package, version):
            return _again(there, received, by)
        raise
    trail.record(
        by,
        "version.published",
        published,
        f"{by} published {published}.",
        sha256=received.sha256,
        size=received.size,
        filename=filename,
    )
    return Published(published, created=True)


def _create(
    artifact: Artifact, package: Package, version: versions.Version, filename: str, looked: Inspection, by: User
) -> PackageVersion:
    return PackageVersion.objects.create(
        package=package,
        version=version.normalised,
        sort_key=version.sort_key,
        original=version.original,
        artifact=artifact,
        filename=filename,
        format=looked.format,
        entry_point=looked.entry_point or "",
        members=looked.members,
        unpacked_bytes=looked.unpacked_bytes,
        contents=looked.contents,
        targets=looked.targets,
        about=looked.about,
        published_by=by,
    )


def _version(package: Package, version: versions.Version) -> PackageVersion | None:
    found = package.versions.filter(version=version.normalised)
    return found.select_related("package", "artifact", "published_by").first()


def _again(there: PackageVersion, received: Received, by: User) -> Published:
    """The same bytes change nothing, but for a version that was removed: it is back. Other bytes are refused."""
    if there.bytes.sha256 != received.sha256:
        raise _taken(there)
    scrubbing.stored_again(there.bytes, by=by)
    _bring_back(there, by)
    return Published(there, created=False)


def _bring_back(there: PackageVersion, by: User) -> None:
    """What was removed to make room is there again once somebody pushes it again."""
    removed = PackageVersion.objects.filter(pk=there.pk, removed_at__isnull=False)
    if there.is_removed and removed.update(removed_at=None, removed_reason=""):
        trail.record(by, "version.returned", there, f"{by} pushed {there} again, whose bytes had been removed.")
        # What is kept for a number of days is kept for as many from now on.
        Artifact.objects.filter(pk=there.bytes.pk).update(stored_at=timezone.now())
        there.removed_at, there.removed_reason = None, ""


def _refuse_other_bytes(name: str, version: versions.Version, received: Received) -> None:
    """A look without a transaction, so that what will be refused takes no room in the storage."""
    sql, given = quick.statement(_digest_of, name=name.lower(), version=version.normalised)
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        found = cursor.fetchone()
    if found and found[0] != received.sha256:
        package = Package.objects.named(name).get()
        if there := _version(package, version):
            raise _taken(there)


def _digest_of() -> QuerySet[Any]:
    """The SHA-256 of the version that CI has pushed under this name."""
    named = PackageVersion.objects.alias(folded_name=Lower("package__name")).filter(folded_name=quick.Mark("name"))
    pushed = named.filter(package__feed__kind=Feed.Kind.BUILTIN, version=quick.Mark("version"))
    return pushed.order_by().values_list("artifact__sha256")


def _taken(there: PackageVersion) -> VersionTaken:
    return VersionTaken(
        f"{there} was published on {there.published_at:%d %B %Y} by {there.published_by} with other content, and a"
        " version never changes. Push the new content under a new version."
    )


@transaction.atomic
def withdraw(version: PackageVersion, *, by: User, reason: str) -> PackageVersion:
    """Take the version out of use: it stays on record and is never deployed again.

    Raises ReasonMissing, AlreadyWithdrawn.
    """
    reason = _reason(reason, f"Say why {version} is withdrawn.")
    changed = PackageVersion.objects.filter(pk=version.pk, withdrawn_at=None).update(
        withdrawn_at=timezone.now(), withdrawn_reason=reason, withdrawn_by=by
    )
    if not changed:
        raise AlreadyWithdrawn(f"{version} has been withdrawn already.")
    trail.record(by, "version.withdrawn", version, f"{by} withdrew {version}: {reason}", reason=reason)
    version.refresh_from_db()
    return version


@transaction.atomic
def restore(version: PackageVersion, *, by: User, reason: str) -> PackageVersion:
    """Put a withdrawn version back into use, which takes an administrator. Raises ReasonMissing, NotWithdrawn."""
    reason = _reason(reason, f"Say why {version} is put back into use.")
    changed = PackageVersion.objects.filter(pk=version.pk, withdrawn_at__isnull=False).update(
        withdrawn_at=None, withdrawn_reason="", withdrawn_by=None
    )
    if not changed:
        raise NotWithdrawn(f"{version} is not withdrawn.")
    trail.record(by, "version.restored", version, f"{by} put {version} back into use: {reason}", reason=reason)
    version.refresh_from_db()
    return version


def _reason(text: str, sentence: str) -> str:
    if not text.strip():
        raise ReasonMissing(sentence)
    return text.strip()
