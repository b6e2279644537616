"""One run at a time in each conversation: its lock, its open answer, its leaf.

Two runs in one conversation destroy each other on real servers (the later one rewrites the whole
conversation), and a rename is undone by the end of a run. So whoever writes waits here.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Callable, Iterator

from .dialects.base import Dialect, Prompt
from .errors import TimedOut
from .events import Event
from .message import Message
from .pace import Pace
from .retrying import Patience
from .run import Run
from .transport import Transport

_SLICE = 0.5  # seconds; Windows delivers Ctrl-C only between waits


@dataclass
class Place:
    """What is known of one conversation: ``leaf`` is the message to append to, if known."""

    conversation_id: str
    lock: threading.Lock = field(default_factory=threading.Lock)
    leaf: str | None = None
    run: Run | None = None  # the last one, until it is known to be over


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
        self._map = threading.Lock()
        self._process = os.getpid()

    def place(self, conversation_id: str) -> Place:
        """Return the place of a conversation."""
        if os.getpid() != self._process:
            self._begin_anew()
        with self._map:
            return self._places.setdefault(conversation_id, Place(conversation_id))

    def _begin_anew(self) -> None:
        """Take new locks in a forked child: threads that are not there may hold the old ones."""
        self._map = threading.Lock()
        self._places = {
            name: replace(place, lock=threading.Lock()) for name, place in self._places.items()
        }
        self._process = os.getpid()

    def forget(self, conversation_id: str) -> None:
        """Close what is open in a conversation that is to be removed, and forget its place."""
        place = self.place(conversation_id)
        with self._map:
            self._places.pop(conversation_id, None)
        _close(place)

    def close(self) -> None:
        """Close every open answer."""
        with self._map:
            places = list(self._places.values())
        for place in places:
            _close(place)

    @contextmanager
    def quiet(self, dialect: Dialect, conversation_id: str, patience: Patience) -> Iterator[Place]:
        """Hold a conversation in which no run is on, and none begins meanwhile.

        :raises TimedOut: the time of this call was spent waiting.
        """
        place = self.place(conversation_id)
        self._acquire(place, patience)
        try:
            self._settle(place, patience)
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
            run = Run(
                self._transport,
                dialect,
                prompt,
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

    def stop(self, conversation_id: str) -> bool:
        """Stop the run that we know of, and return whether there was one."""
        run = self.place(conversation_id).run
        message = run.message if run is not None else None
        if message is None or message.is_over:
            return False
        message.stop()
        return True

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

    def _acquire(self, place: Place, patience: Patience) -> None:
        while not place.lock.acquire(timeout=_SLICE):
            if time.monotonic() >= patience.deadline:
                raise TimedOut(
                    "another call in this conversation did not end in time", phase="total"
                )

    def _settle(self, place: Place, patience: Patience) -> None:
        """Wait for the end of the last run; how it ended is its own message's business."""
        run = place.run
        if run is None:
            return
        if run.message is None:  # its send was interrupted, or nobody knows whether it arrived
            run.close()
        elif not run.message.drain(patience.deadline):
            raise TimedOut("an earlier answer in this conversation goes on", phase="total")
        if not run.is_over:
            run.await_end(patience)
        self._drop(place, run)

    def _newest(self, dialect: Dialect, place: Place, patience: Patience) -> str | None:
        tree = self._transport.send(dialect.conversation(place.conversation_id), patience)
        return tree.messages[-1].id if tree.messages else tree.root_id


def _close(place: Place) -> None:
    run = place.run
    if run is None:
        return
    if run.message is not None:
        run.message.close()
    else:
        run.close()
