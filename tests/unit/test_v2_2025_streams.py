from __future__ import annotations

from typing import Any, Sequence

from answers import body_of, comes_to, cuts_of, played
from exchanges import chunked, exchange, one_by_one, reply
from sampling import bundles, each
from streams_v2_2025 import STREAMS

from hugchat_sync.dialects import load_dialect
from hugchat_sync.events import (
    ElicitationRequest,
    ElicitationResolved,
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
)

ERA = "v2-2025"
NAMES = [row[0] for row in STREAMS]
CUT = [
    "f07-tool-think",  # tools, and thinking twice
    "v01-surrogates-apart",
    "c32-late-title",
    "c15-upstream-error-in-stream",  # the server started over
    "x13-elicitation-accept",
    "c21-provider",  # something after the final answer
]
#: answers, and the conversation as it was read afterwards
STORED = {
    "f02-tool-add": "f02-tool-add-v2",
    "f03-tool-image": "f03-tool-image-v2",
    "k01-stop": "k01-stop-after",
    "k03-stop-with-point": "k03-stop-with-point-after",
    "k05-stop-before-first-token": "k05-stop-before-first-token-after",
    "v01-surrogates-apart": "v03-surrogates-apart-v2",
    "c28-generation-id": "c29-conversation-v2-after",
    "x01-before-the-switch": "x03-v2-after-the-switch",
    "w07-cut-at-final-answer-open": "w08-v2-at-finished",
}


@each("rows", bundles(STREAMS))
def test_recorded_answer(rows: Sequence[Any]) -> None:
    for row in rows:
        assert played(ERA, chunked(ERA, row[0])).row(row[0]) == row


@each("names", bundles(NAMES))
def test_pieces_do_not_matter(names: Sequence[Any]) -> None:
    for name in names:
        body = body_of(ERA, name)
        whole, crumbs = played(ERA, [body]), played(ERA, one_by_one(body))
        assert crumbs.events == whole.events, name
        assert repr(crumbs.error) == repr(whole.error), name


@each("name", CUT)
def test_cut_anywhere_gives_the_beginning(name: str) -> None:
    body = body_of(ERA, name)
    whole = played(ERA, [body]).events
    for offset in cuts_of(body):
        found = played(ERA, [body[:offset]])
        assert found.events == whole[: len(found.events)], offset
        assert comes_to(found.events, body[:offset]), offset
        assert found.error is None or offset > len(body) - 2


@each("names", bundles(NAMES))
def test_no_event_holds_what_cannot_be_encoded(names: Sequence[Any]) -> None:
    for name in names:
        repr(played(ERA, [body_of(ERA, name)]).events).encode("utf-8")
        for event in played(ERA, [body_of(ERA, name)]).events:
            assert "\0" not in str(event) or not isinstance(event, Token)
            assert not isinstance(event, Unknown), name


@each(("name", "after"), STORED.items())
def test_text_is_what_the_server_stored(name: str, after: str) -> None:
    tree = load_dialect(ERA).conversation("x").read(reply(ERA, after))
    stored = [message.text for message in tree.messages if message.role == "assistant"]
    assert played(ERA, chunked(ERA, name)).answer.text in stored


def test_tokens_are_joined_where_a_character_came_in_halves() -> None:
    found = played(ERA, chunked(ERA, "v01-surrogates-apart"))
    assert Token("🚀") in found.events
    final = next(event.text for event in found.events if isinstance(event, FinalAnswer))
    assert found.answer.streamed == final.replace("\0", "")


def test_thinking_is_no_text() -> None:
    found = played(ERA, chunked(ERA, "f07-tool-think"))
    assert found.answer.reasoning == "Let me think about it.\n" * 2
    assert found.answer.streamed == "Hello, world."
    assert found.events[2] == Reasoning("Let")


def test_tools() -> None:
    events = played(ERA, chunked(ERA, "f02-tool-add")).events
    uuid = "0789fe9a-51ba-4a27-a949-b7e9e2f51a1d"
    assert ToolCall(uuid, "add", {"a": 2, "b": 3}) in events
    output = {
        "text": "5",
        "structured": {"sum": 5},
        "content": [{"type": "text", "text": "5"}],
    }
    assert ToolResult(uuid, "success", (output,)) in events


def test_tool_progress_and_failure() -> None:
    progress = played(ERA, chunked(ERA, "x14-tool-progress")).events
    steps = [event for event in progress if isinstance(event, ToolProgress)]
    assert [(step.progress, step.total, step.message) for step in steps] == [
        (1, 3, "step 1"),
        (2, 3, "step 2"),
        (3, 3, "step 3"),
    ]
    failure = played(ERA, chunked(ERA, "f04-tool-fail")).events
    assert [event.message for event in failure if isinstance(event, ToolError)] == [
        "this tool always fails"
    ]


def test_elicitation() -> None:
    events = played(ERA, chunked(ERA, "x13-elicitation-accept")).events
    request = next(event for event in events if isinstance(event, ElicitationRequest))
    assert (request.server, request.mode, request.message) == ("Mock", "form", "Who are you?")
    assert [field["name"] for field in request.fields] == ["name", "colour"]
    assert request.expires_at == "2026-11-22T09:14:53.505Z"
    answer = {"name": "Ada", "colour": "red"}
    assert ElicitationResolved(request.elicitation_id, "accept", "user", answer) in events


def test_routes_come_early_or_late() -> None:
    assert Route("default", "mock/plain", "") in played(ERA, chunked(ERA, "c25-router")).events
    late = played(ERA, chunked(ERA, "c21-provider"))
    assert late.events[-2:] == [Route("", "", "mockai"), Status("finished")]
    assert late.answer.route == Route("", "", "mockai")


def test_title_after_the_answer() -> None:
    events = played(ERA, chunked(ERA, "c32-late-title")).events
    assert events[-3:] == [
        FinalAnswer("Hello, world", False),
        TitleChanged("Late title"),
        Status("finished"),
    ]


def test_stopped() -> None:
    found = played(ERA, chunked(ERA, "k03-stop-with-point"))
    assert found.answer.final == FinalAnswer("Hello, world. This is a m", True)
    assert len(found.answer.streamed) > 25


def test_error_says_what_the_server_said_and_when() -> None:
    found = played(ERA, chunked(ERA, "c14-upstream-402"))
    assert "402 mock upstream says 402" in str(found.error)
    assert getattr(found.error, "status_code", None) == 402
    empty = played(ERA, chunked(ERA, "c11-empty"))
    assert "No output was generated. Something went wrong." in str(empty.error)


def test_signed_out_in_the_place_of_an_answer() -> None:
    found = played(ERA, chunked(ERA, "t08-message"))
    assert found.ending == "AuthError"
    assert "sign in" in str(found.error)
    location = exchange(ERA, "t08-message")["response"]["body"]["text"]
    assert "state=" in location
    assert "state=" not in str(found.error)
