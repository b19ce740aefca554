"""Which two releases are compared: a plain GET form, so that every comparison has an address."""

from collections.abc import Sequence

from django import forms

from portal.forms.fields import Select
from releases.models import Release


class CompareForm(forms.Form):
    """`from` and `to`, out of the numbers of a project's releases."""

    def __init__(self, choices: Sequence[tuple[str, str]], sides: tuple[Release, Release] | None) -> None:
        chosen = {"from": sides[0].number, "to": sides[1].number} if sides else {}
        super().__init__(initial=chosen, auto_id="compare_%s", label_suffix="")
        for name, label in (("from", "From"), ("to", "To")):  # the first is a word of Python's own
            self.fields[name] = forms.ChoiceField(choices=choices, label=label, widget=Select)
