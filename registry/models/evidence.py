"""What CI says about a version beside its bytes: the build that made it, and what it is made of."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from registry import filenames, versions
from registry.models.packages import Artifact, Package, PackageVersion


class BuildInformation(models.Model):
    """The build that made a version. May arrive before the package does; of several, the last one counts."""

    package = models.ForeignKey(Package, models.PROTECT, related_name="builds")
    version = models.CharField(max_length=versions.NORMALISED_MAX_LENGTH, help_text="Normalised.")
    number = models.CharField(max_length=100, blank=True)
    url = models.CharField(max_length=1000, blank=True)
    server = models.CharField("build server", max_length=100, blank=True, help_text="For example GitHub Actions.")
    branch = models.CharField(max_length=255, blank=True)
    commit = models.CharField(max_length=100, blank=True)
    repository = models.CharField(max_length=1000, blank=True)
    commits = models.JSONField(default=list, blank=True, help_text="Newest first: id, message, author.")
    work_items = models.JSONField(default=list, blank=True, help_text="id, title, url.")
    fingerprint = models.CharField(max_length=64, editable=False)
    pushed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    pushed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "build information"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["package", "version", "-id"], name="build_of_version")]

    def __str__(self) -> str:
        return f"Build {self.number} of {self.package} {self.version}"


class Attachment(models.Model):
    """A bill of materials or a provenance statement about a version, kept as it was sent."""

    class Kind(models.TextChoices):
        CYCLONEDX = "cyclonedx", "CycloneDX bill of materials"
        SPDX = "spdx", "SPDX bill of materials"
        IN_TOTO = "in-toto", "in-toto attestation"

    version = models.ForeignKey(PackageVersion, models.PROTECT, related_name="attachments")
    kind = models.CharField(max_length=20, choices=Kind)
    filename = models.CharField("file name", max_length=filenames.FILENAME_MAX_LENGTH)
    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="attachments")
    attached_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    attached_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["version", "artifact"], name="attachment_once_per_version"),
            models.CheckConstraint(
                condition=Q(kind__in=["cyclonedx", "spdx", "in-toto"]), name="attachment_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.filename} of {self.version}"
