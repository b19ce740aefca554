import random
import re
from itertools import pairwise, zip_longest

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from registry import versions
from registry.models import Artifact, Feed, Package, PackageVersion
from registry.versions import VersionRefused, parse

NUMBERS = st.one_of(st.integers(0, 3), st.integers(0, 10**30), st.integers(10**180, 10**190), st.just(20260801120000))
WORDS = st.from_regex(r"[0-9A-Za-z-]{0,4}[A-Za-z-][0-9A-Za-z-]{0,4}", fullmatch=True)
IDENTIFIERS = st.one_of(NUMBERS.map(str), WORDS)


@st.composite
def written_versions(draw) -> str:
    numbers = draw(st.lists(NUMBERS.map(str), min_size=1, max_size=4))
    identifiers = draw(st.lists(IDENTIFIERS, max_size=3))
    written = ".".join(numbers) + ("-" + ".".join(identifiers) if identifiers else "")
    assume(len(written) < versions.MAX_LENGTH - 10)
    return written


VERSIONS = written_versions()
CLOSE = st.from_regex(r"[01](\.[01]){0,3}(-(0|1|10|a|A|a1|-)(\.(0|1|b|-))?)?", fullmatch=True)  # often equal, or nearly
PAIRS = st.tuples(CLOSE, CLOSE) | st.tuples(VERSIONS, VERSIONS)


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


def compared(one: str, other: str) -> int:
    """The same once more, identifier by identifier and without turning anything into a number: -1, 0 or 1."""
    (core, _, ours), (other_core, _, theirs) = one.partition("-"), other.partition("-")
    parts = [[*text.split("."), "0", "0", "0"][:4] for text in (core, other_core)]
    signs = [as_numbers(*pair) for pair in zip(*parts, strict=True)]
    signs.append(bool(theirs) - bool(ours))
    signs += [as_identifiers(*pair) for pair in zip_longest(ours.split("."), theirs.split("."))]
    return next((sign for sign in signs if sign), 0)


def as_numbers(one: str, other: str) -> int:
    one, other = one.lstrip("0"), other.lstrip("0")
    return sign_of((len(one), one), (len(other), other))


def as_identifiers(one: str | None, other: str | None) -> int:
    if one is None or other is None:
        return (one is not None) - (other is not None)
    if one.isdigit() and other.isdigit():
        return as_numbers(one, other)
    return sign_of((not one.isdigit(), one), (not other.isdigit(), other))


def sign_of(one: tuple, other: tuple) -> int:
    return (one > other) - (one < other)


@given(PAIRS)
def test_versions_are_ordered_as_semver_says(pair):
    one, other = pair

    assert (parse(one) < parse(other)) == (reference_key(one) < reference_key(other))


@given(PAIRS)
def test_versions_are_ordered_as_somebody_else_would_compare_them(pair):
    one, other = map(parse, pair)

    assert ((one > other) - (one < other)) == compared(*pair)


@given(PAIRS)
def test_the_sort_key_is_ordered_as_the_versions_are(pair):
    one, other = map(parse, pair)

    assert (one.sort_key < other.sort_key) == (one < other)


@given(PAIRS)
def test_equal_versions_and_only_they_have_the_same_normalised_form_and_sort_key(pair):
    one, other = map(parse, pair)

    assert (one == other) == (one.normalised == other.normalised) == (one.sort_key == other.sort_key)


@given(PAIRS)
def test_of_two_versions_exactly_one_is_lower_or_they_are_equal(pair):
    one, other = map(parse, pair)

    assert [one < other, one == other, one > other].count(True) == 1
    assert (one < other) == (other > one)


@given(st.tuples(CLOSE, CLOSE, CLOSE) | st.tuples(VERSIONS, VERSIONS, VERSIONS))
def test_what_is_lower_than_the_lower_one_is_lower(texts):
    low, middle, high = sorted(map(parse, texts))

    assert low <= middle <= high
    assert low <= high
    assert (low == high) == (low == middle == high)


@given(VERSIONS)
def test_the_normalised_form_is_a_version_itself_and_safe_as_an_argument(text):
    version = parse(text)

    assert parse(version.normalised) == version
    assert parse(version.normalised).normalised == version.normalised
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", version.normalised)


@given(VERSIONS)
def test_the_sort_key_consists_of_hexadecimal_digits_only(text):
    assert re.fullmatch(r"[0-9a-f]+", parse(text).sort_key)


@given(VERSIONS, st.from_regex(r"[0-9A-Za-z-]{1,5}(\.[0-9A-Za-z-]{1,5})?", fullmatch=True))
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


@pytest.mark.parametrize(
    "chain",
    [
        "1.0.0 2.0.0 2.1.0 2.1.1",
        "1.0.0-alpha 1.0.0",
        "1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0",
    ],
)
def test_semvers_own_examples_are_in_order(chain):
    written = [parse(text) for text in chain.split()]

    assert all(low < high for low, high in pairwise(written))


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
        ("1." + "9" * 190, "2"),
        ("1.0.0-" + "9" * 150, "1.0.0-1" + "0" * 150),
        ("1.0.0-20260801120000", "1.0.0-20260801120001"),
        ("1.0.0-20260801120000", "1.0.0-100000000000000"),
        ("1.0.0-rc.20260801120000", "1.0.0-rc.20260801120000.1"),
        ("1.0.0-20260801120000", "1.0.0-alpha"),
        ("1.0.0-alpha.20260801120000", "1.0.0"),
        ("1.0.20260801120000", "1.1"),
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
        ("1.0.0.1", "1.0.0.1"),
        ("1.0.0.0-rc.1", "1.0.0-rc.1"),
        ("v1.2", "1.2.0"),
        ("v1.2.3.4-rc.1+build", "1.2.3.4-rc.1"),
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


# -- in the database --------------------------------------------------------------------------------------------------


def some_versions() -> list[versions.Version]:
    """Hundreds, close to each other and far apart, all different and in no order."""
    chance = random.Random(20260801)
    numbers = [*range(12), 99, 100, 20260801120000, 10**60, 10**150]
    identifiers = ["0", "1", "9", "10", "20260801120000", "a", "A", "Z", "z", "a1", "a-", "-", "--", "rc", "RC", "x"]
    written = [
        ".".join(str(chance.choice(numbers[: chance.choice([3, 17])])) for _ in range(chance.randint(1, 4)))
        + chance.choice(["", "", "-" + ".".join(chance.choices(identifiers, k=chance.randint(1, 3)))])
        for _ in range(600)
    ]
    return list({parse(text) for text in written if len(text) <= versions.MAX_LENGTH})


@pytest.mark.django_db
def test_the_database_orders_versions_as_we_do(django_user_model):
    package = Package.objects.create(feed=Feed.builtin(), name="patient-ui")
    of_all = {
        "package": package,
        "artifact": Artifact.objects.create(sha256="a" * 64, size=1),
        "published_by": django_user_model.objects.create(username="ci"),
        "members": 1,
        "unpacked_bytes": 1,
    }
    written = some_versions()
    PackageVersion.objects.bulk_create(
        PackageVersion(version=each.normalised, sort_key=each.sort_key, original=each.original, **of_all)
        for each in written
    )

    found = package.versions.newest_first().values_list("version", flat=True)

    assert list(found) == [each.normalised for each in sorted(written, reverse=True)]
    assert len(found) > 400
