"""One run over however many connections it takes: sending, finding out, going on.

The prompt is posted once. Where it is unsure whether it arrived, the server is asked; what is
missing after a lost connection is read from the run's log, or from the stored conversation.
"""

from __future__ import annotations

import time
from itertools import chain
from typing import Callable, Iterator, Protocol, TypeVar

from ..calls import StreamCall
from ..dialects import Dialect, Prompt
from ..errors import (
    ConnectionFailed,
    HugChatError,
    ProtocolError,
    TimedOut,
    TransportError,
    Unavailable,
)
from ..events import Event, TitleChanged, WebSearchError
from ..rate_limit import Pace
from ..transport.http import Transport
from ..transport.retry import Patience, Tries, is_unsure
from ..transport.stream import Stream
from ..values import replace
from .answer import Answer
from .prompt import new_uuid
from .recovery import Recovery

E = TypeVar("E")

_LOOKS = 4  # for a message that may have arrived


class RunOwner(Protocol):
    """Whoever began a run: it is told the title that an answer brings, and that the run is over."""

    def keep_title(self, conversation_id: str, title: str) -> None: ...  # noqa: D102

    def forget_ended(self, run: Run) -> None: ...  # noqa: D102


class OpenReply:
    """The reply of a run that is open now; limited and closed from any thread."""

    def __init__(self, transport: Transport, patience: Patience) -> None:
        self.patience = patience
        self.closed = False
        self._transport = transport
        self._stream: Stream | None = None

    def open(
        self, call: StreamCall[E], events_seen: Callable[[], int], tries: Tries | None = None
    ) -> Stream:
        """Return the reply of *call*, once its head is there.

        :param events_seen: counts what came of it, which is its progress.
        """
        self._stream = stream = self._transport.open(call, self.patience, tries)
        stream.watch(events_seen)
        if self.closed:  # by another thread, while it was opened
            stream.close()
        return stream

    def limit(self, seconds: float) -> None:
        """Let what is still to come take *seconds*, over all connections."""
        deadline = min(self.patience.deadline, time.monotonic() + seconds)
        self.patience = replace(self.patience, deadline=deadline)
        if self._stream is not None:
            self._stream.limit(seconds)

    def close(self) -> None:
        """End the reply, and each that is opened from now on."""
        self.closed = True
        if self._stream is not None:
            self._stream.close()


class Run:
    """One message on its way, and the source of the events of its answer.

    :param record: the answer, which the message fills; what is missing of it is read there.
    :param pace: at which messages may leave.
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
        pace: Pace | None = None,
        owner: RunOwner | None = None,
    ) -> None:
        self.prompt = prompt
        self.dialect = dialect  # the one that the server turned out to want, once it was sent
        self.record = Answer()
        self._transport = transport
        self._patience = patience
        self._resume = resume
        self._pace = pace if pace is not None and pace.is_limited else None
        self._owner = owner
        self._open = OpenReply(transport, patience)
        self._tries = Tries()
        # the events of a search that is a request of its own (2023)
        self._searched: list[Event] = []
        # the request that was sent; before it there is nothing to go on with
        self._call: StreamCall[Event] | None = None
        self._stream: Stream | None = None  # none, if the answer must be fetched from the log
        self._recovery: Recovery | None = None
        self._trouble: HugChatError | None = None  # the error that ended the first connection
        # closed after some text: the server has yet to notice, and to store it
        self._was_left = False
        self._was_stopped = False
        self._over = False
        self._ended = False  # nothing more will come

    @property
    def is_over(self) -> bool:
        """Whether the server is known to be done with it, or never to have had it."""
        recovered = self._recovery is not None and self._recovery.is_over
        if self._over or self._call is None or recovered:
            return True
        return (
            self._open.closed
            and not self.dialect.manners.survives_disconnect
            and not self._was_left
        )

    @property
    def ids(self) -> frozenset[str]:
        """The ids by which the server may know its question and its answer."""
        sent = self.prompt
        again = sent.parent_id if sent.action != "new" else None
        given = (sent.custom.get("id"), sent.custom.get("response_id"), again)
        return frozenset((sent.message_id, sent.generation_id, *filter(None, given)))

    @property
    def needs_a_reader(self) -> bool:
        """Whether a whole answer must be read on, lest the server lose the title."""
        call, record = self._call, self.record
        if call is None or self._open.closed or self._ended or not call.stays_for_title:
            return False
        return record.is_complete and record.title is None

    # sending ---------------------------------------------------------------------------------

    def send(self) -> None:
        """Send the message; return when the server has accepted it.

        :raises HugChatError: it was not accepted, or nobody can tell.
        """
        if self.prompt.web_search and self.prompt.search_id is None:
            self._search_first()
        while True:
            try:
                self._post()
            except HugChatError as error:
                page = isinstance(error, ProtocolError)  # somebody on the way answered instead
                if not (page or is_unsure(error)):
                    self._over = True
                    raise
                if self._has_arrived(error):
                    self._trouble = error
                    return
                tells = not self.dialect.manners.stores_at_end and not page
                if not tells or self._tries.made >= self._patience.retry.tries:
                    raise
                self._transport.pause(self._tries.made, self._patience)
                # should the lost one come after all, each has a log of its own
                self.prompt = self.prompt._replace(generation_id=new_uuid())
            else:
                return

    def _post(self, *, in_other_form: bool = True) -> None:
        """Post the message, once more in the other form of its body if the server wants that one.

        :raises Unavailable: it wants neither; the wrong form stores nothing.
        """
        if self._pace is not None:
            self._pace.wait(self._patience.deadline)
        self._call = self.dialect.chat(self.prompt)
        try:
            self._stream = self._open.open(self._call, self.record.events.__len__, self._tries)
        except Unavailable as error:
            other = self.dialect.other_body_form() if error.status == 500 else None
            if other is None or not in_other_form:
                raise
            before, self.dialect = self.dialect, other
            try:
                self._post(in_other_form=False)
            except Unavailable as again:
                if again.status != 500:
                    raise
                self.dialect = before  # the form was not the reason
                raise error from None
        if "reattach" in self.dialect.features and self._stream is not None:
            self._stream.check_end_with(self._check_end)

    def _has_arrived(self, error: HugChatError) -> bool:
        """Return whether the server has the message after all.

        :raises HugChatError: *error*, when the server cannot be asked.
        """
        call = self.dialect.stored(self.prompt.conversation_id, self.prompt)
        try:
            for _ in self._transport.looks(self._patience, most=_LOOKS):
                if self._transport.send(call, self._patience) is not None:
                    return True
        except HugChatError as trouble:
            raise error from trouble
        if time.monotonic() >= self._patience.deadline:
            raise error
        return False

    def _search_first(self) -> None:
        """Search, where that is a request of its own; one that fails costs only its results.

        The server counts it like a message.

        :raises HugChatError: the server refuses the conversation, or who asks.
        """
        call = self.dialect.search(self.prompt.conversation_id, self.prompt.text)
        if call is None:
            return
        if self._pace is not None:
            self._pace.wait(self._patience.deadline)
        found: str | None = None
        try:
            with self._open.open(call, self._searched.__len__) as pieces:
                for event in chain.from_iterable(call.read(pieces)):
                    if isinstance(event, str):
                        found = event
                        break
                    self._searched.append(event)
        except (TransportError, Unavailable, ProtocolError) as error:
            if self._open.closed or (isinstance(error, TimedOut) and error.phase == "total"):
                raise
            self._searched.append(WebSearchError("The web search broke off", (str(error),)))
        if self._open.closed:
            raise ConnectionFailed("the web search was closed; the message was not sent")
        self.prompt = self.prompt._replace(search_id=found)

    # reading ---------------------------------------------------------------------------------

    def events(self) -> Iterator[list[Event]]:
        """Yield the events of the answer, over as many connections as it takes."""
        is_thrown_away = False
        try:
            if self._searched:
                yield self._searched
            if self._stream is not None and self._call is not None:
                try:
                    with self._stream as pieces:
                        for batch in self._call.read(pieces):
                            for event in batch:
                                if type(event) is TitleChanged:
                                    self._keep_title(event)
                            yield batch
                except HugChatError as error:
                    if not self._may_go_on(error):
                        raise
                    self._trouble = error
                else:
                    ends = self.record.is_complete or not self.dialect.manners.survives_disconnect
                    self._over = ends and not self._was_left
            if not (self._over or self._open.closed):
                yield from self._going_on()
        except GeneratorExit:
            is_thrown_away = True  # whoever collects garbage may hold the lock of our owner
            raise
        finally:
            if not is_thrown_away:
                self._ended = True
                self._report_end()

    def _may_go_on(self, error: HugChatError) -> bool:
        """Return whether another way may lead to what the first connection owed."""
        if isinstance(error, TransportError):
            return not isinstance(error, TimedOut) or error.phase == "idle"
        if isinstance(error, ProtocolError):
            # nonsense may be the fault of the way; a line without end is not read twice
            return bool(error.line or error.field) and "reattach" in self.dialect.features
        self._over = True  # the server itself has said so
        return False

    def _check_end(self) -> None:
        """Refuse the end of a body that is not the end of the answer.

        A body that is shorter than its head says ends like a whole one, and its reader would take
        half a tag for text.
        """
        if not self.record.is_complete:
            raise ConnectionFailed("the stream ended before the answer did")

    def _going_on(self) -> Iterator[list[Event]]:
        """Yield what the first connection owed."""
        if not self._resume:
            if self._trouble is not None:
                raise self._trouble
            return
        self._recovery = Recovery(
            self._transport,
            self.dialect,
            self.prompt,
            self._open,
            self.record,
            was_stopped=self._was_stopped,
        )
        for event in self._recovery.events(self._trouble):
            if type(event) is TitleChanged:
                self._keep_title(event)
            yield [event]

    def _keep_title(self, event: TitleChanged) -> None:
        if self._owner is not None:
            self._owner.keep_title(self.prompt.conversation_id, event.title)

    # ending ----------------------------------------------------------------------------------

    def limit(self, seconds: float) -> None:
        """Let what follows the final answer take *seconds*."""
        if self._call is not None and self._call.closes_at_answer and not self.needs_a_reader:
            self._over = True
            self.close()
        else:
            self._open.limit(seconds)

    def close(self) -> None:
        """End the connection, from any thread."""
        if not self.record.is_complete and self.record.text:
            self._was_left = True
        self._open.close()
        self._report_end()

    def _report_end(self) -> None:
        if self._owner is not None:
            self._owner.forget_ended(self)

    def stop(self) -> None:
        """Ask the server to stop the run."""
        self._was_stopped = True
        call = self.dialect.stop(self.prompt.conversation_id)
        try:
            if call is not None:
                self._transport.send(call)
        finally:
            if self.dialect.manners.stops_by_closing:
                self.close()

    def await_end(self, patience: Patience) -> None:
        """Return when the server is done with a run that nobody reads any more.

        :raises TimedOut: the time of the call that waits is spent.
        """
        fresh = OpenReply(self._transport, patience)
        recovery = Recovery(self._transport, self.dialect, self.prompt, fresh)
        try:
            recovery.await_end(self._was_left)
        except HugChatError as error:
            # how the earlier run ended is not the new call's business; that it ended, is
            if isinstance(error, TimedOut) and error.phase == "total":
                raise
        self._over = True
