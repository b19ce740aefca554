"""Where packages come from: Signalbox's own registry, and the outside stores that releases depend on."""

from typing import Self

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q

from config import encryption


class Feed(models.Model):
    """Where packages come from. The built-in feed is Signalbox's own registry; every other is only looked into."""

    class Kind(models.TextChoices):
        BUILTIN = "builtin", "built-in"
        MAVEN = "maven", "Maven repository"
        NPM = "npm", "npm registry"
        PYPI = "pypi", "Python package index"
        OCI = "oci", "OCI or Docker registry"
        NUGET = "nuget", "NuGet v3"
        GITHUB = "github", "GitHub releases"

    slug = models.SlugField(max_length=50, unique=True, help_text="Names the feed in addresses and in files.")
    name = models.CharField(max_length=100, help_text="What people call it, for example Anypoint Exchange.")
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.BUILTIN)
    url = models.CharField("address", max_length=500, blank=True, help_text="Where it is asked.")
    username = models.CharField(
        max_length=200, blank=True, help_text="Empty with a password or token: it is sent as a bearer token."
    )
    secret = models.TextField("password or token", blank=True, help_text="Encrypted at rest and never shown again.")
    enabled = models.BooleanField(default=True, help_text="Otherwise it is not asked; what was seen last stays.")
    poll_seconds = models.PositiveIntegerField(
        "asked every (seconds)",
        default=300,
        validators=[MinValueValidator(15)],
        help_text="How often each of its packages is looked up.",
    )
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    problem = models.TextField(blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["builtin", "maven", "npm", "pypi", "oci", "nuget", "github"]),
                name="feed_kind_is_known",
            ),
            models.CheckConstraint(
                condition=Q(kind="builtin", url="") | ~Q(kind="builtin") & ~Q(url=""),
                name="feed_outside_has_an_address",
                violation_error_message="An outside feed has an address; the built-in one has none.",
            ),
            models.CheckConstraint(
                condition=Q(secret="") | Q(secret__startswith="gAAAA"),  # noqa: S106 - Fernet's mark
                name="feed_secret_is_encrypted",
                violation_error_message="A password must be encrypted before it is stored.",
            ),
            models.CheckConstraint(
                condition=Q(problem="", failing_since=None) | Q(failing_since__isnull=False) & ~Q(problem=""),
                name="feed_problem_since_when",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def builtin(cls) -> Self:
        """The feed that CI pushes to; created where it is missing."""
        return cls.objects.get_or_create(slug="builtin", defaults={"name": "Built-in feed", "kind": cls.Kind.BUILTIN})[
            0
        ]

    @property
    def is_builtin(self) -> bool:
        return self.kind == self.Kind.BUILTIN

    @property
    def plaintext(self) -> str:
        """The password or token itself, to ask the feed with. Raises CannotDecrypt."""
        return encryption.decrypt(self.secret) if self.secret else ""

    def set_secret(self, text: str) -> None:
        """Put the password or token in place (unsaved), encrypted."""
        self.secret = encryption.encrypt(text) if text else ""


class Listing(models.Model):
    """What an outside store listed of one package when it was last asked. The next answer replaces it."""

    package = models.OneToOneField("Package", models.CASCADE, related_name="listing")
    versions = models.JSONField(
        default=list, help_text="Highest first: as spelled there, normalised, digest, when published."
    )
    etag = models.CharField(max_length=500, blank=True)
    checked_at = models.DateTimeField(null=True, help_text="The last time that the store answered.")
    tried_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(help_text="When it is due to be asked again.")
    problem = models.TextField(blank=True, help_text="Why the last try came to nothing.")
    failing_since = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0, help_text="Tries in a row that came to nothing.")

    class Meta:
        indexes = [models.Index(fields=["next_at"], name="listing_by_due_time")]
        constraints = [
            models.CheckConstraint(
                condition=Q(problem="", failing_since=None, failures=0)
                | Q(failing_since__isnull=False, failures__gt=0) & ~Q(problem=""),
                name="listing_problem_since_when",
            )
        ]

    def __str__(self) -> str:
        return f"{self.package} in {self.package.feed}"
