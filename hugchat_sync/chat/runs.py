"""One run at a time in each conversation, whoever began it.

Two runs in one conversation destroy each other on real servers: the later one to end rewrites the
whole conversation, and a rename is undone by the end of a run. So whoever reads or writes one waits
here, first for the runs of this client, then for those of other threads, clients and processes.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import Callable, Iterator

from ..dialects import Created, Dialect, Look, Prompt, Unfinished
from ..errors import HugChatError, ProtocolError, TimedOut, UsageError
from ..futures import renew_locks_after_fork
from ..rate_limit import Pace
from ..records import ConversationTree
from ..transport.retry import Patience
from . import Server
from .message import TAIL, Message
from .recovery import Recovery
from .run import OpenReply, Run

_TAIL_SECONDS = 0.1  # seconds for what follows an answer, after which its connection is given up
_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits


class Place:
    """One conversation: the run that is on in it, and the runs that are known to be over."""

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id = conversation_id
        self.lock = threading.Lock()
        self.made: Created | None = None  # set where this call made it: nobody else can know it yet
        self.run: Run | None = None  # the last one, until it is known to be over
        self.message: Message | None = None  # its answer; none, if nobody knows whether it was sent
        self.ours: frozenset[str] = frozenset()  # the ids of the last run of ours that is over
        self.unseen: frozenset[str] = (
            frozenset()
        )  # the same, while no look at the conversation has shown them
        self.over: set[str | Unfinished] = (
            set()
        )  # names of logs that ended, and answers that no longer change

    def running(self, look: Look) -> tuple[Unfinished, ...]:
        """Return the answers of *look* that may still be coming, the newest last."""
        for answer in look.unfinished:
            if answer.id in self.unseen or answer.generation_id in self.unseen:
                self.over.add(answer)
                self.unseen = frozenset()  # an id may be used again
        return tuple(
            answer
            for answer in look.unfinished
            if answer not in self.over and answer.generation_id not in self.over
        )

    def close(self, tail: float = 0.0) -> None:
        """Close what is open, once what follows a whole answer was read for *tail* seconds."""
        run, message = self.run, self.message
        if message is not None and tail:
            message.finish(tail)
        elif message is not None:
            message.close()
        elif run is not None:
            run.close()

    def goes_on(
        self,
        partial: str | None = None,
        sentence: str = "an earlier answer in this conversation goes on",
    ) -> TimedOut:
        """Return the error of a call whose time was spent waiting for an earlier answer."""
        if partial is None:
            message = self.message
            partial = "" if message is None else message.partial
        return TimedOut(sentence, phase="total", partial=partial, is_earlier=True)


class Runs:
    """The places of one client.

    :param keep_title: takes (conversation id, title) that an answer brought.
    """

    def __init__(self, server: Server, pace: Pace, keep_title: Callable[[str, str], None]) -> None:
        self.pace = pace
        self.keep_title = keep_title
        self._server = server
        self._transport = server.transport
        self._places: dict[str, Place] = {}
        renew_locks_after_fork(self)

    def renew_locks(self) -> None:
        """Take new locks; the runs of a parent are runs that somebody else reads."""
        self._map = threading.Lock()
        for place in self._places.values():
            place.lock = threading.Lock()

    def place(self, conversation_id: str) -> Place:
        """Return the place of a conversation."""
        with self._map:
            place = self._places.get(conversation_id)
            if place is None:
                place = self._places[conversation_id] = Place(conversation_id)
            return place

    def forget_ended(self, run: Run) -> None:
        """Forget *run*, if it is over."""
        with self._map:
            place = self._places.get(run.prompt.conversation_id)
            if place is not None and place.run is run and run.is_over:
                place.run = place.message = None
                place.ours = place.unseen = run.ids

    def forget(self, conversation_id: str) -> None:
        """Close what is open in a conversation that is to be removed, and forget its place."""
        with self._map:
            place = self._places.pop(conversation_id, None)
        if place is not None:
            place.close(_TAIL_SECONDS)

    def close(self) -> None:
        """Close every open answer; one that has only a title to come is read to its end."""
        with self._map:
            places = list(self._places.values())
        for place in places:
            self.await_title(place.conversation_id)
            place.close()

    def await_title(self, conversation_id: str) -> None:
        """Read on behind an answer whose title the server keeps only while it is read."""
        place = self.place(conversation_id)
        run, message = place.run, place.message
        if run is not None and message is not None and run.needs_a_reader:
            message.drain(time.monotonic() + TAIL)

    # one at a time ---------------------------------------------------------------------------

    @contextmanager
    def quiet(
        self, dialect: Dialect, conversation_id: str, patience: Patience
    ) -> Iterator[ConversationTree]:
        """Hold a conversation in which no run is on, and none begins meanwhile; yields it.

        :raises TimedOut: the time of this call was spent waiting.
        """
        with self._held(conversation_id, patience) as place:
            yield self._idle(dialect, place, patience).read()

    def send(
        self, dialect: Dialect, prompt: Prompt, patience: Patience, *, resume: bool = True
    ) -> Message:
        """Return the answer to *prompt*, whose request was sent and accepted."""
        with self._held(prompt.conversation_id, patience) as place:
            run = Run(
                self._transport,
                dialect,
                self._placed(dialect, prompt, place, patience),
                patience,
                resume=resume,
                pace=self.pace,
                owner=self,
            )
            # also if this is interrupted: the server may be at it all the same
            place.run, place.message = run, None
            try:
                run.begin()
            except HugChatError:
                self.forget_ended(run)
                raise
            if run.dialect is not dialect:
                self._server.keep(run.dialect)
            place.message = Message(
                run,
                run.record,
                conversation_id=prompt.conversation_id,
                generation_id=run.prompt.generation_id,
                web_search=prompt.web_search or prompt.search_server is not None,
            )
            return place.message

    @contextmanager
    def _held(self, conversation_id: str, patience: Patience) -> Iterator[Place]:
        """Hold a conversation in which no run of ours is on."""
        place = self.place(conversation_id)
        while not place.lock.acquire(timeout=_SLICE):
            if time.monotonic() >= patience.deadline:
                why = "another call in this conversation did not end in time"
                raise place.goes_on(sentence=why)
        try:
            if place.run is not None:
                self._settle(place, place.run, patience)
            yield place
        finally:
            place.lock.release()

    def _settle(self, place: Place, run: Run, patience: Patience) -> None:
        """Wait for the end of the last run; how it ended is its own message's business."""
        message = place.message
        if message is None:  # its send was interrupted, or nobody knows whether it arrived
            run.close()
        elif not message.drain(patience.deadline):
            raise place.goes_on(message.partial)
        if not run.is_over:
            try:
                run.await_end(patience)
            except TimedOut as error:
                raise place.goes_on() from error
        self.forget_ended(run)

    def _placed(self, dialect: Dialect, prompt: Prompt, place: Place, patience: Patience) -> Prompt:
        """Return *prompt* with its place among the messages, once no run is on there."""
        made, place.made = place.made, None
        if made is not None and (made.leaf_id is not None or not dialect.manners.needs_parent):
            leaf, is_first = made.leaf_id, True
        else:
            try:
                look = self._idle(dialect, place, patience)
            except ProtocolError:  # nothing there tells whether a run is on
                if prompt.parent_id is None:
                    raise
                return prompt
            if prompt.action == "retry" and not dialect.manners.needs_parent:
                return _with_question(prompt, look.read())
            leaf, is_first = look.leaf_id, look.is_empty
        if dialect.manners.needs_parent and prompt.parent_id is None:
            return prompt._replace(parent_id=leaf, is_first=is_first)
        return prompt._replace(is_first=is_first)

    # runs that anybody began -----------------------------------------------------------------

    def _idle(self, dialect: Dialect, place: Place, patience: Patience) -> Look:
        """Return a look at a conversation, once no run is on in it.

        The log of a run says when it has ended; where there is none, what is stored does. An answer
        that neither ends nor changes for ``progress`` is taken for dead.

        :raises TimedOut: it goes on at the end of the call's time; ``partial`` is its text so far.
        """
        call = dialect.look(place.conversation_id)
        look = self._transport.send(call, patience)
        if not look.unfinished:
            return look
        seen: tuple[Unfinished, ...] = ()
        moved, text = time.monotonic(), ""
        pauses = self._transport.looks(patience, first=0.1, longest=2.0)
        next(pauses)  # the look that the caller made was the first
        while True:
            running = place.running(look)
            if not running:
                return look
            answer, is_new = running[-1], running != seen
            text = answer.text or text
            if is_new:
                seen, moved = running, time.monotonic()
            try:
                if not (is_new and self._follow(dialect, place, patience, answer)):
                    quiet = max(answer.unchanged_seconds, time.monotonic() - moved)
                    if quiet >= patience.timeout.progress:
                        place.over.update(running)
                        return look
                    next(pauses, None)
                look = self._transport.send(call, patience)
            except TimedOut as error:
                if error.phase != "total":
                    raise
                raise place.goes_on(error.partial or text) from error

    def _follow(
        self, dialect: Dialect, place: Place, patience: Patience, answer: Unfinished
    ) -> bool:
        """Return whether the log of an answer told that its run is over, or must be.

        :raises TimedOut: it goes on; ``partial`` is its text so far.
        """
        if not answer.generation_id or "reattach" not in dialect.features:
            return False
        prompt = Prompt(place.conversation_id, "", "", answer.generation_id)
        log = Recovery(self._transport, dialect, prompt, OpenReply(self._transport, patience))
        is_over = log.read_log()
        if is_over is None:
            place.over.add(answer)
        elif is_over or answer.has_whole_text:  # then the log can hold no more than a title
            place.over.add(answer.generation_id)
        else:
            return False
        return True

    # stopping --------------------------------------------------------------------------------

    def stop(self, conversation_id: str, patience: Patience, *, is_ours: bool) -> None:
        """Stop the answer that is coming, whoever asked for it; where none is, nothing is sent.

        :param is_ours: the last run of ours is meant, also where it is over.
        :raises FeatureUnavailable: only whoever holds its connection can.
        """
        dialect = self._server.ready(patience, "", "stop an answer")
        place = self.place(conversation_id)
        message = place.message
        if message is not None and not message.is_over:
            message.stop()
            return
        if is_ours and (message is not None or place.ours):
            return
        look = self._transport.send(dialect.look(conversation_id), patience)
        running = place.running(look)
        if all(answer.has_whole_text for answer in running) and not dialect.manners.stores_at_end:
            return
        call = dialect.stop_elsewhere(conversation_id)
        if call is None:
            dialect.lacks("stop", "close the answer where it was begun")
        self._transport.send(call, patience)


def _with_question(prompt: Prompt, tree: ConversationTree) -> Prompt:
    """Return a retry that names the question, as servers without trees want it.

    :raises UsageError: the message to make again answers none.
    """
    questions = [one for one in tree.path(prompt.parent_id) if one.role == "user"]
    if not questions:
        raise UsageError(f"message {prompt.parent_id} answers no question")
    return prompt._replace(parent_id=questions[-1].id, text=questions[-1].text)
