"""Conversations: made, listed, read, renamed, removed."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from counting import seen

from hugchat_sync import (
    ConversationNotExistError,
    GenerationError,
    HugChatDeprecationWarning,
    ListBots,
    Unavailable,
    UsageError,
)
from hugchat_sync.local.testing import Fault, Script
from hugchat_sync.records import HistoryEntry

ERAS = ["v2-2025", "lines-2023"]
DEFAULT = {"v2-2025": "omni", "lines-2023": "local/documents"}


@pytest.fixture(params=ERAS)
def era(request):
    return request.param


def test_new_conversation_has_an_id_and_becomes_current(serve, connect, era):
    client = connect(serve(era=era))

    made = client.create_conversation()

    assert re.fullmatch("[0-9a-f]{24}", made)
    assert client.current_conversation == made
    assert list(client.conversations) == [made]


def test_newest_conversation_comes_first(serve, connect, era):
    client = connect(serve(era=era))
    made = [client.create_conversation() for _ in range(3)]

    assert list(client.conversations) == made[::-1]
    assert set(client.fetch_conversations()) == set(made)


def test_chat_without_a_current_conversation_makes_one_current(serve, connect, era):
    client = connect(serve(era=era))

    message = client.chat("hi")

    assert client.current_conversation == message.conversation_id


def test_chat_in_a_named_conversation_does_not_change_the_current_one(serve, connect, era):
    client = connect(serve(era=era))
    first, second = client.create_conversation(), client.create_conversation()

    message = client.chat("hi", first)

    assert (message.conversation_id, client.current_conversation) == (first, second)


def test_chat_in_a_named_conversation_makes_none_current(serve, connect, era):
    server = serve(era=era)
    conversation = connect(server, cookies={"hf-chat": "same"}).create_conversation()
    client = connect(server, cookies={"hf-chat": "same"})

    client.ask("hi", conversation)

    assert client.current_conversation is None


def test_model_of_a_new_conversation(serve, connect, era):
    client = connect(serve(era=era), model="local/plain")

    assert client.conversation(client.create_conversation()).model == "local/plain"
    assert client.conversation(client.create_conversation("local/documents")).model == (
        "local/documents"
    )


def test_default_model_is_the_servers(serve, connect, era):
    client = connect(serve(era=era))

    assert client.conversation(client.create_conversation()).model == DEFAULT[era]


def test_default_model_is_the_active_one_of_the_account(serve, connect, era):
    client = connect(serve(era=era))
    client.update_settings(active_model="local/plain")

    assert client.conversation(client.create_conversation()).model == "local/plain"


def test_model_can_be_set(serve, connect):
    client = connect(serve())
    client.model = "local/plain"

    assert client.conversation(client.create_conversation()).model == "local/plain"


def test_retired_constant_warns_once_and_takes_the_default(serve, connect, era):
    client = connect(serve(era=era), model=ListBots.OPENASSISTENT_30B_XOR)

    with pytest.warns(HugChatDeprecationWarning, match="OpenAssistant") as caught:
        made = [client.create_conversation(), client.create_conversation()]

    assert [one.filename for one in caught] == [__file__]
    assert {client.conversation(one).model for one in made} == {DEFAULT[era]}


def test_prompt_stored_for_a_retired_constant_still_counts(serve, connect):
    client = connect(serve(), model=ListBots.META_70B_HF)
    client.set_system_prompt(ListBots.META_70B_HF, "be nice")

    with pytest.warns(HugChatDeprecationWarning):
        made = client.create_conversation()

    assert client.conversation(made).system_prompt == "be nice"


def test_history_is_the_visible_branch_without_the_system_message(serve, connect, era):
    client = connect(serve(["One."], ["Two."], era=era))
    made = client.create_conversation(system_prompt="be nice")
    client.ask("first")
    client.ask("second")

    found = client.history()

    assert [(entry.is_user, entry.text) for entry in found] == [
        (True, "first"),
        (False, "One."),
        (True, "second"),
        (False, "Two."),
    ]
    assert {type(entry) for entry in found} == {HistoryEntry}
    assert {entry.conversation_id for entry in found} == {made}
    assert len({entry.text_id for entry in found}) == 4


def test_history_of_a_new_conversation_is_empty(serve, connect, era):
    client = connect(serve(era=era))

    assert client.history(client.create_conversation()) == []


def test_history_of_a_conversation_that_is_not_in_the_map_is_asked_of_the_server(
    serve, connect, era
):
    server = serve(era=era)
    writer = connect(server, cookies={"hf-chat": "same"})
    writer.ask("hi")

    found = connect(server, cookies={"hf-chat": "same"}).history(writer.current_conversation)

    assert [entry.text for entry in found] == ["hi", "Hello, world."]


def test_conversation_has_its_title_model_prompt_and_messages(serve, connect, era):
    client = connect(serve(era=era, title="Greeting"))
    made = client.create_conversation("local/plain", "be nice")
    list(client.chat("hi"))

    tree = client.conversation()

    assert (tree.id, tree.model, tree.system_prompt) == (made, "local/plain", "be nice")
    assert "Greeting" in tree.title
    assert [message.role for message in tree.path()][-2:] == ["user", "assistant"]


def test_retry_makes_a_sibling_and_the_old_answer_stays(serve, connect):
    client = connect(serve(["Old."], ["New."]))
    client.ask("hi")
    old = client.history()[-1]

    again = client.retry(old.text_id).text()

    assert again == "New."
    assert [entry.text for entry in client.history()] == ["hi", "New."]
    assert [one.text for one in client.conversation().path(old.text_id)][-1] == "Old."


def test_retry_of_2023_replaces_the_answer(serve, connect):
    client = connect(serve(["Old."], ["New."], era="lines-2023"))
    client.ask("hi")

    again = client.retry(client.history()[-1].text_id).text()

    assert again == "New."
    assert [entry.text for entry in client.history()] == ["hi", "New."]


def test_edit_asks_in_other_words(serve, connect, era):
    client = connect(serve(["Old."], ["New."], era=era))
    client.ask("hi")

    client.edit(client.history()[0].text_id, "hello").text()

    assert [entry.text for entry in client.history()] == ["hello", "New."]


def test_message_is_appended_where_it_is_said(serve, connect):
    client = connect(serve(["One."], ["Two."], ["Three."]))
    client.ask("first")
    leaf = client.history()[-1].text_id
    client.ask("second")

    client.ask("other", parent_id=leaf)

    assert [entry.text for entry in client.history()] == ["first", "One.", "other", "Three."]


def test_rename_is_kept_by_server_and_client(serve, connect, era):
    client = connect(serve(era=era))
    made = client.create_conversation()

    client.rename_conversation(made, "  Mine ")

    assert client.conversations[made] == "Mine"
    assert client.fetch_conversations()[made] == "Mine"


def test_title_is_that_of_the_server(serve, connect, era):
    client = connect(serve(era=era, title="Greeting"))
    client.ask("hi")

    title = client.update_title(client.current_conversation)

    assert "Greeting" in title
    assert client.conversations == {client.current_conversation: title}


def test_removed_conversation_is_gone(serve, connect, era):
    client = connect(serve(era=era))
    first, second = client.create_conversation(), client.create_conversation()

    client.remove_conversation(second)

    assert list(client.conversations) == [first]
    assert client.current_conversation is None
    assert set(client.fetch_conversations()) == {first}


def test_removing_another_conversation_keeps_the_current_one(serve, connect, era):
    client = connect(serve(era=era))
    first, second = client.create_conversation(), client.create_conversation()

    client.remove_conversation(first)

    assert client.current_conversation == second


def test_removing_all_tells_how_many(serve, connect, era):
    client = connect(serve(era=era))
    for _ in range(3):
        client.create_conversation()

    assert client.remove_all_conversations() == 3
    assert (client.conversations, client.current_conversation) == ({}, None)
    assert client.fetch_conversations() == {}


def test_switching_makes_a_known_conversation_current(serve, connect):
    client = connect(serve())
    first = client.create_conversation()
    client.create_conversation()

    client.switch_conversation(first)

    assert client.current_conversation == first


def test_all_pages_are_listed(serve, connect):
    server = serve()
    client = connect(server)
    made = {client.create_conversation("omni", "") for _ in range(63)}
    before = len(seen(server))

    assert set(client.fetch_conversations()) == made
    assert len(seen(server)) - before == 3


def test_listing_yields_records_page_by_page(serve, connect):
    server = serve()
    client = connect(server)
    for _ in range(31):
        client.create_conversation("omni", "")
    before = len(seen(server))

    first = next(client.list_conversations())

    assert first.model == "omni"
    assert len(seen(server)) - before == 1


def test_failed_listing_leaves_the_map(serve, connect, era):
    server = serve(era=era)
    client = connect(server)
    made = client.create_conversation()
    server.faults.add(Fault("GET", status=500, times=None))

    with pytest.raises(Unavailable):
        client.fetch_conversations()
    assert list(client.conversations) == [made]


def test_map_that_is_handed_out_is_a_copy(serve, connect):
    client = connect(serve())
    client.create_conversation()

    client.conversations.clear()

    assert len(client.conversations) == 1


# for the length of a block -------------------------------------------------------------------


def test_temporary_conversation_is_current_inside_and_gone_afterwards(serve, connect, era):
    client = connect(serve(era=era))
    before = client.create_conversation()

    with client.temporary_conversation(system_prompt="be nice") as made:
        inside = client.current_conversation
        client.ask("hi")

    assert inside == made != before
    assert client.current_conversation == before
    assert set(client.fetch_conversations()) == {before}


def test_temporary_conversation_is_removed_after_an_error(serve, connect):
    client = connect(serve(Script(error="no")))

    with pytest.raises(GenerationError), client.temporary_conversation():
        client.ask("hi")

    assert client.fetch_conversations() == {}


def test_error_inside_was_hidden_by_that_of_the_removal(serve, connect):
    server = serve(Script(error="the moon is down"))
    client = connect(server)
    server.faults.add(Fault("DELETE", status=500, times=None))

    with pytest.raises(GenerationError, match="the moon is down"), client.temporary_conversation():
        client.ask("hi")


def test_failed_removal_is_told_when_all_else_went_well(serve, connect):
    server = serve()
    client = connect(server)
    server.faults.add(Fault("DELETE", status=500, times=None))

    with pytest.raises(Unavailable), client.temporary_conversation():
        client.ask("hi")


def test_temporary_conversation_may_be_removed_inside(serve, connect):
    client = connect(serve())

    with client.temporary_conversation() as made:
        client.remove_conversation(made)

    assert client.current_conversation is None


def test_another_conversation_that_was_made_current_inside_stays_current(serve, connect):
    client = connect(serve())

    with client.temporary_conversation():
        other = client.create_conversation()

    assert client.current_conversation == other


def test_conversation_removed_elsewhere_does_not_exist(serve, connect, era):
    server = serve(era=era)
    client = connect(server, cookies={"hf-chat": "same"})
    made = client.create_conversation()
    connect(server, cookies={"hf-chat": "same"}).remove_conversation(made)

    with pytest.raises(ConversationNotExistError):
        client.ask("hi")


def test_leaf_of_another_session_is_found(serve, connect):
    server = serve(["One."], ["Two."], ["Three."])
    client = connect(server, cookies={"hf-chat": "same"})
    client.ask("first")
    other = connect(server, cookies={"hf-chat": "same"})
    other.ask("second", client.current_conversation)

    client.ask("third")

    assert [entry.text for entry in client.history()][::2] == ["first", "second", "third"]


def test_message_and_what_follows_it_are_removed(serve, connect):
    client = connect(serve(["One."], ["Two."]))
    client.ask("first")
    client.ask("second")

    client.remove_message(client.history()[2].text_id)

    assert [entry.text for entry in client.history()] == ["first", "One."]


def test_unknown_leaf_is_refused(serve, connect):
    client = connect(serve())
    client.ask("hi")

    with pytest.raises(UsageError):
        client.conversation().path("nowhere")


def test_first_writes_of_a_visitor_at_once_began_a_session_each(serve, connect, era):
    client = connect(serve(era=era))
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: client.create_conversation(), range(6)))

    assert set(client.fetch_conversations()) == set(made)


def test_answer_to_an_early_question_took_the_visitors_session_away(serve, connect, era):
    server = serve(era=era)
    client = connect(server)
    server.faults.add(Fault("GET", delay=0.3))
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(client.models)
        while not server.requests:
            time.sleep(0.01)
        made = client.create_conversation(DEFAULT[era], "")
        early.result(5)

    assert set(client.fetch_conversations()) == {made}


def test_settings_and_conversation_of_a_visitor_made_at_once_belong_together(serve, connect):
    client = connect(serve(), model="omni")
    with ThreadPoolExecutor(2) as pool:
        stored = pool.submit(client.set_system_prompt, "local/plain", "be nice")
        made = pool.submit(client.create_conversation, "omni", "")

    assert stored.result(5) is None
    assert client.settings().custom_prompts == {"local/plain": "be nice"}
    assert set(client.fetch_conversations()) == {made.result(5)}
