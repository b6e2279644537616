r"""Doubles for tests of one's own code: answers written beforehand, and misbehaviour on request.

>>> from hugchat_sync.local import LocalServer
>>> answers = Scripted(["Hel", "lo"], Script(tokens=["Bye"], delay=0.01), title="Greeting")
>>> with LocalServer(responder=answers, faults=[Fault(path="/user$", status=503)]) as server:
...     ...  # Client(server.url) gets "Hello", then "Bye", again and again
Ellipsis

``answers.turns`` holds what was asked, ``server.requests`` what arrived, and
``server.connections`` over how many connections. The steps that a script may have besides its
tokens (tool calls, files, a question to the user) are the classes of
:mod:`hugchat_sync.local.responder`.
"""

from __future__ import annotations

import math
import re
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Callable, Iterable, Iterator, Mapping, Sequence

from .http import Application, Environment
from .responder import Failure, Final, Pause, Route, Step, Text, Title, Turn

_HTML_PAGE = "<!doctype html><html><title>Bad gateway</title><body>Sorry.</body></html>"


@dataclass(frozen=True)
class Script:
    r"""One answer.

    :param tokens: the pieces of the answer; ``"\ud83d"`` and ``"\ude80"`` make a split emoji.
    :param delay: seconds before each token.
    :param head: seconds of silence before the first step.
    :param before: steps before the tokens, for example a tool call or a file.
    :param reasoning: pieces that are sent inside ``<think>`` marks before the tokens.
    :param final: the final text when it differs from the joined tokens.
    :param no_final: end without a final answer.
    :param cut_short: the model stopped at its limit, so its last token is an ordinary word.
    :param error: fail after the tokens, with this message.
    :param error_status: the status that goes with ``error``.
    :param first_try: pieces of a try that the server throws away without a word.
    :param after: steps after the final answer, for example a :class:`Route`.
    :param route: the router's choice, told before the tokens.
    :param hang: after the tokens nothing comes any more, only keep-alives.
    """

    tokens: Sequence[str] = ()
    delay: float = 0.0
    head: float = 0.0
    before: Sequence[Step] = ()
    reasoning: Sequence[str] = ()
    final: str | None = None
    no_final: bool = False
    cut_short: bool = False
    error: str | None = None
    error_status: int | None = None
    first_try: Sequence[str] = ()
    after: Sequence[Step] = ()
    route: Route | None = None
    hang: bool = False

    def steps(self) -> Iterator[Step]:
        """Yield the answer."""
        thought = list(self.reasoning)
        if thought:
            thought = [f"<think>{thought[0]}", *thought[1:], "</think>"]
        if self.head:
            yield Pause(self.head)
        if self.route is not None:
            yield self.route
        yield from self.before
        for token in (*self.first_try, *thought, *self.tokens):
            if self.delay:
                yield Pause(self.delay)
            yield Text(token)
        if self.hang:
            yield Pause(math.inf)
        if self.error is not None:
            yield Failure(self.error, self.error_status)
        elif not self.no_final:
            is_told = self.final is not None or not (self.first_try or self.cut_short)
            yield Final(self.final if is_told else "".join((*thought, *self.tokens)))
        yield from self.after


class Scripted:
    """A responder that gives prepared answers, one after the other.

    :param scripts: a list of tokens for the simple case, or one :class:`Script` per answer; the
        last one is used again and again.
    :param title: the title of new conversations; ``None`` leaves the default.
    :param title_seconds: how long the title takes; longer than the answer makes it a late title.

    ``turns`` holds what was asked, the latest last.
    """

    def __init__(
        self, *scripts: Script | Sequence[str], title: str | None = None, title_seconds: float = 0.0
    ) -> None:
        prepared = [s if isinstance(s, Script) else Script(tokens=s) for s in scripts]
        self._scripts = prepared or [Script(tokens=("Hello", ",", " world", "."))]
        self._title = None if title is None else Title(title, title_seconds)
        self._lock = threading.Lock()
        self.turns: list[Turn] = []

    def answer(self, turn: Turn) -> Iterator[Step]:
        """Return the steps of the next script."""
        with self._lock:
            position = min(len(self.turns), len(self._scripts) - 1)
            self.turns.append(turn)
        return self._scripts[position].steps()

    def title(self, turn: Turn) -> Title | None:
        """Return the prepared title."""
        return self._title


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
        kind = {"Content-Type": "text/html"}
        return cls(method, path, status=status, body=_HTML_PAGE, headers=kind)


class Faults:
    """The misbehaviour that is still to come, as a layer around the application."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._faults = [(fault, [0]) for fault in faults]  # and how many requests fitted

    def add(self, fault: Fault) -> None:
        """Let this happen, too, from now on."""
        with self._lock:
            self._faults.append((fault, [0]))

    def clear(self) -> None:
        """Behave."""
        with self._lock:
            self._faults.clear()

    def _next_for(self, method: str, path: str) -> Fault | None:
        """Return the fault that strikes this request, and count it."""
        with self._lock:
            for fault, seen in self._faults:
                if fault.method in ("", method) and re.search(fault.path, path):
                    seen[0] += 1
                    strikes = seen[0] - fault.skip
                    if strikes >= 1 and (fault.times is None or strikes <= fault.times):
                        return fault
        return None

    def around(self, application: Application) -> Application:
        """Return the application with the faults in front of it."""

        def answer(environ: Environment, start: Callable[..., Any]) -> Iterable[bytes]:
            fault = self._next_for(environ["REQUEST_METHOD"], environ["RAW_URI"])
            if fault is None:
                return application(environ, start)
            connection = environ["hugchat_sync.socket"]
            time.sleep(fault.delay)
            if fault.drop == "before":
                raise _break(connection, fault)
            if fault.status is not None:
                body = fault.body.encode("utf-8") if isinstance(fault.body, str) else fault.body
                headers = {"Content-Type": "application/json", **fault.headers}
                start(f"{fault.status} ", [*headers.items(), ("Content-Length", str(len(body)))])
                return [body]
            pieces = application(environ, start)
            if fault.drop == "after":
                getattr(pieces, "close", bool)()
                raise _break(connection, fault)
            return _spoil(fault, pieces, connection)

        return answer


def _spoil(fault: Fault, pieces: Iterable[bytes], connection: socket.socket) -> Iterator[bytes]:
    left = sys.maxsize if fault.cut_after is None else fault.cut_after
    forbidden = None if fault.cut_at is None else fault.cut_at.encode("utf-8")
    try:
        for piece in pieces:
            kept, is_last = piece[:left], left <= len(piece)
            if forbidden is not None and forbidden in kept:
                kept, is_last = kept[: kept.index(forbidden)], True
            left -= len(piece)
            step = fault.piece or len(kept) or 1
            yield from (kept[start : start + step] for start in range(0, len(kept), step))
            if is_last and fault.clean:
                return
            if is_last:
                raise _break(connection, fault)
    finally:
        getattr(pieces, "close", bool)()


def _break(connection: socket.socket, fault: Fault) -> ConnectionError:
    """Break the connection and return the error that tells the rest of the server."""
    with suppress(OSError):  # the client may have gone first; then it is broken already
        if fault.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            # Plain close() would wait for the files made of this socket, and say good-bye first.
            socket.close(connection.detach())
        else:
            connection.shutdown(socket.SHUT_RDWR)
    return ConnectionAbortedError("a fault was asked for")
