"""What was asked of the two dialects, and how it went. Credentials are not kept."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from standins.confluence.wire import Request

KEPT = 2_000  # requests


@dataclass(frozen=True)
class Entry:
    """One request. `body` is what the JSON says, or the text where it is none; `status` is 0 where no answer was sent."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    body: Any
    status: int
    carried_out: bool
    at: str


class Journal:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=KEPT)

    def note(self, request: Request, status: int, *, carried_out: bool) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        query = {name: list(values) for name, values in request.query.items()}
        entry = Entry(request.method, request.path, query, _content(request.body), status, carried_out, at)
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()

    def as_json(self) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self.entries()]


def _content(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", errors="replace")
