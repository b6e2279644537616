"""One run over however many connections it takes: sending, finding out, going on.

The prompt is posted once. Where it is unsure whether it arrived, the server is asked; what a lost
connection still owes is read from the run's log, or from the stored conversation.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from typing import Iterator
from uuid import uuid4

from .calls import StreamCall
from .dialects.base import Dialect, Prompt, Stored
from .errors import (
    ConnectionFailed,
    ConversationNotExistError,
    HugChatError,
    IncompleteAnswer,
    TimedOut,
    TransportError,
    Unavailable,
)
from .events import Event, FinalAnswer, Token
from .message import Message
from .resume import behind, missing, units
from .stream import Stream
from .transport import Patience, Transport

_LOOK_AGAIN = 0.5  # seconds between two looks at what the server has stored
_LOOKS = 3  # before a message that cannot be found is held to be lost
_PASSED_ON = (502, 503, 504)  # a gateway's word says nothing about the server behind it


class Run:
    """One message on its way, and its answer.

    :param resume: whether a lost connection is made good.
    """

    def __init__(
        self,
        transport: Transport,
        dialect: Dialect,
        prompt: Prompt,
        patience: Patience,
        *,
        resume: bool = True,
    ) -> None:
        self.prompt = prompt
        self._transport = transport
        self._dialect = dialect
        self._patience = patience
        self._resume = resume
        self._call: StreamCall[Event] | None = None
        self._stream: Stream | None = None  # none, if the answer must be fetched from the log
        self._message: Message | None = None
        self._closed = False

    # sending ---------------------------------------------------------------------------------

    def begin(self) -> None:
        """Send the message; return when the server has accepted it.

        :raises HugChatError: it was not accepted, or nobody can tell.
        """
        tried = 0
        while True:
            tried += 1
            self._call = self._dialect.chat(self.prompt)
            try:
                self._stream = self._transport.open(self._call, self._patience)
            except (TransportError, Unavailable) as error:
                if not _is_unsure(error):
                    raise
                if self._arrived(error):
                    return
                if tried >= self._patience.retry.tries:
                    raise
                self._transport.pause(tried, self._patience)
                self.prompt = replace(self.prompt, generation_id=str(uuid4()))
            else:
                return

    def _arrived(self, error: HugChatError) -> bool:
        """Return whether the server has the message after all.

        :raises HugChatError: *error*, when the server cannot be asked.
        """
        for look in range(_LOOKS):
            if look:
                self._transport.sleep(_LOOK_AGAIN)
            try:
                stored = self._stored()
            except (TransportError, Unavailable) as trouble:
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
        self._message = message
        if self._stream is not None:
            self._stream.watch(lambda: message.event_count)

    def events(self) -> Iterator[Event]:
        """Yield the events of the answer, over as many connections as it takes."""
        trouble: TransportError | None = None
        if self._stream is not None and self._call is not None:
            try:
                with closing(self._stream):
                    yield from self._call.read(self._stream)
            except (ConnectionFailed, TimedOut) as error:
                if isinstance(error, TimedOut) and error.phase != "idle":
                    raise
                trouble = error
        if self._closed or self._is_complete() or not self._resume:
            if trouble is not None and not self._is_complete():
                raise trouble
            return
        if self._dialect.survives_disconnect or trouble is not None or self._stream is None:
            yield from self._rest(trouble)

    def _is_complete(self) -> bool:
        return self._message is not None and self._message.is_complete

    def _rest(self, trouble: TransportError | None) -> Iterator[Event]:
        """Yield what is missing after a lost connection."""
        seen = self._message.events_so_far() if self._message is not None else ()
        if "reattach" in self._dialect.features:
            yield from missing(seen, self._replay())
        if not self._is_complete() and not self._closed:
            yield from self._from_history(trouble)

    def _replay(self) -> Iterator[Event]:
        """Yield the events of the run's log, from its beginning to its end."""
        position = tried = 0
        while not self._closed:
            tried += 1
            try:
                call = self._dialect.reattach(
                    self.prompt.conversation_id, self.prompt.generation_id, position
                )
                self._stream = stream = self._transport.open(call, self._patience)
                if self._message is not None:
                    self.watch(self._message)
                with closing(stream):
                    for logged in call.read(stream):
                        if logged.position > position:
                            position, tried = logged.position, 0
                        yield from logged.events
                        if logged.end:
                            return
            except (ConnectionFailed, TimedOut, Unavailable) as error:
                worth_it = not isinstance(error, TimedOut) or error.phase == "idle"
                if not worth_it or tried >= self._patience.retry.tries:
                    raise
            if tried:
                self._transport.pause(tried, self._patience)

    def _from_history(self, trouble: TransportError | None) -> Iterator[Event]:
        """Yield what the stored conversation has beyond what has come.

        :raises IncompleteAnswer: it has no whole answer either.
        """
        stored = self._settled()
        if stored is None or stored.state not in ("done", "interrupted"):
            raise IncompleteAnswer(
                "the connection was lost and the server keeps no whole answer; .partial has what "
                "came, Client.history() what the server keeps"
            ) from trouble
        said = self._message.partial if self._message is not None else ""
        rest, _ = behind(stored.text, units(said))
        if rest and stored.text.startswith(said):
            yield Token(rest)
        yield FinalAnswer(stored.text, stored.state == "interrupted")

    def _settled(self) -> Stored | None:
        """Return what the server keeps of this run, once it is no longer at it."""
        patience = self._patience
        until = min(patience.deadline, time.monotonic() + patience.timeout.progress)
        while True:
            try:
                stored = self._stored()
            except ConversationNotExistError:
                return None
            waiting = stored is None or stored.state == "running"
            if not waiting or self._closed or not self._dialect.survives_disconnect:
                return stored
            if time.monotonic() + _LOOK_AGAIN >= until:
                return stored
            self._transport.sleep(_LOOK_AGAIN)

    # ending ----------------------------------------------------------------------------------

    def limit(self, seconds: float) -> None:
        """Let the rest behind the final answer take *seconds*."""
        if self._call is not None and self._call.closes_at_answer:
            self.close()
        elif self._stream is not None:
            self._stream.limit(seconds)

    def close(self) -> None:
        """End the connection, from any thread."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()

    def stop(self) -> None:
        """Ask the server to stop the run."""
        call = self._dialect.stop(self.prompt.conversation_id, self.prompt.generation_id)
        if call is not None:
            self._transport.send(call)
        if self._dialect.stops_by_closing:
            self.close()

    def await_end(self) -> None:
        """Return when the server is done with a run that nobody reads any more."""
        if not self._dialect.survives_disconnect:
            return
        try:
            if "reattach" in self._dialect.features:
                for _ in self._replay():
                    pass
            else:
                self._settled()
        except TimedOut:
            if time.monotonic() >= self._patience.deadline:
                raise
        except HugChatError:
            # how the earlier run ended is not the new call's business; that it ended, is
            return


def _is_unsure(error: HugChatError) -> bool:
    if isinstance(error, TransportError):
        return error.unsure
    return getattr(error, "status", None) in _PASSED_ON
