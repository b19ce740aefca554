"""Maven repositories, Anypoint Exchange's Maven facade among them.

Layout and metadata: maven.apache.org, “Maven Repository Metadata” and “Remote repository layout”. In Exchange the group
is the organisation's id, and a Mule application is the `jar` with the classifier `mule-application`.
"""

import re
from urllib.parse import quote
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from registry.feeds import failures
from registry.feeds.failures import FeedFailed
from registry.feeds.http import Answer, Visit
from registry.feeds.kinds import Kind
from registry.feeds.listing import Listed, Listing, as_listed, digest_from_hex, in_order

_PART = r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*"
_NAME = re.compile(rf"{_PART}:{_PART}(?::{_PART}(?::{_PART})?)?")
_NOT_THERE = (failures.PACKAGE_UNKNOWN, failures.REDIRECTED)


def why_not_a_name(name: str) -> str | None:
    if _NAME.fullmatch(name):
        return None
    return (
        "Enter group:artifact, and where it is no jar its extension and its classifier, for example"
        " com.example:patient-api or com.example:patient-api:jar:mule-application."
    )


def list_versions(visit: Visit, name: str, etag: str) -> Listing | None:
    """What stands under `versions`: `latest` and `release` may lag behind. A SNAPSHOT changes and is left out."""
    answer = visit.get(f"{_place(visit, name)}/maven-metadata.xml", accept="*/*", etag=etag, package=name)
    if answer.status == 304:
        return None
    stated = [(version.text or "").strip() for version in _metadata(answer).findall(_VERSIONS)]
    return in_order((_unless_snapshot(version) for version in stated), answer.etag)


def digest_of(visit: Visit, name: str, version: str) -> str:
    """From the files beside the artifact. One that is missing, or lies with somebody else, says nothing."""
    _, artifact, extension, classifier = [*name.split(":"), "", ""][:4]
    file = "-".join(part for part in (artifact, version, classifier) if part) + f".{extension or 'jar'}"
    for algorithm in ("sha256", "sha1"):
        address = f"{_place(visit, name)}/{quote(version, safe='')}/{quote(file, safe='')}.{algorithm}"
        if digest := digest_from_hex(algorithm, _first_word(visit, address, name)):
            return digest
    return ""


def check(visit: Visit) -> None:
    """The base address. A repository need not show anything there, so that “not found” says that it answers."""
    answer = visit.ask(f"{visit.base}/", accept="*/*", read=False)
    if answer.status not in (200, 404):
        raise visit.failure(answer)


def _place(visit: Visit, name: str) -> str:
    group, artifact = name.split(":")[:2]
    return f"{visit.base}/{group.replace('.', '/')}/{artifact}"


_VERSIONS = "{*}versioning/{*}versions/{*}version"  # with and without the namespace of the metadata


def _metadata(answer: Answer) -> Element:
    try:
        root: Element = fromstring(answer.body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise failures.unreadable(answer.host, "something that is not XML, or not plain XML") from None
    if root.tag.rpartition("}")[2] != "metadata":
        raise failures.unreadable(answer.host, "something else than the metadata of a Maven repository")
    return root


def _unless_snapshot(version: str) -> Listed | None:
    return None if version.upper().endswith("-SNAPSHOT") else as_listed(version)


def _first_word(visit: Visit, url: str, name: str) -> str:
    """Some write the file's name behind the digest."""
    try:
        answer = visit.get(url, accept="*/*", package=name)
    except FeedFailed as failure:
        if failure.code in _NOT_THERE:
            return ""
        raise
    words = answer.body[:1000].decode("utf-8", errors="replace").split()
    return words[0] if words else ""


KIND = Kind(
    label="Maven repository",
    url_help=(
        "Where its groups begin, for example https://repo.maven.apache.org/maven2; for Anypoint Exchange"
        " https://maven.anypoint.mulesoft.com/api/v3/maven"
    ),
    name_help="group:artifact, for example com.example:patient-api; with extension and classifier where it is no jar",
    why_not_a_name=why_not_a_name,
    list_versions=list_versions,
    digest_of=digest_of,
    check=check,
)
