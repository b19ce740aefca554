"""Posting to an address that somebody typed in, without lending Signalbox's own place in the network to that somebody.

The host's name is resolved once, every address that it has is looked at, and the connection goes to one of those very
addresses: an answer of the name server that changes in between changes nothing. TLS, its certificate and the Host header
still go by the name. No redirect is followed, no proxy, .netrc or cookie is used, and whatever the other side does, it is
over in time and its answer is bounded. Only the look-up of the name has no limit but the resolver's own.
"""

import contextlib
import ipaddress
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError, NewConnectionError

from config.retry_after import seconds_from
from registry.feeds.deadline import Deadline

TOTAL_SECONDS = 20.0
CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
ANSWER_MAX_BYTES = 64 * 1024
EXCERPT_MAX = 200
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
PORTS = {"http": 80, "https": 443}

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Place = tuple[int, Any]  # the family, and the address as sockets of that family take it: with port, flow and scope


class Refused(Exception):
    """Nothing was sent, and nothing will be until the address or its settings change. Carries a sentence."""


class Unreachable(Exception):
    """There is no answer; what was sent may have arrived all the same. Carries a sentence without the address's secrets."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    retry_after: int | None
    """Seconds that the other side asked for, if it did."""
    excerpt: str
    """The beginning of what it said, in one line."""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def why_not_address(url: str, *, allow_private: bool) -> str | None:
    """What is wrong with this address as far as can be told without looking its name up; None: nothing."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "This is no address. It begins with https:// and a host."
    if parts.scheme not in PORTS or not host or not url.isascii() or re.search(r"[\s\x00-\x1f\\]", url):
        return "This is no address. It begins with https:// and a host, and holds no spaces."
    if parts.scheme == "http" and not allow_private:
        return "The address must begin with https://, so that nobody on the way can read or change what is sent."
    if "@" in parts.netloc:
        return "Leave user name and password out of the address."
    with contextlib.suppress(ValueError):
        return why_not_reachable(str(ipaddress.ip_address(host)), allow_private=allow_private)
    return None


def why_not_reachable(address: str, *, allow_private: bool) -> str | None:
    """Why nothing is posted to this IP address; None: it may be.

    allow_private  the internal network and this machine itself are meant. Link-local addresses, where clouds tell a
                   machine its credentials, and what is no single host are refused all the same.
    """
    found = [_plain(ipaddress.ip_address(address.partition("%")[0]))]
    found += _embedded(found[0])
    if any(one.is_link_local or one.is_multicast or one.is_unspecified for one in found):
        return "It leads to an address that no receiver can have (link-local, multicast or unspecified)."
    if not allow_private and not all(_is_public(one) for one in found):
        return (
            "It leads into the internal network or to this machine itself. An administrator can allow that for a receiver"
            " of your own."
        )
    return None


def _is_public(address: IPAddress) -> bool:
    """Python calls some addresses global that are nobody's, or of one site only."""
    is_of_a_site = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not address.is_reserved and not is_of_a_site


def _plain(address: IPAddress) -> IPAddress:
    """An IPv4 address that is written or translated as IPv6 is what it stands for."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return address.ipv4_mapped
        if address in NAT64 or (int(address) >> 32 == 0 and int(address) > 1):  # the latter: IPv4-compatible, RFC 4291
            return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _embedded(address: IPAddress) -> list[IPAddress]:
    """The IPv4 addresses that a tunnel would lead to: 6to4 (RFC 3056) and Teredo (RFC 4380)."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    return [one for one in (address.sixtofour, *(address.teredo or ())) if one is not None]


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool = False,
    seconds: float = TOTAL_SECONDS,
) -> Answer:
    """Post once. Raises Refused before anything is sent, Unreachable when no answer came."""
    if sentence := why_not_address(url, allow_private=allow_private):
        raise Refused(sentence)
    parts = urlsplit(url)
    deadline = Deadline(seconds)
    adapter = _PinnedAdapter(_places_of(parts, allow_private=allow_private), deadline)
    try:
        return _post(adapter, url, body, headers, deadline)
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        late = deadline.is_over
        raise Unreachable(_sentence_of(error, str(parts.hostname), seconds if late else None)) from None
    finally:
        adapter.close()
        deadline.close()


def _post(adapter: HTTPAdapter, url: str, body: bytes, headers: Mapping[str, str], deadline: Deadline) -> Answer:
    ours = {"User-Agent": "Signalbox", "Accept-Encoding": "identity", "Connection": "close"}
    request = requests.Request("POST", url, headers={**ours, **headers}, data=body).prepare()
    authorities = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    waits = (CONNECT_SECONDS, READ_SECONDS)
    response = adapter.send(request, stream=True, timeout=waits, verify=authorities, proxies={})
    if deadline.is_over:  # what was cut off by it looks like a whole answer
        response.close()
        raise requests.Timeout
    try:
        said = response.raw.read(ANSWER_MAX_BYTES, decode_content=False)
    except (HTTPError, OSError):
        said = b""  # the status has been said, and that is what counts
    finally:
        response.close()
    return Answer(response.status_code, seconds_from(response.headers.get("Retry-After", "")), _excerpt(said))


def _places_of(parts: SplitResult, *, allow_private: bool) -> list[Place]:
    host, port = str(parts.hostname), parts.port or PORTS[parts.scheme]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable(f"The name {host} is not known; check the address, or this machine's name server.") from None
    for *_, address in found:
        if sentence := why_not_reachable(str(address[0]), allow_private=allow_private):
            raise Refused(f"{host} is not posted to. {sentence}")
    return [(family, address) for family, *_, address in found]


class _PinnedAdapter(HTTPAdapter):
    """requests' own transport, on connections that go to the places that were looked at, watched by a deadline."""

    def __init__(self, places: Sequence[Place], deadline: Deadline) -> None:
        self._pools = _pools(places, deadline)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools


def _pools(places: Sequence[Place], deadline: Deadline) -> dict[str, type[HTTPConnectionPool]]:
    def connected(connection: HTTPConnection) -> socket.socket:
        problem: OSError = OSError("no address")
        for place in places:
            try:
                made = _connected(*place)
            except OSError as error:
                problem = error
            else:
                deadline.watch(made)
                return made
        raise NewConnectionError(connection, str(problem)) from problem

    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return connected(self)

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return connected(self)

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _connected(family: int, address: Any) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.settimeout(CONNECT_SECONDS)
        made.connect(address)
    except OSError:
        made.close()
        raise
    return made


def _sentence_of(error: Exception, host: str, seconds: float | None) -> str:
    """Never the error's own words: they hold the address, whose path is a secret."""
    causes = [repr(cause) for cause in _causes(error)]
    if seconds is not None or isinstance(error, requests.Timeout):
        return f"{host} did not answer in time."
    if any("CERTIFICATE" in cause or "SSL" in cause or "certificate" in cause for cause in causes):
        return f"{host} shows no certificate that this machine trusts."
    if any("NewConnectionError" in cause or "ConnectionRefused" in cause for cause in causes):
        return f"{host} takes no connection."
    return f"{host} broke off before it had answered."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        yield from (argument for argument in error.args if isinstance(argument, BaseException))
        error = error.__cause__ or error.__context__


def _excerpt(said: bytes) -> str:
    text = said[: EXCERPT_MAX * 4].decode("utf-8", "replace")
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= EXCERPT_MAX else f"{line[:EXCERPT_MAX]}…"
