"""How a wiki is written to its file and read from it."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from standins import keeping
from standins.confluence.content import Content, Page, Property, Space, Status, Version


def write(path: Path, content: Content) -> None:
    """Replace the file; raise Refused(507) where it cannot be stored."""
    keeping.write(
        path,
        {
            "last_id": content.last_id,
            "spaces": [asdict(space) for space in content.spaces.values()],
            "pages": [asdict(page) for page in content.pages.values()],
        },
    )


def read(path: Path) -> Content:
    """What the file holds, nothing when there is none; raises SystemExit with a sentence when it cannot be used."""
    stored = keeping.read(path)
    if not stored:
        return Content()
    try:
        spaces = [Space(**space) for space in stored["spaces"]]
        pages = [_page(page) for page in stored["pages"]]
        last_id = int(stored["last_id"])
    except (KeyError, TypeError, ValueError) as error:
        raise SystemExit(f"{path} is not the JSON that this stand-in wrote. Move it away to start empty.") from error
    return Content({space.key: space for space in spaces}, {page.id: page for page in pages}, last_id)


def _page(stored: Mapping[str, Any]) -> Page:
    versions = tuple(Version(**version) for version in stored["versions"])
    if not versions:
        raise ValueError("a page without a version")
    return Page(
        id=stored["id"],
        space=stored["space"],
        parent=stored["parent"],
        status=Status(stored["status"]),
        versions=versions,
        properties=tuple(Property(**found) for found in stored["properties"]),
        labels=tuple(stored["labels"]),
        restricted=stored["restricted"],
    )
