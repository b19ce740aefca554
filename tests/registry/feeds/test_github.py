"""GitHub: a release is a version by its tag, and a tag points to a commit."""

from typing import Any

import pytest

from registry import feeds
from registry.feeds import Access, FeedFailed

NAME = "example/patient-portal"
RELEASES = f"/repos/{NAME}/releases?per_page=100"
COMMIT = "0f" * 20


def a_release(tag: str, **about: Any) -> dict[str, Any]:
    return {"tag_name": tag, "draft": False, "prerelease": False, "published_at": "2026-02-03T04:05:06Z"} | about


def spelled(listing: feeds.Listing | None) -> list[str]:
    assert listing is not None
    return [listed.version for listed in listing.versions]


def test_releases_are_listed_in_the_order_of_versions(feed, access):
    feed.answers(RELEASES, [a_release("v1.4.17"), a_release("v1.10.0"), a_release("v2.0.0-rc.1", prerelease=True)])

    listing = feeds.list_versions("github", access, NAME)

    assert spelled(listing) == ["v2.0.0-rc.1", "v1.10.0", "v1.4.17"]
    assert str(listing.versions[0].published_at) == "2026-02-03 04:05:06+00:00"


def test_drafts_are_not_out(feed, access):
    feed.answers(RELEASES, [a_release("v1.0.0"), a_release("v1.1.0", draft=True)])

    listing = feeds.list_versions("github", access, NAME)

    assert (spelled(listing), listing.unreadable) == (["v1.0.0"], 0)


def test_a_prerelease_whose_tag_does_not_say_so_is_left_out(feed, access):
    feed.answers(RELEASES, [a_release("v1.0.0"), a_release("v1.1.0", prerelease=True)])

    listing = feeds.list_versions("github", access, NAME)

    assert (spelled(listing), listing.unreadable) == (["v1.0.0"], 1)


def test_tags_that_are_no_versions_are_counted(feed, access):
    feed.answers(RELEASES, [a_release("nightly"), a_release("release/1.0"), {"name": "no tag"}, "no release"])

    listing = feeds.list_versions("github", access, NAME)

    assert (spelled(listing), listing.unreadable) == ([], 3)


def test_the_token_is_sent_and_the_pages_are_put_together(feed):
    feed.answers(
        RELEASES, [a_release("v1.0.0")], Link=f'<{feed.url}/repositories/7/releases?page=2>; rel="next"', ETag='"1"'
    )
    feed.answers("/repositories/7/releases?page=2", [a_release("v1.1.0")], Link='</x>; rel="prev"')

    listing = feeds.list_versions("github", Access(f"{feed.url}/", secret="t0ken"), NAME)

    assert spelled(listing) == ["v1.1.0", "v1.0.0"]
    assert listing.etag == ""
    assert [request.authorization for request in feed.asked] == ["Bearer t0ken"] * 2


def test_a_single_page_has_an_etag_and_says_when_nothing_has_changed(feed, access):
    feed.answers(RELEASES, [a_release("v1.0.0")], ETag='W/"1"')
    known = feeds.list_versions("github", access, NAME)
    feed.answers(RELEASES, status=304)

    assert known.etag == 'W/"1"'
    assert feeds.list_versions("github", access, NAME, etag=known.etag) is None


def test_a_repository_that_has_moved_is_followed_within_the_api(feed, access):
    feed.moves(RELEASES, f"{feed.url}/repositories/7/releases?per_page=100", 301)
    feed.answers("/repositories/7/releases?per_page=100", [a_release("v1.0.0")])

    assert spelled(feeds.list_versions("github", access, NAME)) == ["v1.0.0"]


def test_the_digest_is_the_commit_of_the_tag(feed, access):
    feed.answers(f"/repos/{NAME}/commits/tags/v1.0.0", COMMIT)

    assert feeds.digest_of("github", access, NAME, "v1.0.0") == f"sha1:{COMMIT}"
    assert feed.asked[0].headers["accept"] == "application/vnd.github.sha"


@pytest.mark.parametrize("body", ["", "<html>", "0f"])
def test_what_is_no_commit_is_no_digest(feed, access, body):
    feed.answers(f"/repos/{NAME}/commits/tags/v1.0.0", body)

    assert feeds.digest_of("github", access, NAME, "v1.0.0") == ""


def test_a_tag_that_is_gone_is_unknown(access):
    with pytest.raises(FeedFailed) as refused:
        feeds.digest_of("github", access, NAME, "v1.0.0")

    assert refused.value.code == "package-unknown"


def test_the_root_of_the_api_passes_the_check(feed, access):
    feed.answers("/", {"current_user_url": f"{feed.url}/user"})

    feeds.check("github", access)


@pytest.mark.parametrize("document", [{}, [], "<html>GitHub</html>"])
def test_what_is_not_the_api_does_not_pass(feed, access, document):
    feed.answers("/", document)

    with pytest.raises(FeedFailed) as refused:
        feeds.check("github", access)

    assert refused.value.code == "feed-unreadable"


@pytest.mark.parametrize("document", [{}, "nothing", None])
def test_what_is_no_list_of_releases_is_unreadable(feed, access, document):
    feed.answers(RELEASES, document)

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("github", access, NAME)

    assert refused.value.code == "feed-unreadable"
