from __future__ import annotations

from itertools import chain

import pytest
from answers import body_of, comes_to, cuts_of, played
from exchanges import chunked, one_by_one
from sampling import each

from hugchat_sync.chat.answer import Answer, fold
from hugchat_sync.dialects import Logged, load_dialect
from hugchat_sync.errors import GenerationError, ProtocolError
from hugchat_sync.events import Status, Token

ERA = "v2-2025"
CONVERSATION = "6b02a3ec554756adfb4f3181"
RUN = "9e30f209-8a12-42fa-ab37-2e887b08314a"


def log(chunks: list[bytes], after: int = 0) -> list[Logged]:
    call = load_dialect(ERA).reattach(CONVERSATION, RUN, after)
    return list(chain.from_iterable(call.read(chunks)))


def test_request() -> None:
    request = load_dialect(ERA).reattach(CONVERSATION, RUN, 7).request
    assert (request.method, request.path) == ("GET", f"/conversation/{CONVERSATION}/stream")
    assert request.params == {"generationId": RUN, "fromSeq": "7"}
    assert request.headers["Accept"] == "text/event-stream, application/json"
    assert request.repeatable


#: (recording, steps with events, last position, end, text)
LOGS = [
    ("l03-stream-from-0", 28, 28, "completed"),
    ("l04-stream-after-end", 28, 28, "completed"),
    ("l05-stream-last-event-id", 18, 28, "completed"),
    ("l06-stream-past-the-end", 0, 0, "completed"),
    ("l07-stream-unknown-generation", 0, 0, "gone"),
    ("l08-stream-no-generation-id", 28, 28, "completed"),
    ("l09-stream-bad-fromseq", 28, 28, "completed"),
    ("l12-stream-no-run-yet", 0, 0, "gone"),
    ("l15-stream-from-materialized", 5, 23, "completed"),
    ("l19-stream-after-stop", 6, 6, "interrupted"),
    ("l23-stream-beside-post", 16, 16, "completed"),
    ("w42-stream-after-restart", 6, 6, "interrupted"),
    ("w48-stream-after-the-reaper", 6, 6, "interrupted"),
]


@each(("name", "steps", "position", "end"), LOGS)
def test_recorded_log(name: str, steps: int, position: int, end: str) -> None:
    found = log(chunked(ERA, name))
    assert found[-1] == Logged(position, (), end)
    assert sum(bool(step.events) for step in found) == steps
    assert [step.position for step in found[:-1]] == list(range(position - steps + 1, position + 1))


@each("name", [row[0] for row in LOGS] + ["v02-surrogates-apart-stream"])
def test_pieces_do_not_matter(name: str) -> None:
    body = body_of(ERA, name)
    assert log(one_by_one(body)) == log([body])


def test_cut_anywhere_gives_the_beginning() -> None:
    body = body_of(ERA, "v02-surrogates-apart-stream")
    whole = log([body])
    for offset in cuts_of(body):
        found = log([body[:offset]])
        assert found == whole[: len(found)]
        frames = body[: body[:offset].rfind(b"\n\n") + 2]
        assert comes_to([event for step in found for event in step.events], frames), offset


def test_log_tells_the_same_as_the_answer() -> None:
    for kind in (1, 2):
        answer = played(ERA, chunked(ERA, f"l21-sse-kind-{kind}-post")).answer
        replayed = Answer()
        for step in log(chunked(ERA, f"l21-sse-kind-{kind}-stream")):
            for event in step.events:
                fold(replayed, event)
        assert replayed.text == answer.text
        assert replayed.streamed == answer.streamed
        assert replayed.tool_calls == answer.tool_calls
        assert replayed.title == answer.title
        assert replayed.finished


def test_line_ends_of_other_alphabets_are_text() -> None:
    steps = log(chunked(ERA, "v02-surrogates-apart-stream"))
    events = [event for step in steps for event in step.events]
    assert Token(" a\u2028b") in events
    assert Token("c\x85d") in events


def test_heartbeats_are_no_events() -> None:
    assert b": heartbeat" in body_of(ERA, "w16-sse-heartbeats")
    found = log(chunked(ERA, "w16-sse-heartbeats"))
    assert found[-1].end == "completed"
    assert found[-2].events == (Status("finished"),)


def test_failed_run_raises_what_its_answer_raised() -> None:
    with pytest.raises(GenerationError, match="500 mock upstream says 500"):
        log(chunked(ERA, "l21-sse-kind-3-stream"))


def test_what_came_before_a_failure_is_not_lost() -> None:
    body = (
        b'id: 1\nevent: update\ndata: {"type":"stream","token":"a <t"}\n\n'
        b'id: 2\nevent: update\ndata: {"type":"status","status":"error","message":"no"}\n\n'
    )
    found = []
    with pytest.raises(GenerationError):
        for steps in load_dialect(ERA).reattach(CONVERSATION, RUN).read([body]):
            found.extend(steps)
    assert found == [Logged(1, (Token("a "),)), Logged(2, (Token("<t"),))]


def test_log_that_just_ends() -> None:
    body = b'id: 4\nevent: update\ndata: {"type":"stream","token":"a"}\n\n'
    assert log([body], after=3) == [Logged(4, (Token("a"),))]


def test_log_of_a_run_that_was_killed_has_no_end() -> None:
    found = log(chunked(ERA, "w45-stream-after-kill"))
    assert (len(found), found[-1].position, found[-1].end) == (6, 6, "")


def test_frame_that_is_no_update() -> None:
    with pytest.raises(ProtocolError):
        log([b"event: update\ndata: nonsense\n\n"])
    with pytest.raises(ProtocolError, match="status"):
        log([b"event: end\ndata: {}\n\n"])
    assert log([b"event: sync\ndata: {}\n\n"]) == []
