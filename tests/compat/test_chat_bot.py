"""The bot by its old names: what it is given, its conversations and its models."""

from __future__ import annotations

import json
import pickle
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from server.counting import messages, seen

from hugchat_sync import Client, UsageError
from hugchat_sync.compat import exceptions, hugchat
from hugchat_sync.compat.hugchat import ChatBot
from hugchat_sync.errors import HugChatDeprecationWarning, Unavailable
from hugchat_sync.local.testing import Fault

COOKIES = {"token": "a-made-up-token", "hf-chat": "a-made-up-session"}
NOWHERE = "f" * 24


def sent_cookie(server):
    return {name.lower(): value for name, value in messages(server)[-1].headers.items()}["cookie"]


def elsewhere(server):
    """Make a conversation as another program of the same account does."""
    with Client(server.url, cookies=COOKIES) as client:
        return client.create_conversation("local/plain")


# credentials -----------------------------------------------------------------------------------


def jar():
    cookies = hugchat.RequestsCookieJar()
    for name, value in COOKIES.items():
        cookies.set(name, value, domain="127.0.0.1", path="/")
    return cookies


@pytest.mark.parametrize("given", [COOKIES, jar()], ids=["dict", "jar"])
def test_cookies_are_a_dict_or_a_jar_by_name_or_in_the_first_place(stage, given):
    for made in (ChatBot(given), ChatBot(cookies=given)):
        assert made.chat("hi") == "Hello, world."
        assert "a-made-up-session" in sent_cookie(stage)
        assert made.get_cookies() == made.cookies == COOKIES


def test_cookie_path_is_a_file_and_renewals_are_written_there(door, tmp_path):
    path = tmp_path / "cookies.json"
    path.write_text(json.dumps(COOKIES))
    door.renewed_session = "a-renewed-session"

    assert ChatBot(cookie_path=str(path)).chat("hi") == "Hello, world."
    assert json.loads(path.read_text()) == {**COOKIES, "hf-chat": "a-renewed-session"}


@pytest.mark.parametrize(
    "given",
    [
        {"cookies": COOKIES, "cookie_path": "cookies.json"},
        {"cookie_path": "nowhere.json"},
        {"cookies": ""},
        {"cookies": "[]"},
        {"cookies": [{"name": "token", "value": "a-made-up-token", "expirationDate": 1}]},
        {"cookies": 5},
        {"default_llm": 99},
        {"default_llm": "nobody/has-it"},
        {"default_llm": 2.5},
    ],
    ids=str,
)
def test_what_cannot_be_right_is_said_by_the_constructor(stage, given):
    with pytest.raises(exceptions.ChatBotInitError) as caught:
        ChatBot(**given)

    assert "a-made-up" not in f"{caught.value!r} {caught.value}"


def test_model_that_is_not_there_names_those_that_are(stage):
    with pytest.raises(exceptions.ChatBotInitError, match="local/plain") as caught:
        ChatBot(default_llm="local/plane")

    assert caught.value.nearest[0] == caught.value.__cause__.nearest[0] == "local/plain"


def test_without_credentials_the_bot_is_a_visitor(stage):
    made = ChatBot()

    assert made.chat("hi") == "Hello, world."
    assert made.chat("again") == "Hello, world."


def test_cookies_of_a_file_that_have_expired_are_told_and_an_empty_file_is_a_visitors(
    stage, tmp_path
):
    path = tmp_path / "cookies.json"
    path.write_text('[{"name": "token", "value": "a-made-up-token", "expirationDate": 1}]')
    with pytest.raises(exceptions.ChatBotInitError, match="expired"):
        ChatBot(cookie_path=str(path))
    assert ChatBot({}).chat("hi") == "Hello, world."
    for nothing in ("{}", "", "{\n}\n", '{"cookies": {}}'):
        path.write_text(nothing)
        assert ChatBot(cookie_path=str(path)).chat("hi") == "Hello, world."
        assert "hf-chat" in path.read_text()


def test_without_arguments_the_credentials_are_those_of_the_environment(stage, monkeypatch):
    monkeypatch.setenv("HUGCHAT_SYNC_COOKIES", "token=t-of-the-environment; hf-chat=environment")
    ChatBot().chat("hi")

    assert "hf-chat=environment" in sent_cookie(stage)


# the constructor's conversation ----------------------------------------------------------------


def test_constructor_sends_nothing_and_leaves_no_conversation(stage):
    ChatBot(COOKIES, system_prompt="Be brief.")

    assert seen(stage) == []


def test_threads_that_begin_at_once_share_the_constructors_conversation(stage, bot):
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(bot.chat, ["hi"] * 8))

    assert answers == ["Hello, world."] * 8
    assert seen(stage).count("POST /conversation") == 1
    assert len(messages(stage)) == 8


@pytest.mark.parametrize(
    "use",
    [
        lambda bot: bot.current_conversation,
        lambda bot: bot.get_conversation_list()[0],
        lambda bot: bot.get_conversation_info(),
        lambda bot: bot.chat("hi").conversation,
    ],
    ids=["current", "list", "info", "chat"],
)
def test_first_use_makes_the_constructors_conversation(stage, bot, use):
    used = use(bot)

    assert used == bot.current_conversation == bot.get_conversation_list()[0]
    assert seen(stage).count("POST /conversation") == 1


def test_constructors_conversation_stands_first_in_the_list(bot):
    other = bot.new_conversation()
    bot.chat("hi")

    assert bot.get_conversation_list() == [bot.current_conversation, other]


def test_system_prompt_of_the_constructor_reaches_the_model(stage):
    ChatBot(COOKIES, system_prompt="Be brief.").chat("hi")

    assert stage.turns[-1].system_prompt == "Be brief."


# conversations ---------------------------------------------------------------------------------


def test_conversation_is_its_id_and_an_object(bot):
    made = bot.new_conversation(switch_to=True)

    assert made == made.id == str(made) == json.loads(json.dumps({"it": made}))["it"]
    assert {made: 1}[str(made)] == 1
    assert pickle.loads(pickle.dumps(made)).model.id == made.model.id == "omni"
    assert (made.title, made.history) == ("New Chat", [])


def test_new_conversation_takes_a_model_a_prompt_and_a_switch(stage, bot):
    before = bot.current_conversation
    aside = bot.new_conversation(modelIndex=1, system_prompt="Be brief.")
    assert bot.current_conversation == before
    bot.chat("hi", conversation=aside)
    turn = stage.turns[-1]
    assert (turn.model, turn.system_prompt) == ("local/documents", "Be brief.")

    switched = bot.new_conversation(switch_to=True)

    assert bot.current_conversation == switched


@pytest.mark.parametrize("named", [str, lambda made: made], ids=["id", "object"])
def test_conversation_may_be_named_by_its_id_or_as_an_object(stage, bot, named):
    made = bot.new_conversation()
    for text in ("one", "two"):
        bot.chat(text, conversation=named(made))
    assert len(stage.turns[-1].history) == 2
    bot.change_conversation(named(made))
    assert bot.current_conversation == made
    assert bot.get_conversation_info(named(made)) is made
    assert bot.share_conversation(named(made)).startswith(stage.url)
    bot.delete_conversation(named(made))
    assert made not in bot.get_conversation_list()
    bot.current_conversation = named(bot.new_conversation())
    assert bot.current_conversation == bot.get_conversation_list()[-1]


def test_conversation_of_another_program_is_asked_for(stage, bot):
    other = elsewhere(stage)
    bot.change_conversation(other)

    assert bot.current_conversation.model.id == "local/plain"
    assert bot.get_conversation_list() == [other]


@pytest.mark.parametrize("wrong", [NOWHERE, "no id", 5], ids=str)
def test_conversation_that_is_not_there_changes_nothing(bot, wrong):
    before = bot.current_conversation
    with pytest.raises(exceptions.InvalidConversationIDError):
        bot.change_conversation(wrong)

    assert bot.current_conversation == before


def test_remote_conversations_are_those_of_the_account(stage, bot):
    elsewhere(stage)
    mine = bot.current_conversation
    (newest, oldest) = bot.get_remote_conversations(replace_conversation_list=False)
    assert bot.get_conversation_list() == [mine]
    assert {newest, oldest} > {mine}

    assert bot.get_remote_conversations() == bot.get_conversation_list() == [newest, oldest]


def test_conversation_is_found_in_the_list_by_its_id(bot):
    made = bot.new_conversation()

    assert bot.get_conversation_from_id(str(made)) is made
    assert bot.get_conversation_from_id(str(made), return_index=True) == 0
    assert bot.get_conversation_from_id(NOWHERE) is None


def test_information_holds_title_model_prompt_and_history(bot):
    made = bot.new_conversation(system_prompt="Be brief.", switch_to=True)
    bot.chat("one").wait_until_done()
    info = bot.get_conversation_info()

    assert info is made
    assert (info.title, info.model.id, info.system_prompt) == ("New Chat", "omni", "Be brief.")
    assert [(node.role, node.content) for node in info.history] == [
        ("user", "one"),
        ("assistant", "Hello, world."),
    ]
    asked, answered = info.history
    assert answered.ancestors == [asked.id] and asked.children == [answered.id]
    assert str(asked) == "one" and asked.created_at > 1.6e9


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-02T03:04:05.1234567Z", ""])
def test_moment_that_nobody_can_read_hides_no_message(stage, bot, moment):
    bot.chat("one").wait_until_done()
    bot.get_conversation_info()
    [path] = {
        one.path
        for one in stage.requests
        if re.search("conversations?/[0-9a-f]{24}$", one.path) and one.method == "GET"
    }
    url = stage.url.rpartition("/")[0] + path
    body = requests.get(url, cookies=COOKIES, timeout=10).text
    told = re.sub(r'("createdAt": ?)"[^"]*"', rf'\1"{moment}"', body)
    kind = {"Content-Type": "application/json"}
    stage.faults.add(Fault(path=path, status=200, headers=kind, body=told, times=9))

    nodes = bot.get_conversation_info().history

    assert [node.content for node in nodes] == ["one", "Hello, world."]
    assert all(node.created_at is None or node.created_at > 1.6e9 for node in nodes)


def test_question_is_asked_again_in_other_words(stage, bot):
    bot.chat("one")
    asked = bot.get_conversation_info().history[0]
    bot.chat("another", edit_user_node=asked)

    assert stage.turns[-1].prompt == "another"
    assert not stage.turns[-1].history


def test_deleting_the_current_conversation_leaves_the_next_use_to_make_one(stage, bot):
    before = bot.current_conversation
    bot.delete_conversation()
    assert bot.get_conversation_list() == []
    assert bot.current_conversation != before

    bot.delete_all_conversations()

    assert bot.get_conversation_list() == bot.get_remote_conversations() == []
    assert bot.chat("hi") == "Hello, world."


def test_conversation_that_is_not_there_cannot_be_deleted(bot):
    with pytest.raises(exceptions.DeleteConversationError) as caught:
        bot.delete_conversation(NOWHERE)

    assert isinstance(caught.value.__cause__, exceptions.InvalidConversationIDError)
    with pytest.raises(exceptions.DeleteConversationError):
        bot.delete_conversation(5)


def test_failed_creation_carries_what_the_server_said(play):
    play(faults=[Fault(path="/conversation", status=400, times=9)])
    with pytest.raises(exceptions.CreateConversationError) as caught:
        ChatBot(COOKIES).new_conversation()

    assert caught.value.status == caught.value.__cause__.status == 400


def test_sharing_with_the_authors_of_models_is_a_setting(stage, bot):
    bot.set_share_conversations(False)

    with Client(stage.url, cookies=COOKIES) as client:
        settings = client.settings()
    assert settings.share_conversations_with_model_authors is False


# models ----------------------------------------------------------------------------------------


def test_models_are_listed_and_chosen_by_number(stage, bot):
    models = bot.get_available_llm_models()
    assert [str(one) for one in models] == [one.id for one in bot.get_remote_llms()]
    assert (models[0].id, models[0].displayName, models[0].tools) == ("omni", "Omni", True)
    assert bot.get_active_llm_index() == 0 and bot.active_model is models[0]
    assert bot.switch_llm(2) is True
    assert bot.get_active_llm_index() == 2
    assert bot.get_llm_from_name("local/plain") is bot.active_model is bot.llms[2]
    assert "local/plain" in models and models.index("local/plain") == 2
    assert len({*models, "omni"}) == len(models)
    assert bot.get_llm_from_name("nobody/has-it") is None

    bot.chat("hi")

    assert stage.turns[-1].model == "local/plain"


@pytest.mark.parametrize("number", [99, 4, -1])
def test_there_is_no_model_of_another_number(bot, number):
    with pytest.raises(IndexError):
        bot.switch_llm(number)
    with pytest.raises(IndexError):
        bot.new_conversation(modelIndex=number)


@pytest.mark.parametrize("chosen", [1, "local/documents"])
def test_model_of_the_constructor_is_a_number_or_a_name(stage, chosen):
    made = ChatBot(COOKIES, default_llm=chosen)
    made.chat("hi")

    assert made.active_model.id == stage.turns[-1].model == "local/documents"


# what is gone, and what never happens ----------------------------------------------------------


def test_sampling_parameters_warn_once_and_are_not_sent(stage, bot):
    with pytest.warns(HugChatDeprecationWarning, match="max_new_tokens, temperature") as caught:
        for more in ({}, {"top_k": 50}, {"stop": ["</s>"]}):
            said = bot.query("hi", temperature=0.5, max_new_tokens=9, **more)
            assert said == "Hello, world."

    assert len(caught) == 1 and caught[0].filename == __file__


def test_assistants_warn_once_and_the_bot_goes_on(bot):
    with pytest.warns(HugChatDeprecationWarning, match="assistants are gone") as caught:
        for _ in range(2):
            assert bot.search_assistant(assistant_name="Ada") is None
            assert bot.get_assistant_list_by_page(1) == []
        made = bot.new_conversation(assistant="66017fca58d60bd7d5c5c26c", switch_to=True)

    assert len(caught) == 1
    assert bot.chat("hi").conversation == made


@pytest.mark.usefixtures("hurried")
def test_retry_count_is_the_number_of_tries_and_posts_nothing_twice(play):
    server = play()
    bot = ChatBot(COOKIES)
    bot.new_conversation(switch_to=True)

    def trouble():
        server.faults.add(Fault(path=f"/conversation/{bot.current_conversation}", status=503))

    trouble()
    with pytest.raises(Unavailable):
        bot.chat("one", retry_count=1)
    trouble()

    assert bot.chat("two", retry_count=3) == "Hello, world."
    assert [turn.prompt for turn in server.turns] == ["two"]


def test_subclass_may_have_attributes_and_methods_of_its_own(stage):
    class Mine(ChatBot):
        def __init__(self, cookies):
            self.cookies = cookies
            super().__init__(cookies=cookies)
            self.client = self.model = self.history = self.session = None

        def chat(self, text):
            return super().query(text.upper())

    assert Mine(COOKIES).chat("hi").text == "Hello, world."
    assert stage.turns[-1].prompt == "HI"


def test_bot_pickles(stage, bot):
    bot.chat("one")
    other = pickle.loads(pickle.dumps(bot))

    assert other.current_conversation == bot.current_conversation
    assert other.chat("two") == "Hello, world."
    other._client.close()


def test_wrong_calls_raise_errors_of_ours(bot):
    with pytest.raises(UsageError):
        bot.chat("")
    with pytest.raises(exceptions.InvalidConversationIDError):
        bot.chat("hi", conversation=5)
