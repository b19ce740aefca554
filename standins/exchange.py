"""Stands in for Anypoint Exchange, as far as a Maven client sees it: assets of an organisation, published once.

    PUT  /api/v3/organizations/ORG/maven/ASSET/VERSION/ASSET-VERSION-mule-application.jar    the bytes of one version
    GET  /api/v3/maven/ORG/ASSET/maven-metadata.xml                                         the versions of an asset
    GET  /api/v3/maven/ORG/ASSET/VERSION/ASSET-VERSION-mule-application.jar.sha256          the digest of one version

Served by the stand-in for CloudHub. Only digests are kept: the applications of the example are names.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from xml.sax.saxutils import escape

from standins.serving import Refused

Assets = dict[str, dict[str, str]]  # "ORG/ASSET" → version → SHA-256

PREFIX = "/api/v3/"
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
_VERSION = r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,99}"
_FILE = rf"(?P<asset>{_NAME})/(?P<version>{_VERSION})/(?P=asset)-(?P=version)(?:-mule-application)?\.jar"
PUBLISH = re.compile(rf"/api/v3/organizations/(?P<organisation>{_NAME})/maven/{_FILE}")
VERSIONS = re.compile(rf"/api/v3/maven/(?P<organisation>{_NAME})/(?P<asset>{_NAME})/maven-metadata\.xml")
DIGEST = re.compile(rf"/api/v3/maven/(?P<organisation>{_NAME})/{_FILE}\.sha256")


def published(assets: Assets, path: str, content: bytes) -> Assets:
    """The assets with one more version, or Refused: 404 for another path, 409 for a version that exists."""
    match = PUBLISH.fullmatch(path)
    if match is None:
        raise Refused(404, "An asset is published at /api/v3/organizations/ORG/maven/ASSET/VERSION/ASSET-VERSION.jar.")
    key, version, digest = _key(match), match["version"], hashlib.sha256(content).hexdigest()
    held = assets.get(key, {})
    if version in held:
        raise Refused(409, f"{match['asset']} {version} was published before, and a version never changes.")
    return {**assets, key: {**held, version: digest}}


def answer(assets: Assets, path: str) -> tuple[str, bytes]:
    """Content type and body for a Maven client, or Refused(404)."""
    answers: Mapping[re.Pattern[str], Callable[[Assets, re.Match[str]], tuple[str, bytes]]] = {
        VERSIONS: _metadata,
        DIGEST: _digest,
    }
    for pattern, answered in answers.items():
        if match := pattern.fullmatch(path):
            return answered(assets, match)
    raise Refused(404, "There is nothing here.")


def _metadata(assets: Assets, match: re.Match[str]) -> tuple[str, bytes]:
    held = assets.get(_key(match))
    if held is None:
        raise Refused(404, f"There is no asset {match['asset']}.")
    versions = "".join(f"<version>{escape(version)}</version>" for version in held)
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?><metadata><groupId>{escape(match["organisation"])}</groupId>'
        f"<artifactId>{escape(match['asset'])}</artifactId>"
        f"<versioning><versions>{versions}</versions></versioning></metadata>"
    )
    return "application/xml", body.encode()


def _digest(assets: Assets, match: re.Match[str]) -> tuple[str, bytes]:
    digest = assets.get(_key(match), {}).get(match["version"])
    if digest is None:
        raise Refused(404, f"There is no {match['asset']} {match['version']}.")
    return "text/plain; charset=utf-8", digest.encode()


def _key(match: re.Match[str]) -> str:
    return f"{match['organisation']}/{match['asset']}"
