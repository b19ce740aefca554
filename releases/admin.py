"""Triggers and retention rules are configured here; releases and evaluations are part of the record and only looked at."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import ForeignKey, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts.configuring import ReadOnlyAdmin, ReadOnlyInline, RecordedAdmin
from registry.models import Package
from releases import retention
from releases.models import Release, ReleaseComponent, ReleasePackage, RetentionRule, Trigger, TriggerEvaluation
from releases.retention import Removal, Stay, Stays


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


@dataclass(frozen=True)
class Staying:
    """The versions that stay for one reason."""

    why: Stays
    count: int
    examples: list[Stay]

    @property
    def differ(self) -> bool:
        """Whether the sentences of the examples say more than the reason that they share."""
        return self.why in (Stays.NEWEST, Stays.YOUNG)


@admin.register(RetentionRule)
class RetentionRuleAdmin(RecordedAdmin):
    list_display = ("applies_to", "keep_days", "keep_newest", "enabled")
    list_filter = ("enabled",)
    list_select_related = ("package",)
    search_fields = ("package__name", "package__label")
    fields = ("package", "keep_days", "keep_newest", "enabled")
    explanations = {
        "package": "Empty: every package without a rule of its own. A package's own rule takes the place of the general one,"
        " also while it is not enabled.",
        "enabled": "While this is off, the rule removes nothing. Save it and look at “What would be removed” first.",
    }

    SHOWN, EXAMPLES = 200, 5

    @admin.display(description="Applies to", ordering="package__name")
    def applies_to(self, rule: RetentionRule) -> str:
        return str(rule.package or "every package")

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        """What lies in an outside store is not kept here, and not removed."""
        if db_field.name == "package":
            kwargs["queryset"] = Package.objects.builtin()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        foreseen = self.admin_site.admin_view(self.foreseen)
        return [
            path("foreseen/", foreseen, name="releases_retentionrule_foreseen"),
            path("<int:pk>/foreseen/", foreseen, name="releases_retentionrule_foreseen_by"),
            *super().get_urls(),
        ]

    def foreseen(self, request: HttpRequest, pk: int | None = None) -> HttpResponse:
        """What one rule, or all of them, would remove now, enabled or not."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rules = list(self.get_queryset(request).select_related("package"))
        rule = next((one for one in rules if one.pk == pk), None)
        if pk is not None and rule is None:
            raise Http404("There is no such retention rule any more.")
        verdicts = retention.foresee(rule)
        removals = [one for one in verdicts if isinstance(one, Removal)]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "What would be removed",
            "rule": rule,
            "rules": [rule] if rule else rules,
            "count": len(removals),
            "freed": retention.freed_by(removals),
            "removals": removals[: self.SHOWN],
            "more": max(len(removals) - self.SHOWN, 0),
            "staying": len(verdicts) - len(removals),
            "stays": list(self._staying(verdicts)),
            "hours": settings.RETENTION_HOURS,
        }
        return TemplateResponse(request, "admin/releases/retentionrule/foreseen.html", context)

    def _staying(self, verdicts: Iterable[Removal | Stay]) -> Iterator[Staying]:
        stays = [one for one in verdicts if isinstance(one, Stay)]
        for why in Stays:
            same = [stay for stay in stays if stay.why is why]
            if same:
                yield Staying(why, len(same), same[: self.EXAMPLES])
