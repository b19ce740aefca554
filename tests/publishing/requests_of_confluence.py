"""Which requests may be made of Confluence Cloud, each with a JSON schema of its method, path, query and body.

Nine keep pages up to date; the tenth is for the test of a connection, which puts the page that it made into the trash.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from standins.confluence.journal import Entry

SCHEMAS = Path(__file__).parent / "schemas"
CLOUD = ("/wiki/api/v2/", "/wiki/rest/api/")


def schemas() -> dict[str, dict[str, Any]]:
    """The schemas by name. Each describes an object with `method`, `path`, `query` (name → list of texts) and `body`."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SCHEMAS.glob("*.json"))}


def violations_in(entries: Iterable[Entry]) -> list[str]:
    """One sentence for each way in which a request to Cloud is none of those."""
    known = schemas()
    return [found for entry in entries if entry.path.startswith(CLOUD) for found in _violations(entry, known)]


def _violations(entry: Entry, known: dict[str, dict[str, Any]]) -> list[str]:
    asked = f"{entry.method} {entry.path}"
    name = next((name for name, schema in known.items() if _is_about(schema, entry)), None)
    if name is None:
        return [f"{asked} is none of the requests that are described."]
    document = {"method": entry.method, "path": entry.path, "query": dict(entry.query), "body": entry.body}
    errors = Draft202012Validator(known[name]).iter_errors(document)
    return [f"{asked} ({name}): {error.json_path}: {error.message}" for error in errors]


def _is_about(schema: dict[str, Any], entry: Entry) -> bool:
    stated = schema["properties"]
    return stated["method"]["const"] == entry.method and bool(re.search(stated["path"]["pattern"], entry.path))
