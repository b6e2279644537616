"""What events add up to: pure functions of (state, event)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some
from sampling import each

from hugchat_sync.chat.answer import (
    Answer,
    conclude,
    fold,
    merged_text,
)
from hugchat_sync.dialects.fields import ThinkSplitter, split_thinking
from hugchat_sync.events import (
    FileCreated,
    FinalAnswer,
    Reasoning,
    Route,
    Status,
    TitleChanged,
    Token,
    ToolCall,
    Unknown,
    WebSearchSources,
)
from hugchat_sync.records import ChatFile, Source


def folded(*events):
    state = Answer()
    for event in events:
        fold(state, event)
    return state


CALL = ToolCall("u", "clock", {})


@each(
    ("streamed", "final", "stored"),
    [
        ("Let me see.", "It is noon.", "Let me see.\n\nIt is noon."),
        ("Let me see.\n\n", "It is noon.", "Let me see.\n\nIt is noon."),
        ("Let me see.It is noon.", "It is noon.", "Let me see.It is noon."),
        ("It is", "It is noon.", "It is noon."),
        ("It is noon. \n", "It is noon.", "It is noon."),
        ("", "It is noon.", "It is noon."),
        ("It is noon.", "", "It is noon."),
    ],
)
def test_text_after_tools_is_what_the_server_stores(streamed, final, stored):
    assert merged_text(streamed, final) == stored


def test_final_answer_without_tools_is_the_whole_text():
    state = folded(Token("Wrong start"), FinalAnswer("Right"))

    assert state.text == "Right"


def test_final_answer_after_tools_is_merged():
    state = folded(Token("Let me see."), CALL, FinalAnswer("It is noon."))

    assert state.text == "Let me see.\n\nIt is noon."


def test_interrupted_final_answer_after_tools_is_as_it_is():
    state = folded(Token("Let me see. It"), CALL, FinalAnswer("Let me", True))

    assert (state.text, state.final.interrupted) == ("Let me", True)


def test_user_sees_the_final_answer_with_the_stored_text():
    state = folded(Token("Let me see."), CALL)

    assert fold(state, FinalAnswer("Noon.")) == FinalAnswer("Let me see.\n\nNoon.")


def test_thinking_in_the_final_answer_is_no_text():
    state = folded(FinalAnswer("<think>hmm</think>\n\nNoon."))

    assert (state.text, state.reasoning) == ("Noon.", "hmm")


def test_thinking_that_was_streamed_is_not_told_twice():
    state = folded(Reasoning("hmm"), FinalAnswer("<think>hmm</think>Noon."))

    assert state.reasoning == "hmm"


@each(
    ("text", "parts"),
    [
        ("plain", ("plain", "")),
        ("<think>a</think>b", ("b", "a")),
        ("<think>a</think>\n\nb", ("b", "a")),
        ("a<think>b</think> c", ("a c", "b")),
        ("<think>open", ("", "open")),
        ("a < b and c > d", ("a < b and c > d", "")),
        ("<think></think>x", ("x", "")),
        ("<think>a</think>x<think>b</think>y", ("xy", "ab")),
        ("a <thin", ("a <thin", "")),
    ],
)
def test_thinking_is_parted_from_the_text(text, parts):
    assert split_thinking(text) == parts


@given(
    some.lists(some.sampled_from(["<think>", "</think>", "a", " ", "<", "th", "\n"]), max_size=12),
    some.data(),
)
def test_thinking_is_parted_the_same_wherever_the_pieces_end(words, data):
    text = "".join(words)
    cut = data.draw(some.integers(0, len(text)))
    splitter = ThinkSplitter()

    parts = splitter.feed(text[:cut]) + splitter.feed(text[cut:]) + splitter.flush()

    whole = ThinkSplitter()
    expected = whole.feed(text) + whole.flush()
    for kind in (True, False):
        assert "".join(part for thinking, part in parts if thinking is kind) == "".join(
            part for thinking, part in expected if thinking is kind
        )


def test_splitter_holds_back_only_what_may_be_a_tag():
    splitter = ThinkSplitter()

    assert splitter.feed("a <thi") == [(False, "a ")]
    assert splitter.feed("s is none") == [(False, "<this is none")]


def test_plain_text_is_not_held_back():
    splitter = ThinkSplitter()

    assert splitter.feed("word") == [(False, "word")]
    assert splitter.plain


def test_finished_without_final_answer_concludes_with_the_tokens():
    state = folded(Token("all there \n"), Status("finished"))

    assert conclude(state) == FinalAnswer("all there")


def test_end_without_any_sign_concludes_nothing():
    assert conclude(folded(Token("half"))) is None


def test_run_that_we_stopped_concludes_as_interrupted():
    assert conclude(folded(Token("half ")), stopped=True) == FinalAnswer("half", True)


def test_run_that_had_a_final_answer_concludes_no_second_one():
    assert conclude(folded(FinalAnswer("x"), Status("finished"))) is None


def test_latest_sources_are_all_sources():
    first, second = Source("a", "https://a.example"), Source("b", "https://b.example")
    state = folded(WebSearchSources((first,)), WebSearchSources((first, second)))

    assert state.sources == (first, second)


def test_route_is_merged_from_both_kinds_of_news():
    state = folded(Route("agentic", "model"), Route("", "", "provider"))

    assert state.route == Route("agentic", "model", "provider")


def test_files_titles_and_unknown_things_are_kept_or_passed():
    unknown = Unknown({"type": "new"})
    state = folded(FileCreated("a.png", "sha", "image/png"), TitleChanged("T"), unknown)

    assert state.files == [ChatFile("a.png", "sha", "image/png")]
    assert state.title == "T"
    assert fold(state, unknown) is unknown
