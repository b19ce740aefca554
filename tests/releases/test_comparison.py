"""The comparison of two releases is complete, in either direction, and shows no secret. Plain data: no database."""

import pytest

from releases.comparison import (
    Comparison,
    Difference,
    Kind,
    Named,
    Part,
    PartComparison,
    Value,
    VariableName,
    Whole,
    compare,
)

ADDED, REMOVED, CHANGED, SAME = Kind.ADDED, Kind.REMOVED, Kind.CHANGED, Kind.SAME


def a_part(slug="api", number="1.0.0", **fields) -> Part:
    return Part(slug, slug.upper(), number, **fields)


def a_whole(*parts: Part, number="1.0.0", rank=1) -> Whole:
    return Whole(number, (str(rank), rank), parts)


def between(before: Part, after: Part) -> PartComparison:
    """What became of a part that both releases have."""
    (part,) = compare(a_whole(before), a_whole(after, number="1.1.0", rank=2)).parts
    return part


def a_manifest(**versions: str) -> Part:
    """A part whose package says which components have which versions."""
    number = "-".join(versions.values()) or "none"
    return a_part(number=number, contents={Named(name, name, "state"): version for name, version in versions.items()})


def told(lines) -> list[tuple[str, Kind, str | None, str | None]]:
    return [(str(line.what), line.kind, line.before, line.after) for line in lines]


# -- parts ------------------------------------------------------------------------------------------------------------


def test_a_part_that_both_name_alike_is_unchanged():
    comparison = compare(a_whole(a_part()), a_whole(a_part(), number="1.1.0", rank=2))

    assert comparison.changed == []
    assert [part.name for part in comparison.unchanged] == ["API"]


def test_a_part_with_another_release_has_changed():
    part = between(a_part(number="1.0.0"), a_part(number="1.1.0"))

    assert part.number == Difference("API", CHANGED, "1.0.0", "1.1.0")
    assert not part.is_same


def test_a_part_that_only_the_second_has_is_added():
    comparison = compare(a_whole(), a_whole(a_part(contents={Named("x", "X"): "1"}), number="1.1.0", rank=2))

    (part,) = comparison.changed
    assert part.number == Difference("API", ADDED, None, "1.0.0")
    assert told(part.contents) == [("X", ADDED, None, "1")]


def test_a_part_that_only_the_first_has_is_removed():
    comparison = compare(a_whole(a_part(packages={Named("ui", "ui"): "1"})), a_whole(number="1.1.0", rank=2))

    (part,) = comparison.changed
    assert part.number == Difference("API", REMOVED, "1.0.0", None)
    assert told(part.packages) == [("ui", REMOVED, "1", None)]


def test_parts_stand_in_the_order_of_the_second_and_what_is_gone_comes_last():
    before = a_whole(a_part("gone"), a_part("ui"), a_part("api"))
    after = a_whole(a_part("api"), a_part("new"), a_part("ui"), number="1.1.0", rank=2)

    assert [part.slug for part in compare(before, after).parts] == ["api", "new", "ui", "gone"]


def test_another_place_in_the_order_is_a_change_of_its_own():
    part = between(
        a_part(place={"Stage": "1", "Deployed": "Always"}), a_part(place={"Stage": "2", "Deployed": "Always"})
    )

    assert (part.is_same, part.number.kind) == (False, SAME)
    assert told(part.place) == [("Stage", CHANGED, "1", "2")]


def test_a_part_that_came_has_no_place_that_changed():
    (part,) = compare(a_whole(), a_whole(a_part(place={"Stage": "1"}), number="1.1.0", rank=2)).parts

    assert part.place == []


# -- directions -------------------------------------------------------------------------------------------------------


def test_from_an_older_to_a_newer_release_is_forward():
    comparison = compare(a_whole(rank=1), a_whole(number="1.1.0", rank=2))

    assert (comparison.before, comparison.after, comparison.is_back, comparison.is_one) == (
        "1.0.0",
        "1.1.0",
        False,
        False,
    )


def test_from_a_newer_to_an_older_release_is_back_and_tells_what_becomes_of_it():
    newer = a_whole(
        a_part(number="2.0.0", contents={Named("x", "X"): "2", Named("y", "Y"): "1"}), number="1.1.0", rank=2
    )
    older = a_whole(a_part(number="1.0.0", contents={Named("x", "X"): "1", Named("z", "Z"): "1"}))

    comparison = compare(newer, older)

    assert (comparison.before, comparison.after, comparison.is_back) == ("1.1.0", "1.0.0", True)
    assert comparison.parts[0].number == Difference("API", CHANGED, "2.0.0", "1.0.0")
    assert told(comparison.parts[0].contents) == [
        ("X", CHANGED, "2", "1"),
        ("Y", REMOVED, "1", None),
        ("Z", ADDED, None, "1"),
    ]


def test_of_two_numbers_that_differ_only_in_their_build_part_the_later_is_newer():
    first, second = Whole("1.0.0", ("1", 7), ()), Whole("1.0.0+2", ("1", 9), ())

    assert (compare(first, second).is_back, compare(second, first).is_back) == (False, True)


def test_a_release_is_the_same_as_itself():
    whole = a_whole(a_part(contents={Named("x", "X"): "1"}, variables={VariableName("TZ", "own"): Value("1", None)}))

    comparison = compare(whole, whole)

    assert (comparison.is_one, comparison.is_back, comparison.changed) == (True, False, [])
    assert told(comparison.unchanged[0].same_contents) == [("X", SAME, "1", "1")]


# -- packages and the contents of manifests ---------------------------------------------------------------------------


def test_packages_are_told_with_their_versions():
    before = a_part(
        packages={Named("ui", "UI"): "1.0.0", Named("texts", "Texts"): "1.0.0", Named("old", "old"): "1.0.0"}
    )
    after = a_part(
        number="2",
        packages={Named("texts", "Texts"): "1.0.0", Named("ui", "UI"): "1.1.0", Named("new", "new"): "1.0.0"},
    )

    part = between(before, after)

    assert told(part.packages) == [
        ("Texts", SAME, "1.0.0", "1.0.0"),
        ("UI", CHANGED, "1.0.0", "1.1.0"),
        ("new", ADDED, None, "1.0.0"),
        ("old", REMOVED, "1.0.0", None),
    ]
    assert [str(line.what) for line in part.changed_packages] == ["UI", "new", "old"]


def test_contents_are_told_with_their_versions_in_order_of_their_names():
    part = between(a_manifest(b="1", c="1", d="1"), a_manifest(d="2", a="1", c="1"))

    assert told(part.contents) == [("a", ADDED, None, "1"), ("b", REMOVED, "1", None), ("c", SAME, "1", "1"),
                                   ("d", CHANGED, "1", "2")]  # fmt: skip


def test_contents_that_changed_are_told_from_those_that_stay():
    part = between(a_manifest(a="1", b="1"), a_manifest(a="1", b="2"))

    assert [str(line.what) for line in part.changed_contents] == ["b"]
    assert [str(line.what) for line in part.same_contents] == ["a"]


def test_components_of_one_name_in_two_packages_are_two():
    before = a_part(contents={Named("x", "X", "one"): "1", Named("x", "X", "two"): "5"})
    after = a_part(number="2", contents={Named("x", "X", "one"): "2", Named("x", "X", "two"): "5"})

    assert told(between(before, after).contents) == [("X", CHANGED, "1", "2"), ("X", SAME, "5", "5")]


def test_another_release_of_the_same_packages_says_that_nothing_changes_inside():
    packages = {Named("ui", "UI"): "1.0.0"}

    part = between(a_part(packages=packages), a_part(number="1.0.0+2", packages=packages))

    assert (part.is_same_inside, part.is_deployed_differently) == (True, False)


@pytest.mark.parametrize("after", [{"number": "1.0.0"}, {"number": "1.1.0", "packages": {Named("ui", "UI"): "1.1.0"}}])
def test_it_does_not_say_so_of_a_part_that_is_the_same_or_brings_another_package(after):
    part = between(
        a_part(packages={Named("ui", "UI"): "1.0.0"}), a_part(**({"packages": {Named("ui", "UI"): "1.0.0"}} | after))
    )

    assert not part.is_same_inside


# -- process ----------------------------------------------------------------------------------------------------------


def test_another_process_is_told_by_name():
    part = between(a_part(process="Run"), a_part(number="2", process="Run twice"))

    assert part.process == Difference("Process", CHANGED, "Run", "Run twice")
    assert part.is_deployed_differently


@pytest.mark.parametrize("process", ["", "Run"])
def test_the_same_process_is_not_told(process):
    part = between(a_part(process=process), a_part(number="2", process=process))

    assert (part.process, part.is_deployed_differently) == (None, False)


def test_steps_are_told_by_name_alone():
    before = a_part(steps={"Check": "a", "Run": "b", "Tidy": "c"})
    after = a_part(number="2", steps={"Run": "B", "Tidy": "c", "Report": "d"})

    assert told(between(before, after).steps) == [
        ("Run", CHANGED, None, None),
        ("Report", ADDED, None, None),
        ("Check", REMOVED, None, None),
    ]


def test_a_step_in_front_moves_the_others_and_changes_none():
    part = between(
        a_part(steps={"Run": "a", "Tidy": "b"}), a_part(number="2", steps={"Check": "c", "Run": "a", "Tidy": "b"})
    )

    assert told(part.steps) == [("Check", ADDED, None, None)]


def test_another_order_of_the_same_steps_is_told():
    part = between(a_part(steps={"Run": "a", "Tidy": "b"}), a_part(number="2", steps={"Tidy": "b", "Run": "a"}))

    assert told(part.steps) == [("Order of the steps", CHANGED, "Run, Tidy", "Tidy, Run")]


# -- variables --------------------------------------------------------------------------------------------------------

TZ = VariableName("TZ", "own")


def of_variable(before: Value | None, after: Value | None) -> list[Difference[VariableName]]:
    """What is told of one variable."""
    old, new = ({TZ: value} if value else {} for value in (before, after))
    return between(a_part(variables=old), a_part(number="2", variables=new)).variables


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (Value("UTC", "UTC"), Value("CET", "CET"), (CHANGED, "UTC", "CET", False)),
        (None, Value("CET", "CET"), (ADDED, None, "CET", False)),
        (Value("UTC", "UTC"), None, (REMOVED, "UTC", None, False)),
        (Value("a", None), Value("b", None), (CHANGED, None, None, True)),
        (None, Value("b", None), (ADDED, None, None, True)),
        (Value("a", None), None, (REMOVED, None, None, True)),
        (Value("UTC", "UTC"), Value("b", None), (CHANGED, None, None, True)),
        (Value("a", None), Value("CET", "CET"), (CHANGED, None, None, True)),
    ],
)
def test_a_variable_tells_its_values_unless_it_is_secret_on_either_side(before, after, line):
    (told_,) = of_variable(before, after)

    assert (told_.kind, told_.before, told_.after, told_.is_secret) == line


@pytest.mark.parametrize("value", [Value("UTC", "UTC"), Value("a", None)])
def test_a_variable_that_is_the_same_is_not_told(value):
    assert of_variable(value, value) == []


def test_one_name_in_two_environments_and_two_places_is_four_variables():
    names = [VariableName("A", scope, place) for scope in ("own", "stack") for place in ("", "PROD")]
    after = a_part(number="2", variables={name: Value("1", "1") for name in names})

    lines = between(a_part(), after).variables

    assert [(str(line.what), line.what.scope) for line in lines] == [
        ("A", "own"), ("A", "stack"), ("A in PROD", "own"), ("A in PROD", "stack")
    ]  # fmt: skip


def test_nothing_at_all_compares_to_nothing():
    assert compare(a_whole(), a_whole()) == Comparison("1.0.0", "1.0.0", False, [])
