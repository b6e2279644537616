"""What small servers of sockets have in common: they listen, and a thread serves each caller."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import Any, TypeVar

Self = TypeVar("Self", bound="Listener")


class Listener:
    """Listens on loopback; use it as a context manager. At its end all connections end.

    :param tls: the context to speak TLS with.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._over = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        port = self._listener.getsockname()[1]
        self.origin = f"https://localhost:{port}" if tls else f"http://127.0.0.1:{port}"
        self.connections = 0

    def __enter__(self: Self) -> Self:
        threading.Thread(target=self._accept, daemon=True, name=type(self).__name__).start()
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self._over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def serve(self, client: socket.socket) -> None:
        """Talk to *client* until one of both has enough, or an ``OSError`` says so."""
        raise NotImplementedError

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            self.connections += 1
            self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            if self._tls is not None:
                plain, client = client, self._tls.wrap_socket(client, server_side=True)
                self._open.discard(plain)
                self._open.add(client)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.serve(client)
        except (OSError, ValueError):  # a selector says it so
            pass
        finally:
            self._open.discard(client)
            client.close()
