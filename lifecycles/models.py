"""Where things may go: environments, and lifecycles that say in which order."""

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q


class Environment(models.Model):
    """A place that releases are deployed to, such as TEST or PROD."""

    name = models.CharField(
        max_length=50,
        unique=True,
        help_text="Given to every release package as its first argument, so it holds letters, digits, “.”, “_” and “-”.",
    )
    slug = models.SlugField(max_length=50, unique=True, help_text="Names the environment in addresses and in the API.")
    position = models.PositiveIntegerField(default=0, help_text="Environments are shown in this order.")
    is_production = models.BooleanField("production", default=False, help_text="Shown with a lock wherever it appears.")
    worker_pool = models.SlugField(
        max_length=50, default="default", help_text="Only workers that serve this pool deploy here."
    )
    base_url = models.URLField(blank=True, help_text="Where people find what runs here; linked from the pages.")
    guided_failure = models.BooleanField(
        default=False, help_text="When a component fails here, wait for a person instead of failing."
    )
    second_pair_of_eyes = models.BooleanField(
        default=False,
        help_text="Marking a deployment here as succeeded, when its outcome is unknown, takes two people.",
    )
    capacity = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="So many scripts run here at once; the others wait. Empty: as many as the workers have room for.",
    )

    class Meta:
        ordering = ["position", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(name__regex=r"^[A-Za-z0-9][A-Za-z0-9._-]*$"),
                name="environment_name_is_an_argument",
                violation_error_message="The name begins with a letter or digit and holds only letters, digits,"
                " “.”, “_” and “-”: it is given to release packages as an argument.",
            ),
            models.CheckConstraint(
                condition=Q(capacity=None) | Q(capacity__gte=1),
                name="environment_capacity_is_positive",
                violation_error_message="At least one script must be able to run; leave it empty for no limit.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Lifecycle(models.Model):
    """The phases that a release goes through, in order."""

    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(max_length=100, unique=True)
    description = models.TextField(blank=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def environments(self) -> list[Environment]:
        """The environments that a release goes through, in order."""
        places = self.places.select_related("environment")
        return [place.environment for place in places.order_by("phase__position", "environment__position", "pk")]

    def environment(self, slug: str) -> Environment | None:
        """The one of these with this slug."""
        return next((place for place in self.environments() if place.slug == slug), None)


class Phase(models.Model):
    """One section of the track: complete when enough of its environments had a successful deployment."""

    lifecycle = models.ForeignKey(Lifecycle, models.CASCADE, related_name="phases")
    name = models.CharField(max_length=100)
    position = models.PositiveIntegerField(help_text="Phases are gone through in this order.")
    optional = models.BooleanField(default=False, help_text="A later phase does not wait for this one.")
    minimum = models.PositiveIntegerField(
        default=0,
        help_text="In how many of its environments a release must have succeeded before the next phase; 0 means all.",
    )
    environments = models.ManyToManyField(Environment, through="PhaseEnvironment", related_name="phases")

    class Meta:
        ordering = ["lifecycle", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["lifecycle", "position"],
                name="phase_position_once_per_lifecycle",
                violation_error_message="Another phase of this lifecycle has this position.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.lifecycle})"


class PhaseEnvironment(models.Model):
    """An environment's place in a lifecycle. `lifecycle` repeats the phase's, so that a constraint can see it."""

    phase = models.ForeignKey(Phase, models.CASCADE, related_name="places")
    lifecycle = models.ForeignKey(Lifecycle, models.CASCADE, related_name="places", editable=False)
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="places")
    automatic = models.BooleanField(
        default=False,
        help_text="A new release requests its deployment here by itself, when this is its first phase.",
    )

    class Meta:
        verbose_name = "place"
        ordering = ["phase__position", "environment__position"]
        constraints = [
            models.UniqueConstraint(
                fields=["lifecycle", "environment"],
                name="environment_once_per_lifecycle",
                violation_error_message="This environment already is in a phase of this lifecycle.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.environment} in {self.phase}"

    def save(self, *args: object, **kwargs: object) -> None:
        self.lifecycle_id = self.phase.lifecycle_id
        super().save(*args, **kwargs)  # type: ignore[arg-type]
