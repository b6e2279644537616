"""What went over the server's sockets, for tests that count."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Mapping

_REQUESTS_KEPT = 2000
_BODY_KEPT = 64 * 1024


@dataclass(frozen=True)
class SeenRequest:
    """One request as it arrived.

    :param path: with the base path and the query.
    :param body: the first 64 KiB.
    :param at: seconds of ``time.monotonic()``.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body_length: int
    body: bytes
    at: float


class Ledger:
    """Counts connections and remembers requests and open sockets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: deque[SeenRequest] = deque(maxlen=_REQUESTS_KEPT)
        self._open: set[socket.socket] = set()
        self._connections = 0
        self._closed = False

    @property
    def requests(self) -> list[SeenRequest]:
        """The requests so far, oldest first (the latest 2000)."""
        with self._lock:
            return list(self._requests)

    @property
    def connections(self) -> int:
        """How many TCP connections were accepted."""
        with self._lock:
            return self._connections

    @property
    def open_connections(self) -> int:
        """How many of them are open now."""
        with self._lock:
            return len(self._open)

    def opened(self, connection: socket.socket) -> None:
        """Note an accepted connection."""
        with self._lock:
            self._connections += 1
            self._open.add(connection)
            closed = self._closed
        if closed:
            _shut(connection)

    def closed(self, connection: socket.socket) -> None:
        """Note the end of a connection."""
        with self._lock:
            self._open.discard(connection)

    def arrived(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, length: int
    ) -> None:
        """Note a request; ``length`` is that of the body, of which too much is not kept."""
        seen = SeenRequest(method, path, headers, length, body[:_BODY_KEPT], time.monotonic())
        with self._lock:
            self._requests.append(seen)

    def shut_all(self) -> None:
        """Break every open connection, and those that come later."""
        with self._lock:
            self._closed = True
            connections = list(self._open)
        for connection in connections:
            _shut(connection)


def _shut(connection: socket.socket) -> None:
    # The other side may have gone first; then there is nothing left to shut.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
