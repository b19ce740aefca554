"""API tokens: shown once, kept as a digest, refused with a sentence when they are not good any more."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from accounts import tokens
from accounts.models import ApiToken, Event
from accounts.tokens import TokenRefused
from tests.factories import a_service_account, a_user, an_administrator
from tests.projects.doors import add, address, says

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    client.force_login(an_administrator())
    return client


@pytest.fixture
def issued():
    return tokens.issue(a_service_account(), name="build server", scopes=["push", "read"])


def the_form(**fields):
    expires_on = timezone.localdate() + timedelta(days=30)
    usual = {"user": a_service_account().pk, "name": "build server", "scopes": ["push"], "expires_on": expires_on}
    return usual | fields


# -- issuing and checking ---------------------------------------------------------------------------------------------


def test_only_a_digest_of_the_secret_is_kept(issued):
    token, secret = issued

    assert secret.startswith("sbx_")
    assert secret not in str(ApiToken.objects.values().get())
    assert token.digest == tokens.digest_of(secret)


def test_the_secret_opens_the_door(issued):
    token, secret = issued

    assert tokens.holder_of(secret) == token


def test_a_token_lasts_90_days_unless_somebody_says_otherwise(issued):
    token, _ = issued

    assert timedelta(days=89) < token.expires_at - timezone.now() <= timedelta(days=90)


def test_the_time_of_its_use_is_kept(issued):
    token, secret = issued

    tokens.holder_of(secret)

    token.refresh_from_db()
    assert timezone.now() - token.last_used_at < timedelta(minutes=1)


def test_a_token_that_nobody_issued_is_refused():
    with pytest.raises(TokenRefused, match="This token is not known here"):
        tokens.holder_of("sbx_made-up")


def test_a_revoked_token_is_refused(issued):
    token, secret = issued
    tokens.revoke(token, by=None)

    with pytest.raises(TokenRefused, match="This token was revoked"):
        tokens.holder_of(secret)


def test_revoking_twice_leaves_one_line(issued):
    token, _ = issued
    tokens.revoke(token, by=None)

    tokens.revoke(token, by=None)

    assert Event.objects.filter(verb="token.revoked").count() == 1


def test_an_expired_token_is_refused(issued):
    token, secret = issued
    ApiToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())

    with pytest.raises(TokenRefused, match="has expired, or its account is closed"):
        tokens.holder_of(secret)


def test_the_token_of_a_closed_account_is_refused(issued):
    token, secret = issued
    token.user.is_active = False
    token.user.save()

    with pytest.raises(TokenRefused, match="has expired, or its account is closed"):
        tokens.holder_of(secret)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"scopes": []}, "Choose at least one of these scopes"),
        ({"scopes": ["everything"]}, "Choose at least one of these scopes"),
        ({"scopes": ["push"], "expires_at": timezone.now() + timedelta(days=400)}, "within 366 days"),
        ({"scopes": ["push"], "expires_at": timezone.now() - timedelta(days=1)}, "expires in the future"),
    ],
)
def test_a_token_that_opens_nothing_or_lasts_too_long_is_not_issued(asked, sentence):
    with pytest.raises(TokenRefused, match=sentence):
        tokens.issue(a_service_account(), name="odd", **asked)


def test_a_person_gets_no_token():
    with pytest.raises(TokenRefused, match="Tokens are for service accounts"):
        tokens.issue(a_user(), name="mine", scopes=["read"])


# -- in the administration --------------------------------------------------------------------------------------------


def test_an_administrator_sees_the_secret_exactly_once(admin):
    page = admin.post(address(ApiToken, "add"), the_form(), follow=True)
    text = page.content.decode()
    secret = "sbx_" + text.split("sbx_")[1].split("<")[0].strip()

    again = admin.get(address(ApiToken, "changelist")).content.decode()

    assert tokens.holder_of(secret) == ApiToken.objects.get()
    assert "sbx_" not in again


def test_neither_secret_nor_digest_is_written_down_or_shown_later(admin):
    admin.post(address(ApiToken, "add"), the_form(), follow=True)
    token = ApiToken.objects.get()

    page = admin.get(address(ApiToken, "change", token.pk)).content.decode()

    record = "".join(f"{event.sentence}{event.data}" for event in Event.objects.all())
    entries = "".join(f"{entry.object_repr}{entry.change_message}" for entry in LogEntry.objects.all())
    assert "sbx_" not in page + record + entries
    assert token.digest not in page + record + entries


def test_issuing_is_recorded_in_the_name_of_the_administrator(admin):
    add(admin, ApiToken, **the_form())

    line = Event.objects.get(verb="token.issued")
    assert line.actor.username == "admin"
    assert line.sentence == "Token “build server” was issued to ci."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"scopes": []}, "This field is required."),
        ({"expires_on": "2000-01-01"}, "A token expires in the future and within 366 days."),
        ({"expires_on": "2999-01-01"}, "A token expires in the future and within 366 days."),
    ],
)
def test_a_form_refuses_a_token_that_would_not_be_issued(admin, fields, sentence):
    page = add(admin, ApiToken, **the_form(**fields))

    assert says(page, sentence)
    assert not ApiToken.objects.exists()


def test_a_form_offers_tokens_to_service_accounts_only(admin):
    page = add(admin, ApiToken, **the_form(user=a_user("ann").pk))

    assert says(page, "Select a valid choice. That choice is not one of the available choices.")
    assert not ApiToken.objects.exists()


def test_a_token_is_not_changed_after_it_was_issued(admin, issued):
    token, _ = issued

    page = admin.post(address(ApiToken, "change", token.pk), the_form(scopes=["approve"]))

    assert page.status_code == 403
    assert ApiToken.objects.get().scopes == ["push", "read"]


def test_an_administrator_revokes_tokens(admin, issued):
    token, secret = issued

    admin.post(address(ApiToken, "changelist"), {"action": "revoke", "_selected_action": [token.pk]})

    with pytest.raises(TokenRefused, match="This token was revoked"):
        tokens.holder_of(secret)
