"""One run at a time in each conversation: its lock, its open answer, its leaf.

Two runs in one conversation destroy each other on real servers (the later one rewrites the whole
conversation), and a rename is undone by the end of a run. So whoever writes waits here.
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Callable, Iterator

from .dialects.base import Dialect, Prompt
from .errors import GenerationError, HugChatError, IncompleteAnswer, TimedOut
from .events import Event
from .message import Message
from .pace import Pace
from .run import Run
from .transport import Patience, Transport

_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits


@dataclass
class Place:
    """What is known of one conversation: ``leaf`` is the message to append to, if known."""

    conversation_id: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    leaf: str | None = None
    message: Message | None = None  # the last run, until it is known to be over
    prompt: Prompt | None = None


class Runs:
    """The places of one client.

    :param told: is called with (conversation id, event) for everything but tokens.
    """

    def __init__(
        self, transport: Transport, pace: Pace, told: Callable[[str, Event], None]
    ) -> None:
        self._transport = transport
        self.pace = pace
        self._told = told
        self._places: dict[str, Place] = {}
        self._map = threading.Lock()

    def place(self, conversation_id: str) -> Place:
        """Return the place of a conversation."""
        with self._map:
            return self._places.setdefault(conversation_id, Place(conversation_id))

    def forget(self, conversation_id: str) -> None:
        """Close what is open in a conversation that is to be removed, and forget its place."""
        with self._map:
            place = self._places.pop(conversation_id, None)
        if place is not None and place.message is not None:
            place.message.close()

    def close(self) -> None:
        """Close every open answer."""
        with self._map:
            places = list(self._places.values())
        for place in places:
            if place.message is not None:
                place.message.close()

    @contextmanager
    def quiet(self, dialect: Dialect, conversation_id: str, patience: Patience) -> Iterator[Place]:
        """Hold a conversation in which no run is on, and none begins meanwhile.

        :raises TimedOut: the time of this call was spent waiting.
        """
        place = self.place(conversation_id)
        self._acquire(place, patience)
        try:
            self._settle(dialect, place, patience)
            yield place
        finally:
            place.lock.release()

    def send(
        self, dialect: Dialect, prompt: Prompt, patience: Patience, *, resume: bool = True
    ) -> Message:
        """Return the answer to *prompt*, whose request was sent and accepted."""
        with self.quiet(dialect, prompt.conversation_id, patience) as place:
            if dialect.needs_parent and prompt.parent_id is None:
                leaf = place.leaf or self._newest(dialect, place, patience)
                prompt = replace(prompt, parent_id=leaf)
            place.leaf = None  # from here on, whatever happens
            self.pace.wait()
            run = Run(self._transport, dialect, prompt, patience, resume=resume)
            run.begin()
            place.prompt, place.message = run.prompt, self._message(run, place)
            return place.message

    def stop(self, conversation_id: str) -> bool:
        """Stop the run that we know of, and return whether there was one."""
        message = self.place(conversation_id).message
        if message is None or message.is_over:
            return False
        message.stop()
        return True

    # inside ----------------------------------------------------------------------------------

    def _message(self, run: Run, place: Place) -> Message:
        prompt = run.prompt

        def ended() -> None:
            if not _may_go_on(message):
                place.message = None

        message = Message(
            run.events(),
            conversation_id=prompt.conversation_id,
            generation_id=prompt.generation_id,
            web_search=prompt.web_search or prompt.search_server is not None,
            close=run.close,
            stop=run.stop,
            limit=run.limit,
            told=lambda event: self._told(prompt.conversation_id, event),
            ended=ended,
        )
        run.watch(message)
        return message

    def _acquire(self, place: Place, patience: Patience) -> None:
        while not place.lock.acquire(timeout=_SLICE):
            if time.monotonic() >= patience.deadline:
                raise TimedOut(
                    "another call in this conversation did not end in time", phase="total"
                )

    def _settle(self, dialect: Dialect, place: Place, patience: Patience) -> None:
        """Wait for the end of the last run; how it ended is its own message's business."""
        message = place.message
        if message is None:
            return
        if not message.drain(patience.deadline):
            raise TimedOut("an earlier answer in this conversation goes on", phase="total")
        if _may_go_on(message) and place.prompt is not None:
            Run(self._transport, dialect, place.prompt, patience).await_end()
        place.message = place.prompt = None

    def _newest(self, dialect: Dialect, place: Place, patience: Patience) -> str | None:
        tree = self._transport.send(dialect.conversation(place.conversation_id), patience)
        return tree.messages[-1].id if tree.messages else tree.root_id


def _may_go_on(message: Message) -> bool:
    """Return whether the server may still be busy with an answer that we read no more."""
    if message.is_complete:
        return False
    error: HugChatError | None = message.error
    return not isinstance(error, GenerationError) or isinstance(error, IncompleteAnswer)
