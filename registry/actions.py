"""Publish, withdraw, restore. HTML and API call the same verbs.

Looking into a package and moving it to its place can take long and happen before any transaction: `examine`, `place`,
then `publish`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import trail
from accounts.models import User
from config import compiled, quick
from registry import filenames, inspection, manifests, scrubbing, storage, versions
from registry.inspection import Inspection, Limits
from registry.manifests import ManifestPlace
from registry.models import Artifact, Package, PackageVersion
from registry.naming import called, package_called
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
    package = called(name)
    return ManifestPlace(package.manifest_file, package.manifest_form) if package else manifests.DEFAULT


def place(received: Received, *, name: str, version: str, filename: str) -> None:
    """Bring what was received to its final place, before any transaction: waiting for the disk there, or for the upload to
    a bucket, would keep everybody else's writes waiting. What comes of it is only said by `publish`; without that, bytes
    that no row knows stay, which is harmless.

    Raises what `publish` raises of the name and the version, VersionTaken where it is known already, StorageFull and
    StorageAway, and discards then.
    """
    try:
        name, text = filenames.identity(filename, name=name, version=version)
        _refuse_other_bytes(_there(name, versions.parse(text)), received)
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

    The same bytes again bring back a version that had been removed, and change nothing otherwise. In a transaction of
    the caller's, as a push is, nobody removes it meanwhile.
    The received file is used up: it is kept (unless `place` has done that), or discarded where an exception is raised. It
    is in its place before the row is committed; should the (outer) transaction be rolled back, bytes without a row stay,
    which is harmless.
    Raises NameRefused, IdentityRefused, VersionRefused, PackageRefused, VersionTaken, StorageFull, StorageAway.
    """
    try:
        name, text = filenames.identity(filename, name=name, version=version)
        parsed = versions.parse(text)
        looked = inspection or examine(received, name=name)
        there = _held(name, parsed)
        _refuse_other_bytes(there, received)
        storage.keep(received)
        if there:
            return _again(there[0], by)
        return _publish(received, name, parsed, filenames.bare(filename), looked, by)
    except BaseException:
        storage.discard(received)
        raise


@transaction.atomic
def _publish(
    received: Received, name: str, version: versions.Version, filename: str, looked: Inspection, by: User
) -> Published:
    published = _create(received, package_called(name), version, filename, looked, by)
    if published is None:
        # It was there but is just being removed, which is over now, since `_create` has waited for the artifact; or
        # somebody published it between the look and the write, and theirs has won.
        there = _there(name, version)
        _refuse_other_bytes(there, received)
        return _again(there[0], by)
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
    received: Received, package: Package, version: versions.Version, filename: str, looked: Inspection, by: User
) -> PackageVersion | None:
    """The new version; None where it is there already."""
    artifact = scrubbing.artifact_of(received, by=by)
    published = PackageVersion(
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
    return published if quick.insert_once(published) else None


def _there(name: str, version: versions.Version) -> list[PackageVersion]:
    """The version of this package, where it is published."""
    return compiled.rows(_published, name=name.lower(), version=version.normalised)


def _held(name: str, version: versions.Version) -> list[PackageVersion]:
    """The same, unless it is just being removed; nobody begins to before the transaction ends."""
    held = quick.held(quick.quoted(PackageVersion), skip=True)
    return compiled.rows(_published, held, name=name.lower(), version=version.normalised)


def _published() -> QuerySet[PackageVersion]:
    named = Package.objects.builtin().folded(compiled.parameter("name"))
    found = PackageVersion.objects.filter(package__in=named, version=compiled.parameter("version"))
    return found.select_related("package", "artifact", "published_by").order_by()[:1]


def _refuse_other_bytes(there: Sequence[PackageVersion], received: Received) -> None:
    """Raise VersionTaken where the version is there with other content."""
    for version in there:
        if version.bytes.sha256 != received.sha256:
            raise VersionTaken(
                f"{version} was published on {version.published_at:%d %B %Y} by {version.published_by} with other content,"
                " and a version never changes. Push the new content under a new version."
            )


@transaction.atomic
def _again(there: PackageVersion, by: User) -> Published:
    """The same bytes, which have just been kept, change nothing, but for a version that was removed: it is back."""
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
    """Put a withdrawn version back into use. Raises ReasonMissing, NotWithdrawn."""
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
