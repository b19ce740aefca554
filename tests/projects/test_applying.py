"""Configuration as code: a blueprint is applied completely or not at all, and twice is the same as once."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Event, Membership
from lifecycles.models import Environment, Lifecycle
from projects.models import ApprovalRule, Process, Project, Variable
from registry.models import Package
from releases.blueprint import BlueprintRefused, read
from releases.models import Trigger
from tests.factories import a_component, a_package, a_process, a_stack, a_user, an_environment
from tests.projects.doors import applied, everything

pytestmark = pytest.mark.django_db

EXAMPLE = Path("examples/patient_portal/stack.yaml")
SHOP = """
    environments:
      - {slug: test, name: TEST}
      - {slug: prod, name: PROD, is_production: true}
    lifecycles:
      - slug: both
        name: Both
        phases:
          - {name: Test, environments: [{environment: test, automatic: true}]}
          - {name: Production, environments: [{environment: prod}]}
    processes: [{slug: run, name: Run, steps: [{name: Run it}]}]
    variables: [{name: TZ, value: UTC}]
    projects:
      - slug: shop
        name: Shop
        kind: stack
        lifecycle: both
        triggers: [{name: Every push}]
        components:
          - {slug: api, name: API, stage: 1, process: run, packages: [api]}
          - {slug: ui, name: UI, stage: 2, process: run, packages: [ui, texts]}
    groups: [owners]
    approval_rules: [{name: Owners open PROD, environments: [prod], projects: [shop], groups: [owners]}]
    grants: [{group: owners, project: shop, role: approver}]
"""


@pytest.fixture
def around(monkeypatch):
    """What the example takes from the environment."""
    monkeypatch.setenv("SITES_URL", "http://localhost:8001")
    monkeypatch.setenv("SITE_ROOT", "/srv/sites")
    monkeypatch.setenv("CLOUDHUB_URL", "http://localhost:8002")


def refused(text, environ=None):
    with pytest.raises(BlueprintRefused) as refusal:
        applied(text, environ)
    return refusal.value.sentences


# -- what it does -----------------------------------------------------------------------------------------------------


def test_a_blueprint_creates_what_it_names():
    applied(SHOP)

    assert [str(row) for row in Environment.objects.all()] == ["TEST", "PROD"]
    assert [place.automatic for place in Lifecycle.objects.get().places.order_by("environment__position")] == [
        True,
        False,
    ]
    assert [(row.name, row.stage) for row in Project.objects.get(slug="shop").components.order_by("stage")] == [
        ("API", 1),
        ("UI", 2),
    ]
    assert [line.package.name for line in Project.objects.get(slug="ui").project_packages.all()] == ["ui", "texts"]
    assert Trigger.objects.get().project.slug == "shop"
    assert [group.name for group in ApprovalRule.objects.get().groups.all()] == ["owners"]
    assert str(Membership.objects.get()) == "owners: Approver in Shop, every environment"


def test_every_change_is_recorded_with_the_sentence_that_is_printed():
    changes = applied(SHOP)

    lines = Event.objects.filter(verb="configuration.changed", actor=None).order_by("pk")
    assert [line.sentence for line in lines] == changes
    assert "Environment TEST: created" in changes


def test_applying_it_again_changes_nothing():
    applied(SHOP)
    before = everything()

    changes = applied(SHOP)

    assert changes == []
    assert everything() == before


def test_a_dry_run_says_the_same_and_writes_nothing():
    before = everything()

    foretold = applied(SHOP, dry_run=True)

    assert everything() == before
    assert applied(SHOP) == foretold


def test_a_change_is_said_from_what_to_what():
    applied(SHOP)

    changes = applied(SHOP.replace("name: API, stage: 1", "name: API, stage: 3"))

    assert changes == ["Project API: stage 1 → 3"]
    assert Project.objects.get(slug="api").stage == 3


def test_what_the_file_does_not_name_stays():
    an_environment("QA")
    Variable.objects.create(name="KEPT", value="x")
    a_component(a_stack("Shop"), "Mail")

    applied(SHOP)

    assert Environment.objects.filter(name="QA").exists()
    assert Variable.objects.filter(name="KEPT").exists()
    assert Project.objects.get(slug="shop").components.count() == 3


def test_a_key_that_is_left_out_keeps_what_is_stored():
    an_environment("PROD", worker_pool="protected", is_production=True)

    changes = applied("environments: [{slug: prod, name: PROD}]")

    assert changes == []
    assert Environment.objects.get().worker_pool == "protected"


def test_packages_are_brought_to_exactly_what_the_file_says():
    applied(SHOP)

    changes = applied(SHOP.replace("[ui, texts]", "[texts, icons]"))

    assert changes == ["Package icons: created", "Project UI: packages ui, texts → texts, icons"]
    assert [line.package.name for line in Project.objects.get(slug="ui").project_packages.all()] == ["texts", "icons"]


def test_a_package_is_found_whatever_its_case():
    a_package("UI")

    applied(SHOP)

    assert Package.objects.named("ui").count() == 1


def test_steps_change_places_and_leave():
    process = a_process("Run")
    process.steps.create(position=2, name="Check")
    wanted = "processes: [{slug: run, name: Run, steps: [{name: Check}, {name: Warm up}]}]"

    changes = applied(wanted)

    assert changes == ["Process Run: steps Run the release package, Check → Check, Warm up"]
    assert list(process.steps.values_list("position", "name")) == [(1, "Check"), (2, "Warm up")]


def test_a_phase_is_put_in_front_and_an_environment_moves_into_it():
    applied(SHOP)

    changes = applied("""
        lifecycles:
          - slug: both
            name: Both
            phases:
              - {name: First, environments: [{environment: test}]}
              - {name: Production, environments: [{environment: prod}]}
    """)

    assert changes == [
        "Lifecycle Both: phases Test, Production → First, Production",
        "Lifecycle Both: environments Test: TEST (automatic), Production: PROD → First: TEST, Production: PROD",
    ]
    assert Lifecycle.objects.get().places.count() == 2


def test_who_may_approve_is_brought_to_exactly_what_the_file_says():
    a_user("ann")
    applied(SHOP)

    changes = applied("approval_rules: [{name: Owners open PROD, groups: [], people: [ann]}]")

    assert changes == [
        "Approval rule Owners open PROD: groups owners → nothing",
        "Approval rule Owners open PROD: people nothing → ann",
    ]


# -- ${NAME} ----------------------------------------------------------------------------------------------------------


def test_names_are_replaced_from_the_environment():
    applied("variables: [{name: URL, value: 'http://${HOST}:${PORT}/'}]", {"HOST": "shop.example", "PORT": "80"})

    assert Variable.objects.get().value == "http://shop.example:80/"


def test_two_dollars_stand_for_the_text_itself():
    applied("variables: [{name: TEMPLATE, value: '$${HOST} costs $5'}]")

    assert Variable.objects.get().value == "${HOST} costs $5"


def test_a_value_with_yaml_in_it_stays_a_value():
    applied("variables: [{name: ODD, value: '${ODD}'}]", {"ODD": "x}, {name: SECOND, value: y"})

    assert Variable.objects.get().value == "x}, {name: SECOND, value: y"


def test_all_unknown_names_are_listed():
    sentences = refused("variables: [{name: URL, value: '${HOST}:${PORT}${HOST}'}]")

    assert sentences == [
        "The environment does not know ${HOST}, ${PORT}. Set what is missing, or write $${…} for the text itself."
    ]
    assert not Variable.objects.exists()


# -- shape ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("environment: []", "The file: “environment” is not known here. Check its spelling."),
        ("environments: [{slug: test}]", "environments[0]: “name” is missing."),
        (
            "projects: [{slug: a, name: A, kind: stack, components: [{slug: b, name: B, stage: x}]}]",
            "projects[0].components[0].stage: This must be a whole number.",
        ),
        ("variables: [{name: PORT, value: 80}]", "variables[0].value: This must be a text. Put it in quotes."),
        ("projects: [{slug: a, name: A, kind: component}]", "projects[0].kind: This must be 'stack' or 'alone'."),
        (
            "grants: [{user: ann, role: boss}]",
            "grants[0].role: This must be viewer or business_viewer or deployer or approver or release_manager or"
            " administrator.",
        ),
        ("environments:", "environments: This must be a list."),
        ("- a", "The file is not a blueprint: at its top it holds keys such as “environments:”."),
        (
            "groups: [a]\ngroups: [b]",
            "The file cannot be read as YAML in line 2, column 1: the key “groups” is given twice.",
        ),
    ],
)
def test_the_shape_is_checked_with_the_place_in_the_file(text, sentence):
    with pytest.raises(BlueprintRefused) as refusal:
        read(text, {})

    assert refusal.value.sentences == [sentence]


def test_a_tag_that_would_run_code_is_refused():
    with pytest.raises(BlueprintRefused, match="could not determine a constructor"):
        read("groups: !!python/object/apply:os.system ['true']", {})


# -- references -------------------------------------------------------------------------------------------------------


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_written():
    before = everything()

    sentences = refused("""
        environments: [{slug: test, name: TEST}]
        variables: [{name: TZ, value: UTC, environment: qa}]
        projects: [{slug: shop, name: Shop, kind: stack, lifecycle: nowhere}]
        approval_rules: [{name: Rule, people: [bob], groups: [owners]}]
        grants: [{user: bob, role: viewer}]
    """)

    missing = "neither in this file nor stored. Check its spelling."
    assert sentences == [
        f"projects[0].lifecycle: There is no lifecycle “nowhere”, {missing}",
        f"variables[0].environment: There is no environment “qa”, {missing}",
        f"approval_rules[0].groups[0]: There is no group “owners”, {missing}",
        f"approval_rules[0].people[0]: There is no account “bob”, {missing}",
        f"grants[0].user: There is no account “bob”, {missing}",
    ]
    assert everything() == before


def test_what_refers_to_something_refused_is_not_complained_about_again():
    sentences = refused("""
        environments: [{slug: test, name: not a name}]
        lifecycles: [{slug: one, name: One, phases: [{name: Test, environments: [{environment: test}]}]}]
    """)

    assert len(sentences) == 1
    assert sentences[0].startswith("environments[0]")


def test_a_grant_is_for_a_person_or_a_group():
    a_user("ann")

    sentences = refused("""
        groups: [owners]
        grants: [{user: ann, group: owners, role: viewer}, {role: viewer}]
    """)

    sentence = "A grant is for a person or for a group: name exactly one."
    assert sentences == [f"grants[0]: {sentence}", f"grants[1]: {sentence}"]


def test_a_name_that_no_package_may_have_is_refused():
    sentences = refused(SHOP.replace("[api]", "[a b]"))

    assert sentences[0].startswith("projects[0].components[0].packages[0]: “a b” cannot be the name of a package.")
    assert not Package.objects.exists()


def test_packages_of_a_trigger_must_be_known():
    sentences = refused(SHOP.replace("{name: Every push}", "{name: Every push, packages: [mail]}"))

    assert sentences == [
        "projects[0].triggers[0].packages[0]: There is no package “mail”, neither in this file nor stored. Check its"
        " spelling."
    ]


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("around")
def test_the_command_applies_the_example_once(capsys):
    call_command("apply", EXAMPLE)
    first = capsys.readouterr().out

    call_command("apply", EXAMPLE)

    assert "Project Patient Portal: created" in first
    assert capsys.readouterr().out == "Nothing to change.\n"
    assert Process.objects.count() == 1


@pytest.mark.usefixtures("around")
def test_the_command_tries_it_dry(capsys):
    call_command("apply", EXAMPLE, dry_run=True)

    assert "Nothing was written: this was a dry run." in capsys.readouterr().out
    assert not Project.objects.exists()


def test_the_command_fails_with_one_line_for_each_sentence(tmp_path):
    file = tmp_path / "stack.yaml"
    file.write_text("environments: [{slug: a, name: A, colour: red}, {slug: b}]")

    with pytest.raises(CommandError) as failure:
        call_command("apply", file)

    assert str(failure.value).splitlines() == [
        "environments[0]: “colour” is not known here. Check its spelling.",
        "environments[1]: “name” is missing.",
    ]
    assert failure.value.returncode == 1


def test_the_command_says_that_a_file_is_missing(tmp_path):
    with pytest.raises(CommandError, match=r"cannot be read: .* State the path of a YAML file\."):
        call_command("apply", tmp_path / "missing.yaml")


# -- limits -----------------------------------------------------------------------------------------------------------

LIMITS = """
    environments: [{{slug: test, name: TEST, {environment}}}]
    projects:
      - slug: shop
        name: Shop
        kind: stack
        lifecycle: both
        {shop}
        components: [{{slug: api, name: API, stage: 1, {api}}}]
"""


def test_limits_are_set_said_and_taken_away_again():
    applied(SHOP)
    limits = {"environment": "capacity: 2, second_pair_of_eyes: true", "shop": "time_limit_seconds: 3600"}

    changes = applied(LIMITS.format(**limits, api="time_limit_seconds: 60"))

    assert changes == [
        "Environment TEST: second pair of eyes no → yes, capacity nothing → 2",
        "Project Shop: time limit seconds nothing → 3600",
        "Project API: time limit seconds nothing → 60",
    ]
    none = {"environment": "capacity: null", "shop": "time_limit_seconds: null", "api": "time_limit_seconds: null"}
    applied(LIMITS.format(**none))
    assert Environment.objects.get(slug="test").capacity is None
    assert set(Project.objects.values_list("time_limit_seconds", flat=True)) == {None}


def test_limits_that_a_file_does_not_name_stay():
    applied(SHOP)
    Environment.objects.filter(slug="test").update(capacity=2)

    assert applied(SHOP) == []
    assert Environment.objects.get(slug="test").capacity == 2
