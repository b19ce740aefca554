"""How a stack's releases are numbered: pure rules."""

from datetime import date

import pytest

from projects.numbering import next_number, number_after, why_not_pattern

TODAY = date(2026, 3, 7)


@pytest.mark.parametrize(
    ("pattern", "taken", "expected"),
    [
        ("1.0.{n}", [], "1.0.1"),
        ("1.0.{n}", ["1.0.1"], "1.0.2"),
        ("1.0.{n}", ["1.0.9", "1.0.10", "1.0.2"], "1.0.11"),
        ("{n}", ["7"], "8"),
        ("{yyyy}.{mm}.{n}", [], "2026.3.1"),
        ("{yyyy}.{mm}.{n}", ["2026.3.4", "2026.2.9", "2025.3.8"], "2026.3.5"),
        ("{yyyy}.{mm}.{dd}.{n}", ["2026.3.6.5"], "2026.3.7.1"),
        ("{n}.{yyyy}", ["3.2026", "9.2025"], "4.2026"),
        ("1.0.{n}-rc", ["1.0.3-rc", "1.0.8"], "1.0.4-rc"),
    ],
)
def test_the_next_number_follows_the_highest_of_the_same_pattern(pattern, taken, expected):
    assert next_number(pattern, TODAY, taken) == expected


def test_a_gap_is_not_filled():
    assert next_number("1.0.{n}", TODAY, ["1.0.1", "1.0.5"]) == "1.0.6"


@pytest.mark.parametrize("other", ["1.0.7-rc.1", "1.0.7+2", "11.0.7", "1.0.7.1", "1x0.7", "1.0.x", ""])
def test_a_number_of_another_shape_does_not_count(other):
    assert next_number("1.0.{n}", TODAY, [other]) == "1.0.1"


@pytest.mark.parametrize("pattern", ["1.0.{n}", "{n}", "{yyyy}.{mm}.{dd}.{n}", "{yyyy}.{mm}.{n}-beta", "v2.{n}"])
def test_a_pattern_that_gives_versions_is_taken(pattern):
    assert why_not_pattern(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("1.0.{m}", "The number pattern names {m}, which is not known. Use {yyyy}, {mm}, {dd} and {n}."),
        ("1.0.{}", "The number pattern names {}, which is not known. Use {yyyy}, {mm}, {dd} and {n}."),
        ("1.0.0", "The number pattern needs {n} exactly once: it counts the releases up."),
        ("", "The number pattern needs {n} exactly once: it counts the releases up."),
        ("{n}.{n}", "The number pattern needs {n} exactly once: it counts the releases up."),
    ],
)
def test_a_pattern_that_cannot_work_is_refused_with_a_sentence(pattern, sentence):
    assert why_not_pattern(pattern) == sentence


@pytest.mark.parametrize("pattern", ["release {n}", "1.2.3.4.{n}", "{yyyy}/{n}", "1.{n"])
def test_a_pattern_whose_numbers_would_not_be_versions_is_refused(pattern):
    assert why_not_pattern(pattern) is not None


@pytest.mark.parametrize(
    ("pattern", "highest", "expected"),
    [
        ("1.0.{n}", ["2.0.0", "1.0.10", "1.0.9"], "1.0.11"),
        ("{n}", ["7"], "8"),
        ("{yyyy}.{mm}.{n}", ["2026.3.4", "2026.2.9"], "2026.3.5"),
        ("1.0.{n}-rc", ["1.0.8", "1.0.3-rc"], "1.0.4-rc"),
    ],
)
def test_the_highest_numbers_alone_tell_the_next_one(pattern, highest, expected):
    assert number_after(pattern, TODAY, highest) == expected


@pytest.mark.parametrize(
    ("pattern", "highest"),
    [
        ("1.0.{n}", ["2.0.0", "1.1.0"]),
        ("{yyyy}.{mm}.{n}", ["2026.2.9"]),
        ("1.0.0-rc{n}", ["1.0.0-rc9", "1.0.0-rc10"]),
        ("1.0.0-{n}-rc", ["1.0.0-9-rc", "1.0.0-10-rc"]),
        ("1.0.0+{n}", ["1.0.0+1", "1.0.0+2"]),
        ("v2{n}", ["v29", "v210"]),
    ],
)
def test_the_highest_numbers_do_not_tell_where_the_count_is_no_number_of_the_version_or_not_among_them(
    pattern, highest
):
    assert number_after(pattern, TODAY, highest) is None
