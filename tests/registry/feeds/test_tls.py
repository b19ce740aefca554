"""A feed has to prove who it is, and TLS makes nobody wait longer."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from registry import feeds
from registry.feeds import Access, FeedFailed, Limits
from tests.registry.feeds.answering import Feed
from tests.registry.feeds.certificates import server_context

PATIENT = "/patient"


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Feed]:
    with Feed(tls=server_context(tmp_path)).running() as server:
        yield server


@pytest.fixture
def trusted(secure: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Feed:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    return secure


def failure(access: Access, limits: Limits | None = None) -> FeedFailed:
    with pytest.raises(FeedFailed) as refused:
        feeds.list_versions("npm", access, "patient", limits=limits or Limits())
    return refused.value


def test_a_feed_that_cannot_prove_who_it_is_gets_nothing(secure):
    refused = failure(Access(secure.url, "reader", "sesame"))

    assert refused.code == "feed-unreachable"
    assert "self-signed certificate" in refused.sentence
    assert "REQUESTS_CA_BUNDLE" in refused.sentence
    assert secure.asked == []


def test_what_the_environment_trusts_is_trusted(trusted):
    trusted.answers(PATIENT, {"versions": {"1.0.0": {}}})

    listing = feeds.list_versions("npm", Access(trusted.url), "patient")

    assert [listed.version for listed in listing.versions] == ["1.0.0"]


def test_a_feed_without_tls_behind_https_is_unreachable(feed):
    feed.answers(PATIENT, {"versions": {}})

    refused = failure(Access(feed.url.replace("http:", "https:")))

    assert refused.code == "feed-unreachable"
    assert feed.host in refused.sentence


def test_from_tls_no_redirect_leads_out_of_it(trusted, feed):
    trusted.moves(PATIENT, f"{feed.url}/patient")

    assert failure(Access(trusted.url)).code == "feed-redirected"
    assert feed.asked == []


def test_nor_does_a_challenge_even_on_the_same_host(trusted, feed):
    trusted.answers("/v2/", status=401, WWW_Authenticate=f'Bearer realm="{feed.url}/token"')

    with pytest.raises(FeedFailed) as refused:
        feeds.check("oci", Access(trusted.url, "reader", "sesame"))

    assert refused.value.code == "feed-redirected"
    assert feed.asked == []


def test_a_dripping_body_is_left_in_time_with_tls_too(trusted):
    trusted.answers(PATIENT, lambda writer: writer.drip(b" " * 1000))
    began = time.monotonic()

    refused = failure(Access(trusted.url), Limits(total_seconds=0.5))

    assert refused.code == "feed-slow"
    assert time.monotonic() - began < 3


def test_a_certificate_bundle_that_is_not_there_is_no_crash(secure, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")

    assert failure(Access(secure.url)).code == "feed-unreachable"
