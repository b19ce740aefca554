"""Python package indexes: the simple API, as JSON where the index has it, else as HTML.

packaging.python.org, “Simple repository API” (PEP 503, 691, 700, 592). Versions are read from the names of the files.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from registry.feeds import failures
from registry.feeds.http import Answer, Visit
from registry.feeds.kinds import Kind
from registry.feeds.listing import Listed, Listing, as_listed, digest_from_hex, in_order, moment, one_of
from registry.feeds.pep440 import translated

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = ("application/vnd.pypi.simple.v1+html", "text/html")
_ACCEPT = f"{_JSON}, {_HTML[0]};q=0.2, {_HTML[1]};q=0.01"
_WHEEL, _SDIST = ".whl", (".tar.gz", ".zip")
_LONGEST_FILENAME = 255


@dataclass(frozen=True)
class File:
    """One file as the index lists it."""

    filename: str
    digest: str
    is_yanked: bool
    uploaded_at: datetime | None = None

    @property
    def is_sdist(self) -> bool:
        return not self.filename.endswith(_WHEEL)


def why_not_a_name(name: str) -> str | None:
    return None if _NAME.fullmatch(name) else "Enter the name as pip knows it, for example patient-reports."


def list_versions(visit: Visit, name: str, etag: str) -> Listing | None:
    """What wheels and sdists there are. What is yanked has been taken back by its publisher."""
    answer = visit.get(f"{visit.base}/{canonicalize_name(name)}/", accept=_ACCEPT, etag=etag, package=name)
    if answer.status == 304:
        return None
    files = [file for file in _files(answer) if file.filename.endswith((_WHEEL, *_SDIST))]
    return in_order(_found(name, (file for file in files if not file.is_yanked)), answer.etag)


def digest_of(visit: Visit, name: str, version: str) -> str:
    return one_of(list_versions(visit, name, ""), version, visit.host, name).digest


def check(visit: Visit) -> None:
    """Whether the index of all projects is there; it is not read, it can be large."""
    answer = visit.ask(f"{visit.base}/", accept=_ACCEPT, read=False)
    if answer.status != 200:
        raise visit.failure(answer)


def _found(name: str, files: Iterable[File]) -> Iterator[Listed | None]:
    by_version: dict[Version, list[File]] = {}
    for file in files:
        if version := _version_in(file.filename, name):
            by_version.setdefault(version, []).append(file)
        else:
            yield None
    for version, of_version in by_version.items():
        yield _listed(version, of_version)


def _version_in(filename: str, name: str) -> Version | None:
    """None where the file's name holds no version, or belongs to another project."""
    if len(filename) > _LONGEST_FILENAME:
        return None
    try:
        project, version = (
            parse_wheel_filename(filename)[:2] if filename.endswith(_WHEEL) else parse_sdist_filename(filename)
        )
    except (InvalidWheelFilename, InvalidSdistFilename):
        return None
    return version if project == canonicalize_name(name) else None


def _listed(version: Version, files: list[File]) -> Listed | None:
    """Its digest is the one of its sdist or of its only file: of several wheels, none is the version."""
    sdists = [file for file in files if file.is_sdist]
    telling = sdists if len(sdists) == 1 else files
    return as_listed(
        str(version),
        reads_as=translated(version),
        digest=telling[0].digest if len(telling) == 1 else "",
        published_at=min((file.uploaded_at for file in files if file.uploaded_at), default=None),
    )


def _files(answer: Answer) -> list[File]:
    if answer.media_type == _JSON:
        return _files_of_json(answer)
    if answer.media_type in _HTML:
        return _files_of_html(answer)
    raise failures.unreadable(answer.host, "something else than a Python package index")


def _files_of_json(answer: Answer) -> list[File]:
    document = answer.json_object()
    files, about = document.get("files"), document.get("meta")
    version = about.get("api-version") if isinstance(about, dict) else None
    if not isinstance(files, list) or not str(version).startswith("1."):
        raise failures.unreadable(answer.host, "JSON of another kind of service, or of a newer one")
    stated = [file for file in files if isinstance(file, dict) and isinstance(file.get("filename"), str)]
    return [
        File(
            filename=file["filename"],
            digest=_digest(file.get("hashes")),
            is_yanked=bool(file.get("yanked")),
            uploaded_at=moment(file.get("upload-time")),
        )
        for file in stated
    ]


def _digest(hashes: Any) -> str:
    stated = hashes if isinstance(hashes, dict) else {}
    found = (digest_from_hex(algorithm, stated.get(algorithm)) for algorithm in ("sha256", "sha512", "sha384", "sha1"))
    return next((digest for digest in found if digest), "")


def _files_of_html(answer: Answer) -> list[File]:
    """A page without a single file is more likely to be a page for signing in than an empty project."""
    anchors = _Anchors()
    anchors.feed(answer.body.decode("utf-8", errors="replace"))
    if not anchors.files:
        raise failures.unreadable(answer.host, "a page that lists no files")
    return anchors.files


class _Anchors(HTMLParser):
    """The files that a page links to. It is fed once and never closed: what is incomplete at its end would be read again and
    again, which takes hours for a page that is made for it, and is no file anyway."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[File] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag == "a" and (file := _file(attributes.get("href") or "", is_yanked="data-yanked" in attributes)):
            self.files.append(file)


def _file(href: str, *, is_yanked: bool) -> File | None:
    try:
        parts = urlsplit(href)
    except ValueError:
        return None
    filename = unquote(parts.path).rpartition("/")[2]
    if not filename.endswith((_WHEEL, *_SDIST)):
        return None
    algorithm, _, digits = parts.fragment.partition("=")
    return File(filename, digest_from_hex(algorithm, digits), is_yanked)


KIND = Kind(
    label="Python package index",
    url_help="The simple index as pip has it (index-url), for example https://pypi.org/simple",
    name_help="The name as pip has it, for example patient-reports",
    why_not_a_name=why_not_a_name,
    list_versions=list_versions,
    digest_of=digest_of,
    check=check,
)
