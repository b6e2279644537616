"""HTTP/1.1 on a socket: kept-alive connections, and one chunk for every piece of an answer.

Source: chat-ui c100c162, measured 2026-08: ``Keep-Alive: timeout=5``, an idle connection is closed
after about 5 s, answers without a length are chunked, one chunk per update.
"""

from __future__ import annotations

import io
import logging
import selectors
import socket
import time
from contextlib import ExitStack
from http.client import responses
from typing import Any, Callable, Iterable

from werkzeug.serving import WSGIRequestHandler

from hugchat_sync.local.ledger import Ledger
from hugchat_sync.local.wsgi import Environment

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 5.0
_FIRST_REQUEST_SECONDS = 60.0
_PIECE = 256 * 1024


class _Answer:
    """One answer on its way out."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._status = 200
        self._headers: list[tuple[str, str]] = []
        self._sent = False
        self._chunked = False

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """Take the status and headers; nothing is sent before the first piece."""
        self._status = int(status.split(" ", 1)[0])
        self._headers = headers
        return self.write

    def write(self, data: bytes) -> None:
        """Send a piece at once."""
        out = self._handler.wfile
        if not self._sent:
            self._send_head()
        if data and self._handler.command != "HEAD":
            out.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        out.flush()

    def finish(self) -> None:
        """Send what is left: the head of an empty answer, the last chunk."""
        if not self._sent:
            self._send_head()
        if self._chunked:
            self._handler.wfile.write(b"0\r\n\r\n")
        self._handler.wfile.flush()

    def _send_head(self) -> None:
        handler = self._handler
        self._sent = True
        handler.send_response(self._status, responses.get(self._status, ""))
        for name, value in self._headers:
            handler.send_header(name, value)
        names = {name.lower() for name, _ in self._headers}
        bodiless = handler.command == "HEAD" or self._status in (204, 304)
        if "content-length" not in names and not bodiless:
            if handler.request_version >= "HTTP/1.1":
                self._chunked = True
                handler.send_header("Transfer-Encoding", "chunked")
            else:
                handler.close_connection = True
        if handler.close_connection:
            handler.send_header("Connection", "close")
        else:
            handler.send_header("Connection", "keep-alive")
            handler.send_header("Keep-Alive", "timeout=5")
        handler.end_headers()


class Handler(WSGIRequestHandler):
    """Serves the requests of one connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    ledger: Ledger
    body_limit: int

    def setup(self) -> None:
        """Begin with a connection."""
        self._first = True
        self.ledger.opened(self.request)
        super().setup()

    def finish(self) -> None:
        """End with a connection."""
        self.ledger.closed(self.request)
        try:
            super().finish()
        except OSError:
            # The buffer could not be flushed because the client went first; the socket itself is
            # freed only when its reader is closed as well.
            self.close_connection = True
            self.rfile.close()

    def handle_one_request(self) -> None:
        """Wait for a request as long as the real server does, and answer it."""
        self.connection.settimeout(_FIRST_REQUEST_SECONDS if self._first else _IDLE_SECONDS)
        self._first = False
        try:
            self.raw_requestline = self.rfile.readline(65537)
        except (socket.timeout, ConnectionError):
            self.raw_requestline = b""
        if not self.raw_requestline:
            self.close_connection = True
        elif self.parse_request():
            self.connection.settimeout(None)
            self.run_wsgi()

    def run_wsgi(self) -> None:
        """Answer one request. Whatever goes wrong with the socket only ends the connection."""
        try:
            if self.headers.get("Expect", "").strip().lower() == "100-continue":
                self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self.wfile.flush()
            environ = self.make_environ()
            self._take_body(environ)
            answer = _Answer(self)
            pieces: Iterable[bytes] = self.server.app(environ, answer.start)
            with ExitStack() as stack:
                if hasattr(pieces, "close"):
                    stack.callback(pieces.close)
                for piece in pieces:
                    answer.write(piece)
                answer.finish()
        except (ConnectionError, socket.timeout):
            self.close_connection = True

    def _take_body(self, environ: Environment) -> None:
        """Read the whole body, so that the next request begins where this one ends."""
        source = environ["wsgi.input"]
        if environ.get("wsgi.input_terminated"):
            body = source.read()
        else:
            length = int(self.headers.get("Content-Length") or 0)
            body = self._read(length)
            environ["hugchat_sync.body_length"] = length
        environ.setdefault("hugchat_sync.body_length", len(body))
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("wsgi.input_terminated", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        self.ledger.arrived(self.command, self.path, dict(self.headers.items()), body)

    def _read(self, length: int) -> bytes:
        """Return the body; what is over the limit is read, too, and thrown away."""
        kept: list[bytes] = []
        left = length
        while left > 0:
            piece = self.rfile.read(min(left, _PIECE))
            if not piece:
                raise ConnectionAbortedError("the client left in the middle of a request")
            left -= len(piece)
            if length <= self.body_limit:
                kept.append(piece)
        return b"".join(kept)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: a library that prints its requests disturbs the program it serves."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Tell the log what was no request; werkzeug's own logger would print it."""
        _log.debug(message, *args)


def handler_for(ledger: Ledger, body_limit: int) -> type[Handler]:
    """Return a handler class that reports to this ledger."""
    return type(
        "BoundHandler",
        (Handler,),
        {"ledger": ledger, "body_limit": body_limit, "protocol_version": "HTTP/1.1"},
    )


def client_gone(environ: Environment, seconds: float = 0.0) -> bool:
    """Return whether the client has closed the connection; nothing is read.

    :param seconds: wait so long for it to happen.
    """
    connection: socket.socket = environ["werkzeug.socket"]
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            if not selector.select(seconds):
                return False
        if connection.recv(1, socket.MSG_PEEK) == b"":
            return True
    except (OSError, ValueError):
        # Closed on our side, or reset by the other.
        return True
    # The next request is waiting already: no use to look again at once.
    time.sleep(seconds)
    return False
