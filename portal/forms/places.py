"""Which release the page about what comes next tells of: a plain GET form, so that every answer has an address."""

from collections.abc import Sequence

from django import forms

from portal.forms.fields import Select


class WhichRelease(forms.Form):
    def __init__(self, choices: Sequence[tuple[str, str]], chosen: str) -> None:
        super().__init__(initial={"release": chosen}, auto_id="which_%s", label_suffix="")
        self.fields["release"] = forms.ChoiceField(choices=choices, label="Release", widget=Select)
