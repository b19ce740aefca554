"""Build the two sample packages and push them over HTTP, as a CI pipeline would. Standard library only.

A package is a zip archive whose entry point is `release.sh` at its top level. The same version always gives the same
bytes: members are sorted, carry one fixed time and are stored uncompressed, because compressed bytes differ between
versions of zlib.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
COMPONENTS = ("anypoint-desired-state", "patient-ui")  # in the order in which they are deployed
FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip archive can state
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")
TIMEOUT = 60  # seconds

BROKEN = """\
#!/usr/bin/env bash
# A package that fails on purpose, to show what happens then.
set -euo pipefail
echo "$(cat "$(dirname "$0")/COMPONENT") $(cat "$(dirname "$0")/VERSION"), release $2, to $1"
echo "Checking what is there"
echo "The connection to the content store was lost" >&2
exit 3
"""

SLOW = """\
#!/usr/bin/env bash
# Takes its time before the real work, to show a log that grows.
set -euo pipefail
for second in $(seq 1 {seconds}); do
    echo "Preparing, second $second of {seconds}"
    sleep 1
done
exec bash "$(dirname "$0")/deliver.sh" "$@"
"""


class NotPushed(Exception):
    """The package could not be built or was not accepted; carries one sentence."""


class Answer(NamedTuple):
    """What the portal said to what it accepted: whether that is new, and the rest."""

    created: bool
    body: Mapping[str, Any]


def build(
    component: str,
    version: str,
    *,
    manifest: Mapping[str, str] | None = None,
    broken: bool = False,
    slow_seconds: int = 0,
) -> bytes:
    """The zip archive of `component` in `version`; raises NotPushed for an unknown component or an unusable version.

    `manifest` (API name to version) replaces the APIs of the desired state; without it they follow from `version`.
    `broken` gives a package whose script fails with status 3, `slow_seconds` one whose script takes that much longer.
    """
    if component not in COMPONENTS:
        raise NotPushed(f"There is no component {component}. Choose {' or '.join(COMPONENTS)}.")
    if not VERSION.fullmatch(version):
        raise NotPushed(f"{version!r} is not a version. State one such as 1.0.0.")
    files = _sources(HERE / component)
    if component == "anypoint-desired-state":
        files["manifest"] = _manifest(manifest or manifest_for(version))
    if broken:
        files["release.sh"] = BROKEN.encode()
    elif slow_seconds:
        files["deliver.sh"] = files["release.sh"]
        files["release.sh"] = SLOW.format(seconds=slow_seconds).encode()
    files["SOURCE"] = (_fingerprint(files) + "\n").encode()
    files["COMPONENT"] = (component + "\n").encode()
    files["VERSION"] = (version + "\n").encode()
    return _archive(files)


def manifest_for(version: str) -> dict[str, str]:
    """The API versions of a desired-state package: a patch brings a new Patient API, a minor version both.

    1.0.0 gives patient-api 1.4.113 and admissions-api 1.2.195, 1.0.1 gives 1.4.114 and 1.2.195.
    """
    numbers = [int(number) for number in re.findall(r"\d+", re.split("[-+]", version, maxsplit=1)[0])]
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return {
        "patient-api": f"1.4.{13 + 100 * major + 10 * minor + patch}",
        "admissions-api": f"1.2.{95 + 100 * major + minor}",
    }


def source_of(content: bytes) -> str:
    """What a package was built from: forty hexadecimal digits, as a commit has."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read("SOURCE").decode().strip()


def push(url: str, token: str, component: str, version: str, content: bytes) -> Answer:
    """Push one package to the portal at `url`; raises NotPushed with the portal's sentence when it is refused."""
    query = urllib.parse.urlencode({"name": component, "version": version})
    return _send("POST", url, f"/packages?{query}", token, content, "application/octet-stream")


def push_build(url: str, token: str, component: str, version: str, facts: Mapping[str, Any]) -> Answer:
    """Tell the portal which build made a version; raises NotPushed with the portal's sentence when it is refused."""
    path = f"/packages/{component}/versions/{urllib.parse.quote(version)}/build"
    return _send("PUT", url, path, token, json.dumps(facts).encode(), "application/json")


def _send(method: str, url: str, path: str, token: str, content: bytes, kind: str) -> Answer:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind, "Accept": "application/json"}
    try:
        request = urllib.request.Request(f"{url.rstrip('/')}/api/v1{path}", content, headers, method=method)
        with opener(url).open(request, timeout=TIMEOUT) as response:
            return Answer(response.status == 201, _object(response.read(), url))
    except urllib.error.HTTPError as error:
        raise NotPushed(_refusal(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise NotPushed(f"{url} cannot be reached: {getattr(error, 'reason', error)}.") from error
    except ValueError as error:
        raise NotPushed(f"{url!r} is not the address of a portal. State one such as http://127.0.0.1:8000.") from error


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is reported, never followed: it could carry the token to another machine."""

    def redirect_request(self, *_arguments: Any) -> None:
        return None


def opener(url: str) -> urllib.request.OpenerDirector:
    """Opens addresses. Uses the proxy that the environment names, except for this machine itself."""
    if urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1"):
        return urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    return urllib.request.build_opener(_NoRedirect)


def _object(body: bytes, url: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise NotPushed(f"What answers at {url} is not the portal: it did not answer with a JSON object.")
    return found


def _refusal(error: urllib.error.HTTPError) -> str:
    """The sentence of the problem document, or the status where there is none."""
    try:
        return str(json.loads(error.read())["sentence"])
    except (ValueError, KeyError, TypeError, OSError, http.client.HTTPException):
        return f"The portal answered with status {error.code} and without a sentence. Check the address."


def _sources(folder: Path) -> dict[str, bytes]:
    """Every source file by its path in the archive."""
    paths = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _manifest(manifest: Mapping[str, str]) -> bytes:
    return "".join(f"{name}={version}\n" for name, version in manifest.items()).encode()


def _fingerprint(files: Mapping[str, bytes]) -> str:
    """Forty hexadecimal digits that identify the sources, as a commit would."""
    whole = hashlib.sha256()
    for name, content in sorted(files.items()):
        whole.update(f"{name}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:40]


def _archive(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            member = zipfile.ZipInfo(name, FIXED_TIME)
            member.create_system = 3  # Unix, so that the permissions count
            member.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
            archive.writestr(member, content)
    return target.getvalue()
