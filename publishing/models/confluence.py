"""Confluence: how it is reached, which pages a stack has there, and how each of them stands."""

import secrets
from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

from config import encryption
from deployments.models import LiveVersion
from lifecycles.models import Environment
from projects.models import Project
from releases.models import Release


def new_owner() -> str:
    """What marks the pages of a connection as ours: made up once, so that another installation has another one."""
    return secrets.token_hex(8)


class Connection(models.Model):
    """A Confluence site, and the account that writes there."""

    class Dialect(models.TextChoices):
        CLOUD = "cloud", "Confluence Cloud"
        DATA_CENTER = "data-center", "Confluence Data Center or Server"

    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(max_length=100, unique=True, help_text="A short name, which stays when the name changes.")
    dialect = models.CharField("kind", max_length=20, choices=Dialect)
    url = models.CharField(
        "address",
        max_length=500,
        help_text="Cloud: https://SITE.atlassian.net/wiki. Data Center: where Confluence itself begins, for example"
        " https://confluence.example.com.",
    )
    username = models.CharField(
        "user name",
        max_length=200,
        blank=True,
        help_text="Cloud: the e-mail address of the account. Data Center: empty for a personal access token.",
    )
    secret = models.TextField("token or password", blank=True, help_text="Encrypted at rest and never shown again.")
    enabled = models.BooleanField(default=True, help_text="Otherwise nothing is sent; the pages stay as they are.")
    owner = models.CharField(max_length=32, unique=True, default=new_owner, editable=False)

    # -- how it is
    answered_at = models.DateTimeField("last answer", null=True, blank=True, editable=False)
    problem = models.TextField(blank=True, editable=False)
    failing_since = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField("tries in vain", default=0, editable=False)
    next_at = models.DateTimeField("next try", null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "Confluence connection"
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(dialect__in=["cloud", "data-center"]), name="connection_dialect_is_known"
            ),
            models.CheckConstraint(
                condition=~Q(url=""),
                name="connection_has_an_address",
                violation_error_message="Enter the address of the Confluence site.",
            ),
            models.CheckConstraint(
                condition=Q(secret="") | Q(secret__startswith="gAAAA"),  # noqa: S106 - Fernet's mark
                name="connection_secret_is_encrypted",
                violation_error_message="A token must be encrypted before it is stored.",
            ),
            models.CheckConstraint(
                condition=Q(problem="", failing_since=None, failures=0, next_at=None)
                | Q(failing_since__isnull=False, failures__gt=0, next_at__isnull=False) & ~Q(problem=""),
                name="connection_problem_since_when",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_cloud(self) -> bool:
        return self.dialect == self.Dialect.CLOUD

    @property
    def plaintext(self) -> str:
        """The token or password itself, to sign in with. Raises CannotDecrypt."""
        return encryption.decrypt(self.secret) if self.secret else ""

    def set_secret(self, text: str) -> None:
        """Put the token or password in place (unsaved), encrypted."""
        self.secret = encryption.encrypt(text) if text else ""

    @property
    def base(self) -> str:
        """The address without “/” at its end, and of Cloud without the “/wiki” that every address there begins with."""
        address = self.url.rstrip("/")
        return address.removesuffix("/wiki") if self.is_cloud else address

    def address_of(self, page_id: str) -> str:
        """Where people read the page with this id; both kinds lead from there to its present address."""
        where = f"{self.base}/wiki" if self.is_cloud else self.base
        return f"{where}/pages/viewpage.action?pageId={page_id}"


IS_SPACE_KEY = RegexValidator(
    r"\A~?[A-Za-z0-9][A-Za-z0-9._-]*\Z", "A space key holds letters and digits, for example REL."
)
IS_PAGE_NUMBER = RegexValidator(r"\A[0-9]+\Z", "The number of a page holds digits only.")
COMPONENT_TITLE = "{component} - {environment}"
ENVIRONMENT_TITLE = "{stack} - {environment}"
STACK_TITLE = "{stack}: which version is where"
RELEASE_TITLE = "{stack} {release}"


class StackPublishing(models.Model):
    """Which pages a stack, or a project on its own, has in Confluence, and where."""

    project = models.OneToOneField(Project, models.PROTECT, related_name="publishing", verbose_name="stack")
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="stacks")
    space = models.CharField(
        "space key",
        max_length=255,
        validators=[IS_SPACE_KEY],
        help_text="As it stands in the addresses of its pages, for example REL.",
    )
    parent_page = models.CharField(
        "parent page",
        max_length=30,
        blank=True,
        validators=[IS_PAGE_NUMBER],
        help_text="The number of the page that new pages are put under, as in pageId=65000 or /pages/65000/. Empty: the"
        " space itself. Pages that exist stay where they are, wherever somebody has moved them.",
    )
    component_pages = models.BooleanField(
        "a page per component and environment", default=True, help_text="What is live there, and what it brought."
    )
    environment_pages = models.BooleanField(
        "a page per environment", default=True, help_text="It shows the pages of all components there on one."
    )
    stack_page = models.BooleanField("a page of the stack", default=True, help_text="Which version is where.")
    release_pages = models.BooleanField(
        "a page per release", default=True, help_text="Of each that is or was live somewhere: what it brings."
    )
    component_title = models.CharField(
        "title per component and environment",
        max_length=200,
        default=COMPONENT_TITLE,
        help_text="{component}, {environment} and {stack} stand for their names.",
    )
    environment_title = models.CharField(
        "title per environment",
        max_length=200,
        default=ENVIRONMENT_TITLE,
        help_text="{environment} and {stack} stand for their names.",
    )
    stack_title = models.CharField(
        "title of the stack’s page", max_length=200, default=STACK_TITLE, help_text="{stack} stands for its name."
    )
    release_title = models.CharField(
        "title per release",
        max_length=200,
        default=RELEASE_TITLE,
        help_text="{release} stands for its number and {stack} for the stack’s name.",
    )
    enabled = models.BooleanField(
        default=True, help_text="Otherwise its pages stay as they are, and nothing keeps them up to date."
    )

    class Meta:
        verbose_name = "publishing of a stack"
        verbose_name_plural = "publishing of stacks"
        ordering = ["project__name"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(space=""), name="publishing_names_a_space", violation_error_message="Enter the space key."
            ),
            models.CheckConstraint(
                condition=Q(environment_pages=False) | Q(component_pages=True),
                name="publishing_merges_what_there_is",
                violation_error_message="The page per environment shows the pages per component: have these published"
                " as well.",
            ),
        ]

    def __str__(self) -> str:
        return str(self.project)


class Publication(models.Model):
    """A Confluence page that is kept up to date. What it should say is never stored: it is worked out from what is true
    when it is written, so that this row only says which page it is and how it stands."""

    class Kind(models.TextChoices):
        COMPONENT = "component", "Component"
        ENVIRONMENT = "environment", "Environment"
        STACK = "stack", "Stack"
        RELEASE = "release", "Release"

    class State(models.TextChoices):
        DUE = "due", "Waits to be published"
        CURRENT = "current", "Up to date"
        WAITING = "waiting", "Will be tried again"
        PARKED = "parked", "Needs somebody"
        WITHDRAWN = "withdrawn", "No longer kept up to date"

    IN_TROUBLE: ClassVar[tuple[str, ...]] = (State.WAITING, State.PARKED)

    key = models.CharField(max_length=100, unique=True)
    publishing = models.ForeignKey(StackPublishing, models.CASCADE, related_name="publications")
    kind = models.CharField(max_length=20, choices=Kind)
    project = models.ForeignKey(Project, models.PROTECT, related_name="publications")
    environment = models.ForeignKey(Environment, models.PROTECT, null=True, related_name="publications")
    release = models.ForeignKey(Release, models.PROTECT, null=True, related_name="publications")

    # -- the page, as it was when it was written or looked at last
    connection = models.ForeignKey(Connection, models.PROTECT, related_name="publications")
    space = models.CharField("space key", max_length=255)
    page_id = models.CharField("page number", max_length=30, blank=True)
    page_version = models.PositiveIntegerField(default=0)
    page_space = models.CharField(max_length=255, blank=True)  # where it was moved to, where Confluence says so
    title = models.CharField(max_length=255, blank=True)
    body_hash = models.CharField(max_length=64, blank=True)
    shows = models.ForeignKey(LiveVersion, models.PROTECT, null=True, related_name="+")

    # -- how it stands
    state = models.CharField(max_length=10, choices=State, default=State.DUE)
    problem = models.TextField(blank=True)
    failing_since = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField("tries in vain", default=0)
    published_at = models.DateTimeField("last success", null=True)
    verified_at = models.DateTimeField("last look", null=True)
    next_at = models.DateTimeField("next try", null=True)
    asked = models.PositiveIntegerField(default=0)  # +1 with every wish to look at it, so that none is forgotten
    claimed_until = models.DateTimeField(null=True)
    claimed_by = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["key"]
        indexes = [models.Index(fields=["next_at"], name="publication_by_due_time")]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="component", environment__isnull=False, release=None)
                | Q(kind="environment", environment__isnull=False, release=None)
                | Q(kind="stack", environment=None, release=None)
                | Q(kind="release", environment=None, release__isnull=False),
                name="publication_kind_fits_its_subject",
            ),
            models.CheckConstraint(
                condition=Q(state="withdrawn", next_at=None)
                | Q(state__in=["due", "current", "waiting", "parked"], next_at__isnull=False),
                name="publication_next_look_unless_withdrawn",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "parked"], failing_since__isnull=False) & ~Q(problem="")
                | Q(state__in=["due", "current", "withdrawn"], failing_since=None, problem=""),
                name="publication_problem_since_when",
            ),
            models.CheckConstraint(
                condition=~Q(state="current") | ~Q(page_id="") & Q(published_at__isnull=False),
                name="publication_current_has_a_page",
            ),
            models.CheckConstraint(
                condition=Q(claimed_until=None, claimed_by="") | Q(claimed_until__isnull=False) & ~Q(claimed_by=""),
                name="publication_claimed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.title or self.subject

    @property
    def subject(self) -> str:
        """What it is about, in words: “UI in TEST”, “Shop in TEST”, “Shop”, “Shop 1.4.0”."""
        if self.release is not None:
            return str(self.release)
        return f"{self.project} in {self.environment}" if self.environment else str(self.project)

    @property
    def address(self) -> str:
        """Where people read it; empty while there is no page."""
        return self.connection.address_of(self.page_id) if self.page_id else ""
