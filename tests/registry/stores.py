"""An outside store for tests: a real server on the loopback address that plays a Maven repository."""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Store:
    """What it holds, as group-less assets of the group “com”; `status` other than 200 answers everything so."""

    def __init__(self) -> None:
        self.assets: dict[str, dict[str, bytes]] = {}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked: list[str] = []
        self.url = ""

    def publish(self, name: str, *versions: str) -> None:
        for version in versions:
            self.assets.setdefault(name, {})[version] = f"{name} {version}".encode()

    def answer(self, path: str) -> bytes | None:
        name, _, rest = path.removeprefix("/com/").partition("/")
        held = self.assets.get(name)
        if held is None:
            return None
        if rest == "maven-metadata.xml":
            versions = "".join(f"<version>{version}</version>" for version in held)
            return f"<metadata><versioning><versions>{versions}</versions></versioning></metadata>".encode()
        version = rest.partition("/")[0]
        if rest.endswith(".sha256") and version in held:
            return hashlib.sha256(held[version]).hexdigest().encode()
        return None


def digest_of(content: str) -> str:
    return f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


@contextmanager
def a_store() -> Iterator[Store]:
    store = Store()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            store.asked.append(self.path)
            body = store.answer(self.path)
            etag = f'"{hashlib.sha256(body or b"").hexdigest()[:12]}"'
            status = store.status if store.status != 200 else 404 if body is None else 200
            if status == 200 and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            self.send_response(status)
            for header, value in {"ETag": etag, **store.headers}.items():
                self.send_header(header, value)
            sent = body if status == 200 and body else b""
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    store.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
