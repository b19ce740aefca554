"""Confluence: connections and their test, which pages a stack has, and how each of them stands."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, ForeignKey, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from accounts.configuring import ReadOnlyAdmin, RecordedAdmin, record
from projects.models import Project
from publishing.confluence import asking, rules
from publishing.confluence.probing import NAMES, Step, probe
from publishing.models import Connection, Publication, StackPublishing
from publishing.models.confluence import IS_PAGE_NUMBER, IS_SPACE_KEY
from registry.rules import why_not_sent_to

STATE = Publication.State


class ConnectionForm(forms.ModelForm):
    """A Confluence site and an account there. Its token is written, never read back."""

    new_secret = forms.CharField(
        label="Token or password",
        required=False,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Cloud: an API token of the account. Data Center: a personal access token, or the password of the user."
        " Encrypted at rest and never shown again. Empty: what is stored stays as it is.",
    )

    class Meta:
        model = Connection
        fields = ("name", "slug", "dialect", "url", "username", "enabled")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for name in ("dialect", "url", "username"):
            setattr(self.instance, name, given.get(name, ""))
        if given.get("new_secret"):
            self.instance.set_secret(given["new_secret"])
        elif self.instance.secret and (moved := why_not_sent_to(self.instance.url, self.initial["url"])):
            self.add_error("new_secret", moved)
        for field, sentence in rules.why_not_connection(self.instance):
            if field not in self.errors:  # otherwise that has been said
                self.add_error("new_secret" if field == "secret" else field, sentence)
        return given


class ProbeForm(forms.Form):
    """Where the test page is made."""

    space = forms.CharField(
        label="Space key",
        max_length=255,
        validators=[IS_SPACE_KEY],
        help_text="A test page is made there and removed again.",
    )
    parent = forms.CharField(
        label="Parent page",
        required=False,
        max_length=30,
        validators=[IS_PAGE_NUMBER],
        help_text="The number of the page that the test page is put under. Empty: the space itself.",
    )


@admin.register(Connection)
class ConnectionAdmin(RecordedAdmin):
    form = ConnectionForm
    concealed = ("new_secret",)
    list_display = ("name", "dialect", "url", "enabled", "last_answer", "is_well", "in_trouble")
    readonly_fields = ("answered_at", "problem", "failing_since", "next_at")
    prepopulated_fields = {"slug": ("name",)}
    change_form_template = "admin/publishing/connection/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Connection]:
        rows: QuerySet[Connection] = super().get_queryset(request)
        return rows.annotate(troubled=Count("publications", Q(publications__state__in=Publication.IN_TROUBLE)))

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return {} if obj else self.prepopulated_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return [*self.readonly_fields, "slug"] if obj else []

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        asked = ["name", "slug", "dialect", "url", "username", "new_secret", "enabled"]
        return [*asked, *self.readonly_fields] if obj else asked

    def save_model(self, request: HttpRequest, obj: Connection, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        asking.connection_changed(obj)

    def get_urls(self) -> list[URLPattern]:
        test = self.admin_site.admin_view(self.test)
        return [path("<int:pk>/test/", test, name="publishing_connection_test"), *super().get_urls()]

    def test(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The form that asks for the space, and after a POST what each step came to."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        connection = self.get_queryset(request).filter(pk=pk).first()
        if connection is None:
            raise Http404("There is no such connection any more.")
        form = ProbeForm(request.POST if request.method == "POST" else None, initial=_usual_place(connection))
        steps = self._tested(request, connection, form) if form.is_bound and form.is_valid() else []
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Test {connection}",
            "original": connection,
            "form": form,
            "names": NAMES,
            "steps": steps,
            "works": bool(steps) and all(step.works for step in steps),
        }
        status = 422 if form.is_bound and not form.is_valid() else 200
        return TemplateResponse(request, "admin/publishing/connection/test.html", context, status=status)

    def _tested(self, request: HttpRequest, connection: Connection, form: ProbeForm) -> list[Step]:
        steps = probe(connection, form.cleaned_data["space"], form.cleaned_data["parent"])
        failed = [step.name.lower() for step in steps if not step.works]
        came_to = f"does not work: {failed[0]}" if failed else "everything works"
        record(request.user, connection, f"{self.title_of(connection)}: tested, {came_to}")
        return steps

    @admin.display(description="last answer", ordering="answered_at", empty_value="–")
    def last_answer(self, connection: Connection) -> str | None:
        return _when(connection.answered_at)

    @admin.display(description="no problem", boolean=True)
    def is_well(self, connection: Connection) -> bool:
        return not connection.problem

    @admin.display(description="pages in trouble", ordering="troubled")
    def in_trouble(self, connection: Any) -> int:
        return int(connection.troubled)


class StackPublishingForm(forms.ModelForm):
    class Meta:
        model = StackPublishing
        fields = (
            "project", "connection", "space", "parent_page", "component_pages", "environment_pages", "stack_page",
            "release_pages", "component_title", "environment_title", "stack_title", "release_title", "enabled",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for name, value in given.items():
            setattr(self.instance, name, value)
        project = given.get("project") or (self.instance.project if self.instance.project_id else None)
        for field, sentence in rules.why_not_publishing(self.instance, project):
            self.add_error(field if field in self.fields else None, sentence)
        return given


@admin.register(StackPublishing)
class StackPublishingAdmin(RecordedAdmin):
    form = StackPublishingForm
    list_display = ("project", "connection", "space", "enabled", "pages", "in_trouble")
    list_filter = ("enabled", "connection")
    list_select_related = ("project", "connection")
    search_fields = ("project__name", "space")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StackPublishing]:
        rows: QuerySet[StackPublishing] = super().get_queryset(request)
        kept = ~Q(publications__state=STATE.WITHDRAWN)
        troubled = Q(publications__state__in=Publication.IN_TROUBLE)
        return rows.annotate(kept=Count("publications", kept), troubled=Count("publications", troubled))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["project"] if obj else []

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "project":
            kwargs["queryset"] = Project.objects.exclude(kind=Project.Kind.COMPONENT)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: StackPublishing, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        asking.publishing_changed(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What is known of its pages goes with it; the pages stay in Confluence."""
        deleted, counts, _, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, set(), [] if all(isinstance(obj, StackPublishing) for obj in objs) else protected

    @admin.display(description="pages", ordering="kept")
    def pages(self, publishing: Any) -> int:
        return int(publishing.kept)

    @admin.display(description="in trouble", ordering="troubled")
    def in_trouble(self, publishing: Any) -> int:
        return int(publishing.troubled)


@admin.register(Publication)
class PublicationAdmin(ReadOnlyAdmin):
    list_display = ("about", "page", "state", "sentence", "last_success", "next_try")
    list_filter = ("state", "kind", "publishing", "environment")
    list_select_related = ("project", "environment", "release__project", "connection")
    search_fields = ("title", "project__name", "release__number", "problem")
    ordering = ("key",)
    actions = ("publish_now",)
    fields = (
        "page", "kind", "project", "environment", "release", "connection", "space", "page_id", "page_version", "state",
        "sentence", "failing_since", "tries", "published_at", "verified_at", "next_at",
    )  # fmt: skip
    readonly_fields = fields

    def has_publish_permission(self, request: HttpRequest) -> bool:
        return bool(self.admin_site.has_permission(request))

    @admin.action(description="Publish now", permissions=["publish"])
    def publish_now(self, request: HttpRequest, queryset: QuerySet[Publication]) -> None:
        rows = list(queryset.select_related(*self.list_select_related))
        count = asking.publish_now(rows, by=request.user)  # type: ignore[arg-type]  # only who is signed in comes here
        if count:
            pages = "1 page is" if count == 1 else f"{count} pages are"
            self.message_user(request, f"{pages} published by a worker within seconds.", messages.SUCCESS)
        if left := len(rows) - count:
            pages = "1 page is" if left == 1 else f"{left} pages are"
            sentence = f"{pages} no longer kept up to date: switch on the publishing of the stack first."
            self.message_user(request, sentence, messages.WARNING)

    @admin.display(description="about", ordering="key")
    def about(self, publication: Publication) -> str:
        return f"{publication.get_kind_display()}: {publication.subject}"

    @admin.display(description="page", ordering="title", empty_value="Not made yet")
    def page(self, publication: Publication) -> SafeString | None:
        address = publication.address
        return format_html('<a href="{}">{}</a>', address, publication) if address else None

    @admin.display(description="last success", ordering="published_at", empty_value="–")
    def last_success(self, publication: Publication) -> str | None:
        return _when(publication.published_at)

    @admin.display(description="next try", ordering="next_at", empty_value="–")
    def next_try(self, publication: Publication) -> str | None:
        rests = publication.connection.next_at
        moments = [at for at in (publication.next_at, rests) if at is not None]
        return _when(max(moments)) if publication.next_at else None

    @admin.display(description="what stands in the way", empty_value="–")
    def sentence(self, publication: Publication) -> str | None:
        waits = publication.connection.problem if publication.state == STATE.DUE else ""
        if not publication.connection.enabled and publication.state != STATE.WITHDRAWN:
            return "The connection is switched off."
        return publication.problem or waits or None


def _usual_place(connection: Connection) -> dict[str, str]:
    first = connection.stacks.order_by("pk").first()
    return {"space": first.space, "parent": first.parent_page} if first else {}


def _when(at: Any) -> str | None:
    return date_format(localtime(at), "j F Y H:i") if at else None
