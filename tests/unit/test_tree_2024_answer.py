from __future__ import annotations

import json
from itertools import chain
from typing import Any, Iterable, Sequence

import pytest
from answers import cuts_of
from exchanges import WIRE, chunked, exchange, one_by_one, reply, reply_of
from sampling import bundles, each, some

from hugchat_sync.chat.answer import Answer, fold
from hugchat_sync.dialects import Prompt
from hugchat_sync.dialects.tree_2024 import Tree2024
from hugchat_sync.dialects.v2_2025 import V22025
from hugchat_sync.errors import (
    HugChatError,
)
from hugchat_sync.events import (
    Event,
    FileCreated,
    FinalAnswer,
    Reasoning,
    Status,
    TitleChanged,
    Token,
    ToolCall,
    ToolError,
    ToolResult,
    Unknown,
    WebSearchError,
    WebSearchSources,
    WebSearchStep,
)

PROMPT = Prompt("a" * 24, "hi", "m", "g", parent_id="p")
ANSWERS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (WIRE / "tree-2024" / "answers.jsonl").read_text("utf-8").split("\n")
    if line
]
NAMES = [row["name"] for row in ANSWERS]


def run(chunks: Iterable[bytes], name: str = "") -> tuple[list[Event], HugChatError | None]:
    """Return the events of an answer, and the error that ended it."""
    dialect = V22025() if name.startswith("2507") else Tree2024()
    events: list[Event] = []
    try:
        for event in chain.from_iterable(dialect.chat(PROMPT).read(chunks)):
            events.append(event)  # noqa: PERF402 - what came before an error counts
    except HugChatError as error:
        return events, error
    return events, None


def of(events: list[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def text(events: list[Event], kind: type[Event] = Token) -> str:
    return "".join(event.text for event in of(events, kind))


def ending(events: list[Event], error: HugChatError | None) -> str:
    if error is not None:
        return type(error).__name__
    return "final" if of(events, FinalAnswer) else "cut"


def summary(name: str, events: list[Event], error: HugChatError | None) -> dict[str, Any]:
    """Return what the table says about an answer, without what is empty."""
    finals = of(events, FinalAnswer)
    found = {
        "name": name,
        "tokens": len(of(events, Token)),
        "text": finals[0].text if finals else text(events),
        "reasoning": text(events, Reasoning),
        "sources": [len(event.sources) for event in of(events, WebSearchSources)],
        "steps": len(of(events, WebSearchStep)),
        "search_errors": len(of(events, WebSearchError)),
        "calls": [event.name for event in of(events, ToolCall)],
        "results": len(of(events, ToolResult)),
        "tool_errors": len(of(events, ToolError)),
        "files": len(of(events, FileCreated)),
        "title": "".join(event.title for event in of(events, TitleChanged)),
        "ending": ending(events, error),
    }
    return {key: value for key, value in found.items() if value and value != "final"}


@each("rows", bundles(ANSWERS))
def test_recorded_answer(rows: Sequence[Any]) -> None:
    for row in rows:
        name = row["name"]
        body = reply("tree-2024", name).body
        events, error = run([body], name)
        assert summary(name, events, error) == row
        assert not of(events, Unknown)
        assert not [event for event in events if "keepAlive" in repr(event)]
        again, other = run(chunked("tree-2024", name), name)
        assert (again, type(other)) == (events, type(error))


def test_the_examples_made_by_hand() -> None:
    folder = WIRE / "tree-2024" / "examples"
    events, _ = run([(folder / "answer-2024-11.tools-and-web-search.ndjson").read_bytes()])
    assert [event.name for event in of(events, ToolCall)] == ["websearch", "image_generation"]
    assert (len(of(events, ToolResult)), len(of(events, FileCreated))) == (2, 1)
    assert of(events, FinalAnswer)[0].text == text(events)
    events, _ = run([(folder / "answer-2025-02.reasoning.ndjson").read_bytes()])
    assert text(events, Reasoning).startswith("\nThe user asks for 17 * 3.")
    assert text(events) == "\n\n17 \u00d7 3 = 51."


@each("names", bundles([name for name in NAMES if not name.startswith("2507")]))
def test_recorded_answer_byte_by_byte(names: Sequence[Any]) -> None:
    for name in names:
        body = reply("tree-2024", name).body
        events, error = run([body])
        again, other = run(one_by_one(body))
        assert (again, type(other)) == (events, type(error))


def test_every_recorded_answer_is_in_the_table() -> None:
    paths = list((WIRE / "tree-2024").glob("2*.json"))
    assert len(paths) > 400
    assert len(NAMES) > 200
    for path in paths:
        record = exchange("tree-2024", path.stem)
        kind = reply_of(record).content_type
        if record["request"]["method"] == "POST" and kind in (
            "text/event-stream",
            "application/jsonl",
        ):
            assert path.stem in NAMES


@pytest.mark.parametrize(
    "name",
    [
        "2404-c10-unicode",
        "2404-j05-search-bad-page",
        "2412-k09-space-image",
        "2412-l05-reasoning-summarize",
    ],
)
def test_an_answer_cut_at_every_offset(name: str) -> None:
    body = reply("tree-2024", name).body.replace(b" " * 4096, b" " * 8)
    whole, _ = run([body])
    for offset in some(range(len(body)), cuts_of(body)):
        assert run([body[:offset], body[offset:]])[0] == whole
        events, error = run([body[:offset]])
        assert error is None
        assert text(whole).startswith(text(events).rstrip("\ufffd"))


def test_pieces_of_five_units_are_whole_characters() -> None:
    events, _ = run([reply("tree-2024", "2404-c10-unicode").body])
    assert all(event.text.encode("utf-8") for event in of(events, Token))
    final = of(events, FinalAnswer)[0].text
    assert text(events) == final.replace("\0", "")


def test_thinking_is_told_once_and_is_no_text() -> None:
    state = Answer()
    for event in run([reply("tree-2024", "2412-l01-reasoning-tokens").body])[0]:
        fold(state, event)
    assert (state.text, state.reasoning) == ("Hello, world. This is", "hidden thoughts")
    assert state.streamed == state.text


def test_states_of_the_thinking() -> None:
    events, _ = run([reply("tree-2024", "2412-l05-reasoning-summarize").body])
    states = [event.message for event in of(events, Status) if event.status == "reasoning"]
    assert states[:2] == ["Started reasoning...", "Summarizing reasoning..."]


def test_sources_without_a_title_have_one_all_the_same() -> None:
    for name in ("2404-j01-search", "2406-j01-search", "2412-j01-search"):
        (found,) = of(run([reply("tree-2024", name).body])[0], WebSearchSources)
        assert all(source.title and source.link and source.hostname for source in found.sources)
