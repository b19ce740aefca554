"""NuGet feeds: a service index says where everything is."""

import pytest

from registry import feeds
from registry.feeds import Access, FeedFailed
from tests.registry.feeds.answering import Feed

HASH = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=="
ENTRY = {"@id": "…", "id": "Example.Patients", "packageHash": HASH, "packageHashAlgorithm": "SHA512"}


def service(feed: Feed, where: str = "", **more: str) -> Access:
    """A feed whose resources are at `where`, itself if that is left out."""
    where = where or feed.url
    resources = [
        {"@id": f"{where}/search", "@type": "SearchQueryService/3.5.0"},
        {"@id": f"{where}/old", "@type": "RegistrationsBaseUrl"},
        {"@id": f"{where}/metadata/", "@type": ["RegistrationsBaseUrl/Versioned", "RegistrationsBaseUrl/3.6.0"]},
        {"@id": f"{where}/content", "@type": "PackageBaseAddress/3.0.0"},
    ]
    feed.answers("/v3/index.json", {"version": "3.0.0", "resources": resources})
    return Access(f"{feed.url}/v3/index.json", **more)


@pytest.fixture
def nuget(feed: Feed) -> Access:
    return service(feed)


def test_versions_are_listed_by_the_id_in_lower_case(feed, nuget):
    feed.answers("/content/example.patients/index.json", {"versions": ["1.4.17", "1.10.0", "1.10.0-beta.1", "1.2.3.4"]})

    listing = feeds.list_versions("nuget", nuget, "Example.Patients")

    assert [listed.version for listed in listing.versions] == ["1.10.0", "1.10.0-beta.1", "1.4.17", "1.2.3.4"]


def test_the_credentials_are_sent_to_the_resources_of_the_feed(feed):
    feed.answers("/content/example.patients/index.json", {"versions": []})

    feeds.list_versions("nuget", service(feed, secret="t0ken"), "Example.Patients")

    assert [request.authorization for request in feed.asked] == ["Bearer t0ken"] * 2


@pytest.mark.parametrize("secret", ["t0ken", ""])
def test_a_resource_with_somebody_else_is_not_asked_as_somebody_nor_without_tls(feed, stranger, secret):
    access = service(feed, stranger.url, secret=secret)

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("nuget", access, "Example.Patients")

    assert refused.value.code == "feed-redirected"
    assert stranger.host in refused.value.sentence
    assert stranger.asked == []


def test_a_resource_with_somebody_else_is_asked_as_nobody_with_tls(feed):
    access = service(feed, "https://127.0.0.1:1")

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("nuget", access, "Example.Patients")

    assert refused.value.code == "feed-unreachable"
    assert "127.0.0.1:1" in refused.value.sentence


def test_an_unchanged_list_says_so(feed, nuget):
    feed.answers("/content/example.patients/index.json", status=304)

    assert feeds.list_versions("nuget", nuget, "Example.Patients", etag='"known"') is None


def test_a_package_that_is_not_there_is_unknown(nuget):
    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("nuget", nuget, "Example.Patients")

    assert refused.value.code == "package-unknown"


def test_the_digest_comes_from_the_catalog(feed, nuget):
    feed.answers("/metadata/example.patients/1.0.0-rc.1.json", {"catalogEntry": f"{feed.url}/catalog/1.json"})
    feed.answers("/catalog/1.json", ENTRY)

    assert feeds.digest_of("nuget", nuget, "Example.Patients", "1.0.0-RC.1") == "sha512:" + "0" * 128


def test_the_digest_may_stand_with_the_metadata(feed, nuget):
    feed.answers("/metadata/example.patients/1.0.0.json", {"catalogEntry": ENTRY})

    assert feeds.digest_of("nuget", nuget, "Example.Patients", "1.0.0") == "sha512:" + "0" * 128


@pytest.mark.parametrize(
    "leaf",
    [
        {},
        {"catalogEntry": 7},
        {"catalogEntry": {}},
        {"catalogEntry": ENTRY | {"packageHashAlgorithm": "MD5"}},
        {"catalogEntry": ENTRY | {"packageHash": "not base64!"}},
        {"catalogEntry": "http://feed.invalid/catalog/1.json"},
    ],
)
def test_a_feed_that_states_no_digest_states_none(feed, nuget, leaf):
    feed.answers("/metadata/example.patients/1.0.0.json", leaf)

    assert feeds.digest_of("nuget", nuget, "Example.Patients", "1.0.0") == ""


def test_a_feed_without_metadata_of_this_version_states_none(nuget):
    assert feeds.digest_of("nuget", nuget, "Example.Patients", "1.0.0") == ""


def test_the_service_index_passes_the_check(nuget):
    feeds.check("nuget", nuget)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"resources": {}},
        {"resources": ["PackageBaseAddress/3.0.0"]},
        {"resources": [{"@type": "PackageBaseAddress/3.0.0", "@id": 7}]},
        {"resources": [{"@type": "SearchQueryService", "@id": "https://feed.invalid"}]},
    ],
)
def test_what_is_no_service_index_does_not_pass(feed, access, document):
    feed.answers("/", document)

    with pytest.raises(FeedFailed) as refused:
        feeds.check("nuget", access)

    assert refused.value.code == "feed-unreadable"


@pytest.mark.parametrize("document", [{}, {"versions": {}}, []])
def test_what_is_no_list_of_versions_is_unreadable(feed, nuget, document):
    feed.answers("/content/example.patients/index.json", document)

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("nuget", nuget, "Example.Patients")

    assert refused.value.code == "feed-unreadable"
