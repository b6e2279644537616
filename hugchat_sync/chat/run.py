"""One run over however many connections it takes: sending, finding out, going on.

The prompt is posted once. Where it is unsure whether it arrived, the server is asked; what a lost
connection still owes is read from the run's log, or from the stored conversation.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import Callable, Generator, Iterator
from uuid import uuid4

from ..calls import StreamCall
from ..dialects.base import Dialect, Prompt, Stored
from ..errors import (
    ConnectionFailed,
    HugChatError,
    ProtocolError,
    TimedOut,
    TransportError,
    Unavailable,
)
from ..events import Event
from ..transport.http import Transport
from ..transport.retry import Patience, Tries, is_unsure
from ..transport.stream import Stream
from .message import Message
from .prior_search import PriorSearch
from .recovery import Rest

_PAUSES = (0.0, 0.5, 1.0, 2.0)  # seconds before each look for a message that may have arrived


def _nothing() -> None:
    return None


def _ignore(dialect: Dialect) -> None:
    return None


class Run:
    """One message on its way, and its answer.

    :param resume: whether a lost connection is made good.
    :param pace: is called before a message leaves, and returns when it may.
    :param learned: is told the dialect that the server turned out to want.
    """

    def __init__(
        self,
        transport: Transport,
        dialect: Dialect,
        prompt: Prompt,
        patience: Patience,
        *,
        resume: bool = True,
        pace: Callable[[], None] = _nothing,
        learned: Callable[[Dialect], None] = _ignore,
    ) -> None:
        self.prompt = prompt
        self.message: Message | None = None
        self._transport = transport
        self._dialect = dialect
        self._patience = patience
        self._resume = resume
        self._pace = pace
        self._learned = learned
        self._search = PriorSearch(transport, dialect, patience)
        self._tries = Tries()
        self._sent = False  # until then there is nothing that could go on without us
        self._call: StreamCall[Event] | None = None
        self._stream: Stream | None = None  # none, if the answer must be fetched from the log
        self._rest: Rest | None = None
        self._trouble: HugChatError | None = None  # what became of the first connection
        self._closed = False
        self._was_left = False  # when text had come: the server has yet to notice, and to store it
        self._stopped = False
        self._over = False

    @property
    def is_over(self) -> bool:
        """Whether the server is known to be done with it, or never to have had it."""
        if self._over or not self._sent or (self._rest is not None and self._rest.is_over):
            return True
        return self._closed and not self._dialect.survives_disconnect and not self._was_left

    @property
    def ids(self) -> frozenset[str]:
        """The ids by which the server may know its question and its answer."""
        sent = self.prompt
        again = sent.parent_id if sent.action != "new" else None
        given = (sent.custom.get("id"), sent.custom.get("response_id"), again)
        return frozenset((sent.message_id, sent.generation_id, *filter(None, given)))

    @property
    def stays(self) -> bool:
        """Whether a whole answer must be read on, lest the server lose the title."""
        call, message = self._call, self.message
        if call is None or message is None or self._closed or not call.stays_for_title:
            return False
        return message.is_complete and message.title is None and not message.is_ended

    # sending ---------------------------------------------------------------------------------

    def begin(self) -> None:
        """Send the message; return when the server has accepted it.

        :raises HugChatError: it was not accepted, or nobody can tell.
        """
        self.prompt = self._search.before(self.prompt, self._pace)
        while True:
            try:
                self._open()
            except HugChatError as error:
                page = isinstance(error, ProtocolError)  # somebody on the way answered instead
                if not (page or is_unsure(error)):
                    self._over = True
                    raise
                if self._arrived(error):
                    self._trouble = error
                    return
                tells = not self._dialect.stores_at_end and not page
                if not tells or self._tries.made >= self._patience.retry.tries:
                    raise
                self._transport.pause(self._tries.made, self._patience)
                # should the lost one come after all, each has a log of its own
                self.prompt = replace(self.prompt, generation_id=str(uuid4()))
            else:
                return

    def _open(self) -> None:
        """Post the message, once more in the other form of its body if the server wants that one.

        :raises Unavailable: it wants neither; the wrong form stores nothing.
        """
        try:
            self._post()
        except Unavailable as error:
            other = self._dialect.other_body_form() if error.status == 500 else None
            if other is None:
                raise
            before, self._dialect = self._dialect, other
            try:
                self._post()
            except Unavailable as again:
                if again.status != 500:
                    raise
                self._dialect = before  # the form was not the reason
                raise error from None
            self._learned(other)

    def _post(self) -> None:
        self._call = self._dialect.chat(self.prompt)
        self._pace()
        self._sent = True
        self._stream = self._transport.open(self._call, self._patience, self._tries)

    def _arrived(self, error: HugChatError) -> bool:
        """Return whether the server has the message after all.

        :raises HugChatError: *error*, when the server cannot be asked.
        """
        for pause in _PAUSES:
            if time.monotonic() + pause >= self._patience.deadline:
                raise error
            if pause:
                self._transport.sleep(pause)
            try:
                stored = self._stored()
            except HugChatError as trouble:
                raise error from trouble
            if stored is not None:
                return True
        return False

    def _stored(self) -> Stored | None:
        call = self._dialect.stored(self.prompt.conversation_id, self.prompt)
        return self._transport.send(call, self._patience)

    # reading ---------------------------------------------------------------------------------

    def watch(self, message: Message) -> None:
        """Know *message* as the one that takes the events."""
        self.message = message
        if self._stream is not None:
            self._stream.watch(message.events_seen)
            if "reattach" in self._dialect.features:
                self._stream.ends(self._check_end)

    def _check_end(self) -> None:
        """Refuse the end of a body that is not the end of the answer.

        A body that is shorter than its head says ends like a whole one, and its reader would take
        half a tag for text.
        """
        if not self._is_complete():
            raise ConnectionFailed("the stream ended before the answer did")

    def events(self) -> Iterator[Event]:
        """Yield the events of the answer, over as many connections as it takes."""
        yield from self._search.events
        trouble = (yield from self._first()) or self._trouble
        if self._over or self._closed:
            return
        if not self._resume:
            if trouble is not None:
                raise trouble
            return
        yield from self._going_on().events(trouble)

    def _going_on(self) -> Rest:
        seen = self.message.events_so_far if self.message is not None else tuple
        self._rest = rest = Rest(
            self._transport, self._dialect, self.prompt, self._patience, seen, self._is_complete
        )
        rest.was_stopped = self._stopped
        if self._closed:  # meanwhile
            rest.close()
        return rest

    def _first(self) -> Generator[Event, None, HugChatError | None]:
        """Yield what the first connection brings, and return what cut it short."""
        stream, call = self._stream, self._call
        if stream is None or call is None:
            return None
        try:
            with closing(stream):
                yield from stream.read(call)
        except TransportError as error:
            if isinstance(error, TimedOut) and error.phase != "idle":
                raise
            return error
        except ProtocolError as error:
            # nonsense may be the fault of the way; a line without end is not read twice
            nonsense = error.line or error.field
            if not nonsense or "reattach" not in self._dialect.features:
                raise
            return error
        except HugChatError:
            self._over = True  # the server itself has said so
            raise
        ends = not self._dialect.survives_disconnect
        self._over = (self._is_complete() or ends) and not self._was_left
        return None

    def _is_complete(self) -> bool:
        return self.message is not None and self.message.is_complete

    # ending ----------------------------------------------------------------------------------

    def limit(self, seconds: float) -> None:
        """Let the rest behind the final answer take *seconds*."""
        if self._call is not None and self._call.closes_at_answer and not self.stays:
            self._over = True
            self.close()
            return
        deadline = min(self._patience.deadline, time.monotonic() + seconds)
        self._patience = replace(self._patience, deadline=deadline)
        for reading in (self._stream, self._rest):
            if reading is not None:
                reading.limit(seconds)

    def close(self) -> None:
        """End the connection, from any thread."""
        if self.message is not None and not self._is_complete() and self.message.partial:
            self._was_left = True
        self._closed = True
        for reading in (self._search, self._stream, self._rest):
            if reading is not None:
                reading.close()

    def stop(self) -> None:
        """Ask the server to stop the run."""
        self._stopped = True
        call = self._dialect.stop(self.prompt.conversation_id, self.prompt.generation_id)
        try:
            if call is not None:
                self._transport.send(call)
        finally:
            if self._dialect.stops_by_closing:
                self.close()

    def await_end(self, patience: Patience) -> None:
        """Return when the server is done with a run that nobody reads any more.

        :raises TimedOut: the time of the call that waits is spent.
        """
        rest = Rest(self._transport, self._dialect, self.prompt, patience)
        try:
            rest.await_end(self._was_left)
        except HugChatError as error:
            # how the earlier run ended is not the new call's business; that it ended, is
            if isinstance(error, TimedOut) and error.phase == "total":
                raise
        self._over = True
