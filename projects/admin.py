"""Projects, how they are deployed, with which values, and who must agree, as administrators configure them."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from accounts.configuring import OrderedForm, OrderedFormSet, ReadOnlyInline, RecordedAdmin
from lifecycles.rules import Problem
from projects import rules
from projects.models import ApprovalRule, Process, Project, ProjectPackage, Step, Variable
from projects.wording import title_of_variable


def _complain(form: forms.BaseForm, problems: Iterable[Problem]) -> None:
    """Show each problem at its field, or above the form where it concerns the whole."""
    for problem in problems:
        form.add_error(problem.field if problem.field in form.fields else None, problem.sentence)


# -- projects ---------------------------------------------------------------------------------------------------------


class ProjectForm(forms.ModelForm):
    class Meta:
        model = Project
        fields = (
            "name", "slug", "kind", "description", "lifecycle", "process", "parent", "stage", "position", "condition",
            "number_pattern", "reverse_on_rollback", "time_limit_seconds",
            "commit_url", "work_item_url",
        )  # fmt: skip
        help_texts = {
            "kind": "A stack is what people release: it gates and sequences its components and deploys nothing itself."
            " A component is one part of a stack, with packages and a process. A project on its own has no components.",
            "parent": "For a component: the stack that it is part of. Empty for everything else.",
            "process": "How its packages are deployed. Empty for a stack; everything else needs one.",
            "lifecycle": "Which environments its releases go through. Empty for a component means its stack's.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "parent" in self.fields:
            others = Project.objects.exclude(pk=self.instance.pk)
            self.fields["parent"].queryset = others  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        _complain(self, rules.why_not_links(cleaned.get("commit_url", ""), cleaned.get("work_item_url", "")))
        return cleaned


class PackageFormSet(forms.BaseInlineFormSet):
    """The packages of a project. Here both are known, so here the project's own rules are asked."""

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        filled = [form for form in self.forms if form.cleaned_data.get("package") and form not in self.deleted_forms]
        problems = rules.why_not_project(self.instance, [form.cleaned_data["package"] for form in filled])
        if sentences := [problem.sentence for problem in problems]:
            raise forms.ValidationError(sentences)


class PackageInline(admin.TabularInline):
    model = ProjectPackage
    formset = PackageFormSet
    extra = 0
    min_num = 0
    fields = ("package", "position")
    verbose_name = "package"
    verbose_name_plural = "packages (not for a stack; known from their first push on; the first names the release)"


class ComponentInline(ReadOnlyInline):
    """The components of a stack, to look at and to follow; each is configured on its own page."""

    model = Project
    fk_name = "parent"
    fields = ("stage", "position", "process", "condition")
    ordering = ("stage", "position")
    show_change_link = True
    verbose_name_plural = "components, in order of deployment"


@admin.register(Project)
class ProjectAdmin(RecordedAdmin):
    form = ProjectForm
    list_display = ("name", "kind", "parent", "stage", "lifecycle", "process", "number_of_packages")
    list_filter = ("kind", "parent", "lifecycle")
    list_select_related = ("parent", "lifecycle", "process")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    inlines = (PackageInline, ComponentInline)
    fieldsets = (
        (None, {"fields": ("name", "slug", "kind", "description", "lifecycle", "time_limit_seconds")}),
        ("As a component, or on its own", {"fields": ("process",)}),
        ("As a component", {"fields": ("parent", "stage", "position", "condition")}),
        ("As a stack", {"fields": ("number_pattern", "reverse_on_rollback")}),
        (
            "Links",
            {
                "fields": ("commit_url", "work_item_url"),
                "description": "Where the commits and work items lead to that builds name. Empty: they are shown without"
                " a link, unless the build states an address.",
            },
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Project]:
        projects: QuerySet[Project] = super().get_queryset(request)
        return projects.annotate(number_of_packages=Count("project_packages"))

    def get_inlines(self, request: HttpRequest, obj: Project | None) -> Any:
        return self.inlines if obj and obj.is_stack else (PackageInline,)

    @admin.display(description="Packages", ordering="number_of_packages")
    def number_of_packages(self, project: Any) -> int:
        return int(project.number_of_packages)


# -- processes --------------------------------------------------------------------------------------------------------


class StepForm(OrderedForm):
    class Meta:
        model = Step
        fields = ("position", "name", "kind", "settings", "time_limit_seconds", "repeatable", "retries")
        widgets = {"settings": forms.Textarea(attrs={"rows": 2, "cols": 40})}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["settings"] = {} if cleaned.get("settings") is None else cleaned["settings"]
        if "settings" not in self.errors:
            _complain(self, rules.why_not_step(cleaned.get("kind", ""), cleaned["settings"]))
        return cleaned


class StepInline(admin.StackedInline):
    model = Step
    form = StepForm
    formset = OrderedFormSet
    extra = 0
    min_num = 1


@admin.register(Process)
class ProcessAdmin(RecordedAdmin):
    list_display = ("name", "number_of_steps", "number_of_projects")
    search_fields = ("name", "slug")
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (
            None,
            {
                "fields": ("name", "slug", "description"),
                "description": "A process says what a worker does to deploy a component, step by step. Any number of"
                " components share it. A release keeps the process as it was when the release was created.",
            },
        ),
    )
    explanations = {
        "name": "What people read, for example “Execute the release package”.",
        "slug": "Names the process in configuration files.",
        "description": "For administrators: what it is meant for.",
    }
    inlines = (StepInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Process]:
        processes: QuerySet[Process] = super().get_queryset(request)
        return processes.annotate(
            steps_count=Count("steps", distinct=True), projects_count=Count("projects", distinct=True)
        )

    @admin.display(description="Steps", ordering="steps_count")
    def number_of_steps(self, process: Any) -> int:
        return int(process.steps_count)

    @admin.display(description="Used by projects", ordering="projects_count")
    def number_of_projects(self, process: Any) -> int:
        return int(process.projects_count)


# -- variables --------------------------------------------------------------------------------------------------------


class Concealed(forms.Textarea):
    """Takes a value of one or several lines and never shows one, neither stored nor just typed."""

    def __init__(self) -> None:
        super().__init__(
            {"class": "concealed vLargeTextField", "autocomplete": "off", "spellcheck": "false", "rows": 3}
        )

    def format_value(self, value: Any) -> str:
        return ""


class VariableForm(forms.ModelForm):
    """`value` is set through `Variable.set_value` only, so the form has a field of its own for it."""

    new_value = forms.CharField(
        label="Value",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 3}),
        help_text="What the scripts find in their environment under this name.",
    )

    class Meta:
        model = Variable
        fields = ("name", "project", "environment", "sensitive")
        help_texts = {
            "name": "Letters, digits and “_”, for example CLOUDHUB_URL.",
            "project": "Empty: for all projects. A stack's variable is for all its components; a component's own is"
            " stronger than its stack's, and that is stronger than one for all.",
            "environment": "Empty: in every environment. One for a certain environment is stronger.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.was_sensitive = bool(self.instance.pk and self.instance.sensitive)
        if self.was_sensitive or self.data.get("sensitive"):
            self.fields["new_value"].widget = Concealed()
        if self.was_sensitive:
            self.fields["new_value"].help_text = "Stored and never shown again. Leave this empty to keep it."
        elif self.instance.pk:
            self.initial["new_value"] = self.instance.value.replace("\n", "\r\n")  # as browsers send it back

    def clean_new_value(self) -> str:
        text: str = self.cleaned_data["new_value"].replace(
            "\r\n", "\n"
        )  # browsers send every line break as two characters
        return text

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        _complain(self, rules.why_not_variable_name(cleaned.get("name", "")))
        if not cleaned.get("new_value"):
            self._check_without_value(is_sensitive=cleaned["sensitive"])
        return cleaned

    def _check_without_value(self, *, is_sensitive: bool) -> None:
        if self.was_sensitive and not is_sensitive:
            self.add_error(
                "new_value", "A sensitive value is never shown again. State the value anew to make it readable."
            )
        elif is_sensitive and not self.was_sensitive:
            self.add_error("new_value", "State the value that is to be kept secret.")

    def _post_clean(self) -> None:
        """Put the value in place before the row is checked, so that its constraints see what will be stored."""
        text = self.cleaned_data.get("new_value")
        keeps = self.was_sensitive and not text
        if text is not None and not keeps:
            self.instance.set_value(text, sensitive=bool(self.cleaned_data.get("sensitive")))
        super()._post_clean()  # type: ignore[misc]  # Django's own, without a stub


@admin.register(Variable)
class VariableAdmin(RecordedAdmin):
    form = VariableForm
    list_display = ("name", "project", "environment", "readable_value", "sensitive")
    list_filter = ("sensitive", "environment", "project")
    list_select_related = ("project", "environment")
    search_fields = ("name", "project__name")
    fields = ("name", "new_value", "sensitive", "project", "environment")
    concealed = ("new_value",)

    @method_decorator(sensitive_post_parameters("new_value"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().changeform_view(request, *args, **kwargs)

    def title_of(self, obj: Variable) -> str:
        return title_of_variable(obj)

    @admin.display(description="Value")
    def readable_value(self, variable: Variable) -> str:
        return "••••••" if variable.sensitive else variable.value[:100]


# -- approval rules ---------------------------------------------------------------------------------------------------


class ApprovalRuleForm(forms.ModelForm):
    roles = forms.MultipleChoiceField(
        choices=[(role.value, role.label) for role in ApprovalRule.ROLES_THAT_MAY_APPROVE],
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text="Whoever holds one of these roles for the project and environment may approve.",
    )

    class Meta:
        model = ApprovalRule
        fields = (
            "name", "environments", "projects", "roles", "groups", "people", "minimum", "requester_may", "creator_may"
        )  # fmt: skip
        help_texts = {
            "name": "Shown to everybody who waits for it, for example “Product owner opens PROD”.",
            "groups": "Whoever is in one of these groups and may see the project may approve.",
            "people": "These people may approve. Each needs at least the role viewer for the project.",
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            named = (list(cleaned[kind]) for kind in ("roles", "groups", "people"))
            _complain(self, rules.why_not_rule(cleaned["minimum"], *named))
        return cleaned


@admin.register(ApprovalRule)
class ApprovalRuleAdmin(RecordedAdmin):
    form = ApprovalRuleForm
    list_display = ("name", "where", "who", "minimum", "requester_may", "creator_may")
    search_fields = ("name",)
    filter_horizontal = ("environments", "projects", "groups", "people")
    fieldsets = (
        (None, {"fields": ("name",)}),
        ("For deployments of", {"fields": ("projects", "environments")}),
        (
            "Who may approve",
            {
                "fields": ("roles", "groups", "people"),
                "description": "Whoever is named by any of the three. Where several rules match, each must be met.",
            },
        ),
        ("How many", {"fields": ("minimum", "requester_may", "creator_may")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApprovalRule]:
        return super().get_queryset(request).prefetch_related("environments", "projects", "groups", "people")

    @admin.display(description="Where")
    def where(self, rule: ApprovalRule) -> str:
        projects = ", ".join(map(str, rule.projects.all())) or "every project"
        return f"{projects} in {', '.join(map(str, rule.environments.all())) or 'every environment'}"

    @admin.display(description="Who may approve")
    def who(self, rule: ApprovalRule) -> str:
        labels = {role.value: role.label for role in ApprovalRule.ROLES_THAT_MAY_APPROVE}
        roles = [labels.get(role, role) for role in rule.roles]
        return ", ".join([*roles, *map(str, rule.groups.all()), *map(str, rule.people.all())])
