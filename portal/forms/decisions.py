"""What people send with a decision. The verbs decide; these forms only read."""

from django import forms

from portal.forms.fields import Choices, Text, sentence_of

COMMENT_MAX = 2000


class DecisionForm(forms.Form):
    """Approve or reject. `fingerprint` names the plan that was on the page."""

    decision = forms.ChoiceField(
        choices=[("approve", "Approve"), ("reject", "Reject")],
        error_messages={
            "required": "Choose to approve or to reject.",
            "invalid_choice": "Choose to approve or to reject.",
        },
    )
    fingerprint = forms.CharField(widget=forms.HiddenInput, required=False)
    comment = forms.CharField(
        label="Comment",
        help_text="Needed if you reject. Everybody who sees this deployment can read it, and it stays on record.",
        widget=Text(),
        required=False,
        max_length=COMMENT_MAX,
        error_messages={"max_length": f"Keep the comment under {COMMENT_MAX:,} characters."},
    )


class CancelForm(forms.Form):
    """How the cancelling is meant."""

    running = forms.ChoiceField(
        label="What runs now",
        choices=[("end", "Let it go on to its end"), ("stop", "Stop it midway")],
        widget=Choices,
        initial="end",
        required=False,
    )
    reason = forms.CharField(
        label="Reason",
        help_text="Shown with the deployment, so that nobody has to ask.",
        widget=Text(rows=2),
        required=False,
        max_length=COMMENT_MAX,
    )


class ResolveForm(forms.Form):
    """What became of a script whose outcome nobody knows."""

    decision = forms.ChoiceField(
        label="What is to become of it?",
        choices=[
            ("retry", "Run it again"),
            ("succeeded", "It has succeeded: I have looked, and the version is there"),
            ("failed", "It has failed: I have looked, and the version is not there"),
        ],
        widget=Choices,
        error_messages={
            "required": "Decide what is to become of it.",
            "invalid_choice": "Decide what is to become of it.",
        },
    )
    reason = sentence_of(
        "How do you know, or why may it run again?", "Say how you know, or why it may run again: it is kept on record."
    )
    sure = forms.BooleanField(label="I have made sure that the script is not running there any more", required=False)


class ReasonForm(forms.Form):
    """A reason, for what is done with a package version."""

    reason = sentence_of("Reason", "Say why.")
