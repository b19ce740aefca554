"""What a release brings compared with another: work items and commits of every version in between."""

import pytest

from projects.models import Project
from registry import evidence
from registry.builds import Build, Commit, WorkItem
from releases import changes
from releases.actions import edit_notes
from releases.changes import between, both_ways, noted
from tests.factories import a_component, a_lone_project, a_package, a_release, a_service_account, a_stack, a_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Project:
    return a_stack(
        "Shop",
        components={"API": 1, "UI": 2},
        commit_url="https://git.example.com/shop/commit/{commit}",
        work_item_url="https://tracker.example.com/browse/{id}",
    )


def built(package: str, version: str, *work_items: str, commits: tuple[str, ...] = (), **facts: str) -> None:
    """The version is published, and its build names these."""
    a_version(package, version)
    build = Build(
        number=facts.pop("number", version),
        commits=tuple(Commit(commit, f"Change {commit}", "ann") for commit in commits),
        work_items=tuple(WorkItem(item, f"Title of {item}") for item in work_items),
        **facts,
    )
    evidence.record_build(package, version, build, a_service_account())


def ids(told) -> list[str]:
    return [one.id for one in told]


def test_every_version_in_between_counts_and_what_is_there_already_does_not(shop):
    built("ui", "1.0.0", "S-1", commits=("a1",))
    older = a_release(shop, api="1.0.0", ui="1.0.0")
    built("ui", "1.1.0", "S-2", commits=("a2",))
    built("ui", "1.2.0", "S-3", commits=("a3",))
    built("ui", "1.3.0", "S-4", commits=("a4",))
    newer = a_release(shop, api="1.0.0", ui="1.2.0")

    found = between(older, newer)

    assert (ids(found.work_items), ids(found.commits)) == (["S-3", "S-2"], ["a3", "a2"])
    assert [str(version) for version in found.versions] == ["ui 1.2.0", "ui 1.1.0"]


def test_a_version_that_was_published_late_counts_by_its_number(shop):
    built("ui", "1.0.0")
    older = a_release(shop, ui="1.0.0")
    newer = a_release(shop, ui="2.0.0")
    built("ui", "1.5.0", "S-5")

    assert ids(between(older, newer).work_items) == ["S-5"]


def test_components_come_in_order_of_deployment(shop):
    older = a_release(shop, api="1.0.0", ui="1.0.0")
    built("ui", "1.1.0", "S-1")
    built("api", "1.1.0", "S-2")
    newer = a_release(shop, api="1.1.0", ui="1.1.0")

    found = between(older, newer)

    assert ids(found.work_items) == ["S-2", "S-1"]
    assert [version.package.name for version in found.versions] == ["api", "ui"]


def test_the_same_work_item_and_the_same_commit_are_told_once(shop):
    older = a_release(shop, api="1.0.0", ui="1.0.0")
    built("api", "1.1.0", "S-1", "S-2", commits=("a1",))
    built("ui", "1.1.0", "S-1", commits=("a1", "a2"))
    newer = a_release(shop, api="1.1.0", ui="1.1.0")

    found = between(older, newer)

    assert (ids(found.work_items), ids(found.commits)) == (["S-1", "S-2"], ["a1", "a2"])


def test_the_same_number_in_two_trackers_is_two_work_items(shop):
    shop.components.filter(slug="api").update(work_item_url="https://api.example.com/issues/{id}")
    older = a_release(shop, api="1.0.0", ui="1.0.0")
    built("api", "1.1.0", "#12")
    built("ui", "1.1.0", "#12")
    newer = a_release(shop, api="1.1.0", ui="1.1.0")

    assert [item.url for item in between(older, newer).work_items] == [
        "https://api.example.com/issues/12",
        "https://tracker.example.com/browse/12",
    ]


def test_addresses_follow_the_patterns_of_the_stack(shop):
    older = a_release(shop, ui="1.0.0")
    built("ui", "1.1.0", "S-1", commits=("a/b#1",))
    newer = a_release(shop, ui="1.1.0")

    found = between(older, newer)

    assert found.work_items == [changes.WorkItem("S-1", "Title of S-1", "https://tracker.example.com/browse/S-1")]
    assert found.commits == [
        changes.Commit("a/b#1", "Change a/b#1", "ann", "https://git.example.com/shop/commit/a%2Fb%231")
    ]


def test_a_component_has_patterns_of_its_own(shop):
    shop.components.filter(slug="ui").update(commit_url="https://git.example.com/ui/commit/{commit}")
    older = a_release(shop, ui="1.0.0")
    built("ui", "1.1.0", "S-1", commits=("a1",))
    newer = a_release(shop, ui="1.1.0")

    found = between(older, newer)

    assert found.commits[0].url == "https://git.example.com/ui/commit/a1"
    assert found.work_items[0].url == "https://tracker.example.com/browse/S-1"


def test_the_address_that_a_build_states_goes_before_the_pattern(shop):
    older = a_release(shop, ui="1.0.0")
    a_version("ui", "1.1.0")
    stated = WorkItem("S-1", "Title", "https://elsewhere.example.com/S-1")
    evidence.record_build("ui", "1.1.0", Build(work_items=(stated,)), a_service_account())
    newer = a_release(shop, ui="1.1.0")

    assert between(older, newer).work_items[0].url == "https://elsewhere.example.com/S-1"


def test_without_a_pattern_there_is_no_address():
    site = a_lone_project("Site", package="site")
    older = a_release(site, site="1.0.0")
    built("site", "1.1.0", "S-1", commits=("a1",))
    newer = a_release(site, site="1.1.0")

    found = between(older, newer)

    assert (found.work_items[0].url, found.commits[0].url) == ("", "")


def test_a_build_that_lists_no_commits_tells_its_own(shop):
    older = a_release(shop, ui="1.0.0")
    built("ui", "1.1.0", commit="cafe12")
    newer = a_release(shop, ui="1.1.0")

    assert between(older, newer).commits == [
        changes.Commit("cafe12", "", "", "https://git.example.com/shop/commit/cafe12")
    ]


def test_where_nothing_is_everything_is_brought(shop):
    built("ui", "1.0.0", "S-1")
    built("ui", "1.1.0", "S-2")
    built("ui", "1.2.0", "S-3")
    newer = a_release(shop, api="1.0.0", ui="1.1.0")

    assert ids(between(None, newer).work_items) == ["S-2", "S-1"]


def test_a_component_that_is_new_brings_everything_of_its_own(shop):
    built("ui", "1.0.0", "S-1")
    older = a_release(shop, ui="1.0.0")
    a_component(shop, "Worker", stage=3)
    built("worker", "1.0.0", "S-7")
    newer = a_release(shop)

    assert ids(between(older, newer).work_items) == ["S-7"]


def test_a_component_that_goes_back_brings_nothing(shop):
    built("ui", "1.0.0", "S-1")
    built("ui", "1.1.0", "S-2")
    older = a_release(shop, api="1.0.0", ui="1.1.0")
    built("api", "1.1.0", "S-3")
    newer = a_release(shop, api="1.1.0", ui="1.0.0")

    assert ids(between(older, newer).work_items) == ["S-3"]


def test_the_same_release_brings_nothing(shop):
    built("ui", "1.0.0", "S-1")
    release = a_release(shop, ui="1.0.0")

    found = between(release, release)

    assert found == changes.NONE
    assert not found


def test_a_component_s_own_releases_are_compared_as_well(shop):
    first = a_release(shop, ui="1.0.0").components.get(component__slug="ui").release
    built("ui", "1.1.0", "S-1")
    second = a_release(shop, ui="1.1.0").components.get(component__slug="ui").release

    assert ids(between(first, second).work_items) == ["S-1"]


def test_of_a_release_that_others_share_components_with_nothing_is_told_twice(shop):
    older = a_release(shop, api="1.0.0", ui="1.0.0")
    built("api", "1.1.0", "S-1")
    a_release(shop, "2.0.0", api="1.1.0", ui="1.0.0")
    a_release(shop, "2.0.1", api="1.1.0", ui="1.1.0")
    newer = a_release(shop, "2.0.2", api="1.1.0", ui="1.2.0")

    assert [str(version) for version in between(older, newer).versions] == ["api 1.1.0", "ui 1.2.0", "ui 1.1.0"]


def test_a_long_way_takes_no_more_queries_than_a_short_one(shop, django_assert_num_queries):
    older = a_release(shop, api="1.0.0", ui="1.0.0")
    built("api", "1.1.0", "S-1")
    built("ui", "1.1.0", "S-2")
    built("ui", "1.2.0", "S-3")
    newer = a_release(shop, api="1.1.0", ui="1.2.0")

    with django_assert_num_queries(4):
        between(older, newer)


# -- both ways, for many at once --------------------------------------------------------------------------------------


def of(stack: Project, slug: str, **versions: str):
    """The component's release inside a new release of the stack."""
    return a_release(stack, **versions).components.get(component__slug=slug).release


def test_what_comes_and_what_goes_are_told_apart(shop):
    built("ui", "1.0.0")
    built("ui", "1.1.0", "S-1")
    built("api", "2.0.0", "S-2")
    older_api, newer_api = of(shop, "api", api="1.0.0", ui="1.1.0"), of(shop, "api", api="2.0.0", ui="1.1.0")
    higher_ui, lower_ui = of(shop, "ui", api="1.0.0", ui="1.1.0"), of(shop, "ui", api="1.0.0", ui="1.0.0")

    (found,) = both_ways([[(older_api, newer_api), (higher_ui, lower_ui)]])

    assert (ids(found.brought.work_items), ids(found.taken_back.work_items)) == (["S-2"], ["S-1"])


def test_a_package_that_is_gone_takes_its_work_items_back_only_on_the_way_down():
    site = a_lone_project("Site", package="site")
    without = a_release(site, site="1.0.0")
    site.project_packages.create(package=a_package("texts"), position=2)
    built("texts", "1.0.0", "S-1")
    with_texts = a_release(site, site="2.0.0", texts="1.0.0")
    site.project_packages.filter(package__name="texts").delete()
    again_without = a_release(site, site="3.0.0")

    down, on = both_ways([[(with_texts, without)], [(with_texts, again_without)]])

    assert (ids(down.taken_back.work_items), ids(on.taken_back.work_items)) == (["S-1"], [])


def test_groups_do_not_mix_and_take_the_same_questions(shop, django_assert_num_queries):
    for version in ("1.1.0", "1.2.0"):
        built("ui", version, f"S-{version}")
    first, second, third = (of(shop, "ui", api="1.0.0", ui=version) for version in ("1.0.0", "1.1.0", "1.2.0"))

    with django_assert_num_queries(3):
        found = both_ways([[(first, second)], [(second, third)], [(first, third)]])

    assert [ids(way.brought.work_items) for way in found] == [["S-1.1.0"], ["S-1.2.0"], ["S-1.2.0", "S-1.1.0"]]


def test_notes_between_two_releases_are_those_above_the_lower_one(shop):
    releases = [a_release(shop, ui=f"{number}.0.0") for number in range(1, 5)]
    for release in releases[:3]:
        edit_notes(release, f"Notes of {release}.", by=release.created_by)

    up, down, first = noted([[(releases[0], releases[3])], [(releases[2], releases[0])], [(None, releases[1])]])

    assert (up, down, first) == ([releases[2], releases[1]], [releases[2], releases[1]], [releases[1], releases[0]])
