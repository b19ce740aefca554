"""What is put together: releases and their frozen manifests, and the triggers that create them."""

from typing import ClassVar

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from projects.models import Project
from registry.models import Package, PackageVersion


class ReleaseQuerySet(models.QuerySet["Release"]):
    def newest_first(self) -> "ReleaseQuerySet":
        """Highest number first; of two that differ only in their build part, the later one."""
        return self.order_by("-sort_key", "-pk")

    def with_contents(self) -> "ReleaseQuerySet":
        """Everything that a page says about a release, in a fixed number of queries."""
        return self.select_related("project__parent", "created_by").prefetch_related(
            "packages__version__package",
            "components__component",
            "components__release__packages__version__package",
        )


class Release(models.Model):
    """A component's release holds package versions; a stack's holds one release of each component.

    Frozen once created: the manifest, the process and the variables. Only the notes and the prevention of progress
    change, and both are on record.
    """

    project = models.ForeignKey(Project, models.PROTECT, related_name="releases")
    number = models.CharField(max_length=200)
    sort_key = models.CharField(max_length=2000, editable=False)
    notes = models.TextField(blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="releases")
    created_at = models.DateTimeField(auto_now_add=True)
    trigger = models.ForeignKey("Trigger", models.PROTECT, null=True, related_name="releases")
    snapshot = models.JSONField(default=dict, editable=False)
    fingerprint = models.CharField(max_length=64, editable=False)
    progression_prevented_at = models.DateTimeField(null=True)
    progression_prevented_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="releases_held_back"
    )
    progression_prevented_reason = models.TextField(blank=True)

    objects = ReleaseQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["project", "sort_key"], name="release_by_number")]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "number"],
                name="release_number_once_per_project",
                violation_error_message="A release of this project has this number already.",
            ),
            models.UniqueConstraint(
                fields=["project", "fingerprint"],
                name="release_contents_once_per_project",
                violation_error_message="A release of this project holds exactly these contents already.",
            ),
            models.CheckConstraint(
                condition=Q(
                    progression_prevented_at=None, progression_prevented_by=None, progression_prevented_reason=""
                )
                | (
                    Q(progression_prevented_at__isnull=False, progression_prevented_by__isnull=False)
                    & ~Q(progression_prevented_reason="")
                ),
                name="release_prevention_has_a_reason",
                violation_error_message="Preventing progression needs a person and a reason.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.project} {self.number}"

    @property
    def is_prevented(self) -> bool:
        return self.progression_prevented_at is not None

    @property
    def argument(self) -> str:
        """The number as release packages get it: “+” is not allowed in an argument."""
        return self.number.replace("+", ".")


class ReleasePackage(models.Model):
    """One line of a component release's manifest."""

    release = models.ForeignKey(Release, models.PROTECT, related_name="packages")
    package = models.ForeignKey(Package, models.PROTECT, related_name="+")
    version = models.ForeignKey(PackageVersion, models.PROTECT, related_name="release_packages")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["release", "package"], name="package_once_per_release")]

    def __str__(self) -> str:
        return str(self.version)


class ReleaseComponent(models.Model):
    """One line of a stack release's manifest, with its place in the order of deployment."""

    parent = models.ForeignKey(Release, models.PROTECT, related_name="components")
    component = models.ForeignKey(Project, models.PROTECT, related_name="+")
    release = models.ForeignKey(Release, models.PROTECT, related_name="stack_lines")
    stage = models.PositiveIntegerField()
    condition = models.CharField(max_length=20, choices=Project.Condition)

    class Meta:
        ordering = ["stage", "component__position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["parent", "component"], name="component_once_per_release"),
            models.CheckConstraint(condition=Q(stage__gt=0), name="release_component_stage_from_one"),
        ]

    def __str__(self) -> str:
        return str(self.release)


class Trigger(models.Model):
    """Watches packages: a push of one of them evaluates it, and may create a release."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="triggers")
    name = models.CharField(max_length=100)
    enabled = models.BooleanField(default=True)
    packages = models.ManyToManyField(
        Package,
        blank=True,
        related_name="triggers",
        help_text="None chosen means every package of the project and of its components.",
    )

    class Meta:
        ordering = ["project", "name"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "name"],
                name="trigger_name_once_per_project",
                violation_error_message="Another trigger of this project has this name.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.project})"


class TriggerEvaluation(models.Model):
    """What became of one push, also when nothing was created."""

    class Outcome(models.TextChoices):
        CREATED = "created", "Release created"
        EXISTING = "existing", "Release existed already"
        NOTHING = "nothing", "Nothing created"

    trigger = models.ForeignKey(Trigger, models.PROTECT, related_name="evaluations")
    version = models.ForeignKey(PackageVersion, models.PROTECT, related_name="evaluations")
    at = models.DateTimeField(auto_now_add=True)
    outcome = models.CharField(max_length=10, choices=Outcome)
    release = models.ForeignKey(Release, models.PROTECT, null=True, related_name="evaluations")
    sentence = models.TextField()

    WITH_RELEASE: ClassVar[tuple[str, ...]] = (Outcome.CREATED, Outcome.EXISTING)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["trigger", "version"], name="evaluation_once_per_push"),
            models.CheckConstraint(
                condition=Q(outcome="nothing", release=None)
                | Q(outcome__in=["created", "existing"], release__isnull=False),
                name="evaluation_names_its_release",
            ),
        ]

    def __str__(self) -> str:
        return self.sentence


class ResolvedEntry(models.Model):
    """A component of a release's manifest, as an outside store had it when it was first found there.

    What it was then never changes; what the store says now is kept beside it, so that a moved tag is noticed.
    """

    release = models.ForeignKey(Release, models.PROTECT, related_name="resolved")
    component = models.CharField(max_length=100, help_text="As the manifest calls it.")
    package = models.ForeignKey(Package, models.PROTECT, related_name="+", help_text="What it is in the outside store.")
    version = models.CharField(max_length=200, help_text="As the outside store spells it.")
    digest = models.CharField(max_length=200, blank=True, help_text="Empty where the store states none.")
    resolved_at = models.DateTimeField(auto_now_add=True)
    now_digest = models.CharField(max_length=200, blank=True)
    now_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "resolved entries"
        constraints = [
            models.UniqueConstraint(fields=["release", "component"], name="component_resolved_once_per_release")
        ]

    def __str__(self) -> str:
        return f"{self.component} {self.version}"

    @property
    def has_moved(self) -> bool:
        """Whether the outside store has something else under this version by now."""
        return bool(self.digest and self.now_digest and self.now_digest != self.digest)


class RetentionRule(models.Model):
    """How long the bytes of versions are kept that no release holds. A package's own rule goes before the general one."""

    package = models.OneToOneField(
        Package,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="retention_rule",
        help_text="Empty: every package without a rule of its own.",
    )
    keep_days = models.PositiveIntegerField(
        "keep for (days)",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Younger versions are kept. Empty: age alone keeps nothing.",
    )
    keep_newest = models.PositiveIntegerField(
        "keep the newest",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="So many of the highest versions are kept, whatever their age. Empty: rank alone keeps nothing.",
    )
    enabled = models.BooleanField(default=False, help_text="Otherwise nothing is removed; look at the dry run first.")

    class Meta:
        ordering = [models.F("package__name").asc(nulls_first=True)]
        constraints = [
            models.UniqueConstraint(
                Coalesce(models.F("package"), 0),
                name="retention_rule_once",
                violation_error_message="There is such a rule already: change that one.",
            ),
            models.CheckConstraint(
                condition=Q(keep_days__isnull=False) | Q(keep_newest__isnull=False),
                name="retention_rule_keeps_something",
                violation_error_message="Say for how many days, or how many of the newest versions, are kept.",
            ),
        ]

    def __str__(self) -> str:
        return f"for {self.package or 'every package'}"

    @property
    def words(self) -> str:
        """What it keeps, in words: “what is not older than 90 days, and the 10 highest versions”."""
        days = f"what is not older than {self.keep_days} day{'' if self.keep_days == 1 else 's'}"
        newest = "the highest version" if self.keep_newest == 1 else f"the {self.keep_newest} highest versions"
        said = [*([days] if self.keep_days is not None else []), *([newest] if self.keep_newest is not None else [])]
        return ", and ".join(said)
