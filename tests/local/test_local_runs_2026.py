"""Trees, stops, leaving, attaching again, and what is stored when."""

from __future__ import annotations

import json
import threading
import time

from local_wire import recorded_text, recording, updates

from hugchat_sync.local.responder import Pause, ToolCall, ToolResult
from hugchat_sync.local.testing import Script, Scripted

_LONG = Script([f" {n}" for n in range(200)], delay=0.02)
_RUN = "9e30f209-8a12-42fa-ab37-2e887b08314a"


def stream(talk, query="", timeout=5.0):
    """Return the frames of the log as (id, event, data)."""
    reply = talk.call("GET", f"/conversation/{talk.id}/stream{query}", timeout=timeout)
    frames = []
    for block in reply.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if "event" in fields:
            number = int(fields["id"]) if "id" in fields else None
            frames.append((number, fields["event"], json.loads(fields["data"])))
    return frames


def in_background(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


# --- trees


def test_retry_and_edit_make_siblings(serve):
    """The tree of d07: children in the order of creation, new messages at the array's end."""
    talk = serve(responder=Scripted(["Hello"]))
    talk.create()
    talk.say("One")
    _, user, answer = talk.read()["messages"]
    assert talk.send({"id": answer["id"], "is_retry": True}).status == 200
    edited = talk.send({"id": user["id"], "is_retry": True, "inputs": "One edited"})
    assert edited.status == 200
    talk.send({"id": answer["id"], "is_retry": True, "inputs": "ignored"})
    root, first, _, second, other, fourth, fifth = talk.read()["messages"]
    assert root["children"] == [user["id"], other["id"]]
    assert first["children"] == [answer["id"], second["id"], fifth["id"]]
    assert other["content"] == "One edited" and other["children"] == [fourth["id"]]
    assert fifth["ancestors"] == [root["id"], user["id"]]


def test_deleting_a_message_takes_its_descendants_along(serve):
    talk = serve(responder=Scripted(["Hello"]))
    talk.create()
    talk.say()
    root, user, _ = talk.read()["messages"]
    path = f"/api/v2/conversations/{talk.id}/message/{user['id']}"
    assert talk.call("DELETE", path).json() == {"json": {"success": True}}
    assert talk.call("DELETE", path).json() == {"message": "Message not found"}
    assert [message["id"] for message in talk.read()["messages"]] == [root["id"]]
    assert talk.read()["messages"][0]["children"] == []


def test_the_branch_and_the_system_prompt_reach_the_responder(serve):
    answers = Scripted(["Hello"])
    talk = serve(responder=answers)
    talk.create(preprompt="Be brief")
    talk.say("One\r\nline")
    talk.say("Two", parent=talk.last()["id"])
    turn = answers.turns[-1]
    assert (turn.prompt, turn.system_prompt) == ("Two", "Be brief")
    assert [(said.role, said.text) for said in turn.history] == [
        ("user", "One\nline"),
        ("assistant", "Hello"),
    ]


# --- stop


def test_stop_ends_the_stream_with_what_there_is(serve):
    talk = serve(responder=Scripted(_LONG))
    talk.create()
    found = []
    thread = in_background(lambda: found.extend(talk.say()))
    time.sleep(0.3)
    began = time.monotonic()
    assert talk.call("POST", f"/conversation/{talk.id}/stop-generating").status == 200
    thread.join(2)
    assert time.monotonic() - began < 0.3
    final = next(line for line in found if line["type"] == "finalAnswer")
    assert final["interrupted"] is True and final["text"].startswith(" 0 1 2")
    assert found[-1] == {"type": "status", "status": "finished"}
    assert (talk.last()["interrupted"], talk.last()["content"]) == (True, final["text"])
    assert stream(talk)[-1] == (None, "end", {"status": "interrupted"})
    # The next message is not hit by it (k02).
    assert updates(talk.send({"inputs": "next", "id": talk.last()["id"]}, stop_at=b" 30"))


def test_a_stop_behind_the_answer_kept_the_processor_busy(serve):
    script = Script(["Hello"], after=[Pause(1.0)])
    talk = serve(responder=Scripted(script))
    talk.create()
    thread = in_background(talk.say)
    time.sleep(0.3)
    talk.call("POST", f"/conversation/{talk.id}/stop-generating")
    before = time.process_time()
    thread.join(3)

    assert time.process_time() - before < 0.4
    assert talk.last()["interrupted"] is False


def test_stop_before_the_first_token_gives_an_empty_text(serve):
    talk = serve(responder=Scripted(Script(["Hello"], head=5)))
    talk.create()
    found = []
    thread = in_background(lambda: found.extend(talk.say()))
    time.sleep(0.2)
    talk.call("POST", f"/conversation/{talk.id}/stop-generating", {"x": 1})
    thread.join(2)
    assert {"type": "finalAnswer", "text": "", "interrupted": True} in found


# --- leaving and attaching again


def test_leaving_does_not_end_the_run_and_stores_what_there_is(serve):
    talk = serve(responder=Scripted(Script([f" {n}" for n in range(30)], delay=0.02), title="T"))
    talk.create()
    talk.send({"inputs": "x", "id": talk.root, "generationId": _RUN}, stop_at=b" 5")
    half = talk.last()
    assert "interrupted" not in half and half["generationId"] == _RUN
    assert half["content"].startswith(" 0 1 2") and " 29" not in half["content"]
    log = stream(talk, f"?generationId={_RUN}")
    tokens = [data["token"] for _, _, data in log if data.get("type") == "stream"]
    whole = "".join(f" {n}" for n in range(30))
    assert "".join(tokens) == whole and whole.startswith(half["content"])
    assert log[-1] == (None, "end", {"status": "completed"})
    assert stream(talk, f"?generationId={_RUN}&fromSeq=3") == log[3:]
    assert talk.last()["content"] == whole and talk.last()["interrupted"] is False


def test_log_joins_tokens_and_numbers_without_gaps(serve):
    then = recorded_text(recording("2026", "w14-stream-of-that-id"))
    talk = serve(responder=Scripted(["Hello", ",", " world", "."], title="One"))
    talk.create()
    talk.say("One", generationId=_RUN)
    talk.say("Two", parent=talk.last()["id"], generationId=_RUN)
    # The second run with the same id has no log: the stream shows the first.
    reply = talk.call("GET", f"/conversation/{talk.id}/stream?generationId={_RUN}")
    assert reply.text == then
    assert reply.headers["content-type"] == "text/event-stream"
    assert reply.headers["cache-control"] == "no-cache, no-transform"


def test_log_begins_where_it_is_asked_to_and_nonsense_counts_as_zero(serve):
    talk = serve(responder=Scripted(["Hello"], title="T"))
    talk.create()
    talk.say()
    assert stream(talk, "?fromSeq=3")[0][0] == 4
    assert stream(talk, "?fromSeq=abc")[0][0] == 1
    assert stream(talk, "?fromSeq=99999") == [(None, "end", {"status": "completed"})]
    assert stream(talk, f"?generationId={_RUN}") == [(None, "end", {"status": "gone"})]


def test_log_of_a_failed_run_ends_with_error(serve):
    talk = serve(responder=Scripted(Script(["a"], error="402 no credits", error_status=402)))
    talk.create()
    lines = talk.say()
    assert lines[-1]["statusCode"] == 402
    frames = stream(talk)
    assert frames[-1] == (None, "end", {"status": "error"})
    assert "interrupted" not in talk.last() and talk.last()["content"] == "a"


def test_log_sends_heartbeats_in_silence(serve):
    talk = serve(responder=Scripted(Script(["a"], hang=True)))
    talk.create()
    talk.send(stop_at=b'"stream"')
    reply = talk.call("GET", f"/conversation/{talk.id}/stream", timeout=0.8)
    assert reply.text.count(": heartbeat") >= 1


def test_halves_in_two_log_events_are_lost_but_not_in_the_text(serve):
    script = Script(["a", "\ud83d", "\ude80"], delay=0.3)
    talk = serve(responder=Scripted(script))
    talk.create()
    talk.say()
    tokens = "".join(data.get("token", "") for _, _, data in stream(talk))
    assert tokens == "a\ufffd\ufffd"
    assert talk.last()["content"] == "a\U0001f680"


def test_history_is_stale_until_the_stream_ends(serve):
    talk = serve(responder=Scripted(Script(["Hello"]), title="T", title_seconds=0.6))
    talk.create()
    thread = in_background(talk.say)
    time.sleep(0.3)
    assert talk.last()["content"] == "" and talk.read()["title"] == "New Chat"
    assert "updates" not in talk.last()
    thread.join(2)
    assert talk.last()["content"] == "Hello" and talk.read()["title"] == "T"


def test_message_is_stored_when_finished_is_read(serve):
    talk = serve(responder=Scripted(["Hello"], title="T"))
    for _ in range(20):
        talk.create()
        talk.send(stop_at=b"finished")
        assert talk.last()["content"] == "Hello" and talk.last()["interrupted"] is False


def test_rename_during_a_run_is_undone(serve):
    talk = serve(responder=Scripted(Script(["a"] * 20, delay=0.03), title="From the run"))
    talk.create()
    thread = in_background(talk.say)
    time.sleep(0.2)
    talk.call("PATCH", f"/api/v2/conversations/{talk.id}", {"title": "My name"})
    assert talk.read()["title"] == "My name"
    thread.join(3)
    assert talk.read()["title"] == "From the run"


def test_the_later_of_two_runs_stores_the_first_answer_empty(serve):
    talk = serve(responder=Scripted(Script(["a"] * 20, delay=0.02)))
    talk.create()
    first = in_background(lambda: talk.say("First"))
    time.sleep(0.15)
    talk.say("Second")
    first.join(2)
    contents = [message["content"] for message in talk.read()["messages"]]
    assert contents == ["", "First", "", "Second", "a" * 20]


def test_deleted_while_running_stays_deleted(serve):
    talk = serve(responder=Scripted(Script(["a"] * 10, delay=0.03)))
    talk.create()
    found = []
    thread = in_background(lambda: found.extend(talk.say()))
    time.sleep(0.15)
    talk.call("DELETE", f"/api/v2/conversations/{talk.id}")
    thread.join(2)
    assert found[-1]["status"] == "finished"
    assert talk.call("GET", f"/api/v2/conversations/{talk.id}").status == 404


def test_text_with_tools_is_put_together(serve):
    call = ToolCall("add", {"a": 1})
    script = Script(
        ["<think>x</think>", "Sum"], before=[call, ToolResult(call.uuid, "2")], final="2."
    )
    talk = serve(responder=Scripted(script))
    talk.create()
    final = next(line for line in talk.say() if line["type"] == "finalAnswer")
    assert final["text"] == "2."
    assert talk.last()["content"] == "<think>x</think>Sum\n\n2."
