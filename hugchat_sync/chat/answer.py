"""What an answer's events add up to: functions of (state, event), without sockets or threads."""

from __future__ import annotations

from typing import Any, Callable

from ..dialects.fields import split_thinking
from ..dialects.records import LastRound
from ..events import (
    Event,
    FileCreated,
    FinalAnswer,
    Reasoning,
    Route,
    Status,
    TitleChanged,
    Token,
    ToolCall,
    WebSearchSources,
)
from ..records import ChatFile, Source
from ..values import Value, field, with_fields


def merged_text(streamed: str, final: str) -> str:
    """Return what the server stores after a run with tools, where *final* may be its last round.

    Source: chat-ui, the finalAnswer branch of the text generation handler (2026-08).
    """
    said = streamed.rstrip()  # a final answer has no blanks at its end, the pieces may
    if final.startswith(said):
        return final
    if said.endswith(final):
        return streamed if streamed.endswith(final) else said
    gap = "" if streamed.endswith("\n\n") else "\n\n"
    return streamed + gap + final


@with_fields(frozen=False)
class Answer(Value):
    """The record of one answer: its events, and what they add up to.

    The message fills it, under its lock; :func:`fold` brings it forward. Its run reads it.
    """

    events: list[Event] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    sources: tuple[Source, ...] = ()
    files: list[ChatFile] = field(default_factory=list)
    tool_calls: list[ToolCall] = field(default_factory=list)
    title: str | None = None
    route: Route | None = None
    finished: bool = False
    final: FinalAnswer | None = None

    def __repr__(self) -> str:  # a traceback may show it
        return f"<Answer of {len(self.events)} events>"

    @property
    def is_complete(self) -> bool:
        """Whether the server has said that the answer is whole."""
        return self.final is not None or self.finished

    @property
    def streamed(self) -> str:
        """The text as far as it has come."""
        return "".join([event.text for event in self.events if type(event) is Token])

    @property
    def reasoning(self) -> str:
        """The thinking as far as it has come."""
        return "".join(self.thoughts)

    @property
    def text(self) -> str:
        """The best text there is now: the final one, else what was streamed."""
        return self.final.text if self.final is not None else self.streamed


class StoredAnswer(FinalAnswer):
    """A final answer read from where the server stores it: nothing is merged into it any more."""


def fold(state: Answer, event: Event) -> Event:
    """Bring *state* forward by *event*, and return the event that it keeps.

    A :class:`FinalAnswer` is kept with the text that the server stores.
    """
    handler = _FOLDS.get(type(event))
    kept = event if handler is None else handler(state, event)
    state.events.append(kept)
    return kept


def conclude(state: Answer, *, stopped: bool = False) -> FinalAnswer | None:
    """Return the final answer of a run that ended well without sending one, else ``None``.

    ``finished`` without a final answer is a complete answer: its text is that of the tokens. So is
    the end of a run that we stopped, only that it is an interrupted one.
    """
    if state.final is not None or not (state.finished or stopped):
        return None
    state.final = FinalAnswer(state.streamed.rstrip(), stopped and not state.finished)
    return state.final


def _final(state: Answer, event: FinalAnswer) -> Event:
    rounds = bool(state.tool_calls) or isinstance(event, LastRound)
    text, thought = split_thinking(event.text)
    if thought and not state.thoughts:
        state.thoughts.append(thought)
    if rounds and not event.interrupted:
        text = merged_text(state.streamed, text)
    state.final = FinalAnswer(text, event.interrupted)
    return state.final


def _stored(state: Answer, event: StoredAnswer) -> Event:
    state.final = FinalAnswer(event.text, event.interrupted)
    return state.final


def _reasoning(state: Answer, event: Reasoning) -> Event:
    state.thoughts.append(event.text)
    return event


def _sources(state: Answer, event: WebSearchSources) -> Event:
    state.sources = event.sources  # each line repeats the earlier ones
    return event


def _file(state: Answer, event: FileCreated) -> Event:
    state.files.append(ChatFile(event.name, event.sha, event.mime))
    return event


def _tool(state: Answer, event: ToolCall) -> Event:
    state.tool_calls.append(event)
    return event


def _title(state: Answer, event: TitleChanged) -> Event:
    state.title = event.title
    return event


def _route(state: Answer, event: Route) -> Event:
    known = state.route or Route()
    state.route = Route(
        event.route or known.route, event.model or known.model, event.provider or known.provider
    )
    return event


def _status(state: Answer, event: Status) -> Event:
    state.finished = state.finished or event.status == "finished"
    return event


_FOLDS: dict[type[Event], Callable[[Answer, Any], Event]] = {
    FinalAnswer: _final,
    LastRound: _final,
    StoredAnswer: _stored,
    Reasoning: _reasoning,
    WebSearchSources: _sources,
    FileCreated: _file,
    ToolCall: _tool,
    TitleChanged: _title,
    Route: _route,
    Status: _status,
}
