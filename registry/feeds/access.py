"""Where a feed is, as whom it is asked, and how much is read from it at most."""

import base64
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from registry.feeds import failures

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Access:
    """Where, and as whom."""

    url: str = field(repr=False)
    """Its base address, as an administrator enters it; each kind says which that is."""
    username: str = ""
    secret: str = field(default="", repr=False)
    """A password or a token; without a user name it is sent as a Bearer token."""

    @property
    def has_credentials(self) -> bool:
        return bool(self.username or self.secret)


@dataclass(frozen=True)
class Limits:
    """What one question to a feed may cost: all requests that it takes, taken together."""

    connect_seconds: float = 5
    read_seconds: float = 15
    """How long it may be silent in between."""
    total_seconds: float = 60
    bytes: int = 32 * 1024 * 1024
    """Unpacked, where a feed sends packed answers."""
    pages: int = 50
    redirects: int = 3


class Origin(NamedTuple):
    """Whom one talks to (RFC 6454): whoever answers at another one is somebody else."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin:
    """The origin of an address. Raises FeedFailed for what is no plain web address."""
    if sentence := _why_not_plain(url):
        raise failures.address_refused(sentence)
    parts = urlsplit(url)
    return Origin(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme])


def host_of(url: str) -> str:
    """The host as people read it, with its port where it is not the usual one."""
    scheme, host, port = origin_of(url)
    shown = f"[{host}]" if ":" in host else host
    return shown if port == PORTS[scheme] else f"{shown}:{port}"


def why_not_an_address(url: str) -> str | None:
    """A sentence if `url` cannot be the address of a feed."""
    if sentence := _why_not_plain(url):
        return sentence
    if urlsplit(url).query or urlsplit(url).fragment or url.endswith(("?", "#")):
        return "The address of a feed has neither “?” nor “#” in it. Enter it up to there."
    return None


def authorization_of(access: Access) -> str:
    """The value of the Authorization header (RFC 7617, RFC 6750); empty without credentials."""
    if access.username:
        pair = f"{access.username}:{access.secret}".encode()
        return f"Basic {base64.b64encode(pair).decode('ascii')}"
    return f"Bearer {access.secret}" if access.secret else ""


def _why_not_plain(url: str) -> str | None:
    parts = _split(url)
    if parts is None or parts.scheme not in PORTS or not parts.hostname:
        return "Enter the whole address of the feed, beginning with https:// or http://."
    if "@" in parts.netloc:
        return "The address holds a user name or a password. Enter these in their own fields, where they are kept safe."
    return None


def _split(url: str) -> SplitResult | None:
    """None for what different programs would read differently: spaces, backslashes, a host that is not ASCII."""
    if "\\" in url or any(character.isspace() or not character.isprintable() for character in url):
        return None
    try:
        parts = urlsplit(url)
        is_plain = parts.port != 0 and (parts.hostname or "").isascii()
    except ValueError:  # brackets without an IPv6 address, a port that is no number
        return None
    return parts if is_plain else None
