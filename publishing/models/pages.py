"""How a stack's releases are told to people outside: the template of its release notes, and the page that is shared by a link."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from projects.models import Project

NO_COMPONENT = models.Q(parent=None)


class NotesTemplate(models.Model):
    """In which form the release notes of a stack, or of a project on its own, are handed out."""

    project = models.OneToOneField(
        Project,
        models.CASCADE,
        related_name="notes_template",
        limit_choices_to=NO_COMPONENT,
        verbose_name="stack",
        help_text="The stack, or the project on its own, whose release notes look like this. Its components follow it.",
    )
    text = models.TextField(help_text="Markdown with placeholders.")

    class Meta:
        ordering = ["project__name"]
        verbose_name = "template of release notes"
        verbose_name_plural = "templates of release notes"
        constraints = [
            models.CheckConstraint(
                condition=~Q(text=""),
                name="notes_template_says_something",
                violation_error_message="An empty template says nothing. Delete it to have the usual form.",
            )
        ]

    def __str__(self) -> str:
        return f"of {self.project}"


class SharedPage(models.Model):
    """A page about a stack that whoever has the link may read. Switched off, it holds no link at all."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="shared_page")
    digest = models.CharField(max_length=64, unique=True, null=True)  # SHA-256 of the token; null: switched off
    token = models.TextField(blank=True)  # encrypted, so that it can be shown to those who may configure the stack
    names_people = models.BooleanField(default=False)
    since = models.DateTimeField(null=True)  # when this very link was made
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["project__name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(digest=None, token="", since=None, by=None)
                | Q(digest__isnull=False, since__isnull=False, by__isnull=False) & Q(token__startswith="gAAAA"),  # noqa: S106 - how everything encrypted begins
                name="shared_page_has_a_link_while_it_is_on",
            )
        ]

    def __str__(self) -> str:
        return f"Shared page of {self.project}"

    @property
    def is_on(self) -> bool:
        return self.digest is not None
