"""What exists: feeds hold packages, packages have versions, and a version's bytes are an artifact."""

from registry.models.evidence import Attachment, BuildInformation
from registry.models.feeds import Feed, Listing
from registry.models.packages import Artifact, ManifestSource, Package, PackageQuerySet, PackageVersion

__all__ = [
    "Artifact",
    "Attachment",
    "BuildInformation",
    "Feed",
    "Listing",
    "ManifestSource",
    "Package",
    "PackageQuerySet",
    "PackageVersion",
]
