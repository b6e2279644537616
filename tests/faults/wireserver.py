"""A server of one thing: whatever is posted, these bytes are the reply.

A conversation that is read has nothing in it yet.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Callable, Iterable

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n"
    b"Connection: close\r\n\r\n"
)
NOTHING = b'{"json":{"title":"T","model":"m","rootMessageId":"r","messages":[]}}'


def chunk(line: bytes) -> bytes:
    """Return a line as a chunk of its own."""
    return b"%x\r\n%b\r\n" % (len(line), line)


class WireServer:
    """Serves on loopback, a thread for each connection; use it as a context manager.

    :param pieces: gives the pieces of the body as they go over the wire, framing included.
    """

    def __init__(self, pieces: Callable[[], Iterable[bytes]]) -> None:
        self._pieces = pieces
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/chat"

    def __enter__(self) -> WireServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
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
