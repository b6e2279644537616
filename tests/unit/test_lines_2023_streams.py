from __future__ import annotations

from typing import Any, Iterator, Sequence

import pytest
from answers import body_of, comes_to, cuts_of, played, prompt
from exchanges import chunked, one_by_one, reply
from sampling import bundles, each
from streams_lines_2023 import STREAMS

from hugchat_sync.dialects import load_dialect
from hugchat_sync.events import (
    FinalAnswer,
    Status,
    Token,
    Unknown,
    WebSearchError,
    WebSearchSources,
    WebSearchStep,
)
from hugchat_sync.records import Source

ERA = "lines-2023"
NAMES = [row[0] for row in STREAMS]
CUT = ["lf01-search", "ld01-unicode", "lf12-query-error", "lg18-stopped"]
STORED = {
    "lc01-plain": "lc02-data-after-first",
    "lc03-second": "lc04-data-after-second",
    "lc05-retry-second": "lc06-data-after-retry",
    "lc07-edit-first": "lc08-data-after-edit",
    "ld01-unicode": "ld02-unicode-data",
    "lf01-search": "lf02-search-data",
    "lc39-trailing-space": "lc40-data-trailing-space",
    "lg11-leave-midway": "lg12-leave-midway-data",
    "li31-preprompt-at-creation": "li32-preprompt-data",
}


@pytest.mark.parametrize("rows", bundles(STREAMS))
def test_recorded_answer(rows: Sequence[Any]) -> None:
    for row in rows:
        assert played(ERA, chunked(ERA, row[0])).row(row[0]) == row


@pytest.mark.parametrize("names", bundles(NAMES))
def test_pieces_do_not_matter(names: Sequence[Any]) -> None:
    for name in names:
        body = body_of(ERA, name)
        whole, crumbs = played(ERA, [body]), played(ERA, one_by_one(body))
        assert crumbs.events == whole.events, name
        assert crumbs.error is whole.error is None, name


@pytest.mark.parametrize("name", CUT)
def test_cut_anywhere_gives_the_beginning(name: str) -> None:
    body = body_of(ERA, name)
    whole = played(ERA, [body]).events
    for offset in cuts_of(body):
        found = played(ERA, [body[:offset]])
        assert found.events == whole[: len(found.events)], offset
        assert comes_to(found.events, body[:offset]), offset
        assert found.error is None


@pytest.mark.parametrize("names", bundles(NAMES))
def test_only_known_events_that_can_be_encoded(names: Sequence[Any]) -> None:
    for name in names:
        events = played(ERA, [body_of(ERA, name)]).events
        repr(events).encode("utf-8")
        assert not any(isinstance(event, Unknown) for event in events), name


@each(("name", "after"), STORED.items())
def test_text_is_what_the_server_stored(name: str, after: str) -> None:
    tree = load_dialect(ERA).conversation("x").read(reply(ERA, after))
    stored = [message.text for message in tree.messages if message.role == "assistant"]
    assert played(ERA, chunked(ERA, name)).answer.text in stored


def test_blank_before_the_first_word_is_no_text() -> None:
    found = played(ERA, chunked(ERA, "lc01-plain"))
    assert found.events[:3] == [Status("started"), Token("Hello"), Token(",")]
    assert found.events[-1] == FinalAnswer("Hello, world. This is a measured", False)


def test_reading_stops_at_the_final_answer() -> None:
    def endless() -> Iterator[bytes]:
        yield body_of(ERA, "lc01-plain")
        pytest.fail("read on after the final answer, where the server is silent for ever")

    call = load_dialect(ERA).chat(prompt())
    assert isinstance(list(call.read(endless()))[-1][-1], FinalAnswer)
    assert call.closes_at_answer
    assert not call.keep_alives


def test_only_the_first_of_many_final_answers_counts() -> None:
    found = played(ERA, chunked(ERA, "lg18-stopped"))
    finals = [event for event in found.events if isinstance(event, FinalAnswer)]
    assert len(finals) == 1
    assert body_of(ERA, "lg18-stopped").count(b'"finalAnswer"') > 40


def test_web_search() -> None:
    events = played(ERA, chunked(ERA, "lf01-search")).events
    page = "https://alpha.example.org/weather-in-paris/4"
    steps = [event for event in events if isinstance(event, WebSearchStep)]
    assert steps[:3] == [
        WebSearchStep("Searching Google", ("weather in Paris",)),
        WebSearchStep("Browsing results", ()),
        WebSearchStep("Browsing webpage", (page,)),
    ]
    found = [event for event in events if isinstance(event, WebSearchSources)]
    assert [len(event.sources) for event in found] == [1, 2, 3]
    title = "Result 4 for weather in Paris"
    assert found[-1].sources[0] == Source(title, page, "alpha.example.org")


def test_failed_search_is_told_and_the_answer_goes_on() -> None:
    found = played(ERA, chunked(ERA, "lf05-search-error-429"))
    failure = WebSearchError("An error occurred with the web search", ('"Mock search error 429"',))
    assert failure in found.events
    assert found.answer.text == "Hello, world"
