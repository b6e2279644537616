"""Misbehaviour on request: what a server, a gateway or a network may do to a reply."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Iterable, Iterator, Mapping

from hugchat_sync.local.wsgi import Application, Environment, StartResponse

_HTML_PAGE = (
    "<!doctype html><html><head><title>Bad gateway</title></head><body>Sorry.</body></html>"
)


@dataclass(frozen=True)
class Fault:
    """One misbehaviour, and which requests it strikes.

    :param method: only requests with this method; any when empty.
    :param path: only requests whose path (with the query) this regular expression finds.
    :param times: how many requests it strikes; ``None`` for all.
    :param skip: how many fitting requests are left alone first.
    :param delay: seconds of silence before anything is answered.
    :param status: answer with this status instead of asking the server.
    :param body: the body that goes with ``status``.
    :param headers: the headers that go with ``status``.
    :param drop: close the connection without an answer: ``"before"`` the server has seen the
        request, or ``"after"`` it has done the work.
    :param cut_after: break the connection when so many bytes of the body are sent.
    :param cut_at: break the connection just before this text would be sent.
    :param reset: break it with a reset instead of an orderly end.
    :param clean: end the answer as if it were complete instead of breaking the connection.
    :param piece: send the body in pieces of so many bytes (1 splits every character).
    """

    method: str = ""
    path: str = ""
    times: int | None = 1
    skip: int = 0
    delay: float = 0.0
    status: int | None = None
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    drop: str | None = None
    cut_after: int | None = None
    cut_at: str | None = None
    reset: bool = False
    clean: bool = False
    piece: int | None = None

    @classmethod
    def html_page(cls, status: int = 502, method: str = "", path: str = "") -> Fault:
        """Return a fault that answers once with the HTML page of some gateway."""
        return cls(
            method=method,
            path=path,
            status=status,
            body=_HTML_PAGE,
            headers={"Content-Type": "text/html"},
        )

    def fits(self, method: str, path: str) -> bool:
        """Return whether the request is one of those it strikes."""
        return self.method in ("", method) and re.search(self.path, path) is not None


class Faults:
    """The misbehaviours that are still to come, as a layer around the application."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._seen: list[int] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """Let this happen, too, from now on."""
        with self._lock:
            self._faults.append(fault)
            self._seen.append(0)

    def clear(self) -> None:
        """Behave."""
        with self._lock:
            self._faults.clear()
            self._seen.clear()

    def next_for(self, method: str, path: str) -> Fault | None:
        """Return the fault that strikes this request, and count it."""
        with self._lock:
            for position, fault in enumerate(self._faults):
                if not fault.fits(method, path):
                    continue
                self._seen[position] += 1
                strikes = self._seen[position] - fault.skip
                if strikes >= 1 and (fault.times is None or strikes <= fault.times):
                    return fault
        return None

    def around(self, application: Application) -> Application:
        """Return the application with the faults in front of it."""

        def faulty(environ: Environment, start_response: StartResponse) -> Iterable[bytes]:
            fault = self.next_for(environ["REQUEST_METHOD"], environ["RAW_URI"])
            if fault is None:
                return application(environ, start_response)
            return _struck(fault, application, environ, start_response)

        return faulty


def _struck(
    fault: Fault,
    application: Application,
    environ: Environment,
    start_response: StartResponse,
) -> Iterable[bytes]:
    connection: socket.socket = environ["hugchat_sync.socket"]
    time.sleep(fault.delay)
    if fault.drop == "before":
        raise _broken(connection, fault)
    if fault.status is not None:
        body = fault.body.encode("utf-8") if isinstance(fault.body, str) else fault.body
        headers = {"Content-Type": "application/json", **fault.headers}
        start_response(f"{fault.status} ", [*headers.items(), ("Content-Length", str(len(body)))])
        return [body]
    pieces = application(environ, start_response)
    if fault.drop == "after":
        if hasattr(pieces, "close"):
            pieces.close()
        raise _broken(connection, fault)
    return _spoiled(fault, pieces, connection)


def _spoiled(fault: Fault, pieces: Iterable[bytes], connection: socket.socket) -> Iterator[bytes]:
    sent = 0
    with ExitStack() as stack:
        if hasattr(pieces, "close"):
            stack.callback(pieces.close)
        for piece in pieces:
            limit = _limit(fault, piece, sent)
            yield from _parts(piece[:limit], fault.piece)
            sent += len(piece)
            if limit is not None:
                if fault.clean:
                    return
                raise _broken(connection, fault)


def _limit(fault: Fault, piece: bytes, sent: int) -> int | None:
    """Return after how many bytes of this piece the end comes, if it comes here."""
    if fault.cut_after is not None and sent + len(piece) >= fault.cut_after:
        return fault.cut_after - sent
    if fault.cut_at is not None and fault.cut_at.encode("utf-8") in piece:
        return piece.index(fault.cut_at.encode("utf-8"))
    return None


def _parts(piece: bytes, size: int | None) -> Iterator[bytes]:
    step = size or len(piece) or 1
    for start in range(0, len(piece), step):
        yield piece[start : start + step]


def _broken(connection: socket.socket, fault: Fault) -> ConnectionError:
    """Break the connection and return the error that tells the rest of the server."""
    # The client may have gone first; then it is broken already.
    with suppress(OSError):
        if fault.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Plain close() would wait for the files made of this socket, and say good-bye first.
            socket.close(connection.detach())
        else:
            connection.shutdown(socket.SHUT_RDWR)
    return ConnectionAbortedError("a fault was asked for")
