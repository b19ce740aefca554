"""Python package indexes: versions are read from the names of files, as JSON or as HTML."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from registry import feeds
from registry.feeds import FeedFailed, Listing
from registry.feeds.access import Access
from tests.registry.feeds.programs import PyPiServer, PyPiServerWithFallback, running

JSON = "application/vnd.pypi.simple.v1+json"
DIGEST = "0f" * 32
FILES = (
    "patient_reports-1.4.17.tar.gz",
    "patient_reports-1.4.17-py3-none-any.whl",
    "patient_reports-1.10.0-py3-none-any.whl",
    "patient-reports-2.0rc1.zip",
    "patient_reports-2.0rc1.dev4.tar.gz",
    "patient_reports_more-9.9.9.tar.gz",
)


def spelled(listing: Listing | None) -> list[str]:
    assert listing is not None
    return [listed.version for listed in listing.versions]


def lists(feed: Any, *files: dict[str, Any]) -> None:
    """Have the feed list these files as JSON."""
    document = {"meta": {"api-version": "1.1"}, "name": "patient-reports", "files": list(files)}
    feed.answers("/patient-reports/", document, Content_Type=JSON)


def a_file(name: str, **about: Any) -> dict[str, Any]:
    return {"filename": name, "url": f"https://feed.invalid/{name}", "hashes": {"sha256": DIGEST}} | about


# -- pypiserver


def packages_in(home: Path) -> None:
    (home / "packages").mkdir()
    for name in FILES:
        (home / "packages" / name).write_bytes(name.encode())


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyPiServer]:
    home = tmp_path_factory.mktemp("index")
    packages_in(home)
    with running(PyPiServer(home)) as server:
        yield server


@pytest.fixture(scope="module")
def index_with_fallback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PyPiServer]:
    home = tmp_path_factory.mktemp("index")
    packages_in(home)
    with running(PyPiServerWithFallback(home)) as server:
        yield server


def test_the_files_of_a_real_index_are_read_as_versions(index):
    listing = feeds.list_versions("pypi", Access(f"{index.url}/simple/"), "Patient.Reports")

    sdist = hashlib.sha256(b"patient_reports-1.4.17.tar.gz").hexdigest()
    assert spelled(listing) == ["2.0rc1", "1.10.0", "1.4.17"]
    assert listing.unreadable == 1
    assert [listed.parsed.normalised for listed in listing.versions] == ["2.0.0-rc.1", "1.10.0", "1.4.17"]
    assert listing.versions[2].digest == f"sha256:{sdist}"


def test_a_real_index_passes_the_check(index):
    feeds.check("pypi", Access(f"{index.url}/simple"))


def test_a_real_index_does_not_know_what_it_does_not_have(index):
    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("pypi", Access(f"{index.url}/simple"), "requests")

    assert refused.value.code == "package-unknown"


def test_a_real_index_that_sends_us_to_the_public_one_is_not_followed_there(index_with_fallback):
    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("pypi", Access(f"{index_with_fallback.url}/simple"), "requests")

    assert refused.value.code == "feed-redirected"
    assert "pypi.org" in refused.value.sentence


# -- JSON


def test_json_is_preferred_and_html_accepted(feed, access):
    lists(feed)

    feeds.list_versions("pypi", access, "patient-reports")

    accepted = feed.asked[0].headers["accept"].split(", ")
    assert accepted == [JSON, "application/vnd.pypi.simple.v1+html;q=0.2", "text/html;q=0.01"]


def test_what_was_yanked_is_not_listed(feed, access):
    lists(
        feed,
        a_file("patient_reports-1.0.tar.gz"),
        a_file("patient_reports-1.1.tar.gz", yanked="broken"),
        a_file("patient_reports-1.2.tar.gz", yanked=True),
        a_file("patient_reports-1.3.tar.gz", yanked=False),
    )

    listing = feeds.list_versions("pypi", access, "patient-reports")

    assert spelled(listing) == ["1.3", "1.0"]
    assert listing.unreadable == 0


@pytest.mark.parametrize(
    ("files", "digest"),
    [
        (["patient_reports-1.0.tar.gz"], DIGEST),
        (["patient_reports-1.0-py3-none-any.whl"], DIGEST),
        (["patient_reports-1.0-py3-none-any.whl", "patient_reports-1.0.tar.gz"], DIGEST),
        (["patient_reports-1.0-cp311-cp311-win32.whl", "patient_reports-1.0-cp312-cp312-win32.whl"], None),
        (["patient_reports-1.0.zip", "patient_reports-1.0.tar.gz"], None),
    ],
)
def test_the_digest_is_the_one_of_the_sdist_or_of_the_only_file(feed, access, files, digest):
    lists(feed, *(a_file(name) for name in files))

    assert feeds.digest_of("pypi", access, "patient-reports", "1.0") == (f"sha256:{digest}" if digest else "")


def test_a_version_was_published_with_its_first_file(feed, access):
    wheel = a_file("patient_reports-1.0-py3-none-any.whl", **{"upload-time": "2026-02-03T04:05:07.5Z"})
    sdist = a_file("patient_reports-1.0.tar.gz", **{"upload-time": "2026-02-03T04:05:06.5Z"})
    lists(feed, wheel, sdist)

    listing = feeds.list_versions("pypi", access, "patient-reports")

    assert str(listing.versions[0].published_at) == "2026-02-03 04:05:06.500000+00:00"


def test_files_that_say_nothing_are_passed_over_and_counted(feed, access):
    lists(
        feed,
        a_file("patient_reports-1.0-py2.7.egg"),
        a_file("patient_reports-1.0.tar.gz.asc"),
        a_file("patient_reports-one.tar.gz"),
        a_file("patient_reports-1.0-py3.whl"),
        a_file("patient_reports-" + "9" * 5000 + ".tar.gz"),
        a_file("nonsense.zip"),
        {"filename": 7},
        "patient_reports-3.0.tar.gz",
    )

    listing = feeds.list_versions("pypi", access, "patient-reports")

    assert spelled(listing) == []
    assert listing.unreadable == 4


@pytest.mark.parametrize("version", ["2.0", "", None, 2])
def test_a_newer_api_is_not_guessed_at(feed, access, version):
    feed.answers("/patient-reports/", {"meta": {"api-version": version}, "files": []}, Content_Type=JSON)

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("pypi", access, "patient-reports")

    assert refused.value.code == "feed-unreadable"


# -- HTML

PAGE = f"""<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.0"></head><body>
<a href="../../packages/patient_reports-1.0.tar.gz#sha256={DIGEST}" data-requires-python=">=3.9">1.0</a><br/>
<A HREF='https://elsewhere.invalid/x/patient_reports-1.1-py3-none-any.whl#md5=0'>1.1</A>
<a href="patient_reports-1.2.tar.gz" data-yanked="">1.2</a>
<a href="patient_reports-1%2E3.tar.gz?again=yes">1.3</a>
<a>nothing</a><a href>nothing</a><a href="http://[">nothing</a>
<!-- <a href="patient_reports-9.9.tar.gz">9.9</a> -->
<a href="patient_reports-1.4.tar.gz"""


@pytest.mark.parametrize("media_type", ["text/html; charset=utf-8", "application/vnd.pypi.simple.v1+html"])
def test_html_is_read_too(feed, access, media_type):
    feed.answers("/patient-reports/", PAGE, Content_Type=media_type)

    listing = feeds.list_versions("pypi", access, "patient-reports")

    digests = [(listed.version, listed.digest) for listed in listing.versions]
    assert digests == [("1.3", ""), ("1.1", ""), ("1.0", f"sha256:{DIGEST}")]


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        ("<html><form>Please sign in</form></html>", "text/html"),
        (PAGE, "application/octet-stream"),
        (PAGE, "application/json"),
        (PAGE, JSON),
        (PAGE, ""),
    ],
)
def test_other_content_is_unreadable(feed, access, body, media_type):
    feed.answers("/patient-reports/", body, Content_Type=media_type)

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("pypi", access, "patient-reports")

    assert refused.value.code == "feed-unreadable"
