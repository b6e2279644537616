"""The one place that owns a ``requests.Session``: sends what is described, translates what breaks.

Knows no route and no field name.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Sequence, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import requests
from requests.auth import AuthBase

from . import __version__
from .calls import Call, Reply, Request, StreamCall
from .errors import (
    AuthError,
    ConversationLimit,
    HugChatError,
    ProtocolError,
    RateLimited,
    ServerError,
    SessionExpired,
    TimedOut,
    TransportError,
    UsageError,
)
from .options import Retry, Timeout
from .session import own_session, shielded
from .stream import Stream, translated

T = TypeVar("T")

_USER_AGENT = f"hugchat_sync/{__version__}"
_LARGEST_REPLY = 256 * 1024 * 1024  # bytes; more is no reply but an attack on memory
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (502, 503, 504)  # the statuses that a later try may not meet again

logger = logging.getLogger("hugchat_sync")


@dataclass(frozen=True)
class Patience:
    """How long one call may take and how often it is tried.

    :param deadline: a moment of the monotonic clock.
    :param waits: the caller set the total, so a rate limit may be waited for within it.
    """

    timeout: Timeout
    retry: Retry
    deadline: float
    waits: bool = False


class Transport:
    """Sends calls to one server.

    :param auth: puts the credentials on each request; ``None`` for none.
    :param signed_in: credentials were given: a refusal means that they have lapsed.
    :param received: is told (url, ``Set-Cookie`` values, whether the reply was a refusal).
    :param renew: tries to renew a sign-in that has lapsed and says whether it did.
    """

    def __init__(
        self,
        base_url: str,
        *,
        session: requests.Session | None = None,
        auth: AuthBase | None = None,
        signed_in: bool = False,
        timeout: Timeout | None = None,
        waits: bool = False,
        retry: Retry | None = None,
        received: Callable[[str, Sequence[str], bool], None] | None = None,
        renew: Callable[[], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.renew = renew
        self.timeout = timeout or Timeout()
        self.retry = retry or Retry()
        self._waits = waits
        self._own = session is None
        self._session = own_session() if session is None else shielded(session)
        self._auth = auth or _no_auth
        self._signed_in = signed_in
        self._received = received
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    def __repr__(self) -> str:
        return f"<Transport to {self.base_url}>"

    def close(self) -> None:
        """Close the idle connections; a session that the user gave stays open."""
        if self._own:
            self._session.close()

    def patience(self, *, tries: int | None = None, deadline: float | None = None) -> Patience:
        """Return the patience for one call that begins now."""
        end = self._clock() + self.timeout.total
        if deadline is not None:
            end = min(end, deadline)
        return Patience(self.timeout, self.retry.with_tries(tries), end, self._waits)

    def sleep(self, seconds: float) -> None:
        """Wait; the one clock that tests replace."""
        self._sleep(seconds)

    def pause(self, tried: int, patience: Patience) -> None:
        """Wait as long as is due after *tried* tries.

        :raises TimedOut: the time of the call would be spent.
        """
        wait = self._in_time(patience.retry.delay(tried, self._jitter()), patience)
        if wait is None:
            raise TimedOut("no time is left for another try", phase="total", url=self.base_url)
        self._sleep(wait)

    # sending -------------------------------------------------------------------------------

    def send(self, call: Call[T], patience: Patience | None = None) -> T:
        """Return what the reply of *call* reads as.

        :raises TransportError: no complete reply came.
        :raises HugChatError: the reply was bad; the class is that of the dialect.
        """
        patience = patience or self.patience()
        return self._repeated(call.request, patience, lambda: self._exchange(call, patience))

    def open(self, call: StreamCall[Any], patience: Patience | None = None) -> Stream:
        """Return the open reply of *call*, whose status was good.

        A request that may have reached the server is not repeated; the error's ``unsure`` tells.
        """
        patience = patience or self.patience()
        request = call.request

        def attempt() -> Stream:
            stream = self._opened(request, patience, keep_alives=call.keep_alives)
            if stream.response.status_code != 200:
                self._refuse(request, self._whole(stream))
            return stream

        return self._repeated(request, patience, attempt)

    def _exchange(self, call: Call[T], patience: Patience) -> T:
        reply = self._whole(self._opened(call.request, patience))
        if not call.any_status and not 200 <= reply.status < 300:
            self._refuse(call.request, reply)
        try:
            return call.read(reply)
        except AuthError as error:  # some servers say it inside a good status
            raise self._expired(error, reply) from error

    def _opened(self, request: Request, patience: Patience, keep_alives: bool = True) -> Stream:
        left = patience.deadline - self._clock()
        url = self.base_url + request.path
        if left <= 0:
            raise TimedOut("no time is left for this call", phase="total", url=url)
        silence, phase = _silence(patience.timeout, left, keep_alives)
        started = self._clock()
        try:
            response = self._session.request(
                request.method,
                url,
                timeout=(min(patience.timeout.connect, left), silence),
                allow_redirects=False,  # a redirected POST would read a login page as success
                stream=True,
                auth=self._auth,
                headers=self._headers(request),
                **_body(request),
            )
        except (requests.RequestException, OSError) as error:
            raise translated(error, url, phase=phase) from error
        took = self._clock() - started
        logger.debug("%s %s → %d, %.3f s", request.method, url, response.status_code, took)
        self._take_cookies(response)
        return Stream(
            response,
            phase=phase,
            progress=patience.timeout.progress,
            deadline=patience.deadline,
            clock=self._clock,
        )

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
            if size > _LARGEST_REPLY:
                raise ProtocolError("the reply is too large", url=stream.response.url)
            pieces.append(piece)
        response = stream.response
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Reply(response.status_code, headers, b"".join(pieces), response.url)

    def _take_cookies(self, response: requests.Response) -> None:
        if self._received is None:
            return
        getlist = getattr(response.raw.headers, "getlist", None)
        values = getlist("Set-Cookie") if getlist else []
        if values:
            refused = response.status_code in (*_REDIRECTS, 401, 403)
            self._received(response.url, values, refused)

    # bad news ------------------------------------------------------------------------------

    def _refuse(self, request: Request, reply: Reply) -> None:
        """Raise the error of a reply with a bad status."""
        if reply.status in _REDIRECTS:
            raise self._expired(_redirected(self.base_url, reply), reply)
        error = request.error(reply)
        after = _retry_after(reply.headers.get("retry-after"))
        if isinstance(error, RateLimited) and after is not None:
            error.retry_after, error.told = after, True
        raise self._expired(error, reply)

    def _expired(self, error: HugChatError, reply: Reply) -> HugChatError:
        """Return *error*, as :class:`SessionExpired` if it means that our credentials lapsed."""
        if type(error) is AuthError and self._signed_in and reply.status != 403:
            return SessionExpired(
                f"the sign-in is no longer accepted ({error}); sign in again and pass new cookies",
                status=reply.status,
                url=reply.url,
            )
        return error

    def _repeated(self, request: Request, patience: Patience, attempt: Callable[[], T]) -> T:
        """Return what *attempt* returns, after as many tries as the table of retries allows."""
        tried, renewed = 0, False
        while True:
            tried += 1
            try:
                return attempt()
            except SessionExpired:
                # refused means not taken: once renewed, the very same request is safe to send
                if renewed or self.renew is None or not self.renew():
                    raise
                renewed = True
            except (TransportError, ServerError) as error:
                wait = self._wait(request, error, tried, patience)
                if wait is None:
                    raise
                logger.debug("try %d failed (%s), waiting %.1f s", tried, error, wait)
                self._sleep(wait)

    def _wait(
        self, request: Request, error: HugChatError, tried: int, patience: Patience
    ) -> float | None:
        """Return the seconds before the next try, or ``None`` when there is none."""
        if isinstance(error, RateLimited):
            return self._rate_wait(request, error, tried, patience)
        if tried >= patience.retry.tries:
            return None
        if isinstance(error, TransportError):
            again = request.repeatable or not error.unsure
        else:
            again = request.repeatable and getattr(error, "status", None) in _PASSING
        if not again:
            return None
        return self._in_time(patience.retry.delay(tried, self._jitter()), patience)

    def _rate_wait(
        self, request: Request, error: RateLimited, tried: int, patience: Patience
    ) -> float | None:
        """Return how long to wait for a rate limit, or ``None`` when the caller is to be told."""
        wait = error.retry_after
        if isinstance(error, ConversationLimit) or wait is None:
            return None
        told = error.told and request.repeatable and tried < patience.retry.tries
        if wait > patience.retry.longest_retry_after or not (told or patience.waits):
            return None
        return self._in_time(wait, patience)  # a refused request was not taken: safe to repeat

    def _in_time(self, wait: float | None, patience: Patience) -> float | None:
        if wait is None or self._clock() + wait >= patience.deadline:
            return None
        return wait


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from looking into ``.netrc``: it would send a password to a chat server."""
    return request


def _body(request: Request) -> dict[str, Any]:
    if request.parts:
        parts = [(name, (part.filename, part.content, part.mime)) for name, part in request.parts]
        return {"files": parts}
    if request.form is not None:
        return {"data": urlencode(request.form).encode("ascii")}
    if request.body is not None:
        return {"data": request.body}
    return {"json": request.json} if request.json is not None else {}


def _silence(timeout: Timeout, left: float, keep_alives: bool) -> tuple[float, str]:
    """Return how long the socket may be silent, and the name of the clock which says so.

    Where a server shows no signs of life while it is busy, silence is all there is to see: the
    default of ``idle`` would end good answers, so ``progress`` stands in; one that the caller
    shortened is meant.
    """
    idle = timeout.idle
    if not keep_alives and idle >= Timeout.idle:
        idle = max(idle, timeout.progress)
    clocks = ((idle, "idle"), (timeout.progress, "progress"), (left, "total"))
    return min(clocks, key=lambda clock: clock[0])


def _redirected(base_url: str, reply: Reply) -> HugChatError:
    """Return the error of a redirect, which is never followed."""
    target = urljoin(reply.url or base_url, reply.headers.get("location", ""))
    host = urlsplit(target).netloc or "?"
    if reply.status in (301, 308):
        return UsageError(f"the server has moved to {host}: use that address as base_url")
    return AuthError(
        f"the server sent us to sign in at {host}: sign in, or pass cookies",
        status=reply.status,
        url=reply.url,
    )


def _retry_after(value: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, which is a number or a date."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass  # then it is a date
    try:
        moment = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return None
    return max(0.0, moment - time.time())
