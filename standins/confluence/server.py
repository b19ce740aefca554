"""HTTP: which request belongs to which dialect, the trouble it meets on the way, and the command that serves."""

import argparse
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from standins.confluence import browsing, cloud, control, data_center
from standins.confluence.accounts import EMAIL, TOKEN, Account
from standins.confluence.faults import Fault, Faults
from standins.confluence.journal import Journal
from standins.confluence.wiki import Wiki
from standins.confluence.wire import Answer, Request, is_number, plain_page, reason
from standins.serving import LoopbackServer, QuietHandler, Refused, listen, serve

PORT = 8003
SEARCH_LAG = 5.0  # seconds
LARGEST_BODY = 5 * 1024 * 1024  # bytes, as on Cloud
UNREAD = 16 * 1024 * 1024  # so much too much is read before it is refused, so that the answer arrives


@dataclass
class Confluence:
    """One wiki with everything around it: who may ask, trouble that was ordered, and what was asked."""

    wiki: Wiki = field(default_factory=Wiki)
    accounts: list[Account] = field(default_factory=lambda: [Account(name="Signalbox")])
    faults: Faults = field(default_factory=Faults)
    journal: Journal = field(default_factory=Journal)
    largest_body: int = LARGEST_BODY


@dataclass(frozen=True)
class Dialect:
    """How requests below these paths are understood, and how refusals are worded."""

    prefixes: tuple[str, ...]
    account_of: Callable[[Request, Sequence[Account]], Account]
    carry_out: Callable[[Wiki, Account, Request], Answer]
    refusal: Callable[[Refused], Answer]


DIALECTS = (
    Dialect(cloud.PREFIXES, cloud.account_of, cloud.carry_out, cloud.refusal),
    Dialect((data_center.PREFIX,), data_center.account_of, data_center.carry_out, data_center.refusal),
)


def dialect_for(path: str) -> Dialect | None:
    """Whose path this is; None: a page for people, or the control door."""
    return next((dialect for dialect in DIALECTS if path.startswith(dialect.prefixes)), None)


def answer_for(there: Confluence, dialect: Dialect, request: Request) -> Answer:
    """What the dialect answers when there is no trouble."""
    try:
        if len(request.body) > there.largest_body:
            raise Refused(413, f"The request is larger than {there.largest_body:,} bytes")
        return dialect.carry_out(there.wiki, dialect.account_of(request, there.accounts), request)
    except Refused as refused:
        return dialect.refusal(refused)


def answer_in_trouble(dialect: Dialect, fault: Fault) -> Answer:
    """What is answered instead of carrying the request out; from 500 on it is not Confluence that answers."""
    sentence = fault.sentence or reason(fault.status)
    headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
    by_proxy = fault.status >= 500
    answer = plain_page(fault.status, sentence) if by_proxy else dialect.refusal(Refused(fault.status, sentence))
    return Answer(answer.status, answer.body, answer.content_type, headers)


class Handler(QuietHandler):
    """Translates HTTP into requests, and answers into HTTP."""

    server_version = "ConfluenceStandIn"
    server: LoopbackServer
    there: Confluence

    def do_GET(self) -> None:  # noqa: N802 - the standard library looks for this name
        self._carry_out()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def handle(self) -> None:
        # Whoever gives up waiting closes the connection, and that is no mistake of ours.
        with suppress(ConnectionError, TimeoutError):
            super().handle()

    def _carry_out(self) -> None:
        path = urlsplit(self.path).path
        dialect = dialect_for(path)
        try:
            request = self._request(path)
        except Refused as refused:
            self.close_connection = True  # what is left of the request was not read
            return self._send((dialect.refusal if dialect else control.refusal)(refused))
        if dialect is not None:
            return self._in_dialect(dialect, request)
        if path.startswith(control.PREFIX) and path != browsing.STYLESHEET:
            return self._send(self._controlled(request))
        return self._send(browsing.answer(self.there.wiki, request))

    def _in_dialect(self, dialect: Dialect, request: Request) -> None:
        fault = self.there.faults.take(request.method, request.path)
        if fault is not None and fault.drop == "before":
            return self._hang_up(request, carried_out=False)
        if fault is not None and fault.status:
            answer = answer_in_trouble(dialect, fault)
            self.there.journal.note(request, answer.status, carried_out=False)
            return self._send(answer)
        answer = answer_for(self.there, dialect, request)
        if fault is not None and fault.drop == "after":
            return self._hang_up(request, carried_out=answer.status < 400)
        self.there.journal.note(request, answer.status, carried_out=answer.status < 400)
        if fault is not None and fault.hang:
            self.there.faults.wait(fault.hang)
        return self._send(answer)

    def _controlled(self, request: Request) -> Answer:
        try:
            return control.carry_out(self.there.faults, self.there.journal, request)
        except Refused as refused:
            return control.refusal(refused)

    def _hang_up(self, request: Request, *, carried_out: bool) -> None:
        self.there.journal.note(request, 0, carried_out=carried_out)
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _request(self, path: str) -> Request:
        """The request with its body; raises Refused where it cannot be read."""
        query = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
        return Request(self.command, path, query, self.headers, self._body(), self._base())

    def _body(self) -> bytes:
        stated = self.headers.get("Content-Length")
        if stated is None and self.headers.get("Transfer-Encoding"):
            raise Refused(411, "Length Required: state Content-Length")
        length = stated or "0"
        if not is_number(length):
            raise Refused(400, "Content-Length is not a number")
        if int(length) > UNREAD:
            raise Refused(413, f"The request is larger than {self.there.largest_body:,} bytes")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise Refused(400, "The body ended early")
        return body

    def _base(self) -> str:
        """The address that was used, for links; what is no plain host and port is not repeated."""
        host = self.headers.get("Host", "")
        if not host or set(host) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:-[]"):
            host = f"{self.server.server_name}:{self.server.server_port}"
        return f"http://{host}"

    def _send(self, answer: Answer) -> None:
        self.answer(answer.status, answer.content_type, answer.body, **answer.headers)


def server_for(there: Confluence, port: int = 0, host: str = "127.0.0.1") -> LoopbackServer:
    """A server, not serving yet, for this Confluence; raises SystemExit with a sentence when it cannot listen."""
    return listen(port, type("BoundHandler", (Handler,), {"there": there}), host)


def main(arguments: list[str] | None = None, program: str = "python -m standins.confluence") -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog=program, description="Stands in for Confluence.")
    parser.add_argument("--port", type=int, default=PORT, help=f"port to listen on; 0: a free one (default: {PORT})")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--data", type=Path, help="file that keeps the pages; without it they are gone at the end")
    lag = f"seconds until a search finds a change (default: {SEARCH_LAG:g})"
    parser.add_argument("--search-lag", type=float, default=SEARCH_LAG, help=lag)
    stated = parser.parse_args(arguments)
    run(stated.port, stated.host, stated.data, stated.search_lag)


def run(port: int, host: str, data: Path | None, search_lag: float) -> None:
    """Serve until stopped; pages are kept in `data`, and searches lag by so many seconds. Raises SystemExit, said why."""
    try:
        wiki = Wiki(data, search_lag=timedelta(seconds=search_lag))
    except Refused as refused:  # the first page of a new wiki could not be stored
        raise SystemExit(f"Cannot use {data}: {refused} State another file with --data.") from refused
    there = Confluence(wiki)
    server = server_for(there, port, host)
    serve(server, _ready(f"http://{host}:{server.server_port}", data))


def _ready(address: str, data: Path | None) -> str:
    """What is printed for people once it serves."""
    kept = f"kept in {data}" if data else "kept until it stops: state --data to keep them longer"
    return (
        f"Confluence stand-in: {address}/ (pages are {kept})\n"
        f"  as Cloud:       address {address}/wiki, email {EMAIL}, API token {TOKEN}, space REL\n"
        f"  as Data Center: address {address}, personal access token {TOKEN}, space REL"
    )
