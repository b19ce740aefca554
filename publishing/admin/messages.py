"""Channels and subscriptions are configured here; notices and deliveries are looked at, and sent again."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts.configuring import ReadOnlyAdmin, RecordedAdmin
from accounts.models import User
from config import encryption
from publishing.messages import resending, rules, webhooks
from publishing.messages.failures import SendingFailed
from publishing.models import Channel, Delivery, Kind, Notice, Subscription

SHOWN_ONCE = "The signing secret of {}, which is shown this once: {}"


class ChannelForm(forms.ModelForm):
    """A channel. Its address and its secret are written, never read back; `made`: a secret that was made for it, to be
    shown once."""

    made = ""
    new_address = forms.CharField(
        label="Address",
        required=False,
        max_length=2000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "vTextField"}),
        help_text="The incoming webhook of Teams (a workflow “Send webhook alerts to a channel”) or of Slack, or the address"
        " of your own program. Encrypted at rest and never shown again. Empty: what is stored stays as it is.",
    )
    new_secret = forms.CharField(
        label="Signing secret",
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "class": "vTextField"}),
        help_text="Of a webhook: whsec_… of your own. Empty: what is stored stays, and where nothing is, one is made.",
    )
    make_secret = forms.BooleanField(
        label="Make a new signing secret",
        required=False,
        help_text="The old one is not used any more from then on. The new one is shown once.",
    )

    class Meta:
        model = Channel
        fields = ("name", "slug", "kind", "enabled", "allow_private")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        channel, kind = self.instance, given.get("kind") or self.instance.kind
        if not given.get("new_address") and not channel.address:
            self.add_error("new_address", "Enter where messages are posted to.")
            return given
        try:
            address = given.get("new_address") or channel.plain_address
        except encryption.CannotDecrypt as error:
            self.add_error("new_address", f"{error} Enter the address again.")
            return given
        problems = rules.why_not_channel(
            kind, address, given.get("new_secret", ""), allow_private=bool(given.get("allow_private"))
        )
        for field, sentence in problems:
            self.add_error(f"new_{field}", sentence)
        if not self.errors:
            self._put(kind, address, given.get("new_secret", ""), make=bool(given.get("make_secret")))
        return given

    def _put(self, kind: str, address: str, secret: str, *, make: bool) -> None:
        channel = self.instance
        channel.address, channel.host = encryption.encrypt(address), host_of(address)
        if kind == Channel.Kind.WEBHOOK and (secret or make or not channel.secret):
            self.made = "" if secret else webhooks.new_secret()
            channel.secret = encryption.encrypt(secret or self.made)


def host_of(address: str) -> str:
    """The part of an address that is no secret."""
    return address.split("://", 1)[-1].split("/", 1)[0].split("?", 1)[0].lower()[:255]


class Moment(forms.DateTimeField):
    """A day and a time, in the time zone of the portal."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class ReplayForm(forms.Form):
    since = Moment(label="From")
    until = Moment(label="To")


@admin.register(Channel)
class ChannelAdmin(RecordedAdmin):
    form = ChannelForm
    concealed = ("new_address", "new_secret")
    list_display = ("name", "kind", "host", "enabled", "waiting", "is_well")
    list_filter = ("kind", "enabled")
    search_fields = ("name", "slug", "host")
    readonly_fields = ("host", "problem", "failing_since", "parked_at")
    fields = (
        "name", "slug", "kind", "new_address", "new_secret", "make_secret", "allow_private", "enabled", "host", "problem",
        "failing_since", "parked_at",
    )  # fmt: skip
    actions = ("test", "let_go_on")
    change_form_template = "admin/publishing/channel/change_form.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        fixed = super().get_readonly_fields(request, obj)
        return [*fixed, "kind", "slug"] if obj else fixed

    def get_queryset(self, request: HttpRequest) -> QuerySet[Channel]:
        channels: QuerySet[Channel] = super().get_queryset(request)
        return channels.annotate(number_waiting=Count("deliveries", filter=Q(deliveries__state="waiting")))

    def save_model(self, request: HttpRequest, obj: Channel, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if form.made:
            messages.warning(request, SHOWN_ONCE.format(obj, form.made))
        if change and {"new_address", "new_secret", "make_secret", "allow_private"} & set(form.changed_data):
            resending.let_go_on(obj, by=_person(request))

    def get_urls(self) -> list[URLPattern]:
        replay = path("<int:pk>/replay/", self.admin_site.admin_view(self.replay), name="publishing_channel_replay")
        return [replay, *super().get_urls()]

    def replay(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Choose a time, of which everything is sent to the channel once more."""
        channel = Channel.objects.filter(pk=pk).first()
        if channel is None:
            raise Http404("There is no such channel.")
        if not self.has_change_permission(request, channel):
            raise PermissionDenied("Only an administrator may have messages sent again.")
        form = ReplayForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            since, until = form.cleaned_data["since"], form.cleaned_data["until"]
            try:
                count = resending.replay(channel, since, until, by=_person(request))
            except resending.ReplayRefused as refusal:
                form.add_error("until", str(refusal))
            else:
                self.message_user(
                    request, f"{count} message{' waits' if count == 1 else 's wait'} for {channel} again."
                )
                return HttpResponseRedirect(reverse("admin:publishing_channel_change", args=[pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Send again to {channel}",
            "opts": self.opts,
            "channel": channel,
            "form": form,
        }
        status = 422 if form.is_bound else 200
        return TemplateResponse(request, "admin/publishing/channel/replay.html", context, status=status)

    @admin.display(description="waiting", ordering="number_waiting")
    def waiting(self, channel: Any) -> int:
        return int(channel.number_waiting)

    @admin.display(description="no problem", boolean=True)
    def is_well(self, channel: Channel) -> bool:
        return not channel.problem

    @admin.action(description="Send a test message")
    def test(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            try:
                said = resending.test(channel, by=_person(request))
            except SendingFailed as failure:
                self.message_user(request, f"{channel}: {failure}", messages.ERROR)
            else:
                self.message_user(request, f"{channel} took the test message: {said}", messages.SUCCESS)

    @admin.action(description="Try again now what waits")
    def let_go_on(self, request: HttpRequest, queryset: QuerySet[Channel]) -> None:
        for channel in queryset:
            if resending.let_go_on(channel, by=_person(request)):
                self.message_user(request, f"What waits for {channel} is tried again now.")
            else:
                self.message_user(request, f"Nothing keeps {channel}: whatever waits is being sent.")


class SubscriptionForm(forms.ModelForm):
    kinds = forms.MultipleChoiceField(choices=Kind.choices, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = Subscription
        fields = ("role", "channel", "person", "kinds", "project", "environment", "timing", "hour")

    def clean_kinds(self) -> list[str]:
        kinds: list[str] = self.cleaned_data["kinds"]
        if sentence := rules.why_not_kinds(kinds):
            raise forms.ValidationError(sentence)
        return kinds


@admin.register(Subscription)
class SubscriptionAdmin(RecordedAdmin):
    form = SubscriptionForm
    list_display = ("who", "what", "project", "environment", "timing")
    list_filter = ("role", "channel", "timing", "project", "environment")
    list_select_related = ("person", "channel", "project", "environment")
    search_fields = ("person__username", "channel__name", "project__name")

    @admin.display(description="who is told")
    def who(self, row: Subscription) -> str:
        return str(row.person or row.channel or f"everybody with the role {row.get_role_display().lower()}")

    @admin.display(description="of what")
    def what(self, row: Subscription) -> str:
        return ", ".join(Kind(kind).label for kind in row.kinds)


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("at", "kind", "subject", "project", "environment", "number_of_deliveries")
    list_filter = ("kind", "project", "environment")
    list_select_related = ("project__parent", "environment")
    search_fields = ("subject", "sentence", "uid")
    date_hierarchy = "at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Notice]:
        notices: QuerySet[Notice] = super().get_queryset(request)
        return notices.annotate(number=Count("deliveries"))

    @admin.display(description="told to", ordering="number")
    def number_of_deliveries(self, notice: Any) -> int:
        return int(notice.number)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("when", "recipient", "what", "outcome", "next_or_sent")
    list_filter = ("state", "channel", "notice__kind", "notice__project", ("digest_due_at", admin.EmptyFieldListFilter))
    list_select_related = ("notice", "person", "channel")
    search_fields = ("notice__subject", "person__username", "person__email", "channel__name", "problem")
    date_hierarchy = "notice__at"
    ordering = ("-notice__pk", "-pk")
    actions = ("send_again", "give_up")

    @admin.display(description="at", ordering="notice__at")
    def when(self, delivery: Delivery) -> Any:
        return delivery.notice.at

    @admin.display(description="message")
    def what(self, delivery: Delivery) -> str:
        return str(delivery.notice)

    @admin.display(description="state", ordering="state")
    def outcome(self, delivery: Delivery) -> str:
        state = delivery.get_state_display()
        return f"{state}: {delivery.problem}" if delivery.problem else state

    @admin.display(description="sent, or tried next")
    def next_or_sent(self, delivery: Delivery) -> Any:
        if delivery.state == Delivery.State.SENT:
            return delivery.sent_at
        return (delivery.digest_due_at or delivery.next_at) if delivery.state == Delivery.State.WAITING else None

    @admin.action(description="Send again")
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        chosen = queryset.select_related("notice", "person", "channel").order_by("notice_id")
        count = resending.send_again(chosen, by=_person(request))
        self.message_user(request, f"{count} deliver{'y is' if count == 1 else 'ies are'} sent again.")

    @admin.action(description="Do not send any more")
    def give_up(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        count = resending.give_up(queryset.select_related("notice", "person", "channel"), by=_person(request))
        self.message_user(request, f"{count} that waited {'is' if count == 1 else 'are'} given up.")


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied("Sign in first.")
    return request.user
