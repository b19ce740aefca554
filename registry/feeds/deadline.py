"""Whatever a feed does on the wire, it is over in time.

The timeout of a socket starts anew with every byte: a feed that sends one byte in ten seconds would hold us for ever,
in its headers as well as in its body. So, when the time is up, the connection is shut under whoever waits for it. Only
the look-up of a host's name is outside of this; the machine's resolver has limits of its own.
"""

import contextlib
import socket
import threading
import time
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool


class Deadline:
    """So many seconds from now. To be closed."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._connections: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._shut)
        self._timer.daemon = True
        self._timer.start()

    @property
    def seconds_left(self) -> float:
        return max(self._until - time.monotonic(), 0)

    @property
    def is_over(self) -> bool:
        return self.seconds_left == 0

    def watch(self, connection: socket.socket) -> None:
        """Shut this connection when the time is up."""
        self._connections.append(connection.dup())  # TLS takes the original over
        if self.is_over:
            self._shut()

    def close(self) -> None:
        self._timer.cancel()
        for connection in self._connections:
            connection.close()

    def _shut(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError):  # it is over already
                connection.shutdown(socket.SHUT_RDWR)


class WatchedAdapter(HTTPAdapter):
    """requests' own transport, on connections that a deadline watches."""

    def __init__(self, deadline: Deadline) -> None:
        self._pools = _pools(deadline)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **named: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **named)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(deadline: Deadline) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            connection = super()._new_conn()
            deadline.watch(connection)
            return connection

    class Secure(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            connection = super()._new_conn()
            deadline.watch(connection)
            return connection

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
