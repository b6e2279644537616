"""An open reply: its bytes as they arrive, its clocks, and how to end it.

The layers below look at the clock once a read of the socket, and count the time anew with each
byte; a head that the connection's end cut short is a good one to them.
"""

from __future__ import annotations

import io
import os
import socket
import threading
import time
from contextlib import suppress
from http.client import (
    CONTINUE,
    SWITCHING_PROTOCOLS,
    HTTPException,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
)
from itertools import count
from math import inf
from typing import Any, Callable, Iterable, Iterator

import requests
import urllib3.exceptions as low

from ..errors import (
    ConnectionFailed,
    HugChatError,
    ProtocolError,
    TimedOut,
    TransportError,
    UsageError,
)
from .no_connection import find_obstacle

_PIECE = 65536  # bytes asked of the socket at once; a longer chunk is handed over in parts
_MOST_LAYERS = 6  # of errors, one inside the other


class Attempt(float):
    """A read timeout in seconds, and what is known of the one request that it is given to.

    ``moment`` is that of the monotonic clock at which reading must end altogether; ``sent`` is
    whether bytes of the request may have left, ``None`` where nobody looked.
    """

    moment = inf
    sent: bool | None = None


class Current(threading.local):
    """The attempt that this thread is at."""

    attempt: Attempt | None = None


class TimedReader(io.RawIOBase):
    """A socket's bytes; before each read it looks whether reading may still go on.

    :param raw: what a close gives back; *receive* reads from its socket, at one call less.
    :ivar deadline: a moment of ``clock`` at which reading ends.
    :ivar progress: seconds in which ``events_seen`` must count on.
    :ivar refusal: why there was no read: the name of a clock, or that this is another process.
    """

    def __init__(
        self, raw: Any, receive: Callable[[Any], int | None], deadline: float = inf
    ) -> None:
        self.clock = time.monotonic
        self.deadline = deadline
        self.progress = inf
        self.events_seen: Callable[[], int] = count().__next__  # every read is progress
        self.refusal = ""
        self.ended = False
        self._raw = raw
        self._receive = receive
        self._process = os.getpid()
        self._seen, self._moved = -1, -inf

    @property
    def _sock(self) -> Any:
        return getattr(self._raw, "_sock", None)

    def limit(self, clock: Callable[[], float], deadline: float, progress: float) -> None:
        """Set the clocks of a body, once its head is there."""
        self.clock, self.deadline, self.progress = clock, deadline, progress
        self._seen, self._moved = -1, clock()

    def readable(self) -> bool:
        """Return ``True``."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """Read what is there, waiting for the first byte.

        :raises socket.timeout: ``refusal`` says why; the layers below make something else of it.
        """
        now, seen = self.clock(), self.events_seen()
        if seen != self._seen:
            self._seen, self._moved = seen, now
        elif now - self._moved > self.progress:
            self.refusal = "progress"
        if now > self.deadline:
            self.refusal = "total"
        if os.getpid() != self._process:  # it would take the bytes from its parent
            self.refusal = "process"
        if self.refusal:
            raise socket.timeout("reading must end here")
        size = self._receive(buffer)
        self.ended = size == 0
        return size

    def close(self) -> None:
        """Give the socket back, and whoever counts events: a pool in a ring stays open."""
        self._raw.close()
        super().close()
        self.events_seen = count().__next__


class WholeHead(HTTPResponse):
    """A reply whose head must be whole, read no longer than until the moment of the attempt."""

    current: Current

    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        attempt = self.current.attempt
        deadline = inf if attempt is None else attempt.moment
        self.reader = TimedReader(self.fp.detach(), sock.recv_into, deadline)
        self.fp = io.BufferedReader(self.reader, _PIECE)

    def begin(self) -> None:
        """Read the head.

        :raises RemoteDisconnected: the connection ended inside it.
        """
        super().begin()
        if self.reader.ended:
            raise RemoteDisconnected("the connection ended inside the head of the reply")
        # what stands behind a line that is no header, cookies for example, would be logged below
        self.msg.defects = []
        if not self.msg.is_multipart():
            self.msg.set_payload("")

    def _read_status(self) -> tuple[str, int, str]:
        """Return the first line; hints on the way to a reply are passed over (RFC 9110, 15.2)."""
        version, status, reason = super()._read_status()  # type: ignore[misc]
        if 100 <= status < 200 and status != SWITCHING_PROTOCOLS:
            status = CONTINUE  # the one that the layer below passes over
        return version, status, reason

    def _safe_read(self, amt: int) -> bytes:
        """Return a chunk, or a part of one; a negative size would lift every limit."""
        if amt < 0:
            raise HTTPException("a chunk of negative size")
        data = self.fp.read(amt)
        if len(data) < amt:
            raise IncompleteRead(data, amt - len(data))
        return data


class Stream:
    """The body of one reply, piece by piece, each as soon as it is there.

    It is read inside a ``with`` of its own, which closes it and tells in our words what broke.

    :param phase: the clock that the socket's read timeout stands for.
    :param progress: seconds without an event.
    :param deadline: a moment of *clock*.
    :param secrets: what no error may show, although the server may have sent it back.
    """

    def __init__(
        self,
        response: requests.Response,
        *,
        phase: str,
        progress: float,
        deadline: float,
        clock: Callable[[], float] = time.monotonic,
        secrets: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self.response = response
        self.url = response.url.partition("?")[0]  # what follows may be a code to sign in with
        self.closed = False
        self._phase = phase
        self._secrets = secrets
        self._whole: bytes | None = None
        self._at_end: Callable[[], None] | None = None
        self._process = os.getpid()
        # an adapter of the user's has none, and requests has read the body of a redirect
        reader = self._reader_below
        self._is_timed = reader is not None and not reader.closed
        self._spare = None if self._is_timed else TimedReader(io.BytesIO(), lambda buffer: 0)
        self._reader.limit(clock, deadline, progress)

    @property
    def _reader_below(self) -> TimedReader | None:
        original = getattr(self.response.raw, "_original_response", None)
        return getattr(original, "reader", None)

    @property
    def _reader(self) -> Any:
        # not kept here: of a reply that is dropped, urllib3 must be the first to let go
        return self._spare or self._reader_below

    def watch(self, events_seen: Callable[[], int]) -> None:
        """Count as progress what *events_seen* counts; it is asked before each read."""
        self._reader.events_seen = events_seen

    def check_end_with(self, check: Callable[[], None]) -> None:
        """Call *check* at the end of the body; it raises if that cannot be the end."""
        self._at_end = check

    def replay(self, body: bytes) -> None:
        """Yield *body*, which was read already."""
        self._whole = body

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Close the reply, and let nothing but our own errors out of what was made of it."""
        self.close()
        if isinstance(error, HugChatError):
            error.hide(self._secrets())
        elif isinstance(error, Exception) and not isinstance(error, Warning):
            raise not_understood(error, self.url) from error

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes as they arrive; the connection is given back at the end.

        :raises TransportError: the connection broke, or a clock ran out.
        """
        if self._whole is not None:
            yield self._whole
            return
        try:
            if self._is_timed:  # the clocks are looked at once a read, which is not once a token
                yield from _pieces(self.response)
            else:
                for piece in _pieces(self.response):
                    self._reader.readinto(bytearray())
                    yield piece
            if self._at_end is not None:
                self._at_end()
        except (requests.RequestException, low.HTTPError, OSError) as error:
            if isinstance(error, TransportError):
                raise
            if self._reader.refusal:
                raise self._refusal_error() from None
            late = self._reader.clock() >= self._reader.deadline
            raise translated(error, self.url, phase=self._phase, late=late) from error
        except (AttributeError, ValueError) as error:
            if self._reader.refusal:
                raise self._refusal_error() from None
            if not self.closed:
                raise
            # the layers below do not expect that another thread takes the socket away
            raise ConnectionFailed("the reply was closed", url=self.url) from error

    def _refusal_error(self) -> HugChatError:
        """Return why there was no further read."""
        phase = self._reader.refusal
        if phase == "process":
            return UsageError("an open answer cannot be read in a forked process")
        what = (
            f"no event came for {self._reader.progress:g} s"
            if phase == "progress"
            else "the answer was not complete within the time given"
        )
        return TimedOut(what, phase=phase, url=self.url, unsure=True)

    def limit(self, seconds: float) -> None:
        """Let the rest of the body take *seconds* and no more."""
        left = min(self._reader.deadline - self._reader.clock(), seconds)
        self._reader.deadline = self._reader.clock() + left
        sock = _socket(self.response)
        if sock is not None:
            with suppress(OSError):  # another thread has closed it meanwhile: no limit is needed
                sock.settimeout(max(0.001, left))

    def close(self) -> None:
        """End the reply now, from any thread; a reader in the middle gets an error."""
        self.closed = True
        if os.getpid() == self._process:  # a forked child would end it for its parent, too
            interrupt(self.response)


def _pieces(response: requests.Response) -> Iterable[bytes]:
    """Return what arrives when it arrives.

    ``iter_content`` alone waits for the end of a body that is not chunked.
    """
    raw = response.raw
    if getattr(raw, "chunked", False) and raw.supports_chunked_reads():
        return raw.read_chunked(_PIECE, decode_content=True)
    if not hasattr(raw, "read1"):  # urllib3 before 2.2: slow, but nothing is held back
        return response.iter_content(1)
    return iter(lambda: raw.read1(_PIECE, decode_content=True) or b"", b"")


def forgotten(error: Exception) -> Exception:
    """Return *error* without the credentials that it holds.

    The frames of the layers below have the headers and the body of the request among their local
    variables, and the error itself has the request.
    """
    below: BaseException | None = error
    while below is not None:
        below.__traceback__ = None
        request = getattr(below, "request", None)
        if isinstance(request, requests.PreparedRequest):
            request.body = None
            for name in {"Cookie", "Authorization"}.intersection(request.headers or ()):
                del request.headers[name]
        below = below.__cause__ or below.__context__
    return error


def not_understood(error: Exception, url: str) -> ProtocolError:
    """Return what is told of a reply in a shape that nobody thought of.

    Only the kind of *error* is told: its words may be those of the reply.
    """
    kind = type(forgotten(error)).__name__
    return ProtocolError(f"the reply is in no shape that we know ({kind})", field="reply", url=url)


def translated(
    error: Exception,
    url: str,
    *,
    phase: str = "idle",
    late: bool = False,
    sent: bool | None = True,
) -> Exception:
    """Return what the user is told of an error of the layers below.

    :param phase: the clock that a silent socket stands for.
    :param late: the time of the whole call is spent.
    :param sent: whether the request may have left; ``None`` where nobody could see it. That alone
        decides whether it is unsure: behind a proxy or inside TLS the class of an error says
        nothing of it.
    """
    phase = "total" if late else phase
    unsure = sent is not False
    obstacle = None if sent or _is_timeout(error) else find_obstacle(error, _host(url))
    if obstacle is not None:
        sentence, lasting = obstacle
        return ConnectionFailed(sentence, url=url, unsure=unsure, lasting=lasting)
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema)):
        return UsageError(f"{url} is no address: {error}")
    if _is_timeout(error):
        if unsure and not isinstance(error, requests.exceptions.ConnectTimeout):
            return TimedOut(f"{_host(url)} fell silent", phase=phase, url=url, unsure=True)
        clock = "total" if late else "connect"
        return TimedOut(
            f"no connection to {_host(url)} in time", phase=clock, url=url, unsure=unsure
        )
    if not unsure or _never_connected(error):
        sentence = f"cannot connect to {_host(url)}: {_reason(error)}"
    else:
        sentence = f"the connection to {_host(url)} broke: {_reason(error)}"
    return ConnectionFailed(sentence, url=url, unsure=unsure)


def _is_timeout(error: Exception) -> bool:
    timeouts = (requests.exceptions.Timeout, low.ReadTimeoutError, socket.timeout)
    return any(isinstance(layer, timeouts) for layer in _layers(error))


def _layers(error: Exception) -> Iterator[Exception]:
    """Yield an error and those that it holds: the layers below wrap them, each in its own way.

    Inside a stream, and of a proxy, requests reports a read timeout as a lost connection.
    """
    layer: object = error
    for _ in range(_MOST_LAYERS):
        if not isinstance(layer, Exception):
            return
        yield layer
        held = (getattr(layer, "reason", None), *reversed(layer.args))
        layer = next((one for one in held if isinstance(one, Exception)), None)


def _never_connected(error: Exception) -> bool:
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", inner)
    return isinstance(reason, (low.NewConnectionError, low.ConnectTimeoutError))


def _reason(error: Exception) -> str:
    inner = error.args[0] if error.args else error
    reason = getattr(inner, "reason", None) or inner
    cause = getattr(reason, "__cause__", None) or reason
    return type(cause).__name__ if isinstance(cause, Exception) else str(cause)[:200]


def _host(url: str) -> str:
    return url.split("/")[2] if url.count("/") >= 2 else url


def _socket(response: requests.Response) -> Any:
    """Return the socket below *response*, or ``None`` where it cannot be found."""
    connection = getattr(response.raw, "_connection", None)
    sock = getattr(connection, "sock", None)
    if sock is None:  # "Connection: close": only the body still holds it
        body = getattr(getattr(response.raw, "_fp", None), "fp", None)
        sock = getattr(getattr(body, "raw", None), "_sock", None)
    return sock


def interrupt(response: requests.Response) -> None:
    """End a reply from any thread, even while another one waits for its next byte.

    ``response.close()`` alone would wait for that byte. Shutting the socket down wakes the reader,
    who then closes; where nobody reads, it is closed here.
    """
    sock = _socket(response)
    if sock is not None:
        with suppress(OSError, ValueError):  # gone already, which is what was wanted
            sock.shutdown(socket.SHUT_RDWR)
    # a signal handler may be called while its own thread reads: that reader closes, then
    with suppress(RuntimeError):
        response.close()
