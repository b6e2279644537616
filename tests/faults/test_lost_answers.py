"""What is missing after a lost connection comes once, in order, and as soon as it is known."""

from __future__ import annotations

import json
import re
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Callable, Iterator

import pytest
from eras.arena import Arena
from eras.gate import LOG, MESSAGE, STORED, Asked, Gate, Reply, lines, log
from eras.playing import Play

from hugchat_sync import (
    Client,
    GenerationError,
    IncompleteAnswer,
    Retry,
    TimedOut,
    Timeout,
    Unavailable,
)
from hugchat_sync.events import (
    FileCreated,
    FinalAnswer,
    Reasoning,
    TitleChanged,
    Token,
    ToolCall,
    ToolResult,
)
from hugchat_sync.local import LocalServer
from hugchat_sync.local.responder import FileMade, Text
from hugchat_sync.local.responder import ToolCall as Called
from hugchat_sync.local.responder import ToolResult as Answered
from hugchat_sync.local.testing import Script, Scripted

CALL = Called("look", {"q": "x"}, uuid="11111111-2222-4333-8444-555555555555")
QUICK = Retry(tries=3, first_delay=0.01, longest_delay=0.02)
NO_LOG = Reply(404, pieces=(b'{"message":"Not found"}',), is_chunked=False)
PAGE = Reply(504, "text/html", (b"<html><body>Gateway Time-out</body></html>",), is_chunked=False)
STARTED = {"type": "status", "status": "started"}
FINISHED = {"type": "status", "status": "finished"}
GENERATION = re.compile(rb'"generationId": ?"([^"]+)"')


def token(text: str) -> dict[str, Any]:
    return {"type": "stream", "token": text}


def final(text: str, interrupted: bool = False) -> dict[str, Any]:
    return {"type": "finalAnswer", "text": text, "interrupted": interrupted}


@pytest.fixture
def begin() -> Iterator[Callable[..., tuple[Client, Gate]]]:
    """Return a function that gives a client and the gate before its server of today."""
    with ExitStack() as stack:

        def made(*scripts: Any, title: str | None = None, **options: Any) -> tuple[Client, Gate]:
            server = stack.enter_context(LocalServer(responder=Scripted(*scripts, title=title)))
            gate = stack.enter_context(Gate(server.url))
            chosen = {"dialect": "v2-2025", "retries": QUICK, **options}
            client = Client(gate.url, cookies={"hf-chat": "somebody"}, **chosen)
            stack.enter_context(client)
            client.create_conversation("omni", "")
            return client, gate

        yield made


def cut_at(*texts: bytes) -> Callable[[Asked], Reply]:
    """Let the server do its work, and break its answer off just before the first of *texts*."""

    def answer(asked: Asked) -> Reply:
        reply = asked.onward()
        body = reply.body
        return Reply(reply.status, reply.kind, (body,)).cut(min(map(body.index, texts)))

    return answer


def texts(events: list[Any], kind: type = Token) -> str:
    return "".join(event.text for event in events if type(event) is kind)


def of_kind(events: list[Any], *kinds: type) -> list[Any]:
    return [event for event in events if type(event) in kinds]


def changed(change: Callable[[dict[str, Any]], None]) -> Callable[[Asked], Reply]:
    """Change the newest answer in a stored conversation."""

    def answer(asked: Asked) -> Reply:
        reply = asked.onward()
        value = reply.json()
        newest = value["json"]["messages"][-1]
        if newest["from"] == "assistant":
            change(newest)
        return replace(reply, pieces=(json.dumps(value).encode(),))

    return answer


# from the stored conversation --------------------------------------------------------------------

EVENTFUL = Script(
    tokens=["The ", "text", "."],
    before=[CALL, Answered(CALL.uuid, "out"), FileMade("a.txt", "text/plain", b"made")],
)
CUTS = {
    "before anything": b'{"type":"status","status":"started"}',
    "before the call": b'{"type":"tool","subtype":"call"',
    "before the result": b'{"type":"tool","subtype":"result"',
    "before the file": b'{"type":"file"',
    "before the final answer": b'{"type":"finalAnswer"',
}


@pytest.mark.parametrize("place", CUTS)
def test_events_kept_with_a_stored_answer_come_once(begin, place):
    client, gate = begin(EVENTFUL, title="Named")
    gate.on(MESSAGE, cut_at(CUTS[place]))
    gate.on(LOG, NO_LOG)

    message = client.chat("hi")
    events = list(message)

    called, answered = of_kind(events, ToolCall, ToolResult)
    assert (called.name, called.uuid, answered.uuid) == ("look", CALL.uuid, CALL.uuid)
    assert [file.name for file in of_kind(events, FileCreated)] == ["a.txt"]
    assert [event.title for event in of_kind(events, TitleChanged)] == ["Named"]
    assert texts(events) == message.text() == "The text."
    assert len(of_kind(events, FinalAnswer)) == 1
    assert [file.name for file in message.files] == ["a.txt"]
    assert gate.count(MESSAGE) == 1


@pytest.mark.parametrize("cut", [b'{"type":"status","status":"started"}', b'{"type":"finalAnswer"'])
def test_pieces_kept_with_a_stored_answer_do_not_double_its_text(begin, cut):
    client, gate = begin(["The ", "text", "."])
    gate.on(MESSAGE, cut_at(cut))
    gate.on(LOG, NO_LOG)

    def keep_text(newest: dict[str, Any]) -> None:
        pieces = iter(["The ", "text", "."])
        for line in newest["updates"]:
            if line["type"] == "stream":
                line["token"] = next(pieces)

    gate.on(STORED, changed(keep_text))

    message = client.chat("hi")

    assert texts(list(message)) == message.text() == "The text."


def test_kept_line_in_another_shape_is_passed_over(begin):
    client, gate = begin(EVENTFUL)
    gate.on(MESSAGE, cut_at(b'{"type":"tool","subtype":"call"'))
    gate.on(LOG, NO_LOG)

    def spoil(newest: dict[str, Any]) -> None:
        newest["updates"].insert(0, {"type": "title", "title": ["kept", "otherwise"]})
        newest["updates"].insert(1, {"type": "finalAnswer", "text": 5})

    gate.on(STORED, changed(spoil))

    message = client.chat("hi")
    events = list(message)

    assert [type(event) for event in of_kind(events, ToolCall, ToolResult)] == [
        ToolCall,
        ToolResult,
    ]
    assert message.text() == "The text."


def test_stored_answer_of_a_run_that_was_stopped_meanwhile_is_interrupted(begin):
    client, gate = begin(["The ", "text", "."])
    gate.on(MESSAGE, cut_at(b'{"type":"finalAnswer"'))
    gate.on(LOG, NO_LOG)
    gate.on(STORED, changed(lambda newest: newest.update(interrupted=True)))

    message = client.chat("hi")

    assert message.text() == "The text."
    assert message.interrupted
    assert of_kind(list(message), FinalAnswer) == [FinalAnswer("The text.", True)]


@pytest.mark.parametrize("reply", [NO_LOG, log(end="gone")])
def test_shorter_text_that_a_dead_server_had_stored_took_the_place_of_what_had_come(begin, reply):
    client, gate = begin(["The ", "text", "."])
    gate.on(MESSAGE, cut_at(b'{"type":"finalAnswer"'))
    gate.on(LOG, reply)
    gate.on(STORED, changed(lambda newest: newest.update(interrupted=True, content="The ")))

    message = client.chat("hi")

    with pytest.raises(IncompleteAnswer) as caught:
        message.text()
    assert caught.value.partial == "The text."


def test_pauses_between_two_looks_grow(begin):
    client, gate = begin(["The ", "text", "."])
    gate.on(MESSAGE, cut_at(b'{"type":"finalAnswer"'))
    gate.on(LOG, NO_LOG)
    moments: list[float] = []

    def unfinished(newest: dict[str, Any]) -> None:
        if newest["content"]:
            moments.append(time.monotonic())
        if len(moments) < 4:
            del newest["interrupted"]
            newest["updates"] = [line for line in newest["updates"] if line["type"] == "stream"]

    gate.on(STORED, changed(unfinished))

    assert client.ask("hi") == "The text."
    pauses = [later - before for before, later in zip(moments, moments[1:])]
    assert len(pauses) >= 3
    assert pauses[0] > 0.2
    assert pauses[2] > 2 * pauses[0]


@pytest.mark.parametrize("seconds", [0.3, 2.5])
def test_message_that_the_server_stores_late_is_not_sent_again(begin, seconds):
    client, gate = begin(["The ", "text", "."])
    late: list[threading.Thread] = []

    def held_up(asked: Asked) -> Reply | None:
        def deliver() -> None:
            time.sleep(seconds)
            asked.onward().body  # noqa: B018

        if late:
            return None
        late.append(threading.Thread(target=deliver))
        late[0].start()
        return PAGE

    gate.on(MESSAGE, held_up)

    assert client.ask("hi") == "The text."
    late[0].join(10)
    assert gate.count(MESSAGE) == 1
    assert [entry.text for entry in client.history()] == ["hi", "The text."]


@pytest.mark.usefixtures("hurried")
def test_answer_that_an_older_server_stores_late_is_found():
    pages = r"GET /chat/conversation/[0-9a-f]{24}/__data.json$"
    before: list[Reply] = []
    looks: list[int] = []

    def cut(asked: Asked) -> Reply:
        reply, body = asked.onward(), b""
        for piece in reply.pieces:  # this server holds the connection open for a while
            body += piece
            if b'{"type":"finalAnswer"' in body:
                break
        whole = Reply(200, reply.kind, (body,))
        return whole.cut(body.index(b'{"type":"finalAnswer"'))

    def page(asked: Asked) -> Reply:
        reply = asked.onward()
        if not gate.count(MESSAGE):
            before.append(reply)
            return reply
        looks.append(asked.number)
        return before[-1] if len(looks) < 3 else reply

    with Arena("lines-2023", Play(tokens=("The ", "text", "."))) as arena, Gate(arena.url) as gate:
        gate.on(pages, page)
        gate.on(MESSAGE, cut)
        with Client(gate.url, dialect="lines-2023", retries=QUICK) as client:
            client.create_conversation()
            client.conversation()

            assert client.ask("hi").strip() == "The text."
        assert len(looks) >= 3
        assert gate.count(MESSAGE) == 1


# sent again --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("hurried")
def test_message_sent_again_has_a_generation_of_its_own(begin):
    client, gate = begin(["The ", "text", "."])
    sent: list[bytes] = []

    def lost_at_first(asked: Asked) -> Reply | None:
        sent.extend(GENERATION.findall(asked.body))
        refused = Reply(503, pieces=(b'{"message":"no"}',), is_chunked=False)
        return refused if asked.number == 0 else None

    gate.on(MESSAGE, lost_at_first)

    assert client.ask("hi") == "The text."
    assert len(sent) == len(set(sent)) == 2


def test_first_trouble_is_told_when_the_server_cannot_be_asked_about_a_message(begin):
    client, gate = begin(["The ", "text", "."])

    def gone_afterwards(asked: Asked) -> Reply:
        gate.on(STORED, Reply(500, pieces=(b'{"message":"broken"}',), is_chunked=False))
        return PAGE

    gate.on(MESSAGE, gone_afterwards)

    with pytest.raises(Unavailable) as caught:
        client.ask("hi")
    assert caught.value.status == 504
    assert gate.count(MESSAGE) == 1


def test_first_refusal_is_told_when_both_forms_of_a_body_are_refused():
    kinds: list[str] = []

    def refused(asked: Asked) -> Reply | None:
        kinds.append(asked.headers["content-type"].partition(";")[0])
        if asked.number > 1:
            return None
        said = json.dumps({"message": f"refusal {asked.number}"}).encode()
        return Reply(500, pieces=(said,), is_chunked=False)

    with ExitStack() as stack:
        arena = stack.enter_context(Arena("tree-2024 of December", Play(tokens=("The text.",))))
        gate = stack.enter_context(Gate(arena.url))
        client = stack.enter_context(Client(gate.url, dialect="tree-2024"))
        client.ask("before")
        gate.on(MESSAGE, refused)

        with pytest.raises(Unavailable, match="refusal 0"):
            client.ask("both")
        assert client.ask("after") == "The text."

    assert kinds[0] != kinds[1]
    assert kinds[2:] == kinds[:1]


# from the log ------------------------------------------------------------------------------------


def test_body_that_ends_in_the_middle_of_a_tag_is_completed_from_the_log(begin):
    client, gate = begin()
    gate.on(MESSAGE, lines(STARTED, token("Hello"), token(" <thi")))  # ends like a whole one
    told = (token("Hello <think>why"), token("</think>world"))
    whole = "Hello <think>why</think>world"
    gate.on(LOG, log(STARTED, *told, final(whole), FINISHED))

    message = client.chat("hi")
    events = list(message)

    assert texts(events) == message.text() == "Hello world"
    assert texts(events, Reasoning) == message.reasoning == "why"


def test_what_the_log_brings_is_handed_out_as_it_comes(begin):
    client, gate = begin()
    gate.on(MESSAGE, lines(STARTED, token("One "), is_whole=False))
    taken = threading.Event()

    def slowly(asked: Asked) -> Reply:
        first = log(STARTED, token("One two "), token("three "), end=None)
        second = log(token("four"), final("One two three four"), FINISHED, first=4)

        def pieces() -> Iterator[bytes]:
            yield from first.pieces
            assert taken.wait(20)
            yield from second.pieces

        return replace(second, pieces=pieces())

    gate.on(LOG, slowly)

    read = []
    for piece in client.chat("hi").tokens():
        read.append(piece)
        if piece == "three ":
            taken.set()  # before that the server says no more

    assert taken.is_set()
    assert "".join(read) == "One two three four"


@pytest.mark.parametrize(
    ("whole", "pieces"),
    [
        ("a \U0001f600 b \U0001f680 c", ["a \ufffd", "\ufffd b \ufffd", "\ufffd c"]),
        ("a \U0001f600\U0001f680 c", ["a \ufffd", "\ufffd\ufffd", "\ufffd c"]),
        # the bytes of these two letters look like a lost one, at an odd place
        ("\ufdfd\xff \U0001f600 c", ["\ufdfd\xff ", "\ufffd", "\ufffd c"]),
        ("\U0001f600 \ufdfd\xff c", ["\ufffd", "\ufffd \ufdfd\xff", " c"]),
    ],
)
def test_halves_of_characters_that_a_log_lost_are_mended(begin, whole, pieces):
    client, gate = begin()
    gate.on(MESSAGE, lines(STARTED, is_whole=False))
    gate.on(LOG, log(STARTED, *map(token, pieces), final(whole), FINISHED))

    message = client.chat("hi")

    assert texts(list(message)) == message.text() == whole


def test_halves_that_a_log_lost_are_mended_behind_a_tool_too(begin):
    client, gate = begin()
    called = {"type": "tool", "subtype": "call", "uuid": CALL.uuid, "call": {"name": "look"}}
    # the bytes of the first two letters look like a lost one, at an odd place; the final answer
    # is that of the last round only
    before, after = [token("\ufdfd\xff. ")], [token("a \ufffd"), token("\ufffd c")]
    gate.on(MESSAGE, lines(STARTED, is_whole=False))
    gate.on(LOG, log(STARTED, *before, called, *after, final("a \U0001f600 c"), FINISHED))

    assert texts(list(client.chat("hi"))) == "\ufdfd\xff. a \U0001f600 c"


def test_stored_text_and_the_rest_of_a_log_that_lost_halves_come_once(begin):
    client, gate = begin(timeout=Timeout(progress=0.5))
    gate.on(MESSAGE, cut_at(b'{"type":"stream"'))
    begins = log(STARTED, token("One \ufffd"), token("\ufffd two"), end=None)
    gate.on(LOG, lambda asked: log(end=None) if asked.number else begins)

    def leave_running(newest: dict[str, Any]) -> None:
        newest.pop("interrupted", None)
        newest["content"] = "One \U0001f600"
        newest["updates"] = []

    gate.on(STORED, changed(leave_running))

    message = client.chat("hi")
    with pytest.raises((IncompleteAnswer, TimedOut)) as caught:
        message.text()

    assert caught.value.partial == "One \U0001f600 two"


def test_nonsense_in_a_log_lets_nothing_go_that_was_held_back(begin):
    client, gate = begin()
    gate.on(MESSAGE, lines(STARTED, is_whole=False))

    def nonsense_at_first(asked: Asked) -> Reply:
        if asked.number == 0:
            held = log(STARTED, token("Hello <thi"), end=None)
            spoiled = b"id: 3\nevent: update\ndata: {no json\n\n"
            return replace(held, pieces=(*held.pieces, spoiled), is_whole=True)
        assert asked.query["fromSeq"] == "2"
        whole = "Hello <think>why</think>world"
        return log(token("nk>why</think>world"), final(whole), FINISHED, first=3)

    gate.on(LOG, nonsense_at_first)

    message = client.chat("hi")
    events = list(message)

    assert texts(events) == message.text() == "Hello world"
    assert texts(events, Reasoning) == "why"


def test_log_that_breaks_ten_times_each_time_after_news_is_read_to_its_end(begin):
    client, gate = begin()
    gate.on(MESSAGE, lines(STARTED, is_whole=False))
    pieces = [f"{number} " for number in range(10)]
    values = [STARTED, *map(token, pieces), final("".join(pieces).rstrip()), FINISHED]

    def one_more(asked: Asked) -> Reply:
        after = int(asked.query["fromSeq"])
        if after == len(values):
            return log()
        return log(values[after], end=None, first=after + 1)

    gate.on(LOG, one_more)

    assert client.ask("hi") == "0 1 2 3 4 5 6 7 8 9"
    assert gate.count(LOG) > 10


def test_log_that_breaks_without_news_is_given_up(begin):
    client, gate = begin(["never asked"])
    gate.on(MESSAGE, lines(STARTED, token("half"), is_whole=False))
    gate.on(LOG, log(end=None))
    gate.on(STORED, lambda asked: asked.onward() if not gate.count(MESSAGE) else NO_LOG)

    with pytest.raises(IncompleteAnswer) as caught:
        client.ask("hi")
    assert caught.value.partial == "half"
    assert 1 <= gate.count(LOG) <= QUICK.tries


# text and thinking -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pieces",
    [
        ["One\n\n", "<think>why</think>", "\n\ntwo"],
        ["One ", "<think>", "why", "</think> ", "two"],
        ["One", "<think>why</think>", " ", "two"],
        ["One\n\n<think>why</think>\n\ntwo"],
    ],
)
def test_blanks_between_text_thinking_and_text_stay(begin, pieces):
    client, gate = begin()
    whole = "".join(pieces)
    gate.on(MESSAGE, lines(STARTED, *map(token, pieces), final(whole), FINISHED))

    message = client.chat("hi")
    events = list(message)

    assert texts(events) == message.text() == whole.replace("<think>why</think>", "")
    assert texts(events, Reasoning) == message.reasoning == "why"


def test_lone_half_of_a_character_stays_before_what_follows_it(begin):
    client, gate = begin()
    pieces = ["a", "\ud83d", "then whole", "\ud83d", "\ude00", "end"]
    whole = "a\ufffdthen whole\U0001f600end"
    gate.on(MESSAGE, lines(STARTED, *map(token, pieces), final(whole), FINISHED))

    message = client.chat("hi")

    assert texts(list(message)) == message.text() == whole


def test_error_line_behind_text_keeps_the_text(begin):
    client, gate = begin(Script(before=[Text("half")], error="out of memory"))

    message = client.chat("hi")

    with pytest.raises(GenerationError) as caught:
        message.text()
    assert caught.value.partial == "half"
    assert gate.count(LOG) == 0


@pytest.mark.parametrize("value", ["[" * 900 + "]" * 900, '[{"url":' * 400 + "1" + "}]" * 400])
def test_result_of_a_tool_that_is_nested_very_deep_spoils_nothing(begin, value):
    client, gate = begin()
    called = {"type": "tool", "subtype": "call", "uuid": CALL.uuid, "call": {"name": "search"}}
    result = '{"type":"tool","subtype":"result","uuid":"%s","result":{"status":"success",'
    output = '"outputs":[{"text":"x","structured":%s}]}}'
    deep = (result % CALL.uuid + output % value).encode() + b"\n"
    before, after = lines(STARTED, called), lines(token("text"), final("text"), FINISHED)
    gate.on(MESSAGE, replace(before, pieces=(*before.pieces, deep, *after.pieces)))

    message = client.chat("hi", web_search="Web Search (documents)")

    assert message.text() == texts(list(message)) == "text"
    assert message.sources == ()
