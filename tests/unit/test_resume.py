"""The arithmetic of going on: whatever was seen and however the log merges, nothing is lost."""

from __future__ import annotations

from typing import Any, Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugchat_sync.chat.answer import Answer, fold
from hugchat_sync.chat.recovery import Gap, count_units, fill_in, skip_units
from hugchat_sync.dialects.updates import Updates
from hugchat_sync.events import (
    Event,
    FinalAnswer,
    Reasoning,
    Status,
    TitleChanged,
    Token,
    ToolCall,
)

CALL = ToolCall("u", "look", {"q": "x"})
STARTED = Status("started")
FINISHED = Status("finished")


def missing(seen: Iterable[Event], log: Iterable[Event]) -> Iterator[Event]:
    """Yield the events of *log* that are not among *seen*."""
    return filter(None, map(Gap(seen).find_missing, log))


def coded(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def joined(events: list[Event]) -> list[Event]:
    found: list[Event] = []
    for event in events:
        if isinstance(event, (Token, Reasoning)) and found and type(found[-1]) is type(event):
            event = type(event)(found.pop().text + event.text)  # type: ignore[attr-defined]
        found.append(event)
    return found


# the pieces ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "skip", "rest", "left"),
    [
        ("abc", 0, "abc", 0),
        ("abc", 2, "c", 0),
        ("abc", 5, "", 2),
        ("a🚀b", 3, "b", 0),
        ("a🚀b", 1, "🚀b", 0),
    ],
)
def test_behind_counts_in_utf16_units(text: str, skip: int, rest: str, left: int) -> None:
    assert skip_units(text, skip) == (rest, left)


def test_units() -> None:
    assert [count_units(text) for text in ("", "ab", "é", "🚀")] == [0, 2, 1, 2]


def test_nothing_seen_is_all_missing() -> None:
    log = [STARTED, Token("ab"), FinalAnswer("ab"), FINISHED]
    assert list(missing([], log)) == log


def test_what_was_seen_does_not_come_again() -> None:
    seen = [STARTED, Token("a"), CALL, Token("b"), Reasoning("h")]
    log = [STARTED, Token("a"), CALL, Token("bc"), Reasoning("hm"), CALL, FINISHED]
    assert list(missing(seen, log)) == [Token("c"), Reasoning("m"), CALL, FINISHED]


def test_title_may_stand_elsewhere_in_the_log() -> None:
    seen = [Token("abc"), TitleChanged("T")]
    log = [TitleChanged("T"), Token("ab"), Token("cd")]
    assert list(missing(seen, log)) == [Token("d")]


def test_there_is_one_final_answer_though_tools_changed_its_text() -> None:
    answer = Answer()
    seen = [fold(answer, event) for event in (Token("One."), CALL, FinalAnswer("Two."))]
    assert seen[-1] == FinalAnswer("One.\n\nTwo.")
    log = [Token("One."), CALL, FinalAnswer("Two."), TitleChanged("T")]
    assert list(missing(seen, log)) == [TitleChanged("T")]


@pytest.mark.parametrize(
    ("pieces", "told", "filled"),
    [
        (["\ufffd", "\ufffd"], "🚀", ["🚀"]),
        (["a\ufffd", "\ufffdb "], "xyza🚀b", ["a", "🚀b "]),
        (["\ufffd\ufffdb"], "🚀b", ["🚀b"]),  # a first try was thrown away
        (["one \ufffd\ufffdb"], "🚀b", ["one 🚀b"]),  # the last round after tools
        (["a\ufffd", "b"], "a\ufffdb", ["a\ufffd", "b"]),  # the model itself may say it
        (["\ufffd\ufffd one"], "one", None),
        (["\ufffd\ufffdc"], "🚀b", None),
    ],
)
def test_lost_halves_are_filled_in(pieces: list[str], told: str, filled: list[str] | None) -> None:
    held: list[Event] = [*map(Token, pieces), CALL]
    assert fill_in(held) == []  # before the final answer has come
    final = FinalAnswer(told)
    expected = [] if filled is None else [*map(Token, filled), CALL, final]
    assert fill_in([*held, final]) == expected


def test_lost_thinking_is_filled_in() -> None:
    final = FinalAnswer("<think>🚀 </think>x")
    held = [Reasoning("\ufffd"), Reasoning("\ufffd "), Token("x"), final]
    assert fill_in(held) == [Reasoning("🚀 "), Token("x"), final]


# the whole way ---------------------------------------------------------------------------------

TEXT = st.lists(
    st.sampled_from(
        [
            "a",
            "é",
            " ",
            "🚀",
            "漢",
            "\u2028",
            "<",
            "<th",
            "<think>",
            "</think>",
            "\n",
            "\ufffd",
            "<think>hm 🚀</think>",
        ]  # fmt: skip
    ),
    max_size=14,
).map("".join)


def at(text: str, cuts: list[int]) -> list[str]:
    """Return *text* cut at these places in UTF-16 units, halves of characters included."""
    whole = coded(text)
    places = sorted({min(2 * cut, len(whole)) for cut in cuts} | {0, len(whole)})
    return [
        whole[begin:end].decode("utf-16-le", "surrogatepass")
        for begin, end in zip(places, places[1:])
    ]


def read(updates: Updates, lines: list[dict[str, Any]]) -> list[Event]:
    return [event for line in lines for event in updates.line(line)]


@settings(deadline=None)
@given(
    text=TEXT,
    tokens=st.lists(st.integers(0, 40)),
    merges=st.lists(st.integers(0, 40)),
    tools=st.booleans(),
    data=st.data(),
)
def test_any_cut_and_any_merge_give_the_whole_answer(
    text: str, tokens: list[int], merges: list[int], tools: bool, data: st.DataObject
) -> None:
    tool = {"type": "tool", "subtype": "call", "uuid": "u", "call": {"name": "n", "parameters": {}}}
    end: list[dict[str, Any]] = [
        {"type": "finalAnswer", "text": text.rstrip(), "interrupted": False},
        {"type": "title", "title": "T"},
        {"type": "status", "status": "finished"},
    ]
    before = [tool] if tools else []
    live = before + [{"type": "stream", "token": token} for token in at(text, tokens)] + end
    places = sorted({min(merge, len(text)) for merge in merges} | {0, len(text)})
    pieces = [text[begin:end] for begin, end in zip(places, places[1:])]
    log = before + [{"type": "stream", "token": piece} for piece in pieces] + end
    undisturbed = read(Updates(), live)
    seen = read(Updates(), live[: data.draw(st.integers(0, len(live)))])
    rest = list(missing(seen, read(Updates(), log)))
    assert joined([*seen, *rest]) == joined(undisturbed)


@settings(deadline=None)
@given(text=TEXT, cuts=st.lists(st.integers(0, 40)))
def test_pieces_of_text_do_not_matter(text: str, cuts: list[int]) -> None:
    """Blanks behind a later block of thinking were dropped if no piece before it held a tag."""
    whole = [{"type": "stream", "token": text}]
    parts = [{"type": "stream", "token": token} for token in at(text, cuts)]
    end = [{"type": "status", "status": "finished"}]
    assert joined(read(Updates(), parts + end)) == joined(read(Updates(), whole + end))
