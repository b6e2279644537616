"""A small HTTP server on loopback: requests as values, replies whole or piece by piece."""

from __future__ import annotations

import json
import re
import select
import socket
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Callable, Iterable, Iterator, Mapping
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

BASE = "/chat"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
PAGE = "<!doctype html>\n<html><head><title>ChatUI</title></head><body>A page.</body></html>"


@dataclass(frozen=True)
class Asked:
    """A request; ``path`` is below the base path, the keys of ``headers`` are lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    connection: socket.socket = field(repr=False)
    fresh: str = field(default_factory=lambda: str(uuid4()))  # the session of a newcomer

    def json(self) -> Any:
        """Return the body as a JSON value."""
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        """The content type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip()

    @property
    def gone(self) -> bool:
        """Whether whoever asked has hung up."""
        readable, _, _ = select.select([self.connection], [], [], 0)
        try:
            return bool(readable) and not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True


@dataclass
class Told:
    """A reply; a body that is no ``bytes`` is sent piece by piece.

    :param cut: the connection is broken at the end of the body instead of ended.
    """

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    kind: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: Callable[[], bool] = bool


def as_json(value: Any, status: int = 200) -> Told:
    """Return a JSON reply."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Told(status, body, "application/json")


def as_page(status: int) -> Told:
    """Return a page."""
    return Told(status, PAGE.encode(), "text/html")


def error(status: int, message: str) -> Told:
    """Return what a route says that fails."""
    return as_json({"message": message}, status)


class Refused(Exception):
    """A route ends with this reply."""

    def __init__(self, told: Told) -> None:
        super().__init__(told.status)
        self.told = told


class SmallServer:
    """Serves routes: (method, expression of the path) → a method that returns a reply.

    ``requests`` holds what was asked; ``instead`` may answer in place of the server.
    """

    routes: tuple[tuple[str, str, str], ...] = ()

    def __init__(self) -> None:
        self.requests: list[Asked] = []
        self.instead: Callable[[Asked], Told | None] = lambda asked: None
        self._server = _Http(("127.0.0.1", 0), _handler_for(self))
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = self.origin + BASE
        self.closing = threading.Event()

    def __enter__(self) -> Any:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def told(self, asked: Asked) -> Told:
        """Return the reply to a request."""
        self.requests.append(asked)
        try:
            return self.instead(asked) or self._routed(asked)
        except Refused as refused:
            return refused.told

    def _routed(self, asked: Asked) -> Told:
        self.guard(asked)
        allowed = []
        for method, path, name in self.routes:
            found = re.fullmatch(path, asked.path)
            if found and method == asked.method:
                told: Told = getattr(self, name)(asked, *found.groups())
                self.after(asked, told)
                return told
            if found:
                allowed.append(method)
        if not allowed:
            return self.unknown_path(asked)
        told = Told(405, f"{asked.method} method not allowed".encode(), "text/plain")
        told.headers["Allow"] = ", ".join(allowed)
        return told

    # what eras do differently ----------------------------------------------------------------

    def guard(self, asked: Asked) -> None:
        """Refuse what the server's hooks refuse."""

    def after(self, asked: Asked, told: Told) -> None:
        """Add what routes add to each reply."""

    def unknown_path(self, asked: Asked) -> Told:
        """Return the reply where nothing is."""
        return as_page(404)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever hung up is not interested."""


def _handler_for(server: SmallServer) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        owner = server

    return Handler


class _Handler(BaseHTTPRequestHandler):
    owner: SmallServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        """Answer one request."""
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not (parts.path + "/").startswith(BASE + "/"):
            return self._whole(Told(404, b"Not found"), b"Not found")
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = parts.path[len(BASE) :]
        query = parse_qs(parts.query, keep_blank_values=True)
        told = self.owner.told(Asked(self.command, path, query, headers, body, self.connection))
        if isinstance(told.body, bytes):
            return self._whole(told, told.body)
        return self._pieces(told, iter(told.body))

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

    def _head(self, told: Told) -> None:
        self.send_response_only(told.status)
        if told.kind:
            self.send_header("Content-Type", told.kind)
        for name, value in told.headers.items():
            self.send_header(name, value)

    def _whole(self, told: Told, body: bytes) -> None:
        self._head(told)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pieces(self, told: Told, pieces: Iterator[bytes]) -> None:
        self._head(told)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        try:
            for piece in pieces:
                if piece:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if not told.cut():
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        if told.cut():
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""
