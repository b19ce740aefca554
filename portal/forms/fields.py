"""Controls in the look of the portal, for the forms of all pages."""

from typing import Any

from django import forms
from django.http import HttpRequest, QueryDict


class Text(forms.Textarea):
    """Several lines, over the whole width."""

    def __init__(self, rows: int = 3) -> None:
        super().__init__(attrs={"class": "inp", "rows": rows})


class Choices(forms.RadioSelect):
    """One of several; the summary of errors leads to the first of them."""

    def id_for_label(self, id_: str, index: str | None = None) -> str:
        return super().id_for_label(id_, index or "0")


class Search(forms.TextInput):
    """A few letters to look for."""

    input_type = "search"

    def __init__(self) -> None:
        super().__init__(attrs={"class": "inp sm", "size": 16})


class Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(attrs={"class": "inp sm"}, format="%Y-%m-%d")


class Select(forms.Select):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **{"attrs": {"class": "inp sm"}, **named})


def sentence_of(text: str, missing: str, most: int = 2000) -> forms.CharField:
    """A field for a reason or comment: `text` is its label, `missing` what is said when it is empty."""
    return forms.CharField(
        label=text,
        widget=Text(),
        max_length=most,
        error_messages={"required": missing, "max_length": f"Keep it under {most:,} characters."},
    )


def posted(request: HttpRequest) -> QueryDict | None:
    """What a form is bound to: an empty POST counts as one, a GET does not."""
    return request.POST if request.method == "POST" else None
