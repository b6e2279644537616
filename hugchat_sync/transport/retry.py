"""What is tried again, how often, and how long is waited in between."""

from __future__ import annotations

import logging
import math
import threading
import time
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Callable, Iterator, Optional, TypeVar

from ..errors import (
    ConversationLimit,
    HugChatError,
    RateLimited,
    ServerError,
    TimedOut,
    TransportError,
)
from ..options import Retry, Timeout
from ..values import Value, replace

T = TypeVar("T")

RENEWALS = 2  # of one request: by what another job has put into the file, and by signing in anew
#: what a later try may not meet again; nobody knows whether the server itself saw the request
PASSING = (408, 502, 503, 504, 520, 521, 522, 523, 524)
LONGEST = 1_000_000.0  # seconds

#: Says whether a request may be sent again, because the sign-in was renewed; it is told what became
#: of the request, and when it began.
Recover = Callable[[Optional[HugChatError], float, "Patience"], bool]

logger = logging.getLogger("hugchat_sync")


class Patience(Value):
    """How long one call may take and how often it is tried.

    :param deadline: a moment of the monotonic clock.
    :param waits: the caller set the total, so a rate limit may be waited for within it.
    :param renews: a sign-in that has lapsed is renewed on the way, and the request sent again.
    """

    timeout: Timeout
    retry: Retry
    deadline: float
    waits: bool = False
    renews: bool = True

    def once(self) -> Patience:
        """Return the same for a request that somebody else repeats."""
        return replace(self, retry=self.retry.with_tries(1), waits=False)


class Tries:
    """How many requests one message has taken, whichever loop has sent them."""

    made = 0


class Retrying:
    """Repeats what the table of retries allows.

    :param clock: the monotonic clock.
    :param jitter: 0 to 1, so that many clients do not come back at the same moment.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        jitter: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._sleep(seconds)

    def pause(self, tried: int, patience: Patience) -> None:
        """Wait as long as is due after *tried* tries.

        :raises TimedOut: the time of the call would be spent.
        """
        wait = self._in_time(patience.retry.delay(tried, self._jitter()), patience)
        if wait is None:
            raise TimedOut("no time is left for another try", phase="total")
        self._sleep(wait)

    def looks(
        self, patience: Patience, most: float = math.inf, first: float = 0.5, longest: float = 4.0
    ) -> Iterator[int]:
        """Yield the numbers of looks at what the server may have stored by now, when each is due.

        The first is due at once; the pauses before the others double from *first* to *longest*
        seconds. It ends behind *most* of them, and with the time of the call.
        """
        number, pause = 1, first
        while True:
            yield number
            left = patience.deadline - self._clock()
            if number >= most or left <= 0:
                return
            self._sleep(min(pause, left))
            if pause >= left:
                return
            number, pause = number + 1, min(2 * pause, longest)

    def repeated(
        self,
        repeatable: bool,
        patience: Patience,
        attempt: Callable[[], T],
        recover: Recover | None = None,
        tries: Tries | None = None,
        is_doubtful: Callable[[T], bool] | None = None,
    ) -> T:
        """Return what *attempt* returns, after as many tries as are allowed.

        :param repeatable: doing it twice does no more than doing it once.
        :param recover: is asked after a failure, and after an answer that is doubtful.
        :param tries: those that were made already, where somebody else repeats it as well.
        """
        tries, renewed = tries or Tries(), 0
        while True:
            tries.made += 1
            began = time.monotonic()
            able = patience if renewed < RENEWALS else replace(patience, renews=False)
            try:
                value = attempt()
            except HugChatError as error:
                # refused means not taken: once renewed, the very same request is safe to send
                if recover is not None and recover(error, began, able) and able.renews:
                    renewed += 1
                    continue
                wait = self._wait(repeatable, error, tries.made, patience)
                if wait is None:
                    raise
                logger.debug("try %d failed (%s), waiting %.1f s", tries.made, error, wait)
                self._sleep(wait)
                continue
            if recover is None or is_doubtful is None or not is_doubtful(value):
                return value
            if not (recover(None, began, able) and able.renews):
                return value
            renewed += 1

    def _wait(
        self, repeatable: bool, error: HugChatError, tried: int, patience: Patience
    ) -> float | None:
        """Return the seconds before the next try, or ``None`` when there is none."""
        if tried >= patience.retry.tries or not isinstance(error, (TransportError, ServerError)):
            return None
        usual = patience.retry.delay(tried, self._jitter())
        if isinstance(error, RateLimited):
            return self._rate_wait(repeatable, error, usual, patience)
        if isinstance(error, TransportError):
            again = not error.lasting and (repeatable or not error.unsure)
        else:
            again = repeatable and getattr(error, "status", None) in PASSING
        if not again:
            return None
        return self._in_time(usual, patience)

    def _rate_wait(
        self, repeatable: bool, error: RateLimited, usual: float, patience: Patience
    ) -> float | None:
        """Return how long to wait for a rate limit, or ``None`` when the caller is to be told.

        :param usual: seconds, the shortest wait: a server that asks for none is not pressed.
        """
        wait, longest = error.retry_after, patience.retry.longest_retry_after
        if isinstance(error, ConversationLimit) or wait is None:
            return None
        told = error.told and repeatable
        if wait > longest or longest <= 0 or not (told or patience.waits):
            return None
        # a refused request was not taken: safe to repeat
        return self._in_time(max(wait, usual), patience)

    def _in_time(self, wait: float, patience: Patience) -> float | None:
        return wait if self._clock() + wait < patience.deadline else None


@contextmanager
def held(lock: threading.Lock, deadline: float, why: str) -> Iterator[None]:
    """Hold *lock*, which another thread may hold while it talks to the server.

    :raises TimedOut: the time of the call was spent waiting; *why* is its sentence.
    """
    left = deadline - time.monotonic()
    if not lock.acquire(timeout=max(0.0, min(left, LONGEST))):
        raise TimedOut(why, phase="total")
    try:
        yield
    finally:
        lock.release()


def is_unsure(error: HugChatError) -> bool:
    """Return whether a request that failed like this may have been done all the same."""
    if isinstance(error, TransportError):
        return error.unsure
    # a gateway's word says nothing about the server behind it; a firewall's says it never came
    return isinstance(error, ServerError) and error.status in PASSING


def seconds_asked_for(retry_after: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, which is a number or a date."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        pass  # then it is a date
    else:
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        moment = parsedate_to_datetime(retry_after).timestamp()
    except (TypeError, ValueError, OverflowError, OSError):  # a year that no clock has
        return None
    return max(0.0, moment - time.time())
