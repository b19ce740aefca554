"""Publish, withdraw, restore. HTML and API call the same verbs.

Looking into a package can take long and happens before any transaction: `examine`, then `publish`.
"""

from dataclasses import dataclass

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import trail
from accounts.models import User
from registry import filenames, inspection, storage, versions
from registry.inspection import Inspection, Limits
from registry.models import Artifact, Feed, Package, PackageVersion
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


def examine(received: Received) -> Inspection:
    """Look into what was received, without running it. Raises PackageRefused, and discards what it refuses."""
    try:
        return inspection.inspect(received.path, limits())
    except BaseException:
        storage.discard(received)
        raise


def publish(
    received: Received, *, name: str, version: str, filename: str, by: User, inspection: Inspection | None = None
) -> Published:
    """Publish what was received as `version` of the package `name`, in the built-in feed.

    name, version  as stated; where empty, they are read from `filename`
    inspection     what `examine` returned; examined here where it is not given

    The received file is used up: it is kept, or discarded where an exception is raised. It is moved into place before
    the row is committed; should the (outer) transaction be rolled back, a file without a row stays, which is harmless.
    Raises NameRefused, IdentityRefused, VersionRefused, PackageRefused, VersionTaken.
    """
    try:
        name, text = filenames.identity(filename, name=name, version=version)
        parsed = versions.parse(text)
        looked = inspection or examine(received)
        return _publish(received, name, parsed, filenames.bare(filename), looked, by)
    except BaseException:
        storage.discard(received)
        raise


@transaction.atomic
def _publish(
    received: Received, name: str, version: versions.Version, filename: str, looked: Inspection, by: User
) -> Published:
    package = _package(name)
    if there := _version(package, version):
        return _again(there, received)
    storage.keep(received)
    try:
        with transaction.atomic():
            published = _create(received, package, version, filename, looked, by)
    except IntegrityError:
        # Somebody published this version between the look and the write; theirs has won.
        if there := _version(package, version):
            return _again(there, received)
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
    received: Received, package: Package, version: versions.Version, filename: str, looked: Inspection, by: User
) -> PackageVersion:
    artifact, _ = Artifact.objects.get_or_create(sha256=received.sha256, defaults={"size": received.size})
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
        published_by=by,
    )


def _package(name: str) -> Package:
    """The package of this name; created with its first version."""
    packages = Package.objects.named(name)
    if there := packages.first():
        return there
    try:
        with transaction.atomic():
            return Package.objects.create(feed=Feed.builtin(), name=name)
    except IntegrityError:
        return packages.get()


def _version(package: Package, version: versions.Version) -> PackageVersion | None:
    found = package.versions.filter(version=version.normalised)
    return found.select_related("package", "artifact", "published_by").first()


def _again(there: PackageVersion, received: Received) -> Published:
    if there.bytes.sha256 != received.sha256:
        raise VersionTaken(
            f"{there} was published on {there.published_at:%d %B %Y} by {there.published_by} with other content, and a"
            " version never changes. Push the new content under a new version."
        )
    storage.keep(received)
    return Published(there, created=False)


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
