"""What may be entered: the address of a feed, and the name of a package in it."""

import pytest

from registry import feeds
from registry.feeds import KINDS, Access, FeedFailed
from registry.feeds.access import host_of, origin_of

GOOD = [
    ("maven", "com.example:patient-api"),
    ("maven", "68ef9520-24e9-4cf2-b2f5-620025690913:patient-api:jar:mule-application"),
    ("maven", "com.example:patient_api.core:war"),
    ("npm", "patient-ui"),
    ("npm", "@example/patient-ui"),
    ("npm", "JSONStream"),
    ("pypi", "patient-reports"),
    ("pypi", "Patient_Reports.core"),
    ("oci", "nginx"),
    ("oci", "library/nginx"),
    ("oci", "clinic/patients/api__v2-x"),
    ("nuget", "Example.Patients"),
    ("nuget", "EntityFramework.MicrosoftSqlServer"),
    ("github", "example/patient-portal"),
    ("github", "example/.github"),
]
BAD = [
    *((kind, name) for kind in KINDS for name in ("", " ", "a b", "ä", "..", "a/../b", "a\n", "a?b", "a#b", "a%2fb")),
    *((kind, "a" * 256) for kind in KINDS),
    ("maven", "patient-api"),
    ("maven", ":patient-api"),
    ("maven", "com..example:api"),
    ("maven", "com.example:.."),
    ("maven", "com/example:api"),
    ("maven", "com.example:api:jar:c:1.0"),
    ("npm", "@example"),
    ("npm", "@example/"),
    ("npm", "example/patient-ui"),
    ("npm", ".hidden"),
    ("npm", "a" * 215),
    ("pypi", "-reports"),
    ("oci", "Library/nginx"),
    ("oci", "library/nginx:1.27"),
    ("oci", "/nginx"),
    ("oci", "library//nginx"),
    ("nuget", "Example..Patients"),
    ("nuget", "a" * 101),
    ("github", "patient-portal"),
    ("github", "example/.."),
    ("github", "example/a/b"),
    ("github", "-example/a"),
]


@pytest.mark.parametrize(("kind", "name"), GOOD)
def test_a_name_is_allowed(kind, name):
    assert feeds.why_not_a_name(kind, name) is None


@pytest.mark.parametrize(("kind", "name"), BAD)
def test_a_name_is_refused_with_a_sentence(kind, name):
    sentence = feeds.why_not_a_name(kind, name)

    assert sentence
    assert sentence.startswith(("Enter ", "The name "))
    assert sentence.endswith(".")


@pytest.mark.parametrize("question", [feeds.list_versions, lambda *asked: feeds.digest_of(*asked, "1.0.0")])
def test_nobody_is_asked_for_what_is_no_name(feed, access, question):
    with pytest.raises(FeedFailed) as refused:
        question("oci", access, "../secrets")

    assert refused.value.code == "name-refused"
    assert feed.asked == []


@pytest.mark.parametrize("version", ["", "..", "../1.0", "1.0/x", "1.0?x", "1.0\n", "ä"])
def test_nobody_is_asked_for_what_is_no_version(feed, access, version):
    with pytest.raises(FeedFailed) as refused:
        feeds.digest_of("oci", access, "library/nginx", version)

    assert refused.value.code == "name-refused"
    assert feed.asked == []


@pytest.mark.parametrize(
    "url", ["https://feed.example", "http://feed.example:8080/a/b/", "https://[::1]:5000", "HTTPS://Feed.Example/x"]
)
def test_an_address_is_allowed(url):
    assert feeds.why_not_an_address(url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "beginning with https://"),
        ("feed.example", "beginning with https://"),
        ("ftp://feed.example", "beginning with https://"),
        ("file:///etc", "beginning with https://"),
        ("https://", "beginning with https://"),
        ("https://feed.example:0", "beginning with https://"),
        ("https://feed.example:99999", "beginning with https://"),
        ("https://[feed", "beginning with https://"),
        ("https://feed.example/a b", "beginning with https://"),
        ("https://feed.example\\x", "beginning with https://"),
        ("https://fe\ned.example", "beginning with https://"),
        ("https://bücher.example", "beginning with https://"),
        ("https://me:sesame@feed.example", "in their own fields"),
        ("https://feed.example/?token=1", "neither “?”"),
        ("https://feed.example/#x", "neither “?”"),
        ("https://feed.example/?", "neither “?”"),
    ],
)
def test_an_address_is_refused_with_a_sentence(url, words):
    assert words in feeds.why_not_an_address(url)


def test_nobody_is_asked_at_what_is_no_address():
    with pytest.raises(FeedFailed) as refused:
        feeds.check("npm", Access("https://me:s3same@feed.example"))

    assert refused.value.code == "address-refused"
    assert "s3same" not in str(refused.value)


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("https://feed.example/a", "https://feed.example:443/b", True),
        ("http://FEED.example", "http://feed.example:80", True),
        ("http://feed.example", "https://feed.example", False),
        ("http://feed.example", "http://feed.example:8080", False),
        ("http://feed.example", "http://feed.example.evil", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one, other, is_same):
    assert (origin_of(one) == origin_of(other)) is is_same


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://feed.example/x", "feed.example"),
        ("http://feed.example:8080", "feed.example:8080"),
        ("http://[::1]:5000", "[::1]:5000"),
    ],
)
def test_a_host_is_shown_with_a_port_where_it_is_not_the_usual_one(url, host):
    assert host_of(url) == host


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_explains_itself(kind):
    assert "https://" in KINDS[kind].url_help
    assert KINDS[kind].label
    assert KINDS[kind].name_help
