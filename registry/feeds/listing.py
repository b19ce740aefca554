"""What a feed lists, brought into the order of `registry.versions`."""

import base64
import binascii
import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registry import versions
from registry.feeds import failures
from registry.versions import Version, VersionRefused

_DIGEST_BYTES = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}


@dataclass(frozen=True)
class Listed:
    """One version as the feed writes it."""

    version: str
    """The feed's own spelling, by which it is asked again."""
    parsed: Version
    """What it is to us; its `original` is the feed's spelling."""
    digest: str = ""
    """`sha256:…`, `sha512:…` or `sha1:…` in hexadecimal digits; empty where the listing gives none."""
    published_at: datetime | None = None


@dataclass(frozen=True)
class Listing:
    """The versions of one package."""

    versions: tuple[Listed, ...]
    """Highest first, each version once."""
    unreadable: int
    """How many more there are that are no version to us, or none that stays what it is (`latest`, a SNAPSHOT)."""
    etag: str
    """To be given next time, for the same feed and name; empty where the feed sends none."""


def as_listed(
    version: str, *, reads_as: str | None = None, digest: str = "", published_at: datetime | None = None
) -> Listed | None:
    """None where `registry.versions` cannot read it. reads_as: its translation, where the feed has spellings of its own."""
    try:
        parsed = versions.parse(version if reads_as is None else reads_as)
    except VersionRefused:
        return None
    return Listed(version, dataclasses.replace(parsed, original=version), digest, published_at)


def in_order(found: Iterable[Listed | None], etag: str = "") -> Listing:
    """The listing of what was found; None stands for what is unreadable.

    Of several spellings of one version (`v1.0`, `1.0.0`) the one that is written as we do is kept, else the shortest.
    """
    everything = list(found)
    readable = sorted((listed for listed in everything if listed is not None), key=_spelling, reverse=True)
    once = {listed.parsed: listed for listed in readable}  # the last one counts
    highest_first = sorted(once.values(), key=lambda listed: listed.parsed, reverse=True)
    return Listing(tuple(highest_first), len(everything) - len(readable), etag)


def one_of(listing: Listing | None, version: str, host: str, name: str) -> Listed:
    """The version of this spelling. Raises FeedFailed where the listing of `name` at `host` has none."""
    listed = next((listed for listed in listing.versions if listed.version == version), None) if listing else None
    if listed is None:
        raise failures.package_unknown(host, f"{name} {version}")
    return listed


def _spelling(listed: Listed) -> tuple[bool, int, str]:
    return listed.version != listed.parsed.normalised, len(listed.version), listed.version


def moment(text: Any) -> datetime | None:
    """The moment that a feed states in ISO 8601 with its offset; None for anything else."""
    try:
        stated = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return stated if stated.tzinfo else None


def digest_from_hex(algorithm: str, digits: Any) -> str:
    """`sha256:…` from the digits that a feed states; empty where they are none, or not as many as there must be."""
    length = _DIGEST_BYTES.get(algorithm)
    is_one = isinstance(digits, str) and length and re.fullmatch(rf"[0-9a-fA-F]{{{2 * length}}}", digits)
    return f"{algorithm}:{digits.lower()}" if is_one else ""


def digest_from_base64(algorithm: str, text: Any) -> str:
    """The same from base64."""
    try:
        return digest_from_hex(algorithm, base64.b64decode(text, validate=True).hex())
    except (TypeError, ValueError, binascii.Error):
        return ""
