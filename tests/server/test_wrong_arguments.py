"""What cannot be right is a UsageError that names it, and nothing is sent."""

from __future__ import annotations

import math

import pytest
from counting import seen
from sampling import each

from hugchat_sync import (
    Bot,
    Client,
    ConversationNotExistError,
    HugChatError,
    HuggingChat,
    Retry,
    ServerError,
    Sign,
    UsageError,
)
from hugchat_sync.core.config import RequestData
from hugchat_sync.local.testing import Script

HERE = "6" * 24
HALF = "\ud83d"  # the half of an emoji
NO_NAMES = (None, "", " ", 5, b"x", ["x"], {"x": 1})
NO_TEXTS = (None, 5, b"x", ["x"])

CALLS = [
    *[lambda c, x=x: c.retry(x, HERE) for x in NO_NAMES],
    *[lambda c, x=x: c.edit(x, "text", HERE) for x in NO_NAMES],
    *[lambda c, x=x: c.remove_message(x, HERE) for x in NO_NAMES],
    *[lambda c, x=x: c.chat("hi", HERE, parent_id=x) for x in NO_NAMES if x is not None],
    *[lambda c, x=x: c.import_share(x) for x in NO_NAMES],
    *[lambda c, x=x: c.mcp_health(x) for x in NO_NAMES],
    *[lambda c, x=x: c.mcp_health("https://a.example", x) for x in (5, "x", ["x"], {"x": 1})],
    *[lambda c, x=x: c.answer_elicitation(x, "accept", {}, HERE) for x in NO_NAMES],
    *[lambda c, x=x: c.answer_elicitation("e", "accept", x, HERE) for x in (5, "x", ["x"])],
    lambda c: c.answer_elicitation("e", "accept", {"x": b"x"}, HERE),
    lambda c: c.answer_elicitation("e", ["accept"], {}, HERE),
    *[lambda c, x=x: c.transcribe(x) for x in (None, 5, "x", ["x"], {})],
    *[
        lambda c, x=x: c.transcribe(b"x", x)
        for x in (5, b"x", ["x"], HALF, "a\r\nX: y", "a\0", " ")
    ],
    *[lambda c, x=x: c.download("sha", x, HERE) for x in (None, 5, b"x", ["x"])],
    *[lambda c, x=x: c.chat("hi", HERE, files=x) for x in (None, 5, True, object())],
    *[lambda c, x=x: c.edit("m", "hi", HERE, x) for x in (None, 5)],
    *[lambda c, x=x: c.chat("hi", HERE, mcp_servers=x) for x in (5, True, 1.5, object())],
    *[
        lambda c, x=x: c.chat("hi", HERE, mcp_servers=[x])
        for x in (
            5,
            {"name": 1, "url": "https://a.example"},
            {"name": "n", "url": 2},
            {"name": "n", "url": "https://a.example", "headers": 5},
            {"name": "n", "url": "https://a.example", "headers": {"x": 1}},
        )
    ],
    *[lambda c, x=x: c.chat("hi", model=x) for x in (0, [], 5, b"x")],
    *[lambda c, x=x: c.create_conversation(x) for x in (0, [], 5, b"x")],
    *[lambda c, x=x: c.with_options(model=x) for x in (0, [], 5, b"x")],
    *[lambda c, x=x: c.set_system_prompt(x, "text") for x in NO_NAMES],
    *[lambda c, x=x: c.set_system_prompt("model", x) for x in NO_TEXTS],
    *[lambda c, x=x: c.set_system_prompts(x) for x in NO_TEXTS],
]


@each("call", CALLS)
def test_value_that_cannot_be_right_is_refused_unsent(serve, connect, call):
    server = serve()

    with pytest.raises(UsageError):
        call(connect(server))
    assert all(one.startswith("GET ") for one in seen(server))  # the list of tool servers


@each(
    "call",
    [
        lambda bot, x: bot.history(x) if x is not None else bot.history(5),
        lambda bot, x: bot.switch_conversation(x),
        lambda bot, x: bot.remove_conversation(x),
        lambda bot, x: bot.removeConversation(x),
        lambda bot, x: bot.switchConversation(x),
        lambda bot, x: bot.updateTitle(x),
    ],
)
def test_what_can_be_no_conversation_is_none(serve, connect, call):
    server = serve()
    bot = connect(server, Bot)

    for name in NO_NAMES:
        with pytest.raises(ConversationNotExistError) as caught:
            call(bot, name)
        assert caught.value.status is None
    assert seen(server) == []


@each(
    "call",
    [
        lambda client: client.retry(HALF),
        lambda client: client.edit(HALF, "text"),
        lambda client: client.conversation().path(HALF),
        lambda client: client.ask("hi", mcp_servers=[HALF]),
        lambda client: client.ask("hi", model=HALF),
    ],
)
def test_error_about_half_a_character_can_be_printed(serve, connect, call):
    client = connect(serve())
    client.ask("hi")

    with pytest.raises(HugChatError) as caught:
        call(client)
    str(caught.value).encode("utf-8")


def test_half_a_character_in_a_form_is_not_taken_for_a_bad_reply(serve, connect):
    with pytest.raises(ServerError):  # no model is called like that
        connect(serve(era="lines-2023")).update_settings(active_model=HALF)


@each(
    "changes",
    [
        {"direct_paste": b"x"},
        {"billing_organization": object()},
        {"hide_prompt_examples": {"omni": math.inf}},
        {"custom_prompts": None},
        {"custom_prompts": ["x"]},
        {"custom_prompts": {"omni": 5}},
    ],
)
def test_setting_that_cannot_be_right_is_refused_unwritten(serve, connect, changes):
    server = serve()

    with pytest.raises(UsageError):
        connect(server).update_settings(**changes)
    assert [one for one in seen(server) if not one.startswith("GET ")] == []


def test_parameters_that_are_no_json_are_refused_before_they_are_sent(serve, connect):
    server = serve(era="lines-2023")
    client = connect(server)
    made = client.create_conversation()
    before = len(seen(server))

    with pytest.raises(UsageError, match="JSON"):
        client.chat("hi", made, custom_data=RequestData(id=object()))  # type: ignore[arg-type]
    assert all(one.startswith("GET ") for one in seen(server)[before:])


@each(
    "make, options",
    [
        (make, options)
        for options in (
            {"timeout": 0},
            {"timeout": "5"},
            {"retries": 3},
            {"retries": Retry(tries=0)},
            {"retries": Retry(first_delay=-1)},
            {"retries": Retry(first_delay="1")},  # type: ignore[arg-type]
            {"retries": Retry(longest_delay=math.nan)},
            {"retries": Retry(longest_retry_after=None)},  # type: ignore[arg-type]
            {"dialect": "v3"},
            {"dialect": 5},
            {"session": 5},
            {"max_per_minute": 0},
        )
        for make in (Client, HuggingChat)
    ],
)
def test_option_that_cannot_be_right_is_refused_by_whoever_is_given_it(make, options):
    with pytest.raises(UsageError):
        make(**options)


@each("email", [5, b"me@example.org", ["me@example.org"]])
def test_address_that_is_no_text_is_refused(email):
    with pytest.raises(UsageError):
        Client(email=email)
    with pytest.raises(UsageError):
        HuggingChat().getBot(email)
    with pytest.raises(UsageError):
        Sign(email)


@each("email", ["", " "])
def test_sign_in_without_an_address_is_refused_unsent(serve, email):
    server = serve()

    with pytest.raises(UsageError, match="e-mail"):
        Sign(email, "secret", base_url=server.url).login()
    assert seen(server) == []


@each("timeout", ["1", math.nan, [], b"1"])
def test_time_to_wait_for_that_is_no_number_is_refused(serve, connect, timeout):
    message = connect(serve(Script(tokens=["a", "b"], delay=0.2))).chat("hi")

    with pytest.raises(UsageError, match="timeout"):
        message.wait(timeout)
    message.text()
