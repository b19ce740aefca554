"""What people send with a decision. The verbs decide; these forms only read."""

from collections.abc import Sequence

from django import forms
from django.http import QueryDict

from deployments.actions import DeploymentRefused
from deployments.decisions import Decision
from portal.cancelling import Consequences
from portal.forms.fields import Choices, Text, sentence_of

COMMENT_MAX = 2000
GO_ON, STOP = "Let what runs go on to its end", "Stop what runs midway"


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
    """How the cancelling is meant: `running` is asked where something of a train runs or waits for a person."""

    running = forms.ChoiceField(
        label="What becomes of what has started?",
        choices=[("end", GO_ON), ("stop", STOP)],
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
        error_messages={"max_length": f"Keep it under {COMMENT_MAX:,} characters."},
    )

    def __init__(self, data: QueryDict | None, consequences: Consequences) -> None:
        super().__init__(data)
        if consequences.undecided:
            leave, drop = "leave what waits for a person to be decided", "drop what waits for a person"
            both = consequences.running
            self.fields["running"].widget.choices = [
                ("end", f"{GO_ON}, and {leave}" if both else leave.capitalize()),
                ("stop", f"{STOP}, and {drop}" if both else drop.capitalize()),
            ]


class ResolveForm(forms.Form):
    """What becomes of a script that waits for a person: one of `decisions`. What has been decided meanwhile, and what
    is missing, the verb says."""

    decision = forms.CharField(
        label="What is to become of it?",
        widget=Choices,
        error_messages={"required": "Decide what is to become of it."},
    )
    sure = forms.BooleanField(
        label="I have made sure that the script is not running there any more",
        help_text="Needed to run it again.",
        required=False,
    )
    reason = forms.CharField(
        label="Why?",
        help_text="It is kept on record.",
        widget=Text(),
        required=False,
        max_length=COMMENT_MAX,
        error_messages={"max_length": f"Keep it under {COMMENT_MAX:,} characters."},
    )

    def __init__(self, decisions: Sequence[Decision], data: QueryDict | None) -> None:
        super().__init__(data)
        reason = self.fields["reason"]
        self.fields["decision"].widget.choices = [(decision.name, decision.word) for decision in decisions]
        taking = [decision for decision in decisions if decision.takes_reason]
        if taking and len(taking) == len(decisions):
            reason.required = True
            reason.label = "How do you know, or why may it run again?"
            reason.error_messages["required"] = taking[0].ask
        elif taking:
            reason.help_text = "Needed to ignore the failure. It is kept on record."

    def refuse(self, refusal: DeploymentRefused) -> None:
        """Show why not, beside the field that it is about."""
        fields = {"host_silent": "sure", "reason_missing": "reason"}
        self.add_error(fields.get(refusal.code), refusal.sentence)


class ReasonForm(forms.Form):
    """A reason, for what is done with a package version."""

    reason = sentence_of("Reason", "Say why.")
