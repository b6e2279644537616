"""One run at a time in each conversation: its lock, and its last run.

Two runs in one conversation destroy each other on real servers (the later one rewrites the whole
conversation), and a rename is undone by the end of a run. So whoever reads or writes one waits
here, first for the runs of this client, then (:mod:`~hugchat_sync.chat.idle`) for those of others.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Callable, Iterator

from ..dialects.base import Created, Dialect, Prompt
from ..errors import ProtocolError, TimedOut, UsageError
from ..events import Event
from ..futures import begin
from ..rate_limit import Pace
from ..records import ConversationTree
from ..transport.http import Transport
from ..transport.retry import Patience
from .idle import Ended, idle_tree
from .message import TAIL, Message
from .run import Run

_LAST_WORDS = 0.1  # seconds for what follows an answer, after which its connection is given up
_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits


@dataclass
class Place:
    """What is known of one conversation."""

    conversation_id: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: Created | None = None  # in this very call: nobody else can have found it yet
    run: Run | None = None  # the last one, until it is known to be over
    ended: Ended = field(default_factory=Ended)


class Runs:
    """The places of one client.

    :param told: is called with (conversation id, event) for everything but tokens.
    :param learned: is called with the dialect that the server turned out to want.
    """

    def __init__(
        self,
        transport: Transport,
        pace: Pace,
        told: Callable[[str, Event], None],
        learned: Callable[[Dialect], None],
    ) -> None:
        self._transport = transport
        self.pace = pace
        self._told = told
        self._learned = learned
        self._places: dict[str, Place] = {}
        begin(self)

    def place(self, conversation_id: str) -> Place:
        """Return the place of a conversation."""
        with self._map:
            return self._places.setdefault(conversation_id, Place(conversation_id))

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
            self.stay(place.conversation_id)
            _close(place)

    def stay(self, conversation_id: str) -> None:
        """Read on behind an answer whose title the server keeps only while it is read."""
        run = self.place(conversation_id).run
        if run is not None and run.message is not None and run.stays:
            run.message.drain(time.monotonic() + TAIL)

    @contextmanager
    def quiet(
        self,
        dialect: Dialect,
        conversation_id: str,
        patience: Patience,
        surely: Callable[[Callable[[], ConversationTree], Patience], ConversationTree],
    ) -> Iterator[ConversationTree]:
        """Hold a conversation in which no run is on, and none begins meanwhile; yields it.

        :param surely: looks into a refusal of the conversation that may be one of the session.
        :raises TimedOut: the time of this call was spent waiting.
        """
        with self._held(conversation_id, patience) as place:
            yield surely(lambda: self._idle(dialect, place, patience), patience)

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

    def _idle(self, dialect: Dialect, place: Place, patience: Patience) -> ConversationTree:
        return idle_tree(self._transport, dialect, place.conversation_id, patience, place.ended)

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
                pace=partial(self.pace.wait, patience.deadline),
                learned=self._learned,
            )
            place.run = run  # also if this is interrupted: the server may be at it all the same
            try:
                run.begin()
                return self._message(run, place)
            finally:
                self._drop(place, run)

    def _placed(self, dialect: Dialect, prompt: Prompt, place: Place, patience: Patience) -> Prompt:
        """Return *prompt* with its place among the messages, once no run is on there."""
        made, place.made = place.made, None
        if made is not None and (made.leaf_id is not None or not dialect.needs_parent):
            leaf, is_first = made.leaf_id, True
        else:
            try:
                tree = self._idle(dialect, place, patience)
            except ProtocolError:  # nothing there tells whether a run is on
                if prompt.parent_id is None:
                    raise
                return prompt
            if prompt.action == "retry" and not dialect.needs_parent:
                return _with_question(prompt, tree)
            leaf, is_first = tree.leaf, not any(one.role == "user" for one in tree.messages)
        if dialect.needs_parent and prompt.parent_id is None:
            prompt = replace(prompt, parent_id=leaf)
        return replace(prompt, is_first=is_first)

    def stop(self, conversation_id: str, *, is_ours: bool) -> bool:
        """Stop the run of ours, and return whether that is all there is to do.

        :param is_ours: the last run of ours is meant, also where it is over.
        """
        place = self.place(conversation_id)
        message = place.run.message if place.run is not None else None
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
        if all(answer.is_said for answer in running) and not dialect.stores_at_end:
            return
        call = dialect.stop_elsewhere(conversation_id)
        if call is None:
            dialect.lacks("stop", "close the answer where it was begun")
        self._transport.send(call, patience)

    # inside ----------------------------------------------------------------------------------

    def _message(self, run: Run, place: Place) -> Message:
        prompt = run.prompt
        message = Message(
            run.events(),
            conversation_id=prompt.conversation_id,
            generation_id=prompt.generation_id,
            web_search=prompt.web_search or prompt.search_server is not None,
            close=run.close,
            stop=run.stop,
            limit=run.limit,
            told=lambda event: self._told(prompt.conversation_id, event),
            ended=lambda: self._drop(place, run),
        )
        run.watch(message)
        return message

    def _drop(self, place: Place, run: Run) -> None:
        """Keep a run no longer that is over."""
        with self._map:
            if place.run is run and run.is_over:
                place.run = None
                place.ended.add_ours(run.ids)

    def _acquire(self, place: Place, patience: Patience) -> None:
        while not place.lock.acquire(timeout=_SLICE):
            if time.monotonic() >= patience.deadline:
                sentence = "another call in this conversation did not end in time"
                raise _goes_on(place.run, sentence)

    def _settle(self, place: Place, patience: Patience) -> None:
        """Wait for the end of the last run; how it ended is its own message's business."""
        run = place.run
        if run is None:
            return
        if run.message is None:  # its send was interrupted, or nobody knows whether it arrived
            run.close()
        elif not run.message.drain(patience.deadline):
            raise _goes_on(run)
        if not run.is_over:
            try:
                run.await_end(patience)
            except TimedOut as error:
                raise _goes_on(run) from error
        self._drop(place, run)


def _close(place: Place, tail: float = 0.0) -> None:
    run = place.run
    if run is None:
        return
    if run.message is not None and tail:
        run.message.finish(tail)
    elif run.message is not None:
        run.message.close()
    else:
        run.close()


def _goes_on(
    run: Run | None, sentence: str = "an earlier answer in this conversation goes on"
) -> TimedOut:
    message = run.message if run is not None else None
    partial = message.partial if message is not None else ""
    return TimedOut(sentence, phase="total", partial=partial, is_earlier=True)


def _with_question(prompt: Prompt, tree: ConversationTree) -> Prompt:
    """Return a retry that names the question, as servers without trees want it.

    :raises UsageError: the message to make again answers none.
    """
    questions = [one for one in tree.path(prompt.parent_id) if one.role == "user"]
    if not questions:
        raise UsageError(f"message {prompt.parent_id} answers no question")
    return replace(prompt, parent_id=questions[-1].id, text=questions[-1].text)
