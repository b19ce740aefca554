"""A real HTTP server that takes messages, or fails to in every way, and remembers what arrived; and a real mail server."""

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

GONE = (BrokenPipeError, ConnectionResetError, ssl.SSLError, ValueError)


@dataclass(frozen=True)
class Arrived:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answering = Callable[[BaseHTTPRequestHandler, threading.Event], None]


def status(code: int, body: bytes = b"", **headers: str) -> Answering:
    """An answer like any other. Headers with underscores for hyphens."""

    def answer(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def raw(data: bytes) -> Answering:
    """These bytes and no others, then the end of the connection."""
    return lambda handler, over: _say(handler, data)


def hang(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """Takes the request and never answers."""
    over.wait()


def drip(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """Answers a byte at a time, for ever."""
    _say(handler, b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while not over.wait(0.02):
        _say(handler, b"x")


def endless(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """An answer without an end."""
    _say(handler, b"HTTP/1.1 200 OK\r\n\r\n")
    while not over.is_set():
        _say(handler, b"x" * 65536)


def lose(handler: BaseHTTPRequestHandler, over: threading.Event) -> None:
    """Takes the request and is gone, so that the answer is lost."""
    handler.connection.close()


def _say(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.wfile.write(data)
    handler.wfile.flush()


@dataclass
class Receiver:
    """Answers with `plan`, one after the other, then with `usual`."""

    usual: Answering = field(default_factory=lambda: status(200, b"ok"))
    plan: list[Answering] = field(default_factory=list)
    arrived: list[Arrived] = field(default_factory=list)
    tls: ssl.SSLContext | None = None

    def __post_init__(self) -> None:
        self.over, self._lock = threading.Event(), threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.block_on_close = False
        if self.tls:
            self._server.socket = self.tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_port
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/hook"

    @contextlib.contextmanager
    def running(self) -> Iterator["Receiver"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            self.over.set()
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    @property
    def ids(self) -> list[str]:
        """Of the webhooks that arrived, in their order."""
        return [one.headers["webhook-id"] for one in self.arrived]

    def _take(self, one: Arrived) -> Answering:
        with self._lock:
            self.arrived.append(one)
            return self.plan.pop(0) if self.plan else self.usual

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", 0)))
                with contextlib.suppress(*GONE):
                    receiver._take(Arrived(self.path, headers, body))(self, receiver.over)
                self.close_connection = True

            def handle(self) -> None:
                with contextlib.suppress(*GONE):
                    super().handle()

            def finish(self) -> None:
                with contextlib.suppress(*GONE):
                    super().finish()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


class Mailbox:
    """What a mail server does with mail: takes it, unless `refusals` name the address or `data` says why not."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[str] = []
        self.refusals: dict[str, str] = {}
        self.data = ""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self.refusals.get(address):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data:
            return self.data
        mail = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        self.to += envelope.rcpt_tos
        return "250 OK"


@contextlib.contextmanager
def mail_server(settings: Any, **options: Any) -> Iterator[Mailbox]:
    """A mail server of this test alone, which the settings name."""
    mailbox = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_TIMEOUT = 5
    try:
        yield mailbox
    finally:
        controller.stop()
