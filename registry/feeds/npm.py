"""npm registries (github.com/npm/registry, docs/responses/package-metadata.md)."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from registry.feeds import failures
from registry.feeds.http import Answer, Visit
from registry.feeds.kinds import Kind
from registry.feeds.listing import (
    Listed,
    Listing,
    as_listed,
    digest_from_base64,
    digest_from_hex,
    in_order,
    moment,
    one_of,
)

_PART = r"[A-Za-z0-9~-][A-Za-z0-9._~-]*"
_NAME = re.compile(rf"(?:@{_PART}/)?{_PART}")
_ABBREVIATED = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8"


def why_not_a_name(name: str) -> str | None:
    if _NAME.fullmatch(name) and len(name) <= 214:
        return None
    return "Enter the name as package.json has it, for example patient-ui or @example/patient-ui."


def list_versions(visit: Visit, name: str, etag: str) -> Listing | None:
    """The abbreviated document where the registry has it. It knows when a version was published only in the full one."""
    answer = visit.get(f"{visit.base}/{quote(name, safe='@')}", accept=_ABBREVIATED, etag=etag, package=name)
    if answer.status == 304:
        return None
    return in_order(_found(answer), answer.etag)


def digest_of(visit: Visit, name: str, version: str) -> str:
    return one_of(list_versions(visit, name, ""), version, visit.host, name).digest


def check(visit: Visit) -> None:
    """With credentials: who they are; without: whether the registry is there.

    Not every registry has these two; one that answers “not found” in JSON, as npm registries do, is there. To wrong
    credentials some say no more than that they are nobody's.
    """
    has_credentials = visit.access.has_credentials
    answer = visit.ask(f"{visit.base}/-/{'whoami' if has_credentials else 'ping'}")
    if answer.status == 404 and answer.media_type == "application/json":
        return
    if answer.status != 200:
        raise visit.failure(answer)
    if not answer.json_object().get("username") and has_credentials:
        raise failures.refused(visit.host, with_credentials=True)


def _found(answer: Answer) -> Iterator[Listed | None]:
    document = answer.json_object()
    stated, times = document.get("versions"), document.get("time")
    if not isinstance(stated, dict):
        raise failures.unreadable(answer.host, "JSON of another kind of service")
    published = times if isinstance(times, dict) else {}
    for version, manifest in stated.items():
        dist = manifest.get("dist") if isinstance(manifest, dict) else None
        yield as_listed(version, digest=_digest(dist), published_at=moment(published.get(version)))


def _digest(dist: Any) -> str:
    """Of Subresource Integrity (w3.org/TR/SRI) the strongest, else the old shasum."""
    if not isinstance(dist, dict):
        return ""
    stated = str(dist.get("integrity") or "").split()
    pairs = [expression.partition("?")[0].partition("-")[::2] for expression in stated]
    digests = {algorithm: digest_from_base64(algorithm, text) for algorithm, text in pairs}
    found = (digests.get(algorithm) for algorithm in ("sha512", "sha384", "sha256", "sha1"))
    return next((digest for digest in found if digest), "") or digest_from_hex("sha1", dist.get("shasum"))


KIND = Kind(
    label="npm registry",
    url_help="The registry as .npmrc has it, for example https://registry.npmjs.org",
    name_help="The name as package.json has it, for example @example/patient-ui",
    why_not_a_name=why_not_a_name,
    list_versions=list_versions,
    digest_of=digest_of,
    check=check,
)
