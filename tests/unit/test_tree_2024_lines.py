from __future__ import annotations

import json
from itertools import chain
from typing import Any, Iterable, Iterator

import pytest
from sampling import each

from hugchat_sync.dialects import Prompt
from hugchat_sync.dialects.tree_2024 import Tree2024
from hugchat_sync.errors import (
    AuthError,
    ConnectionFailed,
    GenerationError,
    HugChatError,
    ModelOverloaded,
    ProtocolError,
)
from hugchat_sync.events import Event, FinalAnswer, TitleChanged, Token, ToolError, Unknown

ERROR = '{"type":"status","status":"error","message":"%s"}'
OLD_FINAL = '{"type":"finalAnswer","text":"Hel"}'
FINAL = '{"type":"finalAnswer","text":"Hello","interrupted":false}'
STREAM = '{"type":"stream","token":"%s"}'
TITLE = '{"type":"title","title":"%s"}'


def run(chunks: Iterable[bytes]) -> tuple[list[Event], HugChatError | None]:
    """Return the events of an answer, and the error that ended it."""
    events: list[Event] = []
    read = Tree2024().chat(Prompt("a" * 24, "hi", "m", "g", parent_id="p")).read
    try:
        for event in chain.from_iterable(read(chunks)):
            events.append(event)  # noqa: PERF402 - what came before an error counts
    except HugChatError as error:
        return events, error
    return events, None


def of(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def text(events: list[Event]) -> str:
    return "".join(event.text for event in of(events, Token))


def lines(*texts: str) -> list[bytes]:
    return ["".join(text + "\n" for text in texts).encode("utf-8")]


# errors that are held ------------------------------------------------------------------------


def test_a_failed_run_of_april_2024_is_no_answer_though_one_comes() -> None:
    events, error = run(lines(STREAM % "He", ERROR % "broke", STREAM % "l", OLD_FINAL, TITLE % "t"))
    assert type(error) is GenerationError
    assert (text(events), of(events, FinalAnswer)) == ("Hel", [])
    assert of(events, TitleChanged) == [TitleChanged("t")]


def test_a_tool_call_that_cannot_be_read_does_not_end_the_answer() -> None:
    events, error = run(lines(ERROR % "Error while parsing tool calls.", STREAM % "Hello", FINAL))
    assert error is None
    assert events[-1] == FinalAnswer("Hello", False)
    (note,) = of(events, ToolError)
    assert "parsing tool calls" in note.message


def test_an_error_ends_a_run_that_has_nothing_more_to_say() -> None:
    events, error = run(lines(STREAM % "He", ERROR % "429 later", STREAM % "l"))
    assert isinstance(error, ModelOverloaded)
    assert text(events) == "Hel"


def test_the_first_of_two_errors_is_the_reason() -> None:
    _, error = run(lines(ERROR % "first", ERROR % "second"))
    assert "first" in str(error)


@pytest.mark.parametrize(
    ("line", "kind"), [(ERROR % "broke", GenerationError), (STREAM % "x", ConnectionFailed)]
)
def test_the_reason_is_told_though_the_connection_is_lost(
    line: str, kind: type[HugChatError]
) -> None:
    def chunks() -> Iterator[bytes]:
        yield from lines(line)
        raise ConnectionFailed("lost")

    assert type(run(chunks())[1]) is kind


def test_an_answer_that_just_ends_is_neither_final_nor_an_error() -> None:
    events, error = run(lines(STREAM % "Hello"))
    assert (text(events), error, of(events, FinalAnswer)) == ("Hello", None, [])


# odd lines -----------------------------------------------------------------------------------


@each("title", ["New Chat", "\U0001f4ac ", "\U0001f4ac", "", " "])
def test_what_stands_for_no_title_is_none(title: str) -> None:
    old = json.dumps({"type": "status", "status": "title", "message": title})
    new = json.dumps({"type": "title", "title": title})
    events, _ = run(lines(old, new))
    assert events == []


def test_an_invented_update_and_invented_fields_pass_through() -> None:
    events, error = run(lines('{"type":"news","x":1}', '{"type":"stream","token":"a","new":[1]}'))
    assert error is None
    assert events == [Unknown({"type": "news", "x": 1}), Token("a")]


def test_padding_and_blanks_are_not_text() -> None:
    body = [b'{"type":"stream","token":"a\\u0000\\u0000"}\n' + b" " * 4096, b"\n\n" + b" " * 10]
    assert run(body) == ([Token("a")], None)


def test_a_lone_half_is_never_handed_out() -> None:
    events, _ = run(lines(STREAM % "\\ud83d", STREAM % "\\ude00 \\ud83d", FINAL))
    assert text(events) == "\U0001f600 \ufffd"


@each(
    ("body", "kind"),
    [
        (b"<!doctype html>\n<html>\n", ProtocolError),
        (b"5\n", ProtocolError),
        (b'{"type":"stream"}\n', ProtocolError),
        (b'{"type":"finalAnswer"}\n', ProtocolError),
        (b'{"type":"redirect","status":302,"location":"http://x/login"}\n', AuthError),
    ],
)
def test_what_is_no_answer(body: bytes, kind: type[HugChatError]) -> None:
    assert isinstance(run([body])[1], kind)


@each(
    "line",
    [
        '{"type":"webSearch"}',
        '{"type":"webSearch","subtype":"sources"}',
        '{"type":"webSearch","subtype":"sources","sources":[5,{}]}',
        '{"type":"webSearch","messageType":"update","args":5}',
        '{"type":"tool","subtype":"call"}',
        '{"type":"tool","subtype":"result","result":{}}',
        '{"type":"file"}',
        '{"type":"title"}',
        '{"type":"status"}',
        '{"type":"reasoning"}',
        '{"type":5}',
        "{}",
    ],
)
def test_half_a_line_hurts_nobody(line: str) -> None:
    events, error = run(lines(line, FINAL))
    assert error is None
    assert events[-1] == FinalAnswer("Hello", False)


def test_a_piece_of_thinking_without_its_text_is_named() -> None:
    _, error = run(lines('{"type":"reasoning","subtype":"stream"}'))
    assert isinstance(error, ProtocolError)
    assert error.field == "token"
