"""A real HTTP server that answers what a test tells it to, and remembers what it was asked."""

import base64
import contextlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

DRIP = 0.02  # seconds between two bytes of a slow answer
GONE = (BrokenPipeError, ConnectionResetError, ssl.SSLError)


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]

    @property
    def authorization(self) -> str:
        return self.headers.get("authorization", "")


@dataclass
class Reply:
    """One answer. A body that is a function is called with a writer, and with an event that ends the test."""

    body: bytes | Callable[["Writer"], None] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


class Writer:
    """Writes bytes as they are, until the other side goes away or the test is over."""

    def __init__(self, write: Callable[[bytes], Any], over: threading.Event) -> None:
        self._write, self._over = write, over

    def write(self, data: bytes) -> None:
        self._write(data)

    def drip(self, data: bytes, seconds: float = DRIP) -> None:
        for byte in data:
            if self._over.wait(seconds):
                return
            self._write(bytes([byte]))

    def repeat(self, data: bytes) -> None:
        while not self._over.is_set():
            self._write(data)

    def hold(self) -> None:
        self._over.wait()


class Feed:
    """Answers by path and query, else by path; 404 to everything else."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._replies: dict[str, Callable[[Asked], Reply]] = {}
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @contextlib.contextmanager
    def running(self) -> Iterator["Feed"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def answers(self, path: str, body: Any = b"", *, status: int = 200, **headers: str) -> None:
        """headers: with underscores for hyphens. What is neither bytes, text nor a function is written as JSON."""
        stated = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, str):
            body = body.encode()
        elif not isinstance(body, bytes) and not callable(body):
            body, stated = json.dumps(body).encode(), {"Content-Type": "application/json"} | stated
        self._replies[path] = lambda _: Reply(body, status, stated)

    def decides(self, path: str, reply: Callable[[Asked], Reply]) -> None:
        """Have the answer depend on the request."""
        self._replies[path] = reply

    def moves(self, path: str, to: str, status: int = 302) -> None:
        self.answers(path, status=status, Location=to)

    def _reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        reply = self._replies.get(asked.path) or self._replies.get(asked.path.partition("?")[0])
        return reply(asked) if reply else Reply(b"no such thing", 404)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        feed = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = feed._reply(Asked(self.command, self.path, headers))
                with contextlib.suppress(*GONE):
                    _send(self, reply, feed._over)

            do_HEAD = do_GET

            def handle(self) -> None:
                with contextlib.suppress(*GONE):
                    super().handle()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _send(handler: BaseHTTPRequestHandler, reply: Reply, over: threading.Event) -> None:
    handler.send_response(reply.status)
    for name, value in reply.headers.items():
        handler.send_header(name, value)
    if callable(reply.body):
        handler.end_headers()
        reply.body(Writer(handler.wfile.write, over))
        return
    handler.send_header("Content-Length", str(len(reply.body)))
    handler.end_headers()
    if handler.command != "HEAD":
        handler.wfile.write(reply.body)


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
