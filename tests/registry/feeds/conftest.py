"""Feeds of our own, and a stranger beside them. Limits are short, so that what is slow is soon over."""

from collections.abc import Iterator

import pytest

from registry.feeds import Access, Limits
from tests.registry.feeds.answering import Feed

PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine is set to must not decide what is tested."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def feed() -> Iterator[Feed]:
    with Feed().running() as server:
        yield server


@pytest.fixture
def stranger() -> Iterator[Feed]:
    """Another server: the same machine, but another origin."""
    with Feed().running() as server:
        yield server


@pytest.fixture
def access(feed: Feed) -> Access:
    """As nobody in particular."""
    return Access(feed.url)


@pytest.fixture
def signed_in(feed: Feed) -> Access:
    return Access(feed.url, "reader", "sesame")


@pytest.fixture
def quick() -> Limits:
    """Enough for a server on this machine that wants to answer."""
    return Limits(connect_seconds=2, read_seconds=0.5, total_seconds=1)


@pytest.fixture
def small() -> Limits:
    return Limits(bytes=100_000)
