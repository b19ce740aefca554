"""What an administrator sends about the page that is shared by a link."""

from django import forms

SWITCH_ON, SWITCH_OFF, RENEW = "on", "off", "renew"


class SharingForm(forms.Form):
    """What to do, by the button that was pressed; and whether the page names people."""

    do = forms.ChoiceField(
        choices=[(SWITCH_ON, "Share it"), (SWITCH_OFF, "Stop sharing"), (RENEW, "Make a new link")],
        error_messages={
            "required": "Use one of the buttons, so that it is clear what to do.",
            "invalid_choice": "Use one of the buttons, so that it is clear what to do.",
        },
    )
    names_people = forms.BooleanField(
        label="Show who approved",
        help_text="Otherwise the page says that it was approved and when, and names nobody.",
        required=False,
    )
