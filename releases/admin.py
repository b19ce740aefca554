"""Triggers are configured here; releases and evaluations are part of the record and only looked at."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.configuring import ReadOnlyAdmin, ReadOnlyInline, RecordedAdmin
from releases.models import Release, ReleaseComponent, ReleasePackage, Trigger, TriggerEvaluation


@admin.register(Trigger)
class TriggerAdmin(RecordedAdmin):
    list_display = ("name", "project", "enabled", "watched")
    list_filter = ("enabled", "project")
    list_select_related = ("project",)
    search_fields = ("name", "project__name")
    filter_horizontal = ("packages",)
    fields = ("project", "name", "enabled", "packages")
    explanations = {
        "project": "The stack, or the project on its own, that gets a new release with a push.",
        "name": "What people read beside each evaluation, for example “Every push”.",
        "enabled": "While this is off, pushes create no release and leave no evaluation.",
    }

    def get_queryset(self, request: HttpRequest) -> QuerySet[Trigger]:
        return super().get_queryset(request).prefetch_related("packages")

    @admin.display(description="Watches")
    def watched(self, trigger: Trigger) -> str:
        return ", ".join(map(str, trigger.packages.all())) or "every package of the project"


class ComponentInline(ReadOnlyInline):
    model = ReleaseComponent
    fk_name = "parent"
    fields = ("stage", "component", "release", "condition")


class PackageInline(ReadOnlyInline):
    model = ReleasePackage
    fields = ("package", "version")


@admin.register(Release)
class ReleaseAdmin(ReadOnlyAdmin):
    list_display = ("project", "number", "created_at", "created_by", "trigger", "may_progress")
    list_filter = ("project", ("progression_prevented_at", admin.EmptyFieldListFilter))
    list_select_related = ("project", "created_by", "trigger__project")
    search_fields = ("number", "project__name", "notes")
    date_hierarchy = "created_at"
    fields = (
        "project", "number", "notes", "created_by", "created_at", "trigger", "progression_prevented_at",
        "progression_prevented_by", "progression_prevented_reason",
    )  # fmt: skip
    inlines = (ComponentInline, PackageInline)

    @admin.display(description="may progress", boolean=True, ordering="progression_prevented_at")
    def may_progress(self, release: Release) -> bool:
        return not release.is_prevented


@admin.register(TriggerEvaluation)
class TriggerEvaluationAdmin(ReadOnlyAdmin):
    list_display = ("at", "trigger", "version", "outcome", "sentence")
    list_filter = ("outcome", "trigger")
    list_select_related = ("trigger__project", "version__package", "release__project")
    search_fields = ("sentence", "version__package__name", "version__version")
    date_hierarchy = "at"
