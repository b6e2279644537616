"""One question and its answer, so that Ctrl-C always reaches the server.

A :class:`~hugchat_sync.Message` that is read in the main thread would be closed by Ctrl-C, and the
server would go on to the end. So the sending and the reading happen in threads of their own, and
the main thread, where Ctrl-C arrives, only waits for them.
"""

from __future__ import annotations

import threading
from typing import Callable, Iterator

from .. import Message
from ..errors import HugChatError
from ..events import Event, FinalAnswer

_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits
_LAST_WORDS = 5.0  # seconds that a stopped server has to end its answer
_ACCEPTING = 3.0  # seconds that a send has to come back when it is no longer wanted


class _Sending(threading.Thread):
    """The sending of a question; a daemon, for it must not hold the program up."""

    def __init__(self, send: Callable[[], Message]) -> None:
        super().__init__(name="hugchat-sync sending", daemon=True)
        self._send = send
        # not join(): on Python before 3.13 a Ctrl-C inside it makes the thread look ended
        self.ended = threading.Event()
        self.message: Message | None = None
        self.error: HugChatError | None = None

    def run(self) -> None:
        try:
            self.message = self._send()
        except HugChatError as error:
            self.error = error
        finally:
            self.ended.set()


def sent(send: Callable[[], Message]) -> Message:
    """Return the answer that *send* returns.

    :raises KeyboardInterrupt: Ctrl-C; a run that had begun by then is stopped.
    """
    sending = _Sending(send)
    sending.start()
    try:
        while not sending.ended.wait(_SLICE):
            continue
    except KeyboardInterrupt:
        sending.ended.wait(_ACCEPTING)
        if sending.message is not None:
            stop(sending.message)
        raise
    if sending.error is not None:
        raise sending.error
    if sending.message is None:
        raise RuntimeError("the question could not be sent")  # its traceback has been shown
    return sending.message


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
    try:
        message.stop()
        message.wait(_LAST_WORDS)
    except HugChatError:
        # it is over, or the server cannot be reached: either way there is nothing left to stop
        message.close()
