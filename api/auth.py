"""Who calls: a service account by its token, or, for reading only, a person by the session of the browser."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja.security import APIKeyCookie, HttpBearer

from accounts import tokens
from accounts.models import ApiToken, Scope, User
from accounts.tokens import TokenRefused
from api.problems import HOW_TO_SIGN, ScopeMissing
from projects.models import Project


@dataclass(frozen=True)
class Caller:
    """The account that acts, and its token; no token: a signed-in person who reads."""

    user: User
    token: ApiToken | None

    @property
    def is_limited(self) -> bool:
        """Whether the token is for one project only."""
        return self.token is not None and self.token.project_id is not None

    def reaches(self, project: Project) -> bool:
        """Whether the token covers this project: it names the project or its stack, or none at all."""
        return self.token is None or self.token.project_id is None or self.token.project_id in project.family


def caller(request: HttpRequest) -> Caller:
    """Who was let in by `Token` or `Session`."""
    found: Caller = request.auth  # type: ignore[attr-defined]
    return found


class Token(HttpBearer):
    """`Authorization: Bearer sbx_…`, with the scope that the operation takes."""

    openapi_description = "The API token of a service account, as an administrator issued it."

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Any:
        """A header that is no bearer token is refused, never passed over in favour of a session."""
        stated = request.headers.get(self.header)
        if stated is None:
            return None
        scheme, _, secret = stated.partition(" ")
        if scheme.lower() != self.openapi_scheme:
            raise TokenRefused(HOW_TO_SIGN)
        return self.authenticate(request, secret.strip())

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        held = tokens.holder_of(token)
        if self.scope not in held.scopes:
            raise ScopeMissing(
                f"This token has no “{self.scope}” scope ({self.scope.label.lower()}). Ask an administrator for one that has."
            )
        return Caller(held.user, held)


class Session(APIKeyCookie):
    """The session of a person who is signed in to the pages. It opens reading only, so nothing can be forged with it."""

    param_name = settings.SESSION_COOKIE_NAME
    openapi_description = "The browser session of a signed-in person. For reading only."

    def __init__(self) -> None:
        super().__init__(csrf=False)

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller | None:
        if request.method in ("GET", "HEAD") and isinstance(user := _signed_in(request), User):
            return Caller(user, None)
        return None


def _signed_in(request: HttpRequest) -> object:
    """The account itself instead of Django's lazy wrapper."""
    user = request.user
    return User.objects.filter(pk=user.pk, is_active=True).first() if user.is_authenticated else None
