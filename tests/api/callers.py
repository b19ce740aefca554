"""Who calls the API in tests, and what may lie about afterwards."""

from pathlib import Path

from django.test import Client

from accounts import tokens
from accounts.models import Membership, Role, Scope, User
from projects.models import Project
from tests.factories import a_service_account

EVERYTHING = tuple(Scope.values)


def a_token(user: User, *scopes: str, project: Project | None = None) -> str:
    """The secret of a token; with every scope where none is named."""
    return tokens.issue(user, name="pipeline", scopes=scopes or EVERYTHING, project=project)[1]


def an_account(name: str, *roles: str, project: Project | None = None) -> User:
    """A service account with these roles, everywhere unless a project narrows them."""
    user = a_service_account(name)
    for role in roles:
        Membership.objects.get_or_create(user=user, role=Role(role), project=project, environment=None)
    return user


def calling(user: User, *scopes: str, project: Project | None = None) -> Client:
    """A client that sends the account's token with every request."""
    return with_token(a_token(user, *scopes, project=project))


def with_token(secret: str) -> Client:
    return Client(headers={"Authorization": f"Bearer {secret}"})


def as_(role: str, *scopes: str, project: Project | None = None) -> Client:
    """A client of an account that holds this role."""
    return calling(an_account(f"{role}-account", role, project=project), *scopes)


def pushed(
    client: Client, data: bytes, query: str = "name=ui&version=1.0.0", content_type: str = "application/octet-stream"
):
    """The answer to a push of these bytes as the body."""
    return client.generic("POST", f"/api/v1/packages?{query}", data, content_type=content_type)


def files_in(store: Path) -> list[str]:
    """The names of all files below a directory, whatever it holds."""
    return sorted(path.name for path in store.rglob("*") if path.is_file())
