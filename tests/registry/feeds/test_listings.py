"""A listing is in the order of versions, each once, spelled as the feed spells it."""

import itertools

import pytest

from registry.feeds.listing import as_listed, digest_from_base64, digest_from_hex, in_order, moment


@pytest.mark.parametrize("found", list(itertools.permutations(["v1.0", "1", "1.0.0", "1.0.0+build"])))
def test_of_several_spellings_the_one_that_is_ours_is_kept(found):
    listing = in_order([as_listed(version) for version in found])

    assert [listed.version for listed in listing.versions] == ["1.0.0"]


@pytest.mark.parametrize("found", list(itertools.permutations(["v1.0", "V1.0", "1.0", "01.0"])))
def test_else_the_shortest_is_kept(found):
    listing = in_order([as_listed(version) for version in found])

    assert [listed.version for listed in listing.versions] == ["1.0"]
    assert listing.unreadable == 0


def test_what_is_parsed_keeps_the_spelling_of_the_feed():
    listed = as_listed("1.0rc1", reads_as="1.0-rc.1")

    assert (listed.version, listed.parsed.original, listed.parsed.normalised) == ("1.0rc1", "1.0rc1", "1.0.0-rc.1")


@pytest.mark.parametrize("version", ["latest", "1.x", "1.2.3.4.5", "", "1." + "0" * 300])
def test_what_cannot_be_read_is_counted(version):
    listing = in_order([as_listed("1.0"), as_listed(version)])

    assert len(listing.versions) == 1
    assert listing.unreadable == 1


@pytest.mark.parametrize("text", ["2026-02-03", "2026-02-03T04:05:06", "yesterday", "", None, 7, []])
def test_a_moment_that_is_not_exact_is_none(text):
    assert moment(text) is None


@pytest.mark.parametrize(
    ("algorithm", "digits"), [("md5", "0" * 32), ("", "0"), ("sha256", "0"), ("sha256", None), ("sha1", "０" * 40)]
)
def test_what_is_no_digest_is_empty(algorithm, digits):
    assert digest_from_hex(algorithm, digits) == ""


@pytest.mark.parametrize("text", ["", "=", "not base64", "ä", None, 7])
def test_what_is_no_base64_is_empty(text):
    assert digest_from_base64("sha256", text) == ""
