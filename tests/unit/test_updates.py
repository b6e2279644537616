from __future__ import annotations

import json
from itertools import chain
from typing import Any

import pytest
from sampling import each

from hugchat_sync.dialects.updates import Updates
from hugchat_sync.errors import (
    HugChatError,
    ProtocolError,
)
from hugchat_sync.events import (
    ElicitationRequest,
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
)
from hugchat_sync.records import Source


def lines(*values: Any) -> list[bytes]:
    return [json.dumps(value).encode("ascii") + b"\n" for value in values]


def token(text: str) -> dict[str, str]:
    return {"type": "stream", "token": text}


def events(*values: Any) -> list[Event]:
    return list(chain.from_iterable(Updates().read(lines(*values))))


def until_error(chunks: Any) -> tuple[list[Event], HugChatError]:
    found: list[Event] = []
    with pytest.raises(HugChatError) as raised:
        for events in Updates().read(chunks):
            found.extend(events)
    return found, raised.value


FINISHED = {"type": "status", "status": "finished"}
CALL = {"name": "add", "parameters": {"a": 2}}

#: lines of all times, and what they mean
MEANINGS: list[tuple[dict[str, Any], list[Event]]] = [
    (token("Hi" + "\0" * 14), [Token("Hi")]),
    (token("\0" * 16), []),
    (token(""), []),
    ({"type": "status", "status": "started"}, [Status("started")]),
    ({"type": "status", "status": "keepAlive"}, []),
    (FINISHED, [Status("finished")]),
    ({"type": "status", "status": "resting", "statusCode": 7}, [Status("resting", "", 7)]),
    ({"type": "status", "status": "title", "message": "Old way"}, [TitleChanged("Old way")]),
    ({"type": "title", "title": "<think>hm</think> The title"}, [TitleChanged("The title")]),
    ({"type": "title", "title": ""}, []),
    ({"type": "title", "title": "💬 "}, []),
    ({"type": "finalAnswer", "text": "Hi"}, [FinalAnswer("Hi", False)]),
    ({"type": "finalAnswer", "text": "H", "interrupted": True}, [FinalAnswer("H", True)]),
    (
        {
            "type": "finalAnswer",
            "text": "Hi",
            "webSources": [{"uri": "https://a.example/x", "title": "A"}],
        },
        [
            WebSearchSources((Source("A", "https://a.example/x", "a.example"),)),
            FinalAnswer("Hi", False),
        ],
    ),
    ({"type": "reasoning", "subtype": "stream", "token": "Hm"}, [Reasoning("Hm")]),
    ({"type": "reasoning", "subtype": "stream", "token": ""}, []),
    (
        {"type": "reasoning", "subtype": "status", "status": "Done in 4s."},
        [Status("reasoning", "Done in 4s.")],
    ),
    (
        {"type": "webSearch", "messageType": "update", "message": "Searching", "args": ["x"]},
        [WebSearchStep("Searching", ("x",))],
    ),
    (
        {"type": "webSearch", "subtype": "update", "message": "Searching", "args": None},
        [WebSearchStep("Searching", ())],
    ),
    (
        {"type": "webSearch", "messageType": "error", "message": "No", "args": ['"why"']},
        [WebSearchError("No", ('"why"',))],
    ),
    (
        {"type": "webSearch", "subtype": "sources", "sources": [{"link": "https://b.example/"}]},
        [WebSearchSources((Source("b.example", "https://b.example/", "b.example"),))],
    ),
    ({"type": "webSearch", "subtype": "finished"}, []),
    (
        {"type": "tool", "subtype": "call", "uuid": "u", "call": CALL},
        [ToolCall("u", "add", {"a": 2})],
    ),
    ({"type": "tool", "subtype": "eta", "uuid": "u", "eta": 10}, []),
    (
        {"type": "tool", "subtype": "progress", "uuid": "u", "progress": 0.5},
        [ToolProgress("u", 0.5, None, "")],
    ),
    (
        {"type": "tool", "subtype": "result", "uuid": "u", "result": {"outputs": [{"text": "5"}]}},
        [ToolResult("u", "success", ({"text": "5"},))],
    ),
    (
        {
            "type": "tool",
            "subtype": "result",
            "uuid": "u",
            "result": {"status": "error", "message": "No"},
        },
        [ToolError("u", "No")],
    ),
    ({"type": "tool", "subtype": "error", "uuid": "u", "message": "No"}, [ToolError("u", "No")]),
    (
        {"type": "file", "name": "a.png", "sha": "9f", "mime": "image/png"},
        [FileCreated("a.png", "9f", "image/png")],
    ),
    ({"type": "routerMetadata", "route": "", "model": "m"}, [Route("", "m", "")]),
    (
        {
            "type": "elicitation",
            "subtype": "request",
            "request": {"elicitationId": "e", "mode": "url", "url": "https://c.example/"},
        },
        [ElicitationRequest("e", "", "url", "", (), "https://c.example/", None)],
    ),
]


@each(("line", "meaning"), MEANINGS)
def test_meaning_of_a_line(line: dict[str, Any], meaning: list[Event]) -> None:
    assert events(line) == meaning


#: lines that no server sends yet, or whose telling field is missing
NEWS: list[dict[str, Any]] = [
    {"type": "weather", "sunny": True},
    {"type": None},
    {"type": ["stream"]},
    {},
    {"type": "status"},
    {"type": "tool", "subtype": "dance", "uuid": "u"},
    {"type": "tool", "subtype": "call", "uuid": "u"},
    {"type": "webSearch", "subtype": "yodel"},
    {"type": "reasoning", "subtype": "sleep"},
    {"type": "elicitation", "subtype": "request"},
    {"type": "file", "name": "a.png"},
]


@each("line", NEWS)
def test_what_is_new_is_unknown_and_no_error(line: dict[str, Any]) -> None:
    assert events(token("a"), line, token("b")) == [Token("a"), Unknown(line), Token("b")]


def test_unknown_fields_are_passed_over() -> None:
    line = {"type": "stream", "token": "Hi", "colour": "red", "len": 2}
    assert events(line) == [Token("Hi")]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ({"type": "stream"}, "token"),
        ({"type": "stream", "token": 5}, "token"),
        ({"type": "finalAnswer"}, "text"),
        ({"type": "reasoning", "subtype": "stream"}, "token"),
    ],
)
def test_text_without_text_names_the_field(line: dict[str, Any], field: str) -> None:
    found, error = until_error(lines(token("a"), line))
    assert found == [Token("a")]
    assert isinstance(error, ProtocolError)
    assert error.field == field
