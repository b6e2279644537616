"""The way of the lines from a run to the socket of the one who asked.

Source: chat-ui c100c162, measured 2026-08 (c01, c18, c19, c32): one chunk per update, a keep-alive
about every 100 ms while text is being made and none afterwards.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from typing import Callable, Iterator

from .wire import line, status

_TICK = 0.1
_LONGEST_SAVE = 0.5


class Outlet:
    """Pieces of a body, put in by one thread and taken out by another.

    :param gone: tells whether the reader has left.
    :param left: called once when the reader leaves before the end.
    """

    def __init__(self, gone: Callable[[], bool], left: Callable[[], None]) -> None:
        self._gone = gone
        self._left = left
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._ended = self._quiet = self._all_taken = self._abandoned = self._settled = False

    def put(self, piece: bytes, last_of_text: bool = False) -> None:
        """Add a piece; behind the last of the text come no keep-alives any more."""
        with self._changed:
            self._quiet = self._quiet or last_of_text
            if not self._abandoned:
                self._pieces.append(piece)
                self._changed.notify_all()

    def end(self) -> None:
        """Say that nothing will follow."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def settle(self) -> None:
        """Wait until what a reader left behind is stored, if the reader has gone."""
        if self._gone():
            with self._changed:
                self._changed.wait_for(lambda: self._settled or self._all_taken, _LONGEST_SAVE)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body. Closing this iterator means that the reader has left."""
        keep_alive, due = line(status("keepAlive")), math.inf
        try:
            while not self._all_taken:
                piece = self._next(due)
                if piece is not None:
                    yield piece
                elif self._gone():
                    return
                # The first keep-alive follows the first update, the others come by the clock.
                if due == math.inf or (time.monotonic() >= due and not self._quiet):
                    yield keep_alive
                if due == math.inf or time.monotonic() >= due:
                    due = time.monotonic() + _TICK
        finally:
            if not self._all_taken:
                with self._changed:
                    self._abandoned = True
                    self._pieces.clear()
                self._left()
                with self._changed:
                    self._settled = True
                    self._changed.notify_all()

    def _next(self, due: float) -> bytes | None:
        """Return the next piece, if there is one before ``due``."""
        with self._changed:
            while not self._pieces and not self._ended:
                left = due - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(min(left, _TICK))
            piece = self._pieces.popleft() if self._pieces else None
            self._all_taken = self._ended and not self._pieces
            if self._all_taken:
                self._changed.notify_all()  # whoever settles need not wait any longer
            return piece
