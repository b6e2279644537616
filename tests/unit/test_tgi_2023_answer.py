from __future__ import annotations

import json
from itertools import chain
from typing import Any, Iterable, Iterator

import pytest
from answers import cuts_of
from exchanges import WIRE, chunked, exchange, one_by_one, reply
from sampling import each, some

from hugchat_sync.dialects import Prompt
from hugchat_sync.dialects.tgi_2023 import Tgi2023, read_search
from hugchat_sync.errors import (
    BadRequest,
    ConnectionFailed,
    ConversationNotExistError,
    GenerationError,
    HugChatError,
    IncompleteAnswer,
    ModelOverloaded,
    ProtocolError,
    RateLimited,
    Unavailable,
)
from hugchat_sync.events import (
    Event,
    FinalAnswer,
    Token,
    Unknown,
    WebSearchSources,
)

UNICODE = (
    "cafe\u0301 \U0001f600\U0001f680 \U0001f468\u200d\U0001f469\u200d\U0001f467 a\u2028b\u2029c"
    '\x85d\x0b\x0c\x1c\x1d\x1e\r\n\n\n\tnul[\0]nul"q"\\n}\n{\u4e2d\u6587\u05e9\u05dc\u05d5\u05dd'
    '\ufeff\ufffd<b>&amp;</b>data: x\n\n{"type":"finalAnswer"} end'
)
SENTENCE = "Hello, world. This is a measured stream of tokens\n "
FIVE_HUNDRED = SENTENCE * 41 + "Hello, world. This is a measured"

# name, number of tokens, text, error
ANSWERS = [
    ("tb01-plain", 8, "Hello, world. This is a measured", None),
    ("tb06-second", 2, "Second answer.", None),
    ("tb07-retry-second", 3, "Second, once more.", None),
    ("tb09-edit-first", 1, "Edited.", None),
    ("tb12-empty-options", 1, "y", None),
    ("tb13-no-parameters", 1, "y", None),
    ("tb17-both-bodies", 1, "yes", None),
    ("tb27-parameters-through", 1, "y", None),
    ("tb28-gzip-offered", 1, "y", None),
    ("tb29-content-type-passed-on", 1, "y", None),
    ("tc01-unicode", 29, UNICODE, None),
    ("tc03-special-tokens", 8, "Hello, world. This is a measured", None),
    ("tc04-length", 4, "Hello, world.", None),
    ("tc05-empty", 0, "", None),
    ("tc06-stop-token", 3, "Hello, world", None),
    ("tc13-upstream-error-event-first", 0, "", GenerationError),
    ("tc14-upstream-error-event-middle", 4, "Hello, world.", GenerationError),
    ("tc16-upstream-die-middle", 4, "Hello, world.", IncompleteAnswer),
    ("tc17-upstream-cut-middle", 4, "Hello, world.", IncompleteAnswer),
    ("tc18-crumbs", 6, "Hello, world. This is", None),
    ("tc19-keepalive-comments", 6, "Hello, world. This is", None),
    ("tc20-slow-head", 3, "Hello, world", None),
    ("tc21-fast-500", 500, FIVE_HUNDRED, None),
    ("tc22-leave-midway", 6, "Hello, world. This is", IncompleteAnswer),
    ("tc24-stopped", 25, SENTENCE * 2 + "Hello", IncompleteAnswer),
    ("td02-message-with-search", 4, "Hello, world.", None),
    ("td07-message-after-failed-search", 3, "Hello, world", None),
    ("te15-after-setting-prompt", 2, "I am.", None),
    ("te16-after-changing-prompt", 2, "I am.", None),
    ("te19-after-omitting-prompts", 2, "I am.", None),
    ("te33-body-500k", 1, "ok", None),
    ("tf03-first-guest-message", 1, "Hello.", None),
]


def prompt(**changes: Any) -> Prompt:
    values: dict[str, Any] = {
        "conversation_id": "6b02ad660ac53c9e29a7e3be",
        "text": "hi",
        "message_id": "our-message",
        "generation_id": "our-answer",
    }
    return Prompt(**{**values, **changes})


def run(chunks: Iterable[bytes], **parameters: Any) -> tuple[list[Event], HugChatError | None]:
    """Return the events of an answer, and the error that ended it."""
    events: list[Event] = []
    read = Tgi2023().chat(prompt(custom={"parameters": parameters})).read
    try:
        for event in chain.from_iterable(read(chunks)):
            events.append(event)  # noqa: PERF402 - what came before an error counts
    except HugChatError as error:
        return events, error
    return events, None


def tokens(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Token)]


@each(("name", "count", "text", "kind"), ANSWERS)
@each("way", ["as it came", "whole", "byte by byte"])
def test_recorded_answer(
    name: str, count: int, text: str, kind: type[HugChatError] | None, way: str
) -> None:
    body = reply("tgi-2023", name).body
    pieces = {
        "as it came": chunked("tgi-2023", name),
        "whole": [body],
        "byte by byte": one_by_one(body),
    }[way]
    events, error = run(pieces, stop=["</s>"])
    assert len(tokens(events)) == count
    assert "".join(tokens(events)) == text.replace("\0", "")
    assert type(error) is (kind or type(None))
    finals = [event for event in events if isinstance(event, FinalAnswer)]
    assert finals == ([] if kind else [FinalAnswer(text, False)])
    assert finals == events[len(events) - len(finals) :]


def example(name: str) -> list[bytes]:
    return [(WIRE / "tgi-2023" / "examples" / name).read_bytes()]


def test_the_examples_made_by_hand() -> None:
    events, error = run(example("answer-2023-09.tgi.sse"))
    assert error is None
    assert events[-1] == FinalAnswer("Hello! How can I help?", False)
    assert isinstance(run(example("answer-2023-09.tgi-error.sse"))[1], ModelOverloaded)
    found = list(
        chain.from_iterable(read_search(example("web-search-2023-09.concatenated-json.txt")))
    )
    assert found[-1] == "650b1f2e3d4c5b6a79880123"
    assert [len(event.sources) for event in found if isinstance(event, WebSearchSources)] == [2]
    body = json.loads(example("message-request-2023-09.json")[0])
    ids = {"message_id": body["options"]["id"], "generation_id": body["options"]["response_id"]}
    custom = {"parameters": body["parameters"]}
    assert Tgi2023().chat(prompt(text="Hi", custom=custom, **ids)).request.json == body


def test_every_recorded_answer_is_in_the_table() -> None:
    named = {row[0] for row in ANSWERS}
    paths = list((WIRE / "tgi-2023").glob("*.json"))
    assert len(paths) > 100
    assert len(named) > 25
    for path in paths:
        record = exchange("tgi-2023", path.stem)
        if record["request"]["method"] == "POST":
            types = [
                value for name, value in record["response"]["headers"] if name == "content-type"
            ]
            assert types != ["text/event-stream"] or path.stem in named


@pytest.mark.parametrize("name", ["tb01-plain", "tc01-unicode", "tc19-keepalive-comments"])
def test_an_answer_cut_at_every_offset(name: str) -> None:
    body = reply("tgi-2023", name).body
    whole, _ = run([body])
    for offset in some(range(len(body)), cuts_of(body)):
        assert run([body[:offset], body[offset:]])[0] == whole
        events, error = run([body[:offset]])
        assert events == whole[: len(events)]
        assert isinstance(error, IncompleteAnswer) == (len(events) < len(whole))


def frame(value: Any) -> bytes:
    return b"data:" + json.dumps(value).encode() + b"\n\n"


def said(text: str, special: bool = False, final: str | None = None) -> bytes:
    return frame({"token": {"text": text, "special": special}, "generated_text": final})


@each(
    ("frames", "text"),
    [
        ([said(" a"), said("User"), said(":", final=" aUser:")], "a"),
        ([said(" a"), said("</s>", True, " a</s>")], "a"),
        ([said(" a"), said("<|endoftext|>", True, " a<|endoftext|>")], "a"),
        ([said("</s>", True, " all at once")], "all at once"),
        ([said("\n\n"), said(" a"), said(" b ", final="\n\n a b ")], "a b"),
    ],
)
def test_what_stopped_the_model_is_no_text(frames: list[bytes], text: str) -> None:
    events, error = run(frames, stop=["User:"])
    assert error is None
    assert events[-1] == FinalAnswer(text, False)


def test_halves_of_a_character_are_joined_and_thinking_is_parted() -> None:
    frames = [said(" \ud83d"), said("\ude00 <thi"), said("nk>h</think>"), said("!", final="\u2026")]
    events, _ = run(frames)
    assert "".join(tokens(events)).startswith("\U0001f600")
    assert "think" not in "".join(tokens(events))


def test_an_invented_event_passes_through() -> None:
    events, error = run([frame({"news": 1}), said(" a", final=" a")])
    assert (events[0], error) == (Unknown({"news": 1}), None)


@pytest.mark.parametrize(
    "body", [b"data:{\n\n", b"data:[1]\n\n", b"data:null\n\n", b'data:{"token":{"text":5}}\n\n']
)
def test_a_broken_event_is_a_protocol_error(body: bytes) -> None:
    assert isinstance(run([body])[1], ProtocolError)


def test_a_page_in_the_place_of_an_answer_is_no_answer() -> None:
    assert isinstance(run([b"<!doctype html>\n<html>\n\n</html>\n"])[1], IncompleteAnswer)


def test_a_lost_connection_is_not_called_an_ended_answer() -> None:
    def chunks() -> Iterator[bytes]:
        yield said(" a")
        raise ConnectionFailed("lost")

    assert isinstance(run(chunks())[1], ConnectionFailed)


def test_the_model_server_says_that_it_is_overloaded() -> None:
    body = frame({"error": "Model is overloaded", "error_type": "overloaded"})
    assert isinstance(run([body])[1], ModelOverloaded)


@each(
    ("name", "kind", "words"),
    [
        ("tb11-no-options", Unavailable, "Internal Error"),
        ("tb21-unknown-conversation", ConversationNotExistError, "Conversation not found"),
        ("tc08-upstream-429", ModelOverloaded, "Model is overloaded"),
        ("tc09-upstream-500", GenerationError, "Mock error 500"),
        ("tc10-upstream-503", Unavailable, "Mock error 503"),
        ("tc11-upstream-422", BadRequest, "422"),
        ("tc12-upstream-html-502", Unavailable, "HTML page"),
        ("tf05-second-guest-message", HugChatError, "messages before login"),
        ("tf07-rate-limit-search", RateLimited, "too many messages"),
        ("tf08-rate-limit-message", RateLimited, "HTML page"),
    ],
)
def test_refused_messages(name: str, kind: type[HugChatError], words: str) -> None:
    error = Tgi2023().chat(prompt()).request.error(reply("tgi-2023", name))
    assert isinstance(error, kind)
    assert words in str(error)
