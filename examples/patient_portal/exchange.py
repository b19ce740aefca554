"""Publish the APIs that a desired state names to Anypoint Exchange, as their own pipelines would. Standard library only."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping

from examples.patient_portal.packages import TIMEOUT, NotPushed, opener

ORGANISATION = "patient-portal"


def publish(url: str, manifest: Mapping[str, str]) -> list[str]:
    """Publish each API (name → version) to the stand-in at `url`; those that were new, as “patient-api 1.4.113”.

    Raises NotPushed with a sentence when it cannot be reached. What is published already stays as it is.
    """
    return [f"{name} {version}" for name, version in manifest.items() if _is_new(url, name, version)]


def _is_new(url: str, name: str, version: str) -> bool:
    file = f"{name}-{version}-mule-application.jar"
    address = f"{url.rstrip('/')}/api/v3/organizations/{ORGANISATION}/maven/{name}/{version}/{file}"
    headers = {"Content-Type": "application/java-archive"}
    request = urllib.request.Request(address, f"{name} {version}\n".encode(), headers, method="PUT")
    try:
        with opener(url).open(request, timeout=TIMEOUT):
            return True
    except urllib.error.HTTPError as error:
        if error.code == 409:
            return False
        raise NotPushed(f"{name} {version} was not published: {url} answered with status {error.code}.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NotPushed(f"{url} cannot be reached, so that {name} {version} is not published: {reason}.") from error
