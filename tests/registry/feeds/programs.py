"""Real feeds, each a program of its own on a free port: pypiserver, Debian's docker-registry, verdaccio."""

import base64
import contextlib
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests

from tests.machine import docker_registry, verdaccio
from tests.servers import AnyServer, Server

READER, PASSWORD = "reader", "sesame"
HTPASSWD = "reader:$2b$04$X0uTDf.7soP1RMOGojTWPuFb6FsDxXWJhT06hoEGuuLiQnTwuBoK6\n"  # the password above
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Program(Server):
    """A server that speaks HTTP."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, None)

    def url_at(self, port: int) -> str:
        return f"http://127.0.0.1:{port}"

    def answers(self, port: int) -> bool:
        with contextlib.suppress(requests.ConnectionError):
            return requests.get(self.url_at(port), timeout=2).status_code < 500
        return False


class PyPiServer(Program):
    name = "pypiserver"
    options: tuple[str, ...] = ("--disable-fallback",)

    def command(self, port: int) -> list[str]:
        where = ["-i", "127.0.0.1", "-p", str(port)]
        return [sys.executable, "-m", "pypiserver", "run", *where, *self.options, str(self.home / "packages")]


class PyPiServerWithFallback(PyPiServer):
    """As it is without options: it sends whoever asks for an unknown package to the public index."""

    options = ()


class DockerRegistry(Program):
    name = "docker-registry"

    def __init__(self, home: Path, images: Path, auth: dict[str, Any]) -> None:
        """images: where they lie; auth: the section of its configuration, empty for none."""
        super().__init__(home)
        self.images, self.auth = images, auth

    def command(self, port: int) -> list[str]:
        configuration: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {"filesystem": {"rootdirectory": str(self.images)}},
            "http": {"addr": f"127.0.0.1:{port}"},
        }
        if self.auth:
            configuration["auth"] = self.auth
        file = self.home / "registry.yml"
        file.write_text(json.dumps(configuration))  # which is YAML too
        return [str(docker_registry()), "serve", str(file)]


class Verdaccio(Program):
    name = "verdaccio"

    def command(self, port: int) -> list[str]:
        everybody = {"access": "$all", "publish": "$all"}
        configuration = {
            "storage": str(self.home / "packages"),
            "auth": {"htpasswd": {"file": str(self.home / "htpasswd")}},
            "packages": {"@example/*": everybody | {"access": "$authenticated"}, "**": everybody},
            "log": {"type": "stdout", "level": "warn"},
        }
        (self.home / "htpasswd").write_text(HTPASSWD)
        file = self.home / "verdaccio.yaml"
        file.write_text(json.dumps(configuration))
        return [str(shutil.which("node")), str(verdaccio()), "--config", str(file), "--listen", f"127.0.0.1:{port}"]


@contextlib.contextmanager
def running(server: AnyServer) -> Iterator[AnyServer]:
    """Raises CannotStart."""
    server.start()
    try:
        yield server
    finally:
        server.stop()


def push_image(registry: DockerRegistry, name: str, tag: str, content: str) -> str:
    """Push an image that consists of its configuration alone; returns the digest of its manifest."""
    blob = json.dumps({"content": content}).encode()
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    upload = requests.post(f"{registry.url}/v2/{name}/blobs/uploads/", timeout=5)
    pushed = requests.put(upload.headers["Location"], params={"digest": digest}, data=blob, timeout=5)
    pushed.raise_for_status()
    about = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(blob)}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": about, "layers": []}).encode()
    address = f"{registry.url}/v2/{name}/manifests/{tag}"
    requests.put(address, data=manifest, headers={"Content-Type": MANIFEST}, timeout=5).raise_for_status()
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def publish_to_npm(registry: Verdaccio, name: str, version: str, content: bytes) -> str:
    """Publish as npm does; returns the digest of the tarball."""
    digest = hashlib.sha512(content)
    file = f"{name.rpartition('/')[2]}-{version}.tgz"
    manifest = {
        "name": name,
        "version": version,
        "dist": {
            "integrity": f"sha512-{base64.b64encode(digest.digest()).decode()}",
            "shasum": hashlib.sha1(content).hexdigest(),
            "tarball": f"{registry.url}/{name}/-/{file}",
        },
    }
    attachment = {"content_type": "application/octet-stream", "data": base64.b64encode(content).decode()}
    document = {
        "_id": name,
        "name": name,
        "dist-tags": {"latest": version},
        "versions": {version: manifest},
        "_attachments": {file: attachment | {"length": len(content)}},
    }
    address = f"{registry.url}/{name.replace('/', '%2f')}"
    requests.put(address, json=document, timeout=10).raise_for_status()
    return f"sha512:{digest.hexdigest()}"
