"""Deployments, decisions, what is live and the workers can be looked at here; what changes them is elsewhere."""

from django.contrib import admin

from accounts.configuring import ReadOnlyAdmin, ReadOnlyInline
from deployments.models import Approval, Deployment, Hold, LiveVersion, StepRun, Worker


class ApprovalInline(ReadOnlyInline):
    model = Approval
    fields = ("person", "decision", "capacity", "comment", "at", "withdrawn_at", "withdrawn_because")
    readonly_fields = ("at",)


class StepRunInline(ReadOnlyInline):
    model = StepRun
    fields = ("attempt", "position", "name", "started_at", "finished_at", "exit_status", "outcome")
    readonly_fields = ("started_at",)


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    list_display = (
        "id",
        "project",
        "release",
        "environment",
        "status",
        "mode",
        "requested_by",
        "requested_at",
        "finished_at",
    )
    list_filter = ("status", "mode", "environment", "project")
    list_select_related = ("project", "release__project", "environment", "requested_by")
    search_fields = ("=id", "project__name", "release__number", "reason", "outcome", "requested_by__username")
    date_hierarchy = "requested_at"
    inlines = (ApprovalInline, StepRunInline)
    fieldsets = (
        (None, {"fields": ("project", "release", "environment", "parent", "stage", "status", "mode", "outcome")}),
        ("Request", {"fields": ("requested_by", "requested_at", "reason", "start_at", "not_after", "fingerprint")}),
        (
            "Execution",
            {"fields": ("started_at", "finished_at", "attempt", "fence", "host", "owner", "lease_expires_at")},
        ),
        ("Stop", {"fields": ("cancel_requested_at", "cancel_requested_by", "cancel_stops_running")}),
    )


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ("at", "person", "decision", "deployment", "capacity", "comment", "withdrawn_at")
    list_filter = ("decision", "deployment__environment", ("withdrawn_at", admin.EmptyFieldListFilter))
    list_select_related = ("person", "deployment__release__project", "deployment__environment")
    search_fields = ("person__username", "comment", "deployment__project__name")
    date_hierarchy = "at"


@admin.register(LiveVersion)
class LiveVersionAdmin(ReadOnlyAdmin):
    list_display = ("project", "environment", "release", "from_at", "until_at")
    list_filter = ("environment", ("until_at", admin.EmptyFieldListFilter), "project")
    list_select_related = ("project", "environment", "release__project")
    search_fields = ("project__name", "release__number")
    date_hierarchy = "from_at"


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ("what", "reason", "by", "at", "released_by", "released_at")
    list_filter = (("released_at", admin.EmptyFieldListFilter), "environment", "project")
    list_select_related = ("project", "environment", "by", "released_by")
    search_fields = ("reason", "released_because", "by__username")
    date_hierarchy = "at"
    fields = ("project", "environment", "reason", "by", "at", "released_by", "released_at", "released_because")


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("name", "host", "pools", "slots", "heard_at")
    search_fields = ("name", "host")
