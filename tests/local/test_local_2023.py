"""The server of October 2023, compared with the recordings."""

from __future__ import annotations

import threading
import time

import pytest
from eras import OctoberServer
from local_talk import Talk2023, until
from local_wire import (
    RECORDINGS,
    one_line_each,
    recorded_lines,
    recording,
    updates,
)
from replay import differences, replay
from sampling import each

from hugchat_sync.local.testing import Script, Scripted

_ERA = "lines-2023"
_STREAMS = ("lc01", "lc03", "ld", "lf0", "lf12", "lf14", "lg18")
_DIFFERENT = {
    "lb20-create-unknown-share",  # compared below with a share id that is ours to replace
    "lh21-share-data-unknown",
}
NAMES = sorted(
    path.stem
    for path in (RECORDINGS / "2023").glob("*.json")
    if not path.stem.startswith(_STREAMS) and path.stem not in _DIFFERENT
)
_PREPARED = ("lh1", "lh2", "lh3", "lg2")


@pytest.fixture(scope="module")
def server():
    with OctoberServer(responder=Scripted(["Hello", ","], title="T")) as running:
        yield running


@each("name", NAMES)
def test_reply_is_the_recorded_one(server, name):
    record = recording("2023", name)
    talk = Talk2023(server, cookie=f"session-of-{name}")
    talk.create("local/documents")
    if name in ("lb37-foreign-conversation-data", "lh10-rename-foreign", "lh32-delete-foreign"):
        talk.cookie = "another"
    if name == "lc36-foreign-conversation":
        talk.cookie = "another"
    reply = replay(talk, record)
    assert differences(talk, record, reply) == []


def test_recordings_are_there():
    assert len(NAMES) > 110


def script_of(lines):
    tokens = [line["token"] for line in lines if line["type"] == "stream"]
    finals = [line["text"] for line in lines if line["type"] == "finalAnswer"]
    return Script(tokens=tokens, final=finals[0] if finals else None, no_final=not finals)


@pytest.mark.parametrize(
    "name",
    [
        "lc01-plain",
        "lc03-second",
        "ld01-unicode",
        "ld22-upstream-cut-first",
        "ld23-upstream-cut-middle",
    ],
)
def test_lines_are_the_recorded_ones_and_the_answer_stays_open(serve, name):
    then = recorded_lines(recording("2023", name))
    talk = serve(_ERA, responder=Scripted(script_of(then)))
    talk.create()
    reply = talk.line(stop_at=None, timeout=0.3)
    assert updates(reply) == then
    assert (reply.status, reply.framing, reply.ended) == (200, "chunked", "open")
    assert "content-type" not in reply.headers and "set-cookie" in reply.headers
    assert one_line_each(reply)


def test_limit_of_tokens_hides_the_last_one(serve):
    then = recorded_lines(recording("2023", "ld04-length"))
    script = Script([" Hello", ",", " world"], final=" Hello, world.")
    talk = serve(_ERA, responder=Scripted(script))
    talk.create()
    assert updates(talk.line()) == then


def test_an_answer_of_one_event_takes_the_place_of_the_prompt(serve):
    then = recorded_lines(recording("2023", "ld05-one-token-length"))
    talk = serve(_ERA, responder=Scripted(Script([], final=" Hello")))
    talk.create()
    assert updates(talk.line()) == then
    (message,) = talk.page()["messages"]
    assert (message["from"], message["content"]) == ("user", " Hello")


def test_an_empty_answer_is_silence_for_ever(serve):
    then = recorded_lines(recording("2023", "ld07-empty"))
    talk = serve(_ERA, responder=Scripted(Script([])))
    talk.create()
    reply = talk.line(timeout=0.4)
    assert (updates(reply), reply.ended) == (then, "open")
    assert len(talk.page()["messages"]) == 1


@pytest.mark.parametrize(
    ("name", "status", "tokens", "ended"),
    [
        ("ld11-upstream-429", 429, [], "eof"),
        ("ld12-upstream-500", 500, [], "eof"),
        ("ld13-upstream-503", 503, [], "open"),
        ("ld17-upstream-error-event-first", None, [], "eof"),
        ("ld18-upstream-error-event-middle", None, [" Hello", ",", " world", "."], "eof"),
    ],
)
def test_trouble_of_the_model_cuts_the_connection_or_is_silent(serve, name, status, tokens, ended):
    record = recording("2023", name)
    then = recorded_lines(record)
    assert record["response"]["ended"] == {"open": "cut"}.get(ended, ended)
    script = Script(tokens, error="overloaded", error_status=status)
    talk = serve(_ERA, responder=Scripted(script, title="Trouble"))
    talk.create()
    reply = talk.line(timeout=0.35)
    assert updates(reply) == then
    assert (reply.status, reply.ended) == (200, ended)
    assert [message["from"] for message in talk.page()["messages"]] == ["user"]
    assert talk.page()["title"] == "\U0001f4ac Trouble"


# --- what is stored


def test_message_is_stored_with_the_recorded_keys(serve):
    talk = serve(_ERA, responder=Scripted([" Hello", "."]))
    talk.create()
    talk.line()
    until(lambda: talk.server.open_connections == 0)
    user, answer = talk.page()["messages"]
    assert list(user) == ["content", "from", "id", "createdAt", "updatedAt"]
    assert set(answer) == {
        "from",
        "content",
        "webSearch",
        "updates",
        "id",
        "createdAt",
        "updatedAt",
    }
    assert answer["content"] == " Hello." and answer["webSearch"] is None
    assert answer["updates"] == [
        {"type": "status", "status": "started"},
        {"type": "finalAnswer", "text": " Hello."},
    ]


def test_ids_retry_and_edit(serve):
    talk = serve(_ERA, responder=Scripted([" x"]))
    talk.create()
    first, answer, other = (f"a6a0f447-4471-4806-839f-88c98e01ad{n:02d}" for n in (1, 2, 3))
    talk.line("  One  \n", id=first, response_id=answer)
    talk.line("Two")
    talk.line("One again", id=first, is_retry=True)
    messages = talk.page()["messages"]
    assert [message["content"] for message in messages] == ["One again", " x"]
    assert "createdAt" not in messages[0] and messages[0]["id"] == first
    talk.line("Unknown", id=other, is_retry=True)
    talk.line("Third", id=talk.page()["messages"][-1]["id"], is_retry=True)
    kinds = [message["from"] for message in talk.page()["messages"]]
    assert kinds == ["user", "assistant", "user", "user", "assistant"]


def test_title_comes_before_the_first_byte_and_silently(serve):
    talk = serve(_ERA, responder=Scripted([" x"], title="Plain words", title_seconds=0.3))
    talk.create()
    assert talk.page()["title"] == "Untitled 1"
    reply = talk.line()
    assert reply.times[0] > 0.3
    assert talk.page()["title"] == "\U0001f4ac Plain words"
    assert not [line for line in updates(reply) if "title" in line]


def test_a_title_that_failed_is_tried_again(serve):
    talk = serve(_ERA, responder=Scripted([" x"]))
    talk.create()
    talk.line()
    assert talk.page()["title"] == "Untitled 1"


def test_final_answer_can_be_read_at_once_and_enters_updates_later(serve):
    talk = serve(_ERA, responder=Scripted([" Hello."], title="T"))
    talk.create()
    done = threading.Event()
    thread = threading.Thread(target=lambda: (talk.line(stop_at=None, timeout=0.6), done.set()))
    thread.start()
    until(lambda: len(talk.page()["messages"]) == 2)
    assert talk.page()["messages"][1]["content"] == " Hello."
    assert talk.page()["messages"][1]["updates"] == [{"type": "status", "status": "started"}]
    talk.call("PATCH", f"/conversation/{talk.id}", {"title": "Renamed by hand"})
    assert talk.page()["title"] == "Renamed by hand"
    thread.join()
    # The closed connection brings the old title back (lg06).
    until(lambda: len(talk.page()["messages"][1]["updates"]) == 2)
    assert talk.page()["title"] == "\U0001f4ac T"


def test_a_second_exchange_is_lost_when_the_first_connection_closes(serve):
    talk = serve(_ERA, responder=Scripted([" Hello."], title="T"))
    talk.create()
    thread = threading.Thread(target=lambda: talk.line("One", stop_at=None, timeout=0.5))
    thread.start()
    until(lambda: len(talk.page()["messages"]) == 2)
    talk.line("Two")
    assert len(talk.page()["messages"]) == 4
    thread.join()
    until(lambda: len(talk.page()["messages"]) == 2)
    assert [message["content"] for message in talk.page()["messages"]] == ["One", " Hello."]


def test_leaving_midway_stores_what_had_come(serve):
    talk = serve(_ERA, responder=Scripted(Script([f" {n}" for n in range(50)], delay=0.02)))
    talk.create()
    talk.line(stop_at=b" 5")
    message = until(lambda: len(talk.page()["messages"]) == 2 and talk.page()["messages"][1])
    assert message["content"].startswith("0 1 2 3 4 5") and " 20" not in message["content"]
    assert message["updates"] == [{"type": "status", "status": "started"}]


def test_leaving_before_the_first_token_stores_the_prompt_only(serve):
    talk = serve(_ERA, responder=Scripted(Script([" x"], head=3)))
    talk.create()
    talk.line(stop_at=b"started")
    until(lambda: talk.server.open_connections == 0)
    assert len(talk.page()["messages"]) == 1


def test_deleted_while_open_stays_deleted(serve):
    talk = serve(_ERA, responder=Scripted([" x"]))
    talk.create()
    thread = threading.Thread(target=lambda: talk.line(stop_at=None, timeout=0.5))
    thread.start()
    until(lambda: len(talk.page()["messages"]) == 2)
    talk.call("DELETE", f"/conversation/{talk.id}")
    thread.join()
    until(lambda: talk.server.open_connections == 0)
    path = f"/conversation/{talk.id}/__data.json?x-sveltekit-invalidated=_1"
    assert talk.call("GET", path).json()["nodes"][1]["status"] == 404


def test_stop_sends_a_final_answer_after_every_further_token(serve):
    then = [line["type"] for line in recorded_lines(recording("2023", "lg18-stopped"))]
    tokens = [" Hello", ",", *[f" {n}" for n in range(20)]]
    talk = serve(_ERA, responder=Scripted(Script(tokens, delay=0.03)))
    talk.create()
    found = []
    thread = threading.Thread(
        target=lambda: found.extend(updates(talk.line(stop_at=None, timeout=1.0)))
    )
    thread.start()
    time.sleep(0.3)
    assert talk.call("POST", f"/conversation/{talk.id}/stop-generating").status == 200
    thread.join()
    kinds = [line["type"] for line in found]
    first = kinds.index("finalAnswer")
    assert kinds[first - 1 :][:4] == then[then.index("finalAnswer") - 1 :][:4]
    assert found[first]["text"].startswith("Hello, 0 1")
    assert found[-1]["text"] == "".join(tokens)
    # A second stop within half a minute has no effect (lg35).
    again = threading.Thread(
        target=lambda: found.append(updates(talk.line("again", stop_at=None, timeout=0.9)))
    )
    again.start()
    time.sleep(0.3)
    talk.call("POST", f"/conversation/{talk.id}/stop-generating")
    again.join()
    assert [line["type"] for line in found[-1]].count("finalAnswer") == 1
