"""Packages can be looked at here and nothing else: they are published by a push, and withdrawn on their page."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from registry.models import Artifact, Feed, Package, PackageVersion


class ReadOnlyAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Feed)
class FeedAdmin(ReadOnlyAdmin):
    list_display = ["name", "slug", "kind"]


@admin.register(Package)
class PackageAdmin(ReadOnlyAdmin):
    list_display = ["name", "feed", "number_of_versions"]
    list_filter = ["feed"]
    list_select_related = ["feed"]
    search_fields = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Package]:
        packages: QuerySet[Package] = super().get_queryset(request)
        return packages.annotate(number_of_versions=Count("versions"))

    @admin.display(description="versions", ordering="number_of_versions")
    def number_of_versions(self, package: Any) -> int:
        return int(package.number_of_versions)


@admin.register(PackageVersion)
class PackageVersionAdmin(ReadOnlyAdmin):
    list_display = ["package", "version", "format", "size", "entry_point", "published_at", "published_by", "in_use"]
    list_filter = ["format", ("withdrawn_at", admin.EmptyFieldListFilter)]
    list_select_related = ["package", "artifact", "published_by"]
    search_fields = ["package__name", "version", "artifact__sha256"]
    date_hierarchy = "published_at"
    ordering = ["-published_at"]

    @admin.display(description="size", ordering="artifact__size")
    def size(self, version: PackageVersion) -> str:
        return filesizeformat(version.artifact.size)

    @admin.display(description="not withdrawn", boolean=True, ordering="withdrawn_at")
    def in_use(self, version: PackageVersion) -> bool:
        return not version.is_withdrawn


@admin.register(Artifact)
class ArtifactAdmin(ReadOnlyAdmin):
    list_display = ["sha256", "human_size", "number_of_versions"]
    search_fields = ["sha256"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Artifact]:
        artifacts: QuerySet[Artifact] = super().get_queryset(request)
        return artifacts.annotate(number_of_versions=Count("versions"))

    @admin.display(description="size", ordering="size")
    def human_size(self, artifact: Artifact) -> str:
        return filesizeformat(artifact.size)

    @admin.display(description="versions", ordering="number_of_versions")
    def number_of_versions(self, artifact: Any) -> int:
        return int(artifact.number_of_versions)
