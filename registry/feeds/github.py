"""Releases of GitHub and GitHub Enterprise (docs.github.com/rest/releases)."""

import re
from typing import Any
from urllib.parse import quote

from registry.feeds import failures
from registry.feeds.http import Visit
from registry.feeds.kinds import Kind
from registry.feeds.listing import Listed, Listing, as_listed, digest_from_hex, in_order, moment

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,38})/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")
_ACCEPT = "application/vnd.github+json"
_COMMIT = "application/vnd.github.sha"


def why_not_a_name(name: str) -> str | None:
    return None if _NAME.fullmatch(name) else "Enter owner/repository, for example example/patient-portal."


def list_versions(visit: Visit, name: str, etag: str) -> Listing | None:
    """What is released. An etag is given where everything stands on one page: it says nothing about the others."""
    found: list[Listed | None] = []
    etags = []
    for page in visit.pages(
        f"{visit.base}/repos/{name}/releases?per_page=100", accept=_ACCEPT, etag=etag, package=name
    ):
        if page.status == 304:
            return None
        found += [_listed(release) for release in page.json_list() if isinstance(release, dict) and _is_out(release)]
        etags.append(page.etag)
    return in_order(found, etags[0] if len(etags) == 1 else "")


def digest_of(visit: Visit, name: str, version: str) -> str:
    """The commit that the tag points to, so that a moved tag is noticed whatever files the release has."""
    answer = visit.get(
        f"{visit.base}/repos/{name}/commits/tags/{quote(version, safe='')}", accept=_COMMIT, package=name
    )
    return digest_from_hex("sha1", answer.body[:100].decode("utf-8", errors="replace").strip())


def check(visit: Visit) -> None:
    """The root of the API, which refuses bad credentials; it costs one of the requests of the hour."""
    if "current_user_url" not in visit.get(f"{visit.base}/", accept=_ACCEPT).json_object():
        raise failures.unreadable(visit.host, "JSON of another kind of service")


def _is_out(release: dict[str, Any]) -> bool:
    return release.get("draft") is not True


def _listed(release: dict[str, Any]) -> Listed | None:
    """A pre-release whose tag does not say so would be taken for the finished version: it is none to us."""
    listed = as_listed(str(release.get("tag_name")), published_at=moment(release.get("published_at")))
    if listed and release.get("prerelease") and not listed.parsed.is_prerelease:
        return None
    return listed


KIND = Kind(
    label="GitHub releases",
    url_help="Its API: https://api.github.com; of GitHub Enterprise https://github.example.com/api/v3",
    name_help="owner/repository, for example example/patient-portal",
    why_not_a_name=why_not_a_name,
    list_versions=list_versions,
    digest_of=digest_of,
    check=check,
)
