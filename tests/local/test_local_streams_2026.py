"""Today's answer streams, compared line by line with the recordings."""

from __future__ import annotations

import json

import pytest
from local_talk import until
from local_wire import (
    BLANKS,
    KEEP_ALIVE,
    one_line_each,
    recorded_lines,
    recorded_text,
    recording,
    updates,
    without_keep_alives,
)

from hugchat_sync.local.responder import (
    Question,
    Route,
    ToolCall,
    ToolError,
    ToolProgress,
    ToolResult,
)
from hugchat_sync.local.testing import Script, Scripted

_STARTED = b'{"type":"status","status":"started"}\n'
_NAMES = [
    "c01-plain",
    "c06-unicode",
    "c07-think",
    "c08-thinktag",
    "c09-length",
    "c10-nofinish",
    "c11-empty",
    "c12-upstream-429",
    "c14-upstream-402",
    "c15-upstream-error-in-stream",
    "c16-upstream-reset",
    "c17-upstream-cut",
    "c18-slow-head",
    "c24-trailing-space",
    "c32-late-title",
    "c33-title-think",
]


def of_type(lines, *names):
    return [line for line in lines if line["type"] in names]


def script_of(lines):
    """Return the script that makes these lines, and the title."""
    tokens = [line["token"].rstrip("\0") or "\0" for line in of_type(lines, "stream")]
    finals = of_type(lines, "finalAnswer")
    errors = [line for line in of_type(lines, "status") if line["status"] == "error"]
    titles = [line["title"] for line in of_type(lines, "title")]
    script = Script(
        tokens=tokens,
        final=finals[0]["text"] if finals else None,
        no_final=not finals,
        error=errors[0]["message"] if errors else None,
        error_status=errors[0].get("statusCode") if errors else None,
    )
    return script, titles[0] if titles else None


@pytest.mark.parametrize("name", _NAMES)
def test_lines_and_framing_are_the_recorded_ones(serve, name):
    record = recording("2026", name)
    then = recorded_lines(record)
    script, title = script_of(then)
    kinds = [line["type"] for line in then]
    late = "finalAnswer" in kinds and kinds.index("title") > kinds.index("finalAnswer")
    talk = serve(responder=Scripted(script, title=title, title_seconds=0.3 if late else 0))
    talk.create()
    reply = talk.send()
    assert (reply.status, reply.framing, reply.ended) == (200, "chunked", "complete")
    assert reply.headers["content-type"] == "application/jsonl"
    assert "set-cookie" in reply.headers
    assert without_keep_alives(updates(reply)) == then
    assert one_line_each(reply)
    assert (BLANKS in reply.chunks) == (" " * 4096 in recorded_text(record))
    assert reply.chunks[:2] == [_STARTED, json.dumps(KEEP_ALIVE).replace(" ", "").encode() + b"\n"]


def test_text_is_written_byte_for_byte(serve):
    """U+2028 stands raw inside a line, halves of a character are escapes."""
    record = recording("2026", "c06-unicode")
    script, title = script_of(recorded_lines(record))
    talk = serve(responder=Scripted(script, title=title))
    talk.create()
    keep_alive = b'{"type":"status","status":"keepAlive"}\n'
    ours = talk.send().body.replace(keep_alive, b"")
    assert ours == recorded_text(record).encode("utf-8").replace(keep_alive, b"")
    assert talk.last()["content"] == script.final


def test_keep_alives_come_every_tenth_of_a_second_and_end_with_the_text(serve):
    script = Script(["Hello"], head=0.55)
    talk = serve(responder=Scripted(script, title="T", title_seconds=1.0))
    talk.create()
    reply = talk.send()
    lines = updates(reply)
    final = [line["type"] for line in lines].index("finalAnswer")
    assert 5 <= lines[:final].count(KEEP_ALIVE) <= 7
    assert lines[final:].count(KEEP_ALIVE) == 0
    # The silence while the late title is awaited: longer than any keep-alive.
    assert reply.times[-2] - reply.times[-4] > 0.3


def test_first_token_comes_before_the_last_is_made(serve):
    talk = serve(responder=Scripted(Script(["a", "b", "c"], delay=0.15)))
    talk.create()
    reply = talk.send()
    at = {chunk: when for chunk, when in zip(reply.chunks, reply.times)}
    tokens = [when for chunk, when in at.items() if b'"stream"' in chunk]
    assert tokens[0] < 0.3 and tokens[2] - tokens[0] > 0.25


def test_router_tells_its_choice_first(serve):
    talk = serve(responder=Scripted(["Hello"], title="T"))
    talk.create(model="omni")
    lines = without_keep_alives(talk.say())
    assert [line["type"] for line in lines[:3]] == ["status", "title", "routerMetadata"]
    assert lines[2] == {"type": "routerMetadata", "route": "default", "model": "local/documents"}


def test_provider_comes_after_the_final_answer(serve):
    then = recorded_lines(recording("2026", "c21-provider"))
    script = Script(["Hello", ",", " world"], after=[Route(provider="mockai")])
    talk = serve(responder=Scripted(script, title="Mock title"))
    talk.create()
    assert without_keep_alives(talk.say()) == then


def masked(lines):
    """Return the lines with what is made up at random taken out."""
    text = json.dumps(lines)
    for key in ("uuid", "originalId", "elicitationId", "toolUuid"):
        for line in lines:
            for place in (line, line.get("request", {})):
                if key in place:
                    text = text.replace(json.dumps(place[key]), '"masked"')
    result = json.loads(text)
    for line in result:
        if "expiresAt" in line:
            line["expiresAt"] = 0
    return result


def _echo():
    call = ToolCall("echo", {"text": "hi é"})
    return [call, ToolResult(call.uuid, "hi é")]


def _add():
    call = ToolCall("add", {"a": 2, "b": 3})
    return [call, ToolResult(call.uuid, "5", {"sum": 5})]


def _fail():
    call = ToolCall("fail", {})
    return [call, ToolError(call.uuid, "this tool always fails")]


def _progress():
    call = ToolCall("progress", {"steps": 3})
    steps = [ToolProgress(call.uuid, n, 3, f"step {n}") for n in (1, 2, 3)]
    return [call, *steps, ToolResult(call.uuid, "3 steps")]


@pytest.mark.parametrize(
    ("name", "steps", "tokens"),
    [
        ("f01-tool-echo", _echo, ["Hello", ",", " world", "."]),
        ("f02-tool-add", _add, ["Hello", ",", " world", "."]),
        ("f04-tool-fail", _fail, ["Hello", ",", " world", "."]),
        ("x14-tool-progress", _progress, ["Hello", ",", " world"]),
    ],
)
def test_tool_lines_are_the_recorded_ones(serve, name, steps, tokens):
    then = [line for line in recorded_lines(recording("2026", name)) if line["type"] != "title"]
    talk = serve(responder=Scripted(Script(tokens, before=steps())))
    talk.create()
    lines = without_keep_alives(talk.say())
    assert masked(lines) == masked(_same_arguments(then))


def _same_arguments(lines):
    """Return recorded lines with ``argumentsRaw`` as we write it: not escaped to ASCII."""
    for line in lines:
        if "argumentsRaw" in line:
            raw = json.loads(line["argumentsRaw"])
            line["argumentsRaw"] = json.dumps(raw, ensure_ascii=False, separators=(",", ":"))
    return lines


def test_a_tool_can_ask_the_user(serve):
    import threading

    then = recording("2026", "x13-elicitation-accept")
    wanted = next(line for line in recorded_lines(then) if line["type"] == "elicitation")
    call = ToolCall("ask", {})
    question = Question("Mock", "Who are you?", wanted["request"]["fields"], call.uuid)
    talk = serve(responder=Scripted(Script(["Hi"], before=[call, question])))
    talk.create()
    found = []
    thread = threading.Thread(target=lambda: found.extend(talk.say()))
    thread.start()
    log = until(lambda: "expiresAt" in _log(talk) and _log(talk))
    asked = json.loads(log.split("data: ")[-1].split("\n")[0])
    elicitation_id = asked["request"]["elicitationId"]
    path = f"/conversation/{talk.id}/elicitation"

    def answer(**body):
        return talk.call("POST", path, body)

    name = "x10-elicitation-bad-content"
    bad = answer(elicitationId=elicitation_id, action="accept", content={"colour": "green"})
    assert (bad.status, bad.text) == (400, recorded_text(recording("2026", name)))
    assert answer(x=1).status == 400
    unknown = answer(elicitationId="9336d0e9-e103-4302-ab5e-d6fe8d570408", action="accept")
    assert unknown.status == 404
    content = {"name": "Ada", "colour": "red"}
    good = answer(elicitationId=elicitation_id, action="accept", content=content)
    assert good.text == '{"ok":true,"resume":false}'
    again = answer(elicitationId=elicitation_id, action="cancel")
    assert (again.status, again.json()) == (409, {"message": "Already answered."})
    thread.join(5)
    elicitations = of_type(found, "elicitation")
    assert masked(elicitations[:1]) == masked([wanted])
    recorded = of_type(recorded_lines(then), "elicitation")[1]
    assert masked(elicitations[1:]) == masked([recorded])


def _log(talk):
    with_log = talk.call("GET", f"/conversation/{talk.id}/stream", timeout=0.15)
    return with_log.text
