"""What lists can be narrowed to: plain GET forms, so that every view of a list has an address."""

from typing import Any

from django import forms
from django.db.models import QuerySet

from accounts.models import User
from deployments.models import Status
from lifecycles.models import Environment
from portal.forms.fields import Select
from projects.models import Project


class ByProject(forms.Form):
    """The project, by its slug, out of those that the person may see."""

    project = forms.ModelChoiceField(
        Project.objects.none(), to_field_name="slug", required=False, empty_label="All projects", widget=Select
    )

    def __init__(self, data: Any, projects: QuerySet[Project]) -> None:
        super().__init__(data, auto_id="filter_%s", label_suffix="")
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]

    def chosen(self, name: str) -> Any:
        """What a field narrows to; None where it does not, or where what was sent is no choice."""
        self.is_valid()
        return self.cleaned_data.get(name) or None


class OfDeployments(ByProject):
    environment = forms.ModelChoiceField(
        Environment.objects.none(), to_field_name="slug", required=False, empty_label="All environments", widget=Select
    )
    status = forms.ChoiceField(
        choices=[("", "Any state"), *Status.choices], required=False, widget=Select, label="State"
    )

    def __init__(self, data: Any, projects: QuerySet[Project], environments: QuerySet[Environment]) -> None:
        super().__init__(data, projects)
        self.fields["environment"].queryset = environments  # type: ignore[attr-defined]


class OfActivity(ByProject):
    who = forms.ModelChoiceField(
        User.objects.none(),
        to_field_name="username",
        required=False,
        empty_label="Everybody",
        widget=Select,
        label="Who",
    )

    def __init__(self, data: Any, projects: QuerySet[Project], people: QuerySet[User]) -> None:
        super().__init__(data, projects)
        self.fields["who"].queryset = people  # type: ignore[attr-defined]
