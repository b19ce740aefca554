"""Python's versions become ours without changing places."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.version import Version

from registry import versions
from registry.feeds.pep440 import translated

NUMBERS = st.lists(st.integers(0, 12), min_size=1, max_size=4).map(lambda numbers: ".".join(map(str, numbers)))
ENDINGS = st.sampled_from(["", "a1", "a2", "b1", "b10", "rc1", "rc2", ".dev0", ".dev3", ".post1", ".post12"])
WRITTEN = st.builds("".join, st.tuples(NUMBERS, ENDINGS))


@pytest.mark.parametrize(
    ("text", "reads_as"),
    [
        ("1.4.17", "1.4.17"),
        ("1.0", "1"),
        ("2026.2", "2026.2"),
        ("1.0rc1", "1-rc.1"),
        ("1.0-RC-1", "1-rc.1"),
        ("1.2a2", "1.2-alpha.2"),
        ("1.2.3b4", "1.2.3-beta.4"),
        ("1.2.dev3", "1.2-0.dev.3"),
        ("1.0.post1", "1.0.0.1"),
        ("1.2.3.post4", "1.2.3.4"),
        ("1.2.3.0.post4", "1.2.3.4"),
        ("1.0.0.0.0", "1"),
    ],
)
def test_a_version_is_translated(text, reads_as):
    assert translated(Version(text)) == reads_as
    assert versions.parse(translated(Version(text)))


@pytest.mark.parametrize(
    "text", ["1!1.0", "1.0+local", "1.0.post0", "1.2.3.4.post1", "1.0rc1.dev2", "1.0rc1.post2", "1.0.post1.dev2"]
)
def test_what_has_no_counterpart_is_not_translated(text):
    assert translated(Version(text)) == ""


@given(WRITTEN, WRITTEN)
def test_the_order_of_two_versions_stays(one, other):
    first, second = Version(one), Version(other)
    assume(translated(first) and translated(second))
    assume(not any(version.post and len(version.release) < 4 for version in (first, second)))

    ours = versions.parse(translated(first)), versions.parse(translated(second))

    assert (ours[0] < ours[1]) == (first < second)
    assert (ours[0] == ours[1]) == (first == second)


@given(NUMBERS, st.integers(1, 20), st.sampled_from(["", "rc1", "a1", ".dev1"]))
def test_a_post_release_comes_after_its_version_and_before_the_next(numbers, post, ending):
    version = Version(numbers)
    assume(translated(Version(f"{numbers}.post{post}")))

    ours = versions.parse(translated(Version(f"{numbers}.post{post}")))

    assert ours > versions.parse(translated(Version(f"{numbers}{ending}")))
    following = [*version.release, 0, 0][:3]
    following[2] += 1
    assert ours < versions.parse(".".join(map(str, following)))
