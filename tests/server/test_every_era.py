"""The same behaviour on every era, over real ports; nobody tells the client the era."""

from __future__ import annotations

import threading
import warnings
from contextlib import ExitStack
from typing import Any, Callable, Iterator

import pytest
from eras import Play
from eras.arena import Arena, some_servers

from hugchat_sync import Client, ListBots, Retry
from hugchat_sync.errors import (
    ConversationNotExistError,
    FeatureUnavailable,
    GenerationError,
    HugChatDeprecationWarning,
    HugChatError,
    ModelNotFound,
    NotFound,
    RateLimited,
    UnknownDialect,
    UsageError,
)
from hugchat_sync.events import (
    FinalAnswer,
    Status,
    TitleChanged,
    Token,
    Unknown,
    WebSearchError,
    WebSearchSources,
    WebSearchStep,
)

UNKNOWN = "0123456789abcdef01234567"
SOURCES = (("One", "https://one.example/a"), ("Two", "https://two.example/b"))
#: requests that it takes to find out what a server is
DETECTION = {"tgi-2023": 3, "lines-2023": 2, "tree-2024": 2, "v2-2025": 1}
MORE_DETECTION = {"2402": 1}  # version → where lines and trees look alike at first

Starter = Callable[..., "tuple[Client, Arena]"]


def lacks(client: Client, feature: str) -> bool:
    """Return whether this very server has not what its era may have."""
    return feature not in client.check().features


def searches_not(client: Client, arena: Arena) -> bool:
    """Return whether nothing searches here; then a search must be refused."""
    if not lacks(client, "web_search") or arena.version == "":
        return False
    with pytest.raises(FeatureUnavailable):
        client.chat("What is new?", web_search=True)
    assert arena.sent == []
    return True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let each test meet a server of each era and some more, or all of them with ``ALL_CUTS``."""
    if "start" in metafunc.fixturenames:
        names = some_servers(metafunc.function.__name__)
        metafunc.parametrize("start", names, indirect=True)


@pytest.fixture()
def start(request: pytest.FixtureRequest) -> Iterator[Starter]:
    """Start a server of the era with these answers, and a client of it."""
    with ExitStack() as stack:

        def started(*plays: Play, **options: Any) -> tuple[Client, Arena]:
            arena = stack.enter_context(Arena(request.param, *plays, **options))
            return stack.enter_context(Client(arena.url)), arena

        yield started


# the era -------------------------------------------------------------------------------------


def test_era_is_found_out_with_the_fewest_requests(start: Starter) -> None:
    client, arena = start()

    found = client.check().era

    assert found == arena.era
    # the last of them asks who is signed in
    wanted = DETECTION[arena.era] + MORE_DETECTION.get(arena.version, 0)
    assert len(arena.asked) == wanted + 1
    assert arena.sent == []


def test_era_is_found_out_once(start: Starter) -> None:
    client, arena = start()
    client.models()
    before = len(arena.asked)

    client.models()

    assert len(arena.asked) == before + 1


def test_page_of_a_gateway_is_no_era(start: Starter) -> None:
    client, arena = start()
    arena.instead(200, "<html><title>Welcome</title></html>", "text/html", "")

    with pytest.raises(UnknownDialect):
        client.models()


# conversations -------------------------------------------------------------------------------


def test_new_conversation_is_listed_and_current(start: Starter) -> None:
    client, arena = start()

    made = client.create_conversation()

    assert client.current_conversation == made
    assert list(client.fetch_conversations()) == [made]
    assert [one.id for one in client.list_conversations()] == [made]


def test_rename(start: Starter) -> None:
    client, arena = start()
    made = client.create_conversation()

    client.rename_conversation(made, "  Another name ")

    assert client.conversations[made] == "Another name"
    assert client.fetch_conversations()[made] == "Another name"


def test_remove(start: Starter) -> None:
    client, arena = start()
    kept, gone = client.create_conversation(), client.create_conversation()

    client.remove_conversation(gone)

    assert list(client.fetch_conversations()) == [kept]
    assert client.current_conversation is None
    with pytest.raises(ConversationNotExistError):
        client.history(gone)


def test_remove_all(start: Starter) -> None:
    client, arena = start()
    for _ in range(3):
        client.create_conversation()

    count = client.remove_all_conversations()

    assert count == 3
    assert client.fetch_conversations() == {}


def test_temporary_conversation_is_removed(start: Starter) -> None:
    client, arena = start()

    with client.temporary_conversation():
        client.ask("Hi")

    assert client.fetch_conversations() == {}


def test_many_conversations_are_of_one_visitor(start: Starter) -> None:
    client, arena = start()
    made: list[str] = []
    threads = [
        threading.Thread(target=lambda: made.append(client.create_conversation())) for _ in range(3)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(client.fetch_conversations()) == sorted(made)


# messages ------------------------------------------------------------------------------------


def test_chat(start: Starter) -> None:
    client, arena = start(Play(("Hel", "lo ", "there.")))

    message = client.chat("Hi")

    assert "".join(message.tokens()) == "Hello there."
    assert message.text() == message.getFinalText() == "Hello there."
    finals = [event for event in message if isinstance(event, FinalAnswer)]
    assert finals == [FinalAnswer("Hello there.", False)]
    assert [turn.prompt for turn in arena.turns] == ["Hi"]


def test_history_straight_after_the_answer_shows_it(start: Starter) -> None:
    client, arena = start(Play(("One.",)), Play(("Two.",), late=0.2, title="Late"))
    client.ask("First")
    client.ask("Second")

    entries = client.history()

    assert [(entry.is_user, entry.text) for entry in entries] == [
        (1, "First"),
        (0, "One."),
        (1, "Second"),
        (0, "Two."),
    ]
    assert len({entry.text_id for entry in entries}) == 4


def test_second_message_knows_the_first(start: Starter) -> None:
    client, arena = start(Play(("One.",)), Play(("Two.",)))

    client.ask("First")
    client.ask("Second")

    assert [said.strip() for said in arena.turns[1].history] == ["First", "One."]


def test_dropped_answer_loses_nothing(start: Starter) -> None:
    client, arena = start(Play(("One.",)), Play(("Two.",)))

    client.chat("First")
    client.ask("Second")

    assert [entry.text for entry in client.history()] == ["First", "One.", "Second", "Two."]


def test_text_is_what_the_server_stored(start: Starter) -> None:
    client, arena = start(Play(("A first", " try, thrown away"), final="The answer."))

    said = client.ask("Hi")

    assert said == "The answer." == client.history()[-1].text


def test_odd_characters_arrive_whole(start: Starter) -> None:
    text = "caf\u00e9 \U0001f469\u200d\U0001f4bb \u2028 \x85 \u4e2d\u6587 <b>"
    client, arena = start(Play((text[:8], text[8:])))

    said = client.ask(text)

    assert said == text
    assert [entry.text for entry in client.history()] == [text, text]


# titles --------------------------------------------------------------------------------------


def test_title_is_known_after_the_first_answer(start: Starter) -> None:
    client, arena = start(Play(title="Greeting you"))
    message = client.chat("Greeting you").wait()

    title = client.update_title(message.conversation_id)

    # one of 2023 puts a picture in front
    assert title.endswith("Greeting you")
    assert client.conversations[message.conversation_id] == title
    assert client.fetch_conversations()[message.conversation_id] == title


def test_late_title_comes_behind_the_answer(start: Starter) -> None:
    client, arena = start(Play(title="A late one", late=0.2))
    if arena.era in ("tgi-2023", "lines-2023"):
        return  # titles are no part of these answers

    events = list(client.chat("Hi"))

    kinds = [type(event) for event in events]
    assert kinds.index(TitleChanged) > kinds.index(FinalAnswer)
    assert list(client.conversations.values()) == ["A late one"]


# system prompts ------------------------------------------------------------------------------


def test_system_prompt_of_a_conversation(start: Starter) -> None:
    client, arena = start()
    if arena.era == "tgi-2023":
        advice = "conversation prompts" if arena.version == "2305" else "set_system_prompt"
        with pytest.raises(FeatureUnavailable, match=advice):
            client.create_conversation(system_prompt="Be brief.")
        assert arena.sent == []
        return

    client.create_conversation(system_prompt="Be brief.")
    client.ask("Hi")

    assert arena.turns[0].system_prompt == "Be brief."


def test_stored_system_prompt_reaches_the_model(start: Starter) -> None:
    client, arena = start()
    model = client.models()[0].id
    if lacks(client, "system_prompts"):
        return

    client.set_system_prompt(model, "Be kind.")
    client.create_conversation(model)
    client.ask("Hi")

    assert arena.turns[0].system_prompt == "Be kind."
    assert client.settings().custom_prompts == {model: "Be kind."}


def test_removed_system_prompt_is_gone(start: Starter) -> None:
    client, arena = start()
    first, second = (model.id for model in client.models()[:2])
    if lacks(client, "system_prompts"):
        return
    client.set_system_prompts({first: "Be kind.", second: "Be brief."})

    client.set_system_prompt(first, "")

    assert client.settings().custom_prompts == {second: "Be brief."}


def test_changed_settings_come_back_as_the_server_has_them(start: Starter) -> None:
    client, _ = start()
    changes = {"haptics_enabled": False, "search_enabled": False, "direct_paste": True}

    found = client.update_settings(**changes)

    assert found == client.settings()


def test_settings_that_are_not_changed_stay(start: Starter) -> None:
    client, arena = start()
    model = client.models()[1].id
    client.update_settings(active_model=model, share_conversations_with_model_authors=False)

    if lacks(client, "system_prompts"):
        other = client.models()[0].id
        client.update_settings(active_model=other)
        assert client.settings().share_conversations_with_model_authors is False
        return
    client.set_system_prompt(model, "Be kind.")

    settings = client.settings()
    assert settings.active_model == model
    assert settings.share_conversations_with_model_authors is False
    assert settings.custom_prompts == {model: "Be kind."}


@pytest.mark.parametrize(
    "act",
    [
        lambda client, model: client.set_system_prompt(model, "Be kind."),
        lambda client, model: client.update_settings(custom_prompts={model: "Be kind."}),
    ],
    ids=["set_system_prompt", "update_settings"],
)
def test_prompts_that_a_server_does_not_keep_are_refused(start: Starter, act: Any) -> None:
    client, arena = start()
    if not lacks(client, "system_prompts"):
        return

    with pytest.raises(FeatureUnavailable, match="system prompts"):
        act(client, client.models()[0].id)

    assert arena.sent == []


# web search ----------------------------------------------------------------------------------


def test_web_search(start: Starter) -> None:
    client, arena = start(Play(sources=SOURCES))
    if searches_not(client, arena):
        return

    message = client.chat("What is new?", web_search=True)

    assert message.web_search_enabled
    events = list(message)
    kinds = [type(event) for event in events]
    assert kinds.index(WebSearchStep) < kinds.index(WebSearchSources) < kinds.index(Token)
    assert [(one.title, one.link, one.hostname) for one in message.sources] == [
        ("One", "https://one.example/a", "one.example"),
        ("Two", "https://two.example/b", "two.example"),
    ]
    assert message.text() == "Hello, world."
    assert arena.turns[0].found == tuple(link for _, link in SOURCES)
    assert message.getWebSearchSteps()[-1]["messageType"] == "sources"


def test_failed_web_search_costs_only_its_results(start: Starter) -> None:
    client, arena = start(Play(search_error="no results"))
    if searches_not(client, arena):
        return

    message = client.chat("What is new?", web_search=True)

    (error,) = [event for event in message if isinstance(event, WebSearchError)]
    assert "no results" in f"{error.message} {error.args}"
    assert message.text() == "Hello, world."


def test_no_search_unless_it_is_wanted(start: Starter) -> None:
    client, arena = start(Play(sources=SOURCES))

    message = client.chat("What is new?")

    assert message.text() == "Hello, world."
    assert (message.sources, arena.turns[0].found) == ((), ())
    assert (message.web_search_enabled, message.web_search_done) == (False, True)


def test_name_of_a_search_server_is_told_where_the_search_is_a_switch(start: Starter) -> None:
    client, arena = start()
    if lacks(client, "web_search"):
        return

    with pytest.raises(FeatureUnavailable, match="web_search=True"):
        client.chat("What is new?", web_search="Exa")

    assert arena.sent == []


# again ---------------------------------------------------------------------------------------


def test_retry(start: Starter) -> None:
    client, arena = start(Play(("One.",)), Play(("Better.",)))
    client.ask("First")

    said = client.retry(client.history()[-1].text_id).text()

    assert said == "Better."
    assert [entry.text for entry in client.history()] == ["First", "Better."]
    assert arena.turns[1].prompt in ("First", "")


def test_edit(start: Starter) -> None:
    client, arena = start(Play(("One.",)), Play(("Two.",)))
    client.ask("First")
    if lacks(client, "edit"):
        before = arena.sent
        with pytest.raises(FeatureUnavailable, match="edit"):
            client.edit(client.history()[0].text_id, "First, in other words")
        assert arena.sent == before
        return

    said = client.edit(client.history()[0].text_id, "First, in other words").text()

    assert said == "Two."
    assert [entry.text for entry in client.history()] == ["First, in other words", "Two."]
    assert arena.turns[1].prompt == "First, in other words"


def test_retry_of_a_question_and_edit_of_an_answer_are_refused_unsent(start: Starter) -> None:
    client, arena = start()
    client.ask("First")
    question, answer = client.history()
    before = arena.sent

    with pytest.raises(UsageError, match="question"):
        client.retry(question.text_id)
    if not lacks(client, "edit"):
        with pytest.raises(UsageError, match="answer"):
            client.edit(answer.text_id, "First, in other words")
    assert arena.sent == before


def test_retry_and_edit_of_a_message_that_is_not_there_are_refused_unsent(start: Starter) -> None:
    client, arena = start()
    client.ask("First")
    before = arena.sent

    with pytest.raises(NotFound, match=UNKNOWN):
        client.retry(UNKNOWN)
    if not lacks(client, "edit"):
        with pytest.raises(NotFound, match=UNKNOWN):
            client.edit(UNKNOWN, "First, in other words")
    assert arena.sent == before


def test_branches_are_in_the_tree(start: Starter) -> None:
    client, arena = start(Play(("One.",)), Play(("Two.",)))
    client.ask("First")
    if lacks(client, "edit"):
        return
    client.edit(client.history()[0].text_id, "Other").text()

    tree = client.conversation()

    questions = [message.text for message in tree.messages if message.role == "user"]
    assert questions == (["First", "Other"] if "trees" in client.check().features else ["Other"])


def test_branch_where_there_are_none_is_refused_before_anything_is_sent(start: Starter) -> None:
    client, arena = start()
    client.ask("First")
    if not lacks(client, "trees"):
        return
    first, before = client.history()[0].text_id, arena.sent

    with pytest.raises(FeatureUnavailable, match="trees"):
        client.chat("Second", parent_id=first)

    assert arena.sent == before


# stopping ------------------------------------------------------------------------------------


def test_stop_leaves_the_text_so_far(start: Starter) -> None:
    hold = threading.Event()
    client, arena = start(Play(("Begun", " and never ended"), hold=hold))
    message = client.chat("Hi")
    next(message.tokens())

    client.stop()

    assert message.text() == "Begun" == client.history()[-1].text
    assert message.interrupted
    assert message.error is None
    hold.set()


def test_nothing_is_stopped_when_nothing_runs(start: Starter) -> None:
    client, arena = start()
    client.ask("Hi")
    before = arena.sent

    client.stop()

    assert arena.sent == before


def test_message_after_a_stopped_one(start: Starter) -> None:
    hold = threading.Event()
    client, arena = start(Play(("Begun", " and never ended"), hold=hold), Play(("Next.",)))
    message = client.chat("Hi")
    next(message.tokens())
    message.stop()

    said = client.ask("And now?")

    assert said == "Next."
    assert [entry.text for entry in client.history()] == ["Hi", "Begun", "And now?", "Next."]
    hold.set()


def test_rename_waits_for_the_answer(start: Starter) -> None:
    hold = threading.Event()
    client, arena = start(Play(("Begun ", "and ended."), hold=hold))
    message = client.chat("Hi")
    threading.Timer(0.2, hold.set).start()

    client.rename_conversation(message.conversation_id, "By hand")

    assert message.text() == "Begun and ended."
    assert client.fetch_conversations() == {message.conversation_id: "By hand"}


# sharing -------------------------------------------------------------------------------------


def test_share_and_import(start: Starter) -> None:
    client, arena = start()
    client.ask("Hi")

    url = client.share()
    copy = client.import_share(f" {url}/?from=mail#end ")

    assert url.startswith(f"{arena.url}/r/")
    assert copy != client.current_conversation
    assert [entry.text for entry in client.history(copy)] == ["Hi", "Hello, world."]


def test_share_is_imported_by_somebody_without_a_cookie(start: Starter) -> None:
    client, arena = start()
    client.ask("Hi")
    url = client.share()

    with Client(arena.url) as stranger:
        copy = stranger.import_share(url)

        assert list(stranger.fetch_conversations()) == [copy]
        assert [entry.text for entry in stranger.history(copy)] == ["Hi", "Hello, world."]


def test_retired_model_does_not_hinder_an_import(start: Starter) -> None:
    client, arena = start()
    client.ask("Hi")
    url = client.share()
    client.model = ListBots.OPENASSISTENT_30B_XOR

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HugChatDeprecationWarning)
        copy = client.import_share(url)

    assert [entry.text for entry in client.history(copy)] == ["Hi", "Hello, world."]


def test_unknown_share_is_told(start: Starter) -> None:
    client, arena = start()
    client.create_conversation()

    with pytest.raises(ConversationNotExistError):
        client.import_share("AAAAAAA")

    assert len(client.fetch_conversations()) == 1


# models --------------------------------------------------------------------------------------


def test_models(start: Starter) -> None:
    client, arena = start()

    models = client.models()

    assert len(models) >= 2
    assert client.settings().active_model in [model.id for model in models]
    assert "mock/hidden" not in [model.id for model in models]


def test_chosen_model_is_that_of_the_conversation(start: Starter) -> None:
    client, arena = start()
    model = client.models()[1].id

    made = client.create_conversation(model)

    assert client.conversation(made).model == model


# errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.chat("Hi", UNKNOWN),
        lambda client: client.history(UNKNOWN),
        lambda client: client.rename_conversation(UNKNOWN, "x"),
        lambda client: client.remove_conversation(UNKNOWN),
        lambda client: client.share(UNKNOWN),
    ],
    ids=["chat", "history", "rename", "remove", "share"],
)
def test_unknown_conversation(start: Starter, act: Callable[[Client], Any]) -> None:
    client, arena = start()

    with pytest.raises(ConversationNotExistError):
        act(client)


def test_conversation_of_somebody_else(start: Starter) -> None:
    client, arena = start()
    made = client.create_conversation()

    with Client(arena.url) as stranger, pytest.raises(ConversationNotExistError):
        stranger.create_conversation()
        stranger.history(made)


def test_unknown_model(start: Starter) -> None:
    client, arena = start()
    offered = client.models()[0].id

    with pytest.raises(ModelNotFound) as caught:
        client.create_conversation(offered + "x")

    assert offered in caught.value.nearest


def test_rate_limit(start: Starter) -> None:
    client, arena = start(messages_per_minute=1)
    client.ask("Hi")

    with pytest.raises(RateLimited) as caught:
        client.ask("And again")

    assert caught.value.retry_after
    assert len(arena.turns) == 1


def test_page_where_an_answer_was_expected(start: Starter) -> None:
    arena = start()[1]
    client = Client(arena.url, retries=Retry(tries=1))
    made = client.create_conversation()
    arena.instead(502, "<html><title>Bad gateway</title></html>", "text/html", f"/{made}")

    with pytest.raises(HugChatError, match="502"):
        client.rename_conversation(made, "x")


def test_failure_of_the_model_keeps_what_came(start: Starter) -> None:
    client, arena = start(Play(("Half an", " answer"), error="it broke"))
    message = client.chat("Hi")

    with pytest.raises(GenerationError) as caught:
        message.text()

    assert caught.value.partial.strip() == "Half an answer"
    assert message.done


# what nobody knows yet -----------------------------------------------------------------------


def test_invented_update_and_invented_fields_pass_through(start: Starter) -> None:
    client, arena = start(Play(sources=SOURCES))
    line = {"type": "hologram", "shape": {"sides": 5}, "text": "not an answer"}
    arena.strange(line)

    searches = arena.version == "" or not lacks(client, "web_search")
    message = client.chat("Hi", web_search=searches)

    events = list(message)
    assert Unknown(line) in events
    assert message.text() == "Hello, world."
    assert len(message.sources) == (2 if searches else 0)
    assert [entry.text for entry in client.history()] == ["Hi", "Hello, world."]
    assert client.settings().active_model
    assert len(client.fetch_conversations()) == 1
    assert len(client.models()) >= 2


def test_unknown_setting_survives_a_change(start: Starter) -> None:
    client, arena = start()
    arena.strange({"type": "hologram"})
    model = client.models()[0].id
    if lacks(client, "system_prompts"):
        return

    client.set_system_prompt(model, "Be kind.")

    assert client.settings().custom_prompts == {model: "Be kind."}


def test_statuses_are_few(start: Starter) -> None:
    client, arena = start()

    statuses = [event.status for event in client.chat("Hi") if isinstance(event, Status)]

    assert set(statuses) <= {"started", "finished"}
