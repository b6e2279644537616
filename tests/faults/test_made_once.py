"""Conversations are made, found and removed once, and are the right ones."""

from __future__ import annotations

import gc
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Callable, Iterator

import pytest
from eras.arena import Arena
from eras.gate import MESSAGE, Asked, Gate, Reply

from hugchat_sync import Client, HugChatError, ProtocolError, Retry, Unavailable
from hugchat_sync.local import LocalServer
from hugchat_sync.local.http import SeenRequest
from hugchat_sync.local.testing import Scripted

CREATE = r"POST /chat/conversation$"
LIST = r"GET /chat/api/v2/conversations$"
ANY_REMOVAL = r"(DELETE|POST) /chat/.*"
LOST = Reply(502, "text/html", (b"<html><body>Bad Gateway</body></html>",), is_chunked=False)
REFUSED = Reply(403, pieces=(b'{"message":"no"}',), is_chunked=False)
QUICK = Retry(tries=3, first_delay=0.01, longest_delay=0.02)


@pytest.fixture
def gate() -> Iterator[Gate]:
    with LocalServer(responder=Scripted(["Good ", "day."])) as server, Gate(server.url) as between:
        yield between


@pytest.fixture
def begin(gate: Gate) -> Iterator[Callable[..., Client]]:
    with ExitStack() as stack:

        def made(**options: Any) -> Client:
            # an anonymous visitor whose first reply is lost would be another one afterwards
            chosen = {"cookies": {"hf-chat": "somebody"}, "dialect": "v2-2025", "retries": QUICK}
            return stack.enter_context(Client(gate.url, **{**chosen, **options}))

        yield made


def lost_but_made(asked: Asked) -> Reply:
    """Let the server make the conversation, and lose its reply."""
    assert asked.onward().body
    return LOST


# which conversation was the lost one -------------------------------------------------------------


def test_lost_conversation_is_found_and_made_once(gate, begin):
    client = begin()
    gate.on(CREATE, lambda asked: lost_but_made(asked) if asked.number == 0 else None)

    found = client.create_conversation("omni", "")

    assert client.current_conversation == found
    assert list(client.fetch_conversations()) == [found]
    assert gate.count(CREATE) == 1


@pytest.mark.usefixtures("hurried")
def test_lost_conversation_that_is_listed_late_is_found(gate, begin):
    client = begin()
    nothing = Reply(200, "application/json", (b'{"json":{"conversations":[],"hasMore":false}}',))
    gate.on(CREATE, lambda asked: lost_but_made(asked) if asked.number == 0 else None)
    gate.on(LIST, lambda asked: nothing if asked.number < 2 else None)

    found = client.create_conversation("omni", "")

    assert list(client.fetch_conversations()) == [found]
    assert gate.count(CREATE) == 1


def test_neither_is_taken_where_two_could_be_the_lost_one(gate, begin):
    client = begin()

    def twice(asked: Asked) -> Reply:
        assert asked.onward().body
        return lost_but_made(asked)

    gate.on(CREATE, twice)

    with pytest.raises(HugChatError) as caught:
        client.create_conversation("omni", "")
    assert getattr(caught.value, "status", None) == 502
    assert (client.conversations, client.current_conversation) == ({}, None)
    assert gate.count(CREATE) == 1


@pytest.mark.usefixtures("hurried")
def test_conversation_of_another_model_is_not_taken_for_the_lost_one(gate, begin):
    client, other = begin(), begin()
    model = client.models()[1].id
    gate.on(CREATE, lambda asked: None if model.encode() in asked.body else LOST)
    other.create_conversation(model, "")

    with pytest.raises(HugChatError):
        client.create_conversation("omni", "")
    assert client.conversations == {}


@pytest.mark.usefixtures("hurried")
def test_conversation_that_was_listed_before_is_not_taken_for_the_lost_one(gate, begin):
    client = begin()
    made = begin().create_conversation("omni", "")
    assert list(client.fetch_conversations()) == [made]
    gate.on(CREATE, LOST)

    with pytest.raises(HugChatError):
        client.create_conversation("omni", "")
    assert client.current_conversation is None


@pytest.mark.usefixtures("hurried")
def test_lost_conversation_that_was_found_is_not_found_again(gate, begin):
    client = begin()
    gate.on(CREATE, lambda asked: lost_but_made(asked) if asked.number == 0 else LOST)
    gate.on(MESSAGE, REFUSED)
    gate.on(r"DELETE ", REFUSED)
    with pytest.raises(HugChatError):  # found, and it stays: empty, and not among those known
        client.ask("hi", model="omni", system_prompt="", temporary=True)
    assert client.conversations == {}
    assert len(begin().fetch_conversations()) == 1

    with pytest.raises(HugChatError):
        client.create_conversation("omni", "")
    assert (client.conversations, client.current_conversation) == ({}, None)


@pytest.mark.usefixtures("hurried")
def test_conversation_that_another_thread_makes_is_not_taken_for_the_lost_one(gate, begin):
    client = begin()
    made = threading.Event()

    def one_lost_one_slow(asked: Asked) -> Reply:
        if asked.number == 0:
            reply = asked.onward()
            reply = replace(reply, pieces=(reply.body,))
            made.set()
            time.sleep(0.8)  # it is there, and its maker does not know yet
            return reply
        return LOST  # and never made

    gate.on(CREATE, one_lost_one_slow)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(client.create_conversation, "omni", "")
        assert made.wait(10)
        lost = pool.submit(client.create_conversation, "omni", "")

        assert isinstance(lost.exception(30), HugChatError)
        assert len(slow.result(30)) == 24
    assert list(client.conversations) == [slow.result()]


def test_conversation_that_is_begun_while_a_lost_one_is_looked_for_is_another(gate, begin):
    client = begin()
    looking, both = threading.Event(), threading.Event()

    def once_there_are_two(asked: Asked) -> None:
        looking.set()
        assert both.wait(10)

    def lost_then_slow(asked: Asked) -> Reply:
        if asked.number == 0:
            return lost_but_made(asked)
        reply = asked.onward()
        reply = replace(reply, pieces=(reply.body,))
        both.set()
        time.sleep(0.6)  # it is listed, and its maker does not know yet
        return reply

    gate.on(LIST, once_there_are_two)
    gate.on(CREATE, lost_then_slow)
    with ThreadPoolExecutor(2) as pool:
        lost = pool.submit(client.create_conversation, "omni", "")
        assert looking.wait(10)
        other = pool.submit(client.create_conversation, "omni", "")

        assert lost.result(30) != other.result(30)
    assert gate.count(CREATE) == 2


def test_first_offered_model_is_taken_where_none_is_active(gate, begin):
    client = begin()
    sent: list[Any] = []

    def without_model(asked: Asked) -> Reply:
        reply = asked.onward()
        value = reply.json()
        del value["json"]["activeModel"]
        return replace(reply, pieces=(json.dumps(value).encode(),))

    gate.on(r"GET /chat/api/v2/user/settings$", without_model)
    gate.on(CREATE, lambda asked: sent.append(json.loads(asked.body)))

    client.create_conversation()

    assert [body["model"] for body in sent] == [client.models()[0].id]


def test_conversation_made_while_the_list_was_read_is_kept(gate, begin):
    client = begin()
    removed = client.create_conversation("omni", "")
    made: list[str] = []

    def slowly(asked: Asked) -> Reply:
        reply = asked.onward()
        reply = replace(reply, pieces=(reply.body,))
        made.append(client.create_conversation("omni", ""))
        client.remove_conversation(removed)
        return reply

    gate.on(LIST, slowly)

    assert list(client.fetch_conversations()) == made


# removing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("trouble", [LOST, Reply(is_whole=False).cut(0)], ids=["502", "broken"])
@pytest.mark.parametrize("what", ["conversation", "message"])
def test_removal_is_repeated_after_trouble_on_the_way(gate, begin, trouble, what):
    client = begin()
    client.ask("hi")
    place = client.current_conversation
    question = client.history()[0].text_id
    gate.on(r"DELETE ", lambda asked: trouble if asked.number == 0 else None)

    if what == "conversation":
        client.remove_conversation(place)
        assert client.fetch_conversations() == {}
    else:
        client.remove_message(question)
        assert client.history() == []
    assert gate.count(r"DELETE ") == 2


def test_removed_conversations_leave_no_place_behind(begin):
    client = begin()

    def many(count: int) -> int:
        for _ in range(count):
            client.remove_conversation(client.create_conversation("omni", ""))
        gc.collect()  # what the server remembers of its requests does not count
        return sum(not isinstance(one, SeenRequest) for one in gc.get_objects())

    before = many(30)
    grown = many(100) - before

    assert grown < 100  # not one object each


def test_page_as_the_answer_to_a_rename_is_an_error(gate, begin):
    client = begin()
    place = client.create_conversation("omni", "")
    title = client.conversations[place]
    page = Reply(200, "text/html", (b"<html><body>Welcome</body></html>",), is_chunked=False)
    gate.on(r"PATCH |POST /chat/conversation/[0-9a-f]{24}", page)

    with pytest.raises(ProtocolError):
        client.rename_conversation(place, "New")
    assert client.conversations[place] == title


# finding out the era -----------------------------------------------------------------------------


def test_trouble_while_the_era_is_found_out_is_told_and_the_next_call_asks_again(gate, begin):
    client = begin(dialect=None, retries=Retry(tries=1))
    gate.on(r"GET ", lambda asked: LOST if asked.number == 0 else None)

    with pytest.raises(HugChatError):
        client.models()
    assert client.check().era == "v2-2025"


@pytest.fixture(params=["April", "December"])
def trees(request: pytest.FixtureRequest) -> Iterator[tuple[Gate, Any]]:
    """A gate before a server of 2024 on which somebody has a conversation, and their cookies."""
    with Arena(f"tree-2024 of {request.param}") as arena, Gate(arena.url) as gate:
        with Client(gate.url) as first:
            first.ask("hi")
            cookies = first.cookies
        gate.asked.clear()
        yield gate, cookies


def test_era_of_trees_costs_two_requests_where_conversations_are_listed(trees):
    gate, cookies = trees

    with Client(gate.url, cookies=cookies) as client:
        assert len(client.fetch_conversations()) == 1

    assert len(gate.asked) == 3  # the last is the list itself


@pytest.mark.parametrize("trees", ["April"], indirect=True)
def test_trouble_with_the_conversation_that_tells_the_era_is_told_as_trouble(trees):
    gate, cookies = trees

    def as_three_weeks_earlier(asked: Asked) -> Reply:
        reply = asked.onward()
        value = reply.json()
        for node in value["nodes"]:
            if node and "conversations" in node.get("data", [{}])[0]:
                for name in ("enableAssistantsRAG", "tools"):
                    node["data"][0].pop(name, None)
        return replace(reply, pieces=(json.dumps(value).encode(),))

    gate.on(r"GET /chat/__data.json$", as_three_weeks_earlier)
    pages = r"GET /chat/conversation/[0-9a-f]{24}/__data.json$"
    gate.on(pages, Reply(503, pieces=(b'{"message":"broken"}',), is_chunked=False))
    with Client(gate.url, cookies=cookies, retries=Retry(tries=1)) as client:
        with pytest.raises(Unavailable) as caught:
            client.models()
        assert caught.value.status == 503

        gate.open()
        assert client.check().era == "tree-2024"
