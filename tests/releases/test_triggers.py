"""A push evaluates every trigger that watches the package, and each leaves one visible record, also of nothing."""

import io
import zipfile

import pytest

from accounts.models import Event
from projects.models import Project
from registry import actions as registry
from registry import storage
from registry.models import PackageVersion
from releases import actions
from releases.models import Release, TriggerEvaluation
from tests.factories import a_lone_project, a_package, a_service_account, a_stack, a_trigger, a_version

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(settings, tmp_path):
    settings.PACKAGES_DIR = tmp_path / "packages"


def a_shop() -> Project:
    return a_stack("Shop", components={"API": 1, "UI": 2})


def pushed(name: str, version: str) -> actions.Intake:
    """The same bytes for the same name and version, whenever it is called."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(zipfile.ZipInfo("release.sh"), f"#!/bin/sh\necho {name} {version}\n")
    received = storage.receive([memory.getvalue()], max_bytes=10**6)
    return actions.take_in(
        received,
        name=name,
        version=version,
        filename=f"{name}.zip",
        inspection=registry.examine(received),
        by=a_service_account("pipeline"),
    )


def said(intake: actions.Intake) -> list[tuple[str, str]]:
    return [(evaluation.outcome, evaluation.sentence) for evaluation in intake.evaluations]


# -- created ----------------------------------------------------------------------------------------------------------


def test_a_push_that_completes_a_stack_creates_its_release():
    trigger = a_trigger(a_shop())
    a_version("api", "1.0.0")

    intake = pushed("ui", "1.0.0")

    release = Release.objects.get(project__name="Shop")
    assert said(intake) == [("created", "ui 1.0.0 led to Shop 1.0.1.")]
    assert (intake.new_releases, release.trigger) == ([release], trigger)
    assert release.created_by == a_service_account("pipeline")


def test_a_push_that_creates_a_release_says_so_on_the_trail_of_its_project():
    stack = a_shop()
    a_trigger(stack)
    a_version("api", "1.0.0")

    pushed("ui", "1.0.0")

    line = Event.objects.get(verb="trigger.evaluated")
    assert (line.actor, line.project, line.sentence) == (
        a_service_account("pipeline"),
        stack,
        "ui 1.0.0 led to Shop 1.0.1.",
    )


def test_a_push_for_a_project_on_its_own_creates_its_release():
    a_trigger(a_lone_project())

    intake = pushed("website", "3.2.1")

    assert said(intake) == [("created", "website 3.2.1 led to Website 3.2.1.")]


def test_every_trigger_that_watches_the_package_is_evaluated_once():
    a_version("fonts", "1.0.0")
    for name in ("Shop", "Depot"):
        stack = a_stack(name, components={f"{name} UI": 1})
        stack.components.get().project_packages.create(package=a_package("fonts"), position=2)
        a_version(f"{name.lower()}-ui", "1.0.0")
        a_trigger(stack)

    intake = pushed("fonts", "1.1.0")

    assert said(intake) == [
        ("created", "fonts 1.1.0 led to Shop 1.0.1."),
        ("created", "fonts 1.1.0 led to Depot 1.0.1."),
    ]


# -- nothing ----------------------------------------------------------------------------------------------------------


def test_a_push_that_creates_nothing_leaves_a_record_with_the_reason():
    a_trigger(a_shop())

    intake = pushed("ui", "1.0.0")

    assert said(intake) == [
        ("nothing", "No release was created: API has no package yet that could be deployed."),
    ]
    assert TriggerEvaluation.objects.get().release is None


def test_a_push_that_creates_nothing_leaves_nothing_half_done():
    a_trigger(a_shop())

    pushed("api", "1.0.0")

    assert not Release.objects.exists()
    assert PackageVersion.objects.get().version == "1.0.0"


def test_a_push_for_a_stack_that_lost_its_components_says_so():
    trigger = a_trigger(a_stack("Shop"), "Watcher", a_package("ui"))

    intake = pushed("ui", "1.0.0")

    assert said(intake) == [
        ("nothing", "No release was created: Shop has no components yet. An administrator adds them.")
    ]
    assert intake.evaluations[0].trigger == trigger


# -- existing ---------------------------------------------------------------------------------------------------------


def test_a_push_of_something_older_says_what_is_newer():
    a_trigger(a_shop())
    a_version("api", "1.0.0")
    pushed("ui", "1.10.0")

    intake = pushed("ui", "1.9.0")

    assert said(intake) == [
        ("existing", "Shop 1.0.1 holds the newest of everything already: ui 1.10.0 is newer than ui 1.9.0.")
    ]
    assert intake.new_releases == []
    assert Release.objects.filter(project__name="Shop").count() == 1


def test_a_push_of_what_a_release_holds_already_says_so():
    stack = a_shop()
    a_version("api", "1.0.0")
    first = a_trigger(stack, "First")
    a_trigger(stack, "Second")

    intake = pushed("ui", "1.0.0")

    assert said(intake) == [
        ("created", "ui 1.0.0 led to Shop 1.0.1."),
        ("existing", "Shop 1.0.1 holds ui 1.0.0 and the newest of everything else already."),
    ]
    assert Release.objects.get(project=stack).trigger == first


def test_a_push_of_a_package_that_is_no_part_of_the_release_says_so():
    stack = a_shop()
    a_version("api", "1.0.0")
    a_version("ui", "1.0.0")
    actions.create(stack, by=a_service_account())
    a_trigger(stack, "Watcher", a_package("docs"))

    intake = pushed("docs", "1.0.0")

    assert said(intake) == [
        ("existing", "Shop 1.0.1 holds the newest of everything already; docs is no part of it."),
    ]


# -- again ------------------------------------------------------------------------------------------------------------


def test_the_same_bytes_again_evaluate_nothing_anew_and_answer_as_the_first_time():
    a_trigger(a_shop())
    a_version("api", "1.0.0")
    first = pushed("ui", "1.0.0")

    again = pushed("ui", "1.0.0")

    assert (first.created, again.created) == (True, False)
    assert again.evaluations == first.evaluations
    assert (TriggerEvaluation.objects.count(), again.new_releases) == (1, [])


def test_other_bytes_under_the_same_version_are_refused_and_evaluate_nothing():
    a_trigger(a_shop())
    a_version("ui", "1.0.0")

    with pytest.raises(registry.VersionTaken):
        pushed("ui", "1.0.0")

    assert not TriggerEvaluation.objects.exists()


# -- what is watched --------------------------------------------------------------------------------------------------


def test_a_trigger_that_is_switched_off_is_not_evaluated():
    trigger = a_trigger(a_shop())
    a_version("api", "1.0.0")
    trigger.enabled = False
    trigger.save()

    intake = pushed("ui", "1.0.0")

    assert (intake.evaluations, Release.objects.count()) == ([], 0)


def test_a_trigger_that_names_packages_watches_these_only():
    a_trigger(a_shop(), "Only the API", a_package("api"))
    a_version("api", "1.0.0")

    intake = pushed("ui", "1.0.0")

    assert intake.evaluations == []


def test_a_trigger_that_names_packages_takes_the_newest_of_the_others_along():
    a_trigger(a_shop(), "Only the API", a_package("api"))
    a_version("ui", "1.0.0")

    intake = pushed("api", "1.0.0")

    lines = intake.new_releases[0].components.values_list("component__name", "release__number")
    assert list(lines) == [("API", "1.0.0"), ("UI", "1.0.0")]


def test_a_package_that_nobody_watches_is_published_all_the_same():
    a_trigger(a_shop())

    intake = pushed("elsewhere", "1.0.0")

    assert (intake.created, intake.evaluations) == (True, [])


def test_a_withdrawn_version_that_was_the_newest_gives_way():
    a_trigger(a_shop())
    a_version("api", "1.0.0")
    a_version("ui", "9.0.0")
    registry.withdraw(a_version("ui", "9.0.0"), by=a_service_account(), reason="Pushed by mistake.")

    intake = pushed("ui", "1.0.0")

    assert said(intake) == [("created", "ui 1.0.0 led to Shop 1.0.1.")]
