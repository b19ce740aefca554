"""What belongs together: stacks and their components, how each is deployed, with which values, and who must agree."""

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from accounts.models import Role
from config import encryption
from lifecycles.models import Environment, Lifecycle
from registry.models import Package


class Process(models.Model):
    """A template of steps that any number of projects share."""

    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(max_length=100, unique=True)
    description = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "processes"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Step(models.Model):
    """One thing that a worker does, in order."""

    class Kind(models.TextChoices):
        RUN_PACKAGE = "run-package", "Run the release package"

    process = models.ForeignKey(Process, models.CASCADE, related_name="steps")
    position = models.PositiveIntegerField(help_text="Steps run in this order.")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=30, choices=Kind, default=Kind.RUN_PACKAGE)
    settings = models.JSONField(
        default=dict,
        blank=True,
        help_text="For “Run the release package”: {} runs the entry point that was found when the package was pushed;"
        ' {"entry_point": "deploy/release.sh"} states another, {"package": "patient-ui"} which package'
        " when the component has several.",
    )
    time_limit_seconds = models.PositiveIntegerField(
        default=3600, help_text="The step is stopped and has failed after this many seconds."
    )
    retries = models.PositiveIntegerField(
        default=0, help_text="How often a failed step is tried again by itself. Only for steps that are repeatable."
    )
    repeatable = models.BooleanField(default=False, help_text="Running it twice does no harm.")

    class Meta:
        ordering = ["process", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["process", "position"],
                name="step_position_once_per_process",
                violation_error_message="Another step of this process has this position.",
            ),
            models.CheckConstraint(
                condition=Q(retries=0) | Q(repeatable=True),
                name="step_retries_only_if_repeatable",
                violation_error_message="Only a repeatable step may be retried by itself.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.process}: {self.name}"


class Project(models.Model):
    """A stack (parent), a component (child) of a stack, or a project on its own."""

    class Kind(models.TextChoices):
        STACK = "stack", "Stack"
        COMPONENT = "component", "Component"
        ALONE = "alone", "Project on its own"

    class Condition(models.TextChoices):
        ALWAYS = "always", "Always"
        IF_DIFFERENT = "if_different", "Unless this release is live already"
        IF_NEWER = "if_newer", "Only if it is newer than what is live"

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=100, unique=True, help_text="Names the project in addresses and in the API.")
    kind = models.CharField(
        max_length=10,
        choices=Kind,
        default=Kind.ALONE,
        help_text="A stack deploys nothing itself: it gates and sequences its components.",
    )
    description = models.TextField(blank=True)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="components", verbose_name="stack"
    )
    stage = models.PositiveIntegerField(
        default=0,
        help_text="Components of stage 1 are deployed first; those of the same stage side by side; the next stage"
        " starts when the one before has succeeded.",
    )
    position = models.PositiveIntegerField(default=0, help_text="Order of display.")
    condition = models.CharField(
        max_length=20, choices=Condition, default=Condition.IF_DIFFERENT, help_text="When its stack deploys it."
    )
    lifecycle = models.ForeignKey(
        Lifecycle,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="projects",
        help_text="Empty for a component means its stack's.",
    )
    process = models.ForeignKey(
        Process, models.PROTECT, null=True, blank=True, related_name="projects", help_text="Not for a stack."
    )
    packages = models.ManyToManyField(Package, through="ProjectPackage", related_name="projects")
    number_pattern = models.CharField(
        max_length=60,
        default="1.0.{n}",
        help_text="How releases of a stack are numbered: {yyyy}, {mm}, {dd} are today's, {n} counts up by itself."
        " A component's releases carry the version of its package.",
    )
    reverse_on_rollback = models.BooleanField(
        default=True, help_text="Rolling the stack back deploys its stages in reverse order."
    )
    time_limit_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="A whole deployment, all its steps or components and tries together, is stopped and has failed after"
        " this many seconds. Empty: only the limits of its steps count.",
    )

    commit_url = models.CharField(
        "address of a commit",
        max_length=500,
        blank=True,
        help_text="Where people read a commit: {commit} stands for it, for example"
        " https://github.com/example/patient-ui/commit/{commit}. Empty for a component means its stack's.",
    )
    work_item_url = models.CharField(
        "address of a work item",
        max_length=500,
        blank=True,
        help_text="Where people read a work item: {id} stands for it, for example https://jira.example.com/browse/{id}."
        " Empty for a component means its stack's.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="component", parent__isnull=False, stage__gt=0)
                | Q(kind__in=["stack", "alone"], parent=None, stage=0, lifecycle__isnull=False),
                name="project_kind_fits_its_place",
                violation_error_message="A component names its stack and a stage from 1 up; a stack or a project on its"
                " own has neither, and names its lifecycle.",
            ),
            models.CheckConstraint(
                condition=Q(kind="stack", process=None) | Q(kind__in=["component", "alone"], process__isnull=False),
                name="project_process_unless_stack",
                violation_error_message="A stack deploys nothing itself, so it has no process; everything else has one.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_stack(self) -> bool:
        return self.kind == self.Kind.STACK

    @property
    def family(self) -> set[int]:
        """The ids under which rules and grants for this project may be written: its own and its stack's."""
        return {self.pk} if self.parent_id is None else {self.pk, self.parent_id}

    @property
    def track(self) -> Lifecycle:
        """The lifecycle that its releases follow: its own, else its stack's."""
        lifecycle = self.lifecycle or (self.parent.lifecycle if self.parent else None)
        if lifecycle is None:
            raise ValueError(f"project {self.slug} has no lifecycle")
        return lifecycle


class ProjectPackage(models.Model):
    """A package that the releases of a component hold. The first one names the release."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="project_packages")
    package = models.ForeignKey(Package, models.PROTECT, related_name="project_packages")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["project", "position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "package"],
                name="package_once_per_project",
                violation_error_message="The project holds this package already.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.package} in {self.project}"


class Variable(models.Model):
    """A value that deployment scripts find in their environment."""

    project = models.ForeignKey(
        Project, models.CASCADE, null=True, blank=True, related_name="variables", help_text="Empty: shared by all."
    )
    environment = models.ForeignKey(
        Environment, models.PROTECT, null=True, blank=True, related_name="variables", help_text="Empty: everywhere."
    )
    name = models.CharField(max_length=100, help_text="Letters, digits and “_”, for example CLOUDHUB_URL.")
    value = models.TextField(blank=True)
    sensitive = models.BooleanField(
        default=False, help_text="Encrypted at rest, masked in every log, and never shown again."
    )

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                Coalesce(F("project"), 0),
                Coalesce(F("environment"), 0),
                F("name"),
                name="variable_once_per_scope",
                violation_error_message="This variable already has a value for this project and environment.",
            ),
            models.CheckConstraint(
                condition=Q(name__regex=r"^[A-Za-z_][A-Za-z0-9_]*$"),
                name="variable_name_fits_an_environment",
                violation_error_message="A variable's name holds letters, digits and “_”, and no digit comes first.",
            ),
            models.CheckConstraint(
                condition=Q(sensitive=False) | Q(value__startswith="gAAAA"),
                name="variable_sensitive_is_encrypted",
                violation_error_message="A sensitive value must be encrypted before it is stored.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def plaintext(self) -> str:
        """The value itself. For deployments only: pages, API and admin never show it when it is sensitive."""
        return encryption.decrypt(self.value) if self.sensitive else self.value

    def set_value(self, text: str, *, sensitive: bool) -> None:
        """Put `text` in place (unsaved), encrypted when it is sensitive."""
        self.sensitive = sensitive
        self.value = encryption.encrypt(text) if sensitive else text


class ApprovalRule(models.Model):
    """Who must agree before a deployment starts."""

    name = models.CharField(max_length=100, unique=True)
    environments = models.ManyToManyField(
        Environment, blank=True, related_name="approval_rules", help_text="None chosen means every environment."
    )
    projects = models.ManyToManyField(
        Project,
        blank=True,
        related_name="approval_rules",
        help_text="None chosen means every project. A stack's rule also holds when one of its components goes alone.",
    )
    roles = models.JSONField(default=list, blank=True, help_text="Whoever holds one of these roles there may approve.")
    groups = models.ManyToManyField(Group, blank=True, related_name="approval_rules")
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="approval_rules")
    minimum = models.PositiveIntegerField(default=1, help_text="How many different people must approve.")
    requester_may = models.BooleanField(
        "the requester may approve",
        default=False,
        help_text="Otherwise whoever asks for the deployment does not count.",
    )
    creator_may = models.BooleanField(
        "the release's creator may approve",
        default=False,
        help_text="Otherwise whoever created or pushed the release does not count.",
    )

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(minimum__gte=1),
                name="approval_rule_needs_somebody",
                violation_error_message="A rule needs at least one approval; delete the rule to need none.",
            )
        ]

    def __str__(self) -> str:
        return self.name

    ROLES_THAT_MAY_APPROVE = (Role.APPROVER, Role.RELEASE_MANAGER)
