from __future__ import annotations

from itertools import chain
from typing import Iterable, Iterator

import pytest
from exchanges import chunked, one_by_one, reply
from sampling import each

from hugchat_sync.calls import Reply
from hugchat_sync.dialects.tgi_2023 import Tgi2023, read_search
from hugchat_sync.errors import ConversationNotExistError, ProtocolError, Unavailable
from hugchat_sync.events import (
    Event,
    Unknown,
    WebSearchError,
    WebSearchSources,
    WebSearchStep,
)


def flat(news: Iterable[list[Event]]) -> list[Event]:
    return list(chain.from_iterable(news))


def search(name: str) -> list[Event]:
    return flat(read_search([reply("tgi-2023", name).body]))


@each(
    ("name", "steps", "errors", "sources", "has_id"),
    [
        ("td01-search", 10, 0, [4], True),
        ("td06-search-followup", 10, 0, [4], True),
        ("td07-search-nothing", 2, 1, [0], True),
        ("td08-search-error-429", 2, 1, [0], True),
        ("td09-search-notext", 3, 1, [0], True),
        ("td10-search-missing", 9, 0, [4], True),
        ("td11-search-slow", 10, 0, [4], True),
        ("td12-query-error", 1, 1, [0], True),
        ("tg01-search-open-for-minutes", 10, 0, [4], True),
        ("td17-leave-midway", 3, 1, [], False),
    ],
)
def test_recorded_search(
    name: str, steps: int, errors: int, sources: list[int], has_id: bool
) -> None:
    events = search(name)
    found = [len(event.sources) for event in events if isinstance(event, WebSearchSources)]
    assert sum(isinstance(event, WebSearchStep) for event in events) == steps
    assert sum(isinstance(event, WebSearchError) for event in events) == errors
    assert found == sources
    assert (isinstance(events[-1], str) and len(events[-1]) == 24) == has_id
    body = reply("tgi-2023", name).body
    assert flat(read_search(one_by_one(body))) == events
    assert flat(read_search(chunked("tgi-2023", name))) == events


def test_a_search_cut_at_every_offset() -> None:
    body = reply("tgi-2023", "td07-search-nothing").body
    whole = search("td07-search-nothing")
    for offset in range(len(body)):
        assert flat(read_search([body[:offset], body[offset:]])) == whole


def test_nothing_is_read_behind_the_result_of_a_search() -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"messages":[{"type":"result","id":"x"}]}'
        pytest.fail("the server never ends this reply: reading on would hang")

    assert flat(read_search(chunks())) == ["x"]


@each(
    "body", [b"<html>", b"[1]", b'{"messages":5}', b'{"messages":[5]}', b'{"messages":[{}]}{', b"5"]
)
def test_a_search_that_is_none_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        flat(read_search([body]))


def test_an_invented_message_of_a_search_passes_through() -> None:
    body = b'{"messages":[{"type":"news","x":1},{"type":"result","id":"i"}]}'
    assert flat(read_search([body]))[0] == Unknown({"type": "news", "x": 1})


def test_a_refused_search() -> None:
    call = Tgi2023().search("a", "b")
    error = call.request.error(reply("tgi-2023", "td15-unknown-conversation"))
    assert isinstance(error, ConversationNotExistError)
    assert isinstance(call.request.error(Reply(500, {}, b"")), Unavailable)
