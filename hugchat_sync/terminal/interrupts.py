"""Ctrl-C, a kill and a closed terminal end a command in the same way, and reach the server.

A :class:`~hugchat_sync.Message` that is read in the main thread would be closed by Ctrl-C, and the
server would go on to the end. So the sending and the reading happen in threads of their own, and
the main thread, where Ctrl-C arrives, only waits for them.
"""

from __future__ import annotations

import signal
import threading
import time
from contextlib import contextmanager
from types import FrameType
from typing import Any, Callable, Iterable, Iterator, TypeVar

from .. import Message
from ..errors import HugChatError, TimedOut
from ..events import Event, FinalAnswer
from ..futures import SLICE

T = TypeVar("T")

#: The signals besides Ctrl-C that end a program; not every system has both.
END_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
)

_SAME = 1.0  # seconds; of a closed terminal both the shell and the system tell
_STOP_SECONDS = 5.0  # seconds that a stopped server has to end its answer
_ACCEPTING = 3.0  # seconds that a send has to come back when it is no longer wanted


# signals --------------------------------------------------------------------------------------


class EndRequested(KeyboardInterrupt):
    """A signal asked the program to end; whoever handles Ctrl-C handles this, too."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


class EndHandler:
    """Raises :class:`EndRequested` wherever the main thread is; remembers that it did.

    :param first: takes the first signal instead, in the middle of whatever the main thread does:
        it must not take a lock.
    """

    def __init__(self, first: Callable[[int], None] | None = None) -> None:
        self.number: int | None = None
        self._first = first
        self._last = float("-inf")

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal."""
        now = time.monotonic()
        if number in END_SIGNALS:
            self.number = self.number or number
            again, self._last = now - self._last < _SAME, now
            if again:
                return
        if self._first is None:
            raise EndRequested(number)
        first, self._first = self._first, None
        first(number)


@contextmanager
def handle_signals(
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


# calls that Ctrl-C reaches --------------------------------------------------------------------


def wait_for(event: threading.Event, seconds: float = float("inf")) -> bool:
    """Return whether an event comes in time; Ctrl-C ends the wait, on Windows as well."""
    end = time.monotonic() + seconds
    while not event.wait(max(0.0, min(SLICE, end - time.monotonic()))):
        if time.monotonic() >= end:
            return False
    return True


class _Call(threading.Thread):
    """A call to the server; in a daemon, for it must not hold the program up."""

    def __init__(self, do: Callable[[], Any]) -> None:
        super().__init__(name="hugchat-sync call", daemon=True)
        self._do = do
        # not join(): on Python before 3.13 a Ctrl-C inside it makes the thread look ended
        self.ended = threading.Event()
        self.values: list[Any] = []
        self.error: HugChatError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.values.append(self._do())
        except HugChatError as error:
            self.error = error
        finally:
            self.ended.set()


def call_in_thread(do: Callable[[], T], undo: Callable[[T], object]) -> T:
    """Return what *do* returns.

    :param undo: is given that when nobody wants it any more: Ctrl-C came before it was there.
    :raises KeyboardInterrupt: Ctrl-C.
    """
    calling = _Call(do)
    try:
        wait_for(calling.ended)
    except KeyboardInterrupt:
        wait_for(calling.ended, _ACCEPTING)
        for value in calling.values:
            undo(value)
        raise
    if calling.error is not None:
        raise calling.error
    if not calling.values:
        raise RuntimeError("a call failed")  # its traceback has been shown
    made: T = calling.values[0]
    return made


def call_while_ending(do: Callable[[], object]) -> HugChatError | None:
    """Make a call while the program ends, for a few seconds at most; return why it failed, if so.

    :raises KeyboardInterrupt: a second Ctrl-C ends the wait.
    """
    calling = _Call(do)
    if not wait_for(calling.ended, _STOP_SECONDS):
        return TimedOut("the server did not answer in time", phase="total")
    return calling.error


def events_of(message: Message, *, tail: bool = False) -> Iterator[Event]:
    """Yield the events of an answer, which is read in a thread of its own.

    :param tail: also what follows the final answer, such as a late title.
    :raises KeyboardInterrupt: Ctrl-C; :func:`stop` is to be called.
    """
    _ = message.done  # starts the thread
    for event in message:
        yield event
        if type(event) is FinalAnswer and not tail:
            return


def stop(message: Message) -> None:
    """Stop the run on the server, and wait until it has said so; a second Ctrl-C ends the wait."""
    _ = message.done

    def end() -> None:
        message.stop()
        message.wait(_STOP_SECONDS)

    if call_while_ending(end) is not None:
        # it is over, or the server cannot be reached: either way there is nothing left to stop
        message.close()
