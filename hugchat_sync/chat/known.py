"""What is known of an answer so far: attributes that never block and never raise."""

from __future__ import annotations

from typing import Callable

from ..errors import ConnectionFailed, GenerationError, HugChatError, IncompleteAnswer, TimedOut
from ..events import Event, ToolCall
from ..records import ChatFile, Source
from ..secret import safe_repr
from .answer import Answer


class Known:
    """The state of a message, as it may be looked at from any thread and from a signal handler."""

    conversation_id: str
    _events: list[Event]
    _answer: Answer
    _failure: HugChatError | None
    _ended: bool
    _closed: bool
    _stopped: bool

    @property
    def is_over(self) -> bool:
        """Whether the text is settled, or never will be; unlike ``done`` it starts no reading."""
        return self._answer.final is not None or self._ended

    @property
    def is_ended(self) -> bool:
        """Whether nothing more will come, not even a late title."""
        return self._ended

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, or interrupted, before its end."""
        return self._closed

    @property
    def is_complete(self) -> bool:
        """Whether the server has said that the answer is whole."""
        return self._answer.final is not None or self._answer.finished

    @property
    def events_seen(self) -> Callable[[], int]:
        """A function that counts the events; it is asked for every piece of the body."""
        return self._events.__len__

    @property
    def error(self) -> HugChatError | None:
        """Why the answer failed; ``None`` while it is good."""
        return self._failure if self._answer.final is None else None

    @property
    def stopped(self) -> bool:
        """Whether somebody here asked the server to stop before the text was settled."""
        return self._stopped

    @property
    def interrupted(self) -> bool:
        """Whether the run was stopped before its end."""
        return self._answer.final is not None and self._answer.final.interrupted

    @property
    def reasoning(self) -> str:
        """The model's thinking so far."""
        return self._answer.reasoning

    @property
    def sources(self) -> tuple[Source, ...]:
        """The pages that a web search found so far."""
        return self._answer.sources

    @property
    def files(self) -> tuple[ChatFile, ...]:
        """The files that the run has made so far."""
        return tuple(self._answer.files)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools called so far."""
        return tuple(self._answer.tool_calls)

    @property
    def title(self) -> str | None:
        """The conversation's new title, once the server has sent one."""
        return self._answer.title

    @property
    def route(self) -> tuple[str, str, str] | None:
        """Who answers: (route, model, provider), once the server has said so."""
        known = self._answer.route
        return None if known is None else (known.route, known.model, known.provider)

    @property
    def partial(self) -> str:
        """The text so far."""
        return self._answer.text

    @safe_repr
    def __repr__(self) -> str:
        state = "failed" if self.error else "done" if self.is_over else "open"
        count = len(self._events)
        return f"<Message in {self.conversation_id}: {state}, {count} events; .text() reads it>"

    def events_so_far(self) -> tuple[Event, ...]:
        """Return the events that have come; unlike iteration it waits for nothing."""
        return tuple(self._events)

    def _raise_failure(self) -> None:
        failure = self.error
        if failure is not None:
            raise failure


def failure_of(error: HugChatError | None, answer: Answer, *, closed: bool) -> HugChatError:
    """Return what is raised of an answer that ended without being whole.

    :param error: what ended it; ``None`` if it just ended.
    """
    if closed or error is None or isinstance(error, ConnectionFailed):
        why = "it was closed" if closed else str(error or "the stream ended early")
        incomplete = IncompleteAnswer(
            f"the answer is incomplete: {why}; .partial has what came, and "
            "Client.history() what the server keeps"
        )
        incomplete.__cause__ = None if closed else error
        error = incomplete
    if isinstance(error, (GenerationError, TimedOut)):
        error.partial = answer.streamed
    return error
