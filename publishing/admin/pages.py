"""Templates of release notes, and which stacks are shared by a link, as administrators see them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.configuring import ReadOnlyAdmin, RecordedAdmin
from publishing.models import NotesTemplate, SharedPage
from publishing.templates import PLACEHOLDERS, USUAL, why_not_template


class NotesTemplateForm(forms.ModelForm):
    class Meta:
        model = NotesTemplate
        fields = ("project", "text")
        widgets = {"text": forms.Textarea(attrs={"class": "vLargeTextField", "rows": 24, "spellcheck": "true"})}

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"].replace("\r\n", "\n")
        if problems := why_not_template(text):
            raise forms.ValidationError(problems)
        return text


@admin.register(NotesTemplate)
class NotesTemplateAdmin(RecordedAdmin):
    form = NotesTemplateForm
    list_display = ("project",)
    list_select_related = ("project",)
    search_fields = ("project__name",)
    readonly_fields = ("placeholders",)
    fieldsets = (
        (
            None,
            {
                "fields": ("project", "text", "placeholders"),
                "description": "In which form the release notes of a stack are shown, downloaded and published. Without a"
                " template they have the form that a new one begins with. A line whose placeholders are all empty is left"
                " out, and so is a heading with nothing under it.",
            },
        ),
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {**super().get_changeform_initial_data(request), "text": USUAL}

    @admin.display(description="Placeholders")
    def placeholders(self, template: NotesTemplate) -> SafeString:
        lines = format_html_join("", "<li><code>{{{}}}</code>: {}</li>", PLACEHOLDERS.items())
        return format_html("<ul>{}</ul>", lines)


@admin.register(SharedPage)
class SharedPageAdmin(ReadOnlyAdmin):
    """To see at one look what is shared. It is changed on the page that this leads to, where the link is shown, too."""

    list_display = ("project", "is_shared", "names_people", "since", "by", "change_it")
    list_select_related = ("project", "by")
    list_display_links = None
    fields = ("project", "is_shared", "names_people", "since", "by", "change_it")

    @admin.display(description="Shared", boolean=True)
    def is_shared(self, page: SharedPage) -> bool:
        return page.is_on

    @admin.display(description="")
    def change_it(self, page: SharedPage) -> SafeString:
        address = reverse("portal:sharing", args=[page.project.slug])
        return format_html('<a href="{}">Look at the link or change it</a>', address)
