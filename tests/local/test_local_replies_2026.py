"""Today's replies that are no streams, compared with the recordings."""

from __future__ import annotations

import pytest
from local_talk import Talk
from local_wire import RECORDINGS, recording
from replay import differences, replay
from sampling import each

from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Scripted

# What belongs to streams and to states that one server cannot have at once is tested elsewhere.
_ELSEWHERE = ("c", "f", "k", "l", "u", "w", "x", "i08", "e03", "e06", "d07", "d08", "g16")
_NEW = {
    "a18-conversations-v2-none": "nobody",
    "g14-conversation-of-another": "another",
    "g29-v2-of-another": "another",
    "e17-output-stranger": "another",
}
NAMES = sorted(
    path.stem
    for path in (RECORDINGS / "2026").glob("*.json")
    if not path.stem.startswith(_ELSEWHERE)
)


@pytest.fixture(scope="module")
def server():
    with LocalServer(responder=Scripted(["Hello", ","], title="T")) as running:
        yield running


@each("name", NAMES)
def test_reply_is_the_recorded_one(server, name):
    record = recording("2026", name)
    talk = Talk(server)
    talk.create()
    if name.startswith("d") or "share" in name:
        talk.say()
    parent = talk.read()["messages"][1]["id"] if name.startswith("d04") else ""
    talk.cookie = _NEW.get(name, talk.cookie)
    reply = replay(talk, record, parent)
    assert differences(talk, record, reply) == []


def test_recordings_are_there():
    assert len(NAMES) > 50


def test_created_conversation_is_told_as_superjson(serve):
    then = recording("2026", "b02-create-preprompt")
    talk = serve()
    reply = talk.create(preprompt="Answer in French.")
    import json

    from local_wire import recorded_text, strange

    told, recorded = (
        json.loads(json.loads(text)["conversation"]) for text in (reply.text, recorded_text(then))
    )
    assert strange(told, recorded) == []
    assert told["json"]["messages"][0]["content"] == "Answer in French."
    assert told["json"]["title"] == "New Chat"


@pytest.mark.parametrize("name", ["d07-tree-v2", "c29-conversation-v2-after"])
def test_stored_messages_have_the_recorded_keys(serve, name):
    then = recording("2026", name)
    import json

    from local_wire import recorded_text

    talk = serve(responder=Scripted(["Hello", ",", " world", "."], title="One"))
    talk.create()
    talk.say("One", generationId="9308fefe-df79-468d-9536-5a73533e689e")
    now = talk.call("GET", f"/api/v2/conversations/{talk.id}").json()
    recorded = json.loads(recorded_text(then))
    for ours, theirs in zip(now["json"]["messages"], recorded["json"]["messages"]):
        assert set(ours) <= set(theirs)
    assert set(now["json"]) <= set(recorded["json"])
    answer, then_answer = now["json"]["messages"][2], recorded["json"]["messages"][2]
    kinds = [update["type"] for update in answer["updates"]]
    assert kinds[:3] == [update["type"] for update in then_answer["updates"]][:3]
    assert answer["updates"][2] == {"type": "stream", "token": "", "len": 5}


def test_list_has_thirty_a_page(serve):
    talk = serve()
    ids = []
    for _ in range(31):
        talk.create()
        ids.append(talk.id)
    first = talk.call("GET", "/api/v2/conversations?p=0").json()["json"]
    second = talk.call("GET", "/api/v2/conversations?p=1").json()["json"]
    assert (len(first["conversations"]), first["hasMore"]) == (30, True)
    assert (len(second["conversations"]), second["hasMore"]) == (1, False)
    assert [item["id"] for item in first["conversations"]] == ids[::-1][:30]


def test_settings_are_replaced_as_a_whole(serve):
    talk = serve()
    prompts = {"local/vision": "Be brief."}
    talk.call(
        "POST", "/api/v2/user/settings", {"activeModel": "local/vision", "customPrompts": prompts}
    )
    first = talk.call("GET", "/api/v2/user/settings").json()["json"]
    talk.call("POST", "/api/v2/user/settings", {"welcomeModalSeen": True, "streamingMode": "raw"})
    second = talk.call("GET", "/api/v2/user/settings").json()["json"]
    assert (first["activeModel"], first["customPrompts"]) == ("local/vision", prompts)
    assert (second["activeModel"], second["customPrompts"]) == ("omni", {})
    assert second["welcomeModalSeen"] is True and second["streamingMode"] == "raw"


def test_limits_answer_429_with_the_recorded_sentences(serve):
    limits = {"messages_per_minute": 2, "conversations": 3, "messages": 9}
    talk = serve(responder=Scripted(["Hello"]), limits=limits)
    talk.create()
    talk.say()
    talk.say()
    for record, reply in (
        ("u02-message-4", talk.send()),
        ("u03-conversation-5", [talk.create() for _ in range(4)][-1]),
    ):
        then = recording("2026", record)
        assert reply.status == then["response"]["status"] == 429
        assert reply.text == then["response"]["body"]["text"]
        assert "retry-after" not in reply.headers
