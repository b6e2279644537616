"""Stops, as that server understood them.

Source: chat-ui a3b58941c, measured (lg18 to lg25, lg34, lg35): a stop counts for answers that began
before it, and a second one within half a minute of the first changes nothing.
"""

from __future__ import annotations

import threading
import time

_KEPT_SECONDS = 30.0


class Stops:
    """The latest stop of each conversation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: dict[str, float] = {}

    def ask(self, conversation_id: str) -> None:
        """Note a stop."""
        moment = time.monotonic()
        with self._lock:
            self._at = {one: at for one, at in self._at.items() if moment - at <= _KEPT_SECONDS}
            self._at.setdefault(conversation_id, moment)

    def hits(self, conversation_id: str, began: float) -> bool:
        """Return whether an answer that began then has been stopped."""
        with self._lock:
            return self._at.get(conversation_id, began) > began
