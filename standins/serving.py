"""What the stand-ins share: a quiet threaded server on the loopback address that stops cleanly when asked."""

import signal
import socketserver
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType


class Refused(Exception):
    """The request cannot be carried out. Carries the HTTP status and one sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class LoopbackServer(ThreadingHTTPServer):
    """A threaded HTTP server that neither asks the name service who it is nor waits for idle connections."""

    daemon_threads = True
    allow_reuse_address = True

    def server_bind(self) -> None:
        # HTTPServer would look its own name up here, which takes seconds on a machine with a broken name service.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])


class QuietHandler(BaseHTTPRequestHandler):
    """Keeps connections open, never waits longer than ten seconds for a client, and writes no access log."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True  # else a body after its header waits 40 ms for the reader's delayed acknowledgement

    def log_message(self, format: str, *args: object) -> None:
        pass

    def answer(self, status: int, content_type: str, body: bytes, **headers: str) -> None:
        """Send one complete answer; `headers` are further header fields with `_` for `-`."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def listen(port: int, handler: Callable[..., BaseHTTPRequestHandler], host: str = "127.0.0.1") -> LoopbackServer:
    """Bind `host:port` (0: any free port); raise SystemExit with a sentence when that is not possible."""
    try:
        return LoopbackServer((host, port), handler)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise SystemExit(f"Cannot listen on {host}:{port}: {reason}. Choose another port with --port.") from error


def serve(server: LoopbackServer, ready: str) -> None:
    """Print `ready`, then serve until SIGTERM or Ctrl-C."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        # shutdown() waits for the serving loop, which is the thread that this handler interrupts.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(ready, flush=True)
    with server:
        server.serve_forever(poll_interval=0.1)
    sys.stdout.flush()
