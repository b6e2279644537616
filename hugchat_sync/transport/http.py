"""The one place that owns a ``requests.Session``: sends what is described, translates what breaks.

Knows no route and no field name.
"""

from __future__ import annotations

import json
import logging
import random
import time
from contextlib import ExitStack
from typing import Any, Callable, Iterable, Sequence, TypeVar
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
    UsageError,
    hide_secrets,
)
from ..futures import renew_locks_after_fork
from ..options import Retry, Timeout, is_loopback
from ..values import replace
from ..version import __version__
from .adapter import HiddenTexts, authentication, close_own_adapters, own_session, shield
from .retry import LONGEST, RENEWALS, Patience, Retrying, Tries, seconds_asked_for
from .stream import Attempt, Stream, forgotten, not_understood, translated

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


class Transport(Retrying):
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
        super().__init__(clock, sleep, jitter)
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
        self._identity = identity or Sender()
        self._secrets = self._identity.secrets
        self._auth = authentication(session.auth if session is not None else None, self._identity)
        self._largest = largest
        renew_locks_after_fork(self)

    def renew_locks(self) -> None:
        """Take a new session: a forked child must not write into the connections of its parent."""
        self._session = own_session() if self._given is None else shield(self._given)

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
        request, within = call.request, patience or self.patience()

        def exchange() -> T:
            with self._open_reply(request, within) as stream:
                self._take_cookies(stream.response)
                reply = self._whole(stream)
                self._refuse(request, reply)
                try:
                    return call.read(reply)
                except AuthError as error:  # some servers say it inside a good status
                    raise self._expired(error, reply) from error

        return self.repeat(
            exchange,
            within,
            repeatable=request.repeatable,
            sender=self._identity,
            is_doubtful=is_doubtful,
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
        request, within = call.request, patience or self.patience()

        def opened() -> Stream:
            with ExitStack() as unless_good:
                stream = self._open_reply(request, within, keep_alives=call.keep_alives)
                unless_good.push(stream)
                self._take_cookies(stream.response)
                self._refuse_instead(call, stream)
                unless_good.pop_all()
            return stream

        return self.repeat(
            opened, within, repeatable=request.repeatable, sender=self._identity, tries=tries
        )

    def repeat(
        self,
        attempt: Callable[[], T],
        patience: Patience,
        *,
        repeatable: bool = True,
        sender: Sender | None = None,
        tries: Tries | None = None,
        is_doubtful: Callable[[T], bool] | None = None,
    ) -> T:
        """Return what *attempt* returns, after as many tries as are allowed.

        :param repeatable: doing it twice does no more than doing it once.
        :param sender: is asked after a failure, and after an answer that is doubtful.
        :param tries: those that were made already, where somebody else repeats it as well.
        """
        recover, tries, renewed = (sender or Sender()).recover, tries or Tries(), 0
        while True:
            tries.made += 1
            began = time.monotonic()
            able = patience if renewed < RENEWALS else replace(patience, renews=False)
            try:
                value = attempt()
            except HugChatError as error:
                error.hide(self._secrets())
                # refused means not taken: once renewed, the very same request is safe to send
                if recover(error, began, able) and able.renews:
                    renewed += 1
                    continue
                wait = self.wait_after(error, tries.made, patience, repeatable)
                if wait is None:
                    raise
                logger.debug("try %d failed (%s), waiting %.1f s", tries.made, error, wait)
                self._sleep(wait)
                continue
            if is_doubtful is None or not is_doubtful(value):
                return value
            if not (recover(None, began, able) and able.renews):
                return value
            renewed += 1

    def _open_reply(self, request: Request, patience: Patience, keep_alives: bool = True) -> Stream:
        left = patience.deadline - self._clock()
        url = self.base_url + request.path
        shown = url.partition("?")[0]  # what follows may be a code to sign in with
        if left <= 0:
            raise TimedOut("no time is left for this call", phase="total", url=shown)
        silence, phase = longest_silence(patience.timeout, left, keep_alives)
        session, started = self._session, self._clock()
        attempt = Attempt(silence)
        attempt.moment = time.monotonic() + min(left, patience.timeout.progress)
        try:
            response = session.request(
                request.method,
                url,
                params=dict(request.params),
                timeout=(min(patience.timeout.connect, left, LONGEST), attempt),
                allow_redirects=False,  # a redirected POST would read a login page as success
                stream=True,
                auth=self._auth,
                proxies=dict(self._no_proxy),
                # said here, for the environment's CA bundle would win over the user's own session
                verify=None if session.verify is True else session.verify,
                **_message(request, self.base_url),
            )
        except (requests.RequestException, low.HTTPError, OSError) as error:
            late = self._clock() >= patience.deadline
            raise translated(
                forgotten(error), shown, phase=phase, late=late, sent=attempt.sent
            ) from error
        except Exception as error:
            # what a session of the user's raises in a hook of its own is the user's business
            if self._given is not None or isinstance(error, (HugChatError, Warning)):
                raise
            raise not_understood(error, shown) from error
        took = self._clock() - started
        logger.debug("%s %s → %d, %.3f s", request.method, shown, response.status_code, took)
        return Stream(
            response,
            phase=phase,
            progress=patience.timeout.progress,
            deadline=patience.deadline,
            clock=self._clock,
            secrets=self._secrets,
        )

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
        values = HiddenTexts(_set_cookies(response))
        if values:
            # the answer to a request that left before there were cookies begins another session
            stray = "Cookie" not in response.request.headers
            status = response.status_code
            refused = stray or 300 <= status < 400 or status in (401, 403)
            self._identity.received(response.url, values, refused)

    # errors ---------------------------------------------------------------------------------

    def _refuse_instead(self, call: StreamCall[Any], stream: Stream) -> None:
        """Raise what came instead of a stream, or in the form of a whole JSON reply.

        Source: POST of a message with a forced login, chat-ui 2026-08: 200 with a redirect inside
        (measured).
        """
        headers = stream.response.headers
        kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if stream.response.status_code != 200 or kind == "text/html":
            self._refuse(call.request, self._whole(stream))
            raise ProtocolError("expected a stream", url=stream.url)
        if kind == "application/json" and "Content-Length" in headers:
            reply = self._whole(stream)
            stream.replay(reply.body)
            try:
                next(iter(call.read([reply.body])), None)
            except AuthError as error:
                raise self._expired(error, reply) from error
            except HugChatError:
                pass  # not a refusal: whoever reads the stream meets it in its place

    def _refuse(self, request: Request, reply: Reply) -> None:
        """Raise the error of a reply that is not what was asked for."""
        is_good = 200 <= reply.status < 300
        if not is_good:  # what an error carries of it may be cut in the middle of a secret
            reply = replace(reply, body=hide_secrets(reply.text, self._secrets()).encode("utf-8"))
        error = request.error(reply)
        if error is None:
            return
        after = None if is_good else seconds_asked_for(reply.headers.get("retry-after"))
        if isinstance(error, RateLimited) and after is not None:
            error.retry_after, error.is_from_reply = after, True
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


def _message(request: Request, base_url: str) -> dict[str, Any]:
    """Return the headers and the body of *request*, as requests takes them."""
    parts = urlsplit(base_url)
    origin = f"{parts.scheme}://{parts.netloc}"
    headers = {"User-Agent": _USER_AGENT, "Accept": "application/json"}
    message: dict[str, Any] = {"headers": headers}
    if request.parts:
        files = [(name, (part.filename, part.content, part.mime)) for name, part in request.parts]
        message["files"] = files
    elif request.form is not None:
        # said even of an empty form: without it the server drops the body
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        message["data"] = urlencode(request.form, errors="replace").encode("ascii")
    elif request.body is not None:
        message["data"] = request.body
    elif request.json is not None:
        headers["Content-Type"] = "application/json"
        try:
            message["data"] = json.dumps(request.json, allow_nan=False).encode("utf-8")
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"a value given cannot be written as JSON: {error}") from error
    for name, value in request.headers.items():
        headers[name] = value.replace("{origin}", origin).replace("{base}", base_url)
    return message


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
