"""HTTP/1.1 on a socket: kept-alive connections, and one chunk for every piece of an answer.

A request that is not exactly one is refused with 400 and the connection is closed: whoever guesses
where a request ends lets a web page or a proxy smuggle in another one.

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
import time
from contextlib import ExitStack, suppress
from email.utils import formatdate
from http.client import responses
from typing import Any, Callable, Iterable
from urllib.parse import unquote_to_bytes

from hugchat_sync.local.ledger import Ledger
from hugchat_sync.local.wsgi import Application, Environment

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 5.0
_REQUEST_SECONDS = 60.0  # the first request, and any body, may take so long between two pieces
_LONGEST_LINE = 16 * 1024
_LONGEST_HEAD = 64 * 1024
_PIECE = 256 * 1024
_THROWN_AWAY = 64 * 1024 * 1024  # so much of a body that is too large is read, to stay in step
_LAST_PIECE_SECONDS = 2.0
_LAST_SECONDS = 20.0
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_ROOM_SECONDS = 0.2
_ONLY_ONCE = ("content-length", "content-type", "host", "transfer-encoding")
_REQUEST = re.compile(rb"([A-Za-z]+) ([!-~]+) HTTP/1\.([0-9])\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*\r?\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.~-]+)(:[0-9]{0,5})?")


class Refused(Exception):
    """Raised for what is no request that can be answered; it ends the connection."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


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


class HttpServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves an application on a bound socket, one thread a connection.

    :param host: besides loopback names, the one name that requests may use; any when ``None``.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        bound: socket.socket,
        application: Application,
        ledger: Ledger,
        body_limit: int,
        host: str | None,
    ) -> None:
        super().__init__(bound.getsockname(), Connection, bind_and_activate=False)
        self.socket.close()
        self.socket = bound
        self.application = application
        self.ledger = ledger
        self.body_limit = body_limit
        self.host = host
        self.port: int = bound.getsockname()[1]
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
        return found

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell the log what went wrong with a connection; the base class would print it."""
        _log.error("a connection was ended: %r", sys.exc_info()[1], exc_info=True)


class _Answer:
    """One answer on its way out."""

    def __init__(self, connection: Connection, method: str, old: bool) -> None:
        self._connection = connection
        self._out = connection.wfile
        self._method = method
        self._old = old
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
        if not self._sent:
            self._send_head()
        if data and self._method != "HEAD":
            self._out.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        self._out.flush()

    def finish(self) -> None:
        """Send what is left: the head of an empty answer, the last chunk."""
        if not self._sent:
            self._send_head()
        if self._chunked:
            self._out.write(b"0\r\n\r\n")
        self._out.flush()

    def _send_head(self) -> None:
        self._sent = True
        headers = [*self._headers, ("Date", formatdate(usegmt=True))]
        names = {name.lower() for name, _ in headers}
        bodiless = self._method == "HEAD" or self._status in (204, 304)
        if "content-length" not in names and not bodiless:
            self._chunked = not self._old
            if self._chunked:
                headers.append(("Transfer-Encoding", "chunked"))
            else:
                self._connection.goes_on = False
        if self._connection.goes_on:
            headers += [("Connection", "keep-alive"), ("Keep-Alive", "timeout=5")]
        else:
            headers.append(("Connection", "close"))
        self._out.write(_head(self._status, headers))


def _head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [f"HTTP/1.1 {status} {responses.get(status, '')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class Connection(socketserver.StreamRequestHandler):
    """Serves the requests of one connection, one after the other."""

    wbufsize = -1
    disable_nagle_algorithm = True
    server: HttpServer
    goes_on = True

    def setup(self) -> None:
        """Begin with a connection."""
        self.server.ledger.opened(self.request)
        super().setup()

    def finish(self) -> None:
        """End with a connection."""
        self.server.ledger.closed(self.request)
        try:
            super().finish()
        except OSError:
            # The buffer could not be flushed because the client went first; the socket itself is
            # freed only when its reader is closed as well.
            self.rfile.close()

    def handle(self) -> None:
        """Answer until one side has had enough. What goes wrong with the socket ends it quietly."""
        patience = _REQUEST_SECONDS
        try:
            while self.goes_on:
                self.connection.settimeout(patience)
                line = self.rfile.readline(_LONGEST_LINE)
                if line == b"\r\n":  # some clients put one behind a body
                    line = self.rfile.readline(_LONGEST_LINE)
                if not line:
                    return
                self.connection.settimeout(_REQUEST_SECONDS)
                self._answer(line)
                patience = _IDLE_SECONDS
        except Refused as refused:
            _log.debug("refused: %s", refused)
            with suppress(OSError):
                self._refuse(refused)
        except OSError as error:
            _log.debug("a connection ended: %s", error)

    def _answer(self, line: bytes) -> None:
        environ = self._environ(line)
        body = _Body(self, environ)
        if environ.get("HTTP_EXPECT", "").strip().lower() == "100-continue" and not body.too_large:
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        content = body.read()
        environ["wsgi.input"] = io.BytesIO(content)
        environ["CONTENT_LENGTH"] = str(len(content))
        environ["hugchat_sync.body_length"] = body.length
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        method = environ["REQUEST_METHOD"]
        self.server.ledger.arrived(
            method, environ["RAW_URI"], environ["hugchat_sync.headers"], content, body.length
        )
        self.connection.settimeout(None)  # who reads slowly is waited for
        answer = _Answer(self, method, environ["SERVER_PROTOCOL"] == "HTTP/1.0")
        with ExitStack() as stack:
            pieces = self.server.application(environ, answer.start)
            close = getattr(pieces, "close", None)
            if close is not None:
                stack.callback(close)
            for piece in pieces:
                answer.write(piece)
            answer.finish()
        if not body.is_over:
            self._let_it_be_read()

    def _environ(self, line: bytes) -> Environment:
        """Return what an application wants to know of a request.

        :raises Refused: 400, 403, 414, 431: it is none, or not meant for this server.
        """
        if len(line) >= _LONGEST_LINE:
            raise Refused(414, "The address is too long.")
        found = _REQUEST.fullmatch(line)
        if found is None:
            raise Refused(400, "This is no request that is known here.")
        method, target, minor = (part.decode("ascii") for part in found.groups())
        named = self._headers()
        headers = {key: value for key, (_, value) in named.items()}
        path, _, query = _without_authority(target).partition("?")
        old = minor == "0"
        wish = headers.get("connection", "").lower()
        self.goes_on = "close" not in wish and (not old or "keep-alive" in wish)
        self._check_host(headers.get("host"), old)
        local = self.request.getsockname()
        environ: Environment = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": target,
            "SERVER_NAME": str(local[0]),
            "SERVER_PORT": str(local[1]),
            "SERVER_PROTOCOL": f"HTTP/1.{minor}",
            "REMOTE_ADDR": str(self.client_address[0]),
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": headers.get("content-length"),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
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
            line = self.rfile.readline(min(left, _LONGEST_LINE))
            left -= len(line)
            if line in (b"\r\n", b"\n"):
                return headers
            if left > 0 and not line:
                raise ConnectionAbortedError("the client left in the middle of a request")
            if not line.endswith(b"\n"):
                raise Refused(431, "The headers are too long.")
            found = _HEADER.fullmatch(line)
            if found is None:
                raise Refused(400, "There is a malformed header.")
            name, value = (part.decode("latin-1") for part in found.groups())
            key = name.lower()
            if key not in headers:
                headers[key] = (name, value)
            elif key in _ONLY_ONCE:
                raise Refused(400, f"There is more than one {name}.")
            else:
                first, so_far = headers[key]
                headers[key] = (first, f"{so_far}{'; ' if key == 'cookie' else ', '}{value}")

    def _check_host(self, host: str | None, old: bool) -> None:
        """Refuse other names than this machine's: a web page may call itself anything.

        A page at a name that leads to 127.0.0.1 a moment later is of the same origin as this
        server, for its browser; only the name in ``Host`` tells them apart.
        """
        if host is None and old:
            return
        found = _HOST.fullmatch(host or "")
        if found is None:
            raise Refused(400, "There is no Host, or a malformed one.")
        name = found.group(1).strip("[]")
        allowed = self.server.host
        if allowed is not None and name.lower() != allowed.lower() and not is_loopback(name):
            raise Refused(403, "This server answers to names of its own machine only.")

    def _refuse(self, refused: Refused) -> None:
        body = refused.sentence.encode()
        headers = [
            ("Content-Type", "text/plain"),
            ("Content-Length", str(len(body))),
            ("Date", formatdate(usegmt=True)),
            ("Connection", "close"),
        ]
        self.wfile.write(_head(refused.status, headers) + body)
        self.wfile.flush()
        self._let_it_be_read()

    def _let_it_be_read(self) -> None:
        """Take what is still under way: a close in front of it would destroy our answer."""
        self.goes_on = False
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(_LAST_PIECE_SECONDS)
        left, until = _THROWN_AWAY, time.monotonic() + _LAST_SECONDS
        while left > 0 and time.monotonic() < until:
            piece = self.connection.recv(_PIECE)
            if not piece:
                return
            left -= len(piece)


def _without_authority(target: str) -> str:
    """Return the path of a request that names the whole address, as proxies get them."""
    if "://" not in target.partition("?")[0]:
        return target
    path = target.partition("://")[2].partition("/")[2]
    return f"/{path}"


class _Body:
    """The body of a request, counted while it is read.

    :raises Refused: its length is not told, or told twice, or in another way than digits.
    """

    def __init__(self, connection: Connection, environ: Environment) -> None:
        self._source = connection.rfile
        self._connection = connection
        self._limit = connection.server.body_limit
        length = environ["CONTENT_LENGTH"]
        coding = environ.get("HTTP_TRANSFER_ENCODING")
        if length is not None and not re.fullmatch("[0-9]{1,18}", length):
            raise Refused(400, "The Content-Length is no number.")
        if coding is not None and (length is not None or environ["SERVER_PROTOCOL"] == "HTTP/1.0"):
            raise Refused(400, "There is a Transfer-Encoding where none may be.")
        if coding is not None and coding.lower() != "chunked":
            raise Refused(501, "The one Transfer-Encoding known here is chunked.")
        self._chunked = coding is not None
        self.length = int(length or 0)
        self.is_over = False

    @property
    def too_large(self) -> bool:
        """Whether it is known to be over the limit."""
        return self.length > self._limit

    def read(self) -> bytes:
        """Return the body, or nothing when it is over the limit; then ``length`` tells."""
        kept = b"".join(self._chunks() if self._chunked else self._plain())
        if not self.is_over:
            self._connection.goes_on = False
        return b"" if self.too_large else kept

    def _plain(self) -> Iterable[bytes]:
        """Yield what was announced; of too much a part is thrown away, so that we stay in step."""
        if self.length > _THROWN_AWAY:
            return
        left = self.length
        while left > 0:
            piece = self._take(min(left, _PIECE))
            left -= len(piece)
            if not self.too_large:
                yield piece
        self.is_over = True

    def _chunks(self) -> Iterable[bytes]:
        """Yield the chunks, up to the one that would be too much."""
        while True:
            found = _CHUNK.fullmatch(self._source.readline(_LONGEST_LINE))
            if found is None:
                raise Refused(400, "There is a malformed chunk.")
            size = int(found.group(1), 16)
            self.length += size
            if self.too_large:
                return
            if size == 0:
                break
            yield self._take(size)
            if self._take(2) != b"\r\n":
                raise Refused(400, "A chunk is longer than it says.")
        left = _LONGEST_HEAD
        line = b"-"
        while line not in (b"\r\n", b""):  # trailers mean nothing here
            line = self._source.readline(_LONGEST_LINE)
            left -= len(line)
            if left < 0:
                raise Refused(431, "The trailers are too long.")
        self.is_over = True

    def _take(self, size: int) -> bytes:
        piece = self._source.read(size)
        if len(piece) < size:
            raise ConnectionAbortedError("the client left in the middle of a request")
        return piece


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
    except (OSError, ValueError):
        # Closed on our side, or reset by the other.
        return True
    # The next request is waiting already: no use to look again at once.
    time.sleep(seconds)
    return False
