"""Misbehaviour that a test asked for."""

from __future__ import annotations

import time

import pytest
from local_talk import until
from local_wire import updates

from hugchat_sync.local.testing import Fault, Script, Scripted


def test_status_instead_of_an_answer(serve):
    fault = Fault(path="/user$", status=503, body='{"message":"no"}', headers={"Retry-After": "7"})
    talk = serve(faults=[fault])
    first, second = (talk.call("GET", "/api/v2/user") for _ in range(2))
    assert (first.status, first.text, first.headers["retry-after"]) == (
        503,
        '{"message":"no"}',
        "7",
    )
    assert second.status == 200


def test_html_page_of_a_gateway_and_skipping(serve):
    talk = serve(faults=[Fault.html_page(path="/user")])
    talk.server.faults.add(Fault(path="/user", skip=1, status=429))
    replies = [talk.call("GET", "/api/v2/user") for _ in range(3)]
    assert [reply.status for reply in replies] == [502, 200, 429]
    assert replies[0].headers["content-type"] == "text/html"
    talk.server.faults.clear()


@pytest.mark.parametrize("reset", [False, True])
def test_stream_is_cut_at_a_byte(serve, reset):
    talk = serve(
        responder=Scripted(["Hel", "lo"]),
        faults=[Fault("POST", cut_after=100, skip=1, reset=reset)],
    )
    talk.create()
    try:
        reply = talk.send()
    except ConnectionResetError:
        assert reset
        return
    assert (reply.ended, len(reply.body)) == ("eof", 100)


def test_stream_is_cut_before_a_text_and_can_end_cleanly(serve):
    talk = serve(responder=Scripted(["Hel", "lo"]))
    talk.create()
    talk.server.faults.add(Fault("POST", cut_at='"finalAnswer"', clean=True))
    reply = talk.send()
    assert reply.ended == "complete" and b"finalAnswer" not in reply.body
    assert until(lambda: talk.last()["content"]) == "Hello"


def test_pieces_split_characters(serve):
    talk = serve(responder=Scripted(["é\U0001f600"]), faults=[Fault("POST", piece=1, times=None)])
    talk.create()
    reply = talk.send()
    assert {len(chunk) for chunk in reply.chunks} == {1}
    assert updates(reply)[-1]["status"] == "finished"


@pytest.mark.parametrize(("drop", "stored"), [("before", 1), ("after", 3)])
def test_connection_is_dropped_without_an_answer(serve, drop, stored):
    talk = serve(responder=Scripted(["Hello"]))
    talk.create()
    talk.server.faults.add(Fault("POST", drop=drop))
    reply = talk.send()
    assert (reply.status, reply.ended) == (0, "eof")
    assert len(talk.read()["messages"]) == stored
    assert [seen.method for seen in talk.server.requests] == ["POST", "POST", "GET"]


def test_slow_first_byte(serve):
    talk = serve(faults=[Fault(delay=0.2)])
    began = time.monotonic()
    assert talk.call("GET", "/api/v2/user").status == 200
    assert time.monotonic() - began >= 0.2


def test_only_keep_alives(serve):
    talk = serve(responder=Scripted(Script(hang=True)))
    talk.create()
    reply = talk.send(timeout=0.5)
    kinds = {line.get("status") for line in updates(reply)}
    assert (reply.ended, kinds) == ("open", {"started", "keepAlive"})
