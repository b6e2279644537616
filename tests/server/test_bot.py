"""The wiki's bot against a server: every method, with and without waiting."""

from __future__ import annotations

import re
from concurrent.futures import Future
from functools import partial

import pytest
from counting import messages, seen

from hugchat_sync import (
    Bot,
    ConversationNotExistError,
    HugChatDeprecationWarning,
    HuggingChat,
    NotFound,
    UsageError,
)
from hugchat_sync.core.config import RequestData
from hugchat_sync.local.testing import Fault
from hugchat_sync.rate_limit import Pace
from hugchat_sync.utils import formatHistory

ERAS = ["v2-2025", "lines-2023"]
WAYS = {
    "waiting": lambda method, *arguments: method(*arguments),
    "wait=True": lambda method, *arguments: method(*arguments, wait=True),
    "wait=False": lambda method, *arguments: method(*arguments, wait=False).result(5),
}


@pytest.fixture(params=ERAS)
def era(request):
    return request.param


@pytest.fixture(params=WAYS)
def call(request):
    return WAYS[request.param]


@pytest.fixture()
def bot(serve, era):
    server = serve(era=era, title="Greeting")
    with HuggingChat(server.url, dialect=era) as hug:
        yield hug.getBot()


def test_script_of_the_wiki_runs(serve, era):
    server = serve(era=era)
    hug = HuggingChat(server.url)
    bot = hug.getBot("a@example.org", {"hf-chat": "a-session"})

    message = bot.chat("hi")
    while not message.isDone():
        pass

    assert message.getFinalText() == "Hello, world."
    assert message.getConversation() == bot.current_conversation
    assert len(messages(server)) == 1
    hug.close()


def test_bot_knows_its_conversations_from_the_start(serve, era):
    server = serve(era=era)
    with HuggingChat(server.url, dialect=era) as hug:
        made = hug.getBot(cookies={"hf-chat": "same"}).createConversation()
        again = hug.getBot(cookies={"hf-chat": "same"})

    assert list(again.conversations) == [made]
    assert again.current_conversation is None


def test_bot_has_what_it_was_given(serve):
    with HuggingChat(serve().url, dialect="v2-2025") as hug:
        bot = hug.getBot("a@example.org", {"hf-chat": "s"}, "local/plain")

    assert (type(bot), bot.email, bot.model) == (Bot, "a@example.org", "local/plain")
    assert bot.cookies.get_dict() == {"hf-chat": "s"}


def test_create(bot, call):
    made = call(bot.createConversation)

    assert re.fullmatch("[0-9a-f]{24}", made)
    assert (bot.current_conversation, list(bot.conversations)) == (made, [made])


def test_fetch(bot, call):
    made = bot.createConversation()

    assert call(bot.fetchConversations) is None
    assert list(bot.conversations) == [made]


def test_histories(bot, call):
    bot.chat("hi").text()

    found = call(bot.getHistoriesByID, bot.current_conversation)

    assert [set(entry) for entry in found] == [
        {"conversation_id", "is_user", "text", "text_id"}
    ] * 2
    assert [(entry["is_user"], entry["text"]) for entry in found] == [
        (1, "hi"),
        (0, "Hello, world."),
    ]
    assert [type(entry["is_user"]) for entry in found] == [int, int]


def test_histories_of_the_current_conversation(bot):
    bot.chat("hi").text()

    assert bot.getHistoriesByID() == bot.getHistoriesByID(bot.current_conversation)


def test_histories_where_nothing_is_current_are_empty(bot, era):
    assert bot.getHistoriesByID() == []
    assert bot.getHistoriesByID(wait=False).result(5) == []


def test_histories_can_be_shown(bot):
    bot.chat("hi").text()

    assert "Hello, world." in formatHistory(bot.getHistoriesByID())


def test_title(bot, call):
    bot.chat("hi").text()

    title = call(bot.updateTitle, bot.current_conversation)

    assert "Greeting" in title
    assert bot.conversations[bot.current_conversation] == title


def test_system_prompt(bot, call):
    assert call(bot.setSystemPrompt, "local/plain", "be nice") is None
    assert bot.settings().custom_prompts == {"local/plain": "be nice"}


def test_system_prompts(bot, call):
    assert call(bot.setSystemPrompts, {"local/plain": "a", "local/documents": "b"}) is None
    assert bot.settings().custom_prompts == {"local/plain": "a", "local/documents": "b"}


def test_remove(bot, call):
    made = bot.createConversation()

    assert call(bot.removeConversation, made) is None
    assert (bot.conversations, bot.current_conversation) == ({}, None)


def test_removing_what_is_not_known_sends_nothing(serve, call):
    server = serve()
    with Bot(server.url, dialect="v2-2025") as bot, pytest.raises(ConversationNotExistError):
        call(bot.removeConversation, "f" * 24)

    assert seen(server) == []


def test_switch_and_map(bot):
    first = bot.createConversation()
    second = bot.createConversation()

    bot.switchConversation(first)

    assert bot.current_conversation == first
    assert set(bot.getConversations()) == {first, second}


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("fetchConversations", ()),
        ("createConversation", ()),
        ("setSystemPrompt", ("local/plain", "p")),
        ("setSystemPrompts", ({"local/plain": "p"},)),
        ("getHistoriesByID", ()),
    ],
)
def test_without_waiting_a_real_future_comes_back(bot, method, arguments):
    future = getattr(bot, method)(*arguments, wait=False)

    assert isinstance(future, Future)
    assert future.exception(5) is None


def test_subclass_that_creates_in_its_own_way_changes_the_old_name_too(serve):
    class Mine(Bot):
        def create_conversation(self, model=None, system_prompt=None):
            return super().create_conversation("local/plain", "mine")

    with Mine(serve().url, dialect="v2-2025") as bot:
        waiting, later = bot.createConversation(), bot.createConversation(wait=False).result(5)

        assert {bot.conversation(one).system_prompt for one in (waiting, later)} == {"mine"}


# custom data ---------------------------------------------------------------------------------


def test_text_wins_over_inputs(serve, connect):
    server = serve()
    bot = connect(server, Bot)

    bot.chat("hi", custom_data=RequestData(inputs="other")).text()
    bot.chat("", custom_data=RequestData(inputs="from inputs")).text()

    assert [entry["text"] for entry in bot.getHistoriesByID()][::2] == ["hi", "from inputs"]


def test_field_that_the_server_cannot_take_is_warned_of_once(serve, connect):
    server = serve()
    bot = connect(server, Bot)
    data = RequestData(parameters={"top_k": 5}, options={}, stream=True)

    with pytest.warns(HugChatDeprecationWarning, match="parameters, options, stream") as caught:
        bot.chat("hi", custom_data=data).text()

    assert [one.filename for one in caught] == [__file__]
    assert len(messages(server)) == 1


def test_ids_of_2023_are_taken_by_a_server_of_2023(serve, connect):
    server = serve(era="lines-2023")
    ours = "01234567-89ab-4def-8123-456789abcdef"
    bot = connect(server, Bot)

    bot.chat("hi", custom_data=RequestData(id=ours)).text()

    assert bot.getHistoriesByID()[0]["text_id"] == ours


def test_search_wish_in_custom_data_is_a_search(serve, connect, era):
    server = serve(era=era)

    message = connect(server, Bot).chat("hi", custom_data=RequestData(web_search=True))

    assert message.web_search_enabled is True
    assert message.text() == "Hello, world."


def test_custom_data_may_be_a_dict(serve, connect):
    assert connect(serve(), Bot).chat("", custom_data={"inputs": "hi"}).text() == "Hello, world."


def test_unknown_field_of_custom_data_is_refused(serve, connect):
    with pytest.raises(UsageError, match="temperature"):
        connect(serve(), Bot).chat("hi", custom_data={"temperature": 1})


# the way in ----------------------------------------------------------------------------------


def test_bot_that_could_not_be_made_is_closed_with_the_others(serve, monkeypatch):
    closed = []
    monkeypatch.setattr(Bot, "close", lambda bot: closed.append(bot))
    server = serve(faults=[Fault("GET", status=404, times=None)])
    hug = HuggingChat(server.url, dialect="v2-2025")
    with pytest.raises(NotFound):
        hug.getBot()

    hug.close()

    assert len(closed) == 1


def test_leaving_the_block_closes_the_bots(serve):
    server = serve()
    with HuggingChat(server.url, dialect="v2-2025") as hug:
        message = hug.getBot().chat("hi")

    assert message.is_over


def test_bots_share_one_pace(serve, monkeypatch):
    slept = []
    server = serve()
    standing = partial(Pace, clock=lambda: 100.0, sleep=slept.append)
    monkeypatch.setattr("hugchat_sync.bot.Pace", standing)
    with HuggingChat(server.url, dialect="v2-2025", max_per_minute=600) as hug:
        for bot in (hug.getBot(), hug.getBot()):
            for _ in range(2):
                bot.ask("hi")

    assert [round(seconds, 6) for seconds in slept] == [0.1, 0.2, 0.3]
