"""Below a component the grid shows what its manifest names: which version is where, and where environments differ."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from deployments.grid import Grid, Row, build_grids
from deployments.grid_contents import ContentRow, content_rows, fold_words, unfolded
from lifecycles.models import Environment
from projects.models import Project
from registry.models import Package
from releases.contents import Entry
from tests.deployments.rows import a_rows_shop, went_live
from tests.factories import a_lone_project, a_package, a_release, a_source, a_stack, a_version, an_outside_package

TEST, QA, PROD = (Environment(name=name, slug=name.lower()) for name in ("TEST", "QA", "PROD"))


def entries(**versions: str) -> list[Entry]:
    return [Entry((1, name), "state", name, name.upper(), version) for name, version in versions.items()]


def rows_of(*places: dict[str, str] | None) -> list[ContentRow]:
    """TEST, QA and PROD with these manifests (None: nothing is live there)."""
    live = [number if held is not None else None for number, held in enumerate(places, start=1)]
    held = {number: entries(**manifest) for number, manifest in enumerate(places, start=1) if manifest}
    return content_rows(list(zip((TEST, QA, PROD), live, strict=False)), held)


def told(rows: list[ContentRow]) -> dict[str, list[tuple[str | None, str]]]:
    return {row.label: [(cell.version, cell.apart) for cell in row.cells] for row in rows}


# -- rows, without a database -----------------------------------------------------------------------------------------


def test_every_component_of_a_manifest_is_a_row_in_order_of_its_label():
    assert list(told(rows_of({"b": "1", "a": "2"}))) == ["A", "B"]


def test_a_version_that_is_the_same_as_to_the_left_is_not_marked():
    assert told(rows_of({"a": "1"}, {"a": "1"})) == {"A": [("1", ""), ("1", "")]}


def test_another_version_says_what_there_is_to_the_left():
    assert told(rows_of({"a": "2"}, {"a": "1"})) == {"A": [("2", ""), ("1", "TEST has 2")]}


def test_what_is_missing_says_what_there_is_to_the_left():
    assert told(rows_of({"a": "2"}, {})) == {"A": [("2", ""), (None, "TEST has 2")]}


def test_what_is_missing_to_the_left_says_so():
    assert told(rows_of({}, {"a": "1"})) == {"A": [(None, ""), ("1", "not in TEST")]}


def test_where_nothing_is_live_nothing_differs():
    assert told(rows_of({"a": "1"}, None, {"a": "2"})) == {"A": [("1", ""), (None, ""), ("2", "")]}


def test_without_a_manifest_there_are_no_rows():
    assert rows_of({}, None) == []


def test_few_rows_are_all_shown():
    rows = rows_of(dict.fromkeys("abcdef", "1"))

    assert (unfolded(rows), fold_words(rows)) == (rows, "")


def test_of_many_rows_those_are_shown_that_differ():
    rows = rows_of(dict.fromkeys("abcdefgh", "1"), dict.fromkeys("abcdefgh", "1") | {"c": "0"})

    assert [row.label for row in unfolded(rows)] == ["C"]
    assert fold_words(rows) == "7 more in its manifest, no different between environments"


def test_many_rows_none_of_which_differ_are_all_folded():
    rows = rows_of(dict.fromkeys("abcdefgh", "1"), dict.fromkeys("abcdefgh", "1"))

    assert (unfolded(rows), fold_words(rows)) == ([], "8 in its manifest, no different between environments")


def test_many_rows_most_of_which_differ_are_all_folded_and_counted():
    rows = rows_of(dict.fromkeys("abcdefgh", "1"), dict.fromkeys("abcdefg", "0") | {"h": "1"})

    assert (unfolded(rows), fold_words(rows)) == ([], "8 in its manifest, 7 of them differ between environments")


# -- in the grid ------------------------------------------------------------------------------------------------------


def grid_of(stack: Project) -> Grid:
    return build_grids([Project.objects.get(pk=stack.pk)])[0]


def row(grid: Grid, name: str = "API") -> Row:
    return next(row for row in grid.rows if row.project.name == name)


def a_state(version: str, package: str = "api", **contents: str) -> str:
    return a_version(package, version, contents=contents).version


@pytest.mark.django_db
def test_the_grid_shows_what_the_live_releases_of_a_component_name():
    stack = a_rows_shop()
    first = a_release(stack, api=a_state("1.0.0", patient="1.4.113"))
    went_live(first)
    went_live(first, "PROD")
    went_live(a_release(stack, api=a_state("1.1.0", patient="1.4.114")))

    grid = grid_of(stack)

    assert told(row(grid).contents) == {"patient": [("1.4.114", ""), ("1.4.113", "TEST has 1.4.114")]}
    assert [shown.contents for shown in grid.rows if shown.project.name != "API"] == [[], []]


@pytest.mark.django_db
def test_the_grid_of_a_project_on_its_own_shows_it_too():
    website = a_lone_project()
    went_live(a_release(website, website=a_state("1.0.0", "website", theme="7")))

    assert told(row(grid_of(website), "Website").contents) == {"theme": [("7", ""), (None, "")]}


@pytest.mark.django_db
def test_the_grid_of_the_past_shows_what_was_named_then():
    stack = a_rows_shop()
    went_live(a_release(stack, api=a_state("1.0.0", patient="1.4.113")))
    then = timezone.now()
    went_live(a_release(stack, api=a_state("1.1.0", patient="1.4.114")))

    (grid,) = build_grids([stack], at=then)

    assert told(row(grid).contents) == {"patient": [("1.4.113", ""), (None, "")]}


@pytest.mark.django_db
def test_the_revision_changes_with_a_new_label():
    stack = a_rows_shop()
    a_source(a_package("api"))
    an_outside_package("patient")
    went_live(a_release(stack, api=a_state("1.0.0", patient="1.4.113")))
    before = grid_of(stack).revision
    Package.objects.filter(name="patient").update(label="Patient API")

    grid = grid_of(stack)

    assert list(told(row(grid).contents)) == ["Patient API"]
    assert grid.revision != before


@pytest.mark.django_db
def test_a_cell_names_what_it_can_be_compared_with():
    stack = a_rows_shop()
    first = a_release(stack, "1.0.0")
    went_live(first)
    went_live(first, "PROD")
    went_live(a_release(stack, "1.1.0", ui="1.1.0"))

    grid = grid_of(stack)

    assert [cell.left_number for cell in row(grid, "Shop").cells] == [None, "1.1.0"]
    assert [cell.left_number for cell in row(grid, "API").cells] == [None, None]


@pytest.mark.django_db
@pytest.mark.parametrize("count", [1, 4])
def test_manifests_take_the_same_few_queries_however_many_there_are(count):
    for n in range(count):
        stack = a_stack(f"Stack {n}", components={f"A {n}": 1, f"B {n}": 2})
        went_live(
            a_release(
                stack, **{f"a_{n}": a_state("1.0.0", f"a-{n}", x="1"), f"b_{n}": a_state("1.0.0", f"b-{n}", y="1")}
            )
        )
        a_source(a_package(f"a-{n}"))
    stacks = Project.objects.filter(kind="stack")

    with CaptureQueriesContext(connection) as queries:
        grids = build_grids(stacks)
        shown = [line.label for grid in grids for found in grid.rows for line in found.shown]

    assert sorted(shown) == ["x"] * count + ["y"] * count
    assert len(queries) == 10
