"""A TCP proxy that spoils what passes: it knows where requests begin, and nothing else of HTTP."""

from __future__ import annotations

import re
import selectors
import socket
import ssl
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Callable

from listener import Listener

GATEWAY_PAGE = (
    b"<!doctype html><html><head><title>502 Bad Gateway</title></head>"
    b"<body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


def gateway_page(status: int = 502) -> bytes:
    """Return what a gateway in trouble answers by itself."""
    head = (
        f"HTTP/1.1 {status} Trouble\r\nContent-Type: text/html\r\n"
        f"Content-Length: {len(GATEWAY_PAGE)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + GATEWAY_PAGE


@dataclass(frozen=True)
class Harm:
    """What happens to one request and its reply.

    :param request_cut: the connection ends when so many bytes of the request were passed on.
    :param reply_cut: it ends when so many bytes of the reply were passed on.
    :param reset: it ends with a reset.
    :param garbage: before it ends, bytes come that are no record of TLS.
    :param silent: it does not end, but nothing passes any more.
    :param reply: is answered instead of the server's reply.
    :param passed_on: with ``reply``: whether the server gets the request.
    :param spoil: changes a piece of the reply, given where in the reply it begins.
    :param piece: the reply passes in pieces of so many bytes.
    :param pause: seconds before each piece.
    """

    request_cut: int | None = None
    reply_cut: int | None = None
    reset: bool = False
    garbage: bool = False
    silent: bool = False
    reply: bytes | None = None
    passed_on: bool = True
    spoil: Callable[[int, bytes], bytes] | None = None
    piece: int = 0
    pause: float = 0.0


def nonsense(offset: int) -> Callable[[int, bytes], bytes]:
    """Return a ``spoil`` that makes no text of the byte at *offset* of the body."""
    head_ends = 0

    def spoil(begin: int, piece: bytes) -> bytes:
        nonlocal head_ends
        if not head_ends and b"\r\n\r\n" in piece:
            head_ends = begin + piece.index(b"\r\n\r\n") + 4
        at = head_ends + offset - begin
        if not head_ends or not 0 <= at < len(piece):
            return piece
        return piece[:at] + bytes([piece[at] ^ 0x80]) + piece[at + 1 :]

    return spoil


class FaultProxy(Listener):
    """Stands between a client and a server; use it as a context manager.

    :param harmed: counts the harms that were done.
    :param tls: what it speaks TLS with to the client.
    :param forward: it is one that the client knows of: whole addresses come in place of paths.
    """

    def __init__(
        self, server_url: str, *, tls: ssl.SSLContext | None = None, forward: bool = False
    ) -> None:
        super().__init__(tls)
        self._forward = forward
        _, _, rest = server_url.partition("://")
        place, _, path = rest.partition("/")
        host, _, port = place.partition(":")
        self._server = (host, int(port))
        self.url = f"{self.origin}/{path}"
        self._lock = threading.Lock()
        self._plans: list[tuple[str, re.Pattern[str], Harm]] = []
        self.harmed = 0
        self.passed = 0
        self.asked = 0  # bytes of the latest message
        self.latest = b""  # the latest reply that passed

    def harm(self, method: str, path: str, *harms: Harm) -> None:
        """Do *harms*, one after the other, to the next requests whose path *path* finds."""
        with self._lock:
            self._plans.extend((method, re.compile(path), harm) for harm in harms)

    def behave(self) -> None:
        """Forget what was to be done."""
        with self._lock:
            self._plans.clear()

    def _next_harm(self, head: bytes) -> Harm:
        method, path, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ", 2)
        with self._lock:
            self.passed += 1
            for index, (wanted, pattern, harm) in enumerate(self._plans):
                if wanted == method and pattern.search(path):
                    del self._plans[index]
                    self.harmed += 1
                    return harm
        return Harm()

    def serve(self, client: socket.socket) -> None:
        with socket.create_connection(self._server) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.add(server)
            try:
                while self._exchange(client, server):
                    pass
            finally:
                self._open.discard(server)

    def _exchange(self, client: socket.socket, server: socket.socket) -> bool:
        """Pass a request and its reply, and return whether another one may follow."""
        request = _request(client, server)
        if not request:
            return False
        harm = self._next_harm(request)
        if self._forward:
            request = re.sub(rb" http://[^/ ]+", b" ", request, count=1)
        if request.startswith(b"POST"):
            self.asked = len(request)
        if harm.request_cut is not None:
            server.sendall(request[: harm.request_cut])
            if harm.silent:
                return bool(client.recv(1)) and False
            _end(client, harm)
            _end(server, harm)
            return False
        if harm.reply is not None:
            if harm.passed_on:
                server.sendall(request)
                server.recv(1)  # the server is at it
            client.sendall(harm.reply)
            return False
        server.sendall(request)
        return self._reply(client, server, harm)

    def _reply(self, client: socket.socket, server: socket.socket, harm: Harm) -> bool:
        """Pass the reply until the client speaks again or either side leaves."""
        sent = 0
        with selectors.DefaultSelector() as selector:
            for sock in (client, server):
                selector.register(sock, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if server in ready:
                    piece = server.recv(65536)
                    if not piece:
                        return False
                    sent += self._pass(client, piece, sent, harm)
                    self.latest = piece if sent == len(piece) else self.latest + piece
                    if harm.reply_cut is not None and sent >= harm.reply_cut:
                        if harm.silent:
                            client.recv(1)
                        _end(client, harm)
                        _end(server, harm)
                        return False
                elif client in ready:
                    if self._tls is not None:  # where nobody can look ahead
                        return True
                    return len(client.recv(1, socket.MSG_PEEK)) > 0

    def _pass(self, client: socket.socket, piece: bytes, sent: int, harm: Harm) -> int:
        if harm.reply_cut is not None:
            piece = piece[: harm.reply_cut - sent]
        if harm.spoil is not None:
            piece = harm.spoil(sent, piece)
        step = harm.piece or len(piece) or 1
        for begin in range(0, len(piece), step):
            if harm.pause:
                time.sleep(harm.pause)
            client.sendall(piece[begin : begin + step])
        return len(piece)


def _request(client: socket.socket, server: socket.socket) -> bytes:
    """Return the next whole request, ``b""`` if there is none."""
    data = b""
    while b"\r\n\r\n" not in data:
        ready = _wait(client, server)
        piece = client.recv(65536) if ready is client else b""
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    length = int(found.group(1)) if found else 0
    while len(body) < length:
        piece = client.recv(65536)
        if not piece:
            return b""
        body += piece
    return head + b"\r\n\r\n" + body


def _wait(client: socket.socket, server: socket.socket) -> socket.socket:
    """Return who moves first; between two requests a server only leaves."""
    with selectors.DefaultSelector() as selector:
        for sock in (client, server):
            selector.register(sock, selectors.EVENT_READ)
        ready = {key.fileobj for key, _ in selector.select()}
    return client if client in ready else server


def _end(sock: socket.socket, harm: Harm) -> None:
    with suppress(OSError):  # the other side may have gone first
        if harm.garbage and isinstance(sock, ssl.SSLSocket):
            with socket.socket(fileno=socket.dup(sock.fileno())) as below:
                below.sendall(b"\x15\x03\x03\x00\x10 is no record...")
        if harm.reset:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            sock.shutdown(socket.SHUT_RDWR)
        sock.close()


class Tunnel(Listener):
    """A proxy that connects (CONNECT) and passes bytes that it does not understand."""

    def __init__(self) -> None:
        super().__init__()
        self.url = self.origin
        self.connected = 0

    def serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65536)
            if not piece:
                return
            head += piece
        host, _, port = head.split(b" ", 2)[1].decode("ascii").rpartition(":")
        with socket.create_connection((host, int(port))) as server:
            client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            self.connected += 1
            back = threading.Thread(target=_passed, args=(server, client), daemon=True)
            back.start()
            _passed(client, server)
            back.join()


def _passed(source: socket.socket, target: socket.socket) -> None:
    """Pass all that comes; an end by reset is passed on as one."""
    reset = False
    try:
        while True:
            piece = source.recv(65536)
            if not piece:
                break
            target.sendall(piece)
    except ConnectionResetError:
        reset = True
    except OSError:
        pass  # the other direction has ended it
    with suppress(OSError):
        if reset:
            target.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            target.shutdown(socket.SHUT_RD)  # wakes the other direction; then both are closed
        else:
            target.shutdown(socket.SHUT_RDWR)
