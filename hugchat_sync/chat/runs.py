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
from ..errors import (
    AuthError,
    GenerationError,
    ProtocolError,
    ServerError,
    TimedOut,
    TransportError,
    UsageError,
)
from ..events import FinalAnswer, Token
from ..futures import begin
from ..rate_limit import Pace
from ..records import ConversationTree
from ..transport.http import Transport
from ..transport.retry import Patience
from ..values import Value, field
from .message import TAIL, Message
from .run import OpenReply, Run

_LAST_WORDS = 0.1  # seconds for what follows an answer, after which its connection is given up
_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits
_SOON = 0.1  # seconds between two looks, at first
_SELDOM = 2.0  # seconds between two looks in the end


class Ended:
    """What is known of runs in one conversation that are over, where it is not stored."""

    def __init__(self) -> None:
        self.ours: frozenset[str] = frozenset()  # the ids of the last run of our own
        self._unseen: frozenset[str] = frozenset()  # those, until a look has shown it
        self._over: set[str | Unfinished] = set()

    def add_ours(self, ids: frozenset[str]) -> None:
        """Know that a run of our own is over, by the ids of its question and its answer."""
        self.ours = self._unseen = ids

    def add(self, answer: Unfinished) -> None:
        """Know that an answer is dead, unless it changes."""
        self._over.add(answer)

    def add_log(self, answer: Unfinished) -> None:
        """Know that the run of an answer has ended."""
        self._over.add(answer.generation_id)

    def without(self, look: Look) -> tuple[Unfinished, ...]:
        """Return the answers of *look* that may still be coming, the newest last."""
        for answer in look.unfinished:
            if answer.id in self._unseen or answer.generation_id in self._unseen:
                self._over.add(answer)
                self._unseen = frozenset()  # an id may be used again
        return tuple(
            answer
            for answer in look.unfinished
            if answer not in self._over and answer.generation_id not in self._over
        )


class Place(Value, frozen=False):
    """What is known of one conversation."""

    conversation_id: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: Created | None = None  # in this very call: nobody else can have found it yet
    run: Run | None = None  # the last one, until it is known to be over
    message: Message | None = None  # its answer; none, if nobody knows whether it was sent
    ended: Ended = field(default_factory=Ended)


class Runs:
    """The places of one client.

    :param keep_title: takes (conversation id, title) that an answer brought.
    :param keep_dialect: takes the dialect that the server turned out to want.
    """

    def __init__(
        self,
        transport: Transport,
        pace: Pace,
        keep_title: Callable[[str, str], None],
        keep_dialect: Callable[[Dialect], None],
    ) -> None:
        self.pace = pace
        self.keep_title = keep_title
        self._transport = transport
        self._keep_dialect = keep_dialect
        self._places: dict[str, Place] = {}
        begin(self)

    def place(self, conversation_id: str) -> Place:
        """Return the place of a conversation."""
        with self._map:
            place = self._places.get(conversation_id)
            if place is None:
                place = self._places[conversation_id] = Place(conversation_id)
            return place

    def begin_anew(self) -> None:
        """Take new locks; the runs of a parent are runs that somebody else reads."""
        self._map = threading.Lock()
        for place in self._places.values():
            place.lock = threading.Lock()

    def forget(self, conversation_id: str) -> None:
        """Close what is open in a conversation that is to be removed, and forget its place."""
        place = self.place(conversation_id)
        with self._map:
            self._places.pop(conversation_id, None)
        _close(place, _LAST_WORDS)

    def close(self) -> None:
        """Close every open answer; one that has only a title to come is read to its end."""
        with self._map:
            places = list(self._places.values())
        for place in places:
            self.await_title(place.conversation_id)
            _close(place)

    def await_title(self, conversation_id: str) -> None:
        """Read on behind an answer whose title the server keeps only while it is read."""
        place = self.place(conversation_id)
        run, message = place.run, place.message
        if run is not None and message is not None and run.needs_a_reader:
            message.drain(time.monotonic() + TAIL)

    @contextmanager
    def quiet(
        self, dialect: Dialect, conversation_id: str, patience: Patience
    ) -> Iterator[ConversationTree]:
        """Hold a conversation in which no run is on, and none begins meanwhile; yields it.

        :raises TimedOut: the time of this call was spent waiting.
        """
        with self._held(conversation_id, patience) as place:
            yield self._idle(dialect, place, patience).read()

    @contextmanager
    def _held(self, conversation_id: str, patience: Patience) -> Iterator[Place]:
        """Hold a conversation in which no run of ours is on."""
        place = self.place(conversation_id)
        self._acquire(place, patience)
        try:
            self._settle(place, patience)
            yield place
        finally:
            place.lock.release()

    def _idle(self, dialect: Dialect, place: Place, patience: Patience) -> Look:
        return idle_look(self._transport, dialect, place.conversation_id, patience, place.ended)

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
                home=self,
            )
            # also if this is interrupted: the server may be at it all the same
            place.run, place.message = run, None
            is_sent = False
            try:
                run.begin()
                is_sent = True
            finally:
                if not is_sent:
                    self.leave(run)
            if run.dialect is not dialect:
                self._keep_dialect(run.dialect)
            place.message = Message(
                run,
                run.record,
                conversation_id=prompt.conversation_id,
                generation_id=run.prompt.generation_id,
                web_search=prompt.web_search or prompt.search_server is not None,
            )
            return place.message

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
            prompt = prompt._replace(parent_id=leaf)
        return prompt._replace(is_first=is_first)

    def stop(self, conversation_id: str, *, is_ours: bool) -> bool:
        """Stop the run of ours, and return whether that is all there is to do.

        :param is_ours: the last run of ours is meant, also where it is over.
        """
        place = self.place(conversation_id)
        message = place.message
        if message is None or message.is_over:
            return is_ours and bool(message or place.ended.ours)
        message.stop()
        return True

    def stop_elsewhere(self, dialect: Dialect, conversation_id: str, patience: Patience) -> None:
        """Stop a run that somebody else began; where none is on, nothing is sent.

        :raises FeatureUnavailable: only whoever holds its connection can.
        """
        look = self._transport.send(dialect.look(conversation_id), patience)
        running = self.place(conversation_id).ended.without(look)
        if all(answer.is_said for answer in running) and not dialect.manners.stores_at_end:
            return
        call = dialect.stop_elsewhere(conversation_id)
        if call is None:
            dialect.lacks("stop", "close the answer where it was begun")
        self._transport.send(call, patience)

    # inside ----------------------------------------------------------------------------------

    def leave(self, run: Run) -> None:
        """Keep a run no longer, if it is over."""
        with self._map:
            place = self._places.get(run.prompt.conversation_id)
            if place is not None and place.run is run and run.is_over:
                place.run = place.message = None
                place.ended.add_ours(run.ids)

    def _acquire(self, place: Place, patience: Patience) -> None:
        while not place.lock.acquire(timeout=_SLICE):
            if time.monotonic() >= patience.deadline:
                sentence = "another call in this conversation did not end in time"
                raise _goes_on_still(_text_so_far(place), sentence)

    def _settle(self, place: Place, patience: Patience) -> None:
        """Wait for the end of the last run; how it ended is its own message's business."""
        run, message = place.run, place.message
        if run is None:
            return
        if message is None:  # its send was interrupted, or nobody knows whether it arrived
            run.close()
        elif not message.drain(patience.deadline):
            raise _goes_on_still(message.partial)
        if not run.is_over:
            try:
                run.await_end(patience)
            except TimedOut as error:
                raise _goes_on_still(_text_so_far(place)) from error
        self.leave(run)


def _close(place: Place, tail: float = 0.0) -> None:
    run, message = place.run, place.message
    if message is not None and tail:
        message.finish(tail)
    elif message is not None:
        message.close()
    elif run is not None:
        run.close()


def _goes_on_still(
    partial: str, sentence: str = "an earlier answer in this conversation goes on"
) -> TimedOut:
    return TimedOut(sentence, phase="total", partial=partial, is_earlier=True)


def _text_so_far(place: Place) -> str:
    return place.message.partial if place.message is not None else ""


def _with_question(prompt: Prompt, tree: ConversationTree) -> Prompt:
    """Return a retry that names the question, as servers without trees want it.

    :raises UsageError: the message to make again answers none.
    """
    questions = [one for one in tree.path(prompt.parent_id) if one.role == "user"]
    if not questions:
        raise UsageError(f"message {prompt.parent_id} answers no question")
    return prompt._replace(parent_id=questions[-1].id, text=questions[-1].text)


# runs that anybody began -----------------------------------------------------------------


def idle_look(
    transport: Transport,
    dialect: Dialect,
    conversation_id: str,
    patience: Patience,
    ended: Ended,
) -> Look:
    """Return a look at a conversation, once no run is on in it.

    The log of a run says when it has ended; where there is none, what is stored does. An answer
    that neither ends nor changes for ``progress`` is taken for dead.

    :raises TimedOut: it goes on at the end of the call's time; ``partial`` is its text so far.
    """
    before, moved, pause, text = None, time.monotonic(), _SOON, ""
    while True:
        try:
            look = transport.send(dialect.look(conversation_id), patience)
            running = ended.without(look)
            if not running:
                return look
            answer = running[-1]
            text = answer.text or text
            if running != before:
                before, moved = running, time.monotonic()
                if _follow(transport, dialect, conversation_id, patience, answer, ended):
                    continue
        except TimedOut as error:
            if before is None or error.phase != "total":
                raise
            raise _goes_on_still(error.partial or text) from error
        quiet = max(answer.still, time.monotonic() - moved)
        if quiet >= patience.timeout.progress:
            for one in running:
                ended.add(one)
            return look
        left = patience.deadline - time.monotonic()
        if left <= 0:
            raise _goes_on_still(text)
        transport.sleep(min(pause, left, patience.timeout.progress))
        pause = min(2 * pause, _SELDOM)


def _follow(
    transport: Transport,
    dialect: Dialect,
    conversation_id: str,
    patience: Patience,
    answer: Unfinished,
    ended: Ended,
) -> bool:
    """Return whether the log of an answer was read to its end; ``False`` if there is none.

    :raises TimedOut: it goes on; ``partial`` is its text so far.
    """
    if not answer.generation_id or "reattach" not in dialect.features:
        return False
    from .recovery import Recovery  # here: few runs are on elsewhere

    prompt = Prompt(conversation_id, "", "", answer.generation_id)
    log = Recovery(transport, dialect, prompt, OpenReply(transport, patience))
    said: list[str] = []
    log_tells = True
    try:
        for event in log.replayed():
            if isinstance(event, Token):
                said.append(event.text)
            elif isinstance(event, FinalAnswer):
                said = [event.text]
    except GenerationError:
        pass  # that it ended is what counts
    except TimedOut as error:
        if error.phase == "total":
            error.partial = "".join(said)
            raise
        if error.phase == "progress":  # nothing but signs of life
            ended.add(answer)
            return True
        log_tells = False
    except (TransportError, ServerError, ProtocolError, AuthError):
        log_tells = False
    if not (log_tells and log.log_end != "gone") and not answer.is_said:
        return False
    ended.add_log(answer)  # without a log, at most a title is missing of a whole text
    return True
