"""However the bytes of an answer are cut, the lines and the objects are the same."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pieces import lines, objects, sse_frames
from sampling import each

from hugchat_sync.dialects.updates import Updates
from hugchat_sync.errors import HugChatError, ProtocolError
from hugchat_sync.events import Event

BODY = st.lists(
    st.one_of(st.sampled_from([b"\n", b"\r\n", b" ", b"\xe2\x80\xa8", b"\x85", b""]), st.binary())
).map(b"".join)
CUTS = st.lists(st.integers(0, 400))

VALUES = st.dictionaries(
    st.text(max_size=5),
    st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text(max_size=3), max_size=3)),
    max_size=3,
)


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({min(place, len(body)) for place in cuts} | {0, len(body)})
    return [body[begin:end] for begin, end in zip(places, places[1:])] or [body]


@settings(deadline=None)
@given(BODY, CUTS)
def test_lines_do_not_depend_on_the_pieces(body: bytes, cuts: list[int]) -> None:
    found = list(lines(cut(body, cuts)))
    *whole, last = body.split(b"\n")
    assert found == [(line, True) for line in whole] + ([(last, False)] if last else [])


@settings(deadline=None)
@given(BODY)
def test_lines_of_single_bytes_and_of_empty_pieces(body: bytes) -> None:
    pieces = [piece for index in range(len(body)) for piece in (b"", body[index : index + 1])]
    assert list(lines(pieces)) == list(lines([body]))


@settings(deadline=None)
@given(st.lists(VALUES), CUTS, st.booleans(), st.booleans())
def test_objects_come_back_whole(
    values: list[dict[str, object]], cuts: list[int], escaped: bool, blank: bool
) -> None:
    between = b"\n    \n" if blank else b"\n"
    body = b"".join(
        json.dumps(value, ensure_ascii=escaped).encode("utf-8", "surrogatepass") + between
        for value in values
    )
    assert list(objects(cut(body, cuts))) == values


@settings(deadline=None)
@given(st.lists(VALUES, min_size=1), CUTS, st.data())
def test_objects_of_a_cut_body_are_the_first_ones(
    values: list[dict[str, object]], cuts: list[int], data: st.DataObject
) -> None:
    body = b"".join(json.dumps(value).encode("ascii") + b"\n" for value in values)
    end = data.draw(st.integers(0, len(body)))
    found = list(objects(cut(body[:end], cuts)))
    assert found == values[: len(found)]
    assert len(found) >= body[:end].count(b"\n")


@settings(deadline=None)
@given(BODY, CUTS)
def test_nonsense_is_a_protocol_error_and_nothing_else(body: bytes, cuts: list[int]) -> None:
    for read in (objects, sse_frames):
        with suppress(ProtocolError):  # the one way to refuse a body
            list(read(cut(body, cuts)))


@settings(deadline=None)
@given(st.integers(1, 50), CUTS)
def test_longest_line(longest: int, cuts: list[int]) -> None:
    fits = b"x" * longest
    assert list(lines(cut(fits + b"\n" + fits, cuts), longest)) == [(fits, True), (fits, False)]
    with pytest.raises(ProtocolError, match="longer"):
        list(lines(cut(fits + b"x", cuts), longest))


def test_event_of_many_lines_is_not_collected_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hugchat_sync.dialects.wire.LONGEST_LINE", 1000)
    with pytest.raises(ProtocolError, match="longer"):
        list(sse_frames(b"data: x\n" for _ in range(10_000)))


def test_log_that_is_no_text_is_a_protocol_error() -> None:
    """A byte that is no UTF-8 came out of the log as ``UnicodeDecodeError``."""
    with pytest.raises(ProtocolError):
        list(sse_frames([b"event: update\ndata: \xb4\n\n"]))


#: lines of an answer, and what may be made of them on the way
TOKENS = [
    "",
    "a",
    "\u00e9",
    "<",
    "\\ud83d",
    "\\ude80",
    '\\"',
    "\\\\",
    "\\u0000",
    '","',
    '"',
    "\\",
    "\n",
]


def token_line(texts: list[str], blank: str) -> str:
    return f'{{"type":{blank}"stream",{blank}"token":{blank}"' + "".join(texts) + '"}'


LINES = st.one_of(
    st.builds(
        token_line, st.lists(st.sampled_from(TOKENS), max_size=3), st.sampled_from(["", " "])
    ),
    st.sampled_from(
        [
            "",
            " ",
            '{"type":"stream","token":"a","token":"b"}',
            '{"type":"stream","token":"a","b"}',
            '{"type":"stream","token":"a"',
            ',"b"}',
            '{"type": "stream", "token": "spaced"}',
            '{"type":"status","status":"finished"}',
            '{"type":"finalAnswer","text":"all"}',
        ]
    ),
)


def told(pieces: list[bytes]) -> tuple[list[Event], str]:
    found: list[Event] = []
    try:
        for events in Updates().read([b'{"type":"stream","token":"begun "}\n', *pieces]):
            found.extend(events)
    except HugChatError as error:
        return found, str(error)
    return found, ""


@settings(deadline=None, max_examples=300)
@given(st.lists(LINES, max_size=6))
def test_events_do_not_depend_on_how_many_lines_a_piece_has(lines: list[str]) -> None:
    body = "".join(f"{line}\n" for line in lines).encode()
    one_by_one = told([body[at : at + 1] for at in range(len(body))])
    assert told([body]) == one_by_one
    assert told(body.splitlines(keepends=True)) == one_by_one


@each(
    "bad",
    [
        ["a\\", ',"b'],  # a text that ends in the next line
        ['a"] x'],
        ['a","b'],
        ['a"\n,"b'],
        ['a"}\n{"b":"c'],
        ['a"} '],
        ['a","token":"b'],
    ],
)
def test_bad_lines_among_tokens_are_no_tokens(bad: list[str]) -> None:
    lines = [token_line([text], "") for text in ["good ", *bad, "not seen"]]
    body = "".join(f"{line}\n" for line in lines).encode()
    found, error = told([body])
    assert (found, error) == told(body.splitlines(keepends=True))
