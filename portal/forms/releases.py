"""What people send about releases: requests, notes, prevention, new releases."""

from datetime import datetime
from typing import Any

from django import forms

from lifecycles.models import Environment
from portal.forms.fields import Select, Text, sentence_of
from projects.models import Project
from registry.models import Package
from releases.actions import NOTES_MAX

VERSIONS_OFFERED = 100
UNREADABLE = "Give date and time, such as 2026-11-24 18:00."
MARKDOWN_HINT = "Markdown is understood: **bold**, lists with “- ”, [links](https://…), headings with “#”."
NOTES_TOO_LONG = f"Notes hold at most {NOTES_MAX:,} characters."


def _moment(label: str, hint: str) -> forms.DateTimeField:
    widget = forms.DateTimeInput(attrs={"class": "inp", "type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    return forms.DateTimeField(
        label=label, help_text=hint, widget=widget, required=False, error_messages={"invalid": UNREADABLE}
    )


class RequestForm(forms.Form):
    """A request for a stack, or for a project on its own."""

    reason = forms.CharField(
        label="Reason",
        help_text="Whoever decides reads it, and it stays on record.",
        widget=Text(rows=2),
        required=False,
        max_length=2000,
        error_messages={"max_length": "Keep it under 2,000 characters."},
    )
    start_at = _moment("Not before", "Empty: as soon as nothing stands in its way.")
    not_after = _moment("Not after", "Empty: whenever it is approved. Otherwise the request expires then.")

    def details(self) -> tuple[str, datetime | None, datetime | None]:
        """What the verb takes: the reason, the earliest and the latest start."""
        given = self.cleaned_data
        return given["reason"], given["start_at"], given["not_after"]


class AloneForm(RequestForm):
    """A request for one component without its stack: it says why, and names the environment to show that it is meant."""

    field_order = ("reason", "typed", "start_at", "not_after")

    def __init__(self, data: Any, *, environment: Environment, project: Project) -> None:
        super().__init__(data)
        self.environment = environment
        self.fields["reason"] = sentence_of(
            f"Why can this not wait for a release of {project.parent}?",
            f"Say why {project} cannot wait for a release of {project.parent}.",
        )
        self.fields["reason"].help_text = "Whoever decides reads it, and it stays on record."
        self.fields["typed"] = forms.CharField(
            label=f"Type {environment} to confirm the environment",
            widget=forms.TextInput(attrs={"class": "inp", "autocomplete": "off", "spellcheck": "false"}),
            error_messages={"required": f"Type {environment} to confirm that this is the environment you mean."},
        )
        self.order_fields(self.field_order)

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"].strip()
        if typed.casefold() != self.environment.name.casefold():
            raise forms.ValidationError(f"Type {self.environment} to confirm that this is the environment you mean.")
        return typed


class NotesForm(forms.Form):
    notes = forms.CharField(
        label="Notes",
        help_text=f"What this release brings, in plain words. {MARKDOWN_HINT} Earlier wordings stay on record.",
        widget=Text(rows=10),
        required=False,
        max_length=NOTES_MAX,
        error_messages={"max_length": NOTES_TOO_LONG},
    )


class PreventForm(forms.Form):
    reason = sentence_of(
        "Why may it not go further?", "Say why this release may not go further, so that everybody knows."
    )


class NewReleaseForm(forms.Form):
    """Which version of each package the release holds; the newest is chosen beforehand."""

    def __init__(self, data: Any, *, project: Project) -> None:
        super().__init__(data, label_suffix="")
        self.packages = list(
            Package.objects.filter(projects__in=[project, *project.components.all()]).distinct().order_by("name")
        )
        for package in self.packages:
            versions = package.versions.eligible().newest_first().values_list("version", flat=True)[:VERSIONS_OFFERED]
            self.fields[f"version_{package.pk}"] = forms.ChoiceField(
                label=package.name,
                choices=[(version, version) for version in versions],
                widget=Select(attrs={"class": "inp"}),
                error_messages={
                    "required": f"{package} has no version yet that could be deployed. Push one first.",
                    "invalid_choice": f"Choose one of the versions of {package} that are on offer.",
                },
            )
        self.fields["notes"] = forms.CharField(
            label="Notes",
            help_text=f"What this release brings, in plain words. {MARKDOWN_HINT}",
            widget=Text(rows=4),
            required=False,
            max_length=NOTES_MAX,
            error_messages={"max_length": NOTES_TOO_LONG},
        )

    def versions(self) -> dict[str, str]:
        """Package name → version, as `releases.actions.create` takes it."""
        return {package.name: self.cleaned_data[f"version_{package.pk}"] for package in self.packages}
