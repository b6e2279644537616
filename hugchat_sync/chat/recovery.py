"""What a lost connection still owes: from the run's log, else from the stored conversation."""

from __future__ import annotations

import time
from contextlib import closing
from itertools import chain
from typing import Callable, Iterator, Protocol, TypeVar

from ..calls import StreamCall
from ..dialects import Dialect, Prompt, Stored
from ..errors import (
    AuthError,
    ConnectionFailed,
    GenerationError,
    HugChatError,
    IncompleteAnswer,
    NotFound,
    ProtocolError,
    ServerError,
    TimedOut,
    TransportError,
)
from ..events import Event, FinalAnswer, Reasoning, Token
from ..transport.http import Transport
from ..transport.retry import Patience
from ..transport.stream import Stream
from .answer import Answer, StoredAnswer
from .replay import Gap

E = TypeVar("E")

_LOOK_AGAIN = 0.5  # seconds between two looks at what the server has stored, at first
_SELDOM = 4.0  # seconds between two looks in the end
_LOOKS = 4  # where nothing says whether the server is still at it
_MOMENTS = (0.0, 0.05, 0.1, 0.2, 0.4)  # seconds in which a server notices that we left
_MOST_TRIES = 30  # more of them make a pause no longer


class Connections(Protocol):
    """What opens the replies of a run, one after the other; it may be closed from any thread."""

    patience: Patience
    closed: bool

    def open(self, call: StreamCall[E], events_seen: Callable[[], int]) -> Stream: ...  # noqa: D102


class Recovery:
    """What is missing of one run after a lost connection.

    :param record: the answer as far as it has come; nothing of it where there is none.
    :param was_stopped: by us, so what the server keeps is no whole answer.
    """

    def __init__(
        self,
        transport: Transport,
        dialect: Dialect,
        prompt: Prompt,
        connections: Connections,
        record: Answer | None = None,
        *,
        was_stopped: bool = False,
    ) -> None:
        self.is_over = False  # the server is known to be done with the run
        self.log_end = ""  # how the log says that the run ended
        self._transport = transport
        self._dialect = dialect
        self._prompt = prompt
        self._open = connections
        self._record = Answer() if record is None else record
        self._was_stopped = was_stopped
        self._steps = 0  # of the log

    def events(self, trouble: HugChatError | None) -> Iterator[Event]:
        """Yield what is missing after a lost connection.

        :param trouble: what cut the answer short, if it is known.
        """
        gap = Gap(tuple(self._record.events))
        if "reattach" in self._dialect.features:
            try:
                for event in self.replayed():
                    yield from gap.missing(event)
            except (GenerationError, TimedOut) as error:
                self.is_over = isinstance(error, GenerationError)
                if self.is_over or getattr(error, "phase", "") != "idle":
                    yield from gap.let_go()
                    raise
                trouble = trouble or error
            except (TransportError, ServerError, ProtocolError, AuthError) as error:
                trouble = trouble or error
        if self._open.closed or (self._record.is_complete and not gap.holds):
            return
        yield from self._kept(gap, trouble)

    # the log ---------------------------------------------------------------------------------

    def replayed(self) -> Iterator[Event]:
        """Yield the events of the run's log, from its beginning to its end.

        :raises HugChatError: the log cannot be had, or its run failed, or a clock ran out.
        """
        reader = self._dialect.log_reader(self._prompt)
        position = tried = 0
        moved = time.monotonic()
        while not self._open.closed:
            tried += 1
            call = self._dialect.reattach(
                self._prompt.conversation_id, self._prompt.generation_id, position, reader
            )
            try:
                with closing(self._open.open(call, self._steps_seen)) as stream:
                    for logged in chain.from_iterable(stream.read(call)):
                        if logged.position > position:
                            position, tried, moved = logged.position, 0, time.monotonic()
                        self._steps += 1
                        yield from logged.events
                        if logged.end:
                            self.log_end = logged.end
                            self.is_over = True
                            return
            except (ConnectionFailed, TimedOut, ProtocolError) as error:
                other_clock = isinstance(error, TimedOut) and error.phase != "idle"
                if other_clock or self._open.closed or tried >= self._open.patience.retry.tries:
                    raise
            if time.monotonic() - moved >= self._open.patience.timeout.progress:
                raise TimedOut("nothing more came of this answer", phase="progress")
            if tried:  # the server ends a log that is long under way without a word
                self._transport.pause(min(tried, _MOST_TRIES), self._open.patience)

    def _steps_seen(self) -> int:
        return self._steps

    # what is stored --------------------------------------------------------------------------

    def _kept(self, gap: Gap, trouble: HugChatError | None) -> Iterator[Event]:
        """Yield what the stored conversation has beyond what has come.

        :raises IncompleteAnswer: it has no whole answer either.
        """
        stored = self._settled()
        if stored is not None and not self._open.closed:
            kept = iter(stored.events)
            others = Gap(tuple(self._record.events))
            for event in kept:
                if isinstance(event, FinalAnswer):
                    break
                yield from others.missing(event)
            yield from self._missing_text(stored)
            # where leaving ends a run, what is stored is what our own clock has left of it
            left = isinstance(trouble, TimedOut) and not self._dialect.manners.survives_disconnect
            if self._is_whole(stored) and not left:
                yield StoredAnswer(stored.text, self._was_stopped or stored.state == "interrupted")
                for event in kept:
                    yield from others.missing(event)
                return
        yield from gap.let_go()
        if self._record.is_complete or self._open.closed:
            return
        if stored is not None and stored.error is not None:
            raise stored.error from trouble
        if isinstance(trouble, (ProtocolError, TimedOut)):
            raise trouble  # nonsense came, or a clock of ours ran out; nothing else knows better
        raise IncompleteAnswer(
            "the connection was lost and the server keeps no whole answer; .partial has what "
            "came, Client.history() what the server keeps"
        ) from trouble

    def _is_whole(self, stored: Stored) -> bool:
        if stored.state == "interrupted":
            # a run that somebody stopped has a final answer in its log; one that died has none
            return self.log_end != "interrupted"
        return stored.state == "done"

    def _missing_text(self, stored: Stored) -> Iterator[Event]:
        """Yield what is missing of the text and the thinking, where they go on from what came."""
        seen = tuple(self._record.events)
        thought = "".join(event.text for event in seen if isinstance(event, Reasoning))
        said = "".join(event.text for event in seen if isinstance(event, Token))
        if stored.reasoning.startswith(thought) and stored.reasoning != thought:
            yield Reasoning(stored.reasoning[len(thought) :])
        text = stored.text
        if not self._is_whole(stored):
            text = text.rstrip("\ufffd")  # half a character: the other half never came
        if text.startswith(said) and text != said:
            yield Token(text[len(said) :])

    def _settled(self) -> Stored | None:
        """Return what the server keeps of this run, once it is no longer at it."""
        progress = self._open.patience.timeout.progress
        before, moved, looks, pause = None, time.monotonic(), 0, _LOOK_AGAIN
        while True:
            looks += 1
            try:
                stored = self._look()
            except NotFound:
                return None
            if stored != before:
                before, moved = stored, time.monotonic()
            now = time.monotonic()
            until = min(self._open.patience.deadline, moved + progress)
            if self._open.closed or not self._may_go_on(stored, looks) or now + pause >= until:
                return stored
            self._transport.sleep(pause)
            pause = min(2 * pause, _SELDOM)

    def _look(self) -> Stored | None:
        call = self._dialect.stored(self._prompt.conversation_id, self._prompt)
        return self._transport.send(call, self._open.patience)

    def _may_go_on(self, stored: Stored | None, looks: int) -> bool:
        """Return whether another look may show more."""
        if stored is not None and stored.state in ("done", "interrupted", "failed"):
            self.is_over = True
            return False
        if self._dialect.manners.survives_disconnect:
            waits = self._dialect.manners.stores_at_end if stored is None else True
        else:
            waits = False  # but the server may not have noticed yet that we are gone
        return waits or looks < _LOOKS

    # ending ----------------------------------------------------------------------------------

    def await_end(self, was_left: bool = False) -> None:
        """Return when the server is done with the run, or was silent for too long.

        :param was_left: text had come when the connection was closed, which is to be stored.
        :raises TimedOut: the time of the call is spent, or a clock of the log ran out.
        """
        if not self._dialect.manners.survives_disconnect:
            if was_left:
                self._await_notice()
            return
        if "reattach" in self._dialect.features:
            try:
                for _ in self.replayed():
                    pass
            except (NotFound, ProtocolError):
                pass  # a server without logs; its conversation tells
            if self.is_over:
                return
        self._settled()
        if not self.is_over and time.monotonic() + _SELDOM >= self._open.patience.deadline:
            raise TimedOut("an earlier answer in this conversation goes on", phase="total")

    def _await_notice(self) -> None:
        """Return when the server has stored what had come before we left.

        It writes the whole conversation then, over whatever a hasty next message put there.
        """
        for pause in _MOMENTS:
            if time.monotonic() + pause >= self._open.patience.deadline:
                return
            self._transport.sleep(pause)
            stored = self._look()
            if stored is not None and stored.text:
                return
