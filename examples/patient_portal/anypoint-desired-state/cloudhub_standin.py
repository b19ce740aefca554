"""The stand-in for CloudHub, by plain HTTP, with nothing but the standard library."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from target import Current, Desired, TargetRefused

TIMEOUT = 15  # seconds


class CloudHubStandIn:
    """One environment of the stand-in at `url`."""

    def __init__(self, url: str, environment: str) -> None:
        self._url = url.rstrip("/")
        self._environment = environment

    def __str__(self) -> str:
        return f"the CloudHub stand-in at {self._url}"

    def current(self) -> dict[str, Current]:
        """What runs there, by name; raises TargetRefused."""
        items = self._ask("GET", "").get("items", [])
        return {item["name"]: Current(item["name"], item["version"], item["settings_hash"]) for item in items}

    def apply(self, desired: Desired, current: Current | None, release: str) -> None:
        """Put the application with its state; raises TargetRefused."""
        state = {
            "version": desired.version,
            "settings_hash": desired.settings_hash,
            "release": release,
            "settings": dict(desired.settings),
        }
        self._ask("PUT", f"/{desired.name}", state)

    def _ask(self, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        url = f"{self._url}/environments/{self._environment}/applications{path}"
        body = None if content is None else json.dumps(content).encode()
        # The stand-in is on this machine: a proxy for the outside world would not find it.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
            with opener.open(request, timeout=TIMEOUT) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise TargetRefused(f"CloudHub refused: {_sentence(error)}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise TargetRefused(
                f"CloudHub at {self._url} cannot be reached: {reason}. Nothing more was changed."
            ) from error
        except ValueError as error:
            raise TargetRefused(f"What answers at {self._url} is not CloudHub. Check CLOUDHUB_URL.") from error
        if not isinstance(answer, dict):
            raise TargetRefused(f"What answers at {self._url} is not CloudHub. Check CLOUDHUB_URL.")
        return answer


def _sentence(error: urllib.error.HTTPError) -> str:
    """The sentence of a problem document, or the status where there is none."""
    try:
        return str(json.load(error)["sentence"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"it answered with status {error.code}."
