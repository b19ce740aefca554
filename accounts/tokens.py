"""API tokens: issued once, kept as a digest, checked on every request."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts import trail
from accounts.models import ApiToken, Scope, User
from config import compiled

PREFIX = "sbx_"  # lets secret scanners recognise a token that leaked
LONGEST = timedelta(days=366)
USED_AT_MOST_EVERY = timedelta(minutes=1)  # so that a busy pipeline does not write a row with every request


class TokenRefused(Exception):
    """Carries a sentence that may be shown to whoever sent the token, or asked for one."""


@transaction.atomic
def issue(
    user: User,
    *,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
    project: Model | None = None,
    by: User | None = None,
) -> tuple[ApiToken, str]:
    """Issue a token for a service account and return it with its secret, which is shown this once.

    expires_at  at most 366 days ahead; none given: 90 days
    Raises TokenRefused with a sentence when the account, the scopes or the date do not fit.
    """
    now = timezone.now()
    expires_at = expires_at or now + timedelta(days=90)
    chosen = sorted(set(scopes))
    if not user.is_service_account:
        raise TokenRefused(f"{user} is a person. Tokens are for service accounts: create one and give it the token.")
    if not chosen or not set(chosen) <= set(Scope.values):
        raise TokenRefused(f"Choose at least one of these scopes: {', '.join(Scope.values)}.")
    if not now < expires_at <= now + LONGEST:
        raise TokenRefused(f"A token expires in the future and within {LONGEST.days} days.")
    secret = PREFIX + secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        digest=digest_of(secret),
        scopes=chosen,
        project_id=project.pk if project else None,
        expires_at=expires_at,
    )
    trail.record(by, "token.issued", token, f"Token “{name}” was issued to {user}.", scopes=chosen)
    return token, secret


@transaction.atomic
def revoke(token: ApiToken, *, by: User | None) -> None:
    """From now on the token is refused. Revoking it again changes nothing."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        trail.record(by, "token.revoked", token, f"Token “{token.name}” of {token.user} was revoked.")


def holder_of(secret: str) -> ApiToken:
    """The valid token with this secret, its account loaded. Raises TokenRefused with a sentence."""
    now = timezone.now()
    token = compiled.first(_of_digest, digest=digest_of(secret))
    if token is None:
        raise TokenRefused("This token is not known here. Check that it was copied completely.")
    if token.revoked_at:
        raise TokenRefused("This token was revoked. Ask an administrator for a new one.")
    if not token.is_valid(now):
        raise TokenRefused("This token has expired, or its account is closed. Ask an administrator for a new one.")
    if token.last_used_at is None or now - token.last_used_at > USED_AT_MOST_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
    return token


def digest_of(secret: str) -> str:
    """SHA-256 is enough: the secret is 32 random bytes, so there is no dictionary to try."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _of_digest() -> QuerySet[ApiToken]:
    return ApiToken.objects.select_related("user").filter(digest=compiled.parameter("digest")).order_by()
