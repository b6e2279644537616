"""HTTP/1.1 on sockets: kept-alive connections, and one chunk for every piece of an answer.

A request that is not exactly one is refused and its connection closed: whoever guesses where a
request ends lets a web page or a proxy smuggle in another one. (The servers of the standard library
and of Werkzeug guess, and the latter keeps no connection.)

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
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from http.client import responses
from typing import Any, Callable, Dict, Iterable, Mapping
from urllib.parse import unquote_to_bytes

from requests.structures import CaseInsensitiveDict

Environment = Dict[str, Any]
Application = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]

_log = logging.getLogger(__name__)

_IDLE_SECONDS = 5.0
_REQUEST_SECONDS = 60.0  # the first request, and any body, may take so long between two pieces
_LONGEST_HEAD = 64 * 1024
_LAST_PIECE_SECONDS, _LAST_SECONDS = 2.0, 20.0  # for what comes behind a refusal
_NO_ROOM = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_ROOM_SECONDS = 0.2
_LOOK = 0.5  # seconds after which the end is seen where nothing else tells of it
_REQUESTS_KEPT, _BODY_KEPT = 2000, 64 * 1024
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


def client_gone(environ: Environment) -> bool:
    """Return whether the client has closed the connection; nothing is read."""
    connection: socket.socket = environ["hugchat_sync.socket"]
    # These two need no descriptor of their own, of which there may be none left.
    selector_class = getattr(selectors, "PollSelector", selectors.SelectSelector)
    try:
        with selector_class() as selector:
            selector.register(connection, selectors.EVENT_READ)
            return bool(selector.select(0)) and connection.recv(1, socket.MSG_PEEK) == b""
    except (OSError, ValueError):  # closed on our side, or reset by the other
        return True


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


class HttpServer:
    """Serves an application, one thread a connection.

    :param host: besides loopback names, the one name that requests may use; any when ``None``.
    """

    def __init__(self, host: str | None) -> None:
        self.host = host
        self.is_open = False
        self.requests: deque[SeenRequest] = deque(maxlen=_REQUESTS_KEPT)
        self.connections = 0
        self.open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def start(self, bound: socket.socket, application: Application, body_limit: int) -> None:
        """Begin to answer on a socket.

        :param body_limit: the largest body in bytes.
        """
        bound.settimeout(_LOOK)
        self._bound, self.port = bound, bound.getsockname()[1]
        self.application, self.body_limit = application, body_limit
        self._thread = threading.Thread(target=self._serve, name="local-server", daemon=True)
        self.is_open = True
        self._thread.start()

    def _serve(self) -> None:
        """Accept connections until the end; without a free descriptor wait for one."""
        crowded = False
        while True:
            try:
                connection, _ = self._bound.accept()
            except OSError as error:
                if not self.is_open:
                    break
                if error.errno in _NO_ROOM:
                    if not crowded:
                        _log.warning("new connections wait: %s", error.strerror)
                    crowded = True
                    time.sleep(_ROOM_SECONDS)
                continue
            crowded = False
            with self._lock:
                if not self.is_open:  # it has only told of the end
                    connection.close()
                    break
                self.connections += 1
                self.open.add(connection)
            serve = _Connection(self, connection).serve
            try:
                threading.Thread(target=serve, name="local-request", daemon=True).start()
            except RuntimeError as error:  # no more threads
                _log.warning("a connection was ended: %s", error)
                self.forget(connection)
        self._bound.close()

    def end(self) -> None:
        """Break every open connection, and accept no more."""
        with self._lock:
            self.is_open = False
            connections = list(self.open)
        for connection in connections:
            with suppress(OSError):  # the other side may have gone first
                connection.shutdown(socket.SHUT_RDWR)
        with suppress(OSError):  # wakes up who waits for a connection
            socket.create_connection(self._bound.getsockname()[:2], _ROOM_SECONDS).close()
        self._thread.join()

    def forget(self, connection: socket.socket) -> None:
        """End with a connection."""
        with self._lock:
            self.open.discard(connection)
        connection.close()


class _Refused(Exception):
    """What came is not a request that can be answered; that ends the connection."""


class _Connection:
    """Serves the requests of one connection, one after the other."""

    def __init__(self, server: HttpServer, connection: socket.socket) -> None:
        self._server, self._socket = server, connection
        self._reader = connection.makefile("rb")
        self._goes_on = True

    def serve(self) -> None:
        """Answer until one side has had enough; what goes wrong with the socket ends it quietly."""
        patience = _REQUEST_SECONDS
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._goes_on:
                self._socket.settimeout(patience)
                line = self._reader.readline(_LONGEST_HEAD)
                if not line:
                    return
                self._socket.settimeout(_REQUEST_SECONDS)
                self._answer(line)
                patience = _IDLE_SECONDS
        except _Refused as refused:
            with suppress(OSError):
                self._refuse(*refused.args)
        except OSError as error:
            _log.debug("a connection ended: %s", error)
        except Exception:  # noqa: BLE001 - in the middle of an answer there is nobody to tell
            if self._server.is_open:
                _log.exception("a connection was ended")
        finally:
            self._reader.close()  # the socket is freed only when its reader is closed as well
            self._server.forget(self._socket)

    def _answer(self, line: bytes) -> None:
        found = _REQUEST.fullmatch(line)
        if found is None:
            long = len(line) >= _LONGEST_HEAD
            raise _Refused(414 if long else 400, "This is not a request that is known here.")
        method, target, minor = (part.decode("ascii") for part in found.groups())
        headers = self._headers()
        if minor != "0" or "host" in headers:
            self._check_host(headers.get("host", ""))
        content = self._body(headers, minor)
        wish = headers.get("connection", "").lower()
        self._goes_on = "close" not in wish and (minor != "0" or "keep-alive" in wish)
        if "://" in target.partition("?")[0]:  # the whole address, as proxies get it
            target = "/" + target.partition("://")[2].partition("/")[2]
        arrived = (len(content), content[:_BODY_KEPT], time.monotonic())
        self._server.requests.append(SeenRequest(method, target, dict(headers), *arrived))
        self._socket.settimeout(None)  # who reads slowly is waited for
        path, _, query = target.partition("?")
        environ: Environment = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "RAW_URI": target,
            "SERVER_NAME": str(self._socket.getsockname()[0]),
            "SERVER_PORT": str(self._server.port),
            "SERVER_PROTOCOL": f"HTTP/1.{minor}",
            "CONTENT_TYPE": headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(content)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(content),
            "wsgi.errors": sys.stderr,
            "hugchat_sync.socket": self._socket,
        }
        for name, value in headers.items():
            # A name with an underscore would look like another one with a hyphen.
            if "_" not in name and name.lower() != "transfer-encoding":
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        self._reply(environ)

    def _reply(self, environ: Environment) -> None:
        """Send what the application gives, each piece at once and the head with the first."""
        is_head, head, chunked = environ["REQUEST_METHOD"] == "HEAD", b"", False

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            nonlocal head, chunked
            measured = any(name.lower() == "content-length" for name, _ in headers)
            open_end = not measured and not is_head and status[:3] not in ("204", "304")
            chunked = open_end and environ["SERVER_PROTOCOL"] != "HTTP/1.0"
            self._goes_on = self._goes_on and chunked == open_end
            head = self._head(int(status[:3]), headers, chunked)

        pieces = self._server.application(environ, start)
        try:
            for piece in pieces:
                if piece and not is_head:
                    framed = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
                    self._socket.sendall(head + framed)
                    head = b""
            self._socket.sendall(head + (b"0\r\n\r\n" if chunked else b""))
        finally:
            getattr(pieces, "close", bool)()

    def _head(self, status: int, headers: list[tuple[str, str]], chunked: bool = False) -> bytes:
        lines = [f"HTTP/1.1 {status} {responses.get(status, '')}"]
        lines += [f"{name}: {value}" for name, value in headers]
        lines.append(f"Date: {formatdate(usegmt=True)}")
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        kept = ("Connection: keep-alive", "Keep-Alive: timeout=5")
        lines += kept if self._goes_on else ("Connection: close",)
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def _refuse(self, status: int, sentence: str) -> None:
        """Answer, and take what is still under way: a close before would destroy the answer."""
        self._goes_on = False
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(sentence)))]
        self._socket.sendall(self._head(status, headers) + sentence.encode())
        self._socket.shutdown(socket.SHUT_WR)
        self._socket.settimeout(_LAST_PIECE_SECONDS)
        until = time.monotonic() + _LAST_SECONDS
        while time.monotonic() < until and self._socket.recv(_BODY_KEPT):
            pass

    def _headers(self) -> CaseInsensitiveDict[str]:
        """Return the headers; what is sent twice is joined."""
        headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
        left = _LONGEST_HEAD
        while (line := self._reader.readline(left)) != b"\r\n":
            left -= len(line)
            found = _HEADER.fullmatch(line)
            if found is None:
                raise _Refused(400 if left else 431, "A header is malformed, or they are too long.")
            name, value = (part.decode("latin-1") for part in found.groups())
            if name in headers:
                if name.lower() in _ONLY_ONCE:
                    raise _Refused(400, f"There is more than one {name}.")
                value = f"{headers[name]}{'; ' if name.lower() == 'cookie' else ', '}{value}"
            headers[name] = value
        return headers

    def _check_host(self, host: str) -> None:
        """Refuse other names than this machine's: a web page may call itself anything.

        A page at a name that leads to 127.0.0.1 a moment later is of the same origin as this
        server, for its browser; only the name in ``Host`` tells them apart.
        """
        found = _HOST.fullmatch(host)
        if found is None:
            raise _Refused(400, "There is no Host, or a malformed one.")
        name, allowed = found.group(1).strip("[]"), self._server.host
        if allowed is not None and name.lower() != allowed.lower() and not is_loopback(name):
            raise _Refused(403, "This server answers to names of its own machine only.")

    def _body(self, headers: Mapping[str, str], minor: str) -> bytes:
        stated, coding = headers.get("content-length"), headers.get("transfer-encoding")
        if stated is not None and not re.fullmatch("[0-9]{1,18}", stated):
            raise _Refused(400, "The Content-Length is not a number.")
        if coding is None:
            return self._exactly(int(stated or 0))
        if stated is not None or minor == "0":
            raise _Refused(400, "There is a Transfer-Encoding where none may be.")
        if coding.lower() != "chunked":
            raise _Refused(501, "The one Transfer-Encoding known here is chunked.")
        body = bytearray()
        while True:
            found = _CHUNK.fullmatch(self._reader.readline(_LONGEST_HEAD))
            if found is None:
                raise _Refused(400, "There is a malformed chunk.")
            size = int(found.group(1), 16)
            if not size:
                break
            body += self._exactly(size, len(body))
            if self._exactly(2) != b"\r\n":
                raise _Refused(400, "There is a malformed chunk.")
        self._headers()  # those at the end mean nothing here
        return bytes(body)

    def _exactly(self, size: int, so_far: int = 0) -> bytes:
        """Return the next bytes; those of too large a body are not read."""
        if so_far + size > self._server.body_limit:
            raise _Refused(413, "Invalid request body")
        piece = self._reader.read(size)
        if len(piece) < size:
            raise ConnectionAbortedError("the client left in the middle of a request")
        return piece
