"""A sender that speaks HTTP by hand: it may wait, send half, or go away."""

import http.client
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

ADDRESS = "/api/v1/packages?name=ui&version=1.0.0"
RAW = "application/octet-stream"
PATIENCE = 30.0
BLOCK = 1024**2


class Sender:
    """Somebody with a token at the web server on this port."""

    def __init__(self, port: int, secret: str) -> None:
        self.port, self.secret = port, secret

    @contextmanager
    def begun(self, address: str = ADDRESS, method: str = "POST", **headers: str) -> Iterator[socket.socket]:
        """A connection over which this head was sent and nothing else; closed after the block."""
        given = {"Host": "127.0.0.1", "Authorization": f"Bearer {self.secret}", "Content-Type": RAW}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = [f"{method} {address} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.sendall("\r\n".join(lines).encode())
            yield connection

    def push(self, body: Iterable[bytes], size: int, address: str = ADDRESS, content_type: str = RAW) -> int:
        """The status of a push of so many bytes."""
        door = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        headers = {
            "Authorization": f"Bearer {self.secret}",
            "Content-Type": content_type,
            "Content-Length": str(size),
        }
        try:
            door.request("POST", address, body, headers)
            return door.getresponse().status
        finally:
            door.close()

    @contextmanager
    def opened(self, address: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
        """The answer to a GET, unread; the connection is closed after the block."""
        door = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        door.request("GET", address, headers={"Authorization": f"Bearer {self.secret}"} | given)
        with door.getresponse() as answer:
            yield answer
        door.close()


def first_line(connection: socket.socket) -> str:
    """Of what is answered next."""
    return connection.recv(65536).split(b"\r\n")[0].decode()


def chunk(data: bytes) -> bytes:
    """As chunked transfer coding sends it."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
