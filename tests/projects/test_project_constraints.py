"""What the database itself refuses about projects, whoever writes."""

import pytest
from django.db import IntegrityError
from django.db.models import ProtectedError

from projects.models import ApprovalRule, Process, Project, ProjectPackage, Variable
from tests.factories import a_component, a_lifecycle, a_lone_project, a_package, a_process, a_stack, an_environment

pytestmark = pytest.mark.django_db

DEPTH = "A component belongs to a stack: its parent must be one, so there are never more than two levels"
KIND = "A stack with components stays a stack, and what holds packages never becomes one"
PACKAGES = "A stack holds no packages: give them to its components"


def a_row(**fields):
    usual = {"name": "Mail", "slug": "mail", "kind": "alone", "lifecycle": a_lifecycle(), "process": a_process()}
    return Project.objects.create(**(usual | fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "component", "stage": 1},
        {"kind": "alone", "stage": 1},
        {"kind": "alone", "lifecycle": None},
        {"kind": "stack", "process": None, "lifecycle": None},
    ],
    ids=["component without a stack", "stage without a stack", "without a lifecycle", "stack without a lifecycle"],
)
def test_a_project_fits_its_kind(fields):
    with pytest.raises(IntegrityError, match="project_kind_fits_its_place"):
        a_row(**fields)


def test_a_component_has_a_stage():
    with pytest.raises(IntegrityError, match="project_kind_fits_its_place"):
        a_row(kind="component", parent=a_stack(), stage=0)


def test_a_stack_belongs_to_no_stack():
    with pytest.raises(IntegrityError, match="project_kind_fits_its_place"):
        a_row(kind="stack", parent=a_stack(), process=None)


@pytest.mark.parametrize("kind", ["stack", "alone"])
def test_a_process_is_for_what_is_deployed_itself(kind):
    process = {"stack": a_process, "alone": lambda: None}[kind]()

    with pytest.raises(IntegrityError, match="project_process_unless_stack"):
        a_row(kind=kind, process=process)


def test_a_slug_is_taken_once():
    a_row()

    with pytest.raises(IntegrityError):
        a_row(name="Other")


@pytest.mark.parametrize("parent", [a_lone_project, lambda: a_component(a_stack())], ids=["lone", "component"])
def test_only_a_stack_has_components(parent):
    with pytest.raises(IntegrityError, match=DEPTH):
        a_row(kind="component", parent=parent(), stage=1)


def test_a_component_does_not_move_below_a_component():
    shop = a_stack(components={"API": 1, "UI": 2})
    api, ui = shop.components.order_by("stage")

    with pytest.raises(IntegrityError, match=DEPTH):
        Project.objects.filter(pk=ui.pk).update(parent=api)


def test_a_stack_with_components_stays_a_stack():
    shop = a_stack(components={"API": 1})

    with pytest.raises(IntegrityError, match=KIND):
        Project.objects.filter(pk=shop.pk).update(kind="alone", process=a_process())


def test_what_holds_packages_never_becomes_a_stack():
    mail = a_lone_project("Mail")

    with pytest.raises(IntegrityError, match=KIND):
        Project.objects.filter(pk=mail.pk).update(kind="stack", process=None)


def test_a_stack_holds_no_packages():
    shop, package = a_stack(), a_package()

    with pytest.raises(IntegrityError, match=PACKAGES):
        shop.project_packages.create(package=package)


def test_packages_do_not_move_to_a_stack():
    shop, mail = a_stack(), a_lone_project("Mail")

    with pytest.raises(IntegrityError, match=PACKAGES):
        ProjectPackage.objects.filter(project=mail).update(project=shop)


def test_a_project_holds_a_package_once():
    mail = a_lone_project("Mail", package="mail")

    with pytest.raises(IntegrityError):
        mail.project_packages.create(package=a_package("mail"))


def test_a_position_is_taken_once_in_a_process():
    process = a_process()

    with pytest.raises(IntegrityError):
        process.steps.create(position=1, name="Again")


def test_only_a_repeatable_step_is_retried():
    process = Process.objects.create(name="Run", slug="run")

    with pytest.raises(IntegrityError, match="step_retries_only_if_repeatable"):
        process.steps.create(position=1, name="Run", retries=1)


@pytest.mark.parametrize("with_project", [True, False])
@pytest.mark.parametrize("with_environment", [True, False])
def test_a_variable_has_one_value_in_one_place(with_project, with_environment):
    place = {
        "project": a_lone_project() if with_project else None,
        "environment": an_environment() if with_environment else None,
    }
    Variable.objects.create(name="TZ", value="UTC", **place)

    with pytest.raises(IntegrityError, match="variable_once_per_scope"):
        Variable.objects.create(name="TZ", value="CET", **place)


def test_a_variable_has_a_value_for_each_place():
    Variable.objects.create(name="TZ", value="UTC")

    Variable(name="TZ", value="CET", environment=an_environment()).full_clean()
    Variable(name="TZ", value="CET", project=a_lone_project()).full_clean()


@pytest.mark.parametrize("name", ["", "1ST", "A-B", "A B", "A=B"])
def test_a_name_that_no_environment_takes_is_refused(name):
    with pytest.raises(IntegrityError, match="variable_name_fits_an_environment"):
        Variable.objects.create(name=name, value="x")


def test_a_sensitive_value_is_never_stored_as_it_is():
    with pytest.raises(IntegrityError, match="variable_sensitive_is_encrypted"):
        Variable.objects.create(name="API_TOKEN", value="open", sensitive=True)


def test_a_rule_needs_somebody():
    with pytest.raises(IntegrityError, match="approval_rule_needs_somebody"):
        ApprovalRule.objects.create(name="Nobody", minimum=0)


@pytest.mark.parametrize("used", ["lifecycle", "process"])
def test_what_a_project_is_deployed_with_is_not_deleted(used):
    mail = a_lone_project("Mail")

    with pytest.raises(ProtectedError):
        getattr(mail, used).delete()
