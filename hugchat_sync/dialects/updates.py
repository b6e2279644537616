"""Reads the update lines of an answer, of every era that has them.

All spellings are known at once (``messageType`` or ``subtype``, a title as a status or as a type of
its own), because a reader that knows more than its era needs cannot go wrong. What an era does
differently is an attribute or a method to override.
"""

from __future__ import annotations

from typing import Any, Callable, Iterable, Iterator

from ..errors import GenerationError, HugChatError
from ..events import (
    Event,
    FinalAnswer,
    Reasoning,
    Status,
    TitleChanged,
    Token,
    Unknown,
    WebSearchSources,
    fast_token,
)
from .errors import generation_error, refuse_redirect
from .fields import dicts_of, kind_of, need, text_of
from .news import elicitation_news, file_news, route_news, search_news, source, tool_news
from .text import Halves, ThinkSplitter, is_whole, split_thinking, whole
from .wire import objects

_NO_TITLE = "💬"  # what stands in front of a title, where no title could be made


class Updates:
    """One answer's lines on their way to events; an object reads one answer.

    The server's own endings (an error line, a final answer, ``finished``) let go what was held
    back as the possible beginning of a tag or the first half of a character, and so does a body
    that just ends; a connection that breaks or brings nonsense does not: half a tag is no text
    yet, and the other half may be in the log of the run.
    """

    #: blanks before the first word are the model's habit, not text (2023)
    trims_start = False
    #: nothing of use follows the final answer, and the server never ends the reply (2023)
    ends_at_answer = False

    def __init__(self) -> None:
        self._halves = Halves()
        self._thoughts = Halves()
        self._splitter = ThinkSplitter()
        self._begun = not self.trims_start
        self._easy = False
        self._answered = False
        self._kinds: dict[str, Callable[[Any], Iterable[Event]]] = {
            "stream": self.on_stream,
            "status": self.on_status,
            "title": self.on_title,
            "finalAnswer": self.on_final,
            "reasoning": self.on_reasoning,
            "webSearch": self.on_search,
            "tool": self.on_tool,
            "file": self.on_file,
            "routerMetadata": self.on_route,
            "elicitation": self.on_elicitation,
            "redirect": self.on_redirect,
            "error": self.on_error,
        }

    def read(self, chunks: Iterable[bytes]) -> Iterator[list[Event]]:
        """Yield the events of a body, those of one piece of it together.

        Errors come after everything that arrived before them.

        :raises GenerationError: the server says that the run failed (or a subclass of it).
        :raises ProtocolError: a line is no update.
        """
        token, easy = fast_token, self._easy
        for values in objects(chunks):
            events: list[Event] = []
            try:
                for value in values:
                    if easy and value.get("type") == "stream":
                        text = value.get("token")
                        # nearly every line takes this way, which must cost next to nothing
                        if type(text) is str and "<" not in text:
                            text = text.replace("\0", "")  # padding
                            if text.isascii() or is_whole(text):
                                if text:
                                    events.append(token(text))
                                continue
                    for event in self.line(value):  # one by one: an error takes none of them along
                        events.append(event)
                    easy = self._easy
                    if self._answered and self.ends_at_answer:
                        break
            except HugChatError:
                if events:
                    yield events
                raise
            if events:
                yield events
            if self._answered and self.ends_at_answer:
                return
        last = self.ended()
        if last:
            yield last
        self.require_good()

    def line(self, value: dict[str, Any]) -> Iterable[Event]:
        """Yield the events of one update."""
        kind = value.get("type")
        handler = self._kinds.get(kind) if isinstance(kind, str) else None
        return (Unknown(value),) if handler is None else handler(value)

    def ended(self) -> list[Event]:
        """Return what is left when the body is over."""
        return self._split(self._splitter.rest())

    def require_good(self) -> None:
        """Raise what is still to be raised when the body is over."""

    def rest(self) -> Iterator[Event]:
        """Yield what was held back, because nothing can complete it any more."""
        yield from self._text(self._halves.rest())
        yield from self._split(self._splitter.rest())

    # text ------------------------------------------------------------------------------------

    def on_stream(self, value: dict[str, Any]) -> Iterable[Event]:
        """Return the events of a piece of text; padding, halves and tags are not text."""
        text = self._halves.join(need(value, "token", str).replace("\0", ""))
        events = self._text(text)
        self._easy = self._begun and self._splitter.plain and not self._halves.waiting
        return events

    def _text(self, text: str) -> list[Event]:
        if not text:
            return []
        if not self._begun:
            text = text.lstrip()
            self._begun = bool(text)
        if self._splitter.plain and "<" not in text:
            return [Token(text)] if text else []
        return self._split(self._splitter.feed(text))

    def _split(self, parts: list[tuple[bool, str]]) -> list[Event]:
        return [Reasoning(text) if thinking else Token(text) for thinking, text in parts]

    def on_reasoning(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield a piece of thinking, or its state.

        Source: chat-ui 2024-12 … 2025-09 (measured).
        """
        if value.get("subtype") == "stream":
            text = self._thoughts.join(need(value, "token", str))
            if text:
                yield Reasoning(text)
        elif value.get("subtype") == "status":
            yield Status("reasoning", text_of(value, "status"))
        else:
            yield Unknown(value)

    def on_final(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the final answer, after what was held back.

        Source: finalAnswer, chat-ui 2023-09 … 2026-08 (measured).
        """
        yield from self.rest()
        text = whole(need(value, "text", str))
        sources = tuple(
            source(text_of(item, "uri"), text_of(item, "title"))
            for item in dicts_of(value, "webSources")
        )
        if sources:
            yield WebSearchSources(sources)
        self._answered = True
        yield FinalAnswer(
            text.lstrip() if self.trims_start else text, value.get("interrupted") is True
        )

    # states ----------------------------------------------------------------------------------

    def on_status(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield a state of the run; keep-alives are none.

        :raises GenerationError: the state is an error.
        """
        status = value.get("status")
        if status == "keepAlive":
            return
        if status == "title":  # 2023-10 … 2024-05
            yield from self.on_title({"title": value.get("message")})
        elif status == "error":
            yield from self.failed(
                generation_error(text_of(value, "message"), kind_of(value, "statusCode", int, None))
            )
        elif isinstance(status, str):
            if status == "finished":
                yield from self.rest()
            yield Status(status, text_of(value, "message"), kind_of(value, "statusCode", int, None))
        else:
            yield Unknown(value)

    def failed(self, error: HugChatError) -> Iterator[Event]:
        """Yield what was held back, then raise the error of an error line."""
        yield from self.rest()
        raise error

    def on_error(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield what was held back, then raise.

        Source: declared by chat-ui 2023-11; sent by form actions of all times.
        """
        said = text_of(value, "message") or text_of(value.get("error"), "message")
        yield from self.failed(GenerationError(f"the model failed: {said or 'no reason given'}"))

    def on_redirect(self, value: dict[str, Any]) -> Iterable[Event]:
        """Raise: the whole answer is the wish that one signs in."""
        refuse_redirect(value)
        return ()

    def on_title(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the new title as the server stores it: without the thinking of its model."""
        title = split_thinking(text_of(value, "title"))[0].strip()
        if title and title != _NO_TITLE:
            yield TitleChanged(title)

    # searches, tools, files: what they mean is told in ``news`` -----------------------------

    def on_search(self, value: dict[str, Any]) -> Iterable[Event]:
        """Return the events of a line about the server's own web search."""
        return search_news(value)

    def on_tool(self, value: dict[str, Any]) -> Iterable[Event]:
        """Return the events of a line about a tool."""
        return tool_news(value)

    def on_file(self, value: dict[str, Any]) -> Iterable[Event]:
        """Return the events of a line about a file."""
        return file_news(value)

    def on_route(self, value: dict[str, Any]) -> Iterable[Event]:
        """Return the events of a line about who answers."""
        return route_news(value)

    def on_elicitation(self, value: dict[str, Any]) -> Iterable[Event]:
        """Return the events of a tool server's question."""
        return elicitation_news(value)
