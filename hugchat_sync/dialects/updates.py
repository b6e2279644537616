"""Reads the update lines of an answer, of every era that has them.

All spellings are known at once (``messageType`` or ``subtype``, a title as a status or as a type of
its own), because a reader that knows more than its era needs cannot go wrong. What an era does
differently is an attribute or a method to override.
"""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, timezone
from itertools import chain
from json import JSONDecoder
from typing import Any, Callable, Iterable, Iterator
from urllib.parse import urlsplit

from ..errors import HugChatError
from ..events import (
    ElicitationRequest,
    ElicitationResolved,
    Event,
    FileCreated,
    FinalAnswer,
    Reasoning,
    Route,
    Status,
    TitleChanged,
    Token,
    ToolCall,
    ToolError,
    ToolProgress,
    ToolResult,
    Unknown,
    WebSearchError,
    WebSearchSources,
    WebSearchStep,
    new_event,
    set_text,
)
from ..records import Source
from .errors import generation_error, refuse_redirect
from .fields import (
    SurrogateJoiner,
    ThinkSplitter,
    dicts_of,
    field_of,
    is_encodable,
    make_encodable,
    need,
    split_thinking,
    text_of,
    texts_of,
)
from .wire import LineSplitter

#: a token line before its text and behind it; and a whole one, with nothing coded but its padding
_BEFORE, _BEHIND = re.compile(r'\{"type": ?"stream", ?"token": ?"'), '"}\n'
_PLAIN = re.compile(_BEFORE.pattern.encode() + rb'([^"\\<\0\n]+)(?:\\u0000)*"\}\n')
_MOST_KNOWN, _SHORT = 1024, 256  # lines that are known again, and bytes of one
_STRICT = JSONDecoder()
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
        self._halves = SurrogateJoiner()
        self._thoughts = SurrogateJoiner()
        self._splitter = ThinkSplitter()
        self._begun = not self.trims_start
        self._easy = False
        self._before = '{"type":"stream","token":"'
        self._answered = False
        self._kinds: dict[str, Callable[[Any], Iterable[Event]]] = {
            "stream": self.on_stream,
            "status": self.on_status,
            "title": self.on_title,
            "finalAnswer": self.on_final,
            "reasoning": self.on_reasoning,
            "webSearch": read_search_line,
            "tool": self.on_tool,
            "file": _read_file,
            "routerMetadata": _read_route,
            "elicitation": _read_question,
            "redirect": self.on_redirect,
            "error": self.on_error,
        }

    def read(self, chunks: Iterable[bytes]) -> Iterator[list[Event]]:
        """Yield the events of a body, those of one piece of it together.

        Errors come after everything that arrived before them.

        :raises GenerationError: the server says that the run failed (or a subclass of it).
        :raises ProtocolError: a line is no update.
        """
        splitter = LineSplitter()
        pending = splitter.pending
        earlier: dict[bytes, Event] = {}  # an answer says the same words again and again
        for chunk in chain(chunks, (None,)):
            if self._easy and chunk and not pending:
                token = earlier.get(chunk)
                if token is not None:
                    yield [token]
                    continue
                tokens = self._plain_tokens(chunk)
                if tokens is not None:
                    if len(tokens) == 1 and len(chunk) < _SHORT and len(earlier) < _MOST_KNOWN:
                        earlier[chunk] = tokens[0]
                    if tokens:
                        yield tokens
                    continue
            events: list[Event] = []
            trouble: HugChatError | None
            values, trouble = splitter.objects(chunk)
            is_over = False
            try:
                for value in values:
                    for event in self.line(value):  # one by one: an error takes none of them along
                        events.append(event)
                    is_over = self._answered and self.ends_at_answer
                    if is_over:
                        break
            except HugChatError as error:
                trouble = error
            if events:
                yield events
            if is_over:
                return
            if trouble is not None:
                raise trouble
        last = self.ended()
        if last:
            yield last
        self.require_good()

    def _plain_tokens(self, chunk: bytes) -> list[Event] | None:
        """Return the tokens of a piece that is lines of plain tokens, ``None`` of any other piece.

        Nearly every line is one, and a server spells all of them alike: a text that holds nothing
        coded is found without JSON, and the texts of several lines are decoded together. What is
        spelt otherwise, may be a tag or holds half a character is left to the usual way.
        """
        try:
            plain = _PLAIN.fullmatch(chunk)
            if plain is not None:
                token = new_event(Token)  # Token(text) at half the price
                set_text(token, plain[1].decode())
                return [token]
            lines, before = chunk.decode(), self._before
            if not lines.startswith(before):
                found = _BEFORE.match(lines)
                if found is None:
                    return None
                self._before = before = found[0]
            coded = lines[len(before) : -len(_BEHIND)].split(_BEHIND + before)
            texts = _STRICT.decode('["' + '","'.join(coded) + '"]')
            # each line is one text: none holds two, and none reaches into the next
            if len(texts) != len(coded) or "\\" + _BEHIND in lines:
                return None
            if not lines.endswith(_BEHIND):
                return None
        except ValueError:  # not UTF-8, or not JSON
            return None
        tokens: list[Event] = []
        for text in texts:
            if "<" in text or not (text.isascii() or is_encodable(text)):
                return None
            text = text.replace("\0", "")  # padding
            if text:
                token = new_event(Token)
                set_text(token, text)
                tokens.append(token)
        return tokens

    def line(self, value: dict[str, Any]) -> Iterable[Event]:
        """Yield the events of one update."""
        kind = value.get("type")
        handler = self._kinds.get(kind) if isinstance(kind, str) else None
        return (Unknown(value),) if handler is None else handler(value)

    def ended(self) -> list[Event]:
        """Return what is left when the body is over."""
        return self._parted(self._splitter.flush())

    def require_good(self) -> None:
        """Raise what is still to be raised when the body is over."""

    def flush(self) -> Iterator[Event]:
        """Yield what was held back, because nothing can complete it any more."""
        yield from self._text(self._halves.flush())
        yield from self._parted(self._splitter.flush())

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
        return self._parted(self._splitter.feed(text))

    def _parted(self, parts: list[tuple[bool, str]]) -> list[Event]:
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
        yield from self.flush()
        text = make_encodable(need(value, "text", str))
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

    def on_tool(self, value: dict[str, Any]) -> Iterable[Event]:
        """Return what a tool does; the server's guess how long it may take is passed over.

        Source: tool, chat-ui 2024-05 … 2025-09 and 2025-11 … 2026-08 (measured).
        """
        kind, uuid = value.get("subtype"), text_of(value, "uuid")
        call, result, progress = value.get("call"), value.get("result"), value.get("progress")
        if kind == "call" and isinstance(call, dict):
            return (ToolCall(uuid, text_of(call, "name"), field_of(call, "parameters", dict, {})),)
        if kind == "progress" and isinstance(progress, (int, float)):
            total = value.get("total")
            total = total if isinstance(total, (int, float)) else None
            return (ToolProgress(uuid, progress, total, text_of(value, "message")),)
        if kind == "error":
            return (ToolError(uuid, text_of(value, "message")),)
        if kind == "result" and isinstance(result, dict):
            return (_tool_result(uuid, result),)
        return () if kind == "eta" else (Unknown(value),)

    # states ----------------------------------------------------------------------------------

    def on_status(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield a state of the run; keep-alives are none.

        :raises GenerationError: the state is an error.
        """
        status = value.get("status")
        if status == "keepAlive":
            return
        code = field_of(value, "statusCode", int, None)
        if status == "title":  # 2023-10 … 2024-05
            yield from self.on_title({"title": value.get("message")})
        elif status == "error":
            yield from self.failed(generation_error(text_of(value, "message"), code))
        elif isinstance(status, str):
            if status == "finished":
                yield from self.flush()
            yield Status(status, text_of(value, "message"), code)
        else:
            yield Unknown(value)

    def failed(self, error: HugChatError) -> Iterator[Event]:
        """Yield what was held back, then raise the error of an error line."""
        yield from self.flush()
        raise error

    def on_error(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield what was held back, then raise.

        Source: declared by chat-ui 2023-11; sent by form actions of all times.
        """
        sentence = text_of(value, "message") or text_of(value.get("error"), "message")
        return self.failed(generation_error(sentence, None))

    def on_redirect(self, value: dict[str, Any]) -> Iterable[Event]:
        """Raise: the whole answer is the wish that one signs in."""
        refuse_redirect(value)
        return ()

    def on_title(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the new title as the server stores it: without the thinking of its model."""
        title = split_thinking(text_of(value, "title"))[0].strip()
        if title and title != _NO_TITLE:
            yield TitleChanged(title)


# what lines tell besides the text: one line in, its events out -----------------------------------


def read_search_line(value: dict[str, Any]) -> tuple[Event, ...]:
    """Return a step, the sources or the failure of the server's own web search.

    Source: webSearch, chat-ui 2023-09 … 2025-09 (measured).
    """
    kind = value.get("messageType") or value.get("subtype")
    if kind == "update":
        return (WebSearchStep(text_of(value, "message"), texts_of(value, "args")),)
    if kind == "error":
        return (WebSearchError(text_of(value, "message"), texts_of(value, "args")),)
    if kind == "sources":
        found = dicts_of(value, "sources")
        return (
            WebSearchSources(
                tuple(
                    source(text_of(item, "link"), text_of(item, "title"), text_of(item, "hostname"))
                    for item in found
                )
            ),
        )
    if kind == "finished":  # which says no more than that the answer begins
        return ()
    return (Unknown(value),)


def source(link: str, title: str = "", hostname: str = "") -> Source:
    """Return a source; what the server left out is taken from its address."""
    with suppress(ValueError):  # an address that is none has no host either
        hostname = hostname or urlsplit(link).hostname or ""
    return Source(title or hostname or link, link, hostname)


def _tool_result(uuid: str, result: dict[str, Any]) -> Event:
    if result.get("status") == "error":
        return ToolError(uuid, text_of(result, "message"))
    status = text_of(result, "status") or "success"  # not told before 2024-08
    return ToolResult(uuid, status, tuple(field_of(result, "outputs", list, [])))


def _read_file(value: dict[str, Any]) -> tuple[Event, ...]:
    """Return a file that the run made.

    Source: file, chat-ui 2024-05 … 2025-09 (measured).
    """
    sha = text_of(value, "sha")
    if not sha:
        return (Unknown(value),)
    return (FileCreated(text_of(value, "name"), sha, text_of(value, "mime")),)


def _read_route(value: dict[str, Any]) -> tuple[Event, ...]:
    """Return who answers; what is empty here was told before, or will be.

    Source: routerMetadata, chat-ui 2025-09 … 2026-08 (measured).
    """
    return (Route(text_of(value, "route"), text_of(value, "model"), text_of(value, "provider")),)


def _read_question(value: dict[str, Any]) -> tuple[Event, ...]:
    """Return a tool server's question to the user, or its end.

    Source: elicitation, chat-ui 2026-08 (measured).
    """
    request = value.get("request")
    if value.get("subtype") == "request" and isinstance(request, dict):
        return (
            ElicitationRequest(
                text_of(request, "elicitationId"),
                text_of(request, "server"),
                text_of(request, "mode"),
                text_of(request, "message"),
                tuple(dicts_of(request, "fields")),
                text_of(request, "url") or None,
                _moment(value.get("expiresAt")),
            ),
        )
    if value.get("subtype") == "resolved":
        return (
            ElicitationResolved(
                text_of(value, "elicitationId"),
                text_of(value, "action"),
                text_of(value, "resolution"),
                field_of(value, "content", dict, None),
            ),
        )
    return (Unknown(value),)


def _moment(value: Any) -> str | None:
    """Return a moment as ISO-8601 text in UTC; the server sends milliseconds here."""
    if isinstance(value, str):
        return value
    if not isinstance(value, (int, float)):
        return None
    try:
        when = datetime.fromtimestamp(value / 1000, timezone.utc)
    except (OverflowError, OSError, ValueError):
        return None  # no calendar reaches that far
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
