"""One question to one feed: all requests that it takes share one deadline, one allowance of bytes and one origin.

There is no requests.Session: nothing is read from a .netrc, no cookie is kept, and no redirect is followed (nor its
body read) unless it is done here. Proxies and the authorities that sign certificates are taken from the environment, by
the rules of requests (HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE …). Nothing is tried twice: whoever asks decides that.
"""

import contextlib
import json
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urljoin

import requests
import urllib3.exceptions
from requests.utils import get_environ_proxies, parse_header_links

from registry.feeds import failures
from registry.feeds.access import Access, Limits, Origin, authorization_of, host_of, origin_of
from registry.feeds.deadline import Deadline, WatchedAdapter
from registry.feeds.failures import FeedFailed

ETAG_MAX_LENGTH = 200
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]*"')  # RFC 9110 §8.8.3
_CHUNK = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_OURS = {"User-Agent": "Signalbox", "Accept-Encoding": "gzip, deflate"}


@dataclass(frozen=True)
class Answer:
    """What came back."""

    url: str
    status: int
    headers: Mapping[str, str]
    """Whatever their upper and lower case."""
    body: bytes
    """Empty unless the status is 200."""

    @property
    def host(self) -> str:
        return host_of(self.url)

    @property
    def etag(self) -> str:
        stated = self.headers.get("ETag", "")
        return stated if len(stated) <= ETAG_MAX_LENGTH and _ETAG.fullmatch(stated) else ""

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def next_url(self) -> str:
        """The address of the next page, from the Link header (RFC 8288); empty on the last one."""
        links = parse_header_links(self.headers.get("Link", ""))
        stated = next((link["url"] for link in links if link.get("rel") == "next"), "")
        return joined(self.url, stated) if stated else ""

    def json_object(self) -> dict[str, Any]:
        """Raises FeedFailed where the body is anything else."""
        document = self._json()
        if not isinstance(document, dict):
            raise failures.unreadable(self.host, "JSON of another kind of service")
        return document

    def json_list(self) -> list[Any]:
        """Raises FeedFailed where the body is anything else."""
        document = self._json()
        if not isinstance(document, list):
            raise failures.unreadable(self.host, "JSON of another kind of service")
        return document

    def _json(self) -> Any:
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            raise failures.unreadable(self.host, "something that is not JSON") from None


class Visit:
    """A question to a feed while it is being asked. `with Visit(…) as visit:` ends whatever is still under way."""

    def __init__(self, access: Access, limits: Limits) -> None:
        """Raises FeedFailed where the address is none."""
        self.base = access.url.rstrip("/")
        self.access, self.limits = access, limits
        self.origin = origin_of(access.url)
        self.authorization = authorization_of(access)
        """Sent to the feed's own origin, and nowhere else."""
        self._received = 0
        self._deadline = Deadline(limits.total_seconds)
        self._adapter = WatchedAdapter(self._deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._adapter.close()
        self._deadline.close()

    @property
    def host(self) -> str:
        return host_of(self.access.url)

    def get(
        self, url: str, *, accept: str = "application/json", etag: str = "", package: str = "", method: str = "GET"
    ) -> Answer:
        """The answer, if it is a success: 200, or 304 where `etag` is given and still holds.

        package: the name that is being asked about; empty where it is the feed itself. Raises FeedFailed.
        """
        answer = self.ask(url, accept=accept, etag=etag, method=method)
        if answer.status == 200 or (etag and answer.status == 304):
            return answer
        raise self.failure(answer, package)

    def ask(
        self, url: str, *, accept: str = "application/json", etag: str = "", method: str = "GET", read: bool = True
    ) -> Answer:
        """The answer, whatever its status. read=False: without its body. Raises FeedFailed where there is none.

        Another origin than the feed's own is asked only with TLS, and only by whoever has no credentials at all.
        """
        headers = {"Accept": accept}
        if etag:
            headers["If-None-Match"] = etag
        origin = self.origin_stated(url)
        if origin != self.origin and (self.access.has_credentials or origin.scheme != "https"):
            raise failures.redirected(self.host, host_of(url))
        if origin == self.origin and self.authorization:
            headers["Authorization"] = self.authorization
        return self._follow(method, url, headers, read=read)

    def ask_as(self, url: str, authorization: str) -> Answer:
        """Ask another server than the feed with these credentials: the caller has made sure that it may have them."""
        headers = {"Accept": "application/json"}
        return self._follow("GET", url, headers | ({"Authorization": authorization} if authorization else {}))

    def pages(
        self, url: str, *, accept: str = "application/json", etag: str = "", package: str = ""
    ) -> Iterator[Answer]:
        """This page and all that follow it in the same place. Raises FeedFailed, also where there are too many of them."""
        for _ in range(self.limits.pages):
            answer = self.get(url, accept=accept, etag=etag, package=package)
            yield answer
            url, etag = answer.next_url, ""
            if not url:
                return
            if self.origin_stated(url) != self.origin:
                raise failures.redirected(self.host, host_of(url))
        raise failures.too_large(self.host, f"{self.limits.pages} pages")

    def origin_stated(self, url: str) -> Origin:
        """The origin of an address that the feed has given. Raises FeedFailed where that is none."""
        try:
            return origin_of(url)
        except FeedFailed:
            raise failures.unreadable(self.host, "an address that is none") from None

    def failure(self, answer: Answer, package: str = "") -> FeedFailed:
        """What an answer means that is no success."""
        with_credentials = self.access.has_credentials
        return failures.of_status(
            answer.host, answer.status, answer.headers, package=package, with_credentials=with_credentials
        )

    def _follow(self, method: str, url: str, headers: dict[str, str], *, read: bool = True) -> Answer:
        """Redirects lead on within one origin only."""
        origin = self.origin_stated(url)
        for _ in range(self.limits.redirects + 1):
            answer = self._exchange(method, url, headers, read=read)
            target = answer.headers.get("Location", "")
            if answer.status not in _REDIRECTS or not target:
                return answer
            came_from, url = url, joined(url, target)
            if self.origin_stated(url) != origin:
                raise failures.redirected(host_of(came_from), host_of(url))
        raise failures.in_circles(host_of(url))

    def _exchange(self, method: str, url: str, headers: dict[str, str], *, read: bool) -> Answer:
        host = host_of(url)
        try:
            with contextlib.closing(self._sent(method, url, headers)) as response:
                body = self._body(host, response) if read and response.status_code == 200 else b""
                answer = Answer(url, response.status_code, response.headers, body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise self._what_happened(host, error) from None
        if self._deadline.is_over:  # what it shuts ends like an answer that is complete
            raise self._slow(host)
        return answer

    def _sent(self, method: str, url: str, headers: dict[str, str]) -> requests.Response:
        request = requests.Request(method, url, headers=_OURS | headers).prepare()
        if request.url is None or origin_of(request.url) != origin_of(url):
            raise requests.exceptions.InvalidURL
        left = self._deadline.seconds_left
        if not left:
            raise self._slow(host_of(url))
        return self._adapter.send(
            request,
            stream=True,
            timeout=(min(self.limits.connect_seconds, left), min(self.limits.read_seconds, left)),
            verify=os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True,
            proxies=dict(get_environ_proxies(url, no_proxy=None)),
        )

    def _body(self, host: str, response: requests.Response) -> bytes:
        received = bytearray()
        for chunk in response.iter_content(_CHUNK):
            self._received += len(chunk)
            if self._received > self.limits.bytes:
                raise failures.too_large(host, f"{self.limits.bytes / 1024 / 1024:.3g} MB")
            if self._deadline.is_over:
                raise self._slow(host)
            received += chunk
        return bytes(received)

    def _what_happened(self, host: str, error: Exception) -> FeedFailed:
        causes = list(_causes(error))
        if self._deadline.is_over:
            return self._slow(host)
        if isinstance(error, requests.ConnectTimeout):
            return failures.unreachable(host, f"no connection within {self.limits.connect_seconds:g} seconds")
        if any(isinstance(cause, _SILENCE) for cause in causes):
            return failures.slow(host, self.limits.read_seconds)
        return _failure(host, error, causes)

    def _slow(self, host: str) -> FeedFailed:
        return failures.slow(host, self.limits.total_seconds)


def joined(base: str, stated: str) -> str:
    """The address that a feed states relative to another one."""
    try:
        return urljoin(base, stated)
    except ValueError:
        return stated  # and whoever asks for it is told that it is no address


_SILENCE = (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)


def _failure(host: str, error: Exception, causes: list[BaseException]) -> FeedFailed:
    """What it means that nothing came, or nothing that is HTTP."""
    if isinstance(error, requests.exceptions.InvalidHeader):
        return failures.unsendable(host)
    if isinstance(error, requests.exceptions.InvalidURL | urllib3.exceptions.LocationValueError):
        return failures.unreachable(host, "this cannot be the name of a host")
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return failures.unreadable(host, "something that cannot be unpacked")
    if untrusted := [cause for cause in causes if isinstance(cause, ssl.SSLError)]:
        return failures.unproven(host, getattr(untrusted[-1], "verify_message", "") or "TLS failed")
    return failures.unreachable(host, _reason(causes))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it came from, the outermost first; libraries put that in different places."""
    inner: BaseException | None = error
    seen: list[BaseException] = []
    while inner is not None and inner not in seen:
        yield inner
        seen.append(inner)
        within = [argument for argument in inner.args if isinstance(argument, BaseException)]
        inner = inner.__cause__ or inner.__context__ or next(iter(within), None)


def _reason(causes: list[BaseException]) -> str:
    """In the words of the operating system, which know no addresses."""
    if any(isinstance(cause, requests.exceptions.ProxyError) for cause in causes):
        return "the proxy between does not let us through"
    words = [cause.strerror for cause in causes if isinstance(cause, OSError) and cause.strerror]
    return words[-1].lower() if words else "the connection broke off"
