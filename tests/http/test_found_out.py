"""What is found out by asking again: whether a message came late, and who we still are."""

from __future__ import annotations

import json
import logging
import re
import time
from pathlib import Path
from typing import Any, Callable

import pytest
from rawserver import Asked, RawServer, whole

from hugchat_sync import Client, HugChatError, Retry
from hugchat_sync.calls import Call, Request
from hugchat_sync.dialects.verbs import find_error
from hugchat_sync.errors import ConnectionFailed, ProtocolError, SessionExpired, Unavailable
from hugchat_sync.options import Timeout
from hugchat_sync.transport.http import Transport
from hugchat_sync.transport.retry import RENEWALS

PLACE, ROOT = "6b02ad3a868fe7c61afb22ef", "11111111-1111-4111-8111-111111111111"
FINAL = '{"type":"finalAnswer","text":"Good day.","interrupted":false}\n'


def tree(question: str = "", answer: str = "") -> bytes:
    """Return a conversation, with one question and its answer if they are given."""
    ids = [ROOT, "2" + ROOT[1:], "3" + ROOT[1:]] if question else [ROOT]
    said = [("system", ""), ("user", question), ("assistant", answer)]
    messages = [
        {
            "id": one,
            "from": who,
            "content": text,
            "ancestors": ids[:place],
            "children": ids[place + 1 : place + 2],
            "updates": [{"type": "finalAnswer", "text": text, "interrupted": False}],
        }
        for place, (one, (who, text)) in enumerate(zip(ids, said))
    ]
    value = {"id": PLACE, "title": "t", "model": "m", "rootMessageId": ROOT, "messages": messages}
    return whole(json.dumps({"json": value}))


def client(url: str, **options: Any) -> Client:
    quick = Retry(tries=3, first_delay=0.01, longest_delay=0.02)
    return Client(url, **{"dialect": "v2-2025", "retries": quick, **options})


def test_message_that_is_stored_late_is_found_and_not_sent_again() -> None:
    moments: list[float] = []

    def answer(asked: Asked, number: int) -> object:
        if asked.method == "POST":
            moments.append(time.monotonic())
            return None
        if "/stream" in asked.path:
            return whole('{"message":"Not Found"}', "404 Not Found")
        late = moments and time.monotonic() - moments[0] > 0.8
        return tree("hi", "Good day.") if late else tree()

    with RawServer(answer) as server, client(server.url) as asking:
        assert asking.ask("hi", PLACE) == "Good day."
        assert server.posts() == 1


def test_message_that_is_sent_again_has_a_log_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hugchat_sync.chat.run._LOOKS", 1)
    sent: list[bytes] = []

    def answer(asked: Asked, number: int) -> object:
        if asked.method != "POST":
            return tree()
        sent.extend(re.findall(rb'"generationId": ?"([^"]+)"', asked.body))
        return None if len(sent) == 1 else whole(FINAL, kind="application/jsonl")

    with RawServer(answer) as server, client(server.url) as asking:
        assert asking.chat("hi", PLACE, resume=False).text() == "Good day."
    assert len(sent) == len(set(sent)) == 2


def test_log_that_cannot_be_had_is_asked_for_as_often_as_a_message_may_be_tried() -> None:
    """The tries of the loop over the log and those of the transport were multiplied."""
    seen: list[str] = []

    def answer(asked: Asked, number: int) -> object:
        what = "log" if "/stream" in asked.path else asked.method
        seen.append(what)
        if what != "GET":
            return None
        return tree("hi", "Good day.") if "POST" in seen else tree()

    with RawServer(answer) as server, client(server.url) as asking:
        assert asking.ask("hi", PLACE) == "Good day."
    assert (seen.count("POST"), seen.count("log")) == (1, 3)


def test_conversation_that_cannot_be_read_takes_a_message_whose_place_is_said() -> None:
    lines, models = whole(FINAL, kind="application/jsonl"), whole('{"json": [{"id": "m"}]}')
    with RawServer(
        lambda asked, number: lines if asked.method == "POST" else models
    ) as server, client(server.url) as asking:
        assert asking.chat("hi", PLACE, parent_id=ROOT, resume=False).text() == "Good day."
        with pytest.raises(ProtocolError):
            asking.chat("hi", PLACE)
        assert server.posts() == 1


# who we are ----------------------------------------------------------------------------------

WHO = whole('{"message":"Unauthorized"}', "401 Unauthorized")


def test_server_that_refuses_to_say_who_is_signed_in_knows_nobody() -> None:
    with RawServer(lambda asked, number: WHO) as server, client(
        server.url, cookies={"hf-chat": "some-session"}
    ) as asking:
        assert asking.whoami() is None


@pytest.mark.parametrize(
    "use", [Client.models, lambda asking: asking.history(PLACE)], ids=["refused", "not there"]
)
def test_session_that_is_refused_after_every_renewal_ends(
    tmp_path: Path, use: Callable[[Client], object]
) -> None:
    """Another job puts other cookies into the file all the time, and none of them is any good."""
    file = tmp_path / "ada@example.org.json"

    def put(number: int) -> None:
        file.write_text(json.dumps({"hf-chat": f"session-{number}"}), "utf-8")

    def answer(asked: Asked, number: int) -> object:
        put(number)
        if PLACE in asked.path:
            return whole('{"message":"Conversation not found"}', "404 Not Found")
        return WHO

    put(0)
    with RawServer(answer) as server, client(server.url, cookies=file) as asking:
        with pytest.raises(SessionExpired):
            use(asking)
        assert RENEWALS < len(server.asked) < 30


# secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [None, whole("{}", "500 Trouble"), [9.0], whole("no", "302 To")])
def test_query_of_an_address_is_in_no_log_of_ours_and_in_no_error(
    reply: object, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be a code to sign in with."""
    caplog.set_level(logging.DEBUG)
    with RawServer(lambda asked, number: reply) as server:
        transport = Transport(
            server.url, timeout=Timeout(idle=0.2), retry=Retry(tries=2, first_delay=0.01)
        )
        for call in (
            Call(
                Request("GET", "/callback?code=SECRET-CODE", find_error, repeatable=True),
                lambda reply: reply,
            ),
        ):
            with pytest.raises(HugChatError) as caught:
                transport.send(call)
        transport.close()
    shown = str(caught.value) + repr(vars(caught.value)) + repr(caught.value.args)
    assert "SECRET-CODE" not in shown
    ours = [record.getMessage() for record in caplog.records if record.name == "hugchat_sync"]
    assert ours
    assert not [line for line in ours if "SECRET-CODE" in line]


def test_error_has_no_frames_of_the_layers_below() -> None:
    """They have the headers and the body of the request among their variables."""
    with RawServer(lambda asked, number: None) as server:
        transport = Transport(server.url)
        with pytest.raises(ConnectionFailed) as caught:
            transport.send(
                Call(Request("POST", "/x", find_error, json={"text": "hi"}), lambda reply: reply)
            )
        transport.close()
    below = caught.value.__cause__
    assert below is not None
    while below is not None:
        assert below.__traceback__ is None
        assert getattr(getattr(below, "request", None), "body", None) is None
        below = below.__cause__ or below.__context__


def test_bad_reply_says_where_it_came_from_without_the_query() -> None:
    with RawServer(lambda asked, number: whole("{}", "500 Trouble")) as server:
        transport = Transport(server.url)
        with pytest.raises(Unavailable) as caught:
            transport.send(
                Call(Request("POST", "/x?code=SECRET-CODE", find_error), lambda reply: reply)
            )
        transport.close()
    assert "SECRET-CODE" not in str(caught.value.url)
