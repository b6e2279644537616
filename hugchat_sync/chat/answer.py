"""What an answer's events add up to: functions of (state, event), without sockets or threads."""

from __future__ import annotations

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
    trimmed = streamed.rstrip()  # a final answer has no blanks at its end, the pieces may
    if final.startswith(trimmed):
        return final
    if trimmed.endswith(final):
        return streamed if streamed.endswith(final) else trimmed
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
    if isinstance(event, FinalAnswer):
        event = state.final = FinalAnswer(_stored_text(state, event), event.interrupted)
    elif isinstance(event, Reasoning):
        state.thoughts.append(event.text)
    elif isinstance(event, WebSearchSources):
        state.sources = event.sources  # each line repeats the earlier ones
    elif isinstance(event, FileCreated):
        state.files.append(ChatFile(event.name, event.sha, event.mime))
    elif isinstance(event, ToolCall):
        state.tool_calls.append(event)
    elif isinstance(event, TitleChanged):
        state.title = event.title
    elif isinstance(event, Route):
        before = state.route or Route()
        state.route = Route(
            event.route or before.route,
            event.model or before.model,
            event.provider or before.provider,
        )
    elif isinstance(event, Status):
        state.finished = state.finished or event.status == "finished"
    state.events.append(event)
    return event


def _stored_text(state: Answer, event: FinalAnswer) -> str:
    """Return the text of a final answer as the server stores it; thinking in it is taken out."""
    if isinstance(event, StoredAnswer):
        return event.text
    text, thought = split_thinking(event.text)
    if thought and not state.thoughts:
        state.thoughts.append(thought)
    rounds = bool(state.tool_calls) or isinstance(event, LastRound)
    return merged_text(state.streamed, text) if rounds and not event.interrupted else text


def conclude(state: Answer, *, stopped: bool = False) -> FinalAnswer | None:
    """Return the final answer of a run that ended well without sending one, else ``None``.

    ``finished`` without a final answer is a complete answer: its text is that of the tokens. So is
    the end of a run that we stopped, only that it is an interrupted one.
    """
    if state.final is not None or not (state.finished or stopped):
        return None
    state.final = FinalAnswer(state.streamed.rstrip(), stopped and not state.finished)
    return state.final
