"""What is moving: deployments and their approvals, the log, what is live where, and the workers that carry it out."""

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from config import quick
from lifecycles.models import Environment
from projects.models import Project
from releases.models import Release


class Status(models.TextChoices):
    """Every state of a deployment; the labels are what people read."""

    REQUESTED = "requested", "Waiting for approval"
    SCHEDULED = "scheduled", "Approved, waits to start"
    PENDING = "pending", "Waits for its stage"
    QUEUED = "queued", "Waits for a worker"
    RUNNING = "running", "Deploying"
    INTERRUPTED = "interrupted", "Outcome unknown"
    NEEDS_ATTENTION = "needs_attention", "Needs attention"
    SUCCEEDED = "succeeded", "Deployed"
    SKIPPED = "skipped", "Skipped, already there"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    REJECTED = "rejected", "Rejected"
    SUPERSEDED = "superseded", "Superseded"
    EXPIRED = "expired", "Expired"


WAITING = (Status.REQUESTED, Status.SCHEDULED)
UNDER_WAY = (Status.PENDING, Status.QUEUED, Status.RUNNING, Status.INTERRUPTED, Status.NEEDS_ATTENTION)
UNFINISHED = WAITING + UNDER_WAY
DONE = (Status.SUCCEEDED, Status.SKIPPED)
FINAL = (*DONE, Status.FAILED, Status.CANCELLED, Status.REJECTED, Status.SUPERSEDED, Status.EXPIRED)
BROKEN_OFF = (Status.FAILED, Status.INTERRUPTED, Status.CANCELLED)  # what is really there may be anything

# target: the statuses that it may be reached from. Final is final: nothing leads out of FINAL.
MAY_BECOME: dict[Status, tuple[Status, ...]] = {
    Status.REQUESTED: (Status.SCHEDULED,),
    Status.SCHEDULED: (Status.REQUESTED,),
    Status.PENDING: (),
    Status.QUEUED: (
        Status.SCHEDULED,
        Status.PENDING,
        Status.RUNNING,
        Status.INTERRUPTED,
        Status.NEEDS_ATTENTION,
    ),
    Status.RUNNING: (Status.QUEUED, Status.INTERRUPTED, Status.NEEDS_ATTENTION),
    Status.INTERRUPTED: (Status.RUNNING,),
    Status.NEEDS_ATTENTION: (Status.RUNNING,),
    Status.SUCCEEDED: (Status.RUNNING, Status.INTERRUPTED, Status.NEEDS_ATTENTION),
    Status.SKIPPED: (Status.PENDING,),
    Status.FAILED: (Status.RUNNING, Status.INTERRUPTED, Status.NEEDS_ATTENTION),
    Status.CANCELLED: UNFINISHED,
    Status.REJECTED: (Status.REQUESTED,),
    Status.SUPERSEDED: (Status.REQUESTED, Status.SCHEDULED, Status.QUEUED),
    Status.EXPIRED: (Status.REQUESTED, Status.SCHEDULED, Status.QUEUED),
}


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def tops(self) -> "DeploymentQuerySet":
        """Trains and projects deployed on their own, without the components inside a train."""
        return self.filter(parent=None)

    def scripts(self) -> "DeploymentQuerySet":
        """The deployments that run a package: everything but stacks."""
        return self.exclude(project__kind=Project.Kind.STACK)

    def waiting(self) -> "DeploymentQuerySet":
        return self.filter(status__in=WAITING)

    def under_way(self) -> "DeploymentQuerySet":
        return self.filter(status__in=UNDER_WAY)

    def unfinished(self) -> "DeploymentQuerySet":
        return self.filter(status__in=UNFINISHED)

    def with_names(self) -> "DeploymentQuerySet":
        """What every line about a deployment shows, in one query."""
        return self.select_related("project__parent", "release__project", "environment", "requested_by", "parent")


class Deployment(models.Model):
    """One request to bring a release to an environment, and everything that became of it.

    A *top* is a train (a stack's release) or a project deployed on its own; its components inside a train are rows of
    their own with `parent`. All statuses are changed by `move` and nowhere else.
    """

    class Mode(models.TextChoices):
        PROMOTE = "promote", "Promotion"
        REDEPLOY = "redeploy", "Redeployment"
        ROLLBACK = "rollback", "Rollback"

    project = models.ForeignKey(Project, models.PROTECT, related_name="deployments")
    release = models.ForeignKey(Release, models.PROTECT, related_name="deployments")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="deployments")
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children")
    stage = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=20, choices=Status, default=Status.REQUESTED)
    mode = models.CharField(max_length=10, choices=Mode)
    plan = models.JSONField(default=list)
    fingerprint = models.CharField(max_length=64, blank=True)
    gates = models.JSONField(default=list)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="deployments")
    requested_at = models.DateTimeField(auto_now_add=True)
    reason = models.TextField(blank=True)
    start_at = models.DateTimeField(null=True)
    not_after = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    outcome = models.TextField(blank=True)

    # -- carried out by a worker
    fence = models.PositiveIntegerField(default=0)  # +1 with every claim, takeover and decision of a person
    attempt = models.PositiveIntegerField(default=0)  # +1 with every claim from the queue
    host = models.CharField(max_length=200, blank=True)
    owner = models.CharField(max_length=200, blank=True)  # the worker process that holds the lease
    boot_id = models.CharField(max_length=64, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)  # of the step that runs
    overdue_at = models.DateTimeField(null=True)  # when the deployment as a whole has taken too long
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    cancel_stops_running = models.BooleanField(default=False)
    failure_ignored = models.BooleanField(default=False)  # a person let it go on after a step had failed
    mark_proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    mark_proposed_at = models.DateTimeField(null=True)  # marked as succeeded, until a second person confirms it
    mark_proposed_because = models.TextField(blank=True)
    rung_at = models.DateTimeField(null=True)
    rung_count = models.PositiveIntegerField(default=0)

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["project", "environment", "status"], name="deployment_by_place"),
            models.Index(fields=["status", "lease_expires_at"], name="deployment_by_lease"),
            models.Index(fields=["release", "status"], name="deployment_by_release"),
            models.Index(fields=["requested_at"], condition=Q(status="queued"), name="deployment_queue"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "environment"],
                condition=Q(status__in=UNDER_WAY),
                name="deployment_one_under_way",
                violation_error_message="Another deployment of this project is under way there.",
            ),
            models.UniqueConstraint(
                fields=["project", "environment"],
                condition=Q(status__in=WAITING),
                name="deployment_one_waiting",
                violation_error_message="Another request for this project and environment is waiting.",
            ),
            models.CheckConstraint(
                condition=Q(status__in=FINAL, finished_at__isnull=False) | Q(status__in=UNFINISHED, finished_at=None),
                name="deployment_finished_at_when_final",
            ),
            models.CheckConstraint(
                condition=Q(parent=None, stage=0) | Q(parent__isnull=False, stage__gt=0),
                name="deployment_stage_inside_a_train",
            ),
            models.CheckConstraint(
                condition=Q(not_after=None) | Q(start_at=None) | Q(not_after__gt=F("start_at")),
                name="deployment_window_ends_after_it_starts",
                violation_error_message="The latest start must lie after the earliest start.",
            ),
            models.CheckConstraint(
                condition=Q(mark_proposed_by=None, mark_proposed_at=None)
                | Q(mark_proposed_by__isnull=False, mark_proposed_at__isnull=False) & ~Q(mark_proposed_because=""),
                name="deployment_proposed_mark_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.release} to {self.environment}"

    @property
    def is_final(self) -> bool:
        return self.status in FINAL

    @property
    def is_top(self) -> bool:
        return self.parent_id is None

    @property
    def is_alone(self) -> bool:
        """Whether a component goes without its stack."""
        return self.is_top and self.project.kind == Project.Kind.COMPONENT

    @property
    def is_stopping(self) -> bool:
        return self.cancel_requested_at is not None and not self.is_final


def move(pk: int, to: Status, *, holding: int | None = None, **changes: Any) -> bool:
    """Move deployment `pk` to `to` if its status still allows it, and write `changes` (columns) with it.

    holding  the fence that the caller holds; a newer owner or decision makes the move fail
    A single conditional UPDATE, so that of two that try exactly one is told True.
    """
    where: dict[str, Any] = {"id": pk, "status": MAY_BECOME[to]}
    if holding is not None:
        where["fence"] = holding
    return quick.update(Deployment, where, status=to, **changes) == 1


class Approval(models.Model):
    """One person's decision on a request, and the plan that the person saw."""

    class Decision(models.TextChoices):
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    deployment = models.ForeignKey(Deployment, models.PROTECT, related_name="approvals")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="approvals")
    decision = models.CharField(max_length=10, choices=Decision)
    gates = models.JSONField(default=list)  # the ids of the rules that this decision counts for
    capacity = models.CharField(max_length=200)  # the role, group or name that entitled the person, in words
    comment = models.TextField(blank=True)
    fingerprint = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_because = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["deployment", "person"],
                condition=Q(withdrawn_at=None),
                name="approval_one_standing_per_person",
                violation_error_message="This person has decided already.",
            ),
            models.CheckConstraint(
                condition=Q(decision="approved") | ~Q(comment=""),
                name="approval_rejection_has_a_comment",
                violation_error_message="Say why you reject it, so that the team knows what to mend.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} {self.get_decision_display().lower()} {self.deployment}"


class StepRun(models.Model):
    """One attempt at one step of a deployment."""

    deployment = models.ForeignKey(Deployment, models.PROTECT, related_name="step_runs")
    attempt = models.PositiveIntegerField()
    position = models.PositiveIntegerField()
    name = models.CharField(max_length=100)
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    exit_status = models.IntegerField(null=True)  # negative: killed by that signal; null: unknown or not finished
    outcome = models.TextField(blank=True)
    ignored = models.BooleanField(default=False)  # it failed, and a person let the deployment go on

    class Meta:
        ordering = ["attempt", "position"]
        constraints = [
            models.UniqueConstraint(fields=["deployment", "attempt", "position"], name="step_run_once_per_attempt")
        ]

    def __str__(self) -> str:
        return f"{self.name}, attempt {self.attempt} of {self.deployment}"


class LogChunk(models.Model):
    """A piece of a step's output: text as stored, secrets masked, in order of `sequence` from 0."""

    step_run = models.ForeignKey(StepRun, models.PROTECT, related_name="chunks")
    sequence = models.PositiveIntegerField()
    first_line = models.PositiveIntegerField()  # 0-based number of the line that the chunk begins in
    raw_end = (
        models.PositiveBigIntegerField()
    )  # bytes of the script's raw output up to here, so that a successor goes on
    at = models.DateTimeField(auto_now_add=True)
    text = models.TextField()

    class Meta:
        ordering = ["step_run", "sequence"]
        indexes = [models.Index(fields=["step_run", "first_line"], name="log_chunk_by_line")]
        constraints = [models.UniqueConstraint(fields=["step_run", "sequence"], name="log_chunk_once")]

    def __str__(self) -> str:
        return f"chunk {self.sequence} of {self.step_run}"


class LiveVersionQuerySet(models.QuerySet["LiveVersion"]):
    def now(self) -> "LiveVersionQuerySet":
        return self.filter(until_at=None)

    def at(self, moment: datetime) -> "LiveVersionQuerySet":
        """What was live at this moment (aware)."""
        return self.filter(Q(until_at=None) | Q(until_at__gt=moment), from_at__lte=moment)


class LiveVersion(models.Model):
    """From when until when a release was live somewhere. Open (`until_at` null) means now; never rewritten."""

    project = models.ForeignKey(Project, models.PROTECT, related_name="live_versions")
    environment = models.ForeignKey(Environment, models.PROTECT, related_name="live_versions")
    release = models.ForeignKey(Release, models.PROTECT, related_name="live_versions")
    deployment = models.ForeignKey(Deployment, models.PROTECT, related_name="live_versions")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField(null=True)

    objects = LiveVersionQuerySet.as_manager()

    class Meta:
        ordering = ["-from_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "environment"], condition=Q(until_at=None), name="live_version_one_now"
            ),
            models.CheckConstraint(
                condition=Q(until_at=None) | Q(until_at__gte=F("from_at")), name="live_version_ends_after_it_begins"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.release} in {self.environment}"


class HoldQuerySet(models.QuerySet["Hold"]):
    def standing(self) -> "HoldQuerySet":
        return self.filter(released_at=None)

    def concerning(self, project: Project, environment: Environment) -> "HoldQuerySet":
        """Those that keep deployments of this project in this environment from starting, wherever they were put."""
        return self.standing().filter(
            Q(project=None) | Q(project__in=project.family), Q(environment=None) | Q(environment=environment)
        )


class Hold(models.Model):
    """A switch that keeps new deployments from starting: of the whole portal, one stack, one environment, or one stack
    in one environment. What runs goes on to its end. Kept on record when it is released."""

    project = models.ForeignKey(Project, models.PROTECT, null=True, blank=True, related_name="holds")  # null: every one
    environment = models.ForeignKey(Environment, models.PROTECT, null=True, blank=True, related_name="holds")
    reason = models.TextField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    released_at = models.DateTimeField(null=True)
    released_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    released_because = models.TextField(blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                Coalesce("project", 0),
                Coalesce("environment", 0),
                condition=Q(released_at=None),
                name="hold_one_standing",
                violation_error_message="It is on hold already.",
            ),
            models.CheckConstraint(
                condition=~Q(reason=""),
                name="hold_has_a_reason",
                violation_error_message="Say why, so that whoever meets the hold knows what it waits for.",
            ),
            models.CheckConstraint(
                condition=Q(released_at=None, released_by=None)
                | Q(released_at__isnull=False, released_by__isnull=False),
                name="hold_released_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"Hold of {self.what}"

    @property
    def what(self) -> str:
        """What is held, in words: "the whole portal", "PROD", "Patient Portal", "Patient Portal in PROD"."""
        names = [str(scope) for scope in (self.project, self.environment) if scope is not None]
        return " in ".join(names) or "the whole portal"


class Worker(models.Model):
    """A worker process, as it last said of itself."""

    name = models.CharField(max_length=200, unique=True)
    host = models.CharField(max_length=200)
    pools = models.JSONField(default=list)
    slots = models.PositiveIntegerField(default=1)
    started_at = models.DateTimeField()
    heard_at = models.DateTimeField()
    swept_at = models.DateTimeField(null=True)
    drain_requested_at = models.DateTimeField(null=True)  # it finishes what it has and takes nothing new

    FORGOTTEN_AFTER_DAYS: ClassVar[int] = 7

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
