"""Packages are named here, and what people call them and how their manifest is read; they are published by a push, and
withdrawn on their page."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.formats import date_format
from django.utils.timezone import localtime

from accounts.configuring import ReadOnlyAdmin, RecordedAdmin
from config.encryption import CannotDecrypt
from registry import outside, rules
from registry.feeds import KINDS, FeedFailed, check
from registry.models import Artifact, Feed, ManifestSource, Package, PackageVersion

OF_OUR_OWN = ("label", "manifest_file", "manifest_form")
OF_OUTSIDE = ("label", "prereleases")


class PackageForm(forms.ModelForm):
    """A package's name, before anything is published under it; what people call it, and how its manifest is read."""

    class Meta:
        model = Package
        fields = ("feed", "name", *OF_OUR_OWN, "prereleases")
        help_texts = {
            "feed": "Empty: the built-in one. A package of an outside store is looked up there from now on.",
            "name": "As CI will push it, for example patient-ui, or as the outside store calls it. A component can hold the"
            " package from then on; a push is accepted once some project holds it.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if feed := self.fields.get("feed"):
            feed.required = False

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        name = given.get("name")
        if name is None:  # it is being changed, or is missing, which has been said
            return given
        feed = given["feed"] = given.get("feed") or Feed.builtin()
        if sentence := rules.why_not_package_name(feed, name):
            self.add_error("name", sentence)
        elif Package.objects.filter(feed=feed).called(name).exists():
            self.add_error("name", f"There is a package {name} already.")
        return given


class FeedForm(forms.ModelForm):
    """An outside store. Its password or token is written, never read back."""

    url = forms.CharField(label="Address", max_length=500, help_text="Where it is asked, with https:// in front.")
    new_secret = forms.CharField(
        label="Password or token",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Encrypted at rest and never shown again. Empty: what is stored stays as it is.",
    )
    forget_secret = forms.BooleanField(label="Forget the stored password or token", required=False)

    class Meta:
        model = Feed
        fields = ("name", "slug", "kind", "url", "username", "enabled", "poll_seconds")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if kind := self.fields.get("kind"):
            kind.choices = [(key, found.label) for key, found in KINDS.items()]  # type: ignore[attr-defined]
        if self.instance.kind in KINDS and (url := self.fields.get("url")):
            url.help_text = KINDS[self.instance.kind].url_help

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        self.instance.url, self.instance.username = given.get("url", ""), given.get("username", "")
        if given.get("forget_secret"):
            self.instance.set_secret("")
        elif given.get("new_secret"):
            self.instance.set_secret(given["new_secret"])
        elif self.instance.secret and (moved := rules.why_not_sent_to(self.instance.url, self.initial["url"])):
            self.add_error("new_secret", moved)
        for field, sentence in rules.why_not_feed(self.instance, given.get("kind") or self.instance.kind):
            self.add_error("new_secret" if field == "secret" else field if field in self.fields else None, sentence)
        return given


class SourceForm(forms.ModelForm):
    class Meta:
        model = ManifestSource
        fields = ("components", "feed", "name", "position")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if "feed" in given and "name" in given:  # otherwise that has been said
            for field, sentence in rules.why_not_source(given["feed"], given["name"]):
                self.add_error(field, sentence)
        return given


class SourceInline(admin.TabularInline):
    model = ManifestSource
    form = SourceForm
    extra = 0
    verbose_name_plural = "where the components of its manifest lie (the first that fits counts, by position)"


@admin.register(Feed)
class FeedAdmin(RecordedAdmin):
    form = FeedForm
    concealed = ("new_secret",)
    list_display = ["name", "kind", "address", "enabled", "last_answer", "is_well"]
    readonly_fields = ["checked_at", "failing_since", "problem"]
    actions = ["ask"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return [*fixed, "kind", "slug"] if obj else fixed

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj and obj.is_builtin)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj and obj.is_builtin)

    @admin.display(description="address", ordering="url")
    def address(self, feed: Feed) -> str:
        return feed.url or "–"

    @admin.display(description="last answer", ordering="checked_at", empty_value="–")
    def last_answer(self, feed: Feed) -> str:
        return date_format(localtime(feed.checked_at), "d F Y H:i") if feed.checked_at else "–"

    @admin.display(description="no problem", boolean=True)
    def is_well(self, feed: Feed) -> bool:
        return not feed.problem

    @admin.action(description="Ask whether it answers")
    def ask(self, request: HttpRequest, queryset: QuerySet[Feed]) -> None:
        for feed in queryset.exclude(kind=Feed.Kind.BUILTIN):
            try:
                check(feed.kind, outside.access_to(feed))
            except (FeedFailed, CannotDecrypt) as failure:
                self.message_user(request, f"{feed}: {failure}", messages.ERROR)
            else:
                self.message_user(request, f"{feed} answers and lets Signalbox in.", messages.SUCCESS)


@admin.register(Package)
class PackageAdmin(RecordedAdmin):
    form = PackageForm
    inlines = [SourceInline]
    list_display = ["name", "label", "feed", "number_of_versions"]
    list_filter = ["feed"]
    list_select_related = ["feed"]
    search_fields = ["name", "label"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Package]:
        packages: QuerySet[Package] = super().get_queryset(request)
        return packages.annotate(number_of_versions=Count("versions"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["feed", "name"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return list(PackageForm.Meta.fields)
        return ["feed", "name", *(OF_OUR_OWN if obj.feed.is_builtin else OF_OUTSIDE)]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """What lies outside has no manifest that could be read here."""
        return self.inlines if obj is None or obj.feed.is_builtin else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Package, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not obj.feed.is_builtin:
            outside.watch(obj.feed, obj.name)

    @admin.display(description="versions", ordering="number_of_versions")
    def number_of_versions(self, package: Any) -> int:
        return int(package.number_of_versions)


@admin.register(PackageVersion)
class PackageVersionAdmin(ReadOnlyAdmin):
    list_display = ["package", "version", "format", "size", "entry_point", "published_at", "published_by", "in_use"]
    list_filter = ["format", ("withdrawn_at", admin.EmptyFieldListFilter), ("removed_at", admin.EmptyFieldListFilter)]
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
    list_display = ["sha256", "human_size", "number_of_versions", "condition", "last_look"]
    list_filter = ["problem", ("removed_at", admin.EmptyFieldListFilter)]
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

    @admin.display(description="condition", ordering="problem")
    def condition(self, artifact: Artifact) -> str:
        return artifact.get_problem_display() or ("Removed" if artifact.removed_at else "As published")

    @admin.display(description="hashed again", ordering="checked_at")
    def last_look(self, artifact: Artifact) -> str:
        return date_format(localtime(artifact.checked_at), "j F Y H:i") if artifact.checked_at else "Not yet"
