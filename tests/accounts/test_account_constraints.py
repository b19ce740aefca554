"""What the database itself refuses about accounts, grants, tokens and the trail, whoever writes."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from accounts import trail
from accounts.models import ApiToken, Event, Membership, Role, User
from tests.factories import a_group, a_lone_project, a_service_account, a_user, an_environment

pytestmark = pytest.mark.django_db

APPEND_ONLY = "The trail is append-only: a line is never changed and never removed"


@pytest.mark.parametrize("password", ["", "md5$salt$digest"])
def test_a_service_account_has_no_password(password):
    with pytest.raises(IntegrityError, match="user_service_account_has_no_password"):
        User.objects.create(username="ci", is_service_account=True, password=password)


def test_a_grant_is_for_somebody():
    with pytest.raises(IntegrityError, match="membership_person_or_group"):
        Membership.objects.create(role=Role.VIEWER)


def test_a_grant_is_not_for_a_person_and_a_group():
    with pytest.raises(IntegrityError, match="membership_person_or_group"):
        Membership.objects.create(user=a_user(), group=a_group("owners"), role=Role.VIEWER)


@pytest.mark.parametrize("with_project", [True, False])
@pytest.mark.parametrize("with_environment", [True, False])
def test_a_grant_is_given_once(with_project, with_environment):
    grant = {
        "user": a_user(),
        "role": Role.VIEWER,
        "project": a_lone_project() if with_project else None,
        "environment": an_environment() if with_environment else None,
    }
    Membership.objects.create(**grant)

    with pytest.raises(IntegrityError, match="membership_one_grant_each"):
        Membership.objects.create(**grant)


def test_the_same_role_may_be_granted_to_others_and_elsewhere():
    a_user("ann", role="viewer")

    Membership(user=a_user("bob"), role=Role.VIEWER).full_clean()
    Membership(user=a_user("ann"), role=Role.VIEWER, project=a_lone_project()).full_clean()
    Membership(group=a_group("owners"), role=Role.VIEWER).full_clean()


def test_the_same_grant_is_refused_with_a_sentence():
    a_user("ann", role="viewer")

    with pytest.raises(ValidationError, match="This grant exists already"):
        Membership(user=a_user("ann"), role=Role.VIEWER).full_clean()


def test_a_digest_belongs_to_one_token():
    fields = {"user": a_service_account(), "name": "one", "digest": "0" * 64, "expires_at": timezone.now()}
    ApiToken.objects.create(**fields)

    with pytest.raises(IntegrityError):
        ApiToken.objects.create(**fields)


def test_a_line_of_the_trail_is_never_changed():
    line = trail.record(None, "test.happened", a_user(), "Something happened.")

    with pytest.raises(IntegrityError, match=APPEND_ONLY):
        Event.objects.filter(pk=line.pk).update(sentence="Nothing happened.")


def test_a_line_of_the_trail_is_never_removed():
    line = trail.record(None, "test.happened", a_user(), "Something happened.")

    with pytest.raises(IntegrityError, match=APPEND_ONLY):
        line.delete()
