"""Maven repositories, and Anypoint Exchange which answers as one."""

import functools
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from registry import feeds
from registry.feeds import Access, FeedFailed
from tests.registry.feeds.answering import basic

ORGANISATION = "68ef9520-24e9-4cf2-b2f5-620025690913"
API = "com.example.clinic:patient-api"
MULE = f"{ORGANISATION}:patient-api:jar:mule-application"
METADATA = """<?xml version="1.0" encoding="UTF-8"?>
<metadata{namespace}>
  <groupId>com.example.clinic</groupId>
  <artifactId>patient-api</artifactId>
  <versioning>
    <latest>1.4.17</latest>
    <release>1.4.17</release>
    <versions>
      <version>1.4.17</version>
      <version> 1.10.0 </version>
      <version>1.9</version>
      <version>1.9.0</version>
      <version>1.11.0-SNAPSHOT</version>
      <version>1.4.17.Final</version>
      <version></version>
    </versions>
    <lastUpdated>20260203040506</lastUpdated>
  </versioning>
</metadata>
"""
PLAIN = METADATA.format(namespace="")
NAMESPACED = METADATA.format(namespace=' xmlns="http://maven.apache.org/METADATA/1.1.0"')


class Repository(SimpleHTTPRequestHandler):
    """Files as Maven lays them out, for whoever has the password."""

    def do_GET(self) -> None:
        if self.headers.get("Authorization") == basic("~~~Client~~~", "id~?~secret"):
            super().do_GET()
        else:
            self.send_error(401)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """The files of a repository with one package, in the layouts of Maven and of Exchange."""
    root = tmp_path / "maven2"
    for group, file in (
        ("com/example/clinic", "patient-api-1.10.0.jar"),
        (ORGANISATION, "patient-api-1.10.0-mule-application.jar"),
    ):
        package = root / group / "patient-api"
        (package / "1.10.0").mkdir(parents=True)
        (package / "maven-metadata.xml").write_text(PLAIN)
        (package / "1.10.0" / file).write_bytes(b"bytes")
        (package / "1.10.0" / f"{file}.sha1").write_text(hashlib.sha1(b"bytes").hexdigest())
    return root


@pytest.fixture
def repository(files: Path) -> Iterator[Access]:
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Repository, directory=str(files.parent))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield Access(f"http://127.0.0.1:{server.server_port}/maven2", "~~~Client~~~", "id~?~secret")
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", [API, MULE])
def test_versions_are_read_from_the_list_and_not_from_what_is_called_latest(repository, name):
    listing = feeds.list_versions("maven", repository, name)

    assert [listed.version for listed in listing.versions] == ["1.10.0", "1.9.0", "1.4.17"]


def test_a_snapshot_is_no_version_that_stays_what_it_is(repository):
    listing = feeds.list_versions("maven", repository, API)

    assert listing.unreadable == 3


@pytest.mark.parametrize("name", [API, MULE])
def test_the_digest_is_read_beside_the_artifact(repository, name):
    assert feeds.digest_of("maven", repository, name, "1.10.0") == f"sha1:{hashlib.sha1(b'bytes').hexdigest()}"


def test_the_better_digest_is_preferred_with_the_name_of_the_file_behind_it(repository, files):
    beside = files / "com/example/clinic/patient-api/1.10.0/patient-api-1.10.0.jar.sha256"
    beside.write_text(f"{'AB' * 32}  patient-api-1.10.0.jar\n")

    assert feeds.digest_of("maven", repository, API, "1.10.0") == "sha256:" + "ab" * 32


@pytest.mark.parametrize("content", ["", "<html>not found</html>", "0" * 39, "\xff"])
def test_a_file_that_holds_no_digest_says_nothing(repository, files, content):
    beside = files / "com/example/clinic/patient-api/1.10.0/patient-api-1.10.0.jar.sha1"
    beside.write_text(content, encoding="latin-1")

    assert feeds.digest_of("maven", repository, API, "1.10.0") == ""


def test_a_digest_that_lies_with_somebody_else_says_nothing(feed, stranger, access):
    place = "/com/example/clinic/patient-api/1.0/patient-api-1.0.jar"
    feed.moves(f"{place}.sha256", f"{stranger.url}/digest")
    stranger.answers("/digest", "ab" * 32)

    assert feeds.digest_of("maven", access, API, "1.0") == ""
    assert stranger.asked == []


def test_that_a_feed_is_busy_is_not_taken_for_a_missing_digest(feed, access):
    feed.answers("/com/example/clinic/patient-api/1.0/patient-api-1.0.jar.sha256", status=503)

    with pytest.raises(FeedFailed) as refused:
        feeds.digest_of("maven", access, API, "1.0")

    assert refused.value.code == "feed-busy"


@pytest.mark.parametrize(("name", "code"), [("com.example:nothing", "package-unknown"), (API, "feed-refused")])
def test_a_repository_refuses_and_does_not_know(repository, name, code):
    password = {"package-unknown": repository.secret, "feed-refused": "wrong"}[code]

    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("maven", Access(repository.url, repository.username, password), name)

    assert refused.value.code == code


def test_the_namespace_of_newer_metadata_is_understood(feed, access):
    feed.answers("/com/example/clinic/patient-api/maven-metadata.xml", NAMESPACED)

    assert feeds.list_versions("maven", access, API).versions[0].version == "1.10.0"


def test_an_unchanged_list_says_so(feed, access):
    feed.answers("/com/example/clinic/patient-api/maven-metadata.xml", status=304)

    assert feeds.list_versions("maven", access, API, etag='"known"') is None
    assert feed.asked[0].headers["if-none-match"] == '"known"'


@pytest.mark.parametrize(
    ("sent", "kept"),
    [('"abc"', '"abc"'), ('W/"abc"', 'W/"abc"'), ("abc", ""), ('"' + "a" * 300 + '"', ""), ('"a b"', "")],
)
def test_an_etag_is_kept_where_it_is_one(feed, access, sent, kept):
    feed.answers("/com/example/clinic/patient-api/maven-metadata.xml", PLAIN, ETag=sent)

    assert feeds.list_versions("maven", access, API).etag == kept


def test_a_package_without_versions_has_none(feed, access):
    feed.answers("/com/example/clinic/patient-api/maven-metadata.xml", "<metadata/>")

    assert feeds.list_versions("maven", access, API).versions == ()


@pytest.mark.parametrize("status", [200, 404])
def test_a_repository_that_answers_passes_the_check_whatever_it_shows(feed, access, status):
    feed.answers("/", status=status)

    feeds.check("maven", access)


def test_one_that_does_not_let_us_in_does_not_pass(repository):
    feeds.check("maven", repository)

    with pytest.raises(FeedFailed) as refused:
        feeds.check("maven", Access(repository.url, "somebody", "else"))

    assert refused.value.code == "feed-refused"
