import re
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from registry import versions
from registry.versions import VersionRefused, parse

NUMBERS = st.one_of(st.integers(0, 30), st.integers(0, 10**30))
WORDS = st.from_regex(r"[0-9A-Za-z-]{0,4}[A-Za-z-][0-9A-Za-z-]{0,4}", fullmatch=True)
IDENTIFIERS = st.one_of(NUMBERS.map(str), WORDS)


@st.composite
def written_versions(draw) -> str:
    numbers = draw(st.lists(NUMBERS.map(str), min_size=1, max_size=4))
    identifiers = draw(st.lists(IDENTIFIERS, max_size=3))
    return ".".join(numbers) + ("-" + ".".join(identifiers) if identifiers else "")


def reference_key(text: str) -> tuple:
    """Precedence as SemVer 2.0.0 §11 words it, with Python's own numbers and tuples."""
    core, _, prerelease = text.partition("-")
    numbers = [int(number) for number in core.split(".")]
    identifiers = [
        (0, int(identifier), "") if identifier.isdigit() else (1, 0, identifier)
        for identifier in prerelease.split(".")
        if prerelease
    ]
    return [*numbers, 0, 0, 0][:4], not prerelease, identifiers


@given(written_versions(), written_versions())
def test_versions_are_ordered_as_semver_says(one, other):
    assert (parse(one) < parse(other)) == (reference_key(one) < reference_key(other))


@given(written_versions(), written_versions())
def test_the_sort_key_is_ordered_as_the_versions_are(one, other):
    assert (parse(one).sort_key < parse(other).sort_key) == (parse(one) < parse(other))


@given(written_versions(), written_versions())
def test_equal_versions_and_only_they_have_the_same_normalised_form(one, other):
    assert (parse(one) == parse(other)) == (parse(one).normalised == parse(other).normalised)


@given(st.lists(written_versions(), min_size=3, max_size=3))
def test_the_order_is_total(texts):
    low, middle, high = sorted(map(parse, texts))

    assert low <= middle <= high
    assert low <= high
    assert (low == high) == (not low < high and not high < low)


@given(written_versions())
def test_the_normalised_form_is_a_version_itself_and_safe_as_an_argument(text):
    version = parse(text)

    assert parse(version.normalised) == version
    assert parse(version.normalised).normalised == version.normalised
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", version.normalised)


@given(written_versions())
def test_the_sort_key_consists_of_hexadecimal_digits_only(text):
    assert re.fullmatch(r"[0-9a-f]+", parse(text).sort_key)


@given(written_versions(), st.from_regex(r"[0-9A-Za-z-]{1,5}(\.[0-9A-Za-z-]{1,5})?", fullmatch=True))
def test_build_metadata_counts_for_nothing_but_is_kept_as_written(text, build):
    version = parse(f"{text}+{build}")

    assert version == parse(text)
    assert version.normalised == parse(text).normalised
    assert version.original == f"{text}+{build}"


@given(st.text(max_size=30))
def test_anything_else_is_refused_with_a_sentence(text):
    assume(not versions.looks_like_a_version(text))

    with pytest.raises(VersionRefused, match="is not a version"):
        parse(text)


def test_semvers_own_example_is_in_order():
    chain = [
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
    ]

    assert all(parse(low) < parse(high) for low, high in pairwise(chain))


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("1.4.17", "1.10.0"),
        ("9", "10"),
        ("1.0.0", "1.0.0.1"),
        ("1.0.0.1-rc", "1.0.0.1"),
        ("1.0.0", "1.0.0.1-rc"),
        ("1.0.0-a", "1.0.0-ab"),
        ("1.0.0-a.b", "1.0.0-ab"),
        ("1.0.0-a-b", "1.0.0-a0"),
        ("1.0.0-RC", "1.0.0-rc"),
        ("1.0.0-999", "1.0.0--"),
        ("9" * 190, "1" + "0" * 190),
    ],
)
def test_the_first_is_lower(low, high):
    assert parse(low) < parse(high)
    assert parse(low).sort_key < parse(high).sort_key


@pytest.mark.parametrize(
    ("text", "normalised"),
    [
        ("1", "1.0.0"),
        ("1.0", "1.0.0"),
        ("1.0.0.0", "1.0.0"),
        ("1.2.3.4", "1.2.3.4"),
        ("v1.2", "1.2.0"),
        ("V1.2", "1.2.0"),
        ("01.002.0003", "1.2.3"),
        ("00.0", "0.0.0"),
        ("1.0-rc.1+build.7", "1.0.0-rc.1"),
        ("1.0.0-0", "1.0.0-0"),
        ("1.0.0-0a", "1.0.0-0a"),
    ],
)
def test_a_version_is_normalised(text, normalised):
    assert parse(text).normalised == normalised
    assert parse(text) == parse(normalised)
    assert hash(parse(text)) == hash(parse(normalised))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is not a version"),
        ("latest", "is not a version"),
        ("1.2.x", "is not a version"),
        ("1..2", "is not a version"),
        ("1.2-", "is not a version"),
        ("1.2-a..b", "is not a version"),
        ("1.2+", "is not a version"),
        (" 1.2", "is not a version"),
        ("1.2\n", "is not a version"),
        ("١.٢", "is not a version"),
        ("-1", "is not a version"),
        ("1.2.3.4.5", "has 5 numbers"),
        ("1.2.3-rc.01", "State 1 instead"),
        ("1.2.3-00", "State 0 instead"),
        ("1." + "2" * 200, "longer than 200 characters"),
    ],
)
def test_what_is_no_version_is_refused(text, sentence):
    with pytest.raises(VersionRefused, match=sentence) as refused:
        parse(text)

    assert refused.value.code == "version-refused"


@pytest.mark.parametrize("text", ["1-" + ".".join("a" * 99), "1-" + "z" * 198, "1-" + ".".join("1" * 99), "9" * 200])
def test_the_longest_versions_fit_their_columns(text):
    version = parse(text)

    assert len(version.sort_key) <= versions.SORT_KEY_MAX_LENGTH
    assert len(version.normalised) <= versions.NORMALISED_MAX_LENGTH


def test_a_prerelease_says_so():
    assert parse("1.0-rc").is_prerelease
    assert not parse("1.0+rc").is_prerelease
