"""What lists can be narrowed to: plain GET forms, so that every view of a list has an address."""

from datetime import date
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import QuerySet

from accounts.models import User
from deployments.models import Status
from lifecycles.models import Environment
from portal.forms.fields import Day, Search, Select
from portal.package_page import STATES
from projects.models import Project
from releases.models import Trigger, TriggerEvaluation

UNWATCHED = "unwatched"
A_DAY = (MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(9000, 1, 1)))  # others have no time in some zones


class Narrowing(forms.Form):
    """What a list is narrowed to; whatever is left empty, or is no choice, narrows nothing."""

    def __init__(self, data: Any) -> None:
        super().__init__(data, auto_id="filter_%s", label_suffix="")

    def chosen(self, name: str) -> Any:
        """What a field narrows to; None where it does not, or where what was sent is no choice."""
        self.is_valid()
        return self.cleaned_data.get(name) or None

    @property
    def narrows(self) -> bool:
        """Whether anything is chosen."""
        return any(self.chosen(name) for name in self.fields)


class ByProject(Narrowing):
    """The project, by its slug, out of those that the person may see."""

    project = forms.ModelChoiceField(
        Project.objects.none(), to_field_name="slug", required=False, empty_label="All projects", widget=Select
    )

    def __init__(self, data: Any, projects: QuerySet[Project]) -> None:
        super().__init__(data)
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]


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


class OfPackages(ByProject):
    name = forms.CharField(required=False, max_length=100, widget=Search)

    field_order = ("name", "project")


class OfVersions(Narrowing):
    version = forms.CharField(required=False, max_length=100, widget=Search, label="Begins with")
    state = forms.ChoiceField(choices=[("", "Any state"), *STATES.items()], required=False, widget=Select)


class OfEvaluations(ByProject):
    package = forms.CharField(required=False, max_length=100, widget=Search)
    trigger = forms.ModelChoiceField(Trigger.objects.none(), required=False, empty_label="Any trigger", widget=Select)
    outcome = forms.ChoiceField(
        choices=[("", "Any outcome"), *TriggerEvaluation.Outcome.choices, (UNWATCHED, "No trigger watches it")],
        required=False,
        widget=Select,
        label="Led to",
    )
    since = forms.DateField(required=False, widget=Day, label="From", validators=A_DAY)
    until = forms.DateField(required=False, widget=Day, label="To", validators=A_DAY)

    field_order = ("package", "project", "trigger", "outcome", "since", "until")

    def __init__(self, data: Any, projects: QuerySet[Project], triggers: QuerySet[Trigger]) -> None:
        super().__init__(data, projects)
        self.fields["trigger"].queryset = triggers  # type: ignore[attr-defined]
