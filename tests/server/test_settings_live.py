"""Settings and system prompts: written whole, and applied where the server does not."""

from __future__ import annotations

import pytest
from counting import messages, seen
from eras.arena import EMBEDDED

from hugchat_sync import Bot, Unavailable, UsageError
from hugchat_sync.local.testing import Fault

ERAS = ["v2-2025", "lines-2023"]


@pytest.fixture(params=ERAS)
def era(request):
    return request.param


def prompt_seen(server):
    """Return the system prompt that the model was given last."""
    return server.responder.turns[-1].system_prompt


def test_prompt_of_one_model_keeps_those_of_the_others(serve, connect, era):
    client = connect(serve(era=era))
    client.set_system_prompt("local/plain", "one")

    client.set_system_prompt("local/documents", "two")

    assert client.settings().custom_prompts == {"local/plain": "one", "local/documents": "two"}


def test_prompt_keeps_the_other_settings(serve, connect, era):
    client = connect(serve(era=era))
    client.update_settings(active_model="local/plain", share_conversations_with_model_authors=False)
    before = client.settings()

    client.set_system_prompt("local/plain", "one")

    after = client.settings()
    assert after.active_model == "local/plain"
    assert after.share_conversations_with_model_authors is False
    assert after.extra == before.extra


def test_change_keeps_the_prompts(serve, connect, era):
    client = connect(serve(era=era))
    client.set_system_prompt("local/plain", "one")

    found = client.update_settings(active_model="local/plain")

    assert found.custom_prompts == client.settings().custom_prompts == {"local/plain": "one"}


def test_empty_prompt_removes(serve, connect, era):
    client = connect(serve(era=era))
    client.set_system_prompts({"local/plain": "one", "local/documents": "two"})

    client.set_system_prompt("local/plain", "")

    assert client.settings().custom_prompts == {"local/documents": "two"}


def test_stored_prompt_is_applied_to_new_conversations(serve, connect, era):
    server = serve(era=era)
    client = connect(server, model="local/plain")
    client.set_system_prompt("local/plain", "be nice")

    client.ask("hi")

    assert prompt_seen(server) == "be nice"


def test_stored_prompt_is_applied_by_a_later_process(serve, connect, era):
    server = serve(era=era)
    connect(server, cookies={"hf-chat": "same"}).set_system_prompt("local/plain", "be nice")
    later = connect(server, cookies={"hf-chat": "same"}, model="local/plain")

    later.ask("hi")

    assert prompt_seen(server) == "be nice"
    assert later.conversation().system_prompt == "be nice"


def test_stored_prompt_is_applied_to_the_default_model(serve, connect, era):
    server = serve(era=era)
    client = connect(server)
    client.set_system_prompt(client.models()[0].id, "be nice")

    client.ask("hi")

    assert prompt_seen(server) == "be nice"


def test_prompt_of_another_model_is_not_applied(serve, connect, era):
    server = serve(era=era)
    client = connect(server, model="local/documents")
    client.set_system_prompt("local/plain", "be nice")

    client.ask("hi")

    assert prompt_seen(server) == ""


def test_removed_prompt_is_not_applied(serve, connect, era):
    server = serve(era=era)
    client = connect(server, model="local/plain")
    client.set_system_prompt("local/plain", "be nice")
    client.set_system_prompt("local/plain", "")

    client.ask("hi")

    assert prompt_seen(server) == ""


@pytest.mark.parametrize(("given", "expected"), [("", ""), ("mine", "mine"), (None, "stored")])
def test_prompt_of_a_conversation_beats_the_stored_one(serve, connect, era, given, expected):
    server = serve(era=era)
    client = connect(server)
    client.set_system_prompt("local/plain", "stored")
    client.create_conversation("local/plain", given)

    client.ask("hi")

    assert prompt_seen(server) == expected


def test_prompt_with_odd_characters_is_kept_as_it_is(serve, connect, era):
    odd = 'größe & "quoted" + %20 \u2028 🚀\nsecond line'
    client = connect(serve(era=era))

    client.set_system_prompt("local/plain", odd)

    assert client.settings().custom_prompts == {"local/plain": odd}


def test_unknown_setting_is_refused_and_nothing_is_sent(serve, connect):
    server = serve()

    with pytest.raises(UsageError, match="nonsense"):
        connect(server).update_settings(nonsense=1)
    assert seen(server) == []


def test_failed_write_is_told(serve, connect):
    server = serve(faults=[Fault("POST", status=500)])

    with pytest.raises(Unavailable):
        connect(server).set_system_prompt("local/plain", "p")


def test_prompts_by_the_names_of_the_wiki(serve, connect, era):
    server = serve(era=era)
    bot = connect(server, Bot, model="local/plain")
    bot.setSystemPrompt("local/documents", "other")
    bot.setSystemPrompts({"local/plain": "be nice"}, wait=False).result(5)

    bot.chat("hi").text()

    assert prompt_seen(server) == "be nice"
    assert bot.settings().custom_prompts == {"local/documents": "other", "local/plain": "be nice"}


def test_setting_that_we_have_no_name_for_survives_a_change(serve, connect):
    stored = (
        '{"json": {"activeModel": "omni", "customPrompts": {}, "futureSwitch": {"a": [1]}},'
        ' "meta": {}}'
    )
    server = serve(faults=[Fault("GET", "/settings", status=200, body=stored)])

    connect(server).set_system_prompt("omni", "p")

    assert b'"futureSwitch": {"a": [1]}' in server.requests[-1].body


def test_database_keeps_the_prompt_for_another_server(connect, tmp_path, era):
    database = tmp_path / "chat.db"
    with EMBEDDED[era](database=database) as first:
        connect(first, cookies={"hf-chat": "same"}).set_system_prompt("local/plain", "be nice")

    with EMBEDDED[era](database=database) as second:
        client = connect(second, cookies={"hf-chat": "same"}, model="local/plain")
        text = client.ask("hi")

    assert "be nice" in text
    assert len(messages(second)) == 1
