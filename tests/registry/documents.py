"""What tools write about a version, as small as it can be."""

import json
from pathlib import Path
from typing import Any

from registry import storage
from registry.storage import Received

CYCLONEDX: dict[str, Any] = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": "left-pad"}]}
SPDX: dict[str, Any] = {"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "packages": []}
SPDX_3: dict[str, Any] = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []}
STATEMENT: dict[str, Any] = {"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": "x"}
ENVELOPE: dict[str, Any] = {"payloadType": "application/vnd.in-toto+json", "payload": "e30=", "signatures": []}


def as_bytes(document: object) -> bytes:
    return json.dumps(document).encode()


def lines(*documents: object) -> bytes:
    """One JSON document a line."""
    return b"".join(as_bytes(document) + b"\n" for document in documents)


def received(data: bytes) -> Received:
    """Arrived completely, not kept yet."""
    return storage.receive([data], max_bytes=len(data))


def stored(store: Path) -> list[str]:
    """The names of all files below the store."""
    return sorted(path.name for path in store.rglob("*") if path.is_file())
