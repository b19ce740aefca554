"""npm registries: a document for each package, with the digest of every version."""

from collections.abc import Iterator

import pytest

from registry import feeds
from registry.feeds import Access, FeedFailed
from tests.registry.feeds.answering import Reply
from tests.registry.feeds.programs import PASSWORD, READER, Verdaccio, publish_to_npm, running

OPEN, SCOPED = "patient-ui", "@example/patient-ui"
OF_ZEROS = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
ZEROS = "0" * 128


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Verdaccio]:
    with running(Verdaccio(tmp_path_factory.mktemp("verdaccio"))) as server:
        for name in (OPEN, SCOPED):
            for version in ("1.4.17", "1.10.0", "2.0.0-rc.1"):
                publish_to_npm(server, name, version, content=version.encode())
        yield server


@pytest.mark.verdaccio
def test_the_versions_of_a_real_registry_are_listed_with_their_digests(registry):
    digest = publish_to_npm(registry, "patient-api", "3.0.0", content=b"three")

    listing = feeds.list_versions("npm", Access(registry.url), "patient-api")

    assert [(listed.version, listed.digest) for listed in listing.versions] == [("3.0.0", digest)]
    assert feeds.digest_of("npm", Access(registry.url), "patient-api", "3.0.0") == digest


@pytest.mark.verdaccio
def test_a_real_registry_shows_a_scope_to_whoever_may_see_it(registry):
    listing = feeds.list_versions("npm", Access(registry.url, READER, PASSWORD), SCOPED)

    assert [listed.version for listed in listing.versions] == ["2.0.0-rc.1", "1.10.0", "1.4.17"]


@pytest.mark.verdaccio
@pytest.mark.parametrize(
    ("credentials", "name", "code"),
    [
        ((), SCOPED, "feed-refused"),
        ((READER, "wrong"), SCOPED, "feed-refused"),
        ((READER, PASSWORD), "@example/nothing", "package-unknown"),
        ((), "nothing", "package-unknown"),
    ],
)
def test_a_real_registry_refuses_and_does_not_know(registry, credentials, name, code):
    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("npm", Access(registry.url, *credentials), name)

    assert refused.value.code == code


@pytest.mark.verdaccio
def test_a_real_registry_says_when_nothing_has_changed(registry):
    known = feeds.list_versions("npm", Access(registry.url), OPEN)

    assert known.etag
    assert feeds.list_versions("npm", Access(registry.url), OPEN, etag=known.etag) is None


@pytest.mark.verdaccio
def test_a_real_registry_says_that_something_has_changed(registry):
    publish_to_npm(registry, "growing", "1.0.0", content=b"one")
    known = feeds.list_versions("npm", Access(registry.url), "growing")
    publish_to_npm(registry, "growing", "1.1.0", content=b"two")

    listing = feeds.list_versions("npm", Access(registry.url), "growing", etag=known.etag)

    assert [listed.version for listed in listing.versions] == ["1.1.0", "1.0.0"]


@pytest.mark.verdaccio
@pytest.mark.parametrize("credentials", [(), (READER, PASSWORD)])
def test_a_real_registry_passes_the_check(registry, credentials):
    feeds.check("npm", Access(registry.url, *credentials))


@pytest.mark.verdaccio
def test_a_real_registry_does_not_pass_with_wrong_credentials(registry):
    with pytest.raises(FeedFailed) as refused:
        feeds.check("npm", Access(registry.url, READER, "wrong"))

    assert refused.value.code == "feed-refused"


@pytest.mark.parametrize(
    ("dist", "digest"),
    [
        ({"integrity": f"sha512-{OF_ZEROS}"}, f"sha512:{ZEROS}"),
        ({"integrity": f"sha1-x sha512-{OF_ZEROS}?option sha256-y"}, f"sha512:{ZEROS}"),
        ({"integrity": "md5-x", "shasum": "AB" * 20}, "sha1:" + "ab" * 20),
        ({"integrity": "sha512-short"}, ""),
        ({"integrity": "sha512-ümläut"}, ""),
        ({"integrity": ["sha512"]}, ""),
        ({"shasum": 7}, ""),
        (None, ""),
    ],
)
def test_the_digest_is_the_strongest_that_is_stated(feed, access, dist, digest):
    feed.answers("/patient-ui", {"versions": {"1.0.0": {"dist": dist}}})

    assert feeds.digest_of("npm", access, OPEN, "1.0.0") == digest


def test_a_scope_is_one_part_of_the_address_and_the_short_document_is_asked_for(feed, access):
    feed.answers("/@example%2Fpatient-ui", {"versions": {}})

    feeds.list_versions("npm", access, SCOPED)

    assert feed.asked[0].path == "/@example%2Fpatient-ui"
    assert feed.asked[0].headers["accept"].startswith("application/vnd.npm.install-v1+json")


def test_when_a_version_was_published_is_known_from_the_full_document(feed, access):
    times = {"1.0.0": "2026-02-03T04:05:06.789Z", "1.1.0": "yesterday"}
    feed.answers("/patient-ui", {"versions": {"1.0.0": {}, "1.1.0": {}}, "time": times})

    listing = feeds.list_versions("npm", access, OPEN)

    assert [str(listed.published_at) for listed in listing.versions] == ["None", "2026-02-03 04:05:06.789000+00:00"]


def test_a_version_that_is_gone_is_unknown(feed, access):
    feed.answers("/patient-ui", {"versions": {"1.0.0": {}}})

    with pytest.raises(FeedFailed) as refused:
        feeds.digest_of("npm", access, OPEN, "1.1.0")

    assert refused.value.code == "package-unknown"
    assert "patient-ui 1.1.0" in refused.value.sentence


@pytest.mark.parametrize("place", ["/-/ping", "/-/whoami"])
def test_a_registry_without_these_questions_passes_by_its_way_of_saying_no(feed, place):
    feed.decides(place, lambda _: Reply(b"{}", 404, {"Content-Type": "application/json; charset=utf-8"}))

    feeds.check("npm", Access(feed.url, secret="t0ken" if place == "/-/whoami" else ""))

    assert [request.path for request in feed.asked] == [place]


def test_what_is_no_registry_does_not_pass(feed, access):
    with pytest.raises(FeedFailed) as refused:
        feeds.check("npm", access)

    assert refused.value.code == "feed-unreadable"
