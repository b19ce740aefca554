"""What exists: feeds hold packages, packages have versions, a version's bytes are an artifact."""

from pathlib import Path
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from registry import filenames, storage, versions


class Feed(models.Model):
    """Where packages come from. The built-in feed is Signalbox's own registry."""

    class Kind(models.TextChoices):
        BUILTIN = "builtin", "built-in"

    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.BUILTIN)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=Q(kind__in=["builtin"]), name="feed_kind_is_known")]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def builtin(cls) -> Self:
        """The feed that CI pushes to; created where it is missing."""
        return cls.objects.get_or_create(slug="builtin", defaults={"name": "Built-in feed", "kind": cls.Kind.BUILTIN})[
            0
        ]


class PackageQuerySet(models.QuerySet["Package"]):
    def named(self, name: str) -> Self:
        """Packages of this name, whatever its upper and lower case."""
        return self.alias(folded_name=Lower("name")).filter(folded_name=name.lower())


class Package(models.Model):
    """A name in a feed, under which versions are published. Spelled as it was first pushed."""

    feed = models.ForeignKey(Feed, models.PROTECT, related_name="packages")
    name = models.CharField(max_length=filenames.NAME_MAX_LENGTH)

    objects = PackageQuerySet.as_manager()

    class Meta:
        ordering = [Lower("name")]
        constraints = [
            models.UniqueConstraint(
                "feed",
                Lower("name"),
                name="package_name_once_per_feed",
                violation_error_message="The feed has a package of this name already.",
            ),
            models.CheckConstraint(
                condition=Q(name__regex=r"\A[A-Za-z0-9]+([._-][A-Za-z0-9]+)*\Z"), name="package_name_is_plain"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def published(self, version: str) -> "PackageVersion | None":
        """The version that this text means, however it is written, with everything that is told about it."""
        try:
            wanted = versions.parse(version).normalised
        except versions.VersionRefused:
            return None
        told = self.versions.select_related("package", "artifact", "published_by", "withdrawn_by")
        return told.filter(version=wanted).first()


class Artifact(models.Model):
    """Stored bytes, known by their SHA-256. Several versions, of several packages too, may share them."""

    sha256 = models.CharField("SHA-256", max_length=64, unique=True)
    size = models.PositiveBigIntegerField(help_text="In bytes.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(sha256__regex=r"\A[0-9a-f]{64}\Z"), name="artifact_sha256_is_a_digest"),
            models.CheckConstraint(condition=Q(size__gt=0), name="artifact_is_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.sha256[:12]}…"

    @property
    def path(self) -> Path:
        """Where the bytes lie. Whoever runs them asks `storage.verify` instead."""
        return storage.path_of(self.sha256)


class PackageVersionQuerySet(models.QuerySet["PackageVersion"]):
    def eligible(self) -> Self:
        """Those that a release may be made of: not withdrawn."""
        return self.filter(withdrawn_at=None)

    def newest_first(self) -> Self:
        """Highest version first, whenever it was published."""
        return self.order_by("-sort_key", "-pk")


class PackageVersion(models.Model):
    """What was published, once and for all. Only the three columns about its withdrawal ever change."""

    package = models.ForeignKey(Package, models.PROTECT, related_name="versions")
    version = models.CharField(
        max_length=versions.NORMALISED_MAX_LENGTH, help_text="Normalised: 1.0, v1.0.0 and 1.0.0.0 are all 1.0.0."
    )
    sort_key = models.CharField(max_length=versions.SORT_KEY_MAX_LENGTH, editable=False)
    original = models.CharField("as stated", max_length=versions.MAX_LENGTH)
    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="versions")
    filename = models.CharField("file name", max_length=filenames.FILENAME_MAX_LENGTH, blank=True)
    format = models.CharField(max_length=20)
    entry_point = models.CharField(
        max_length=1024, blank=True, help_text="The script that deploys it; empty: none found."
    )
    members = models.PositiveIntegerField(help_text="Files and directories in it.")
    unpacked_bytes = models.PositiveBigIntegerField()
    contents = models.JSONField(default=dict, blank=True, help_text="Component and version, as its manifest says.")
    targets = models.JSONField(default=list, blank=True, help_text="Environments that it says it supports.")
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    published_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_reason = models.TextField(blank=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")

    objects = PackageVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["package", "version"],
                name="version_once_per_package",
                violation_error_message="This version of the package is published already.",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at=None, withdrawn_reason="", withdrawn_by=None)
                | Q(withdrawn_at__isnull=False, withdrawn_by__isnull=False) & ~Q(withdrawn_reason=""),
                name="version_withdrawn_iff_reason",
                violation_error_message="A withdrawn version has a time, a reason and somebody who withdrew it.",
            ),
        ]
        indexes = [models.Index(fields=["package", "-sort_key"], name="version_newest_of_package")]

    def __str__(self) -> str:
        return f"{self.package.name} {self.version}"

    @property
    def is_withdrawn(self) -> bool:
        return self.withdrawn_at is not None

    @property
    def is_prerelease(self) -> bool:
        return "-" in self.version
