"""A server of one thing: whatever is posted, these bytes are the reply.

A conversation that is read has nothing in it yet.
"""

from __future__ import annotations

import socket
from typing import Callable, Iterable

from listener import Listener

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\n\r\n"
)
NOTHING = b'{"json":{"title":"T","model":"m","rootMessageId":"r","messages":[]}}'


def chunk(line: bytes) -> bytes:
    """Return a line as a chunk of its own."""
    return b"%x\r\n%b\r\n" % (len(line), line)


class WireServer(Listener):
    """Serves on loopback, a thread for each connection; use it as a context manager.

    :param pieces: gives the pieces of the body as they go over the wire, framing included.
    """

    def __init__(self, pieces: Callable[[], Iterable[bytes]]) -> None:
        super().__init__()
        self._pieces = pieces
        self.url = f"{self.origin}/chat"

    def serve(self, client: socket.socket) -> None:
        data = b""
        while b"--\r\n" not in data:  # the end of a multipart body
            if data.startswith(b"GET ") and data.endswith(b"\r\n\r\n"):
                head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                client.sendall(head + b"Content-Length: %d\r\n\r\n" % len(NOTHING) + NOTHING)
                data = b""
            piece = client.recv(65536)
            if not piece:
                return
            data += piece
        client.sendall(HEAD)
        for piece in self._pieces():
            client.sendall(piece)
