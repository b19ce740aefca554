"""Two releases are read side by side: what they hold, what they were frozen with, and what was written between them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from projects.models import Project, Variable
from registry.builds import Build, WorkItem
from registry.evidence import record_build
from releases.comparing import Compared, compared
from releases.comparison import Difference, Kind, PartComparison
from releases.models import Release
from tests.factories import (
    a_lone_project,
    a_package,
    a_release,
    a_source,
    a_stack,
    a_user,
    a_version,
    an_environment,
    an_outside_package,
)

pytestmark = pytest.mark.django_db

CHANGED = Kind.CHANGED


@pytest.fixture
def shop() -> Project:
    return a_stack("Shop", components={"API": 1, "UI": 2})


def a_state(version: str, **contents: str) -> str:
    """A version of the package api with this manifest; “_” stands for “-”."""
    manifest = {component.replace("_", "-"): number for component, number in contents.items()}
    return a_version("api", version, contents=manifest).version


def technically(before: Release, after: Release) -> Compared:
    return compared(before, after, technical=True)


def part(found: Compared, slug: str = "api") -> PartComparison:
    return next(part for part in found.comparison.parts if part.slug == slug)


def written(release: Release, notes: str) -> Release:
    Release.objects.filter(pk=release.pk).update(notes=notes)
    return release


def a_variable(
    project: Project, value: str, name: str = "KEY", *, sensitive: bool = False, **scope: object
) -> Variable:
    variable = Variable.objects.filter(project=project, name=name, **scope).first()
    variable = variable or Variable(project=project, name=name, **scope)
    variable.set_value(value, sensitive=sensitive)
    variable.save()
    return variable


# -- what they hold ---------------------------------------------------------------------------------------------------


def test_a_stack_is_compared_component_by_component(shop):
    before = a_release(shop, "1.0.0", ui="1.0.0")
    after = a_release(shop, "1.1.0", ui="1.1.0")

    comparison = technically(before, after).comparison

    assert [(part.name, part.number.before, part.number.after) for part in comparison.changed] == [
        ("UI", "1.0.0", "1.1.0")
    ]
    assert [part.name for part in comparison.unchanged] == ["API"]


def test_a_project_on_its_own_is_its_only_part():
    website = a_lone_project()
    before, after = a_release(website, website="1.0.0"), a_release(website, website="2.0.0")

    (only,) = technically(before, after).comparison.changed

    assert (only.name, only.number.before, only.number.after) == ("Website", "1.0.0", "2.0.0")


def test_a_component_is_compared_on_its_own(shop):
    before = a_release(shop, api=a_state("1.0.0", x="1")).components.get(component__slug="api").release
    after = a_release(shop, api=a_state("1.1.0", x="2")).components.get(component__slug="api").release

    (only,) = technically(before, after).comparison.changed

    assert [(line.what.name, line.before, line.after) for line in only.contents] == [("x", "1", "2")]


def test_the_components_of_a_manifest_carry_the_labels_of_the_outside_store(shop):
    an_outside_package("patient-api", label="Patient API")
    a_source(a_package("api"))
    before = a_release(shop, api=a_state("1.0.0", patient_api="1.4.113"))
    after = a_release(shop, api=a_state("1.1.0", patient_api="1.4.114"))

    (line,) = part(technically(before, after)).changed_contents

    assert (str(line.what), line.what.name, line.what.within) == ("Patient API", "patient-api", "api")
    assert (line.before, line.after) == ("1.4.113", "1.4.114")


def test_another_stage_is_told(shop):
    before = a_release(shop)
    shop.components.filter(slug="ui").update(stage=3)

    found = part(technically(before, a_release(shop)), "ui")

    assert [(line.what, line.before, line.after) for line in found.place] == [("Stage", "2", "3")]


# -- what they were frozen with ---------------------------------------------------------------------------------------


def test_another_value_of_a_variable_is_told():
    website, prod = a_lone_project(), an_environment("PROD")
    a_variable(website, "one", environment=prod)
    before = a_release(website)
    a_variable(website, "two", environment=prod)

    (line,) = part(technically(before, a_release(website)), "website").variables

    assert (str(line.what), line.kind, line.before, line.after) == ("KEY in PROD", CHANGED, "one", "two")


def test_another_secret_is_told_without_either_value():
    website = a_lone_project()
    a_variable(website, "hunter2", sensitive=True)
    before = a_release(website)
    a_variable(website, "hunter3", sensitive=True)

    found = technically(before, a_release(website))

    (line,) = part(found, "website").variables
    assert (str(line.what), line.kind, line.before, line.after, line.is_secret) == ("KEY", CHANGED, None, None, True)


def test_a_secret_that_was_only_encrypted_again_has_not_changed():
    website = a_lone_project()
    a_variable(website, "hunter2", sensitive=True)
    before = a_release(website, website="1.0.0")
    a_variable(website, "hunter2", sensitive=True)

    assert part(technically(before, a_release(website, website="1.1.0")), "website").variables == []


def test_a_secret_whose_key_is_lost_is_compared_as_it_is_stored(settings):
    website = a_lone_project()
    a_variable(website, "hunter2", sensitive=True)
    before, after = a_release(website, website="1.0.0"), a_release(website, website="1.1.0")
    settings.ENCRYPTION_KEYS = ["MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA="]

    assert part(technically(before, after), "website").variables == []


def test_another_step_and_another_name_of_the_process_are_told():
    website = a_lone_project()
    before = a_release(website)
    website.process.steps.create(position=2, name="Tidy")
    website.process.steps.filter(position=1).update(time_limit_seconds=5)
    type(website.process).objects.update(name="Run and tidy")
    website.refresh_from_db()

    found = part(technically(before, a_release(website)), "website")

    assert found.process == Difference("Process", CHANGED, "Execute the release package", "Run and tidy")
    assert [(line.what, str(line.kind)) for line in found.steps] == [
        ("Run the release package", "changed"),
        ("Tidy", "added"),
    ]


def test_whoever_sees_no_technical_details_learns_nothing_of_process_and_variables():
    website = a_lone_project()
    before = a_release(website)
    a_variable(website, "one")
    after = a_release(website)

    found = part(compared(before, after, technical=False), "website")

    assert (found.variables, found.is_deployed_differently, found.is_same_inside) == ([], False, True)


# -- what was written between them ------------------------------------------------------------------------------------


def test_the_notes_between_the_two_are_told_newest_first_with_those_of_the_newer(shop):
    releases = [written(a_release(shop, f"1.{n}.0", ui=f"1.{n}.0"), f"Note {n}") for n in range(5)]

    found = technically(releases[1], releases[3])

    assert [release.notes for release in found.notes] == ["Note 3", "Note 2"]


def test_the_notes_on_the_way_back_are_those_that_go(shop):
    older, newer = a_release(shop, "1.0.0", ui="1.0.0"), written(a_release(shop, "1.1.0", ui="1.1.0"), "New")

    assert [release.notes for release in technically(newer, older).notes] == ["New"]


def test_the_notes_of_components_that_change_come_after_those_of_the_stack(shop):
    before = a_release(shop, "1.0.0", ui="1.0.0")
    middle, after = a_release(shop, "1.1.0", ui="1.1.0"), written(a_release(shop, "1.2.0", ui="1.2.0"), "The stack")
    written(middle.components.get(component__slug="ui").release, "UI 1.1.0")
    written(after.components.get(component__slug="ui").release, "UI 1.2.0")
    written(before.components.get(component__slug="ui").release, "UI 1.0.0")
    written(after.components.get(component__slug="api").release, "API stays")

    found = technically(before, after)

    assert [release.notes for release in found.notes] == ["The stack", "UI 1.2.0", "UI 1.1.0"]


def test_the_notes_of_a_component_that_came_are_those_of_its_release(shop):
    before = a_release(shop, "1.0.0")
    shop.components.create(name="Docs", slug="docs", kind="component", stage=1, process=shop.components.first().process)
    Project.objects.get(slug="docs").project_packages.create(package=a_package("docs"))
    after = a_release(shop, "1.1.0", docs="1.0.0")
    written(after.components.get(component__slug="docs").release, "Documents")

    assert [release.notes for release in technically(before, after).notes] == ["Documents"]


def test_of_one_number_with_two_build_parts_the_later_comes_after_the_earlier():
    website = a_lone_project()
    before = written(a_release(website), "First")
    a_variable(website, "one")
    after = written(a_release(website), "Second")

    assert after.number == "1.0.0+2"
    assert [release.notes for release in technically(before, after).notes] == ["Second"]


@pytest.mark.parametrize("back", [False, True])
def test_the_work_items_of_the_builds_between_are_those_of_the_higher_release_whichever_way_it_goes(shop, back):
    older, newer = a_release(shop, api="1.0.0"), a_release(shop, api="1.2.0")
    item = WorkItem(id="PP-7", title="Wards", url="")
    record_build("api", "1.2.0", Build(number="7", work_items=(item,)), a_user("ci"))

    found = technically(newer, older) if back else technically(older, newer)

    assert [(told.id, told.title) for told in found.work.work_items] == [("PP-7", "Wards")]


def test_a_release_beside_itself_has_nothing_between(shop):
    release = written(a_release(shop), "Its own")

    found = technically(release, release)

    assert (found.notes, found.comparison.changed, found.work.commits) == ([], [], [])


# -- queries ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 6])
def test_many_components_take_as_many_queries_as_one(count):
    stack = a_stack("Big", components={f"C{n}": 1 for n in range(count)})
    first = a_release(
        stack, **{f"c{n}": a_version(f"c{n}", "1.0.0", contents={"x": "1"}).version for n in range(count)}
    )
    second = a_release(
        stack, **{f"c{n}": a_version(f"c{n}", "1.1.0", contents={"x": "2"}).version for n in range(count)}
    )
    a_source(a_package("c0"))

    with CaptureQueriesContext(connection) as queries:
        found = technically(first, second)

    assert len(found.comparison.changed) == count
    assert len(queries) == 11
