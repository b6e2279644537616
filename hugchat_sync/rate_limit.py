"""So many messages a minute and no more, over all threads."""

from __future__ import annotations

import math
import threading
import time
from typing import Callable

from .errors import TimedOut, UsageError
from .futures import renew_locks_after_fork
from .options import is_positive


class Pace:
    """Hands out evenly spaced moments at which a message may leave.

    :param per_minute: messages a minute; ``None`` for no limit.
    :raises UsageError: it is no number above 0.
    """

    def __init__(
        self,
        per_minute: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if per_minute is not None and not is_positive(per_minute):
            raise UsageError("max_per_minute is a number above 0")
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self.is_limited = self._gap > 0  # a message may have to wait
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        renew_locks_after_fork(self)

    def renew_locks(self) -> None:
        """Take a new lock."""
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Pace], tuple[float | None]]:
        return Pace, (60.0 / self._gap if self._gap else None,)  # another process, another clock

    def wait(self, deadline: float = math.inf) -> None:
        """Return when the next message may leave.

        :param deadline: a moment of the monotonic clock.
        :raises TimedOut: the message may leave only after that; no turn is taken.
        """
        delay = self.delay(deadline)
        if delay > 0:
            self._sleep(delay)

    def delay(self, deadline: float = math.inf) -> float:
        """Take the next turn, and return the seconds until it; see :meth:`wait`."""
        if not self._gap:
            return 0.0
        with self._lock:
            moment = max(self._clock(), self._next)
            if moment > deadline:
                raise TimedOut("max_per_minute leaves no time for this message", phase="total")
            self._next = moment + self._gap
        return max(0.0, moment - self._clock())
