"""What people send to choose which messages they get."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.db.models import QuerySet

from portal.forms.fields import Select
from portal.forms.filters import Narrowing
from projects.models import Project
from publishing.messages.audience import Timing
from publishing.messages.preferences import Choice

NOT_OFFERED = "Choose one of those that are on offer."


class ChoosingForm(forms.Form):
    """One field for each kind, named after it, and the hour of the summary."""

    def __init__(self, data: Any, choices: Sequence[Choice], hour: int, *, where: str) -> None:
        """where  what is said of a kind for which nothing is chosen: “As usual”, or “As everywhere”"""
        super().__init__(data, label_suffix="")
        self.kinds = [str(choice.kind) for choice in choices]
        for choice in choices:
            self.fields[choice.kind] = forms.ChoiceField(
                label=choice.kind.label,
                help_text=f"{where}: {choice.otherwise}.",
                choices=[("", where), *Timing.choices],
                required=False,
                initial=choice.chosen,
                widget=Select(),
                error_messages={"invalid_choice": NOT_OFFERED},
            )
        self.fields["hour"] = forms.TypedChoiceField(
            label="Once a day at",
            help_text="One mail with everything that you want once a day. Time zone:",
            coerce=int,
            choices=[(number, f"{number:02}:00") for number in range(24)],
            initial=hour,
            widget=Select(),
            error_messages={"required": "Choose an hour.", "invalid_choice": NOT_OFFERED},
        )

    @property
    def by_kind(self) -> list[forms.BoundField]:
        return [self[kind] for kind in self.kinds]

    @property
    def chosen(self) -> dict[str, str]:
        """Kind → timing, or "" where nothing is chosen. Of a valid form."""
        return {kind: self.cleaned_data[kind] for kind in self.kinds}


class ForStack(Narrowing):
    """Which stack, or project on its own, the choices are for."""

    stack = forms.ModelChoiceField(
        Project.objects.none(),
        to_field_name="slug",
        required=False,
        empty_label="Everything",
        widget=Select,
        label="Choices for",
    )

    def __init__(self, data: Any, stacks: QuerySet[Project]) -> None:
        super().__init__(data)
        self.fields["stack"].queryset = stacks  # type: ignore[attr-defined]
