"""Who acts: people, service accounts, what they may do where, their tokens, and the one line that each act leaves."""

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from django.db.models import Expression, F, Q
from django.db.models.functions import Coalesce


class User(AbstractUser):
    """A person who signs in, or a service account that acts by API token only."""

    is_service_account = models.BooleanField(
        "service account",
        default=False,
        help_text="A pipeline or a program. It cannot sign in to the pages; it acts with API tokens.",
    )

    class Meta:
        verbose_name = "account"
        constraints = [
            models.CheckConstraint(
                condition=Q(is_service_account=False) | Q(password__startswith="!"),  # noqa: S106 - “!” is Django's mark for none
                name="user_service_account_has_no_password",
                violation_error_message="A service account has no password; give it an API token instead.",
            )
        ]

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Role(models.TextChoices):
    """What somebody may do; `projects.access` says what each role opens."""

    VIEWER = "viewer", "Viewer"
    BUSINESS_VIEWER = "business_viewer", "Business viewer"
    DEPLOYER = "deployer", "Deployer"
    APPROVER = "approver", "Approver"
    RELEASE_MANAGER = "release_manager", "Release manager"
    ADMINISTRATOR = "administrator", "Administrator"


class MembershipQuerySet(models.QuerySet["Membership"]):
    def held_by(self, user: User | Expression) -> "MembershipQuerySet":
        """The grants of this person (or whose id the expression gives), their own and those of their groups."""
        return self.filter(Q(user=user) | Q(group__in=Group.objects.filter(user=user)))


class Membership(models.Model):
    """One grant: a person or a group holds a role, for a project or all, in an environment or all.

    Projects and environments live in higher rooms; naming them lazily keeps every import going downward.
    """

    user = models.ForeignKey(
        User, models.CASCADE, null=True, blank=True, related_name="memberships", help_text="The person, or…"
    )
    group = models.ForeignKey(
        Group, models.CASCADE, null=True, blank=True, related_name="memberships", help_text="…the group that it is for."
    )
    role = models.CharField(max_length=20, choices=Role)
    project = models.ForeignKey(
        "projects.Project",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="memberships",
        help_text="Empty means every project. A stack's grant covers its components.",
    )
    environment = models.ForeignKey(
        "lifecycles.Environment",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="memberships",
        help_text="Empty means every environment.",
    )

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = "role grant"
        ordering = ["role", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user=None, group__isnull=False) | Q(user__isnull=False, group=None),
                name="membership_person_or_group",
                violation_error_message="A grant is for a person or for a group: name exactly one.",
            ),
            models.UniqueConstraint(
                Coalesce(F("user"), 0),
                Coalesce(F("group"), 0),
                F("role"),
                Coalesce(F("project"), 0),
                Coalesce(F("environment"), 0),
                name="membership_one_grant_each",
                violation_error_message="This grant exists already.",
            ),
        ]

    def __str__(self) -> str:
        where = f"{self.project or 'every project'}, {self.environment or 'every environment'}"
        return f"{self.user or self.group}: {self.get_role_display()} in {where}"


class Scope(models.TextChoices):
    """What a token opens, at most: the account's roles must allow it as well."""

    READ = "read", "Read"
    PUSH = "push", "Push packages"
    RELEASE = "release", "Create releases"
    DEPLOY = "deploy", "Request and cancel deployments"
    APPROVE = "approve", "Approve and reject"


class ApiToken(models.Model):
    """A secret that a pipeline sends; only its SHA-256 is kept."""

    user = models.ForeignKey(User, models.PROTECT, related_name="api_tokens", verbose_name="account")
    name = models.CharField(max_length=100, help_text="What uses this token, for example “build server”.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = models.JSONField(default=list, help_text="What this token opens.")
    project = models.ForeignKey(
        "projects.Project",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="api_tokens",
        help_text="Empty means every project that the account may use.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(help_text="From then on the token is refused.")
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "API token"
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.name} ({self.user})"

    def is_valid(self, at: datetime) -> bool:
        return self.revoked_at is None and at < self.expires_at and self.user.is_active


class Event(models.Model):
    """One line of history. The database refuses to change or remove it."""

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="events", help_text="Empty: the system.")
    verb = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=60)
    subject_id = models.CharField(max_length=40)
    subject_label = models.CharField(max_length=300)
    project = models.ForeignKey("projects.Project", models.PROTECT, null=True, related_name="events")
    sentence = models.TextField()
    data = models.JSONField(default=dict)
    address = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = "event"
        ordering = ["-pk"]
        indexes = [models.Index(fields=["subject_type", "subject_id"], name="event_by_subject")]

    def __str__(self) -> str:
        return self.sentence

    ACTOR_OF_THE_SYSTEM: ClassVar[str] = "Signalbox"

    @property
    def who(self) -> str:
        return str(self.actor) if self.actor else self.ACTOR_OF_THE_SYSTEM
