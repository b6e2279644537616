"""Ctrl-C, a kill and a closed terminal, which all end a command in the same way."""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from types import FrameType
from typing import Callable, Iterable, Iterator

_SAME = 1.0  # seconds; of a closed terminal both the shell and the system tell

#: The signals besides Ctrl-C that end a program; not every system has both.
ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Ended(KeyboardInterrupt):
    """A signal asked the program to end; whoever handles Ctrl-C handles this, too."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class Ending:
    """Raises :class:`Ended` wherever the main thread is; remembers that it did."""

    def __init__(self) -> None:
        self.number: int | None = None
        self._last = float("-inf")

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        now = time.monotonic()
        if number in ENDING:
            self.number = self.number or number
            again, self._last = now - self._last < _SAME, now
            if again:
                return
        raise Ended(number)


def exit_code(number: int) -> int:
    """Return the exit code of a program that a signal has ended."""
    return 128 + number


@contextmanager
def handled(
    numbers: Iterable[int], handler: Callable[[int, FrameType | None], None]
) -> Iterator[None]:
    """Have signals handled for the length of a ``with`` block.

    A signal that is ignored stays ignored (``nohup``), and only the main thread may change what
    happens at a signal.
    """
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in numbers:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextmanager
def raised() -> Iterator[Ending]:
    """Let the signals that end a program raise :class:`Ended`, as Ctrl-C raises its own."""
    ending = Ending()
    with handled(ENDING, ending):
        yield ending


@contextmanager
def noted(first: Callable[[int], None]) -> Iterator[None]:
    """Hand the first signal, Ctrl-C included, to *first*; a later one is raised.

    :param first: runs in the middle of whatever the main thread does: it must not take a lock.
    """
    ending = Ending()
    pending = True

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal pending
        try:
            ending(number, frame)
        except Ended:
            if not pending:
                raise
            pending = False
            first(number)

    with handled((signal.SIGINT, *ENDING), handler):
        yield
