from __future__ import annotations

import json
import time
from itertools import chain
from typing import Any, Iterator

import pytest
from sampling import each

from hugchat_sync.dialects.updates import Updates
from hugchat_sync.errors import (
    AuthError,
    ConnectionFailed,
    GenerationError,
    HugChatError,
    ModelOverloaded,
    ProtocolError,
    QuotaExceeded,
)
from hugchat_sync.events import (
    Event,
    FinalAnswer,
    Reasoning,
    Status,
    TitleChanged,
    Token,
)


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


def test_padding_may_be_anywhere() -> None:
    assert events(token("a\0b\0\0")) == [Token("ab")]


def test_four_thousand_blanks_stand_in_front_of_the_next_line() -> None:
    body = lines({"type": "finalAnswer", "text": "Hi"})[0] + b" " * 4096 + lines(FINISHED)[0]
    assert list(*Updates().read([body])) == [FinalAnswer("Hi", False), Status("finished")]
    assert list(*Updates().read([body, b" " * 4096]))[-1] == Status("finished")


def test_line_ends_of_other_alphabets_are_text() -> None:
    body = '{"type":"stream","token":"a\u2028b\x85c"}\r\n'.encode()
    assert list(*Updates().read([body])) == [Token("a\u2028b\x85c")]


HALVES = (token("a\ud83d"), token("\ude80b"))


def test_halves_are_joined() -> None:
    assert events(*HALVES) == [Token("a"), Token("🚀b")]
    assert events(HALVES[0], token("\0"), HALVES[1]) == [Token("a"), Token("🚀b")]


def test_lone_half_never_comes_out() -> None:
    assert events(HALVES[0], FINISHED) == [Token("a"), Token("\ufffd"), Status("finished")]
    assert events(HALVES[0]) == [Token("a")]  # cut: the other half may be in the log
    final = {"type": "finalAnswer", "text": "a\ud83d"}
    assert events(final) == [FinalAnswer("a\ufffd", False)]
    assert events({"type": "title", "title": "\ud83d"}) == [TitleChanged("\ufffd")]


def test_thinking_is_parted_over_tokens() -> None:
    found = events(*map(token, ("<", "think>Hm", " so</thi", "nk>\n\nHel", "lo")))
    assert found == [Reasoning("Hm"), Reasoning(" so"), Token("Hel"), Token("lo")]


def test_what_only_looked_like_a_tag_is_text() -> None:
    assert events(token("a <"), token("b> <thin"), token("g>")) == [
        Token("a "),
        Token("<b> "),
        Token("<thing>"),
    ]


@pytest.mark.parametrize(
    ("ending", "last"),
    [
        (FINISHED, [Status("finished")]),
        ({"type": "finalAnswer", "text": "a <t"}, [FinalAnswer("a <t", False)]),
    ],
)
def test_what_was_held_back_comes_before_the_ending(
    ending: dict[str, Any], last: list[Event]
) -> None:
    assert events(token("a <t"), ending) == [Token("a "), Token("<t"), *last]


def test_what_was_held_back_comes_at_the_end_of_the_body() -> None:
    assert events(token("a <t")) == [Token("a "), Token("<t")]


def test_what_was_held_back_comes_before_an_error() -> None:
    failure = {"type": "status", "status": "error", "message": "no"}
    found, error = until_error(lines(token("a <t"), failure))
    assert found == [Token("a "), Token("<t")]
    assert isinstance(error, GenerationError)


def test_broken_line_comes_after_what_was_whole() -> None:
    found, error = until_error([*lines(token("a"), token("b <t")), b"nonsense\n"])
    assert found == [Token("a"), Token("b ")]
    assert isinstance(error, ProtocolError)
    assert error.line == "nonsense"


def test_half_a_tag_is_no_text_where_the_connection_broke() -> None:
    def broken() -> Iterator[bytes]:
        yield from lines(token("a"), token("<thi"))
        raise ConnectionFailed("gone")

    found, error = until_error(broken())
    assert found == [Token("a")]
    assert isinstance(error, ConnectionFailed)


@each(
    ("message", "code", "kind"),
    [
        ("402 pay", 402, QuotaExceeded),
        ("402 pay", None, QuotaExceeded),
        ("429 slow down", 429, ModelOverloaded),
        ("429 slow down", None, ModelOverloaded),
        ("Model is overloaded", None, ModelOverloaded),
        ("User token not found", None, AuthError),
        ("OAuth authorization was revoked", 401, AuthError),
        ("401 Incorrect key", 401, GenerationError),
        ("500 no", 500, GenerationError),
        ("error 14290", None, GenerationError),
        ("", None, GenerationError),
    ],
)
def test_error_lines(message: str, code: int | None, kind: type[HugChatError]) -> None:
    line = {"type": "status", "status": "error", "message": message, "statusCode": code}
    _, error = until_error(lines(line))
    assert type(error) is kind
    assert message in str(error)
    assert getattr(error, "status_code", "none") == (402 if kind is QuotaExceeded else code)


def test_other_error_objects() -> None:
    for said, kind in (("x y", GenerationError), ("Model is overloaded", ModelOverloaded)):
        for line in (
            {"type": "error", "message": said},
            {"type": "error", "error": {"message": said}},
        ):
            _, error = until_error(lines(line))
            assert type(error) is kind
            assert said in str(error)


def test_page_instead_of_an_answer() -> None:
    for page in (b"<!DOCTYPE html>\n<html>\n", b"<html><body>no line feed"):
        _, error = until_error([page])
        assert isinstance(error, ProtocolError)
        assert "an HTML page" in str(error)


def test_blanks_before_the_first_word() -> None:
    class Trimming(Updates):
        trims_start = True

    body = lines(
        token(" "), token("  Hel"), token(" lo"), {"type": "finalAnswer", "text": "   Hel lo"}
    )
    assert list(chain.from_iterable(Trimming().read(body))) == [
        Token("Hel"),
        Token(" lo"),
        FinalAnswer("Hel lo", False),
    ]


def test_long_final_answer_in_small_pieces_costs_little() -> None:
    body = lines({"type": "finalAnswer", "text": "x" * 10_000_000})[0]
    pieces = [body[at : at + 512] for at in range(0, len(body), 512)]
    begun = time.process_time()
    assert len(list(Updates().read(pieces))) == 1
    assert time.process_time() - begun < 0.5


def test_cost_does_not_grow_with_the_number_of_tokens() -> None:
    def cost(count: int) -> float:
        body = lines(token("word\0\0\0\0\0\0\0\0\0\0\0\0")) * count
        begun = time.process_time()
        assert sum(1 for _ in Updates().read(body)) == count
        return (time.process_time() - begun) / count

    assert min(cost(50_000) for _ in range(3)) < 2 * min(cost(5_000) for _ in range(3))
