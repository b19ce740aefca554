"""Packages have versions, and a version's bytes are an artifact, or lie in an outside store that it refers to."""

from pathlib import Path
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Expression, Q
from django.db.models.functions import Lower
from django.utils import timezone

from registry import filenames, storage, versions
from registry.models.feeds import Feed

NAME_MAX_LENGTH = 300
"""Of a package in an outside store; what is pushed keeps to `filenames.NAME_MAX_LENGTH`."""


class PackageQuerySet(models.QuerySet["Package"]):
    def named(self, name: str) -> Self:
        """The packages of the built-in feed with this name, whatever its upper and lower case."""
        return self.builtin().called(name)

    def called(self, name: str) -> Self:
        """The packages of any feed with this name, whatever its upper and lower case."""
        return self.folded(name.lower())

    def folded(self, name: str | Expression) -> Self:
        """The packages whose name is this one once it is written in lower case."""
        return self.alias(folded_name=Lower("name")).filter(folded_name=name)

    def builtin(self) -> Self:
        """Those that CI pushes."""
        return self.filter(feed__kind=Feed.Kind.BUILTIN)

    def outside(self) -> Self:
        """Those that lie in an outside store."""
        return self.exclude(feed__kind=Feed.Kind.BUILTIN)


NAME_PATTERN = r"@?[A-Za-z0-9][A-Za-z0-9._:/-]*"
"""Of a package's name, whatever its feed; each kind of feed has a narrower one."""


class Package(models.Model):
    """A name in a feed, under which versions are published. Spelled as it was first pushed."""

    class ManifestForm(models.TextChoices):
        PROPERTIES = "properties", "component=version lines"
        YAML = "yaml", "YAML"
        JSON = "json", "JSON"

    feed = models.ForeignKey(Feed, models.PROTECT, related_name="packages")
    name = models.CharField(max_length=NAME_MAX_LENGTH)
    label = models.CharField(
        "shown as",
        max_length=100,
        blank=True,
        help_text="What people call it, for example Patient API. Empty: its name.",
    )
    manifest_file = models.CharField(
        "manifest",
        max_length=255,
        blank=True,
        help_text="The file inside the package that says which component has which version. Empty: a file named"
        " manifest, manifest.txt or manifest.properties, where there is one.",
    )
    manifest_form = models.CharField(
        "form of the manifest", max_length=20, choices=ManifestForm, default=ManifestForm.PROPERTIES
    )
    prereleases = models.BooleanField(
        "pre-releases count",
        default=False,
        help_text="In an outside store: whether a pre-release such as 2.0.0-rc.1 can be the newest version.",
    )

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
            models.CheckConstraint(condition=Q(name__regex=rf"\A{NAME_PATTERN}\Z"), name="package_name_is_printable"),
            models.CheckConstraint(
                condition=Q(manifest_form__in=["properties", "yaml", "json"]), name="package_manifest_form_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.name

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

    class Problem(models.TextChoices):
        MISSING = "missing", "Missing"
        DAMAGED = "damaged", "Damaged"

    sha256 = models.CharField("SHA-256", max_length=64, unique=True)
    size = models.PositiveBigIntegerField(help_text="In bytes.")
    stored_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(null=True, blank=True, help_text="When the stored bytes were last hashed again.")
    problem = models.CharField(max_length=10, choices=Problem, blank=True, help_text="What was wrong with them then.")
    removed_at = models.DateTimeField(null=True, blank=True, help_text="When no version needed them any more.")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(sha256__regex=r"\A[0-9a-f]{64}\Z"), name="artifact_sha256_is_a_digest"),
            models.CheckConstraint(condition=Q(size__gt=0), name="artifact_is_not_empty"),
            models.CheckConstraint(
                condition=Q(problem="") | Q(problem__in=["missing", "damaged"], checked_at__isnull=False),
                name="artifact_problem_was_found",
            ),
        ]
        indexes = [models.Index(fields=["checked_at"], name="artifact_by_last_check")]

    def __str__(self) -> str:
        return f"{self.sha256[:12]}…"

    @property
    def path(self) -> Path:
        """Where the bytes lie, if they are files of this machine. Whoever runs them asks `storage.at_hand` instead."""
        return storage.path_of(self.sha256)


class PackageVersionQuerySet(models.QuerySet["PackageVersion"]):
    def eligible(self) -> Self:
        """Those that a release may be made of: neither withdrawn nor removed."""
        return self.filter(withdrawn_at=None, removed_at=None)

    def newest_first(self) -> Self:
        """Highest version first, whenever it was published."""
        return self.order_by("-sort_key", "-pk")


class PackageVersion(models.Model):
    """What was published, once and for all. Only the columns about its withdrawal and its removal ever change.

    A version in an outside store is a reference: its bytes stay there, and `digest` is what the store says about them.
    """

    REFERENCE = "reference"

    package = models.ForeignKey(Package, models.PROTECT, related_name="versions")
    version = models.CharField(
        max_length=versions.NORMALISED_MAX_LENGTH, help_text="Normalised: 1.0, v1.0.0 and 1.0.0.0 are all 1.0.0."
    )
    sort_key = models.CharField(max_length=versions.SORT_KEY_MAX_LENGTH, editable=False)
    original = models.CharField("as stated", max_length=versions.MAX_LENGTH)
    artifact = models.ForeignKey(Artifact, models.PROTECT, null=True, blank=True, related_name="versions")
    digest = models.CharField(max_length=200, blank=True, help_text="Of a reference: as its feed states it.")
    filename = models.CharField("file name", max_length=filenames.FILENAME_MAX_LENGTH, blank=True)
    format = models.CharField(max_length=20)
    entry_point = models.CharField(
        max_length=1024, blank=True, help_text="The script that deploys it; empty: none found."
    )
    members = models.PositiveIntegerField(help_text="Files and directories in it.")
    unpacked_bytes = models.PositiveBigIntegerField()
    contents = models.JSONField(default=dict, blank=True, help_text="Component and version, as its manifest says.")
    targets = models.JSONField(default=list, blank=True, help_text="Environments that it says it supports.")
    about = models.JSONField(default=dict, blank=True, help_text="What else it says about itself, such as its build.")
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    published_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    withdrawn_reason = models.TextField(blank=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_reason = models.TextField(blank=True)

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
            models.CheckConstraint(
                condition=Q(removed_at=None, removed_reason="")
                | Q(removed_at__isnull=False, artifact__isnull=False) & ~Q(removed_reason=""),
                name="version_removed_iff_reason",
                violation_error_message="A removed version has a time and a reason, and had bytes of its own.",
            ),
            models.CheckConstraint(
                condition=Q(artifact=None, format="reference")
                | Q(artifact__isnull=False, digest="") & ~Q(format="reference"),
                name="version_has_bytes_or_is_a_reference",
            ),
        ]
        indexes = [models.Index(fields=["package", "-sort_key"], name="version_newest_of_package")]

    def __str__(self) -> str:
        return f"{self.package} {self.version}"

    @property
    def is_withdrawn(self) -> bool:
        return self.withdrawn_at is not None

    @property
    def is_removed(self) -> bool:
        return self.removed_at is not None

    @property
    def removal(self) -> str:
        """What people are told about a removed version; empty otherwise. Needs the package."""
        if self.removed_at is None:
            return ""
        when = f"{timezone.localtime(self.removed_at):%d %B %Y}"
        return (
            f"{self} was removed on {when}: {self.removed_reason}. It stays on record. Push the same package again to"
            " bring it back."
        )

    @property
    def is_reference(self) -> bool:
        """Whether its bytes lie in an outside store."""
        return self.artifact_id is None

    @property
    def bytes(self) -> Artifact:
        """What is stored of it. Raises ValueError for a reference: nothing is."""
        if self.artifact is None:
            raise ValueError(f"{self} lies in {self.package.feed}, not here")
        return self.artifact

    @property
    def is_prerelease(self) -> bool:
        return "-" in self.version


class ManifestSource(models.Model):
    """Where the components that a package's manifest names lie: in this feed, under a name made from theirs."""

    package = models.ForeignKey(Package, models.CASCADE, related_name="manifest_sources")
    components = models.CharField(
        max_length=100,
        default="*",
        help_text="Which components of the manifest: a name, or a pattern such as *-api. The first that fits counts.",
    )
    feed = models.ForeignKey(Feed, models.PROTECT, related_name="manifest_sources")
    name = models.CharField(
        max_length=NAME_MAX_LENGTH,
        default="{component}",
        help_text="What the feed calls them; {component} stands for the name in the manifest, for example"
        " com.example:{component}.",
    )
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["package", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["package", "components"],
                name="manifest_source_once_per_pattern",
                violation_error_message="The package says already where these components lie.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.components} of {self.package} in {self.feed}"
