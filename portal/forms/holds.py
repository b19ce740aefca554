"""What people send to put something on hold, and to release it."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from lifecycles.models import Environment
from portal.forms.fields import Select, Text, sentence_of
from projects.access import Reach
from projects.models import Project

NOT_OFFERED = "Choose one of those that are on offer."


class HoldForm(forms.Form):
    """What to hold: a project or every one, in an environment or in all; and why."""

    def __init__(
        self, data: Any, projects: QuerySet[Project], environments: QuerySet[Environment], reach: Reach, **named: Any
    ) -> None:
        """reach  how far this person's grants go: “every” is offered only where one is for every"""
        super().__init__(data, label_suffix="", **named)
        self.fields["project"] = _chosen(
            "What", projects, "Every project", "Choose what to hold.", reach.spans_projects
        )
        self.fields["environment"] = _chosen(
            "Where", environments, "Every environment", "Choose where.", reach.spans_environments
        )
        self.fields["reason"] = sentence_of("Why?", "Say why, so that whoever meets the hold knows what it waits for.")
        self.fields["reason"].help_text = "Shown on every page that it concerns, with your name, and kept on record."


class ReleaseForm(forms.Form):
    reason = forms.CharField(
        label="Why now?",
        help_text="Kept on record.",
        widget=Text(rows=2),
        required=False,
        max_length=2000,
        error_messages={"max_length": "Keep it under 2,000 characters."},
    )


def _chosen(label: str, rows: QuerySet, every: str, missing: str, may_be_every: bool) -> forms.ModelChoiceField:
    """One of `rows`; or none of them, where that may be, which means every one."""
    return forms.ModelChoiceField(
        rows,
        label=label,
        to_field_name="slug",
        required=not may_be_every,
        empty_label=every if may_be_every else "Choose…",
        widget=Select(attrs={"class": "inp"}),
        error_messages={"required": missing, "invalid_choice": NOT_OFFERED},
    )
