"""The first start leaves accounts to sign in with, once, and a crash midway locks nobody out."""

import json
from pathlib import Path

import pytest
from django.contrib.auth import authenticate

from accounts import tokens
from accounts.backends import is_administrator
from accounts.models import ApiToken, Role, User
from examples.patient_portal.packages import NotPushed
from portal import first_start
from projects.access import Act, may
from projects.models import Project
from tests.factories import a_user

pytestmark = pytest.mark.django_db

URL = "http://localhost:8000"


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> first_start.Example:
    """What the example is given; its variables are removed from the environment after the test."""
    values = {
        "SITE_ROOT": str(tmp_path / "sites"),
        "SITES_URL": "http://localhost:8001",
        "CLOUDHUB_URL": "http://127.0.0.1:8002",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return first_start.Example(variables=values, confluence_url="http://127.0.0.1:8003")


def password_of(data_dir: Path, username: str) -> str:
    accounts = json.loads((data_dir / first_start.SIGN_IN).read_text())["accounts"]
    return str(next(account["password"] for account in accounts if account["username"] == username))


def may_sign_in(data_dir: Path, username: str) -> bool:
    return authenticate(username=username, password=password_of(data_dir, username)) is not None


def test_without_the_example_there_is_an_administrator_only(tmp_path: Path) -> None:
    first_start.load(tmp_path, url=URL, example=None)

    administrator = User.objects.get()
    assert is_administrator(administrator)
    assert may_sign_in(tmp_path, "administrator")
    assert not first_start.is_push_due(tmp_path)


def test_the_passwords_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    first_start.load(tmp_path, url=URL, example=None)

    assert (tmp_path / first_start.SIGN_IN).stat().st_mode & 0o777 == 0o600


def test_it_is_due_once(tmp_path: Path) -> None:
    before = first_start.is_due(tmp_path)

    first_start.load(tmp_path, url=URL, example=None)

    assert before
    assert not first_start.is_due(tmp_path)


def test_it_is_not_due_when_somebody_removed_the_passwords(tmp_path: Path) -> None:
    first_start.load(tmp_path, url=URL, example=None)
    (tmp_path / first_start.SIGN_IN).unlink()

    assert not first_start.is_due(tmp_path)


def test_it_is_not_due_on_a_second_machine_with_the_same_database(tmp_path: Path) -> None:
    a_user("ann")

    assert not first_start.is_due(tmp_path)


def test_it_is_due_on_an_empty_database_whatever_the_directory_says(tmp_path: Path) -> None:
    first_start.load(tmp_path, url=URL, example=None)
    User.objects.all().delete()

    assert first_start.is_due(tmp_path)


def test_a_start_that_was_cut_off_goes_on_with_the_same_passwords(tmp_path: Path) -> None:
    first_start.load(tmp_path, url=URL, example=None)
    password = password_of(tmp_path, "administrator")
    (tmp_path / first_start.PROGRESS).unlink()
    due = first_start.is_due(tmp_path)

    first_start.load(tmp_path, url=URL, example=None)

    assert due
    assert password_of(tmp_path, "administrator") == password
    assert may_sign_in(tmp_path, "administrator")


def test_a_password_that_was_changed_later_stays(tmp_path: Path) -> None:
    first_start.load(tmp_path, url=URL, example=None)
    administrator = User.objects.get()
    administrator.set_password("of my own choice")
    administrator.save()

    assert not first_start.is_due(tmp_path)
    assert authenticate(username="administrator", password="of my own choice") == administrator


def test_everybody_of_the_example_can_sign_in_and_may_do_their_part(
    tmp_path: Path, example: first_start.Example
) -> None:
    first_start.load(tmp_path, url=URL, example=example)

    stack = Project.objects.get(slug=first_start.STACK)
    people = {user.username: user for user in User.objects.all()}
    assert all(may_sign_in(tmp_path, name) for name in people if name != "ci")
    assert may(people["release-manager"], Act.MANAGE, stack)
    assert may(people["product-owner"], Act.APPROVE, stack)
    assert may(people["test-manager"], Act.SEE_TECHNICAL, stack)
    assert not may(people["test-manager"], Act.REQUEST, stack)
    assert not may(people["administrator"], Act.APPROVE, stack)
    assert may(people["ci"], Act.PUSH, stack)


def test_the_token_of_the_pipeline_opens_what_a_pipeline_needs(tmp_path: Path, example: first_start.Example) -> None:
    secret = first_start.load(tmp_path, url=URL, example=example)["tokens"]["ci"]

    token = tokens.holder_of(secret)
    assert token.user.username == "ci"
    assert sorted(token.scopes) == ["deploy", "push", "read", "release"]


def test_a_token_from_an_attempt_that_was_cut_off_is_revoked(tmp_path: Path, example: first_start.Example) -> None:
    first_start.load(tmp_path, url=URL, example=example)
    (tmp_path / first_start.PROGRESS).unlink()

    secret = first_start.load(tmp_path, url=URL, example=example)["tokens"]["ci"]

    assert ApiToken.objects.get(revoked_at=None) == tokens.holder_of(secret)
    assert ApiToken.objects.exclude(revoked_at=None).count() == 1


def test_a_push_that_failed_is_due_again(tmp_path: Path, example: first_start.Example) -> None:
    first_start.load(tmp_path, url=URL, example=example)

    with pytest.raises(NotPushed, match="cannot be reached"):
        first_start.push_samples(tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:1")

    assert first_start.is_push_due(tmp_path)


def test_the_grants_of_the_first_start_are_the_least_that_serve(tmp_path: Path, example: first_start.Example) -> None:
    first_start.load(tmp_path, url=URL, example=example)

    pipeline = User.objects.get(username="ci")
    assert [(grant.role, str(grant.project)) for grant in pipeline.memberships.all()] == [
        (Role.DEPLOYER, "Patient Portal")
    ]
