"""What happens once, when an installation starts for the first time: accounts to sign in with and the example stack.

Passwords and the token are random and are kept in `first-sign-in.json` (mode 0600) in the data directory, nowhere
else. The file is written before the accounts are, and `first-start.json` says when all is done: a crash in between is
made good by the next start, with the same passwords. Later starts change nothing, whatever people have made of it.
"""

import io
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts import tokens
from accounts.models import ApiToken, Membership, Role, Scope, User
from examples.patient_portal import building, exchange, packages
from projects.models import Project
from publishing.models import Connection, StackPublishing
from standins.confluence.accounts import EMAIL, TOKEN

SIGN_IN = "first-sign-in.json"
PROGRESS = "first-start.json"
STACK_FILE = Path("examples/patient_portal/stack.yaml")
STACK = "patient-portal"
PIPELINE = "ci"
FIRST_VERSION = "1.0.0"
SPACE = "REL"  # that a new stand-in for Confluence has
PIPELINE_SCOPES = (Scope.PUSH, Scope.READ, Scope.RELEASE, Scope.DEPLOY)


class NotLoaded(Exception):
    """The first start could not be completed. Carries a sentence."""


@dataclass(frozen=True)
class Person:
    """An account of the first start. A group brings the group's roles, `everywhere` is a role on every project."""

    username: str
    title: str
    group: str = ""
    everywhere: Role | None = None
    email: str = ""  # of the example: at a domain that can never be anybody's (RFC 2606)


ADMINISTRATOR = Person("administrator", "Administrator: configures", everywhere=Role.ADMINISTRATOR)
EXAMPLE_PEOPLE = (
    Person(
        "release-manager",
        "Release manager: approves for TEST, sequences, rolls back",
        group="release-managers",
        email="release-manager@patient-portal.example",
    ),
    Person(
        "product-owner",
        "Product owner: approves for PROD",
        group="product-owners",
        email="product-owner@patient-portal.example",
    ),
    Person(
        "test-manager",
        "Test manager: sees everything",
        everywhere=Role.VIEWER,
        email="test-manager@patient-portal.example",
    ),
)


def is_due(data_dir: Path) -> bool:
    """Whether this installation has not been started to the end yet.

    A database without any account is new, whatever the data directory says; one that somebody else has filled (a
    second machine on the same database) needs no first start.
    """
    if not User.objects.exists():
        return True
    return (data_dir / SIGN_IN).exists() and not _progress(data_dir).get("loaded")


@dataclass(frozen=True)
class Example:
    """What the example is given: the values that its configuration takes from the environment (SITE_ROOT, SITES_URL,
    CLOUDHUB_URL), and the address of the stand-in that its pages are published to."""

    variables: Mapping[str, str]
    confluence_url: str


def load(data_dir: Path, *, url: str, example: Example | None) -> dict[str, Any]:
    """Create the accounts and, unless `example` is None, the example; return what `first-sign-in.json` says.

    Raises NotLoaded with a sentence when the example's configuration is refused. Safe to repeat after a crash.
    """
    people = (ADMINISTRATOR,) if example is None else (*EXAMPLE_PEOPLE, ADMINISTRATOR)
    sign_in = _sign_in(data_dir, url, people)
    if example is not None:
        _apply(example.variables)
        _publish_to(example.confluence_url)
    _create_accounts(people, sign_in)
    if example is not None:
        sign_in["tokens"] = {PIPELINE: _issue_token()}
        _write_private(data_dir / SIGN_IN, sign_in)
    _note(data_dir, loaded=True, pushed=example is None)
    return sign_in


def is_push_due(data_dir: Path) -> bool:
    """Whether the sample packages of the first start are still to be pushed."""
    return not _progress(data_dir).get("pushed", True) and (data_dir / SIGN_IN).exists()


def push_samples(data_dir: Path, url: str, exchange_url: str) -> None:
    """Push the first version of both sample packages, and which build made it, to the portal at `url`, as its pipeline
    would, after the APIs that they name have been published to the stand-in at `exchange_url`.

    Raises packages.NotPushed with the portal's sentence. Safe to repeat: the same bytes again change nothing.
    """
    token = _read(data_dir / SIGN_IN)["tokens"][PIPELINE]
    exchange.publish(exchange_url, packages.manifest_for(FIRST_VERSION))
    for component in packages.COMPONENTS:
        content = packages.build(component, FIRST_VERSION)
        packages.push(url, token, component, FIRST_VERSION, content)
        facts = building.facts_of(component, FIRST_VERSION, packages.source_of(content), {}, {})
        packages.push_build(url, token, component, FIRST_VERSION, facts)
    skip_push(data_dir)


def skip_push(data_dir: Path) -> None:
    """From now on the sample packages are not to be pushed any more."""
    _note(data_dir, pushed=True)


def _sign_in(data_dir: Path, url: str, people: tuple[Person, ...]) -> dict[str, Any]:
    """What is on file from an attempt that was cut off, or new passwords, on file before anything uses them."""
    kept = _read(data_dir / SIGN_IN)
    passwords = {account["username"]: account["password"] for account in kept.get("accounts", [])}
    accounts = [
        {
            "username": person.username,
            "password": passwords.get(person.username) or secrets.token_urlsafe(12),
            "role": person.title,
        }
        for person in people
    ]
    sign_in = {"url": url, "accounts": accounts, "tokens": kept.get("tokens", {})}
    _write_private(data_dir / SIGN_IN, sign_in)
    return sign_in


def _apply(example: Mapping[str, str]) -> None:
    for name, value in example.items():
        os.environ.setdefault(name, value)
    try:
        call_command("apply", str(settings.BASE_DIR / STACK_FILE), stdout=io.StringIO())
    except CommandError as refusal:
        raise NotLoaded(f"The example could not be loaded: {refusal}") from refusal


@transaction.atomic
def _publish_to(url: str) -> None:
    """Have the pages of the stack kept up to date in the stand-in for Confluence."""
    if StackPublishing.objects.filter(project__slug=STACK).exists():
        return
    stand_in = Connection(
        name="Confluence stand-in",
        slug="confluence-stand-in",
        dialect=Connection.Dialect.CLOUD,
        url=f"{url}/wiki",
        username=EMAIL,
    )
    stand_in.set_secret(TOKEN)
    stand_in.save()
    StackPublishing.objects.create(project=Project.objects.get(slug=STACK), connection=stand_in, space=SPACE)


@transaction.atomic
def _create_accounts(people: tuple[Person, ...], sign_in: Mapping[str, Any]) -> None:
    passwords = {account["username"]: account["password"] for account in sign_in["accounts"]}
    for person in people:
        user, _ = User.objects.get_or_create(username=person.username)
        user.set_password(passwords[person.username])
        user.email = user.email or person.email
        user.save()
        if person.group:
            user.groups.add(Group.objects.get_or_create(name=person.group)[0])
        if person.everywhere:
            Membership.objects.get_or_create(user=user, role=person.everywhere, project=None, environment=None)


@transaction.atomic
def _issue_token() -> str:
    """A new token for the pipeline; one from an attempt that was cut off is revoked, since nobody knows its secret."""
    there = User.objects.filter(username=PIPELINE).first()
    pipeline = there or User.objects.create_user(PIPELINE, is_service_account=True)
    stack = Project.objects.get(slug=STACK)
    Membership.objects.get_or_create(user=pipeline, role=Role.DEPLOYER, project=stack, environment=None)
    for token in ApiToken.objects.filter(user=pipeline, revoked_at=None):
        tokens.revoke(token, by=None)
    return tokens.issue(pipeline, name="CI of the example", scopes=PIPELINE_SCOPES)[1]


def _progress(data_dir: Path) -> dict[str, Any]:
    return _read(data_dir / PROGRESS)


def _note(data_dir: Path, **done: bool) -> None:
    _write_private(data_dir / PROGRESS, _progress(data_dir) | done)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_private(path: Path, content: Mapping[str, Any]) -> None:
    """Replace the file as a whole, readable by its owner alone from the first byte on."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
