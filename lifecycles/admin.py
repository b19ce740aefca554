"""Environments and lifecycles, as administrators configure them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from accounts.configuring import OrderedForm, OrderedFormSet, RecordedAdmin
from lifecycles import actions, rules
from lifecycles.models import Environment, Lifecycle, Phase
from lifecycles.rules import WantedPhase


@admin.register(Environment)
class EnvironmentAdmin(RecordedAdmin):
    list_display = ("name", "position", "is_production", "worker_pool", "capacity", "guided_failure", "base_url")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fields = (
        "name", "slug", "position", "is_production", "base_url", "worker_pool", "capacity", "guided_failure",
        "second_pair_of_eyes",
    )  # fmt: skip
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}


class PhaseForm(OrderedForm):
    """A phase together with its environments."""

    places = forms.ModelMultipleChoiceField(
        Environment.objects.all(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Environments",
        help_text="Where a release of this phase may go, in any order.",
    )
    automatic = forms.ModelMultipleChoiceField(
        Environment.objects.all(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Automatic in",
        help_text="In the first phase: a new release requests its deployment there by itself. It still waits for the"
        " approval that your rules ask for.",
    )

    class Meta:
        model = Phase
        fields = ("name", "position", "places", "automatic", "minimum", "optional")

    FIELD_OF = {"environments": "places"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            held = list(self.instance.places.all())
            self.initial["places"] = [place.environment_id for place in held]
            self.initial["automatic"] = [place.environment_id for place in held if place.automatic]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            for problem in rules.why_not_phase(self.wanted):
                self.add_error(self.FIELD_OF.get(problem.field, problem.field), problem.sentence)
        return cleaned

    @property
    def wanted(self) -> WantedPhase:
        """The phase as the form says, for the rules. Only after the form's own fields were cleaned."""
        values = self.cleaned_data
        return WantedPhase(values["name"], list(values["places"]), list(values["automatic"]), values["minimum"])


class PhaseFormSet(OrderedFormSet):
    """All phases of a lifecycle: what is wrong between them is said above them."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        wanted = [form.wanted for form in self.kept_forms]
        sentences = list(rules.why_not_together(wanted))
        if self.instance.pk:
            staying = {environment.pk for phase in wanted for environment in phase.environments}
            leaving = Environment.objects.filter(places__lifecycle=self.instance).exclude(pk__in=staying)
            sentences += rules.why_not_without(self.instance, leaving)
        if sentences:
            raise forms.ValidationError(sentences)


class PhaseInline(admin.TabularInline):
    model = Phase
    form = PhaseForm
    formset = PhaseFormSet
    fields = PhaseForm.Meta.fields
    extra = 0
    min_num = 1


@admin.register(Lifecycle)
class LifecycleAdmin(RecordedAdmin):
    list_display = ("name", "route")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "slug", "description"),
                "description": "A lifecycle says through which environments a release goes, and in which order. A release"
                " reaches a phase once the phases before it are complete, that is, once it was deployed successfully to"
                " enough of their environments.",
            },
        ),
    )
    explanations = {
        "name": "What people read, for example “TEST, then PROD”.",
        "slug": "Names the lifecycle in configuration files.",
        "description": "For administrators: what it is meant for.",
    }
    inlines = (PhaseInline,)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("phases__places__environment")

    @admin.display(description="Phases")
    def route(self, lifecycle: Lifecycle) -> str:
        """The way through it, as people say it."""
        phases = (", ".join(place.environment.name for place in phase.places.all()) for phase in lifecycle.phases.all())
        return " → ".join(phases)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        wanted = [(phase_form.instance, phase_form.wanted) for phase_form in formset.kept_forms]
        actions.place_environments(form.instance, wanted)
