"""Formats on the wire: lines, JSON, halves of characters, events, superjson, devalue."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from exchanges import content, exchange, one_by_one
from hypothesis import given
from hypothesis import strategies as some
from pieces import lines, objects, objects_together, sse_frames
from sampling import each

from hugchat_sync.dialects.fields import SurrogateJoiner, is_encodable, make_encodable
from hugchat_sync.dialects.wire import (
    devalue,
    read_json,
    superjson,
    sveltekit_nodes,
)
from hugchat_sync.errors import ProtocolError

WIRE = Path(__file__).parent.parent / "wire"

# lines ---------------------------------------------------------------------------------------


def test_lines_are_cut_at_line_feeds_only():
    body = "a\u2028b\u2029c\x85d\re\x0cf\n".encode()

    assert list(lines([body])) == [(body[:-1], True)]


def test_unfinished_line_is_told_as_such():
    assert list(lines([b"a\nb"])) == [(b"a", True), (b"b", False)]


def test_line_over_many_chunks_is_joined():
    assert list(lines([b"a", b"b", b"c\nd", b"\n"])) == [(b"abc", True), (b"d", True)]


def test_empty_lines_stay():
    assert list(lines([b"\n\na\n"])) == [(b"", True), (b"", True), (b"a", True)]


@given(some.binary(max_size=60), some.lists(some.integers(0, 60), max_size=5))
def test_lines_do_not_depend_on_the_chunks(body, cuts):
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    chunks = [body[start:end] for start, end in zip(places, places[1:])]

    assert list(lines(chunks)) == list(lines([body]))


def test_line_that_is_too_long_is_refused():
    with pytest.raises(ProtocolError, match="longer than 100 bytes"):
        list(lines([b"x" * 60, b"x" * 60], longest=100))


def test_long_line_in_small_chunks_costs_linear_time():
    def spent(size):
        chunks = [b"x" * 512] * (size // 512) + [b"\n"]
        started = time.process_time()
        assert len(list(lines(chunks))) == 1
        return time.process_time() - started

    small = min(spent(2**20) for _ in range(3))
    large = min(spent(8 * 2**20) for _ in range(2))

    assert large < 24 * small + 0.05


# objects -------------------------------------------------------------------------------------


def test_objects_one_a_line():
    assert list(objects([b'{"a":1}\n{"b":2}\n'])) == [{"a": 1}, {"b": 2}]


def test_4096_blanks_before_an_object_are_passed_over():
    assert list(objects([b'{"a":1}\n', b" " * 4096, b'{"b":2}\n'])) == [{"a": 1}, {"b": 2}]


def test_4096_blanks_at_the_end_are_passed_over():
    assert list(objects([b'{"a":1}\n' + b" " * 4096])) == [{"a": 1}]


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b"  \n", b"\t\r\n"])
def test_blank_lines_are_passed_over(blank):
    assert list(objects([blank, b'{"a":1}\n', blank])) == [{"a": 1}]


def test_carriage_return_at_the_end_of_a_line_is_a_blank():
    assert list(objects([b'{"a":1}\r\n'])) == [{"a": 1}]


def test_line_separators_and_nuls_stay_in_the_text():
    body = '{"t":"a\u2028b\u2029c\x85d\\u0000e"}\n'.encode()

    assert list(objects([body])) == [{"t": "a\u2028b\u2029c\x85d\0e"}]


def test_objects_of_one_piece_come_together():
    assert list(objects_together([b'{"a":1}\n{"b":2}\n{"c":3}\n{"d"', b":4}\n"])) == [
        [{"a": 1}, {"b": 2}, {"c": 3}],
        [{"d": 4}],
    ]


def test_what_stands_before_a_bad_line_of_the_same_piece_arrives():
    found = []
    with pytest.raises(ProtocolError) as caught:
        for together in objects_together([b'{"a":1}\n{"b":2}\nnonsense\n{"c":3}\n']):
            found.extend(together)
    assert found == [{"a": 1}, {"b": 2}]
    assert caught.value.line == "nonsense"


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":1}\n{"t":"x}\n{y"}\n{"b":2}\n',  # a line feed inside a text is one between lines
        b'{"a":1}\n{"t":[{}\n{}]}\n{"b":2}\n',
        b'{"a":1}\n{"b":2},{"c":3}\n{"d":4}\n',
    ],
)
def test_lines_that_are_objects_only_together_are_bad(body):
    with pytest.raises(ProtocolError):
        list(objects_together([body]))


def test_last_line_without_a_line_feed_is_read_when_it_is_whole():
    assert list(objects([b'{"a":1}'])) == [{"a": 1}]


def test_last_line_that_was_cut_is_left_out():
    assert list(objects([b'{"a":1}\n{"b":'])) == [{"a": 1}]


@pytest.mark.parametrize("line", [b"{broken}\n", b'{"a":1} x\n', b"\xff\xfe\n", b'{"a":\n'])
def test_broken_line_is_an_error_that_shows_it(line):
    with pytest.raises(ProtocolError, match="JSON lines") as caught:
        list(objects([b'{"a":1}\n', line]))

    assert caught.value.line


@pytest.mark.parametrize("line", [b"5\n", b'"text"\n', b"null\n", b"[1]\n"])
def test_line_that_is_no_object_is_an_error(line):
    with pytest.raises(ProtocolError, match="not a JSON object"):
        list(objects([line]))


@pytest.mark.parametrize("body", [b"<!doctype html>\n<html>", b"  <HTML>", b"<!DOCTYPE html>"])
def test_page_is_named_as_such(body):
    with pytest.raises(ProtocolError, match="an HTML page"):
        list(objects([body]))


def test_shown_line_is_short():
    with pytest.raises(ProtocolError) as caught:
        list(objects([b"x" * 9999 + b"\n"]))

    assert len(caught.value.line) == 200


RECORDED = ["v2-2025", "lines-2023"]


def bodies(folder):
    found = []
    for path in sorted((WIRE / folder).glob("*.json")):
        recorded = exchange(folder, path.stem)
        headers = dict(recorded["response"]["headers"])
        body = content(recorded["response"]["body"])
        if "json" in headers.get("content-type", headers.get("Content-Type", "json")):
            found.append((path.stem, body))
    return [(name, body) for name, body in found if body.count(b"\n{") > 3][:6]


@each(("name", "body"), [pair for folder in RECORDED for pair in bodies(folder)])
def test_recorded_answer_reads_the_same_byte_by_byte(name, body):
    assert list(objects(one_by_one(body))) == list(objects([body]))


def test_recordings_were_found():
    assert all(bodies(folder) for folder in RECORDED)


# JSON ----------------------------------------------------------------------------------------


def test_json_is_read():
    assert read_json(b' {"a": "\xc3\xa9"} ') == {"a": "é"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "an empty body"),
        (b"<!doctype html>", "an HTML page"),
        (b"nonsense", "something else"),
        (b"\xff", "something else"),
    ],
)
def test_what_is_no_json_is_named(body, kind):
    with pytest.raises(ProtocolError, match=kind) as caught:
        read_json(body, "http://x/chat")

    assert caught.value.url == "http://x/chat"


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000])
def test_json_that_is_too_deep_was_no_error_of_ours(body):
    with pytest.raises(ProtocolError):
        read_json(body)


def test_line_that_is_too_deep_was_no_error_of_ours():
    with pytest.raises(ProtocolError):
        list(objects([b'{"a":' * 100_000 + b"\n"]))


# characters ----------------------------------------------------------------------------------


def test_halves_of_a_character_are_joined():
    halves = SurrogateJoiner()

    assert [halves.join("a\ud83d"), halves.join("\ude80b"), halves.flush()] == ["a", "🚀b", ""]


def test_lone_first_half_becomes_a_replacement():
    halves = SurrogateJoiner()

    assert [halves.join("a\ud83d"), halves.join("b"), halves.flush()] == ["a", "\ufffdb", ""]


def test_lone_second_half_becomes_a_replacement():
    assert SurrogateJoiner().join("\ude80b") == "\ufffdb"


def test_first_half_at_the_end_becomes_a_replacement():
    halves = SurrogateJoiner()
    halves.join("a\ud83d")

    assert (bool(halves.waiting), halves.flush(), halves.waiting) == (True, "\ufffd", "")


@given(some.lists(some.text(some.characters(), max_size=4), max_size=8))
def test_joined_text_can_always_be_encoded(pieces):
    halves = SurrogateJoiner()

    text = "".join([halves.join(piece) for piece in pieces]) + halves.flush()

    assert text.encode("utf-8") is not None
    assert text == make_encodable("".join(pieces))


@pytest.mark.parametrize(
    ("text", "whole"), [("abc", True), ("é🚀", True), ("\ud83d", False), ("a\ude80", False)]
)
def test_wholeness_of_a_text(text, whole):
    assert is_encodable(text) is whole


# server-sent events --------------------------------------------------------------------------

EVENTS = b'event: update\nid: 1\ndata: {"a":1}\n\n: heartbeat\n\nid: 2\ndata: x\ndata: y\n\n'


@pytest.mark.parametrize("chunks", [[EVENTS], one_by_one(EVENTS)])
def test_frames_are_read_whatever_the_chunks(chunks):
    assert list(sse_frames(chunks)) == [
        ("update", '{"a":1}', "1"),
        ("message", "x\ny", "2"),
    ]


def test_frame_that_was_cut_is_left_out():
    assert list(sse_frames([EVENTS, b"data: half"])) == list(sse_frames([EVENTS]))


def test_frames_with_carriage_returns():
    assert list(sse_frames([b"data: x\r\n\r\n"])) == [("message", "x", "")]


# superjson -----------------------------------------------------------------------------------


def test_superjson_is_its_value():
    value = {"json": {"d": "2026-01-01T00:00:00.000Z"}, "meta": {"values": {"d": ["Date"]}}}

    assert superjson(value) == {"d": "2026-01-01T00:00:00.000Z"}


def test_undefined_is_a_missing_key():
    value = {
        "json": {"a": None, "list": [{"b": None, "c": None}], "x.y": None},
        "meta": {
            "values": {
                "a": ["undefined"],
                "list.0.b": ["undefined"],
                "x\\.y": ["undefined"],
                "nowhere.at.all": ["undefined"],
                "list.9.b": ["undefined"],
                "list.².b": ["undefined"],
            }
        },
    }

    assert superjson(value) == {"list": [{"c": None}]}


@each("meta", [None, {}, {"values": None}, {"values": []}, "odd", 5])
def test_odd_marks_are_passed_over(meta):
    assert superjson({"json": [1], "meta": meta}) == [1]


@each("value", [None, [], {}, "x", {"meta": {}}])
def test_what_is_no_superjson_is_refused(value):
    with pytest.raises(ProtocolError) as caught:
        superjson(value)

    assert caught.value.field == "json"


# devalue -------------------------------------------------------------------------------------


@each(
    ("table", "value"),
    [
        ([{"a": 1}, "x"], {"a": "x"}),
        ([[1, 2], "x", 5], ["x", 5]),
        ([{"a": -1}], {"a": None}),
        ([["Date", "2026-01-01T00:00:00.000Z"]], "2026-01-01T00:00:00.000Z"),
        ([["Set", 1, 2], "x", "y"], ["x", "y"]),
        ([["Map", 1, 2], "k", "v"], {"k": "v"}),
        ([["null", "k", 1], "v"], {"k": "v"}),
        ([["BigInt", "5"]], "5"),
        ([["Object", 5]], 5),
        ([["Error", 1], {"message": 2}, "no"], {"message": "no"}),
        ([[1, -2, 1], "x"], ["x", None, "x"]),
        ([{"a": -4, "b": -5}], {"a": float("inf"), "b": float("-inf")}),
        ([5], 5),
        ([None], None),
    ],
)
def test_table_is_its_value(table, value):
    assert devalue(table) == value


def test_cycle_ends():
    value = devalue([{"self": 0}])

    assert value["self"] is value


@each(
    "table",
    [[], [{"a": 9}], [{"a": -7}], [{"a": "x"}], [{"a": None}], [{"a": 1.5}], [{"a": True}]],
)
def test_index_that_points_nowhere_is_refused(table):
    with pytest.raises(ProtocolError):
        devalue(table)


@pytest.mark.parametrize("table", [{}, "x", 5, None])
def test_what_is_no_table_was_no_error_of_ours(table):
    body = json.dumps({"type": "data", "nodes": [{"type": "data", "data": table}]}).encode()

    with pytest.raises(ProtocolError):
        sveltekit_nodes(body)


@pytest.mark.parametrize(
    "table", [[[index + 1] for index in range(50_000)] + [1], [["Set", 0]], [["Map", 0, 0]]]
)
def test_table_without_a_bottom_was_no_error_of_ours(table):
    with pytest.raises(ProtocolError):
        devalue(table)


def test_map_with_keys_that_are_no_keys_was_no_error_of_ours():
    with pytest.raises(ProtocolError):
        devalue([["Map", 1, 2], [2], "v"])


def test_nodes_of_a_page():
    body = json.dumps(
        {
            "type": "data",
            "nodes": [
                None,
                {"type": "skip"},
                {"type": "data", "data": [{"a": 1}, "x"]},
                {"type": "error", "error": {"message": "no"}, "status": 404},
            ],
        }
    ).encode()

    assert sveltekit_nodes(body + b'\n{"type":"chunk"}\n') == [
        None,
        None,
        {"a": "x"},
        {"type": "error", "error": {"message": "no"}, "status": 404},
    ]


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"nodes": 5}', b'{"nodes": null}'])
def test_body_without_nodes_is_refused(body):
    with pytest.raises(ProtocolError, match="page data"):
        sveltekit_nodes(body)


def test_node_without_data_is_refused():
    with pytest.raises(ProtocolError):
        sveltekit_nodes(b'{"nodes": [{"type": "data"}]}')
