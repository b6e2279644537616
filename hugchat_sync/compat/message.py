"""Answers in the old shapes: a text that also iterates dicts, and dicts that come live."""

from __future__ import annotations

import json
from typing import Any, Callable, Iterator

from .. import events
from ..chat.message import Message as Source
from ..errors import HugChatError
from ..values import Value, with_fields
from .types import Conversation, File, Tool

__all__ = ["Message", "MessageStatus", "ResponseTypes", "WebSearchSource"]

MSGTYPE_ERROR = "error"


class ResponseTypes:
    """What stands under ``type`` in the dicts of an answer."""

    FINAL = "finalAnswer"
    STREAM = "stream"
    TOOL = "tool"
    FILE = "file"
    WEB = "webSearch"
    STATUS = "status"


class MessageStatus:
    """What ``msg_status`` of an answer may be."""

    PENDING = 0
    RESOLVED = 1
    REJECTED = 2


@with_fields(frozen=False)
class WebSearchSource(Value):
    """A page that a web search found."""

    title: str = ""
    link: str = ""
    hostname: str = ""

    def __str__(self) -> str:
        return json.dumps({"title": self.title, "link": self.link}, ensure_ascii=False)


class Message:
    """One answer: :class:`Answer`, which is there, or :class:`LiveAnswer`, which still comes.

    :param source: the answer as the client reads it.
    :param every: iterate dicts of all types, not only those of type "stream".
    """

    _first_try = False  # whether the tokens came to another text than the answer

    def __init__(self, source: Source, conversation: Conversation, every: bool = False) -> None:
        self.conversation = conversation
        self.web_search = source.web_search_enabled
        self._source = source
        self._every = every
        self._cursor: Iterator[dict[str, Any]] | None = None
        self._tools: dict[str, Tool] = {}

    def get_final_text(self) -> str:
        """Return the whole answer; waits until it is there.

        :raises HugChatError: the answer failed.
        """
        return self._source.text()

    def get_search_sources(self) -> list[WebSearchSource]:
        """Return the pages that a web search found so far."""
        return [WebSearchSource(one.title, one.link, one.hostname) for one in self._source.sources]

    def get_tools_used(self) -> list[Tool]:
        """Return what tools have returned so far."""
        return list(self._tools.values())

    def get_files_created(self) -> list[File]:
        """Return the files that the run has made so far."""
        return [File(one.sha, one.name, one.mime, self.conversation) for one in self._source.files]

    def search_enabled(self) -> bool:
        """Return whether the web was to be searched."""
        return self.web_search

    def is_done(self) -> bool:
        """Return whether the answer is finished or failed; never blocks."""
        return self._source.done

    def is_done_search(self) -> bool:
        """Return whether nothing more is to be expected of the web search."""
        return self._source.web_search_done

    text = property(get_final_text)
    search_sources = web_search_sources = property(get_search_sources)
    web_search_done = property(is_done_search)
    tools_used = property(get_tools_used)
    files_created = property(get_files_created)

    @property
    def error(self) -> HugChatError | None:
        """Why the answer failed; ``None`` while it is good."""
        return self._source.error

    @property
    def msg_status(self) -> int:
        """One of :class:`MessageStatus`."""
        if not self._source.done:
            return MessageStatus.PENDING
        return MessageStatus.RESOLVED if self.error is None else MessageStatus.REJECTED

    def wait_until_done(self) -> Answer:
        """Return the whole answer, once it is there."""
        return Answer(self._source, self.conversation, self._every)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self._dicts()

    def __next__(self) -> dict[str, Any]:
        if self._cursor is None:
            self._cursor = self._dicts()
        return next(self._cursor)

    def __getitem__(self, key: Any) -> Any:
        return getattr(self, key, None)

    def __str__(self) -> str:
        return self.get_final_text()

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def _dicts(self) -> Iterator[dict[str, Any]]:
        """Yield the events up to the final answer as dicts; what comes behind it is no text."""
        shown = False
        for event in self._source:
            if isinstance(event, events.ToolResult):
                self._tools[event.uuid] = Tool(event.uuid, _result(event))
            describe = _DICTS.get(type(event))  # none of what the old package did not know
            described = {} if describe is None else describe(event)
            if isinstance(event, events.Token):
                if described["token"] and not self._first_try:
                    shown = True
                    yield described
            elif isinstance(event, events.FinalAnswer):
                if not shown and event.text:
                    yield {"type": ResponseTypes.STREAM, "token": event.text}
                if self._every:
                    yield described
                return
            elif described and self._every:
                yield described


class Answer(Message, str):  # type: ignore[misc]  # its iteration is that of the old package
    """A whole answer: a ``str`` which iterates dicts, so that ``list(a)`` is a list of dicts."""

    def __new__(cls, source: Source, *more: Any) -> Answer:
        """Return the answer, once it is there."""
        return str.__new__(cls, source.text())

    def __init__(self, source: Source, conversation: Conversation, every: bool = False) -> None:
        super().__init__(source, conversation, every)
        pieces = [one["token"] for one in self._dicts() if one["type"] == ResponseTypes.STREAM]
        self._first_try = "".join(pieces).rstrip() != self.rstrip()

    def __reduce__(self) -> tuple[Any, ...]:
        return Answer, (self._source, self.conversation, self._every)

    def wait_until_done(self) -> Answer:
        """Return the answer itself."""
        return self

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(key) if isinstance(key, str) else str.__getitem__(self, key)


class LiveAnswer(Message):
    """An answer that still comes; a loop yields its dicts as they arrive."""

    def __repr__(self) -> str:
        return "<Message: iterate it, or call wait_until_done()>"

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self  # a loop goes on where next() was

    def __add__(self, other: str) -> str:
        return str(self) + other

    def __radd__(self, other: str) -> str:
        return other + str(self)


def _result(event: events.ToolResult) -> str:
    texts = [one.get("text", "") for one in event.outputs if isinstance(one, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _dict(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields}


def _search(message: str, kind: str, **fields: Any) -> dict[str, Any]:
    return _dict(ResponseTypes.WEB, messageType=kind, message=message, **fields)


def _tool(subtype: str, uuid: str, **fields: Any) -> dict[str, Any]:
    return _dict(ResponseTypes.TOOL, subtype=subtype, uuid=uuid, **{subtype: fields})


_DICTS: dict[type[events.Event], Callable[[Any], dict[str, Any]]] = {
    events.Token: lambda e: _dict(ResponseTypes.STREAM, token=e.text.replace("\0", "")),
    events.FinalAnswer: lambda e: _dict(
        ResponseTypes.FINAL, text=e.text, interrupted=e.interrupted
    ),
    events.WebSearchStep: lambda e: _search(e.message, "update", args=list(e.args)),
    events.WebSearchError: lambda e: _search(e.message, MSGTYPE_ERROR, args=list(e.args)),
    events.WebSearchSources: lambda e: _search(
        "sources", "sources", sources=[*map(vars, e.sources)]
    ),
    events.ToolCall: lambda e: _tool("call", e.uuid, name=e.name, parameters=dict(e.parameters)),
    events.ToolResult: lambda e: _tool("result", e.uuid, status=e.status, outputs=list(e.outputs)),
    events.FileCreated: lambda e: _dict(ResponseTypes.FILE, name=e.name, sha=e.sha, mime=e.mime),
    events.Status: lambda e: _dict(ResponseTypes.STATUS, status=e.status, message=e.message),
}
