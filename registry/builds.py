"""What a build server says about the build that made a version. Pure: no database, no settings."""

import hashlib
import json
import re
from collections.abc import Hashable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import TypeVar
from urllib.parse import urlsplit

from registry.refusals import RegistryRefused

MOST = 200
"""Commits, and work items, of one build."""
MESSAGE_MAX_LENGTH = 2_000
TITLE_MAX_LENGTH = 500
PERSON_MAX_LENGTH = 200
URL_MAX_LENGTH = 1_000
FACT_MAX_LENGTHS = {"number": 100, "server": 100, "branch": 255}

_IDENTIFIER = re.compile(r"(?=[^A-Za-z0-9]*[A-Za-z0-9])[A-Za-z0-9#._/-]{1,100}")

Told = TypeVar("Told", "Commit", "WorkItem")


class BuildRefused(RegistryRefused):
    code = "build-refused"


@dataclass(frozen=True)
class Commit:
    id: str
    message: str = ""
    author: str = ""


@dataclass(frozen=True)
class WorkItem:
    """A story, a bug, an issue: whatever the work is planned in. `url` is empty where the build server states none."""

    id: str
    title: str = ""
    url: str = ""


@dataclass(frozen=True)
class Build:
    """What is stated about a build; empty where nothing is. `commits`: newest first."""

    number: str = ""
    url: str = ""
    server: str = ""
    branch: str = ""
    commit: str = ""
    repository: str = ""
    commits: tuple[Commit, ...] = ()
    work_items: tuple[WorkItem, ...] = ()


def is_identifier(text: str) -> bool:
    """Whether `text` can be the id of a commit or a work item, such as 7fd1a60b01f9, PP-101 or #12."""
    return _IDENTIFIER.fullmatch(text) is not None


def is_web_address(text: str) -> bool:
    """Whether `text` is an address that a page may link to: http or https, with a host, without blanks or credentials."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in ("http", "https")
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and _is_one_word(text)
        )
    except ValueError:
        return False


def checked(build: Build) -> Build:
    """The build as it is kept: without blanks around its texts, each commit and work item once. Raises BuildRefused."""
    kept = replace(
        build,
        **{name: getattr(build, name).strip() for name in (*FACT_MAX_LENGTHS, "url", "commit", "repository")},
        commits=_once("commits", [_checked_commit(commit) for commit in build.commits]),
        work_items=_once("work items", [_checked_item(item) for item in build.work_items]),
    )
    if kept == Build():
        raise BuildRefused("The build says nothing. State at least its number or its commit.")
    for name, most in FACT_MAX_LENGTHS.items():
        _check_length(f"The {name} of the build", getattr(kept, name), most)
    _check_address("The address of the build", kept.url)
    _check_address("The address of the repository", kept.repository)
    if kept.commit:
        _check_identifier("commit", kept.commit)
    return kept


def fingerprint(build: Build) -> str:
    """The same for the same content: 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(asdict(build), sort_keys=True).encode()).hexdigest()


def _checked_commit(stated: Commit) -> Commit:
    commit = Commit(stated.id.strip(), stated.message.strip(), stated.author.strip())
    _check_identifier("commit", commit.id)
    _check_length(f"The message of commit {commit.id}", commit.message, MESSAGE_MAX_LENGTH, "Send its first line.")
    _check_length(f"The author of commit {commit.id}", commit.author, PERSON_MAX_LENGTH)
    return commit


def _checked_item(stated: WorkItem) -> WorkItem:
    item = WorkItem(stated.id.strip(), stated.title.strip(), stated.url.strip())
    _check_identifier("work item", item.id)
    _check_length(f"The title of work item {item.id}", item.title, TITLE_MAX_LENGTH)
    _check_address(f"The address of work item {item.id}", item.url)
    return item


def _once(what: str, told: Iterable[Told]) -> tuple[Told, ...]:
    """The first of each id. Raises BuildRefused for too many."""
    first: dict[Hashable, Told] = {}
    for one in told:
        first.setdefault(one.id, one)
    if len(first) > MOST:
        raise BuildRefused(f"The build has {len(first):,} {what}; {MOST} are kept at most. Send the newest {MOST}.")
    return tuple(first.values())


def _check_identifier(what: str, text: str) -> None:
    if not is_identifier(text):
        shown = text if len(text) <= 60 else f"{text[:60]}…"
        raise BuildRefused(
            f"“{shown}” cannot be the id of a {what}: that has 1 to 100 letters and digits of ASCII, “#”, “.”, “_”, “/”"
            " and “-”."
        )


def _check_length(what: str, text: str, most: int, advice: str = "Send a shorter one.") -> None:
    if len(text) > most:
        raise BuildRefused(f"{what} is longer than {most:,} characters. {advice}")


def _check_address(what: str, text: str) -> None:
    if text and not is_web_address(text):
        raise BuildRefused(
            f"{what} is no address of the web. State one that begins with https:// or http:// and holds no name or password."
        )
    _check_length(what, text, URL_MAX_LENGTH)


def _is_one_word(text: str) -> bool:
    return text.isprintable() and " " not in text and "\\" not in text
