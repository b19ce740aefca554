"""Accounts, groups and grants, as administrators configure them."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from accounts.models import Event, Membership, User
from tests.factories import a_lone_project, a_service_account, a_user, an_administrator, an_environment
from tests.projects.doors import add, address, change, everything, rows, says

pytestmark = pytest.mark.django_db

PASSWORD = "brass lever, green lamp"
NO_PASSWORD = "A service account has no password; give it an API token instead."


@pytest.fixture
def admin(client):
    client.force_login(an_administrator())
    return client


def sentences():
    return [event.sentence for event in Event.objects.order_by("pk")]


# -- who may configure ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["viewer", "business_viewer", "deployer", "approver", "release_manager"])
def test_other_roles_are_told_that_they_may_not(client, role):
    client.force_login(a_user("ann", role=role))

    assert client.get("/admin/").status_code == 403
    assert client.get("/admin/login/").status_code == 403
    assert client.get(address(User, "changelist")).status_code == 403


def test_the_staff_flag_opens_nothing(client):
    client.force_login(User.objects.create_user("staff", is_staff=True))

    assert client.get("/admin/").status_code == 403


@pytest.mark.parametrize("where", ["project", "environment"])
def test_an_administrator_of_a_part_does_not_configure_the_whole(client, where):
    part = {"project": a_lone_project, "environment": an_environment}[where]()
    client.force_login(a_user("ann", role="administrator", **{where: part}))

    assert client.get("/admin/").status_code == 403


def test_an_administrator_may(admin):
    page = admin.get("/admin/")

    assert page.status_code == 200
    assert "Signalbox configuration" in page.content.decode()


def test_a_superuser_may(client):
    client.force_login(User.objects.create_user("root", is_superuser=True))

    assert client.get("/admin/").status_code == 200


def test_a_closed_account_may_not(client):
    user = an_administrator()
    client.force_login(user)
    User.objects.filter(pk=user.pk).update(is_active=False)

    page = client.get("/admin/", follow=True)

    assert page.redirect_chain[-1] == (f"{reverse('portal:sign-in')}?next=/admin/", 302)


@pytest.mark.parametrize(
    ("path", "next_page"),
    [
        ("/admin/", "/admin/"),
        ("/admin/accounts/user/", "/admin/accounts/user/"),
        ("/admin/login/", "/admin/"),
        ("/admin/login/?next=https://elsewhere.example/", "/admin/"),
    ],
)
def test_whoever_is_not_signed_in_goes_to_the_sign_in_page_and_comes_back(client, path, next_page):
    page = client.get(path, follow=True)

    assert page.redirect_chain[-1] == (f"{reverse('portal:sign-in')}?next={next_page}", 302)


def test_an_administrator_does_not_sign_in_twice(admin):
    page = admin.get("/admin/login/")

    assert (page.status_code, page.url) == (302, "/admin/")


# -- accounts ---------------------------------------------------------------------------------------------------------


def test_a_person_gets_a_first_password(admin):
    add(admin, User, username="paula", first_name="Paula", first_password=PASSWORD)

    paula = User.objects.get(username="paula")
    assert paula.check_password(PASSWORD)
    assert sentences() == ["Account Paula: created"]


def test_a_service_account_gets_none(admin):
    add(admin, User, username="ci", is_service_account="on")

    ci = User.objects.get(username="ci")
    assert ci.is_service_account
    assert not ci.has_usable_password()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"is_service_account": "on", "first_password": PASSWORD}, NO_PASSWORD),
        ({}, "Give this person a first password, or tick “service account”."),
        ({"first_password": "12345"}, "This password is too short. It must contain at least 8 characters."),
        ({"first_password": "password1"}, "This password is too common."),
    ],
)
def test_a_form_refuses_a_password_that_does_not_fit(admin, fields, sentence):
    page = add(admin, User, username="paula", **fields)

    assert says(page, sentence)
    assert not User.objects.filter(username="paula").exists()


def test_a_refusal_does_not_repeat_the_password(admin):
    page = add(admin, User, username="", first_password=PASSWORD)

    assert page.status_code == 200
    assert PASSWORD not in page.content.decode()


def test_a_new_password_is_recorded_without_its_value(admin):
    ann = a_user("ann")
    fields = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true", "set-password": "1"}

    admin.post(reverse("admin:auth_user_password_change", args=[ann.pk]), fields)

    ann.refresh_from_db()
    assert ann.check_password(PASSWORD)
    assert sentences() == ["Account ann: password changed"]


def test_a_service_account_never_gets_a_password(admin):
    ci = a_service_account()
    fields = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true", "set-password": "1"}

    page = admin.post(reverse("admin:auth_user_password_change", args=[ci.pk]), fields, follow=True)

    ci.refresh_from_db()
    assert NO_PASSWORD in page.content.decode()
    assert not ci.has_usable_password()


def test_an_account_is_closed_instead_of_deleted(admin):
    ann = a_user("ann")

    change(admin, ann, rows("memberships"), username="ann")

    ann.refresh_from_db()
    assert not ann.is_active
    assert sentences() == ["Account ann: active yes → no"]


def test_roles_are_granted_on_the_page_of_an_account(admin):
    ann, mail = a_user("ann"), a_lone_project("Mail")
    grants = rows("memberships", {"user": ann.pk, "role": "deployer", "project": mail.pk})

    change(admin, ann, grants, username="ann", is_active="on")

    assert str(ann.memberships.get()) == "ann: Deployer in Mail, every environment"
    assert sentences() == ["Account ann: role grant “ann: Deployer in Mail, every environment” added"]


# -- groups and grants ------------------------------------------------------------------------------------------------


def test_a_group_is_added(admin):
    add(admin, Group, rows("memberships"), name="product-owners")

    assert Group.objects.get().name == "product-owners"
    assert sentences() == ["Group product-owners: created"]


def test_a_grant_is_recorded(admin):
    add(admin, Membership, user=a_user("ann").pk, role="viewer")

    assert sentences() == ["Role grant ann: Viewer in every project, every environment: created"]


@pytest.mark.parametrize(
    ("holders", "sentence"),
    [
        ({}, "A grant is for a person or for a group: name exactly one."),
        ({"user": "ann"}, "This grant exists already."),
    ],
)
def test_a_form_refuses_a_grant_that_the_database_would_refuse(admin, holders, sentence):
    ann = a_user("ann", role="viewer")
    before = everything()

    page = add(admin, Membership, role="viewer", **dict.fromkeys(holders, ann.pk))

    assert says(page, sentence)
    assert everything() == before


def test_the_trail_is_read_and_not_written(admin):
    add(admin, Group, rows("memberships"), name="product-owners")
    line = Event.objects.get()

    page = admin.post(address(Event, "delete", line.pk), {"post": "yes"})

    assert page.status_code == 403
    assert "Group product-owners: created" in admin.get(address(Event, "changelist")).content.decode()
