"""Waiting for the end of a run that anybody began: another thread, client or process.

Two runs in one conversation destroy each other on real servers: the later one to end rewrites the
whole conversation. So whoever reads or writes one waits here first.
"""

from __future__ import annotations

import time

from ..dialects.base import Dialect, Look, Prompt, Unfinished
from ..errors import (
    AuthError,
    GenerationError,
    ProtocolError,
    ServerError,
    TimedOut,
    TransportError,
)
from ..events import FinalAnswer, Token
from ..records import ConversationTree
from ..transport.http import Transport
from ..transport.retry import Patience
from .recovery import Rest

_SOON = 0.1  # seconds between two looks, at first
_SELDOM = 2.0  # seconds between two looks in the end


class Ended:
    """What is known of runs in one conversation that are over, where it is not stored."""

    def __init__(self) -> None:
        self.ours: frozenset[str] = frozenset()  # the ids of the last run of our own
        self._unseen: frozenset[str] = frozenset()  # those, until a look has shown it
        self._known: set[str | Unfinished] = set()

    def add_ours(self, ids: frozenset[str]) -> None:
        """Know that a run of our own is over, by the ids of its question and its answer."""
        self.ours = self._unseen = ids

    def add(self, answer: Unfinished) -> None:
        """Know that an answer is dead, unless it changes."""
        self._known.add(answer)

    def add_log(self, answer: Unfinished) -> None:
        """Know that the run of an answer has ended."""
        self._known.add(answer.generation_id)

    def without(self, look: Look) -> tuple[Unfinished, ...]:
        """Return the answers of *look* that may still be coming, the newest last."""
        for answer in look.unfinished:
            if answer.id in self._unseen or answer.generation_id in self._unseen:
                self._known.add(answer)
                self._unseen = frozenset()  # an id may be used again
        return tuple(
            answer
            for answer in look.unfinished
            if answer not in self._known and answer.generation_id not in self._known
        )


def idle_tree(
    transport: Transport,
    dialect: Dialect,
    conversation_id: str,
    patience: Patience,
    ended: Ended,
) -> ConversationTree:
    """Return a conversation as it is stored, once no run is on in it.

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
                return look.tree
            answer = running[-1]
            text = answer.text or text
            if running != before:
                before, moved = running, time.monotonic()
                if _follow(transport, dialect, conversation_id, patience, answer, ended):
                    continue
        except TimedOut as error:
            if before is None or error.phase != "total":
                raise
            raise _goes_on(error.partial or text) from error
        quiet = max(answer.still, time.monotonic() - moved)
        if quiet >= patience.timeout.progress:
            for one in running:
                ended.add(one)
            return look.tree
        left = patience.deadline - time.monotonic()
        if left <= 0:
            raise _goes_on(text)
        transport.sleep(min(pause, left, patience.timeout.progress))
        pause = min(2 * pause, _SELDOM)


def _goes_on(text: str) -> TimedOut:
    return TimedOut(
        "an earlier answer in this conversation goes on",
        phase="total",
        partial=text,
        is_earlier=True,
    )


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
    prompt = Prompt(conversation_id, "", "", answer.generation_id)
    rest = Rest(transport, dialect, prompt, patience)
    said: list[str] = []
    log_tells = True
    try:
        for event in rest.replayed():
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
    if not (log_tells and rest.log_end != "gone") and not answer.is_said:
        return False
    ended.add_log(answer)  # without a log, at most a title is missing of a whole text
    return True
