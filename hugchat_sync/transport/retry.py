"""What is tried again, how often, and how long is waited in between."""

from __future__ import annotations

import math
import threading
import time
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Callable, Iterator

from ..errors import (
    ConversationLimit,
    HugChatError,
    RateLimited,
    ServerError,
    TimedOut,
    TransportError,
)
from ..futures import SLICE
from ..options import Retry, Timeout
from ..values import Value, replace, with_fields

RENEWALS = 2  # of one request: by what another job has put into the file, and by signing in anew
#: what a later try may not meet again; nobody knows whether the server itself saw the request
PASSING = (408, 502, 503, 504, 520, 521, 522, 523, 524)
LONGEST = 1_000_000.0  # seconds


@with_fields
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
    """What the table of retries allows, and the pauses between the tries.

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

    def pause(self, tried: int, patience: Patience) -> None:
        """Wait as long as is due after *tried* tries.

        :raises TimedOut: the time of the call would be spent.
        """
        wait = patience.retry.delay(tried, self._jitter())
        if self._clock() + wait >= patience.deadline:
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

    def wait_after(
        self, error: HugChatError, tried: int, patience: Patience, repeatable: bool
    ) -> float | None:
        """Return the seconds before the next try, ``None`` where the caller is to be told.

        :param repeatable: doing it twice does no more than doing it once.
        """
        retry = patience.retry
        if tried >= retry.tries:
            return None
        wait = retry.delay(tried, self._jitter())
        if isinstance(error, RateLimited):
            asked, longest = error.retry_after, retry.longest_retry_after
            # refused means not taken: safe to repeat, where somebody has said how long to wait
            if not ((error.is_from_reply and repeatable) or patience.waits) or longest <= 0:
                return None
            if isinstance(error, ConversationLimit) or asked is None or asked > longest:
                return None
            wait = max(asked, wait)  # a server that asks for no wait is not pressed
        elif isinstance(error, TransportError):
            if error.lasting or (error.unsure and not repeatable):
                return None
        elif not (repeatable and isinstance(error, ServerError) and error.status in PASSING):
            return None
        return wait if self._clock() + wait < patience.deadline else None


@contextmanager
def hold_within(lock: threading.Lock, deadline: float, why: str) -> Iterator[None]:
    """Hold *lock*, which another thread may hold while it talks to the server.

    :raises TimedOut: the time of the call was spent waiting; *why* is its sentence.
    """
    while not lock.acquire(timeout=max(0.0, min(SLICE, deadline - time.monotonic()))):
        if time.monotonic() >= deadline:
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
