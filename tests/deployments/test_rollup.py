"""What comes with a release is told by what is really live, component by component, whatever the numbers say."""

import pytest

from deployments import rollup
from deployments.models import LiveVersion, Status
from deployments.rollup import Part, Rollup, brought_by, brought_by_each, coming
from projects.models import Project
from registry import evidence
from registry.builds import Build, WorkItem
from releases import actions
from releases.models import Release
from tests.deployments.conftest import own_worker  # noqa: F401
from tests.deployments.rows import a_rows_shop, claimed, ended, went_live
from tests.deployments.scenes import a_manager, requested
from tests.factories import (
    a_component,
    a_lone_project,
    a_release,
    a_service_account,
    a_stack,
    a_version,
    an_environment,
)

pytestmark = pytest.mark.django_db

# A history is written as what was deployed, one after the other: "2/1" is the release of the stack with API 2 and UI 1,
# "ui 3" is UI 3 on its own, and "2/2 breaks" is a train that fails after API has been deployed.


@pytest.fixture
def shop() -> Project:
    return a_rows_shop()


def holding(shop: Project, name: str) -> Release:
    """The release of the stack with these contents; it says something about itself, and so does each component's."""
    api, ui = name.split("/")
    release = a_release(shop, api=f"{api}.0.0", ui=f"{ui}.0.0")
    for told in [release, *(line.release for line in release.components.all())]:
        actions.edit_notes(told, f"Notes of {called(told)}.", by=a_manager())
    return release


def alone(shop: Project, slug: str, version: str) -> Release:
    """The component's release of this version, which nobody writes notes for in its stack."""
    a_release(shop, **{slug: f"{version}.0.0"})
    release = Release.objects.get(project__slug=slug, number=f"{version}.0.0")
    actions.edit_notes(release, f"Notes of {called(release)}.", by=a_manager())
    return release


def called(release: Release) -> str:
    """ "2/1" for a stack's release, "UI 3" for a component's."""
    if release.project.is_stack:
        lines = release.components.select_related("release").order_by("stage")
        return "/".join(line.release.number.split(".")[0] for line in lines)
    return f"{release.project} {release.number.split('.')[0]}"


def lived(shop: Project, history: str, environment: str = "TEST") -> None:
    for step in history.split(", "):
        what, _, rest = step.partition(" ")
        if rest == "breaks":
            broken_off(holding(shop, what), environment)
        elif rest:
            went_live(alone(shop, what, rest), environment)
        else:
            went_live(holding(shop, what), environment)


def broken_off(release: Release, environment: str) -> None:
    """Its first component succeeded and its second one failed."""
    requested(release, environment)
    ended(claimed())
    ended(claimed(), Status.FAILED)


def changes(found: Rollup) -> list[str]:
    return [f"{called(part.older) if part.older else 'nothing'} → {called(part.newer)}" for part in found.parts]


def names(releases) -> list[str]:
    return [called(release) for release in releases]


# -- what would come --------------------------------------------------------------------------------------------------

COMING = {
    # history in TEST, the release that is asked about (after another one that went nowhere):
    # what changes, whose notes come, whose are taken back
    "the next release brings what changes": ("1/1", "2/1", ["1/1 → 2/1", "API 1 → API 2"], ["2/1", "API 2"], []),
    "the first one brings everything": (
        "",
        "1/1",
        ["nothing → 1/1", "nothing → API 1", "nothing → UI 1"],
        ["1/1", "API 1", "UI 1"],
        [],
    ),
    "what is live brings nothing": ("1/1", "1/1", [], [], []),
    "a component that went ahead on its own does not come again": (
        "1/1, ui 2",
        "2/2",
        ["1/1 → 2/2", "API 1 → API 2"],
        ["2/2", "API 2"],
        [],
    ),
    "a component that went further on its own is taken back": (
        "1/1, ui 3",
        "2/2",
        ["1/1 → 2/2", "API 1 → API 2", "UI 3 → UI 2"],
        ["2/2", "API 2"],
        ["UI 3"],
    ),
    "after a rollback what was taken back comes again": (
        "1/1, 2/2, 1/1",
        "2/2",
        ["1/1 → 2/2", "API 1 → API 2", "UI 1 → UI 2"],
        ["2/2", "API 2", "UI 2"],
        [],
    ),
    "a component that was rolled back on its own comes again": (
        "1/1, 2/2, ui 1",
        "2/2",
        ["UI 1 → UI 2"],
        ["UI 2"],
        [],
    ),
    "going back takes back what came since": (
        "1/1, 2/1, 2/2",
        "1/1",
        ["2/2 → 1/1", "API 2 → API 1", "UI 2 → UI 1"],
        [],
        ["2/2", "2/1", "API 2", "UI 2"],
    ),
    "what a train brought before it broke off does not come again": (
        "1/1, 2/2 breaks",
        "2/2",
        ["1/1 → 2/2", "UI 1 → UI 2"],
        ["2/2", "UI 2"],
        [],
    ),
    "what was passed over in between comes as well": (
        "1/1",
        "3/3 after 2/2",
        ["1/1 → 3/3", "API 1 → API 3", "UI 1 → UI 3"],
        ["3/3", "2/2", "API 3", "API 2", "UI 3", "UI 2"],
        [],
    ),
}


@pytest.mark.parametrize("case", COMING)
def test_what_would_come(shop, case):
    history, asked, parts, notes, taken_back = COMING[case]
    *passed_over, asked = asked.split(" after ")[::-1]
    if history:
        lived(shop, history)
    for name in passed_over:
        holding(shop, name)

    found = coming(holding(shop, asked), an_environment("TEST"))

    assert (changes(found), names(found.notes), names(found.taken_back)) == (parts, notes, taken_back)


def test_every_environment_is_compared_with_what_is_live_there(shop):
    lived(shop, "1/1")
    lived(shop, "1/1", "PROD")
    lived(shop, "2/1")
    newest = holding(shop, "3/1")

    assert names(coming(newest, an_environment("TEST")).notes) == ["3/1", "API 3"]
    assert names(coming(newest, an_environment("PROD")).notes) == ["3/1", "2/1", "API 3", "API 2"]


def test_a_component_is_compared_with_itself(shop):
    lived(shop, "1/1")

    found = coming(alone(shop, "ui", "2"), an_environment("TEST"))

    assert (changes(found), names(found.notes)) == (["UI 1 → UI 2"], ["UI 2"])


def test_a_project_on_its_own_has_but_one_part():
    site = a_lone_project("Website")
    went_live(a_release(site, website="1.0.0"))

    assert changes(coming(a_release(site, website="2.0.0"), an_environment("TEST"))) == ["Website 1 → Website 2"]


def test_a_component_that_joins_the_stack_brings_everything_of_its_own(shop):
    lived(shop, "1/1")
    a_component(shop, "Docs", stage=3)

    found = coming(a_release(shop, api="1.0.0", ui="1.0.0", docs="4.0.0"), an_environment("TEST"))

    assert changes(found) == ["1/1 → 1/1/4", "nothing → Docs 4"]


def test_a_component_that_the_release_does_not_name_stays(shop):
    docs = a_component(shop, "Docs", stage=3)
    went_live(a_release(shop, api="1.0.0", ui="1.0.0", docs="4.0.0"))
    docs.project_packages.all().delete()
    Project.objects.filter(pk=docs.pk).update(parent=a_stack("Library"))

    assert changes(coming(holding(shop, "2/1"), an_environment("TEST"))) == ["1/1/4 → 2/1", "API 1 → API 2"]


def test_a_component_that_only_goes_on_is_not_taken_back(shop):
    shop.components.filter(slug="ui").update(condition=Project.Condition.IF_NEWER)
    lived(shop, "1/1, ui 3")

    assert changes(coming(holding(shop, "2/2"), an_environment("TEST"))) == ["1/1 → 2/2", "API 1 → API 2"]


# -- what came --------------------------------------------------------------------------------------------------------

BROUGHT = {
    # history in TEST: what came with what is live of the stack at its end
    "the first release brought everything": ("1/1", ["nothing → 1/1", "nothing → API 1", "nothing → UI 1"]),
    "a release brought what changed": ("1/1, 2/1", ["1/1 → 2/1", "API 1 → API 2"]),
    "what went ahead on its own did not come with the stack": ("1/1, ui 2, 2/2", ["1/1 → 2/2", "API 1 → API 2"]),
    "what goes on its own afterwards does not either": (
        "1/1, 2/2, ui 3",
        ["1/1 → 2/2", "API 1 → API 2", "UI 1 → UI 2"],
    ),
    "a stack that was rolled back brought back what had been": (
        "1/1, 2/2, 1/1",
        ["2/2 → 1/1", "API 2 → API 1", "UI 2 → UI 1"],
    ),
    "what is live again brought it again": (
        "1/1, 2/2, 1/1, 2/2",
        ["1/1 → 2/2", "API 1 → API 2", "UI 1 → UI 2"],
    ),
    "what a train brought before it broke off came with the next attempt": (
        "1/1, 2/2 breaks, 2/2",
        ["1/1 → 2/2", "API 1 → API 2", "UI 1 → UI 2"],
    ),
    "deploying it again takes nothing from what came with it": (
        "1/1, 2/2, 2/2",
        ["1/1 → 2/2", "API 1 → API 2", "UI 1 → UI 2"],
    ),
    "a component that had gone further was taken back": (
        "1/1, ui 3, 2/2",
        ["1/1 → 2/2", "API 1 → API 2", "UI 3 → UI 2"],
    ),
}


@pytest.mark.parametrize("case", BROUGHT)
def test_what_came(shop, case):
    history, parts = BROUGHT[case]
    lived(shop, history)

    assert changes(brought_by(live(shop))) == parts


def live(project: Project, environment: str = "TEST") -> LiveVersion:
    return LiveVersion.objects.now().get(project=project, environment=an_environment(environment))


@pytest.mark.parametrize(
    ("history", "came"),
    [
        ("1/1", ["nothing → UI 1"]),
        ("1/1, ui 2", ["UI 1 → UI 2"]),
        ("1/1, ui 2, ui 2", ["UI 1 → UI 2"]),
        ("1/1, ui 3, 2/2", ["UI 3 → UI 2"]),
        ("1/1, 2/2, ui 1, ui 2", ["UI 1 → UI 2"]),
    ],
)
def test_what_came_with_a_component(shop, history, came):
    lived(shop, history)

    assert changes(brought_by(live(shop.components.get(slug="ui")))) == came


def test_what_was_live_in_between_is_told_as_it_was_then(shop):
    lived(shop, "1/1, 2/1, 2/2, 1/1")
    intervals = list(LiveVersion.objects.filter(project=shop).select_related("release__project").order_by("pk"))

    told = brought_by_each(intervals)

    assert [changes(told[interval.pk]) for interval in intervals] == [
        ["nothing → 1/1", "nothing → API 1", "nothing → UI 1"],
        ["1/1 → 2/1", "API 1 → API 2"],
        ["2/1 → 2/2", "UI 1 → UI 2"],
        ["2/2 → 1/1", "API 2 → API 1", "UI 2 → UI 1"],
    ]
    assert names(told[intervals[3].pk].taken_back) == ["2/2", "2/1", "API 2", "UI 2"]


def test_another_environment_has_a_history_of_its_own(shop):
    lived(shop, "1/1, 2/1, 2/2")
    lived(shop, "2/2", "PROD")

    assert changes(brought_by(live(shop, "PROD"))) == ["nothing → 2/2", "nothing → API 2", "nothing → UI 2"]


# -- work items -------------------------------------------------------------------------------------------------------


def built(package: str, version: str, *work_items: str) -> None:
    a_version(package, f"{version}.0.0")
    told = Build(work_items=tuple(WorkItem(item, f"Title of {item}") for item in work_items))
    evidence.record_build(package, f"{version}.0.0", told, a_service_account())


def test_a_work_item_that_several_components_name_comes_once(shop):
    lived(shop, "1/1")
    built("api", "2", "S-1", "S-2")
    built("ui", "2", "S-1")

    found = coming(holding(shop, "2/2"), an_environment("TEST"))

    assert [item.id for item in found.work_items] == ["S-1", "S-2"]


def test_work_items_are_taken_back_with_what_brought_them(shop):
    built("ui", "1", "S-1")
    built("ui", "2", "S-2")
    built("api", "2", "S-3")
    lived(shop, "1/1, ui 2")

    found = coming(holding(shop, "2/1"), an_environment("TEST"))

    assert [item.id for item in found.work_items] == ["S-3"]
    assert [item.id for item in found.work_items_taken_back] == ["S-2"]


# -- how much it asks -------------------------------------------------------------------------------------------------


def test_what_would_come_takes_the_same_questions_however_much_it_is(shop, django_assert_num_queries):
    a_component(shop, "Docs", stage=3)
    environment = an_environment("TEST")
    went_live(a_release(shop, api="1.0.0", ui="1.0.0", docs="1.0.0"))
    few = Release.objects.select_related("project").get(pk=a_release(shop, api="1.0.0", ui="2.0.0", docs="1.0.0").pk)
    built("api", "3", "S-1")
    many = Release.objects.select_related("project").get(pk=a_release(shop, api="3.0.0", ui="3.0.0", docs="3.0.0").pk)

    for release in (few, many):
        with django_assert_num_queries(6):
            told(coming(release, environment))


def test_what_came_takes_the_same_questions_however_many_are_asked_about(shop, django_assert_num_queries):
    lived(shop, "1/1, 2/1, 2/2, ui 3, 3/3")
    intervals = list(LiveVersion.objects.select_related("release__project", "project"))

    for asked in (intervals[:2], intervals):
        with django_assert_num_queries(7):
            for found in brought_by_each(asked).values():
                told(found)


def told(found: Rollup) -> list[str]:
    """Everything that a page says about it."""
    parts = [f"{part.older.number if part.older else ''} {part.newer.project.slug}" for part in found.parts]
    return parts + [f"{release} {release.notes}" for release in [*found.notes, *found.taken_back]]


def test_nothing_at_all_asks_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert rollup.rolled_up([[], []]) == [Rollup(), Rollup()]


# -- the pure part ----------------------------------------------------------------------------------------------------


def test_a_part_goes_back_where_the_new_release_is_lower():
    lower, higher = (Release(pk=pk, number=str(pk), sort_key=str(pk)) for pk in (1, 2))

    assert Part(higher, lower).is_backwards
    assert not Part(lower, higher).is_backwards
    assert not Part(None, lower).is_backwards
