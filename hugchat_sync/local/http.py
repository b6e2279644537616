"""HTTP/1.1 on sockets: kept-alive connections, and one chunk for every piece of an answer.

A request that is not exactly one is refused and its connection closed: whoever guesses where a
request ends lets a web page or a proxy smuggle in another one.

Source: chat-ui c100c162, measured 2026-08: ``Keep-Alive: timeout=5``, an idle connection is closed
after about 5 s, answers without a length are chunked, one chunk per update.
"""

from __future__ import annotations

import errno
import io
import ipaddress
import logging
import re
import selectors
import socket
import socketserver
import sys
import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from email.utils import formatdate
from http.client import responses
from typing import Any, Callable, Dict, Iterable, Mapping
from urllib.parse import unquote_to_bytes

Environment = Dict[str, Any]
Application = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 5.0
_REQUEST_SECONDS = 60.0  # the first request, and any body, may take so long between two pieces
_LONGEST_HEAD = 64 * 1024
_THROWN_AWAY = 64 * 1024 * 1024  # so much of a body that is too large is read, to stay in step
_LAST_PIECE_SECONDS, _LAST_SECONDS = 2.0, 20.0
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_ROOM_SECONDS = 0.2
_REQUESTS_KEPT, _BODY_KEPT = 2000, 64 * 1024
_SEEN = ("REQUEST_METHOD", "RAW_URI", "hugchat_sync.headers")
_ONLY_ONCE = ("content-length", "content-type", "host", "transfer-encoding")
_REQUEST = re.compile(rb"([A-Za-z]+) ([!-~]+) HTTP/1\.([0-9])\r\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*\r\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.~-]+)(:[0-9]{0,5})?")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach that name or address.

    >>> [is_loopback(host) for host in ("localhost", "a.localhost", "::1", "localhost.a.example")]
    [True, True, True, False]
    """
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def client_gone(environ: Environment, seconds: float = 0.0) -> bool:
    """Return whether the client has closed the connection; nothing is read.

    :param seconds: wait so long for it to happen.
    """
    connection: socket.socket = environ["hugchat_sync.socket"]
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            if not selector.select(seconds):
                return False
        if connection.recv(1, socket.MSG_PEEK) == b"":
            return True
    except (OSError, ValueError):  # closed on our side, or reset by the other
        return True
    time.sleep(seconds)  # the next request is waiting already: no use to look again at once
    return False


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


class HttpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves an application on a bound socket, one thread a connection.

    :param host: besides loopback names, the one name that requests may use; any when ``None``.
    :param body_limit: the largest body in bytes; of a larger one the application gets the length.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self, bound: socket.socket, application: Application, body_limit: int, host: str | None
    ) -> None:
        super().__init__(bound.getsockname(), _Connection, bind_and_activate=False)
        self.socket.close()
        self.socket = bound
        self.port: int = bound.getsockname()[1]
        self.application = application
        self.body_limit = body_limit
        self.host = host
        self.requests: deque[SeenRequest] = deque(maxlen=_REQUESTS_KEPT)
        self.connections = 0
        self.open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._crowded = False

    def get_request(self) -> Any:
        """Accept a connection; without a free descriptor wait instead of trying all the time."""
        try:
            found = super().get_request()
        except OSError as error:
            if error.errno in _NO_ROOM:
                if not self._crowded:
                    _log.warning("new connections wait: %s", error.strerror)
                self._crowded = True
                time.sleep(_ROOM_SECONDS)
            raise  # the loop of the base class goes on
        self._crowded = False
        with self._lock:
            self.connections += 1
            self.open.add(found[0])
            closed = self._closed
        if closed:
            _shut(found[0])
        return found

    def shutdown_request(self, request: Any) -> None:
        """End with a connection."""
        with self._lock:
            self.open.discard(request)
        super().shutdown_request(request)

    def break_connections(self) -> None:
        """Break every open connection, and those that come later."""
        with self._lock:
            self._closed = True
            connections = list(self.open)
        for connection in connections:
            _shut(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell the log what went wrong with a connection; the base class would print it."""
        _log.error("a connection was ended: %r", sys.exc_info()[1], exc_info=True)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side may have gone first
        connection.shutdown(socket.SHUT_RDWR)


class _Refused(Exception):
    """What came is no request that can be answered; that ends the connection."""


class _Connection(socketserver.StreamRequestHandler):
    """Serves the requests of one connection, one after the other."""

    wbufsize = -1
    disable_nagle_algorithm = True
    server: HttpServer
    _goes_on = True

    def handle(self) -> None:
        """Answer until one side has had enough; what goes wrong with the socket ends it quietly."""
        patience = _REQUEST_SECONDS
        try:
            while self._goes_on:
                self.connection.settimeout(patience)
                line = self.rfile.readline(_LONGEST_HEAD)
                if line == b"\r\n":  # some clients put one behind a body
                    line = self.rfile.readline(_LONGEST_HEAD)
                if not line:
                    return
                self.connection.settimeout(_REQUEST_SECONDS)
                self._answer(line)
                patience = _IDLE_SECONDS
        except _Refused as refused:
            with suppress(OSError):
                self._refuse(*refused.args)
        except OSError as error:
            _log.debug("a connection ended: %s", error)

    def finish(self) -> None:
        """Flush what is left, if somebody is still there."""
        try:
            super().finish()
        except OSError:
            self.rfile.close()  # the socket is freed only when its reader is closed as well

    def _answer(self, line: bytes) -> None:
        environ = self._environ(line)
        content, length, whole = self._body(environ)
        self._goes_on = self._goes_on and whole
        environ["wsgi.input"] = io.BytesIO(content)
        environ["CONTENT_LENGTH"] = str(len(content))
        environ["hugchat_sync.body_length"] = length
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        method, path, headers = (environ[key] for key in _SEEN)
        kept = content[:_BODY_KEPT]
        seen = SeenRequest(method, path, headers, length, kept, time.monotonic())
        self.server.requests.append(seen)
        self.connection.settimeout(None)  # who reads slowly is waited for
        self._reply(environ)
        if not whole:
            self._let_it_be_read()

    def _reply(self, environ: Environment) -> None:
        """Send what the application gives, each piece at once and the head with the first."""
        head: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            head[:] = [int(status.split(" ", 1)[0]), headers]

        pieces = self.server.application(environ, start)
        chunked: bool | None = None
        with ExitStack() as stack:
            stack.callback(getattr(pieces, "close", bool))
            for piece in pieces:
                if chunked is None:
                    chunked = self._send_head(environ, *head)
                if piece and environ["REQUEST_METHOD"] != "HEAD":
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                self.wfile.flush()
            if chunked is None:
                chunked = self._send_head(environ, *head)
            self.wfile.write(b"0\r\n\r\n" if chunked else b"")
            self.wfile.flush()

    def _send_head(self, environ: Environment, status: int, headers: list[tuple[str, str]]) -> bool:
        """Send status and headers and return whether the body is chunked."""
        names = {name.lower() for name, _ in headers}
        bodiless = environ["REQUEST_METHOD"] == "HEAD" or status in (204, 304)
        unmeasured = "content-length" not in names and not bodiless
        chunked = unmeasured and environ["SERVER_PROTOCOL"] != "HTTP/1.0"
        self._goes_on = self._goes_on and chunked == unmeasured
        sent = [*headers, ("Date", formatdate(usegmt=True))]
        if chunked:
            sent.append(("Transfer-Encoding", "chunked"))
        if self._goes_on:
            sent += [("Connection", "keep-alive"), ("Keep-Alive", "timeout=5")]
        else:
            sent.append(("Connection", "close"))
        lines = [f"HTTP/1.1 {status} {responses.get(status, '')}"]
        lines += [f"{name}: {value}" for name, value in sent]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))
        return chunked

    def _refuse(self, status: int, sentence: str) -> None:
        self._goes_on = False
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(sentence)))]
        self._send_head({"REQUEST_METHOD": "", "SERVER_PROTOCOL": ""}, status, headers)
        self.wfile.write(sentence.encode())
        self.wfile.flush()
        self._let_it_be_read()

    def _let_it_be_read(self) -> None:
        """Take what is still under way: a close in front of it would destroy our answer."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_LAST_PIECE_SECONDS)
        left, until = _THROWN_AWAY, time.monotonic() + _LAST_SECONDS
        while left > 0 and time.monotonic() < until:
            piece = self.connection.recv(_BODY_KEPT)
            if not piece:
                return
            left -= len(piece)

    def _environ(self, line: bytes) -> Environment:
        """Return what an application wants to know of a request."""
        found = _REQUEST.fullmatch(line)
        if found is None:
            long = len(line) >= _LONGEST_HEAD
            raise _Refused(414 if long else 400, "This is no request that is known here.")
        method, target, minor = (part.decode("ascii") for part in found.groups())
        named = self._headers()
        headers = {key: value for key, (_, value) in named.items()}
        if "://" in target.partition("?")[0]:  # the whole address, as proxies get it
            target = "/" + target.partition("://")[2].partition("/")[2]
        path, _, query = target.partition("?")
        wish = headers.get("connection", "").lower()
        self._goes_on = "close" not in wish and (minor != "0" or "keep-alive" in wish)
        if minor != "0" or "host" in headers:
            self._check_host(headers.get("host", ""))
        environ: Environment = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": target,
            "SERVER_NAME": str(self.request.getsockname()[0]),
            "SERVER_PORT": str(self.server.port),
            "SERVER_PROTOCOL": f"HTTP/1.{minor}",
            "REMOTE_ADDR": str(self.client_address[0]),
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": headers.get("content-length"),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "hugchat_sync.socket": self.request,
            "hugchat_sync.headers": dict(named.values()),
        }
        for name, value in headers.items():
            # A name with an underscore would look like another one with a hyphen.
            if name not in ("content-type", "content-length") and "_" not in name:
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        return environ

    def _headers(self) -> dict[str, tuple[str, str]]:
        """Return names and values by the name in lower case; what is sent twice is joined."""
        headers: dict[str, tuple[str, str]] = {}
        left = _LONGEST_HEAD
        while True:
            line = self.rfile.readline(left)
            left -= len(line)
            found = _HEADER.fullmatch(line)
            if line == b"\r\n":
                return headers
            if found is None:
                raise _Refused(400 if left else 431, "A header is malformed, or they are too long.")
            name, value = (part.decode("latin-1") for part in found.groups())
            key = name.lower()
            if key in headers and key in _ONLY_ONCE:
                raise _Refused(400, f"There is more than one {name}.")
            if key in headers:
                name, so_far = headers[key]
                value = f"{so_far}{'; ' if key == 'cookie' else ', '}{value}"
            headers[key] = (name, value)

    def _check_host(self, host: str) -> None:
        """Refuse other names than this machine's: a web page may call itself anything.

        A page at a name that leads to 127.0.0.1 a moment later is of the same origin as this
        server, for its browser; only the name in ``Host`` tells them apart.
        """
        found = _HOST.fullmatch(host)
        if found is None:
            raise _Refused(400, "There is no Host, or a malformed one.")
        name, allowed = found.group(1).strip("[]"), self.server.host
        if allowed is not None and name.lower() != allowed.lower() and not is_loopback(name):
            raise _Refused(403, "This server answers to names of its own machine only.")

    def _body(self, environ: Environment) -> tuple[bytes, int, bool]:
        """Return the body, its length, and whether all of it was taken from the connection.

        It is counted while it is read; what is over the limit is not kept.
        """
        length, coding = environ["CONTENT_LENGTH"], environ.get("HTTP_TRANSFER_ENCODING")
        if length is not None and not re.fullmatch("[0-9]{1,18}", length):
            raise _Refused(400, "The Content-Length is no number.")
        if coding is not None:
            if length is not None or environ["SERVER_PROTOCOL"] == "HTTP/1.0":
                raise _Refused(400, "There is a Transfer-Encoding where none may be.")
            if coding.lower() != "chunked":
                raise _Refused(501, "The one Transfer-Encoding known here is chunked.")
            return self._chunks()
        size = int(length or 0)
        if size <= self.server.body_limit:
            return self._exactly(size), size, True
        if size > _THROWN_AWAY:
            return b"", size, False
        for start in range(0, size, _BODY_KEPT):
            self._exactly(min(_BODY_KEPT, size - start))
        return b"", size, True

    def _chunks(self) -> tuple[bytes, int, bool]:
        kept, length = [], 0
        while True:
            found = _CHUNK.fullmatch(self.rfile.readline(_LONGEST_HEAD))
            size = int(found.group(1), 16) if found else -1
            length += size
            if length > self.server.body_limit:
                return b"", length, False
            if size == 0:
                break
            if size < 0 or not (piece := self._exactly(size + 2)).endswith(b"\r\n"):
                raise _Refused(400, "There is a malformed chunk.")
            kept.append(piece[:-2])
        self._headers()  # those at the end mean nothing here
        return b"".join(kept), length, True

    def _exactly(self, size: int) -> bytes:
        piece = self.rfile.read(size)
        if len(piece) < size:
            raise ConnectionAbortedError("the client left in the middle of a request")
        return piece
