"""Clients for external feeds: which versions are there, and what is each of them? Plain data in, plain data out.

Nothing is downloaded and nothing is kept. Feeds are strangers: what they send is bounded in time and size, and
credentials go to the feed's own origin only (`http.py`). Never to be asked inside a transaction.

To add a kind: one module with a `KIND`, its entry here, one test.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from registry.feeds import failures, github, maven, npm, nuget, oci, pypi
from registry.feeds.access import Access, Limits, why_not_an_address
from registry.feeds.failures import FeedFailed
from registry.feeds.http import ETAG_MAX_LENGTH, Visit
from registry.feeds.kinds import Kind
from registry.feeds.listing import Listed, Listing

__all__ = [
    "ETAG_MAX_LENGTH",
    "KINDS",
    "NAME_MAX_LENGTH",
    "Access",
    "FeedFailed",
    "Kind",
    "Limits",
    "Listed",
    "Listing",
    "check",
    "digest_of",
    "list_versions",
    "why_not_a_name",
    "why_not_an_address",
]

NAME_MAX_LENGTH = 255
"""Characters of a package's name in an external feed."""
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "maven": maven.KIND,
        "npm": npm.KIND,
        "pypi": pypi.KIND,
        "oci": oci.KIND,
        "nuget": nuget.KIND,
        "github": github.KIND,
    }
)
"""What there is; the keys are stored."""
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]*")
_USUAL = Limits()


def list_versions(kind: str, access: Access, name: str, *, etag: str = "", limits: Limits = _USUAL) -> Listing | None:
    """Every version of the package `name` that the feed lists and `registry.versions` can read, highest first.

    etag: that of the listing which is known already, of the same feed and name; None means that it still holds.
    Raises FeedFailed.
    """
    _refuse_unless_a_name(kind, name)
    with Visit(access, limits) as visit:
        return KINDS[kind].list_versions(visit, name, etag)


def digest_of(kind: str, access: Access, name: str, version: str, *, limits: Limits = _USUAL) -> str:
    """The digest of one version, such as `sha256:…`, as the feed states it now; empty where it states none.

    version: in the feed's own spelling, as `Listed.version` has it. Where a version has several files, each kind says
    which of them is meant. Raises FeedFailed, with the code `package-unknown` where the feed says that it is gone.
    """
    _refuse_unless_a_name(kind, name)
    if not _VERSION.fullmatch(version):
        raise failures.name_refused(f"“{version[:60]}” cannot be a version in a feed. State it as the feed spells it.")
    with Visit(access, limits) as visit:
        return KINDS[kind].digest_of(visit, name, version)


def check(kind: str, access: Access, *, limits: Limits = _USUAL) -> None:
    """Whether the feed answers and lets us in, by the cheapest request that tells. Raises FeedFailed."""
    with Visit(access, limits) as visit:
        KINDS[kind].check(visit)


def why_not_a_name(kind: str, name: str) -> str | None:
    """A sentence if no package of this kind of feed can be called `name`."""
    if len(name) > NAME_MAX_LENGTH:
        return f"The name “{name[:60]}…” is longer than {NAME_MAX_LENGTH} characters. Enter a shorter one."
    return KINDS[kind].why_not_a_name(name)


def _refuse_unless_a_name(kind: str, name: str) -> None:
    if sentence := why_not_a_name(kind, name):
        raise failures.name_refused(sentence)
