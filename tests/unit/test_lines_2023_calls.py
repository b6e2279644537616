from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from answers import prompt
from exchanges import BASE, content, exchange, reply
from sampling import each

from hugchat_sync.calls import Call, Reply, StreamCall
from hugchat_sync.dialects import Stored, load_dialect
from hugchat_sync.errors import (
    BadRequest,
    ConversationNotExistError,
    HugChatError,
    ProtocolError,
    Unavailable,
)
from hugchat_sync.events import WebSearchSources, WebSearchStep
from hugchat_sync.records import Conversation, ConversationTree, Settings, User

ERA = "lines-2023"
LINES = load_dialect(ERA)
LLAMA, FALCON = "meta-llama/Llama-2-70b-chat-hf", "tiiuae/falcon-180B-chat"


def good(value: Any, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


CALLS: dict[str, Call[Any] | StreamCall[Any]] = {
    "li04-data-full": LINES.settings(),
    "lk25-home-data-signed-in": LINES.user(),
    "lc02-data-after-first": LINES.conversation("6b02b08399b65e88b1e146a9"),
    "lb01-create-no-cookie": LINES.create_conversation(LLAMA, ""),
    "lh17-create-from-share": LINES.create_from_share("IJ1zPuF", FALCON),
    "lh01-rename": LINES.rename_conversation("6b02ae8a99b65e88b1e14665", "Weather report"),
    "lh11-share": LINES.share("6b02ae8a99b65e88b1e14665"),
    "lh29-delete": LINES.remove_conversation("6b02ae8a99b65e88b1e14665"),
    "lh41-delete-all": LINES.remove_all_conversations()[0],
    "li03-full": LINES.save_settings(Settings()),
    "lc01-plain": LINES.chat(prompt(conversation_id="6b02b08399b65e88b1e146a9")),
}


@each("name", CALLS)
def test_request_goes_where_the_recorded_one_went(name: str) -> None:
    request, then = CALLS[name].request, exchange(ERA, name)["request"]
    query = "&".join(f"{key}={value}" for key, value in request.params.items())
    path = BASE + request.path + (f"?{query}" if query else "")
    assert (request.method, path) == (then["method"], then["path"])


@each("name", CALLS)
def test_headers(name: str) -> None:
    request = CALLS[name].request
    assert request.headers["Accept"] == "application/json"
    if request.method != "GET":
        assert request.headers["Origin"] == "{origin}"
        assert request.headers["Referer"] == "{base}/"


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("lc01-plain", {}),
        ("lf01-search", {"web_search": True}),
        ("lc05-retry-second", {"action": "retry", "parent_id": True}),
        ("lc07-edit-first", {"action": "edit", "parent_id": True}),
    ],
)
def test_message_is_the_recorded_one(name: str, fields: dict[str, Any]) -> None:
    then = json.loads(content(exchange(ERA, name)["request"]["body"]))
    target = {"parent_id": then["id"]} if "parent_id" in fields else {"message_id": then["id"]}
    ours = prompt(
        **{"text": then["inputs"], "generation_id": then["response_id"], **fields, **target}
    )
    assert LINES.chat(ours).request.json == then


def test_custom_data_wins_where_this_era_takes_it() -> None:
    given = {"id": "a", "response_id": "b", "is_retry": True, "inputs": "z", "web_search": True}
    body = LINES.chat(prompt(custom=given)).request.json
    assert body == {
        "inputs": "Hello",
        "id": "a",
        "response_id": "b",
        "is_retry": True,
        "web_search": True,
    }
    assert LINES.find_ignored({**given, "parameters": {}, "options": {}, "stream": True}) == (
        "parameters",
        "options",
        "stream",
    )


def test_system_prompt_is_fixed_at_creation() -> None:
    body = LINES.create_conversation(LLAMA, "Be brief.").request.json
    assert body == {"model": LLAMA, "preprompt": "Be brief."}


def test_created() -> None:
    created = LINES.create_conversation(LLAMA, "").read(reply(ERA, "lb01-create-no-cookie"))
    assert created == ConversationTree("6b02ada699b65e88b1e145b4", "Untitled", LLAMA)
    copied = LINES.create_from_share("IJ1zPuF", LLAMA).read(reply(ERA, "lh17-create-from-share"))
    assert copied.id == "6b02ae8c99b65e88b1e14669"


def test_list_is_whole() -> None:
    recorded = reply(ERA, "le17-home-data-titles")
    page = LINES.list_conversations().read(recorded)
    assert not page.more
    assert page.conversations
    assert all(isinstance(item, Conversation) for item in page.conversations)
    assert {item.model for item in page.conversations} == {LLAMA}
    assert LINES.list_conversations(1).read(recorded).conversations == ()


def test_a_row_of_messages_reads_as_a_tree() -> None:
    tree = LINES.conversation("x").read(reply(ERA, "lc04-data-after-second"))
    assert [message.role for message in tree.messages] == ["user", "assistant"] * 2
    assert tree.messages[1].text == "Hello, world. This is a measured"
    assert [message.parent_id for message in tree.messages[1:]] == [
        message.id for message in tree.messages[:-1]
    ]
    assert tree.messages[0].children == (tree.messages[1].id,)
    assert tree.root_id == tree.messages[0].id
    assert tree.path() == list(tree.messages)
    assert tree.messages[0].created_at == "2026-11-22T09:06:11.563Z"


def test_a_retried_question_has_no_date() -> None:
    tree = LINES.conversation("x").read(reply(ERA, "lc06-data-after-retry"))
    assert tree.messages[2].created_at is None


def test_system_prompt_and_title_of_a_conversation() -> None:
    tree = LINES.conversation("x").read(reply(ERA, "li32-preprompt-data"))
    assert tree.system_prompt == "You are a parrot."
    assert tree.model == LLAMA


def test_share_read_as_a_conversation() -> None:
    tree = LINES.conversation("IJ1zPuF").read(reply(ERA, "lh16-share-data-conversation"))
    assert [message.role for message in tree.messages][:2] == ["user", "assistant"]
    assert LINES.share("x").read(reply(ERA, "lh11-share")) == "http://127.0.0.1:3910/chat/r/IJ1zPuF"


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("lb34-unknown-conversation-data", ConversationNotExistError, "Conversation not found."),
        ("lb37-foreign-conversation-data", ConversationNotExistError, "You don't have access"),
        ("lb35-bad-id-data", Unavailable, "Internal Error"),
    ],
)
def test_bad_news_in_the_place_of_a_page(name: str, kind: type[HugChatError], said: str) -> None:
    assert reply(ERA, name).status == 200
    with pytest.raises(kind, match=said):
        LINES.conversation("x").read(reply(ERA, name))


def test_settings() -> None:
    settings = LINES.settings().read(reply(ERA, "li04-data-full"))
    assert settings == Settings(
        active_model=FALCON,
        custom_prompts={LLAMA: "You are a pirate.", FALCON: "Be brief."},
        share_conversations_with_model_authors=True,
        search_enabled=True,
        ethics_modal_accepted_at="2026-11-22T08:57:48.510Z",
    )


def test_settings_come_back_whole() -> None:
    settings = LINES.settings().read(reply(ERA, "li04-data-full"))
    settings = replace(settings, ethics_modal_accepted=True)
    sent = dict(LINES.save_settings(settings).request.form or ())
    then = dict(parse_qsl(content(exchange(ERA, "li03-full")["request"]["body"]).decode()))
    assert json.loads(sent.pop("customPrompts")) == json.loads(then.pop("customPrompts"))
    assert then.pop("shareConversationsWithModelAuthors") == "on"
    assert sent.pop("shareConversationsWithModelAuthors") == "true"
    assert sent == then


def test_a_switch_that_is_off_is_left_out() -> None:
    settings = Settings(share_conversations_with_model_authors=False, ethics_modal_accepted=False)
    assert LINES.save_settings(settings).request.form == (("customPrompts", "{}"),)


def test_answers_of_forms() -> None:
    LINES.save_settings(Settings()).read(reply(ERA, "li03-full"))
    assert LINES.remove_all_conversations()[0].read(reply(ERA, "lh41-delete-all")) is None
    with pytest.raises(Unavailable, match="Internal Error"):
        LINES.save_settings(Settings()).read(replace(reply(ERA, "li20-bad-model"), status=200))
    with pytest.raises(BadRequest):
        LINES.save_settings(Settings()).read(good({"type": "failure", "status": 400}))
    with pytest.raises(ProtocolError):
        LINES.save_settings(Settings()).read(good({}))


def test_models() -> None:
    models = LINES.models().read(reply(ERA, "la05-home-data-no-cookie"))
    assert models[0].id == LLAMA
    assert FALCON in [model.id for model in models]
    assert models[0].description.startswith("The latest and biggest")


def test_user_and_sign_in() -> None:
    assert LINES.user().read(reply(ERA, "la05-home-data-no-cookie")) is None
    user = LINES.user().read(reply(ERA, "lk25-home-data-signed-in"))
    assert user == User("", "alice", "alice@example.org")
    assert LINES.login_required().read(reply(ERA, "lk25-home-data-signed-in"))
    assert not LINES.login_required().read(reply(ERA, "la05-home-data-no-cookie"))


def stored(name: str, **fields: Any) -> Stored | None:
    return LINES.stored("x", prompt(**fields)).read(reply(ERA, name))


QUESTION, ANSWER = "a6a0f447-4471-4806-839f-88c98e01ada7", "59003651-eb16-47fc-bdbe-9500c544584a"


def test_what_became_of_a_message() -> None:
    found = stored("lc02-data-after-first", message_id=QUESTION, generation_id=ANSWER)
    text = "Hello, world. This is a measured"
    assert found == Stored(QUESTION, ANSWER, text, "", "done")
    assert stored("lc02-data-after-first") is None


def ids_sent(name: str) -> dict[str, Any]:
    sent = json.loads(content(exchange(ERA, name)["request"]["body"]))
    return {"message_id": sent["id"], "generation_id": sent["response_id"]}


def test_what_is_stored_of_an_answer_has_its_search() -> None:
    found = stored("lf02-search-data", **ids_sent("lf01-search"))
    assert found is not None
    assert WebSearchStep("Searching Google", ("weather in Paris",)) in found.events
    sources = [event.sources for event in found.events if isinstance(event, WebSearchSources)]
    assert [len(one) for one in sources] == [3, 3, 3]


def test_a_message_that_was_not_answered() -> None:
    name = "ld11-upstream-429"
    sent = ids_sent(name)
    found = stored(f"{name}-data", **sent)
    assert found == Stored(sent["message_id"], None)


def test_an_answered_question_says_nothing_about_its_retry() -> None:
    again = {"action": "retry", "parent_id": QUESTION}
    assert stored("lc02-data-after-first", **again) is None


def test_stopping_is_closing() -> None:
    assert LINES.stop("x") is None
    assert LINES.manners.stops_by_closing
    assert not LINES.manners.survives_disconnect
    assert not LINES.manners.needs_parent
