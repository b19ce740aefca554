"""How a client pushes into each registry and fetches from it, over one connection: the same plain client for all.

Whatever is sent stands in memory, and goes out in blocks; what comes back is read into one buffer and counted.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from http.client import HTTPConnection, HTTPResponse

from bench.payloads import BLOCK, Payload

FORM_BOUNDARY = "----signalbox-bench-2f1e6c0a9d"
BYTES = "application/octet-stream"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIGURATION = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"
NOTHING = memoryview(b"{}")  # an image's configuration that says nothing
NOTHING_SHA256 = hashlib.sha256(NOTHING).hexdigest()
Headers = Mapping[str, str]


class Refused(Exception):
    """The registry answered with another status than it should have."""


# -- Signalbox --------------------------------------------------------------------------------------------------------


def push_body(connection: HTTPConnection, payload: Payload, headers: Headers) -> None:
    """The package is the body."""
    content = {"Content-Type": BYTES}
    _answer(_sent(connection, "POST", _address(payload), [payload.content], {**headers, **content}), 201)


def push_form(connection: HTTPConnection, payload: Payload, headers: Headers) -> None:
    """As `curl --form file=@…` does."""
    _send_form(connection, _address(payload), {}, "file", f"{payload.name}.tar", payload, headers, 201)


def fetch_version(connection: HTTPConnection, payload: Payload, headers: Headers) -> None:
    _fetch(connection, f"/api/v1/packages/{payload.name}/versions/{payload.version}/download", payload, headers)


def _address(payload: Payload) -> str:
    return f"/api/v1/packages?name={payload.name}&version={payload.version}"


# -- devpi-server and pypiserver: the upload API of PyPI --------------------------------------------------------------


def upload(connection: HTTPConnection, payload: Payload, headers: Headers, index: str) -> None:
    """As twine does, into the index at this path."""
    fields = {
        ":action": "file_upload",
        "protocol_version": "1",
        "metadata_version": "2.1",
        "name": payload.name,
        "version": payload.version,
        "filetype": "sdist",
        "pyversion": "source",
        "sha256_digest": payload.sha256,
    }
    _send_form(connection, index, fields, "content", sdist(payload), payload, headers, 200)


def fetch_devpi(connection: HTTPConnection, payload: Payload, index: str) -> None:
    place = f"{payload.sha256[:3]}/{payload.sha256[3:16]}"
    _fetch(connection, f"{index}+f/{place}/{sdist(payload)}", payload, {})


def fetch_pypiserver(connection: HTTPConnection, payload: Payload) -> None:
    _fetch(connection, f"/packages/{sdist(payload)}", payload, {})


def sdist(payload: Payload) -> str:
    return f"{payload.name}-{payload.version}.tar.gz"


# -- docker-registry: distribution API v2 -----------------------------------------------------------------------------


def push_blob(connection: HTTPConnection, payload: Payload) -> None:
    """A layer as the docker client sends it, and the manifest that makes it a published thing."""
    _push_blob(connection, payload.name, payload.content, payload.sha256)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIGURATION, "size": len(NOTHING), "digest": f"sha256:{NOTHING_SHA256}"},
        "layers": [{"mediaType": LAYER, "size": payload.size, "digest": f"sha256:{payload.sha256}"}],
    }
    address = f"/v2/{payload.name}/manifests/{payload.version}"
    body = memoryview(json.dumps(manifest).encode())
    _answer(_sent(connection, "PUT", address, [body], {"Content-Type": MANIFEST}), 201)


def push_configuration(connection: HTTPConnection, payload: Payload) -> None:
    """Put the image's configuration, which every manifest names, into the payload's repository."""
    _push_blob(connection, payload.name, NOTHING, NOTHING_SHA256)


def fetch_blob(connection: HTTPConnection, payload: Payload) -> None:
    _fetch(connection, f"/v2/{payload.name}/blobs/sha256:{payload.sha256}", payload, {})


def _push_blob(connection: HTTPConnection, repository: str, content: memoryview, sha256: str) -> None:
    where = _located(_sent(connection, "POST", f"/v2/{repository}/blobs/uploads/", [], {}), 202)
    where = _located(_sent(connection, "PATCH", where, [content], {"Content-Type": BYTES}), 202)
    separator = "&" if "?" in where else "?"
    _answer(_sent(connection, "PUT", f"{where}{separator}digest=sha256:{sha256}", [], {}), 201)


def _located(answer: HTTPResponse, status: int) -> str:
    """Where the upload goes on, on the same server."""
    _answer(answer, status)
    found = answer.headers["Location"]
    return found[found.index("/v2/") :]


# -- HTTP -------------------------------------------------------------------------------------------------------------


def _send_form(
    connection: HTTPConnection,
    address: str,
    fields: Mapping[str, str],
    file_field: str,
    filename: str,
    payload: Payload,
    headers: Headers,
    status: int,
) -> None:
    lines = [
        f'--{FORM_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    lines.append(
        f'--{FORM_BOUNDARY}\r\nContent-Disposition: form-data; name="{file_field}"; filename="{filename}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    parts = [
        memoryview("".join(lines).encode()),
        payload.content,
        memoryview(f"\r\n--{FORM_BOUNDARY}--\r\n".encode()),
    ]
    content = {"Content-Type": f"multipart/form-data; boundary={FORM_BOUNDARY}"}
    _answer(_sent(connection, "POST", address, parts, {**headers, **content}), status)


def _sent(
    connection: HTTPConnection, method: str, address: str, parts: Iterable[memoryview], headers: Headers
) -> HTTPResponse:
    parts = list(parts)
    connection.putrequest(method, address, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(sum(len(part) for part in parts)))
    connection.endheaders()
    for part in parts:
        for start in range(0, len(part), BLOCK):
            connection.send(part[start : start + BLOCK])
    return connection.getresponse()


def _answer(answer: HTTPResponse, status: int) -> bytes:
    body = answer.read()
    if answer.status != status:
        raise Refused(f"{answer.status} {answer.reason}: {body[:200].decode('utf-8', 'replace')}")
    return body


def _fetch(connection: HTTPConnection, address: str, payload: Payload, headers: Headers) -> None:
    connection.request("GET", address, headers=dict(headers))
    answer = connection.getresponse()
    if answer.status != 200:
        _answer(answer, 200)
    buffer, size = bytearray(BLOCK), 0
    while read := answer.readinto(buffer):
        size += read
    if size != payload.size:
        raise Refused(f"{size:,} bytes came back, {payload.size:,} were pushed")
