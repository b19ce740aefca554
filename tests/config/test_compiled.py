"""A queryset that is built once gives what it would give when it is built anew, for whatever values it is asked."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from config import compiled
from config.compiled import parameter
from projects.models import Project, Variable
from registry.models import PackageVersion
from tests.factories import a_lone_project, a_stack, a_version, an_environment

pytestmark = pytest.mark.django_db


def _variables() -> QuerySet[Variable]:
    chosen = Variable.objects.filter(project=parameter("project")).order_by("name")
    return chosen.select_related("project__parent", "environment")


def _components() -> QuerySet[Project]:
    empty = ~Exists(Variable.objects.filter(project=OuterRef("pk")))
    return Project.objects.filter(parent=parameter("stack")).annotate(is_empty=empty).order_by("pk")


def _versions() -> QuerySet[PackageVersion]:
    return PackageVersion.objects.filter(package__name=parameter("package")).order_by("pk")


def _contents() -> "QuerySet[PackageVersion, tuple[dict[str, str], str]]":
    return PackageVersion.objects.filter(package__name=parameter("package")).values_list("contents", "package__name")


def _names() -> QuerySet[Project]:
    return Project.objects.filter(slug=parameter("slug")).only("name")


def test_rows_come_with_what_is_selected_along(django_assert_num_queries):
    ui = a_stack("Shop", {"UI": 1}).components.get()
    ui.variables.create(name="COLOUR", value="blue")
    ui.variables.create(name="PLACE", value="here", environment=an_environment("PROD"))

    with django_assert_num_queries(1):
        colour, place = compiled.rows(_variables, project=ui.pk)
        told = [
            (row.name, row.project.parent.name, row.environment and row.environment.name) for row in (colour, place)
        ]

    assert told == [("COLOUR", "Shop", None), ("PLACE", "Shop", "PROD")]


def test_rows_know_what_is_annotated():
    stack = a_stack("Shop", {"API": 1, "UI": 1})
    stack.components.get(name="UI").variables.create(name="COLOUR", value="blue")

    rows = compiled.rows(_components, stack=stack.pk)

    assert [(row.name, row.is_empty) for row in rows] == [("API", True), ("UI", False)]


def test_rows_hold_what_the_model_reads_them_as():
    published = a_version("ui", "1.0.0", contents={"api": "1.4"}, targets=["TEST"])

    (row,) = compiled.rows(_versions, package="ui")

    assert row == published
    assert (row.contents, row.targets, row.published_at) == ({"api": "1.4"}, ["TEST"], published.published_at)
    assert not row._state.adding


def test_values_come_as_the_model_reads_them():
    a_version("ui", "1.0.0", contents={"api": "1.4"})

    assert compiled.rows(_contents, package="ui") == [({"api": "1.4"}, "ui")]


def test_columns_that_were_left_out_are_fetched_when_they_are_asked_for(django_assert_num_queries):
    a_lone_project("Website", description="What it is.")
    (row,) = compiled.rows(_names, slug="website")

    with django_assert_num_queries(1):
        told = (row.name, row.description)

    assert told == ("Website", "What it is.")


def test_each_asking_gives_what_belongs_to_its_own_values():
    a_version("ui", "1.0.0")
    a_version("api", "2.0.0")

    found = [[row.version for row in compiled.rows(_versions, package=name)] for name in ("ui", "api", "docs", "ui")]

    assert found == [["1.0.0"], ["2.0.0"], [], ["1.0.0"]]


def test_the_first_is_none_where_nothing_is():
    a_version("ui", "1.0.0")

    assert compiled.first(_versions, package="docs") is None


@pytest.mark.django_db(transaction=True)
def test_what_one_thread_has_built_another_one_asks_on_its_own_connection():
    published = a_version("ui", "1.0.0")
    compiled.rows(_versions, package="ui")

    with ThreadPoolExecutor(1) as pool:
        rows = pool.submit(_asked_alone).result()

    assert [(row, row.published_at) for row in rows] == [(published, published.published_at)]


def _asked_alone() -> list[PackageVersion]:
    try:
        return compiled.rows(_versions, package="ui")
    finally:
        connection.close()
