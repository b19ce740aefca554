"""Accounts, groups, role grants and tokens, as administrators configure them; and the trail, to read."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters

from accounts import tokens
from accounts.configuring import ReadOnlyAdmin, RecordedAdmin
from accounts.models import ApiToken, Event, Membership, Scope, User

NO_PASSWORD = "A service account has no password; give it an API token instead."  # noqa: S105


# -- accounts ---------------------------------------------------------------------------------------------------------


class NewAccountForm(forms.ModelForm):
    """A person with a first password, or a service account without one."""

    first_password = forms.CharField(
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="For a person: the first password, at least 8 characters. Leave it empty for a service account.",
    )

    class Meta:
        model = User
        fields = ("username", "is_service_account", "first_name", "last_name", "email")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        password = cleaned.get("first_password")
        if cleaned.get("is_service_account"):
            if password:
                self.add_error("first_password", NO_PASSWORD)
            self.instance.set_unusable_password()
        elif not password:
            self.add_error("first_password", "Give this person a first password, or tick “service account”.")
        else:
            self._set_first_password(password)
        return cleaned

    def _set_first_password(self, password: str) -> None:
        about = User(
            **{name: self.cleaned_data.get(name) or "" for name in ("username", "first_name", "last_name", "email")}
        )
        try:
            validate_password(password, about)
        except forms.ValidationError as error:
            self.add_error("first_password", error)
        self.instance.set_password(password)


class AccountForm(UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"
        help_texts = {
            "is_active": "Untick this to close the account: it can no longer sign in, and its tokens are refused."
            " Accounts that have acted are never deleted.",
            "groups": "What is granted to a group is granted to everybody in it.",
        }


class GrantInline(admin.TabularInline):
    model = Membership
    fields = ("role", "project", "environment")
    extra = 0
    verbose_name = "role grant"


@admin.register(User)
class AccountAdmin(RecordedAdmin, UserAdmin):
    form = AccountForm
    add_form = NewAccountForm
    add_form_template = None
    list_display = ("username", "first_name", "last_name", "is_service_account", "is_active", "last_login")
    list_filter = ("is_active", "is_service_account", "groups")
    search_fields = ("username", "first_name", "last_name", "email")
    filter_horizontal = ("groups",)
    readonly_fields = ("is_service_account", "last_login", "date_joined")
    concealed = ("password", "first_password")
    inlines = (GrantInline,)
    fieldsets = (
        (None, {"fields": ("username", "password", "is_service_account", "is_active")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Groups", {"fields": ("groups",)}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "is_service_account", "first_password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not obj.is_service_account:
            return fieldsets
        first = (None, {"fields": ("username", "is_service_account", "is_active")})
        return (first, *fieldsets[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        return self.readonly_fields if obj else ()

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        return self.inlines if obj else ()

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        account = self.get_object(request, id)
        if account is not None and account.is_service_account:
            messages.error(request, NO_PASSWORD)
            return HttpResponseRedirect(reverse("admin:accounts_user_change", args=[account.pk]))
        response: HttpResponse = super().user_change_password(request, id, form_url)
        return response


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(RecordedAdmin):
    fields = ("name", "members")
    readonly_fields = ("members",)
    search_fields = ("name",)
    list_display = ("name", "members")

    inlines = (GrantInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        return super().get_queryset(request).prefetch_related("user_set")

    @admin.display(description="Members")
    def members(self, group: Group) -> str:
        """People join a group on the page of their account."""
        people = ", ".join(map(str, group.user_set.all())) if group.pk else ""
        return people or "Nobody yet. People join a group on the page of their account."


@admin.register(Membership)
class MembershipAdmin(RecordedAdmin):
    list_display = ("holder", "role", "project", "environment")
    list_filter = ("role", "project", "environment")
    list_select_related = ("user", "group", "project", "environment")
    search_fields = ("user__username", "group__name", "project__name")
    fieldsets = (
        ("Who", {"fields": ("user", "group"), "description": "A person or a group: exactly one of them."}),
        (
            "May what",
            {
                "fields": ("role",),
                "description": "Viewer: sees everything but secrets. Business viewer: sees releases and where they are, no"
                " logs. Deployer: requests deployments. Approver: approves where a rule names the role. Release manager:"
                " deploys, approves where named, rolls back and decides. Administrator: configures (with project and"
                " environment left empty), and does not thereby deploy or approve. Several grants add up.",
            },
        ),
        ("Where", {"fields": ("project", "environment")}),
    )

    @admin.display(description="Who", ordering="user__username")
    def holder(self, grant: Membership) -> str:
        return str(grant.user or grant.group)


# -- tokens -----------------------------------------------------------------------------------------------------------


class NewTokenForm(forms.ModelForm):
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        widget=forms.CheckboxSelectMultiple,
        help_text="What the token opens at most. The account's roles must allow it as well.",
    )
    expires_on = forms.DateField(
        label="Expires on",
        initial=lambda: timezone.localdate() + timedelta(days=90),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=f"At the end of this day the token is refused; at most {tokens.LONGEST.days - 1} days ahead.",
    )

    class Meta:
        model = ApiToken
        fields = ("user", "name", "scopes", "project")
        help_texts = {"user": "A service account. People have no tokens: add a service account for the pipeline first."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        accounts = User.objects.filter(is_service_account=True, is_active=True)
        self.fields["user"].queryset = accounts  # type: ignore[attr-defined]

    def clean_expires_on(self) -> Any:
        day = self.cleaned_data["expires_on"]
        ahead = (day - timezone.localdate()).days
        if not 0 <= ahead < tokens.LONGEST.days:
            raise forms.ValidationError(f"A token expires in the future and within {tokens.LONGEST.days} days.")
        return day


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    """Tokens are issued and revoked, and never changed; only the page after issuing shows the secret."""

    list_display = ("name", "user", "what_it_opens", "project", "expires_at", "last_used_at", "is_usable")
    list_filter = ("user", ("revoked_at", admin.EmptyFieldListFilter))
    list_select_related = ("user", "project")
    search_fields = ("name", "user__username")
    actions = ("revoke",)
    fields = ("user", "name", "what_it_opens", "project", "created_at", "expires_at", "last_used_at", "revoked_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **kwargs) if obj else NewTokenForm

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ("user", "name", "scopes", "project", "expires_on")

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """`tokens.issue` writes the row, and the line on the trail; `obj` becomes that row."""
        values = form.cleaned_data
        end_of_day = timezone.make_aware(datetime.combine(values["expires_on"], time.max))
        token, secret = tokens.issue(
            values["user"],
            name=values["name"],
            scopes=values["scopes"],
            project=values["project"],
            expires_at=min(end_of_day, timezone.now() + tokens.LONGEST),
            by=request.user if isinstance(request.user, User) else None,
        )
        obj.pk, obj._state.adding = token.pk, False
        messages.warning(request, f"Copy the token now, it is not shown again: {secret}")

    @method_decorator(sensitive_post_parameters())
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().changeform_view(request, *args, **kwargs)

    @admin.action(description="Revoke the selected tokens")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        by = request.user if isinstance(request.user, User) else None
        for token in queryset.select_related("user"):
            tokens.revoke(token, by=by)
        messages.success(request, "The selected tokens are refused from now on.")

    @admin.display(description="Opens")
    def what_it_opens(self, token: ApiToken) -> str:
        return ", ".join(str(Scope(scope).label) for scope in token.scopes)

    @admin.display(description="valid", boolean=True)
    def is_usable(self, token: ApiToken) -> bool:
        return token.is_valid(timezone.now())


# -- the trail --------------------------------------------------------------------------------------------------------


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "who", "sentence", "verb", "subject_label", "address")
    list_filter = ("verb", "subject_type", "project")
    list_select_related = ("actor", "project")
    search_fields = ("sentence", "subject_label", "actor__username")
    date_hierarchy = "at"
    fields = (
        "at",
        "who",
        "verb",
        "sentence",
        "subject_type",
        "subject_id",
        "subject_label",
        "project",
        "data",
        "address",
    )

    @admin.display(description="Who", ordering="actor")
    def who(self, event: Event) -> str:
        return event.who
