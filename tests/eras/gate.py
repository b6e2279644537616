"""A gate before a server: hands requests on, answers some itself, and keeps what was asked."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterable, Iterator, Mapping, Union
from urllib.parse import parse_qs, urlsplit

MESSAGE = r"POST /chat/conversation/[0-9a-f]{24}$"
LOG = r"GET /chat/conversation/[0-9a-f]{24}/stream$"
STORED = r"GET /chat/api/v2/conversations/[0-9a-f]{24}$"


@dataclass(frozen=True)
class Reply:
    """A reply.

    :param pieces: of the body, each sent as a chunk of its own as soon as it is there.
    :param is_whole: the body ends as it should; otherwise the connection is broken.
    :param is_chunked: in chunks; otherwise with a length.
    """

    status: int = 200
    kind: str | None = "application/json"
    pieces: Iterable[bytes] = ()
    is_whole: bool = True
    is_chunked: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The bytes of the body."""
        return b"".join(self.pieces)

    def json(self) -> Any:
        """Return the body as a JSON value."""
        return json.loads(self.body)

    def cut(self, offset: int) -> Reply:
        """Return the same, broken off after so many bytes."""
        return replace(self, pieces=(self.body[:offset],), is_whole=False, is_chunked=True)


def lines(*values: Any, is_whole: bool = True) -> Reply:
    """Return an answer of today: a line a value, each in a chunk of its own."""
    pieces = tuple(json.dumps(value).encode() + b"\n" for value in values)
    return Reply(kind="application/jsonl", pieces=pieces, is_whole=is_whole)


def log(*values: Any, end: str | None = "completed", first: int = 1) -> Reply:
    """Return the log of a run; without an *end* it breaks off."""
    pieces = [
        f"id: {number}\nevent: update\ndata: {json.dumps(value)}\n\n".encode()
        for number, value in enumerate(values, first)
    ]
    if end is not None:
        pieces.append(f'event: end\ndata: {{"status":"{end}"}}\n\n'.encode())
    return Reply(kind="text/event-stream", pieces=tuple(pieces), is_whole=end is not None)


@dataclass(frozen=True)
class Asked:
    """A request; ``line`` is its method and path, ``number`` counts those of one rule, from 0."""

    line: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    number: int
    onward: Callable[[], Reply]  # what the server says

    @property
    def query(self) -> dict[str, str]:
        """The parameters."""
        return {name: found[-1] for name, found in parse_qs(urlsplit(self.target).query).items()}


Answer = Union[Reply, Callable[[Asked], Union[Reply, None]]]


class Gate:
    """Stands before the server at *upstream*; use it as a context manager.

    ``asked`` holds the requests so far, as method and path.
    """

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.asked: list[str] = []
        self._rules: list[tuple[re.Pattern[str], Answer, list[int]]] = []
        self._lock = threading.Lock()
        gate = self

        class Handler(_Handler):
            owner = gate

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}{self.upstream.path}"

    def on(self, expression: str, answer: Answer) -> None:
        """Answer what fits the expression like this; ``None`` hands the request on."""
        self._rules.insert(0, (re.compile(expression), answer, [0]))

    def open(self) -> None:
        """Hand everything on from now on."""
        self._rules = []

    def count(self, expression: str) -> int:
        """Return how many of the requests fit."""
        return sum(re.match(expression, line) is not None for line in self.asked)

    def __enter__(self) -> Gate:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answered(self, handler: _Handler, line: str, body: bytes) -> Reply:
        """Return the reply to a request."""
        with self._lock:
            self.asked.append(line)
            rules = [rule for rule in self._rules if rule[0].match(line)]
            numbers = [counted[0] for _, _, counted in rules]
        for (_, answer, counted), number in zip(rules, numbers):
            if isinstance(answer, Reply):
                return answer
            headers = {name.lower(): value for name, value in handler.headers.items()}
            asked = Asked(line, handler.path, headers, body, number, handler.onward(body))
            counted[0] += 1
            reply = answer(asked)
            if reply is not None:
                return reply
        return handler.passed_on(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever hung up is not interested."""


class _Handler(BaseHTTPRequestHandler):
    owner: Gate
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        """Begin a connection, which has one to the server of its own."""
        super().setup()
        self._onward = self._connect()

    def finish(self) -> None:
        """End both."""
        self._onward.close()
        super().finish()

    def answer(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        line = f"{self.command} {urlsplit(self.path).path}"
        self._send(self.owner.answered(self, line, body))

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815

    def passed_on(self, body: bytes) -> Reply:
        """Return what the server says; an answer of several pieces while it comes."""
        return _said(self._onward, self._request(body))

    def onward(self, body: bytes) -> Callable[[], Reply]:
        """Return what passes the request on at any time, in any thread, on its own connection."""
        request = self._request(body)

        def passed_on() -> Reply:
            connection = self._connect()
            reply = _said(connection, request)

            def pieces() -> Iterator[bytes]:
                try:
                    yield from reply.pieces
                finally:
                    connection.close()

            return replace(reply, pieces=pieces() if reply.is_chunked else tuple(pieces()))

        return passed_on

    def _connect(self) -> http.client.HTTPConnection:
        place = self.owner.upstream
        return http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)

    def _request(self, body: bytes) -> tuple[Any, ...]:
        here = urlsplit(self.owner.url).netloc
        there = self.owner.upstream.netloc  # some servers want to hear their own address
        headers = {
            name: value.replace(here, there)
            for name, value in self.headers.items()
            if name.lower() != "accept-encoding"
        }
        return self.command, self.path, body or None, headers

    def _send(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        if reply.kind:
            self.send_header("Content-Type", reply.kind)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if not reply.is_chunked:
            content = reply.body
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if isinstance(reply.pieces, tuple):  # nothing to wait for: in one go
            self.wfile.write(b"".join(map(_chunk, filter(None, reply.pieces))))
        else:
            for piece in reply.pieces:
                self.wfile.write(_chunk(piece))
        if reply.is_whole:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_WR)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Print nothing."""


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def _said(connection: http.client.HTTPConnection, request: tuple[Any, ...]) -> Reply:
    connection.request(*request)
    response = connection.getresponse()
    own = ("content-length", "transfer-encoding", "connection", "content-type")
    head = {name: value for name, value in response.getheaders() if name.lower() not in own}
    kind = response.getheader("Content-Type")
    if response.chunked and request[0] == "POST":
        pieces = iter(lambda: response.read1(65536), b"")
        return Reply(response.status, kind, pieces, headers=head)
    content = response.read()
    return Reply(response.status, kind, (content,), is_chunked=False, headers=head)
