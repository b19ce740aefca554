"""Registries of containers and other OCI artifacts (github.com/opencontainers/distribution-spec, spec.md).

A version is a tag. Tags move, and registries list them in any order; only a digest says what one was at a given time.
"""

import re
from urllib.parse import quote

from registry.feeds import failures
from registry.feeds.challenges import authorization_for
from registry.feeds.http import Answer, Visit
from registry.feeds.kinds import Kind
from registry.feeds.listing import Listed, Listing, as_listed, digest_from_hex, in_order

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_PAGE = 1000  # tags; more are refused by some registries, fewer are given by others
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)


def why_not_a_name(name: str) -> str | None:
    if _NAME.fullmatch(name) and len(name) <= 255:
        return None
    return "Enter the name of the repository without host and tag, for example patients/api or library/nginx."


def list_versions(visit: Visit, name: str, etag: str) -> Listing | None:
    """The tags that are versions. An etag is given where everything stands on one page: it says nothing about the others."""
    _enter(visit, f"{visit.base}/v2/{name}/tags/list?n=1")
    found: list[Listed | None] = []
    etags = []
    for page in visit.pages(f"{visit.base}/v2/{name}/tags/list?n={_PAGE}", etag=etag, package=name):
        if page.status == 304:
            return None
        found += [as_listed(tag) for tag in _tags(page)]
        etags.append(page.etag)
    return in_order(found, etags[0] if len(etags) == 1 else "")


def digest_of(visit: Visit, name: str, version: str) -> str:
    """Of the manifest, or of the list of manifests where there is one per platform."""
    address = f"{visit.base}/v2/{name}/manifests/{quote(version, safe='')}"
    _enter(visit, address)
    answer = visit.get(address, accept=_MANIFESTS, method="HEAD", package=f"{name}:{version}")
    algorithm, _, digits = answer.headers.get("Docker-Content-Digest", "").partition(":")
    return digest_from_hex(algorithm, digits)


def check(visit: Visit) -> None:
    """The root of the API, as every client does first."""
    _enter(visit, f"{visit.base}/v2/")
    answer = visit.ask(f"{visit.base}/v2/", read=False)
    if answer.status != 200:
        raise visit.failure(answer)


def _enter(visit: Visit, address: str) -> None:
    """Find out how this address wants to be asked. A token without a user name needs no exchange: it is the answer."""
    if visit.access.secret and not visit.access.username:
        return
    visit.authorization = ""
    refusal = visit.ask(address, accept="*/*", read=False)
    if refusal.status == 401:
        visit.authorization = authorization_for(visit, refusal)


def _tags(page: Answer) -> list[str]:
    stated = page.json_object().get("tags")
    if stated is not None and not isinstance(stated, list):
        raise failures.unreadable(page.host, "JSON of another kind of service")
    return [tag for tag in stated or [] if isinstance(tag, str)]


KIND = Kind(
    label="Container registry",
    url_help="The registry without /v2, for example https://ghcr.io; Docker Hub is https://registry-1.docker.io",
    name_help="The repository, for example patients/api; on Docker Hub library/nginx",
    why_not_a_name=why_not_a_name,
    list_versions=list_versions,
    digest_of=digest_of,
    check=check,
)
