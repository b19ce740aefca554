"""A plan that is shown says what changes inside its components; the plan that is approved stays as it is."""

import pytest

from deployments.inside import PlanLine, lines_of
from deployments.plans import plan_for
from projects.models import Project
from releases.models import Release
from tests.deployments.rows import a_rows_shop, went_live
from tests.factories import a_release, a_version, an_environment

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Project:
    return a_rows_shop()


def a_state(version: str, **contents: str) -> str:
    return a_version("api", version, contents=contents).version


def lines(release: Release) -> dict[str, PlanLine]:
    """The lines of the plan for TEST, by the name of the component."""
    found = lines_of(plan_for(release, an_environment("TEST")).items)
    return {line.item["name"]: line for line in found}


def told(line: PlanLine) -> list[tuple[str, str, str | None, str | None]]:
    return [(line.what.label, str(line.kind), line.before, line.after) for line in line.contents]


def test_it_says_from_which_version_to_which(shop):
    went_live(a_release(shop, api=a_state("1.0.0", a="1", b="1", c="1")))

    line = lines(a_release(shop, api=a_state("1.1.0", a="2", c="1", d="1")))["API"]

    assert told(line) == [("a", "changed", "1", "2"), ("b", "removed", "1", None), ("c", "same", "1", "1"),
                          ("d", "added", None, "1")]  # fmt: skip
    assert [len(line.changed), len(line.unchanged), line.is_first] == [3, 1, False]


def test_where_nothing_is_yet_everything_is_new(shop):
    line = lines(a_release(shop, api=a_state("1.0.0", a="1")))["API"]

    assert told(line) == [("a", "added", None, "1")]
    assert line.is_first


def test_what_is_skipped_says_nothing_of_its_inside(shop):
    release = a_release(shop, api=a_state("1.0.0", a="1"))
    went_live(release)

    line = lines(a_release(shop, api="1.0.0", ui="1.1.0"))["API"]

    assert (line.item["action"], line.contents) == ("skip", [])


def test_what_has_no_manifest_says_nothing(shop):
    assert lines(a_release(shop))["UI"].contents == []


def test_a_frozen_plan_is_read_like_the_one_that_was_made(shop):
    went_live(a_release(shop, api=a_state("1.0.0", a="1")))
    plan = plan_for(a_release(shop, api=a_state("1.1.0", a="2")), an_environment("TEST"))

    frozen = lines_of(plan.as_json())

    assert [told(line) for line in frozen] == [told(line) for line in lines_of(plan.items)]
    assert told(frozen[0]) == [("a", "changed", "1", "2")]


def test_looking_inside_leaves_the_fingerprint_of_the_plan_as_it_is(shop):
    plan = plan_for(a_release(shop, api=a_state("1.0.0", a="1")), an_environment("TEST"))
    before = plan.fingerprint

    lines_of(plan.items)

    assert plan.fingerprint == before
    assert "contents" not in plan.as_json()[0]


def test_a_plan_of_many_components_takes_a_few_queries(shop, django_assert_num_queries):
    went_live(a_release(shop, api=a_state("1.0.0", a="1"), ui=a_version("ui", "1.0.0", contents={"x": "1"}).version))
    release = a_release(shop, api=a_state("1.1.0", a="2"), ui=a_version("ui", "1.1.0", contents={"x": "2"}).version)
    plan = plan_for(release, an_environment("TEST"))

    with django_assert_num_queries(3):
        found = lines_of(plan.items)

    assert [len(line.changed) for line in found] == [1, 1]
