"""The one place that owns a ``requests.Session``: sends what is described, translates what breaks.

Knows no route and no field name.
"""

from __future__ import annotations

import logging
import math
import os
import random
import time
from contextlib import contextmanager, nullcontext
from typing import Any, Callable, Iterable, Iterator, Sequence, TypeVar
from urllib.parse import urlencode, urlsplit

import requests
import urllib3.exceptions as low
from requests import PreparedRequest

from ..calls import Call, Reply, Request, StreamCall
from ..errors import (
    AuthError,
    HugChatError,
    ProtocolError,
    RateLimited,
    SessionExpired,
    TimedOut,
    hidden,
)
from ..options import Retry, Timeout, is_loopback
from ..values import replace
from ..version import __version__
from .adapter import Attempt, Quiet, authentication, close_own_adapters, own_session, shielded
from .retry import (
    LONGEST,
    Patience,
    Retrying,
    Tries,
    seconds_asked_for,
)
from .stream import Stream, forgotten, not_understood, translated

T = TypeVar("T")

_USER_AGENT = f"hugchat_sync/{__version__}"
_LARGEST_REPLY = 256 * 1024 * 1024  # bytes; more is no reply but an attack on memory

logger = logging.getLogger("hugchat_sync")


class Sender:
    """Who sends the requests of a transport: this one has no credentials, and needs none.

    ``is_given``: credentials were given, so that a refusal means that they have lapsed.
    """

    is_given = False

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Return *request* with the credentials on it."""
        return request

    def received(self, url: str, set_cookie_values: Sequence[str], refused: bool) -> None:
        """Take the cookies of a reply.

        :param refused: the reply is one that signed-out users get.
        """

    def recover(self, error: HugChatError | None, began: float, patience: Patience) -> bool:
        """Return whether the same request may be sent again, because the sign-in was renewed.

        :param error: what became of the request; ``None`` for an answer as empty as nobody's.
        :param began: when the request began, by the monotonic clock.
        """
        return False

    def secrets(self) -> Iterable[str]:
        """Return what no error may show, although the server may have sent it back."""
        return ()


class Transport:
    """Sends calls to one server.

    :param identity: who sends them.
    :param largest: bytes of a whole reply; a longer one is refused.
    """

    def __init__(
        self,
        base_url: str,
        *,
        session: requests.Session | None = None,
        identity: Sender | None = None,
        timeout: Timeout | None = None,
        waits: bool = False,
        retry: Retry | None = None,
        largest: int = _LARGEST_REPLY,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout or Timeout()
        self.retry = retry or Retry()
        self._waits = waits
        self._given = session
        # traffic to this machine takes no proxy of the environment, which would read it; through a
        # tunnel to https it reads nothing. The proxies of the session itself hold.
        open_here = is_loopback(base_url) and base_url.startswith("http://")
        here = urlsplit(base_url).hostname if open_here else None
        self._no_proxy = {"no_proxy": here} if here else {}
        self._session = self._made_session()
        self._process = os.getpid()
        self._identity = identity or Sender()
        self._secrets = self._identity.secrets
        self._auth = authentication(session.auth if session is not None else None, self._identity)
        self._largest = largest
        self._clock = clock
        self._retrying = Retrying(clock, sleep, jitter)

    def __repr__(self) -> str:
        return f"<Transport to {self.base_url}>"

    def close(self) -> None:
        """Close the idle connections; those of an adapter that the user wrote stay open."""
        close_own_adapters(self._session)

    def patience(
        self,
        *,
        tries: int | None = None,
        deadline: float | None = None,
        timeout: Timeout | None = None,
        retry: Retry | None = None,
    ) -> Patience:
        """Return the patience for one call that begins now.

        :param timeout: and *retry*: in place of those of the client.
        """
        waits, retry = self._waits or timeout is not None, retry or self.retry
        timeout = timeout or self.timeout
        end = self._clock() + timeout.total
        if deadline is not None:
            end = min(end, deadline)
        if tries is not None:
            retry = retry.with_tries(tries)
        return Patience(timeout, retry, end, waits)

    def sleep(self, seconds: float) -> None:
        """Wait; the one clock that tests replace."""
        self._retrying.sleep(seconds)

    def pause(self, tried: int, patience: Patience) -> None:
        """Wait as long as is due after *tried* tries.

        :raises TimedOut: the time of the call would be spent.
        """
        self._retrying.pause(tried, patience)

    def looks(
        self, patience: Patience, most: float = math.inf, first: float = 0.5, longest: float = 4.0
    ) -> Iterator[int]:
        """Yield when a look at what the server may have stored by now is due, its number."""
        return self._retrying.looks(patience, most, first, longest)

    def repeated(self, attempt: Callable[[], T], patience: Patience) -> T:
        """Return what *attempt* returns; it is tried as often as a repeatable request is."""
        return self._retrying.repeated(True, patience, attempt)

    # sending -------------------------------------------------------------------------------

    def send(
        self,
        call: Call[T],
        patience: Patience | None = None,
        is_doubtful: Callable[[T], bool] | None = None,
    ) -> T:
        """Return what the reply of *call* reads as.

        :param is_doubtful: whether that may be what somebody reads who is not signed in.
        :raises TransportError: no complete reply came.
        :raises HugChatError: the reply was bad; the class is that of the dialect.
        """
        patience = patience or self.patience()
        return self._repeated(
            call.request, patience, lambda: self._exchange(call, patience), None, is_doubtful
        )

    def open(
        self,
        call: StreamCall[Any],
        patience: Patience | None = None,
        tries: Tries | None = None,
    ) -> Stream:
        """Return the open reply of *call*, whose status was good.

        A request that may have reached the server is not repeated; the error's ``unsure`` tells.

        :param tries: those that were made already; these are added.
        """
        patience = patience or self.patience()
        request = call.request

        def attempt() -> Stream:
            stream = self._opened(request, patience, keep_alives=call.keep_alives)
            with self._understood(stream.url):
                self._refuse_instead(call, stream)
            return stream

        return self._repeated(request, patience, attempt, tries)

    @contextmanager
    def _understood(self, url: str) -> Iterator[None]:
        """Let nothing but our own errors out of what is made of a reply."""
        try:
            yield
        except (HugChatError, Warning):  # one of ours, where warnings are errors
            raise
        except Exception as error:
            raise not_understood(error, url) from error

    def _repeated(
        self,
        request: Request,
        patience: Patience,
        attempt: Callable[[], T],
        tries: Tries | None = None,
        is_doubtful: Callable[[T], bool] | None = None,
    ) -> T:
        try:
            return self._retrying.repeated(
                request.repeatable, patience, attempt, self._identity.recover, tries, is_doubtful
            )
        except HugChatError as error:
            error.hide(self._secrets())
            raise

    def _refuse_instead(self, call: StreamCall[Any], stream: Stream) -> None:
        """Raise what came instead of a stream."""
        headers = stream.response.headers
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if stream.response.status_code != 200 or kind == "text/html":
            self._refuse(call.request, self._whole(stream))
            raise ProtocolError("expected a stream", url=stream.url)
        if kind == "application/json" and "Content-Length" in headers:
            self._refuse_inside(call, stream)

    def _refuse_inside(self, call: StreamCall[Any], stream: Stream) -> None:
        """Raise the refusal that a whole JSON reply may be, where a stream was asked for.

        Source: POST of a message with a forced login, chat-ui 2026-08: 200 with a redirect inside
        (measured).
        """
        reply = self._whole(stream)
        stream.again(reply.body)
        try:
            next(iter(call.read([reply.body])), None)
        except AuthError as error:
            raise self._expired(error, reply) from error
        except HugChatError:
            pass  # not a refusal: whoever reads the stream meets it in its place

    def _exchange(self, call: Call[T], patience: Patience) -> T:
        stream = self._opened(call.request, patience)
        with self._understood(stream.url):
            reply = self._whole(stream)
            self._refuse(call.request, reply)
            try:
                return call.read(reply)
            except AuthError as error:  # some servers say it inside a good status
                raise self._expired(error, reply) from error

    def _opened(self, request: Request, patience: Patience, keep_alives: bool = True) -> Stream:
        left = patience.deadline - self._clock()
        url = self.base_url + request.path
        shown = url.partition("?")[0]  # what follows may be a code to sign in with
        if left <= 0:
            raise TimedOut("no time is left for this call", phase="total", url=shown)
        silence, phase = longest_silence(patience.timeout, left, keep_alives)
        session = self._session_here()
        # said here, for the environment's CA bundle would win over the user's own session
        verify = None if session.verify is True else session.verify
        started, connect = self._clock(), min(patience.timeout.connect, left, LONGEST)
        attempt = Attempt(silence)
        attempt.moment = time.monotonic() + min(left, patience.timeout.progress)
        # what a session of the user's raises in a hook of its own is the user's business
        ours = self._understood(shown) if self._given is None else nullcontext()
        with ours:
            try:
                response = session.request(
                    request.method,
                    url,
                    params=dict(request.params),
                    timeout=(connect, attempt),
                    allow_redirects=False,  # a redirected POST would read a login page as success
                    stream=True,
                    auth=self._auth,
                    proxies=dict(self._no_proxy),
                    verify=verify,
                    headers=self._headers(request),
                    **_body(request),
                )
            except (requests.RequestException, low.HTTPError, OSError) as error:
                late = self._clock() >= patience.deadline
                raise translated(
                    forgotten(error), shown, phase=phase, late=late, sent=attempt.sent
                ) from error
        took = self._clock() - started
        logger.debug("%s %s → %d, %.3f s", request.method, shown, response.status_code, took)
        with self._understood(shown):
            self._take_cookies(response)
        return Stream(
            response,
            phase=phase,
            progress=patience.timeout.progress,
            deadline=patience.deadline,
            clock=self._clock,
            secrets=self._secrets,
        )

    def _session_here(self) -> requests.Session:
        """Return the session; a forked child must not write into the connections of its parent."""
        if os.getpid() != self._process:
            self._session, self._process = self._made_session(), os.getpid()
        return self._session

    def _made_session(self) -> requests.Session:
        return own_session() if self._given is None else shielded(self._given)

    def _headers(self, request: Request) -> dict[str, str]:
        parts = urlsplit(self.base_url)
        origin = f"{parts.scheme}://{parts.netloc}"
        headers = {"User-Agent": _USER_AGENT, "Accept": "application/json"}
        if request.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"  # an empty form needs it
        for name, value in request.headers.items():
            headers[name] = value.replace("{origin}", origin).replace("{base}", self.base_url)
        return headers

    def _whole(self, stream: Stream) -> Reply:
        pieces, size = [], 0
        for piece in stream:
            size += len(piece)
            if size > self._largest:
                raise ProtocolError("the reply is too large", url=stream.url)
            pieces.append(piece)
        response = stream.response
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = b"".join(pieces)
        return Reply(response.status_code, headers, body, stream.url, self.base_url)

    def _take_cookies(self, response: requests.Response) -> None:
        values = Quiet(_set_cookies(response))
        if values:
            # the answer to a request that left before there were cookies begins another session
            stray = "Cookie" not in response.request.headers
            status = response.status_code
            refused = stray or 300 <= status < 400 or status in (401, 403)
            try:
                self._identity.received(response.url, values, refused)
            except Warning:  # of a file that cannot be written, where warnings are errors
                response.close()
                raise

    # bad news ------------------------------------------------------------------------------

    def _refuse(self, request: Request, reply: Reply) -> None:
        """Raise the error of a reply that is not what was asked for."""
        is_good = 200 <= reply.status < 300
        if not is_good:  # what an error carries of it may be cut in the middle of a secret
            reply = replace(reply, body=hidden(reply.text, self._secrets()).encode("utf-8"))
        error = request.error(reply)
        if error is None:
            return
        after = None if is_good else seconds_asked_for(reply.headers.get("retry-after"))
        if isinstance(error, RateLimited) and after is not None:
            error.retry_after, error.told = after, True
        raise self._expired(error, reply)

    def _expired(self, error: HugChatError, reply: Reply) -> HugChatError:
        """Return *error*, as :class:`SessionExpired` if it means that our credentials lapsed."""
        lapsed = type(error) is AuthError and not error.by_gateway and reply.status != 403
        if lapsed and self._identity.is_given:
            return SessionExpired(
                f"the sign-in is no longer accepted ({error}); sign in again and pass new cookies",
                status=reply.status,
                url=reply.url,
            )
        return error


def _set_cookies(response: requests.Response) -> Iterable[str]:
    getlist = getattr(response.raw.headers, "getlist", None)
    return getlist("Set-Cookie") if getlist else ()


def _body(request: Request) -> dict[str, Any]:
    if request.parts:
        parts = [(name, (part.filename, part.content, part.mime)) for name, part in request.parts]
        return {"files": parts}
    if request.form is not None:
        return {"data": urlencode(request.form).encode("ascii")}
    if request.body is not None:
        return {"data": request.body}
    return {"json": request.json} if request.json is not None else {}


def longest_silence(timeout: Timeout, left: float, keep_alives: bool) -> tuple[float, str]:
    """Return how long the socket may be silent, and the name of the clock which says so.

    Where a server shows no signs of life while it is busy, silence is all there is to see: the
    default of ``idle`` would end good answers, so ``progress`` stands in; one that the caller
    shortened is meant.
    """
    idle = timeout.idle
    if not keep_alives and idle >= Timeout.idle:
        idle = max(idle, timeout.progress)
    # without an end is too long for a socket
    clocks = ((idle, "idle"), (timeout.progress, "progress"), (left, "total"), (LONGEST, "idle"))
    return min(clocks, key=lambda clock: clock[0])
