"""What the sign-in page accepts."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError

from accounts.models import User

WRONG = "This name and password do not belong together. Check both; capital letters count in the password."
MACHINE = "This is a service account: it acts with API tokens and cannot sign in. Use an account of your own."


class SignInForm(AuthenticationForm):
    """Name and password of a person."""

    error_messages = {
        "invalid_login": WRONG,
        "inactive": "This account is switched off. Ask an administrator.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        for name, label, missing in (
            ("username", "Name", "Enter your name."),
            ("password", "Password", "Enter your password."),
        ):
            field = self.fields[name]
            field.label = label
            field.error_messages["required"] = missing
            field.widget.attrs["class"] = "inp wide"
        self.fields["username"].widget = forms.TextInput(
            attrs={"class": "inp wide", "autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        )

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if isinstance(user, User) and user.is_service_account:
            raise ValidationError(MACHINE, code="service_account")
