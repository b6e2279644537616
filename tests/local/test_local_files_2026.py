"""Files, shares and the feed of today."""

from __future__ import annotations

import threading

from hugchat_sync.local.responder import FileMade
from hugchat_sync.local.testing import Script, Scripted


def in_background(function):
    thread = threading.Thread(target=function, daemon=True)
    thread.start()
    return thread


def test_files_come_in_as_base64_and_out_as_bytes(serve):
    import base64

    answers = Scripted(["Seen"])
    talk = serve(responder=answers)
    talk.create()
    raw = b"\x89PNG\r\n\x1a\n rest"
    coded = base64.b64encode(raw).decode()
    sent = talk.send(None, (("base64;a;b.png", "image/png", coded), ("base64;e", "text/plain", "")))
    assert sent.status == 200
    (listed,) = talk.read()["messages"][1]["files"]
    assert (listed["type"], listed["name"], listed["mime"]) == ("hash", "a;b.png", "image/png")
    assert answers.turns[0].attachments[0].content == raw
    reply = talk.call("GET", f"/conversation/{talk.id}/output/{listed['value']}")
    assert (reply.body, reply.headers["content-type"]) == (raw, "image/png")
    assert reply.headers["content-disposition"] == "attachment"


def test_too_large_a_file_is_413(serve):
    import base64

    talk = serve(responder=Scripted(["x"]))
    talk.create()
    coded = base64.b64encode(b"x" * (10 * 1024 * 1024 + 1)).decode()
    reply = talk.send(None, (("base64;big.bin", "application/octet-stream", coded),))
    assert (reply.status, reply.json()["message"]) == (413, "File too large, should be <10MB")


def test_too_large_a_body_is_413(serve):
    talk = serve()
    talk.create()
    reply = talk.call("POST", "/conversation", b"x" * (15 * 1024 * 1024 + 1))
    assert reply.status == 413


def test_file_made_by_the_answer_can_be_fetched(serve):
    script = Script(["Here"], before=[FileMade("map.png", "image/png", b"bytes")])
    talk = serve(responder=Scripted(script))
    talk.create()
    line = next(line for line in talk.say() if line["type"] == "file")
    assert (line["name"], line["mime"]) == ("map.png", "image/png")
    assert talk.call("GET", f"/conversation/{talk.id}/output/{line['sha']}").body == b"bytes"


def test_share_and_import(serve):
    talk = serve(responder=Scripted(["Hello"], title="T"))
    talk.create()
    talk.say()
    path = f"/conversation/{talk.id}/share"
    share = talk.call("POST", path).json()["shareId"]
    assert talk.call("POST", path).json()["shareId"] == share and len(share) == 7
    stranger = {"Cookie": "hf-chat=stranger"}
    read = talk.call("GET", f"/api/v2/conversations/{share}", headers=stranger).json()["json"]
    assert read["id"] == share
    imported = [
        talk.call(
            "POST", "/api/v2/conversations/import-share", {"shareId": share}, headers=stranger
        ).json()["json"]["conversationId"]
        for _ in range(2)
    ]
    assert imported[0] == imported[1] != talk.id
    talk.say("more", parent=talk.last()["id"])
    assert talk.call("POST", path).json()["shareId"] != share
