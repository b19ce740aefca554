"""NuGet feeds of version 3 (learn.microsoft.com/nuget/api: service index, package content, package metadata).

The service index says where everything else is. Only the feed's own origin is asked as somebody.
"""

import re
from typing import Any
from urllib.parse import quote

from registry.feeds import failures
from registry.feeds.failures import FeedFailed
from registry.feeds.http import Visit
from registry.feeds.kinds import Kind
from registry.feeds.listing import Listing, as_listed, digest_from_base64, in_order

_NAME = re.compile(r"[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*")
_CONTENT = ("PackageBaseAddress/3.0.0",)
_METADATA = tuple(f"RegistrationsBaseUrl{version}" for version in ("/3.6.0", "/3.4.0", "/3.0.0-rc", "/3.0.0-beta", ""))
_ALGORITHMS = {"SHA512": "sha512", "SHA256": "sha256"}
_NOT_THERE = (failures.PACKAGE_UNKNOWN, failures.REDIRECTED)


def why_not_a_name(name: str) -> str | None:
    if _NAME.fullmatch(name) and len(name) <= 100:
        return None
    return "Enter the id of the package, for example Example.Patients."


def list_versions(visit: Visit, name: str, etag: str) -> Listing | None:
    """All that were published, unlisted ones included: these can still be had by whoever names them."""
    base = _resource(visit, _CONTENT)
    answer = visit.get(f"{base}{quote(name.lower(), safe='')}/index.json", etag=etag, package=name)
    if answer.status == 304:
        return None
    stated = answer.json_object().get("versions")
    if not isinstance(stated, list):
        raise failures.unreadable(answer.host, "JSON of another kind of service")
    return in_order([as_listed(version) for version in stated if isinstance(version, str)], answer.etag)


def digest_of(visit: Visit, name: str, version: str) -> str:
    """packageHash, from the catalog where the feed has one. What lies with somebody else says nothing."""
    try:
        base = _resource(visit, _METADATA)
        leaf = f"{base}{quote(name.lower(), safe='')}/{quote(version.lower(), safe='')}.json"
        entry = visit.get(leaf, package=name).json_object().get("catalogEntry")
        return _package_hash(visit.get(entry, package=name).json_object() if isinstance(entry, str) else entry)
    except FeedFailed as failure:
        if failure.code in _NOT_THERE:
            return ""
        raise


def check(visit: Visit) -> None:
    """The service index, which is worth nothing without the resource that lists versions."""
    _resource(visit, _CONTENT)


def _resource(visit: Visit, types: tuple[str, ...]) -> str:
    """The base address of the first of these types that the feed has, with a slash at its end."""
    stated = visit.get(visit.access.url).json_object().get("resources")
    resources = [entry for entry in stated if isinstance(entry, dict)] if isinstance(stated, list) else []
    for wanted in types:
        for resource in resources:
            address = resource.get("@id")
            if isinstance(address, str) and wanted in _types(resource.get("@type")):
                return f"{address.rstrip('/')}/"
    raise failures.unreadable(visit.host, f"no service index of NuGet 3 that names {types[0]}")


def _types(stated: Any) -> list[Any]:
    return stated if isinstance(stated, list) else [stated]


def _package_hash(entry: Any) -> str:
    if not isinstance(entry, dict):
        return ""
    algorithm = _ALGORITHMS.get(str(entry.get("packageHashAlgorithm")).upper(), "")
    return digest_from_base64(algorithm, entry.get("packageHash"))


KIND = Kind(
    label="NuGet feed (version 3)",
    url_help="Its service index, for example https://api.nuget.org/v3/index.json",
    name_help="The id of the package, for example Example.Patients",
    why_not_a_name=why_not_a_name,
    list_versions=list_versions,
    digest_of=digest_of,
    check=check,
)
