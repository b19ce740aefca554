"""Messages: who wants to be told of what, what there was to tell, and what became of telling it.

A `Notice` is one thing that is worth telling, a `Delivery` is one notice on its way to one person or one channel. Together
they are the outbox: rows are written in the transaction that looks at the trail, and sent afterwards.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from accounts.models import Event, Role
from config import encryption
from deployments.models import Deployment
from lifecycles.models import Environment
from projects.models import Project


class Kind(models.TextChoices):
    """What can be told. Whoever adds one says in `messages.telling` what it comes from."""

    DECISION_NEEDED = "decision_needed", "Waiting for a decision"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    STARTED = "started", "Started"
    FINISHED = "finished", "Finished"
    FAILED = "failed", "Failed"
    INTERRUPTED = "interrupted", "Interrupted, or waits for a person"
    CANCELLED = "cancelled", "Cancelled or expired"
    OUT_OF_STEP = "out_of_step", "Out of step"
    HOLD = "hold", "Put on hold, or hold released"


KINDS = [str(kind) for kind in Kind]


class Channel(models.Model):
    """A place outside that messages are posted to: a channel of Teams or Slack, or a program that takes webhooks."""

    class Kind(models.TextChoices):
        TEAMS = "teams", "Microsoft Teams"
        SLACK = "slack", "Slack"
        WEBHOOK = "webhook", "Webhook (CloudEvents)"

    slug = models.SlugField(max_length=50, unique=True, help_text="Names the channel for machines.")
    name = models.CharField(max_length=100, help_text="What people call it, for example “Teams: Patient Portal”.")
    kind = models.CharField(max_length=10, choices=Kind)
    address = models.TextField(help_text="Encrypted at rest and never shown again: whoever knows it can post there.")
    host = models.CharField(max_length=255, help_text="The part of the address that is no secret.")
    secret = models.TextField("signing secret", blank=True, help_text="Encrypted at rest.")
    enabled = models.BooleanField(
        default=True, help_text="Otherwise nothing is sent there, and nothing new is kept for it."
    )
    allow_private = models.BooleanField(
        "may lie in the internal network",
        default=False,
        help_text="Lets Signalbox post to private addresses, this machine's own included, and without https. Tick it only for"
        " a receiver that you run yourself: whoever may change this address could otherwise reach internal services.",
    )
    problem = models.TextField(blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    parked_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="Since then nothing is tried until an administrator acts: it was refused for good.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(kind__in=["teams", "slack", "webhook"]), name="channel_kind_is_known"),
            models.CheckConstraint(
                condition=Q(address__startswith="gAAAA"),
                name="channel_address_is_encrypted",
                violation_error_message="The address must be encrypted before it is stored.",
            ),
            models.CheckConstraint(
                condition=Q(kind="webhook", secret__startswith="gAAAA") | ~Q(kind="webhook") & Q(secret=""),  # noqa: S106
                name="channel_webhooks_are_signed",
                violation_error_message="A webhook has a signing secret, encrypted; the others have none.",
            ),
            models.CheckConstraint(
                condition=Q(problem="", failing_since=None, parked_at=None)
                | Q(failing_since__isnull=False) & ~Q(problem=""),
                name="channel_problem_since_when",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def plain_address(self) -> str:
        """Where it is posted to. Raises CannotDecrypt."""
        return encryption.decrypt(self.address)

    @property
    def plain_secret(self) -> str:
        """What webhooks are signed with; empty for the other kinds. Raises CannotDecrypt."""
        return encryption.decrypt(self.secret) if self.secret else ""


class Subscription(models.Model):
    """Somebody (a person, everybody with a role, or a channel) is told of these kinds, at once or once a day; or, for a
    person, is not told of them."""

    class Timing(models.TextChoices):
        AT_ONCE = "at_once", "At once"
        DAILY = "daily", "Once a day"
        OFF = "off", "Not at all"

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="subscriptions",
        help_text="A person, or…",
    )
    role = models.CharField(
        max_length=20, choices=Role, blank=True, help_text="…everybody who holds this role there, or…"
    )
    channel = models.ForeignKey(
        Channel, models.CASCADE, null=True, blank=True, related_name="subscriptions", help_text="…a channel."
    )
    kinds = models.JSONField(default=list)
    project = models.ForeignKey(
        Project,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: every project. A stack covers its components.",
    )
    environment = models.ForeignKey(
        Environment, models.CASCADE, null=True, blank=True, related_name="+", help_text="Empty: every environment."
    )
    timing = models.CharField(max_length=10, choices=Timing, default=Timing.AT_ONCE)
    hour = models.PositiveSmallIntegerField(
        default=8,
        validators=[MinValueValidator(0), MaxValueValidator(23)],
        help_text="Once a day: the hour (0 to 23), in the time zone of the portal.",
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, role="", channel=None)
                | Q(person=None, channel=None) & ~Q(role="")
                | Q(person=None, role="", channel__isnull=False),
                name="subscription_of_somebody",
                violation_error_message="Name exactly one: a person, a role or a channel.",
            ),
            models.CheckConstraint(
                condition=~Q(timing="off") | Q(person__isnull=False),
                name="subscription_only_people_switch_off",
                violation_error_message="“Not at all” is for a person. Delete the subscription of a role or channel instead.",
            ),
            models.CheckConstraint(
                condition=Q(channel=None) | Q(timing="at_once"),
                name="subscription_channels_at_once",
                violation_error_message="A channel is told at once; a summary of the day is an e-mail.",
            ),
            models.CheckConstraint(
                condition=Q(hour__lte=23),
                name="subscription_hour_of_the_day",
                violation_error_message="The hour is a number from 0 to 23.",
            ),
        ]

    def __str__(self) -> str:
        who = self.person or self.channel or f"everybody with the role {self.get_role_display().lower()}"
        where = f"{self.project or 'every project'} in {self.environment or 'every environment'}"
        return f"{who}: {where}"

    @property
    def specificity(self) -> int:
        """How narrowly it says where; of several for one person the narrowest counts."""
        return 2 * (self.project_id is not None) + (self.environment_id is not None)


class Notice(models.Model):
    """One thing that is worth telling, in the words of when it happened. Never changed."""

    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)  # receivers know it again by this
    key = models.CharField(max_length=100, unique=True)  # so that nothing is told twice, whoever looks how often
    kind = models.CharField(max_length=20, choices=Kind)
    at = models.DateTimeField()
    event = models.ForeignKey(Event, models.PROTECT, related_name="+")
    project = models.ForeignKey(Project, models.PROTECT, null=True, related_name="+")  # null: every project
    environment = models.ForeignKey(Environment, models.PROTECT, null=True, related_name="+")  # null: every one
    deployment = models.ForeignKey(Deployment, models.PROTECT, null=True, related_name="+")
    subject = models.CharField(max_length=200)
    sentence = models.TextField()
    data = models.JSONField(default=dict)

    SUBJECT_MAX: ClassVar[int] = 200

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.subject


class Seen(models.Model):
    """That a line of the trail was looked at, for as long as it could come up again. See `messages.outlook`."""

    event = models.OneToOneField(Event, models.CASCADE, primary_key=True, related_name="+")
    at = models.DateTimeField(db_index=True)  # the event's own time

    def __str__(self) -> str:
        return f"event {self.event_id}"


class Outlook(models.Model):
    """How far the trail was looked through: one row, which is locked while somebody looks."""

    number = models.PositiveSmallIntegerField(primary_key=True, default=1)
    since = models.DateTimeField()  # the time of the first look ever: nothing older is told
    until = models.DateTimeField()  # everything before this moment was looked at, a late commit aside

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(number=1), name="outlook_is_one_row")]

    def __str__(self) -> str:
        return f"until {self.until:%d %B %Y %H:%M}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def waiting(self) -> "DeliveryQuerySet":
        return self.filter(state=Delivery.State.WAITING)

    def with_names(self) -> "DeliveryQuerySet":
        """What every line about a delivery shows, in one query."""
        return self.select_related("notice__project__parent", "notice__environment", "person", "channel")


class Delivery(models.Model):
    """One notice on its way to one person (by e-mail) or one channel."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        GIVEN_UP = "given_up", "Given up"
        SKIPPED = "skipped", "Left out"

    notice = models.ForeignKey(Notice, models.PROTECT, related_name="deliveries")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    channel = models.ForeignKey(Channel, models.PROTECT, null=True, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    digest_due_at = models.DateTimeField("summary due at", null=True)  # null: at once, in a message of its own
    next_at = models.DateTimeField()  # not tried before
    first_tried_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    repeats = models.PositiveIntegerField(default=0)  # how often somebody asked for it to be sent again
    problem = models.TextField(blank=True)  # why the last try came to nothing, or why it was left out
    answer = models.TextField(blank=True)  # what a channel said when it took it
    sent_at = models.DateTimeField(null=True)
    claimed_until = models.DateTimeField(null=True)  # somebody is sending it, and will have said so by then

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="waiting"), name="delivery_waiting"),
            models.Index(fields=["person", "notice"], condition=Q(state="waiting"), name="delivery_to_person"),
            models.Index(fields=["channel", "notice"], condition=Q(state="waiting"), name="delivery_to_channel"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["notice", "person"], condition=Q(person__isnull=False), name="delivery_once_to_a_person"
            ),
            models.UniqueConstraint(
                fields=["notice", "channel"], condition=Q(channel__isnull=False), name="delivery_once_to_a_channel"
            ),
            models.CheckConstraint(
                condition=Q(person__isnull=False, channel=None)
                | Q(person=None, channel__isnull=False, digest_due_at=None),
                name="delivery_to_a_person_or_a_channel",
            ),
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False) | ~Q(state="sent"), name="delivery_sent_when"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "sent"]) | ~Q(problem=""), name="delivery_not_sent_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.notice} to {self.recipient}"

    @property
    def recipient(self) -> str:
        return str(self.person or self.channel)
