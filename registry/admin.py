"""Packages are named here and looked at; they are published by a push, and withdrawn on their page."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from accounts.configuring import ReadOnlyAdmin, RecordedAdmin
from registry import filenames
from registry.models import Artifact, Feed, Package, PackageVersion
from registry.refusals import RegistryRefused


class PackageForm(forms.ModelForm):
    """A package's name, before anything is published under it."""

    class Meta:
        model = Package
        fields = ("name",)
        help_texts = {
            "name": "As CI will push it, for example patient-ui. A component can hold the package from then on; a push"
            " is accepted once some project holds it."
        }

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        try:
            name = filenames.package_name(name)
        except RegistryRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        if Package.objects.named(name).exists():
            raise forms.ValidationError(f"There is a package {name} already.")
        return name


@admin.register(Feed)
class FeedAdmin(ReadOnlyAdmin):
    list_display = ["name", "slug", "kind"]


@admin.register(Package)
class PackageAdmin(RecordedAdmin):
    form = PackageForm
    list_display = ["name", "feed", "number_of_versions"]
    list_filter = ["feed"]
    list_select_related = ["feed"]
    search_fields = ["name"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Package]:
        packages: QuerySet[Package] = super().get_queryset(request)
        return packages.annotate(number_of_versions=Count("versions"))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Package, form: Any, change: bool) -> None:
        obj.feed = Feed.builtin()
        super().save_model(request, obj, form, change)

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
        return filesizeformat(version.artifact.size) if version.artifact else "–"

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
