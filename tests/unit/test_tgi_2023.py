from __future__ import annotations

import json
from typing import Any

import exchanges
import pytest
from exchanges import exchange, reply
from sampling import each

from hugchat_sync.calls import Call, Reply
from hugchat_sync.dialects import Prompt, Stored
from hugchat_sync.dialects.tgi_2023 import Tgi2023
from hugchat_sync.errors import (
    AuthError,
    ConversationNotExistError,
    FeatureUnavailable,
    HugChatError,
    ProtocolError,
    RateLimited,
    TooLarge,
    Unavailable,
)
from hugchat_sync.records import ConversationTree, Settings

T = Tgi2023()
LLAMA = "meta-llama/Llama-2-70b-chat-hf"
CONVERSATION = "6b02ad660ac53c9e29a7e3be"
QUESTION = "d586000c-f5fb-42bc-a5ec-192169825ad9"
ANSWER = "804b0fcb-795c-44f2-8995-d8e978e1b79f"


def read(call: Call[Any], name: str) -> Any:
    """Return what *call* makes of a recorded reply."""
    return exchanges.read("tgi-2023", call, name)


def sent(name: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(exchange("tgi-2023", name)["request"]["body"]["text"])
    return body


def prompt_of(name: str) -> Prompt:
    """Return the prompt behind a recorded message."""
    body = sent(name)
    options = body["options"]
    again = options["is_retry"]
    return Prompt(
        "a" * 24,
        body["inputs"],
        message_id="unused" if again else options["id"],
        generation_id=options["response_id"],
        parent_id=options["id"] if again else None,
        action="retry" if again else "new",
        search_id=options["web_search_id"] or None,
        custom={"parameters": body["parameters"]} if "parameters" in body else {},
    )


@each(
    "name",
    [
        "tb01-plain",
        "tb07-retry-second",
        "tb09-edit-first",
        "tb13-no-parameters",
        "tb27-parameters-through",
        "tc01-unicode",
        "td02-message-with-search",
    ],
)
def test_a_message_is_spelt_as_it_was_recorded(name: str) -> None:
    recorded = sent(name)
    known = {key: recorded[key] for key in recorded if key in ("inputs", "stream", "parameters")}
    call = T.chat(prompt_of(name))
    assert call.request.json == {**known, "options": recorded["options"]}
    assert not call.closes_at_answer
    assert not call.keep_alives


def test_what_the_caller_gave_wins_over_our_ids() -> None:
    custom = {
        "id": "i",
        "response_id": "r",
        "is_retry": True,
        "options": {"use_cache": True, "id": "x"},
        "stream": False,
    }
    body = T.chat(Prompt("a" * 24, "hi", "m", "g", custom=custom)).request.json
    assert body["options"] == {
        "id": "i",
        "response_id": "r",
        "is_retry": True,
        "use_cache": True,
        "web_search_id": "",
    }
    assert body["stream"] is True
    assert T.find_ignored(custom) == ("stream",)
    assert T.find_ignored({"parameters": {}, "options": {}, "web_search": True, "news": 1}) == (
        "news",
    )


@each(
    "call",
    [
        T.chat(Prompt("a" * 24, "hi", "m", "g")).request,
        T.create_conversation(LLAMA, "").request,
        T.make_title("a" * 24).request,
        T.stop("a" * 24).request,
        T.share("a" * 24).request,
        T.save_settings(Settings()).request,
        T.remove_all_conversations()[0].request,
    ],
)
def test_every_post_names_where_it_comes_from(call: Any) -> None:
    assert call.method == "POST"
    assert call.headers["Accept"] == "application/json"
    assert call.headers["Origin"] == "{origin}"
    assert call.headers["Referer"] == "{base}/"
    assert not call.path.startswith("http")


def test_conversations() -> None:
    created = T.create_conversation(LLAMA, "not here")
    assert created.request.json == {"model": LLAMA}
    made = read(created, "ta11-create-no-cookie")
    assert made == ConversationTree("6b02b0d50ac53c9e29a7e478", "Untitled", LLAMA)
    listed = read(T.list_conversations(), "tb04-home-data-after-summarize")
    assert listed.conversations[0].title == "Say hello to the"
    assert not listed.more
    assert read(T.rename_conversation("a" * 24, "New name"), "te05-rename") is None
    assert read(T.remove_conversation("a" * 24), "te08-delete") is None
    assert read(T.remove_all_conversations()[0], "te10-delete-all") is None
    assert T.rename_conversation("a" * 24, "New name").request.json == sent("te05-rename")


def test_titles() -> None:
    assert read(T.make_title(CONVERSATION), "tb03-summarize") == "Say hello to the"
    assert read(T.make_title(CONVERSATION), "te03-summarize-empty-title") == ""


def test_a_conversation_is_a_row() -> None:
    tree = read(T.conversation(CONVERSATION), "tb10-data-after-edit")
    assert [message.role for message in tree.messages] == ["user", "assistant"]
    assert tree.messages[1].text == "Edited."
    assert tree.path() == list(tree.messages)
    assert tree.title == "Say hello to the"
    first = read(T.conversation(CONVERSATION), "tb02-data-after-first")
    assert first.messages[1].text == "Hello, world. This is a measured"
    assert (first.messages[0].id, first.messages[1].id) == (QUESTION, ANSWER)


def test_stored_messages_are_found_by_our_ids() -> None:
    stored = read(T.stored(CONVERSATION, prompt_of("tb01-plain")), "tb02-data-after-first")
    assert stored == Stored(QUESTION, ANSWER, "Hello, world. This is a measured", state="done")
    failed = read(T.stored(CONVERSATION, prompt_of("tc08-upstream-429")), "tc08-upstream-429-data")
    assert failed is None
    left = read(T.stored(CONVERSATION, prompt_of("tc22-leave-midway")), "tc23-leave-midway-data")
    assert (left.state, left.text.count("Hello")) == ("done", 3)
    stopped = read(T.stored(CONVERSATION, prompt_of("tc24-stopped")), "tc26-stopped-data")
    assert stopped.text.startswith("Hello, world.")


def test_sharing() -> None:
    assert read(T.share("a" * 24), "te07-share") == "http://127.0.0.1:3911/chat/r/vi_nrKZ"
    imported = T.create_from_share("yjchAkb", LLAMA)
    assert imported.request.json == {"model": LLAMA, "fromShare": "yjchAkb"}
    assert read(imported, "te31-create-from-share").id == "6b02b0830ac53c9e29a7e476"


def test_settings_are_a_form_that_resets_what_it_omits() -> None:
    found = read(T.settings(), "te13-data")
    assert found.active_model
    call = T.save_settings(found)
    fields = dict(call.request.form or ())
    assert json.loads(fields["customPrompts"]) == dict(found.custom_prompts)
    assert fields["activeModel"] == found.active_model
    assert read(call, "te12-custom-prompts-only") is None
    assert T.manners.prompts_from_settings


def test_settings_from_before_there_were_prompts() -> None:
    table = [{"conversations": 1, "settings": 2}, [], {"activeModel": 3}, "m"]
    page = {"type": "data", "nodes": [{"type": "data", "data": table}, None]}
    found = T.settings().read(Reply(200, {}, json.dumps(page).encode()))
    assert (found.active_model, dict(found.custom_prompts)) == ("m", {})


def test_account() -> None:
    models = read(T.models(), "ta05-home-data-invalidated-1_")
    assert models[0].id == LLAMA
    assert len(models) == 3
    assert read(T.user(), "ta05-home-data-invalidated-1_") is None
    assert read(T.user(), "tf13-home-data-signed-in").username
    assert read(T.login_required(), "ta05-home-data-invalidated-1_") is False
    assert read(T.login_required(), "tf01-home-data-guest") is True


@each(
    ("call", "name", "kind"),
    [
        (T.create_conversation("x", ""), "ta13-create-bad-model", Unavailable),
        (T.make_title("x"), "te02-summarize-upstream-error", Unavailable),
        (T.make_title("x"), "te04-summarize-unknown", ConversationNotExistError),
        (T.make_title("x"), "tf09-rate-limit-summarize", RateLimited),
        (T.remove_conversation("x"), "te09-delete-again", ConversationNotExistError),
        (T.rename_conversation("x", ""), "te06-rename-empty", Unavailable),
        (T.save_settings(Settings()), "te20-settings-no-referer", AuthError),
        (T.save_settings(Settings()), "te22-settings-json", Unavailable),
        (T.chat(Prompt("a", "b", "c", "d")), "te32-large-body", TooLarge),
    ],
)
def test_refusals(call: Any, name: str, kind: type[HugChatError]) -> None:
    assert isinstance(call.request.error(reply("tgi-2023", name)), kind)


def test_a_conversation_that_is_not_there_has_status_200() -> None:
    with pytest.raises(ConversationNotExistError):
        T.conversation("0" * 24).read(reply("tgi-2023", "ta24-unknown-conversation-data"))


@each(
    "call",
    [T.list_conversations(), T.conversation("a"), T.settings(), T.models(), T.user(), T.share("a")],
)
@each("body", [b"", b"<html>", b"[]", b"{}", b"null", b'{"nodes":[]}'])
def test_a_reply_of_another_shape_is_a_protocol_error(call: Call[Any], body: bytes) -> None:
    with pytest.raises(ProtocolError):
        call.read(Reply(200, {}, body))


def test_what_this_era_lacks() -> None:
    with pytest.raises(FeatureUnavailable, match="v2-2025"):
        T.reattach("a", "b")
    with pytest.raises(FeatureUnavailable, match="tree-2024"):
        T.download("a", "b")
    assert T.manners.needs_parent is False
    assert "parameters" in T.features
