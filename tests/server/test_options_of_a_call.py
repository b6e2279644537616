"""What is said for one call, for a part of a program, or once and for all."""

from __future__ import annotations

import logging
import pickle
import time

import pytest
from counting import messages, seen

from hugchat_sync import (
    Bot,
    Client,
    ConversationNotExistError,
    GenerationError,
    HugChatDeprecationWarning,
    HugChatError,
    HuggingChat,
    ListBots,
    ModelNotFound,
    Retry,
    TimedOut,
    Timeout,
    UsageError,
)
from hugchat_sync.events import FileCreated
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Fault, Script, Scripted

UNKNOWN = "6" * 24
SLOW = Script(tokens=["late", " "] * 20, delay=0.2)


def other_model(client):
    return client.models()[1].id


# a model, a system prompt and a time for one question ------------------------------------------


@pytest.mark.parametrize("way", ["chat", "ask"])
def test_model_begins_a_conversation_which_becomes_current(serve, connect, way):
    client = connect(serve())
    first, model = client.create_conversation(), other_model(client)

    answer = getattr(client, way)("hi", model=model)

    if way == "chat":
        answer.text()
    assert client.current_conversation not in (None, first)
    assert client.conversation().model == model


def test_system_prompt_begins_a_conversation_with_it(serve, connect):
    client = connect(serve())
    first = client.create_conversation()

    client.ask("hi", system_prompt="Be brief.")

    assert client.current_conversation != first
    assert client.conversation().system_prompt == "Be brief."


def test_empty_system_prompt_begins_a_conversation_without_one(serve, connect):
    client = connect(serve())
    client.set_system_prompt(client.models()[0].id, "Stored.")
    first = client.create_conversation()

    client.ask("hi", system_prompt="")

    assert client.current_conversation != first
    assert client.conversation().system_prompt == ""


def test_question_without_them_goes_on_in_the_new_conversation(serve, connect):
    client = connect(serve())
    client.ask("hi", model=other_model(client))
    made = client.current_conversation

    client.ask("and now?")

    assert client.current_conversation == made
    assert [entry.text for entry in client.history() if entry.is_user] == ["hi", "and now?"]


@pytest.mark.parametrize("way", ["chat", "ask"])
def test_system_prompt_for_a_conversation_that_is_there_is_refused_unsent(serve, connect, way):
    server = serve()
    client = connect(server)
    made = client.create_conversation()
    before = len(server.requests)

    with pytest.raises(UsageError, match="system prompt"):
        getattr(client, way)("hi", made, system_prompt="Be brief.")
    assert len(server.requests) == before


def test_another_model_than_that_of_the_conversation_is_refused_unsent(serve, connect):
    server = serve()
    client = connect(server)
    made = client.create_conversation()

    with pytest.raises(UsageError, match=other_model(client)):
        client.ask("hi", made, model=other_model(client))
    assert messages(server) == []


def test_model_of_the_conversation_itself_is_taken(serve, connect):
    client = connect(serve())
    made = client.create_conversation(other_model(client))

    assert client.ask("hi", made, model=other_model(client)) == "Hello, world."
    assert client.conversation(made).path()[-2].text == "hi"


def test_model_that_is_not_offered_leaves_the_current_conversation(serve, connect):
    client = connect(serve())
    first = client.create_conversation()

    with pytest.raises(ModelNotFound):
        client.ask("hi", model="no/such")
    assert client.current_conversation == first


@pytest.mark.parametrize("timeout", [0.6, Timeout(total=0.6)])
def test_timeout_of_one_answer_is_for_that_one_only(serve, connect, timeout):
    client = connect(serve(SLOW, ["quick"]))
    began = time.monotonic()

    with pytest.raises(TimedOut) as caught:
        client.ask("hi", timeout=timeout)

    assert time.monotonic() - began < 3
    assert caught.value.partial.startswith("late")
    client.stop()
    assert client.ask("hi", client.create_conversation()) == "quick"


@pytest.mark.parametrize("timeout", [0, -1, "long", True, Timeout(total=0)])
@pytest.mark.parametrize("way", ["chat", "ask", "with_options"])
def test_timeout_that_cannot_be_right_is_refused_unsent(serve, connect, timeout, way):
    server = serve()
    client = connect(server)
    arguments = () if way == "with_options" else ("hi",)

    with pytest.raises(UsageError, match="timeout"):
        getattr(client, way)(*arguments, timeout=timeout)
    assert seen(server) == []


def test_prompt_object_of_the_wikis_time_is_sent_as_its_text(serve, connect):
    server = serve()
    client = connect(server)

    with pytest.warns(HugChatDeprecationWarning, match="PromptLlama"):
        client.ask(ListBots.PromptLlama("be nice", "hi"))

    assert client.history()[0].text == "<<SYS>>\nbe nice\n<</SYS>>\n\nhi"


# temporary questions -----------------------------------------------------------------------------


def test_temporary_question_leaves_nothing_behind(serve, connect):
    client = connect(serve())
    first = client.create_conversation()

    assert client.ask("hi", temporary=True) == "Hello, world."

    assert client.current_conversation == first
    assert list(client.conversations) == [first]
    assert list(client.fetch_conversations()) == [first]


def test_temporary_question_leaves_no_current_conversation_where_none_was(serve, connect):
    client = connect(serve())

    client.ask("hi", temporary=True, model=other_model(client), system_prompt="Be brief.")

    assert client.current_conversation is None
    assert client.fetch_conversations() == {}


def test_temporary_question_is_asked_with_its_model_and_prompt(connect):
    model = Scripted(["Hello."])
    with LocalServer(responder=model) as server:
        client = connect(server)

        client.ask("hi", temporary=True, model=other_model(client), system_prompt="Be brief.")

        (turn,) = model.turns
        assert (turn.model, turn.system_prompt) == (other_model(client), "Be brief.")


@pytest.mark.parametrize(
    ("script", "error", "options"),
    [
        (Script(tokens=["half"], error="out of memory"), GenerationError, {}),
        (SLOW, TimedOut, {"timeout": 0.6}),
    ],
)
def test_temporary_question_leaves_nothing_behind_after_an_error(
    serve, connect, script, error, options
):
    client = connect(serve(script))
    first = client.create_conversation()

    with pytest.raises(error):
        client.ask("hi", temporary=True, **options)

    assert client.current_conversation == first
    assert list(client.fetch_conversations()) == [first]


def test_answer_is_not_lost_over_a_temporary_conversation_that_stays(serve, connect, caplog):
    gone = Fault(method="DELETE", path="conversation", status=403, times=None)
    client = connect(serve(faults=[gone]))

    with caplog.at_level(logging.WARNING, "hugchat_sync"):
        assert client.ask("hi", temporary=True) == "Hello, world."

    assert "was not removed" in caplog.text
    assert client.current_conversation is None


def test_what_cannot_be_sent_makes_no_temporary_conversation(serve, connect):
    server = serve()

    with pytest.raises(UsageError):
        connect(server).ask("", temporary=True)
    assert seen(server) == []


def test_temporary_question_in_a_conversation_that_is_there_is_refused(serve, connect):
    server = serve()
    client = connect(server)
    made = client.create_conversation()
    before = len(server.requests)

    with pytest.raises(UsageError, match="temporary"):
        client.ask("hi", made, temporary=True)
    assert len(server.requests) == before
    assert list(client.fetch_conversations()) == [made]


# the same client in other words ------------------------------------------------------------------


def test_client_with_other_options_shares_its_conversations(serve, connect):
    client = connect(serve())
    other = client.with_options(timeout=30)

    made = other.create_conversation()

    assert (client.current_conversation, list(client.conversations)) == (made, [made])
    client.ask("hi")
    assert [entry.text for entry in other.history()] == ["hi", "Hello, world."]


def test_client_with_another_model_begins_conversations_with_it(serve, connect):
    client = connect(serve())
    model = other_model(client)

    other = client.with_options(model=model)
    made = other.create_conversation()

    assert (client.model, other.model) == (None, model)
    assert client.conversation(made).model == model


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.ask("hi"),
        lambda client: client.models(),
        lambda client: client.settings(),
        lambda client: client.whoami(),
        lambda client: client.check(),
        lambda client: client.fetch_conversations(),
        lambda client: client.create_conversation("omni", ""),
        lambda client: client.history(UNKNOWN),
        lambda client: client.remove_conversation(UNKNOWN),
        lambda client: client.list_mcp_servers(),
        lambda client: client.update_settings(direct_paste=True),
    ],
)
def test_timeout_of_a_part_holds_for_every_call(serve, connect, call):
    client = connect(serve(faults=[Fault(delay=5, times=None)]))
    hurried = client.with_options(timeout=0.4)
    began = time.monotonic()

    with pytest.raises(TimedOut):
        call(hurried)
    assert time.monotonic() - began < 3


def test_patience_of_a_part_holds_for_its_calls(serve, connect):
    broken = Fault(method="GET", path="models", status=503, times=None)
    server = serve(faults=[broken])
    client = connect(server, retries=Retry(tries=1))
    counts = []

    for one in (client, client.with_options(retries=Retry(tries=4, first_delay=0.01)), client):
        before = len(server.requests)
        with pytest.raises(HugChatError):
            one.models()
        counts.append(len(server.requests) - before)

    assert counts == [1, 4, 1]


def test_options_pile_up(serve, connect):
    client = connect(serve(faults=[Fault(delay=5, times=None)]))

    hurried = client.with_options(timeout=0.4).with_options(model="omni")

    with pytest.raises(TimedOut):
        hurried.models()
    assert hurried.model == "omni"


def test_bot_with_other_options_is_a_bot(serve, connect):
    bot = connect(serve(), Bot)

    other = bot.with_options(timeout=30)

    assert isinstance(other, Bot)
    assert other.createConversation(wait=False).result(20) == bot.current_conversation


def test_client_with_other_options_pickles(serve, connect):
    client = connect(serve(faults=[Fault(delay=5, times=None)])).with_options(timeout=0.4)

    with pickle.loads(pickle.dumps(client)) as copy, pytest.raises(TimedOut):
        copy.models()


def test_default_model_comes_from_the_environment(serve, connect, monkeypatch):
    server = serve()
    model = other_model(connect(server))
    monkeypatch.setenv("HUGCHAT_SYNC_MODEL", model)
    client = connect(server)

    client.ask("hi")

    assert client.conversation().model == model
    assert connect(server, model="omni").model == "omni"


# the end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.ask("hi"),
        lambda client: client.ask("hi", temporary=True),
        lambda client: client.chat("hi", UNKNOWN),
        lambda client: client.models(),
        lambda client: client.whoami(),
        lambda client: client.check(),
        lambda client: client.settings(),
        lambda client: client.update_settings(direct_paste=True),
        lambda client: client.set_system_prompt("omni", "x"),
        lambda client: client.create_conversation(),
        lambda client: client.fetch_conversations(),
        lambda client: list(client.list_conversations()),
        lambda client: client.history(UNKNOWN),
        lambda client: client.conversation(UNKNOWN),
        lambda client: client.switch_conversation(UNKNOWN),
        lambda client: client.rename_conversation(UNKNOWN, "t"),
        lambda client: client.update_title(UNKNOWN),
        lambda client: client.remove_conversation(UNKNOWN),
        lambda client: client.remove_all_conversations(),
        lambda client: client.remove_message("m", UNKNOWN),
        lambda client: client.retry("m", UNKNOWN),
        lambda client: client.edit("m", "t", UNKNOWN),
        lambda client: client.share(UNKNOWN),
        lambda client: client.import_share("abcdefg"),
        lambda client: client.download("s", "f", UNKNOWN),
        lambda client: client.list_mcp_servers(),
        lambda client: client.mcp_health("https://tools.example"),
        lambda client: client.transcribe(b"RIFF"),
        lambda client: client.answer_elicitation("e", "accept", conversation_id=UNKNOWN),
        lambda client: client.with_options(timeout=3).models(),
        lambda client: client.fetchConversations(wait=False).result(5),
        lambda client: client.getHistoriesByID(UNKNOWN),
        lambda client: list(client.map(["hi"])),
    ],
)
def test_closed_client_says_so_and_sends_nothing(serve, call):
    server = serve()
    client = Bot(server.url)
    client.close()

    with pytest.raises(UsageError, match="closed"):
        call(client)
    assert seen(server) == []


@pytest.mark.parametrize("name", ["switch_conversation", "switchConversation"])
def test_closed_client_switches_to_no_conversation(serve, name):
    with Bot(serve().url) as bot:
        made = bot.create_conversation()

    with pytest.raises(UsageError, match="closed"):
        getattr(bot, name)(made)


def test_closing_twice_is_nothing_new(serve):
    client = Client(serve().url)

    client.close()
    client.close()

    assert client.conversations == {}
    assert "Client" in repr(client)


def test_closing_a_part_closes_the_client(serve):
    client = Client(serve().url)

    with client.with_options(timeout=3) as part:
        part.models()

    with pytest.raises(UsageError, match="closed"):
        client.models()


def test_copy_of_a_closed_client_is_a_new_one(serve):
    client = Client(serve().url)
    client.close()

    with pickle.loads(pickle.dumps(client)) as copy:
        assert copy.ask("hi") == "Hello, world."


def test_closed_wiki_entrance_gives_no_bots(serve):
    server = serve()
    hug = HuggingChat(server.url)
    bot = hug.getBot()
    hug.close()

    with pytest.raises(UsageError, match="closed"):
        hug.getBot()
    with pytest.raises(UsageError, match="closed"):
        bot.ask("hi")


# conversations and files by what one has in hand -------------------------------------------------


def test_client_switches_to_a_conversation_that_it_has_not_listed(serve, connect):
    server = serve()
    made = connect(server).create_conversation()  # by a visitor of their own
    first = connect(server)
    made = first.create_conversation()
    first.rename_conversation(made, "Found")
    second = connect(server, cookies=first.cookies)

    second.switch_conversation(made)

    assert second.current_conversation == made
    assert second.conversations == {made: "Found"}


def test_client_does_not_switch_to_what_the_server_does_not_have(serve, connect):
    client = connect(serve())
    first = client.create_conversation()

    with pytest.raises(ConversationNotExistError) as caught:
        client.switch_conversation(UNKNOWN)
    assert caught.value.status == 404
    assert client.current_conversation == first


def test_name_of_the_wiki_switches_to_known_conversations_only(serve, connect):
    server = serve()
    bot = connect(server, Bot)
    before = len(server.requests)

    with pytest.raises(ConversationNotExistError) as caught:
        bot.switchConversation(UNKNOWN)
    assert caught.value.status is None
    assert len(server.requests) == before


def test_file_of_an_event_is_downloaded(serve, connect, tmp_path):
    client = connect(serve())
    client.ask("look", files=[("a.txt", b"the text", "text/plain")])
    (file,) = client.history()[0].files
    event = FileCreated(file.name, file.sha, file.mime)

    where = client.download(event, tmp_path)

    assert where.read_bytes() == b"the text"
    assert where.name.endswith("a.txt")


@pytest.mark.parametrize("file", [None, "", 5, b"sha"])
def test_what_is_no_file_is_refused_unsent(serve, connect, tmp_path, file):
    server = serve()

    with pytest.raises(UsageError, match="FileCreated"):
        connect(server).download(file, tmp_path, UNKNOWN)
    assert seen(server) == []
