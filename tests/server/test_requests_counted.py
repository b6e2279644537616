"""Requests and connections, counted at the server."""

from __future__ import annotations

from itertools import product

import pytest
from counting import messages, seen
from sampling import some

from hugchat_sync import (
    Bot,
    Client,
    ConversationLimit,
    HuggingChat,
    RateLimited,
    Retry,
    Unavailable,
)
from hugchat_sync.local.testing import Fault

ERAS = ["v2-2025", "lines-2023"]
MODEL = {"v2-2025": "omni", "lines-2023": "local/documents"}
LISTS = {"v2-2025": "/api/v2/conversations", "lines-2023": "/__data.json"}


def first_token(message):
    return next(message.tokens())


@pytest.mark.parametrize("era", ERAS)
def test_first_token_takes_three_requests_with_model_and_prompt_named(serve, connect, era):
    server = serve(era=era)
    client = connect(server)
    conversation = client.create_conversation(MODEL[era], "be nice")

    assert first_token(client.chat("hi", conversation)) == "Hello"
    assert [line.split()[0] for line in seen(server)] == ["POST", "GET", "POST"]


@pytest.mark.parametrize("era", ERAS)
def test_conversation_that_is_made_for_a_message_is_not_looked_at(serve, connect, era):
    server = serve(era=era)

    assert first_token(connect(server).chat("hi")) == "Hello"
    assert len(seen(server)) == 3


@pytest.mark.parametrize("era", ERAS)
def test_next_message_looks_once_whether_somebody_is_at_it(serve, connect, era):
    server = serve(era=era)
    client = connect(server)
    conversation = client.create_conversation()
    client.ask("hi")
    before = len(seen(server))

    first_token(client.chat("and now?", conversation))

    assert [line.split()[0] for line in seen(server)[before:]] == ["GET", "POST"]


@pytest.mark.parametrize("era", ERAS)
def test_prompts_of_a_map_make_their_conversations_and_need_no_look(serve, connect, era):
    server = serve(era=era)

    list(connect(server, model=MODEL[era]).map(["one", "two"], system_prompt="be nice", workers=1))

    assert [line.split()[0] for line in seen(server)] == ["POST", "POST", "DELETE"] * 2


@pytest.mark.parametrize("era", ERAS)
def test_reading_a_conversation_takes_one_request(serve, connect, era):
    server = serve(era=era)
    client = connect(server)
    client.ask("hi")
    before = len(seen(server))

    client.history()

    assert len(seen(server)) - before == 1


def test_detection_costs_one_request_on_todays_server(serve, connect):
    server = serve()

    first_token(connect(server, dialect=None).chat("hi"))

    assert len(seen(server)) == 4


def test_era_is_found_out_once(serve, connect):
    server = serve()
    client = connect(server, dialect=None)
    for _ in range(3):
        client.models()

    assert len(seen(server)) == 4


def test_bot_fetches_its_conversations_once(serve):
    server = serve()
    with HuggingChat(server.url, dialect="v2-2025") as hug:
        hug.getBot()

    assert seen(server) == ["GET /api/v2/conversations?p=0"]


def test_constructor_sends_nothing(serve):
    server = serve()
    with Client(server.url), Bot(server.url), HuggingChat(server.url):
        pass

    assert (seen(server), server.connections) == ([], 0)


def test_whole_session_of_questions_takes_one_connection(serve, connect):
    server = serve(title="T")
    client = connect(server)
    for question in range(5):
        client.ask(f"question {question}")
    list(client.chat("one more"))
    client.history()
    client.fetch_conversations()
    client.set_system_prompt("omni", "be nice")
    client.remove_all_conversations()

    assert server.connections == 1


@pytest.mark.parametrize("tries", [1, 2, 4])
def test_tries_are_requests_at_the_server(serve, connect, tries):
    server = serve(faults=[Fault(status=503, times=None)])
    client = connect(server, retries=Retry(tries=tries, first_delay=0.01))

    with pytest.raises(Unavailable):
        client.models()
    assert len(seen(server)) == tries


def test_trouble_that_passes_costs_a_request_more(serve, connect):
    server = serve(faults=[Fault(status=502, times=2)])

    assert connect(server).models()[0].id == "omni"
    assert len(seen(server)) == 3


@pytest.mark.parametrize("max_tries", [1, 3, 5])
def test_send_that_is_refused_with_500_is_not_repeated(serve, connect, max_tries):
    server = serve()
    client = connect(server)
    client.create_conversation()
    server.faults.add(Fault(method="POST", status=500, times=None))

    with pytest.raises(Unavailable):
        client.chat("hi", max_tries=max_tries)
    assert len(messages(server)) == 1


@pytest.mark.parametrize(
    ("max_tries", "status"),
    some(product([1, 2], [502, 503, 504]), [(1, 502), (2, 503)]),
)
@pytest.mark.usefixtures("hurried")
def test_max_tries_are_sends_at_the_server(serve, connect, max_tries, status):
    server = serve()
    client = connect(server, retries=Retry(first_delay=0.01))
    client.create_conversation()
    server.faults.add(Fault("POST", status=status, times=None))

    with pytest.raises(Unavailable):
        client.chat("hi", max_tries=max_tries)
    assert len(messages(server)) == max_tries


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.usefixtures("hurried")
def test_creation_is_not_repeated(serve, connect, status):
    server = serve(faults=[Fault("POST", "/conversation$", status=status, times=None)])
    client = connect(server)

    with pytest.raises(Unavailable):
        client.create_conversation("omni", "")
    assert [line for line in seen(server) if line.startswith("POST")] == ["POST /conversation"]


def test_rate_limit_of_a_send_is_told_after_one_request(serve, connect):
    server = serve(limits={"messages_per_minute": 1})
    client = connect(server)
    client.ask("hi")

    with pytest.raises(RateLimited) as caught:
        client.chat("again")
    assert caught.value.retry_after == 60
    assert not isinstance(caught.value, ConversationLimit)
    assert len(messages(server)) == 2


def test_rate_limit_with_retry_after_is_waited_for_by_a_reading_call(serve, connect):
    server = serve(faults=[Fault(status=429, headers={"Retry-After": "0"})])

    assert connect(server).models()
    assert len(seen(server)) == 2


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "121"}])
def test_rate_limit_is_told_at_once_otherwise(serve, connect, headers):
    server = serve(faults=[Fault(status=429, headers=headers)])

    with pytest.raises(RateLimited):
        connect(server).models()
    assert len(seen(server)) == 1


def test_settings_are_read_again_before_an_unsure_write_is_repeated(serve, connect):
    server = serve(faults=[Fault("POST", status=503, times=2)])

    connect(server).set_system_prompt("omni", "be nice")

    assert [line.split()[0] for line in seen(server)] == ["GET", "POST"] * 3


def test_settings_whose_write_broke_are_read_again(serve, connect):
    server = serve(faults=[Fault("POST", drop="after")])

    connect(server).set_system_prompt("omni", "be nice")

    assert [line.split()[0] for line in seen(server)] == ["GET", "POST"] * 2


def test_settings_are_written_three_times_at_most(serve, connect):
    server = serve(faults=[Fault("POST", status=503, times=None)])

    with pytest.raises(Unavailable):
        connect(server).set_system_prompt("omni", "be nice")
    assert [line.split()[0] for line in seen(server)] == ["GET", "POST"] * 3


@pytest.mark.parametrize("era", ERAS)
def test_prompts_of_many_models_take_one_write(serve, connect, era):
    server = serve(era=era)

    connect(server).set_system_prompts({"omni": "a", "local/plain": "b", "local/documents": "c"})

    assert [line.split()[0] for line in seen(server)] == ["GET", "POST"]


@pytest.mark.parametrize("era", ERAS)
def test_list_that_breaks_is_asked_for_again(serve, connect, era):
    server = serve(era=era, faults=[Fault("GET", LISTS[era], drop="after")])

    assert connect(server).fetch_conversations() == {}
    assert len(seen(server)) == 2
