"""What retention rules come to, as a pure function: which versions go, which stay, and the reason that is given."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from registry.models import Package
from registry.versions import parse
from releases.models import RetentionRule
from releases.retention import Candidate, Removal, Stay, Stays, freed_by, judge, plan

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
UI, API = 1, 2  # packages


def a_rule(package: int | None = None, **fields: object) -> RetentionRule:
    named = Package(pk=package, name={UI: "ui", API: "api"}[package]) if package else None
    return RetentionRule(package=named, **({"enabled": True} | fields))


def a_candidate(version: str = "1.0.0", days: float = 100, package: int = UI, **fields: object) -> Candidate:
    """Pushed so many days ago; no release holds it."""
    parsed = parse(version)
    name = f"{'ui' if package == UI else 'api'} {parsed.normalised}"
    facts = {"is_usable": True, "is_held": False, "artifact": hash(name), "size": 10} | fields
    return Candidate(hash(name), package, name, parsed.sort_key, NOW - timedelta(days=days), **facts)


def candidates(count: int, days: float = 100, package: int = UI) -> list[Candidate]:
    """1.0.0 up to 1.(count - 1).0, all pushed so many days ago."""
    return [a_candidate(f"1.{minor}.0", days, package) for minor in range(count)]


def going(rules: list[RetentionRule], versions: list[Candidate]) -> list[str]:
    return sorted(removal.version.name for removal in plan(rules, versions, NOW))


def staying(rule: RetentionRule, versions: list[Candidate]) -> dict[str, Stays]:
    return {one.version.name: one.why for one in judge([rule], versions, NOW) if isinstance(one, Stay)}


# -- age --------------------------------------------------------------------------------------------------------------


def test_by_age_alone_whatever_is_older_goes():
    versions = [a_candidate("1.0.0", days=31), a_candidate("1.1.0", days=29), a_candidate("1.2.0", days=200)]

    assert going([a_rule(keep_days=30)], [*versions, a_candidate("2.0.0")]) == ["ui 1.0.0", "ui 1.2.0"]


@pytest.mark.parametrize(("days", "names"), [(30, []), (30.001, ["ui 1.0.0"])])
def test_a_version_goes_once_it_is_older_than_the_days_of_its_rule(days, names):
    assert going([a_rule(keep_days=30)], [a_candidate("1.0.0", days), a_candidate("2.0.0")]) == names


def test_a_version_that_is_younger_says_so():
    _, stay = judge([a_rule(keep_days=30)], [a_candidate("1.0.0", 2), a_candidate("2.0.0")], NOW)

    assert (stay.why, stay.because) == (Stays.YOUNG, "It is not older than 30 days.")


# -- rank -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keep", "names"), [(1, ["ui 1.0.0", "ui 1.1.0"]), (2, ["ui 1.0.0"]), (3, []), (9, [])])
def test_by_rank_alone_whatever_is_not_among_the_highest_goes(keep, names):
    assert going([a_rule(keep_newest=keep)], candidates(3)) == names


def test_the_highest_are_meant_and_not_the_last_pushed():
    versions = [a_candidate("1.10.0", days=300), a_candidate("1.9.0", days=2), a_candidate("2.0.0-rc.1", days=400)]

    assert going([a_rule(keep_newest=2)], versions) == ["ui 1.9.0"]


def test_what_a_release_holds_takes_a_place_among_the_highest():
    held = a_candidate("1.2.0", is_held=True)

    assert going([a_rule(keep_newest=1)], [a_candidate("1.0.0"), a_candidate("1.1.0"), held]) == [
        "ui 1.0.0",
        "ui 1.1.0",
    ]


def test_the_highest_of_each_package_are_counted_for_themselves():
    versions = [*candidates(2), *candidates(3, package=API)]

    assert going([a_rule(keep_newest=2)], versions) == ["api 1.0.0"]


@pytest.mark.parametrize("minutes", [0, 60, 24 * 60])
def test_what_was_pushed_within_the_last_day_stays_whatever_its_rank(minutes):
    fix = a_candidate("1.0.1", days=minutes / 24 / 60)

    assert staying(a_rule(keep_newest=1), [fix, a_candidate("2.0.0")])["ui 1.0.1"] == Stays.YOUNG


def test_a_day_after_its_push_rank_counts_again():
    assert going([a_rule(keep_newest=1)], [a_candidate("1.0.1", days=1.001), a_candidate("2.0.0")]) == ["ui 1.0.1"]


# -- both -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "higher", "goes"),
    [(31, 3, True), (31, 2, False), (29, 3, False), (29, 2, False)],
    ids=["old and low", "old and high", "young and low", "young and high"],
)
def test_a_version_goes_only_if_everything_in_its_rule_lets_it_go(days, higher, goes):
    above = [a_candidate(f"2.{minor}.0") for minor in range(higher)]

    names = going([a_rule(keep_days=30, keep_newest=3)], [a_candidate("1.0.0", days), *above])

    assert ("ui 1.0.0" in names) == goes


# -- what goes before every rule --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [{"keep_days": 1}, {"keep_newest": 1}, {"keep_days": 1, "keep_newest": 1}])
def test_what_a_release_holds_stays_under_every_rule(rule):
    held = a_candidate("1.0.0", days=9999, is_held=True)

    assert staying(a_rule(**rule), [held, a_candidate("2.0.0")])["ui 1.0.0"] == Stays.HELD


@pytest.mark.parametrize("rule", [{"keep_days": 1}, {"keep_newest": 1}, {"keep_days": 1, "keep_newest": 1}])
def test_the_highest_version_stays_under_every_rule(rule):
    assert staying(a_rule(**rule), candidates(2, days=9999)) == {"ui 1.1.0": Stays.HIGHEST}


def test_the_only_version_of_a_package_stays():
    assert going([a_rule(keep_days=1)], [a_candidate(days=9999)]) == []


def test_a_pre_release_that_is_highest_stays():
    assert going([a_rule(keep_days=1)], [a_candidate("2.0.0-rc.1"), a_candidate("1.0.0")]) == ["ui 1.0.0"]


# -- withdrawn versions -----------------------------------------------------------------------------------------------


def test_a_withdrawn_version_goes_by_the_same_rules():
    withdrawn = a_candidate("1.0.0", days=31, is_usable=False)

    assert going([a_rule(keep_days=30)], [withdrawn, a_candidate("2.0.0")]) == ["ui 1.0.0"]


def test_a_withdrawn_version_takes_no_place_among_the_highest():
    withdrawn = a_candidate("3.0.0", is_usable=False)

    assert going([a_rule(keep_newest=2)], [withdrawn, *candidates(3)]) == ["ui 1.0.0"]


def test_a_withdrawn_version_above_all_others_stays_and_so_does_the_highest_that_may_be_used():
    withdrawn = a_candidate("3.0.0", is_usable=False)

    assert staying(a_rule(keep_days=1), [withdrawn, *candidates(2)]) == {
        "ui 3.0.0": Stays.HIGHEST,
        "ui 1.1.0": Stays.HIGHEST,
    }


def test_where_every_version_is_withdrawn_all_of_them_stay():
    versions = [replace(version, is_usable=False) for version in candidates(3)]

    assert going([a_rule(keep_newest=1)], versions) == []


# -- which rule -------------------------------------------------------------------------------------------------------


def test_without_a_rule_nothing_is_said():
    assert list(judge([], candidates(3), NOW)) == []


def test_a_rule_for_one_package_says_nothing_about_others():
    assert going([a_rule(API, keep_newest=1)], [*candidates(2), *candidates(2, package=API)]) == ["api 1.0.0"]


def test_a_packages_own_rule_takes_the_place_of_the_general_one():
    rules = [a_rule(keep_newest=1), a_rule(UI, keep_newest=3)]

    assert going(rules, [*candidates(4), *candidates(2, package=API)]) == ["api 1.0.0", "ui 1.0.0"]


def test_a_packages_own_rule_is_not_narrowed_by_what_only_the_general_one_says():
    rules = [a_rule(keep_days=9999, keep_newest=50), a_rule(UI, keep_days=30)]

    assert going(rules, candidates(2)) == ["ui 1.0.0"]


def test_a_packages_own_rule_takes_that_place_also_while_it_is_not_enabled():
    rules = [a_rule(keep_newest=1), a_rule(UI, keep_newest=9, enabled=False)]

    assert going(rules, candidates(3)) == []


def test_a_rule_that_is_not_enabled_is_judged_by_all_the_same():
    assert going([a_rule(keep_newest=1, enabled=False)], candidates(2)) == ["ui 1.0.0"]


# -- the words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "because"),
    [
        (a_rule(keep_days=30), "no release holds it and it is older than 30 days (rule for every package)"),
        (a_rule(keep_days=1), "no release holds it and it is older than 1 day (rule for every package)"),
        (a_rule(UI, keep_newest=1), "no release holds it and a higher one may be used (rule for ui)"),
        (
            a_rule(keep_days=30, keep_newest=2),
            "no release holds it, it is older than 30 days and 2 higher ones may be used (rule for every package)",
        ),
    ],
)
def test_the_reason_names_everything_that_let_the_version_go_and_the_rule(rule, because):
    assert plan([rule], candidates(3), NOW)[-1].because == because


# -- the space --------------------------------------------------------------------------------------------------------


def removals(*versions: Candidate) -> list[Removal]:
    return [Removal(version, a_rule(keep_days=1), "") for version in versions]


def test_bytes_that_several_versions_share_are_freed_once():
    same = {"artifact": 7, "size": 500, "shared": 2}

    assert freed_by(removals(a_candidate("1.0.0", **same), a_candidate("1.1.0", **same), a_candidate("1.2.0"))) == 510


def test_bytes_that_a_staying_version_shares_are_not_freed():
    assert freed_by(removals(a_candidate(artifact=7, size=500, shared=2))) == 0


def test_bytes_that_an_attachment_shares_are_not_freed():
    assert freed_by(removals(a_candidate(size=500, is_attached=True))) == 0
