"""A server of bytes: what is answered is said by a function, down to the last byte.

Speaks TLS with a certificate that is made for the test.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, Union

from listener import Listener

RESET = object()  # as an answer: the connection ends with a reset
Answer = Union[bytes, Iterable[object], None, object]


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    head: bytes
    body: bytes

    @property
    def method(self) -> str:
        return self.head.split(b" ", 1)[0].decode("ascii")

    @property
    def path(self) -> str:
        return self.head.split(b" ", 2)[1].decode("ascii")


def whole(
    body: bytes | str = b"",
    status: str = "200 OK",
    kind: str = "application/json",
    more: bytes = b"",
) -> bytes:
    """Return a reply with its length."""
    body = body.encode("utf-8") if isinstance(body, str) else body
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return head.encode("latin-1") + more + b"\r\n" + body


class RawServer(Listener):
    """Serves on loopback, a thread for each connection; use it as a context manager.

    :param answer: is given the request and its number (from 1), and returns the bytes of the
        reply, pieces of it with seconds of silence between, ``RESET``, or ``None`` for an end
        without a word (as the last piece: behind the others).
    """

    def __init__(
        self, answer: Callable[[Asked, int], Answer], tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(tls)
        self.asked: list[Asked] = []
        self.url = f"{self.origin}/chat"
        self._answer = answer

    def posts(self) -> int:
        """Return how many requests were a POST."""
        return sum(asked.method == "POST" for asked in self.asked)

    def serve(self, client: socket.socket) -> None:
        client.settimeout(60)
        while self._exchange(client):
            pass

    def _exchange(self, client: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = client.recv(65536)
            if not piece:
                return False
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        found = re.search(rb"(?i)content-length: *(\d+)", head)
        while len(body) < (int(found.group(1)) if found else 0):
            piece = client.recv(65536)
            if not piece:
                return False
            body += piece
        self.asked.append(Asked(head, body))
        answer = self._answer(self.asked[-1], len(self.asked))
        if answer is None or answer is RESET:
            if answer is RESET:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        for piece in [answer] if isinstance(answer, bytes) else answer:  # type: ignore[attr-defined]
            if isinstance(piece, bytes):
                client.sendall(piece)
            elif piece is None or self._over.wait(piece):
                return False
        return True


def certified(folder: Path) -> tuple[ssl.SSLContext, str]:
    """Return what a server on localhost speaks TLS with, and the file of who vouches for it."""
    with warnings.catch_warnings():  # about old Pythons
        warnings.simplefilter("ignore")
        import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return context, str(bundle)
