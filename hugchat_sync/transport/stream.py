"""An open reply: its bytes as they arrive, its clocks, and how to end it."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress
from itertools import count
from typing import Any, Callable, Iterable, Iterator, NoReturn, TypeVar

import requests
import urllib3.exceptions as low

from ..calls import StreamCall
from ..errors import (
    ConnectionFailed,
    HugChatError,
    ProtocolError,
    TimedOut,
    TransportError,
    UsageError,
)

E = TypeVar("E")

_PIECE = 65536  # bytes asked of the socket at once; a longer chunk is handed over in parts
_MOST_LAYERS = 6  # of errors, one inside the other


class Stream:
    """The body of one reply, piece by piece, each as soon as it is there.

    :param silence: the socket's read timeout, and ``phase`` the clock it stands for.
    :param progress: seconds without an event.
    :param deadline: a moment of the monotonic clock.
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
        self._secrets = secrets
        self.response = response
        self.url = response.url.partition("?")[0]  # what follows may be a code to sign in with
        self.closed = False
        self._phase = phase
        self._progress = progress
        self._deadline = deadline
        self._clock = clock
        self._whole: bytes | None = None
        self._at_end: Callable[[], None] | None = None
        self._ran_out: HugChatError | None = None
        self._process = os.getpid()
        self._seen, self._moved = -1, clock()
        self._events_seen: Callable[[], int] = count().__next__  # every piece is progress

    def watch(self, events_seen: Callable[[], int]) -> None:
        """Count as progress what *events_seen* counts; it is asked when bytes arrive."""
        self._events_seen = events_seen

    def ends(self, at_end: Callable[[], None]) -> None:
        """Ask *at_end* at the end of the body; it raises if that cannot be the end."""
        self._at_end = at_end

    def again(self, body: bytes) -> None:
        """Yield *body*, which was read already."""
        self._whole = body

    def read(self, call: StreamCall[E]) -> Iterator[list[E]]:
        """Yield what the body means, that of one piece of it together.

        :raises HugChatError: and nothing else, whatever the server sends.
        """
        try:
            yield from call.read(self)
        except HugChatError as error:
            error.hide(self._secrets())
            raise
        except Warning:  # one of ours, where warnings are errors
            raise
        except Exception as error:
            raise not_understood(error, self.url) from error

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes as they arrive; the connection is given back at the end.

        :raises TransportError: the connection broke, or a clock ran out.
        """
        if self._whole is not None:
            yield self._whole
            return
        url = self.url
        reader = getattr(getattr(self.response.raw, "_original_response", None), "reader", None)
        try:
            if reader is None or reader.closed:  # requests has read the body of a redirect
                yield from self._checked()
            else:  # the clocks are looked at once a read of the socket, which is not once a token
                reader.check = self._check
                yield from _pieces(self.response)
            if self._at_end is not None:
                self._at_end()
        except (requests.RequestException, low.HTTPError, OSError) as error:
            if self._ran_out is not None:
                raise self._ran_out from None
            if isinstance(error, TransportError):
                raise
            late = self._clock() >= self._deadline
            raise translated(error, url, phase=self._phase, late=late) from error
        except (AttributeError, ValueError) as error:
            if not self.closed or self._ran_out is not None:
                raise
            # the layers below do not expect that another thread takes the socket away
            raise ConnectionFailed("the reply was closed", url=url) from error
        finally:
            self.response.close()

    def _checked(self) -> Iterator[bytes]:
        for piece in _pieces(self.response):
            self._check()
            yield piece

    def _check(self) -> None:
        """Look at the clocks, and whether this is still the process that the socket belongs to.

        :raises TimedOut: a clock ran out.
        :raises UsageError: a forked child reads; it would take the bytes from its parent.
        """
        if os.getpid() != self._process:
            self._ran_out = UsageError("an open answer cannot be read in a forked process")
            raise self._ran_out
        now, seen = self._clock(), self._events_seen()
        if seen != self._seen:
            self._seen, self._moved = seen, now
        elif now - self._moved > self._progress:
            self._out_of("progress", self._progress)
        if now > self._deadline:
            self._out_of("total", None)

    def _out_of(self, phase: str, seconds: float | None) -> NoReturn:
        spent = f" for {seconds:g} s" if seconds is not None else " within the time given"
        what = "no event came" if phase == "progress" else "the answer was not complete"
        error = TimedOut(f"{what}{spent}", phase=phase, url=self.url, unsure=True)
        self._ran_out = error  # the layers below make something else of it
        raise error

    def limit(self, seconds: float) -> None:
        """Let the rest of the body take *seconds* and no more."""
        self._deadline = min(self._deadline, self._clock() + seconds)
        sock = _socket(self.response)
        if sock is not None:
            with suppress(OSError):  # another thread has closed it meanwhile: no limit is needed
                sock.settimeout(max(0.001, self._deadline - self._clock()))

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
    from .no_connection import find_obstacle  # here: most connections come about

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
    known = (requests.exceptions.Timeout, low.ReadTimeoutError, socket.timeout)
    return any(isinstance(layer, known) for layer in _layers(error))


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
