"""The way of the lines from a run to the socket of the one who asked.

Source: chat-ui c100c162, measured 2026-08 (c01, c18, c19, c32): one chunk per update, a keep-alive
about every 100 ms while text is being made and none afterwards.
"""

from __future__ import annotations

import queue
import threading
import time
from typing import Callable, Iterator

from .wire import line

_TICK = 0.1
_LONGEST_SAVE = 0.5


class Outlet:
    """Pieces of a body, put in by one thread and taken out by another.

    :param gone: tells whether the reader has left.
    :param left: called once when the reader leaves before the end.
    """

    def __init__(self, gone: Callable[[], bool], left: Callable[[], None]) -> None:
        self._gone, self._left = gone, left
        self._pieces: queue.Queue[bytes | None] = queue.Queue()
        self._quiet = self._abandoned = False
        self._settled = threading.Event()

    def put(self, piece: bytes | None, last_of_text: bool = False) -> None:
        """Add a piece, ``None`` at the end; behind the last of the text come no keep-alives."""
        self._quiet = self._quiet or last_of_text
        if not self._abandoned:
            self._pieces.put(piece)

    def settle(self) -> None:
        """Wait until what a reader left behind is stored, if the reader has gone."""
        if self._gone():
            self._settled.wait(_LONGEST_SAVE)

    def pieces(self) -> Iterator[bytes]:
        """Yield the body. Closing this iterator means that the reader has left."""
        piece: bytes | None = b""
        due = 0.0  # the first keep-alive follows the first update, the others come by the clock
        try:
            while True:
                try:
                    wait = _TICK if not due else max(0.0, due - time.monotonic())
                    piece = self._pieces.get(timeout=wait)
                except queue.Empty:
                    piece = b""
                if piece is None:
                    return
                if piece:
                    yield piece
                elif self._gone():
                    return
                if time.monotonic() >= due and (piece or due):
                    if not due or not self._quiet:
                        yield line({"type": "status", "status": "keepAlive"})
                    due = time.monotonic() + _TICK
        finally:
            if piece is not None:
                self._abandoned = True
                self._left()
            self._settled.set()
