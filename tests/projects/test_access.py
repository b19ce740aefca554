"""Who may do what where: grants for a project, a stack, an environment or everything, to a person or a group."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404

from accounts.models import Membership, Role, User
from projects.access import Act, get_project, may, people_with, projects_for, require, roles_of
from tests.factories import a_group, a_lone_project, a_stack, a_user, an_administrator, an_environment

pytestmark = pytest.mark.django_db

OPENS = {
    Role.VIEWER: {Act.SEE, Act.SEE_TECHNICAL},
    Role.BUSINESS_VIEWER: {Act.SEE},
    Role.DEPLOYER: {Act.SEE, Act.SEE_TECHNICAL, Act.REQUEST, Act.CREATE_RELEASE, Act.PUSH},
    Role.APPROVER: {Act.SEE, Act.SEE_TECHNICAL, Act.APPROVE},
    Role.RELEASE_MANAGER: set(Act) - {Act.CONFIGURE, Act.RESTORE},
    Role.ADMINISTRATOR: {Act.SEE, Act.SEE_TECHNICAL, Act.CONFIGURE, Act.RESTORE},
}


@pytest.fixture
def shop():
    return a_stack("Shop", components={"API": 1, "UI": 2})


@pytest.fixture
def ui(shop):
    return shop.components.get(name="UI")


@pytest.mark.parametrize("role", Role)
def test_a_role_opens_what_the_table_says(shop, role):
    ann = a_user("ann", role=role, project=shop)

    assert {act for act in Act if may(ann, act, shop)} == OPENS[role]


def test_a_grant_for_a_stack_covers_its_components(shop, ui):
    ann = a_user("ann", role="deployer", project=shop)

    assert roles_of(ann, ui) == {Role.DEPLOYER}


def test_a_grant_for_a_component_does_not_cover_its_stack(shop, ui):
    ann = a_user("ann", role="deployer", project=ui)

    assert roles_of(ann, ui) == {Role.DEPLOYER}
    assert roles_of(ann, shop) == set()


def test_a_grant_for_one_project_says_nothing_about_another(shop):
    ann = a_user("ann", role="deployer", project=a_lone_project("Mail"))

    assert roles_of(ann, shop) == set()


def test_a_grant_for_everything_covers_every_project(shop, ui):
    ann = a_user("ann", role="approver")

    assert roles_of(ann, shop) == roles_of(ann, ui) == {Role.APPROVER}


def test_a_grant_may_hold_in_one_environment_only(shop):
    test, prod = an_environment("TEST"), an_environment("PROD")
    ann = a_user("ann", role="deployer", project=shop, environment=test)

    assert may(ann, Act.REQUEST, shop, test)
    assert not may(ann, Act.REQUEST, shop, prod)
    assert may(ann, Act.SEE, shop)


def test_a_grant_of_a_group_is_for_everybody_in_it(shop):
    ann, bob = a_user("ann"), a_user("bob")
    Membership.objects.create(group=a_group("deployers", ann), role=Role.DEPLOYER, project=shop)

    assert roles_of(ann, shop) == {Role.DEPLOYER}
    assert roles_of(bob, shop) == set()


def test_several_grants_add_up(shop):
    a_user("ann", role="approver", project=shop)
    ann = a_user("ann", role="deployer")

    assert roles_of(ann, shop) == {Role.APPROVER, Role.DEPLOYER}


def test_a_closed_account_may_nothing(shop):
    ann = a_user("ann", role="release_manager")
    ann.is_active = False

    assert roles_of(ann, shop) == set()
    assert not projects_for(ann).exists()


def test_nobody_in_particular_may_nothing(shop):
    assert not may(AnonymousUser(), Act.SEE, shop)
    assert not projects_for(AnonymousUser()).exists()


def test_an_administrator_sees_everything_and_deploys_nothing(shop):
    admin = an_administrator()

    assert shop in projects_for(admin)
    assert not may(admin, Act.REQUEST, shop)
    assert not may(admin, Act.APPROVE, shop)


def test_a_superuser_is_an_administrator(shop):
    root = User.objects.create_user("root", is_superuser=True)

    assert roles_of(root, shop) == {Role.ADMINISTRATOR}
    assert shop in projects_for(root)


def test_everybody_gets_the_projects_that_they_may_see(shop):
    mail = a_lone_project("Mail")
    ann = a_user("ann", role="viewer", project=shop)

    assert {project.name for project in projects_for(ann)} == {"Shop", "API", "UI"}
    assert mail in projects_for(a_user("bob", role="viewer"))


def test_projects_are_chosen_by_what_is_to_be_done(shop):
    ann = a_user("ann", role="viewer", project=shop)

    assert not projects_for(ann, Act.REQUEST).exists()


def test_a_stranger_does_not_learn_that_a_project_exists(shop):
    with pytest.raises(Http404):
        get_project(a_user("stranger"), "shop")


def test_a_project_that_does_not_exist_looks_the_same_to_a_member(shop):
    with pytest.raises(Http404):
        get_project(a_user("ann", role="viewer"), "nowhere")


def test_a_member_without_the_role_is_told_which_one_it_takes(shop):
    ann = a_user("ann", role="viewer", project=shop)

    with pytest.raises(PermissionDenied, match="It takes the role deployer or release manager; ask an administrator"):
        get_project(ann, "shop", act=Act.REQUEST)


def test_a_member_with_the_role_gets_the_project(shop):
    ann = a_user("ann", role="deployer", project=shop)

    assert get_project(ann, "shop", act=Act.REQUEST) == shop


def test_a_refusal_names_the_environment(shop):
    ann = a_user("ann", role="viewer", project=shop)

    with pytest.raises(PermissionDenied, match="You may not request a deployment for Shop in PROD"):
        require(ann, Act.REQUEST, shop, an_environment("PROD"))


def test_people_with_a_role_are_found_through_every_kind_of_grant(shop, ui):
    prod = an_environment("PROD")
    a_user("everywhere", role="approver")
    a_user("stack", role="approver", project=shop)
    a_user("component", role="approver", project=ui)
    a_user("elsewhere", role="approver", project=shop, environment=an_environment("TEST"))
    a_user("viewer", role="viewer", project=shop)
    Membership.objects.create(group=a_group("owners", a_user("member")), role=Role.APPROVER, environment=prod)

    people = people_with([Role.APPROVER], ui, prod)

    assert [person.username for person in people] == ["component", "everywhere", "member", "stack"]
