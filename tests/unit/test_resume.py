"""The arithmetic of going on: whatever was seen and however the log merges, nothing is lost."""

from __future__ import annotations

from typing import Any, Iterable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hugchat_sync.chat.answer import Answer, fold
from hugchat_sync.chat.recovery import Gap, count_units, mend, skip_units
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
    gap = Gap(seen)
    for event in log:
        yield from gap.missing(event)
    yield from gap.let_go()


def coded(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def mended_halves(text: str) -> str:
    """Return *text* as a log stores it: halves joined, lone ones lost."""
    return coded(text).decode("utf-16-le", "replace")


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


def test_lost_halves_wait_for_the_final_answer() -> None:
    gap = Gap([Token("a")])
    assert gap.missing(Token("ab\ufffd")) == ()
    assert gap.missing(Token("\ufffdc")) == ()
    assert gap.missing(CALL) == ()
    assert gap.missing(FinalAnswer("ab🚀c")) == (
        Token("b"),
        Token("🚀c"),
        CALL,
        FinalAnswer("ab🚀c"),
    )
    assert gap.missing(TitleChanged("T")) == (TitleChanged("T"),)


def test_a_model_may_say_the_replacement_character_itself() -> None:
    log = [Token("a\ufffd"), Token("b"), FinalAnswer("a\ufffdb")]
    assert list(missing([], log)) == log


def test_lost_thinking_is_mended_out_of_the_final_answer() -> None:
    log = [Reasoning("\ufffd"), Reasoning("\ufffd"), Token("x"), FinalAnswer("<think>🚀</think>x")]
    assert joined(list(missing([], log))) == [Reasoning("🚀"), Token("x"), log[-1]]


def test_what_only_the_history_can_mend_stays_held() -> None:
    gap = Gap([])
    for event in (Token("\ufffd\ufffd one"), CALL, Token(" two"), FinalAnswer("two")):
        assert gap.missing(event) == ()
    assert gap.holds
    assert gap.let_go() == (Token("\ufffd\ufffd one"), CALL, Token(" two"), FinalAnswer("two"))
    assert not gap.holds


@pytest.mark.parametrize(
    ("pieces", "start", "whole", "mended"),
    [
        (["\ufffd", "\ufffd"], 0, "🚀", ["", "🚀"]),
        (["a\ufffd", "\ufffdb "], 3, "xyza🚀b", ["a", "🚀b "]),
        (["\ufffd\ufffdb"], 9, "🚀b", ["🚀b"]),  # a first try was thrown away
        (["one \ufffd\ufffdb"], 0, "🚀b", ["one 🚀b"]),  # the last round after tools
        (["\ufffd\ufffd one"], 0, "one", None),
        (["\ufffd\ufffdb, and more"], 1, "a🚀b", ["🚀b, and more"]),  # stopped and cut back
        (["plain"], 0, "other", ["plain"]),
        ([], 0, "", []),
        (["\ufffd\ufffdc"], 0, "🚀b", None),
    ],
)
def test_mend(pieces: list[str], start: int, whole: str, mended: list[str] | None) -> None:
    assert mend(pieces, start, whole) == mended


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
    log = (
        before
        + [{"type": "stream", "token": mended_halves(token)} for token in at(text, merges)]
        + end
    )
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
