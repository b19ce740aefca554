"""What would break the rules is refused by both doors with a sentence, and nothing is written."""

import pytest

from lifecycles.models import Environment, Lifecycle
from projects.models import ApprovalRule, Process, Project, Variable
from releases.blueprint import BlueprintRefused
from tests.factories import (
    a_component,
    a_lifecycle,
    a_lone_project,
    a_package,
    a_process,
    a_stack,
    a_user,
    an_administrator,
    an_environment,
)
from tests.projects.doors import add, applied, change, everything, rows, says

pytestmark = pytest.mark.django_db

NOT_A_STACK = (
    "API is not a stack. Only a stack has components, and a stack belongs to no other one, so there are never more than"
    " two levels."
)
NO_PACKAGES_FOR_A_STACK = "Shop is a stack and holds no packages: give them to its components."
NO_PROCESS = "A stack deploys nothing itself, so it has no process; everything else has one."
PLACE = (
    "A component names its stack and a stage from 1 up; a stack or a project on its own has neither, and names its"
    " lifecycle."
)
NO_PACKAGE = "Mail holds no package, so there would be nothing to deploy. Name at least one."
STAYS_A_STACK = "Shop has components, so it stays a stack. Remove its components first."
TWO_PHASES = (
    "TEST is in the phases Test and Late. An environment is in one phase of a lifecycle only: take it out of one of"
    " them."
)
MINIMUM = (
    "The phase Test asks for 2 successful environments but has only 1. Lower the minimum (0 means all of them), or add"
    " environments."
)
EMPTY_PHASE = "The phase Test names no environment. Choose at least one."
PATTERN = "The number pattern needs {n} exactly once: it counts the releases up."
UNKNOWN_SETTING = "A step of this kind has no setting “script”. It knows: entry_point, package."
OUTSIDE = (
    "The entry point “../release.sh” is not a path inside the package. State it from the top of the package and without"
    " “..”, for example deploy/release.sh."
)
RETRIES = "Only a repeatable step may be retried by itself."
RESERVED = "{} is reserved: it would change how scripts run, or hide what Signalbox tells them. Choose another name."
NOT_A_NAME = "A variable's name holds letters, digits and “_”, and no digit comes first."
NOBODY = "This rule names nobody who may approve. Name at least one role, group or person."
TOO_FEW = (
    "This rule asks for 2 approvals but names only 1 who may give them. Name more people, or ask for fewer approvals."
)
NO_MINIMUM = "A rule needs at least one approval; delete the rule to need none."
NOT_AN_ARGUMENT = (
    "The name begins with a letter or digit and holds only letters, digits, “.”, “_” and “-”: it is given to release"
    " packages as an argument."
)


@pytest.fixture
def admin(client):
    client.force_login(an_administrator())
    return client


@pytest.fixture
def shop():
    return a_stack("Shop", components={"API": 1})


def a_project(**fields):
    """The fields of a project's form; None leaves one empty."""
    usual = {
        "name": "Mail",
        "slug": "mail",
        "kind": "component",
        "stage": 1,
        "position": 0,
        "condition": "always",
        "number_pattern": "1.0.{n}",
    }
    return usual | fields


def packages(*names):
    return rows("project_packages", *({"package": a_package(name).pk, "position": 0} for name in names))


def components_of(stack):
    held = stack.components.order_by("stage", "position")
    return rows("components", stored=tuple({"id": component.pk, "parent": stack.pk} for component in held))


def refused(text, environ=None):
    with pytest.raises(BlueprintRefused) as refusal:
        applied(text, environ)
    return refusal.value.sentences


# -- projects ---------------------------------------------------------------------------------------------------------


def test_a_form_refuses_a_component_of_a_component(admin, shop):
    api = shop.components.get()

    page = add(admin, Project, packages("mail"), **a_project(parent=api.pk, process=a_process().pk))

    assert says(page, NOT_A_STACK)
    assert not Project.objects.filter(slug="mail").exists()


def test_a_form_refuses_a_stack_that_is_its_own_parent(admin, shop):
    page = change(
        admin,
        shop,
        packages(),
        components_of(shop),
        **a_project(name="Shop", slug="shop", kind="stack", stage=0, parent=shop.pk, lifecycle=shop.lifecycle_id),
    )

    assert says(page, "Select a valid choice. That choice is not one of the available choices.")
    assert Project.objects.get(slug="shop").parent is None


def test_a_blueprint_refuses_to_put_a_stack_into_itself(shop):
    before = everything()

    sentences = refused("""
        projects:
          - slug: shop
            name: Shop
            kind: stack
            components: [{slug: shop, name: Shop, stage: 1}]
    """)

    assert sentences == ["projects[0].components[0]: This is named twice in the file. Keep one of them."]
    assert everything() == before


def test_a_blueprint_refuses_a_circle_of_stacks(shop):
    a_stack("Mall", components={"Doors": 1})
    before = everything()

    sentences = refused("""
        projects:
          - slug: mall
            name: Mall
            kind: stack
            components:
              - {slug: shop, name: Shop, stage: 1, process: execute-the-release-package, packages: [shop]}
    """)

    assert sentences == [f"projects[0].components[0].kind: {STAYS_A_STACK}"]
    assert everything() == before


def test_a_blueprint_refuses_components_of_a_project_on_its_own():
    a_lone_project("Mail")
    before = everything()

    sentences = refused("""
        projects:
          - {slug: mail, name: Mail, kind: alone, components: [{slug: inbox, name: Inbox, stage: 1}]}
    """)

    assert sentences == ["projects[0].components: Mail is not a stack, so it has no components."]
    assert everything() == before


def test_a_form_refuses_a_stack_with_packages(admin, shop):
    page = change(
        admin,
        shop,
        packages("mail"),
        components_of(shop),
        **a_project(name="Shop", slug="shop", kind="stack", stage=0, lifecycle=shop.lifecycle_id),
    )

    assert says(page, NO_PACKAGES_FOR_A_STACK)
    assert not shop.project_packages.exists()


def test_a_blueprint_refuses_a_stack_with_packages(shop):
    before = everything()

    sentences = refused("projects: [{slug: shop, name: Shop, kind: stack, packages: [mail]}]")

    assert sentences == [f"projects[0].packages: {NO_PACKAGES_FOR_A_STACK}"]
    assert everything() == before


def test_a_form_refuses_a_stack_with_a_process(admin, shop):
    page = change(
        admin,
        shop,
        packages(),
        components_of(shop),
        **a_project(
            name="Shop", slug="shop", kind="stack", stage=0, lifecycle=shop.lifecycle_id, process=a_process().pk
        ),
    )

    assert says(page, NO_PROCESS)
    assert Project.objects.get(slug="shop").process is None


def test_a_blueprint_refuses_a_stack_with_a_process(shop):
    before = everything()

    sentences = refused("projects: [{slug: shop, name: Shop, kind: stack, process: execute-the-release-package}]")

    assert sentences == [f"projects[0]: {NO_PROCESS}"]
    assert everything() == before


def test_a_form_refuses_a_component_without_a_process(admin, shop):
    page = add(admin, Project, packages("mail"), **a_project(parent=shop.pk))

    assert says(page, NO_PROCESS)
    assert not Project.objects.filter(slug="mail").exists()


def test_a_blueprint_refuses_a_component_without_a_process(shop):
    before = everything()

    sentences = refused("""
        projects:
          - {slug: shop, name: Shop, kind: stack, components: [{slug: mail, name: Mail, stage: 1, packages: [mail]}]}
    """)

    assert sentences == [f"projects[0].components[0]: {NO_PROCESS}"]
    assert everything() == before


def test_a_form_refuses_a_component_without_packages(admin, shop):
    page = add(admin, Project, packages(), **a_project(parent=shop.pk, process=a_process().pk))

    assert says(page, NO_PACKAGE)
    assert not Project.objects.filter(slug="mail").exists()


def test_a_blueprint_refuses_a_component_without_packages(shop):
    before = everything()

    sentences = refused("""
        projects:
          - slug: shop
            name: Shop
            kind: stack
            components: [{slug: mail, name: Mail, stage: 1, process: execute-the-release-package}]
    """)

    assert sentences == [f"projects[0].components[0].packages: {NO_PACKAGE}"]
    assert everything() == before


def test_a_form_refuses_a_component_without_a_stage(admin, shop):
    page = add(admin, Project, packages("mail"), **a_project(parent=shop.pk, process=a_process().pk, stage=0))

    assert says(page, PLACE)
    assert not Project.objects.filter(slug="mail").exists()


def test_a_blueprint_refuses_a_component_without_a_stage(shop):
    before = everything()

    sentences = refused("""
        projects:
          - slug: shop
            name: Shop
            kind: stack
            components:
              - {slug: mail, name: Mail, stage: 0, process: execute-the-release-package, packages: [mail]}
    """)

    assert sentences == [f"projects[0].components[0]: {PLACE}"]
    assert everything() == before


def test_a_form_refuses_that_a_stack_with_components_becomes_something_else(admin, shop):
    page = change(
        admin,
        shop,
        packages("mail"),
        components_of(shop),
        **a_project(
            name="Shop", slug="shop", kind="alone", stage=0, lifecycle=shop.lifecycle_id, process=a_process().pk
        ),
    )

    assert says(page, STAYS_A_STACK)
    assert Project.objects.get(slug="shop").is_stack


def test_a_blueprint_refuses_that_a_stack_with_components_becomes_something_else(shop):
    before = everything()

    sentences = refused("""
        projects:
          - {slug: shop, name: Shop, kind: alone, process: execute-the-release-package, packages: [shop]}
    """)

    assert sentences == [f"projects[0].kind: {STAYS_A_STACK}"]
    assert everything() == before


def test_a_blueprint_refuses_that_what_holds_packages_becomes_a_stack():
    a_lone_project("Mail")
    before = everything()

    sentences = refused("projects: [{slug: mail, name: Mail, kind: stack, process: null, packages: []}]")

    assert sentences == [
        "projects[0].kind: Mail holds packages, so it does not become a stack. Add a new stack instead."
    ]
    assert everything() == before


def test_a_form_refuses_a_number_pattern_that_does_not_count(admin, shop):
    page = change(
        admin,
        shop,
        packages(),
        components_of(shop),
        **a_project(
            name="Shop", slug="shop", kind="stack", stage=0, lifecycle=shop.lifecycle_id, number_pattern="{yyyy}.1"
        ),
    )

    assert says(page, PATTERN)
    assert Project.objects.get(slug="shop").number_pattern == "1.0.{n}"


def test_a_blueprint_refuses_a_number_pattern_that_does_not_count(shop):
    before = everything()

    sentences = refused("""projects: [{slug: shop, name: Shop, kind: stack, number_pattern: "{yyyy}.1"}]""")

    assert sentences == [f"projects[0].number_pattern: {PATTERN}"]
    assert everything() == before


# -- lifecycles -------------------------------------------------------------------------------------------------------


def phase(name, position, *environments, minimum=0, **more):
    places = [environment.pk for environment in environments]
    return {"name": name, "position": position, "places": places, "minimum": minimum} | more


def test_a_form_refuses_an_environment_in_two_phases(admin):
    test = an_environment("TEST")
    phases = rows("phases", phase("Test", 1, test), phase("Late", 2, test))

    page = add(admin, Lifecycle, phases, name="Twice", slug="twice")

    assert says(page, TWO_PHASES)
    assert not Lifecycle.objects.exists()


def test_a_blueprint_refuses_an_environment_in_two_phases():
    an_environment("TEST")
    before = everything()

    sentences = refused("""
        lifecycles:
          - slug: twice
            name: Twice
            phases:
              - {name: Test, environments: [{environment: test}]}
              - {name: Late, environments: [{environment: test}]}
    """)

    assert sentences == [f"lifecycles[0].phases: {TWO_PHASES}"]
    assert everything() == before


def test_a_form_refuses_a_minimum_that_can_never_be_reached(admin):
    phases = rows("phases", phase("Test", 1, an_environment("TEST"), minimum=2))

    page = add(admin, Lifecycle, phases, name="Strict", slug="strict")

    assert says(page, MINIMUM)
    assert not Lifecycle.objects.exists()


def test_a_blueprint_refuses_a_minimum_that_can_never_be_reached():
    an_environment("TEST")
    before = everything()

    sentences = refused("""
        lifecycles:
          - {slug: strict, name: Strict, phases: [{name: Test, minimum: 2, environments: [{environment: test}]}]}
    """)

    assert sentences == [f"lifecycles[0].phases[0].minimum: {MINIMUM}"]
    assert everything() == before


def test_a_form_refuses_a_phase_without_environments(admin):
    page = add(admin, Lifecycle, rows("phases", phase("Test", 1)), name="Empty", slug="empty")

    assert says(page, EMPTY_PHASE)
    assert not Lifecycle.objects.exists()


def test_a_blueprint_refuses_a_phase_without_environments():
    before = everything()

    sentences = refused("lifecycles: [{slug: empty, name: Empty, phases: [{name: Test, environments: []}]}]")

    assert sentences == [f"lifecycles[0].phases[0].environments: {EMPTY_PHASE}"]
    assert everything() == before


def test_a_form_refuses_what_is_automatic_outside_its_phase(admin):
    prod = an_environment("PROD")
    phases = rows("phases", phase("Test", 1, an_environment("TEST"), automatic=[prod.pk]))

    page = add(admin, Lifecycle, phases, name="Odd", slug="odd")

    assert says(page, "PROD cannot be automatic in the phase Test: it is not among its environments.")
    assert not Lifecycle.objects.exists()


def test_a_form_refuses_two_phases_in_one_position(admin):
    phases = rows("phases", phase("Test", 1, an_environment("TEST")), phase("Late", 1, an_environment("PROD")))

    page = add(admin, Lifecycle, phases, name="Odd", slug="odd")

    assert says(page, "The position 1 is given twice. Number the rows in their order.")
    assert not Lifecycle.objects.exists()


def test_a_form_refuses_an_environment_whose_name_is_no_argument(admin):
    page = add(admin, Environment, name="QA 1", slug="qa-1", position=1, worker_pool="default")

    assert says(page, NOT_AN_ARGUMENT)
    assert not Environment.objects.exists()


def test_a_blueprint_refuses_an_environment_whose_name_is_no_argument():
    before = everything()

    sentences = refused("environments: [{slug: qa-1, name: QA 1}]")

    assert sentences == [f"environments[0]: {NOT_AN_ARGUMENT}"]
    assert everything() == before


# -- processes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('{"script": "release.sh"}', UNKNOWN_SETTING),
        ('{"entry_point": "../release.sh"}', OUTSIDE),
        ('{"entry_point": "/bin/sh"}', OUTSIDE.replace("../release.sh", "/bin/sh")),
        ('{"package": 7}', "The setting “package” is a text in quotes, and not empty. Leave it out for none."),
    ],
)
class TestSettingsOfAStep:
    def test_a_form_refuses_them(self, admin, settings, sentence):
        step = {"position": 1, "name": "Run", "kind": "run-package", "time_limit_seconds": 60, "retries": 0}

        page = add(admin, Process, rows("steps", step | {"settings": settings}), name="Odd", slug="odd")

        assert says(page, sentence)
        assert not Process.objects.exists()

    def test_a_blueprint_refuses_them(self, settings, sentence):
        before = everything()

        sentences = refused(f"processes: [{{slug: odd, name: Odd, steps: [{{name: Run, settings: {settings}}}]}}]")

        assert sentences == [f"processes[0].steps[0].settings: {sentence}"]
        assert everything() == before


def test_a_form_refuses_retries_of_what_is_not_repeatable(admin):
    step = {
        "position": 1,
        "name": "Run",
        "kind": "run-package",
        "time_limit_seconds": 60,
        "retries": 1,
        "settings": "{}",
    }

    page = add(admin, Process, rows("steps", step), name="Odd", slug="odd")

    assert says(page, RETRIES)
    assert not Process.objects.exists()


def test_a_blueprint_refuses_retries_of_what_is_not_repeatable():
    before = everything()

    sentences = refused("processes: [{slug: odd, name: Odd, steps: [{name: Run, retries: 1}]}]")

    assert sentences == [f"processes[0].steps[0]: {RETRIES}"]
    assert everything() == before


# -- variables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        *((name, RESERVED.format(name)) for name in ("PATH", "HOME", "ENVIRONMENT", "RELEASE", "LD_PRELOAD")),
        *((name, RESERVED.format(name)) for name in ("SIGNALBOX_ID", "BASH_ENV", "ENV", "IFS", "SHELLOPTS")),
        ("1ST", NOT_A_NAME),
        ("MY-NAME", NOT_A_NAME),
    ],
)
class TestNamesOfVariables:
    def test_a_form_refuses_them(self, admin, name, sentence):
        page = add(admin, Variable, name=name, new_value="x")

        assert says(page, sentence)
        assert not Variable.objects.exists()

    def test_a_blueprint_refuses_them(self, name, sentence):
        before = everything()

        (refusal,) = refused(f'variables: [{{name: "{name}", value: x}}]')

        assert refusal.endswith(sentence)
        assert refusal.startswith("variables[0]")
        assert everything() == before


def test_a_form_refuses_a_second_value_for_the_same_place(admin):
    Variable.objects.create(name="TZ", value="UTC")

    page = add(admin, Variable, name="TZ", new_value="CET")

    assert says(page, "This variable already has a value for this project and environment.")
    assert Variable.objects.get().value == "UTC"


def test_a_blueprint_refuses_a_second_value_for_the_same_place():
    before = everything()

    sentences = refused("variables: [{name: TZ, value: UTC}, {name: TZ, value: CET}]")

    assert sentences == ["variables[1]: This is named twice in the file. Keep one of them."]
    assert everything() == before


# -- approval rules ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("people", "minimum", "sentence"), [([], 1, NOBODY), (["ann"], 2, TOO_FEW), (["ann"], 0, NO_MINIMUM)]
)
class TestRulesThatCannotBeMet:
    def test_a_form_refuses_them(self, admin, people, minimum, sentence):
        named = [a_user(name).pk for name in people]

        page = add(admin, ApprovalRule, name="Odd", minimum=minimum, people=named)

        assert says(page, sentence)
        assert not ApprovalRule.objects.exists()

    def test_a_blueprint_refuses_them(self, people, minimum, sentence):
        a_user("ann")
        before = everything()

        (refusal,) = refused(f"approval_rules: [{{name: Odd, people: {people}, minimum: {minimum}}}]")

        assert refusal.startswith("approval_rules[0]")
        assert refusal.endswith(sentence)
        assert everything() == before


def test_a_form_refuses_a_role_that_never_approves(admin):
    page = add(admin, ApprovalRule, name="Odd", minimum=1, roles=["deployer"])

    assert says(page, "Select a valid choice. deployer is not one of the available choices.")
    assert not ApprovalRule.objects.exists()


def test_a_blueprint_refuses_a_role_that_never_approves():
    before = everything()

    sentences = refused("approval_rules: [{name: Odd, roles: [deployer]}]")

    assert sentences == [
        "approval_rules[0].roles: The role “deployer” never approves. A rule may name approver or release_manager."
    ]
    assert everything() == before


def test_a_component_may_be_configured_completely(admin, shop):
    """The forms of these tests are complete: what they refuse is refused for the one reason that they say."""
    page = add(admin, Project, packages("mail"), **a_project(parent=shop.pk, process=a_process().pk))

    assert page.status_code == 302
    assert a_lifecycle() == Project.objects.get(slug="mail").track


def test_a_stack_may_be_saved_as_it_is(admin, shop):
    a_component(shop, "UI", stage=2)

    page = change(
        admin,
        shop,
        packages(),
        components_of(shop),
        **a_project(name="Shop", slug="shop", kind="stack", stage=0, lifecycle=shop.lifecycle_id),
    )

    assert page.status_code == 302


# -- limits -----------------------------------------------------------------------------------------------------------

AT_LEAST_ONE = "Ensure this value is greater than or equal to 1."


def an_environments_fields(**fields):
    return {"name": "TEST", "slug": "test", "position": 1, "worker_pool": "default"} | fields


def test_a_form_refuses_an_environment_in_which_nothing_may_run(admin):
    page = add(admin, Environment, **an_environments_fields(capacity=0))

    assert says(page, AT_LEAST_ONE)
    assert not Environment.objects.exists()


def test_a_form_takes_a_capacity_and_a_second_pair_of_eyes(admin):
    add(admin, Environment, **an_environments_fields(capacity=3, second_pair_of_eyes="on"))

    environment = Environment.objects.get()
    assert (environment.capacity, environment.second_pair_of_eyes) == (3, True)


def test_a_form_takes_no_capacity_for_no_limit(admin):
    environment = an_environment("TEST", capacity=3)

    change(admin, environment, **an_environments_fields(capacity=""))

    environment.refresh_from_db()
    assert environment.capacity is None


@pytest.mark.parametrize("capacity", ["0", "-1"])
def test_a_file_refuses_an_environment_in_which_nothing_may_run(capacity):
    sentences = refused(f"environments: [{{slug: test, name: TEST, capacity: {capacity}}}]")

    assert sentences == ["environments[0].capacity: This must be at least 1."]
    assert not Environment.objects.exists()


def test_a_file_refuses_a_second_pair_of_eyes_that_is_neither_true_nor_false():
    sentences = refused("environments: [{slug: test, name: TEST, second_pair_of_eyes: 2}]")

    assert sentences == ["environments[0].second_pair_of_eyes: This must be true or false."]


def test_a_form_refuses_a_project_that_is_stopped_at_once(admin, shop):
    page = change(
        admin, shop, components_of(shop), **a_project(name="Shop", slug="shop", kind="stack", time_limit_seconds=0)
    )

    assert says(page, AT_LEAST_ONE)
    shop.refresh_from_db()
    assert shop.time_limit_seconds is None


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("projects[0]", "{slug: shop, name: Shop, kind: stack, time_limit_seconds: 0}"),
        (
            "projects[0].components[0]",
            "{slug: shop, name: Shop, kind: stack, components: [{slug: api, name: API, stage: 1, time_limit_seconds: 0}]}",
        ),
    ],
    ids=["stack", "component"],
)
def test_a_file_refuses_a_project_that_is_stopped_at_once(place, text):
    assert refused(f"projects: [{text}]") == [f"{place}.time_limit_seconds: This must be at least 1."]
