"""The client as a whole: models, check, many prompts, sessions, copies."""

from __future__ import annotations

import base64
import multiprocessing
import pickle
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial

import pytest
import requests
from counting import messages, seen

from hugchat_sync import (
    Bot,
    Client,
    GenerationError,
    HugChatError,
    ListBots,
    Message,
    Retry,
    Timeout,
    UsageError,
)
from hugchat_sync.errors import TimedOut
from hugchat_sync.events import ElicitationRequest
from hugchat_sync.local.responder import Question
from hugchat_sync.local.testing import Fault, Script
from hugchat_sync.rate_limit import Pace
from hugchat_sync.records import Check, Conversation, Result

ERAS = ["v2-2025", "lines-2023"]


@pytest.fixture(params=ERAS)
def era(request):
    return request.param


def test_ask_gives_the_whole_answer(serve, connect, era):
    assert connect(serve(era=era)).ask("hi") == "Hello, world."


def test_chat_gives_a_message(serve, connect, era):
    message = connect(serve(era=era)).chat("hi")

    assert isinstance(message, Message)
    assert len(message.generation_id) == 36


def test_question_goes_on_where_the_last_one_ended(serve, connect, era):
    server = serve(["One."], ["Two."], era=era)
    client = connect(server)
    client.ask("first")

    client.ask("second")

    turn = server.responder.turns[-1]
    assert [(said.role, said.text.strip()) for said in turn.history] == [
        ("user", "first"),
        ("assistant", "One."),
    ]


def test_models_come_with_the_default_first(serve, connect, era):
    client = connect(serve(era=era))

    found = client.models()

    assert found[0].id == client.settings().active_model
    assert ListBots.available(client) == [model.id for model in found]


def test_models_tell_what_they_can(serve, connect):
    omni = connect(serve()).models()[0]

    assert (omni.id, omni.multimodal, omni.supports_tools, omni.is_router) == (
        "omni",
        True,
        True,
        True,
    )


def test_check_tells_who_and_what_and_costs_no_message(serve, connect, era):
    server = serve(era=era)

    found = connect(server).check()

    assert isinstance(found, Check)
    assert (found.user, found.missing, found.era) == (None, (), era)
    assert "system_prompts" in found.features
    assert messages(server) == []


def test_era_is_found_out(serve, connect, era):
    assert connect(serve(era=era), dialect=None).check().era == era


def test_era_of_the_environment_is_taken(serve, monkeypatch):
    monkeypatch.setenv("HUGCHAT_SYNC_DIALECT", "v2-2025")
    server = serve()
    with Client(server.url) as client:
        client.models()

    assert len(seen(server)) == 1


def test_tool_servers_are_listed(serve, connect):
    assert [one["name"] for one in connect(serve()).list_mcp_servers()] == [
        "Web Search (documents)"
    ]


def test_health_of_a_tool_server_tells_its_tools(serve, connect):
    client = connect(serve())

    found = client.mcp_health(client.list_mcp_servers()[0]["url"])

    assert found["ready"] is True
    assert [tool["name"] for tool in found["tools"]] == ["web_search"]


def test_speech_becomes_text(serve, connect):
    heard = Fault("POST", "/api/transcribe$", status=200, body='{"text": "hello"}')
    server = serve(faults=[heard])

    assert connect(server).transcribe(b"RIFF", "audio/wav") == "hello"
    assert server.requests[-1].body == b"RIFF"
    assert server.requests[-1].headers["Content-Type"] == "audio/wav"


def test_question_of_a_tool_server_is_answered(serve, connect):
    fields = [{"kind": "string", "name": "city", "title": "City", "required": True}]
    question = Question("Weather", "Where?", fields)
    client = connect(serve(Script(before=[question], tokens=["Sunny."])))
    message = client.chat("hi", mcp_servers=["Web Search (documents)"])
    asked = next(event for event in message if isinstance(event, ElicitationRequest))

    client.answer_elicitation(asked.elicitation_id, "accept", {"city": "Paris"})

    assert message.text() == "Sunny."
    assert (asked.message, question.action, question.content) == (
        "Where?",
        "accept",
        {"city": "Paris"},
    )


def test_messages_are_spaced_and_nothing_else(serve, connect, monkeypatch):
    slept = []
    standing = partial(Pace, clock=lambda: 100.0, sleep=slept.append)
    monkeypatch.setattr("hugchat_sync.client.Pace", standing)
    client = connect(serve(), max_per_minute=60)
    made = client.create_conversation()
    for _ in range(3):
        client.history()
        client.ask("hi", made)

    assert slept == [1.0, 2.0]


def test_share_is_an_address_and_can_be_taken_over(serve, connect):
    client = connect(serve())
    client.ask("hi")

    url = client.share()
    copy = client.import_share(url)

    assert url.startswith(client.base_url + "/r/")
    assert [entry.text for entry in client.history(copy)] == ["hi", "Hello, world."]
    assert copy in client.conversations


def test_file_comes_back_as_it_was_sent(serve, connect, tmp_path):
    client = connect(serve())
    client.ask("look", files=[("a.bin", bytes(range(256)), "application/octet-stream")])
    file = client.history()[0].files[0]

    path = client.download(file, tmp_path)

    assert path.parent == tmp_path
    assert path.read_bytes() == bytes(range(256))


def test_file_is_sent_as_base64_with_its_prefix(serve, connect):
    server = serve()

    connect(server).ask("look", files=[("a.txt", b"text", "text/plain")])

    body = messages(server)[0].body
    assert b'filename="base64;a.txt"' in body
    assert base64.b64encode(b"text") in body


# a session of the user's ---------------------------------------------------------------------


def test_given_session_is_not_changed(serve):
    session = requests.Session()
    session.headers["X-Mine"] = "1"
    session.cookies.set("mine", "1")
    session.auth = ("user", "pass")
    before = (dict(session.headers), session.cookies.get_dict(), session.auth, session.verify)
    server = serve()

    with Client(server.url, session=session, cookies={"hf-chat": "ours"}) as client:
        client.ask("hi")

    assert (dict(session.headers), session.cookies.get_dict(), session.auth, session.verify) == (
        before
    )
    session.close()


def test_given_session_is_used(serve):
    session = requests.Session()
    session.headers["X-Mine"] = "1"
    session.cookies.set("mine", "1")
    session.auth = ("user", "pass")
    server = serve()

    with Client(server.url, session=session, cookies={"hf-chat": "ours"}) as client:
        client.models()

    headers = server.requests[-1].headers
    assert headers["X-Mine"] == "1"
    assert headers["Authorization"] == requests.auth._basic_auth_str("user", "pass")
    assert sorted(headers["Cookie"].split("; ")) == ["hf-chat=ours", "mine=1"]
    session.close()


def test_given_session_is_not_closed(serve):
    session = requests.Session()
    server = serve()
    session.get(server.url + "/api/v2/feature-flags")
    with Client(server.url, session=session) as client:
        list(client.chat("hi"))
    before = server.connections

    session.get(server.url + "/api/v2/feature-flags")

    assert server.connections == before
    session.close()


def test_own_connections_are_closed(serve):
    server = serve()
    with Client(server.url) as client:
        client.ask("hi")
        client.fetch_conversations()
    end = time.monotonic() + 3
    while server.open_connections and time.monotonic() < end:
        time.sleep(0.01)

    assert server.open_connections == 0


def test_cookie_that_the_server_hands_out_is_kept(serve, connect):
    client = connect(serve())
    made = client.create_conversation()

    assert client.cookies.get("hf-chat")
    assert set(client.fetch_conversations()) == {made}


def test_request_says_who_we_are(serve, connect):
    server = serve()

    connect(server).models()

    headers = server.requests[-1].headers
    assert headers["User-Agent"].startswith("hugchat_sync/")
    assert "gzip" in headers["Accept-Encoding"]
    assert "text/html" not in headers["Accept"]


def test_password_file_of_the_user_is_not_looked_into(serve, connect, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve()

    connect(server).models()

    assert "Authorization" not in server.requests[-1].headers


# many threads --------------------------------------------------------------------------------


def test_threads_share_a_client(serve, connect, era):
    client = connect(serve(era=era))
    made = [client.create_conversation() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        texts = list(pool.map(lambda one: client.ask("hi", one), made))

    assert texts == ["Hello, world."] * 6
    assert [len(client.history(one)) for one in made] == [2] * 6


def test_conversations_go_on_side_by_side(serve, connect):
    client = connect(serve(Script(tokens=["x "] * 20, delay=0.02)))
    made = [client.create_conversation() for _ in range(4)]
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda one: client.ask("hi", one), made))

    assert time.monotonic() - started < 1.2


def test_first_calls_at_once_find_out_the_era_once(serve, connect):
    server = serve()
    client = connect(server, dialect=None)
    threads = [threading.Thread(target=client.models) for _ in range(5)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert len(seen(server)) == 6


# many prompts --------------------------------------------------------------------------------

NUMBERS = [f"question {number}" for number in range(6)]


def echo(serve, era="v2-2025"):
    return serve(*([f"answer {number}"] for number in range(6)), era=era)


def test_map_answers_in_the_order_of_the_prompts(serve, connect, era):
    client = connect(serve(era=era))

    results = list(client.map(NUMBERS))

    assert [result.index for result in results] == list(range(6))
    assert [result.prompt for result in results] == NUMBERS
    assert {result.text for result in results} == {"Hello, world."}
    assert {type(result) for result in results} == {Result}
    assert all(result.error is None and result.seconds >= 0 for result in results)


def test_map_leaves_nothing_behind(serve, connect, era):
    client = connect(serve(era=era))
    before = client.create_conversation()

    list(client.map(NUMBERS))

    assert client.current_conversation == before
    assert set(client.fetch_conversations()) == {before}


def test_map_keeps_the_conversations_when_asked_to(serve, connect):
    client = connect(serve())

    list(client.map(NUMBERS, temporary=False))

    assert len(client.fetch_conversations()) == 6


def test_one_failing_prompt_does_not_end_the_others(serve, connect):
    client = connect(serve(["ok"], Script(tokens=["half"], error="no"), ["ok"]))

    results = list(client.map(["a", "b", "c"], workers=1))

    assert [result.text for result in results] == ["ok", "half", "ok"]
    assert [type(result.error) for result in results] == [type(None), GenerationError, type(None)]


@pytest.mark.parametrize(
    "bad", ["", 5, None, {}, {"prompt": 5}, {"prompt": "x", "nonsense": 1}, {"prompt": "x", 5: 1}]
)
def test_prompt_that_cannot_be_right_ended_the_others(serve, connect, bad):
    results = list(connect(serve()).map(["a", bad, "c"]))

    assert [result.text for result in results] == ["Hello, world.", None, "Hello, world."]
    assert isinstance(results[1].error, UsageError)


def test_answer_was_lost_when_its_conversation_could_not_be_removed(serve, connect):
    server = serve()
    client = connect(server)
    server.faults.add(Fault("DELETE", status=500, times=None))

    assert [(one.text, one.error) for one in client.map(["hi"])] == [("Hello, world.", None)]


def test_map_as_they_are_ready(serve, connect):
    slow = Script(tokens=["slow"], head=0.4)
    client = connect(serve(slow, ["quick"], ["quick"]))

    results = list(client.map(["a", "b", "c"], workers=3, ordered=False))

    assert results[-1].text == "slow"
    assert {result.index for result in results} == {0, 1, 2}


def test_map_takes_prompts_with_options(serve, connect):
    server = serve()
    client = connect(server)
    prompts = [{"prompt": "hi", "id": 7, "model": "local/plain", "system_prompt": "be nice"}, "hi"]

    list(client.map(prompts, workers=1, system_prompt="be short"))

    assert [(turn.model, turn.system_prompt) for turn in server.responder.turns] == [
        ("local/plain", "be nice"),
        ("omni", "be short"),
    ]


def test_map_may_go_on_in_one_conversation(serve, connect):
    client = connect(serve(["One."], ["Two."]))
    made = client.create_conversation()

    texts = [one.text for one in client.map(["a", "b"], conversation_id=made, workers=1)]

    assert texts == ["One.", "Two."]
    assert len(client.history(made)) == 4


def test_map_takes_a_source_without_end(serve, connect):
    asked = []

    def endless():
        while True:
            asked.append(1)
            yield "hi"

    results = connect(serve()).map(endless(), workers=2)
    first = next(results)
    results.close()

    assert first.text == "Hello, world."
    assert len(asked) < 8


def test_map_spaces_its_prompts(serve, connect):
    started = time.monotonic()

    list(connect(serve()).map(["a", "b", "c"], max_per_minute=600))

    assert time.monotonic() - started >= 0.2


def test_map_over_the_executor_of_the_user_leaves_it_open(serve, connect):
    with ThreadPoolExecutor(2) as pool:
        texts = [one.text for one in connect(serve()).map(["a", "b"], executor=pool)]

        assert pool.submit(lambda: 5).result(5) == 5
    assert texts == ["Hello, world."] * 2


def test_map_over_a_pool_of_processes(serve, connect, era):
    server = serve(era=era)
    client = connect(server, Bot, cookies={"hf-chat": "same"})
    method = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=method) as pool:
        results = list(client.map(["a", "", "c"], executor=pool))

    assert [one.text for one in results] == ["Hello, world.", None, "Hello, world."]
    assert isinstance(results[1].error, UsageError)
    assert client.fetch_conversations() == {}


# copies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Client, Bot])
def test_pickled_client_goes_on_with_its_own_connections(serve, connect, kind):
    server = serve()
    client = connect(
        server, kind, cookies={"hf-chat": "same"}, model="local/plain",
        timeout=Timeout(idle=1), retries=Retry(tries=1),
    )  # fmt: skip
    client.ask("hi")

    with pickle.loads(pickle.dumps(client)) as copy:
        copy.ask("again")

        assert copy.conversations == client.conversations
        assert copy.current_conversation == client.current_conversation
        assert len(client.history()) == 4
        assert server.connections == 2
        server.faults.add(Fault("GET", "/models$", delay=3, times=None))
        with pytest.raises(TimedOut):
            copy.models()


def test_pickled_client_with_an_open_answer_leaves_it_behind(serve, connect):
    client = connect(serve(Script(tokens=["x "] * 20, delay=0.01)))
    message = client.chat("hi")

    pickle.loads(pickle.dumps(client)).close()

    assert message.text() == ("x " * 20).rstrip()


def test_records_of_a_list_are_those_of_the_server(serve, connect, era):
    client = connect(serve(era=era))
    made = client.create_conversation()

    found = list(client.list_conversations())

    assert [type(one) for one in found] == [Conversation]
    assert (found[0].id, found[0].title) == (made, client.fetch_conversations()[made])


def test_client_shows_where_it_leads(serve, connect):
    server = serve()

    assert repr(connect(server)) == f"<Client of {server.url}>"


def test_every_error_of_ours_has_one_base(serve, connect):
    with pytest.raises(HugChatError):
        connect(serve()).ask("")
