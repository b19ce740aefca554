"""What people send to put something on hold, and to release it."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.forms.models import ModelChoiceIterator

from lifecycles.models import Environment
from portal.forms.fields import Select, Text, sentence_of
from projects.access import Reach
from projects.models import Project

NOT_OFFERED = "Choose one of those that are on offer."
EVERY = "*"  # no slug looks like this


class HoldForm(forms.Form):
    """What to hold: a project or every one, in an environment or in all; and why."""

    def __init__(
        self, data: Any, projects: QuerySet[Project], environments: QuerySet[Environment], reach: Reach, **named: Any
    ) -> None:
        """reach  how far this person's grants go: “every” is offered only where one is for every, and never chosen
        beforehand, so that nobody holds the whole portal by leaving the form as it is"""
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


class _Offered(ModelChoiceIterator):
    """Nothing yet, every one where that may be, then one by one."""

    field: "OneOrEvery"

    def __iter__(self) -> Iterator[tuple[Any, str]]:
        nothing_yet, *rows = super().__iter__()
        yield from (nothing_yet, *([(EVERY, self.field.every)] if self.field.every else []), *rows)


class OneOrEvery(forms.ModelChoiceField):
    """One row, or every one of them (None) where `every` names that choice."""

    iterator = _Offered

    def __init__(self, *arguments: Any, every: str, **named: Any) -> None:
        self.every = every
        super().__init__(*arguments, **named)

    def clean(self, value: Any) -> Any:
        return None if self.every and value == EVERY else super().clean(value)


def _chosen(label: str, rows: QuerySet, every: str, missing: str, may_be_every: bool) -> OneOrEvery:
    return OneOrEvery(
        rows,
        label=label,
        to_field_name="slug",
        every=every if may_be_every else "",
        empty_label="Choose…",
        widget=Select(attrs={"class": "inp"}),
        error_messages={"required": missing, "invalid_choice": NOT_OFFERED},
    )
