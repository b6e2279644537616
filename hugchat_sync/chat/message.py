"""One answer: read by whoever asks first, replayed for everybody else.

No rule about text lives here (:mod:`~hugchat_sync.chat.answer` has those), and no socket: a message
is given its events and told how to end them.
"""

from __future__ import annotations

import os
import threading
import time
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, Iterator, Protocol

from ..errors import (
    ConnectionFailed,
    GenerationError,
    HugChatError,
    IncompleteAnswer,
    TimedOut,
    UsageError,
)
from ..events import Event, FinalAnswer, Token, ToolCall
from ..futures import SLICE, renew_locks_after_fork
from ..records import ChatFile, Source
from ..secret import safe_repr
from ..transport.retry import is_unsure
from ..values import replace
from .answer import Answer, conclude, fold
from .polling import Polling

if TYPE_CHECKING:
    from types import TracebackType

TAIL = 10.0  # seconds that iteration goes on behind the final answer
_KEPT = (  # by a pickled message; the rest is of the connection, or is made again
    "conversation_id",
    "generation_id",
    "web_search_enabled",
    "_answer",
    "_failure",
    "_stopped",
    "_closed",
)


class EventSource(Protocol):
    """Where the events of an answer come from, and how they are ended; called from any thread."""

    def events(self) -> Iterator[list[Event]]:
        """Yield the events, those that came together together; called once.

        :raises HugChatError: the answer failed; what had come was yielded before.
        """
        ...

    def stop(self) -> None:
        """Ask the server to stop the run."""
        ...

    def limit(self, seconds: float) -> None:
        """Let what follows the final answer take *seconds*."""
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class _Past:
    """The source of an answer that is over."""

    def events(self) -> Iterator[list[Event]]:
        return iter(())

    def stop(self) -> None:
        return

    def limit(self, seconds: float) -> None:
        return

    def close(self) -> None:
        return


_NOT_FOR_USERS = {"renew_locks", "drain", "finish", "is_over"}


class Message(Polling):
    """One answer of the server.

    Iterating yields :mod:`~hugchat_sync.events` as they arrive, in the caller's own thread; a
    second loop replays them. :meth:`text` is the whole answer. However it is read, in any mixture
    and from any thread, there is one answer and one message on the server.

    :param source: where its events come from.
    :param record: what they add up to; filled here, read by the source as well.

    What an answer is, and what asking for it does:

    =======  ====================================  ======================  =====================
    state    how it comes about                    ``text()``              iteration
    =======  ====================================  ======================  =====================
    open     the server has accepted the message   reads on                reads on
    said     "finished" came, no final answer yet  reads on                reads on
    settled  the final answer came                 the text                goes on, at most 10 s
    done     nothing more comes of a settled one,  the text                ends
             of a said one, or of one that we
             stopped: its tokens are its text
    failed   the server said so, or it just ended  raises; ``partial``     raises behind the last
    closed   ``close()`` or Ctrl-C came first      ``IncompleteAnswer``    raises behind the last
    =======  ====================================  ======================  =====================

    A state only moves down this table. ``is_over`` is true from "settled" on; a failure behind the
    final answer changes nothing.
    """

    _reader: threading.Thread | None

    def __init__(
        self,
        source: EventSource,
        record: Answer | None = None,
        *,
        conversation_id: str = "",
        generation_id: str = "",
        web_search: bool = False,
    ) -> None:
        self.conversation_id = conversation_id
        self.generation_id = generation_id
        self.web_search_enabled = web_search
        self._answer = Answer() if record is None else record
        self._failure: HugChatError | None = None
        self._failed_at: TracebackType | None = None
        self._ended = False  # nothing more will come
        self._source = source
        self._incoming = source.events()
        self._stopped = False
        self._closed = False
        self._process = os.getpid()
        self._characters: list[str] = []
        self._steps: list[dict[str, Any]] = []
        renew_locks_after_fork(self)

    # what there is so far, from any thread and from a signal handler: never blocks or raises ---

    @property
    def is_over(self) -> bool:
        """Whether the text is settled, or never will be; unlike ``done`` it starts no reading."""
        return self._answer.final is not None or self._ended

    @property
    def error(self) -> HugChatError | None:
        """Why the answer failed; ``None`` while it is good."""
        return self._failure if self._answer.final is None else None

    @property
    def stopped(self) -> bool:
        """Whether somebody here asked the server to stop before the text was settled."""
        return self._stopped

    @property
    def interrupted(self) -> bool:
        """Whether the run was stopped before its end."""
        return self._answer.final is not None and self._answer.final.interrupted

    @property
    def reasoning(self) -> str:
        """The model's thinking so far."""
        return self._answer.reasoning

    @property
    def sources(self) -> tuple[Source, ...]:
        """The pages that a web search found so far."""
        return self._answer.sources

    @property
    def files(self) -> tuple[ChatFile, ...]:
        """The files that the run has made so far."""
        place = self.conversation_id
        return tuple([replace(file, conversation_id=place) for file in self._answer.files])

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools called so far."""
        return tuple(self._answer.tool_calls)

    @property
    def title(self) -> str | None:
        """The conversation's new title, once the server has sent one."""
        return self._answer.title

    @property
    def route(self) -> tuple[str, str, str] | None:
        """Who answers: (route, model, provider), once the server has said so."""
        route = self._answer.route
        return None if route is None else (route.route, route.model, route.provider)

    @property
    def partial(self) -> str:
        """The text so far."""
        return self._answer.text

    @safe_repr
    def __repr__(self) -> str:
        closed = self._closed and self._answer.final is None
        failed = "closed" if closed else "failed" if self.error else ""
        state = failed or ("done" if self.is_over else "open")
        count = len(self._answer.events)
        return f"<Message in {self.conversation_id}: {state}, {count} events; .text() reads it>"

    def _repr_markdown_(self) -> str:
        """Return the text so far, as a notebook shows it; it waits for nothing."""
        return self._answer.text or f"`{self!r}`"

    def __dir__(self) -> list[str]:
        """Return the names that a user needs; the rest is for the rooms beside this one."""
        return sorted(set(super().__dir__()) - _NOT_FOR_USERS)

    def _raise_failure(self) -> None:
        failure = self.error
        if failure is not None:  # raised again and again, its traceback must not grow
            raise failure.with_traceback(self._failed_at)

    # the three ways of reading ---------------------------------------------------------------

    def __iter__(self) -> Iterator[Event]:
        """Yield the events of the answer, from the first, as they arrive.

        :raises HugChatError: the answer failed; what had come was yielded before.
        """
        self._settle_in_child()
        index, events = 0, self._answer.events
        while index < len(events) or self._more(index):
            yield events[index]  # a second loop replays
            index += 1
        self._raise_failure()

    def tokens(self) -> Iterator[str]:
        """Yield the pieces of the answer's text as they arrive.

        The server may throw a first try away without a word; :meth:`text` is what counts.

        :raises HugChatError: the answer failed; what had come was yielded before.
        """
        self._settle_in_child()
        index, events = 0, self._answer.events
        while index < len(events) or self._more(index):
            event = events[index]
            index += 1
            if type(event) is Token:
                yield event.text
        self._raise_failure()

    def text(self) -> str:
        """Return the whole answer; reads until it is there.

        :raises GenerationError: the model failed, or the answer is incomplete; ``partial`` holds
            what had come.
        :raises TimedOut: it took too long; ``partial`` as above.
        :raises TransportError: the connection broke and the answer could not be completed.
        """
        self._settle_in_child()
        while self._answer.final is None and self._more(len(self._answer.events)):
            pass
        self._raise_failure()
        return self._answer.text

    def wait(self, timeout: float | None = None) -> Message:
        """Return the message itself, finished.

        :param timeout: seconds; the message goes on when they are over.
        :raises UsageError: *timeout* is no number.
        :raises TimedOut: it was not finished in time; ``partial`` holds what had come.
        :raises HugChatError: the answer failed.
        """
        if timeout is not None and not (isinstance(timeout, (int, float)) and timeout == timeout):
            raise UsageError("timeout is a number of seconds, or None")
        self._start()
        end = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self.is_over:
                left = SLICE if end is None else min(SLICE, end - time.monotonic())
                if left <= 0:
                    raise TimedOut(
                        f"the answer was not complete after {timeout:g} s; it goes on",
                        phase="total",
                        partial=self._answer.text,
                    )
                self._changed.wait(left)
        self._raise_failure()
        return self

    # ending it -------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the server to stop; the text so far stays readable.

        :raises HugChatError: the request to stop failed.
        """
        if not self.is_over:
            before, self._stopped = self._stopped, True
            try:
                self._source.stop()
            except HugChatError as error:
                if not is_unsure(error):  # the run goes on: a part of it is not the whole
                    self._stopped = before
                raise

    def close(self) -> None:
        """Close the connection; the server's run goes on where its era allows that.

        :meth:`text` of an unfinished answer raises :class:`IncompleteAnswer` afterwards.
        """
        self._settle_in_child()
        if self._ended or self._closed:
            return
        self._closed = True
        self._source.close()
        self._end()  # its reader is awake now, and finds that it is over

    def finish(self, seconds: float) -> None:
        """Read what follows the answer for at most *seconds*, and close.

        A connection whose reply was read to its end can be used again.
        """
        reads = self._reader is None and not self._reading.locked()
        if reads and self._answer.final is not None:
            self._source.limit(seconds)
            self._read_all()
        self.close()

    def __enter__(self) -> Message:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    # reading ---------------------------------------------------------------------------------

    def _start(self) -> None:
        """Start the reader thread, unless it runs."""
        self._settle_in_child()
        if self._ended or self._reader is not None:
            return
        # a daemon: a pool task would delay the interpreter's exit until its answer ends
        reader = threading.Thread(target=self._read_all, daemon=True, name="hugchat-sync reader")
        with self._changed:
            if self._reader is None:
                self._reader = reader
        if self._reader is reader:
            try:
                reader.start()
            except RuntimeError:  # no thread can be had: whoever asks reads, and others go on
                self._reader = None
                self._read_all()

    def _read_all(self) -> None:
        while self._more(len(self._answer.events)):
            pass

    def _more(self, index: int) -> bool:
        """Return whether there is an event at *index*; reads or waits for it if need be."""
        answer = self._answer  # and no name for its events: errors keep this frame
        # a reader thread, once there is one, reads for all
        if self._reader is not None and self._reader is not threading.current_thread():
            with self._changed:
                while index >= len(answer.events) and not self._ended:
                    self._changed.wait(SLICE)
            return index < len(answer.events)
        with self._reading:
            if index < len(answer.events):
                return True
            if self._ended:
                return False
            settled = False
            try:
                for event in next(self._incoming):
                    if type(event) is Token:  # nearly every event takes this way
                        answer.events.append(event)
                    else:
                        fold(answer, event)
                        if type(event) is FinalAnswer:
                            self._source.limit(TAIL)
                if self._reader is not None:
                    with self._changed:
                        self._changed.notify_all()
                settled = True
            except StopIteration:
                settled = True
                self._end()
            except HugChatError as error:
                settled = True
                clear_frames(error.__traceback__)  # what has come may be an echo of a secret
                self._end(error)
            finally:
                if not settled:  # Ctrl-C, or a bug: whoever reads next must not hang
                    self._closed = True
                    self._source.close()
                    self._end()
            return index < len(answer.events)

    def _end(self, error: HugChatError | None = None) -> None:
        """Settle what the answer is, once nothing more will come."""
        with self._changed:
            if self._ended:
                return
            final = conclude(self._answer, stopped=self._stopped and not self._closed)
            if final is not None:
                self._answer.events.append(final)
            if self._answer.final is None:
                self._failure = failure_of(error, self._answer, closed=self._closed)
                self._failed_at = self._failure.__traceback__
            self._ended = True
            self._changed.notify_all()

    def renew_locks(self) -> None:
        """Take new locks and no reader."""
        self._reading = threading.Lock()
        self._spelling = threading.RLock()
        self._changed = threading.Condition()  # a signal handler may close while its thread waits
        self._reader = None

    def _settle_in_child(self) -> None:
        if os.getpid() != self._process and not self._ended:
            self._end(UsageError("an open answer cannot be read in a forked process"))

    def drain(self, deadline: float) -> bool:
        """Read to the very end into the own buffer, and return whether that was reached.

        :param deadline: a moment of the monotonic clock. A failure stays with the message.
        """
        if not self.is_over:
            self._start()  # only a reader of its own lets us leave at the deadline
        if self._reader is None:
            self._read_all()  # the tail has a limit of its own
            return True
        with self._changed:
            while not self._ended and time.monotonic() < deadline:
                self._changed.wait(min(SLICE, max(0.0, deadline - time.monotonic())))
        return self._ended

    # pickling --------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        if not self.is_over:
            raise UsageError("an answer pickles once it is finished; read it to the end first")
        record = replace(self._answer, events=list(self._answer.events))  # a title may yet come
        return {**{name: self.__dict__[name] for name in _KEPT}, "_answer": record}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        Message.__init__(self, _Past())
        self.__dict__.update(kept, _ended=True)


def failure_of(error: HugChatError | None, answer: Answer, *, closed: bool) -> HugChatError:
    """Return what is raised of an answer that ended without being whole.

    :param error: what ended it; ``None`` if it just ended.
    """
    if closed or error is None or isinstance(error, ConnectionFailed):
        why = "it was closed" if closed else str(error or "the stream ended early")
        incomplete = IncompleteAnswer(
            f"the answer is incomplete: {why}; .partial has what came, and "
            "Client.history() what the server keeps"
        )
        incomplete.__cause__ = None if closed else error
        error = incomplete
    if isinstance(error, (GenerationError, TimedOut)):
        error.partial = answer.streamed
    return error
