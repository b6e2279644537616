"""Counting messages per minute.

Source: chat-ui c100c162 and a3b58941c, measured (u02, u04, lm17 to lm20): per session and per
address, refused ones count.
"""

from __future__ import annotations

import threading
import time
from collections import deque

_WINDOW = 60.0


class Rates:
    """Says who is too fast.

    :param limit: messages a minute; nobody is ever too fast when ``None``.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._seen: deque[tuple[float, str, str]] = deque()

    def allow(self, owner: str, address: str) -> bool:
        """Count a message and return whether it may pass."""
        if self._limit is None:
            return True
        moment = time.monotonic()
        with self._lock:
            while self._seen and moment - self._seen[0][0] > _WINDOW:
                self._seen.popleft()
            self._seen.append((moment, owner, address))
            by_owner = sum(1 for _, other, _ in self._seen if other == owner)
            by_address = sum(1 for _, _, other in self._seen if other == address)
        return max(by_owner, by_address) <= self._limit
