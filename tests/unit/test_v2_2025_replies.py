from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from exchanges import reply

from hugchat_sync.calls import Call, Reply
from hugchat_sync.dialects import load_dialect
from hugchat_sync.errors import (
    ConversationNotExistError,
    ProtocolError,
    Unavailable,
)
from hugchat_sync.records import ChatFile, Conversation, ConversationTree, Settings, User

ERA = "v2-2025"
V2 = load_dialect(ERA)


def good(value: Any, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


def read(call: Call[Any], found: Reply) -> Any:
    """Do with a reply as the transport does."""
    problem = call.request.error(found)
    if problem is not None:
        raise problem
    return call.read(found)


def test_list() -> None:
    first = V2.list_conversations().read(reply(ERA, "h01-list-v2-p-0"))
    assert len(first.conversations) == 30
    assert first.more
    assert first.conversations[0] == Conversation(
        "6b02a405554756adfb4f3366", "New Chat", "2026-11-22T08:12:53.432Z", "mock/plain"
    )
    last = V2.list_conversations(2).read(reply(ERA, "h01-list-v2-p-2"))
    assert (last.conversations, last.more) == ((), False)


def test_list_of_2025_counts_instead() -> None:
    first = V2.list_conversations(0).read(reply(ERA, "2507-p06-list-v2"))
    assert (len(first.conversations), first.more) == (30, True)
    second = V2.list_conversations(1).read(reply(ERA, "2507-p07-list-v2-p1"))
    assert (len(second.conversations), second.more) == (1, False)


def test_list_that_says_nothing_about_more() -> None:
    item = {"_id": "a" * 24, "title": "x"}
    assert V2.list_conversations().read(good({"json": {"conversations": [item] * 30}})).more
    short = V2.list_conversations().read(good({"json": {"conversations": [item]}}))
    assert not short.more
    assert short.conversations == (Conversation("a" * 24, "x"),)


def test_created() -> None:
    created = V2.create_conversation("m", "").read(reply(ERA, "b02-create-preprompt"))
    assert (created.id, created.title) == ("6b02a3ec554756adfb4f3182", "New Chat")
    assert created.leaf == "a1d62005-90a1-474c-b253-6b5e666e161f"


def test_created_out_of_a_share_ends_in_its_last_message() -> None:
    created = V2.create_conversation("m", "").read(reply(ERA, "i10-create-from-share"))
    assert created.leaf == "34b0f48b-21d1-47a8-9e33-7e1e56fbdc30"
    assert created.title == "Share me"


@pytest.mark.parametrize("embedded", [None, "nonsense", '{"no": 1}', 5])
def test_created_where_the_leaf_is_not_told(embedded: Any) -> None:
    value = {"conversationId": "a" * 24, "conversation": embedded}
    created = V2.create_conversation("m", "").read(good(value))
    assert created == ConversationTree("a" * 24, "New Chat", "m")
    old = V2.create_conversation("m", "").read(reply(ERA, "2507-b07-create-preprompt"))
    assert old == ConversationTree("6b02ad18868fe7c61afb2264", "New Chat", "m")


def test_tree() -> None:
    tree = V2.conversation("6b02a3ff554756adfb4f325e").read(reply(ERA, "d07-tree-v2"))
    assert (tree.title, tree.model, tree.system_prompt) == ("One", "mock/plain", "")
    assert tree.root_id == tree.messages[0].id
    assert [message.role for message in tree.messages] == [
        "system",
        "user",
        "assistant",
        "assistant",
        "user",
        "assistant",
        "assistant",
    ]
    question = tree.messages[1]
    assert question.parent_id == tree.root_id
    assert question.children == tuple(tree.messages[at].id for at in (2, 3, 6))
    assert tree.messages[5].interrupted is False
    assert question.interrupted is None
    assert [message.id for message in tree.path()] == [
        tree.root_id,
        question.id,
        tree.messages[6].id,
    ]


def test_thinking_in_a_stored_answer_is_no_text() -> None:
    said = "<think>Hm.\n</think>Hello <think>again</think>world"
    answer = {"id": "a", "from": "assistant", "content": said}
    question = {"id": "q", "from": "user", "content": said}
    value = {"json": {"title": "x", "model": "m", "messages": [question, answer]}}
    asked, answered = V2.conversation("x").read(good(value)).messages
    assert (answered.text, answered.reasoning) == ("Hello world", "Hm.\nagain")
    assert (asked.text, asked.reasoning) == (said, "")


def test_files_of_a_message() -> None:
    tree = V2.conversation("6b02a400554756adfb4f3288").read(reply(ERA, "e02-image-conversation-v2"))
    [file] = tree.messages[1].files
    assert isinstance(file, ChatFile)
    assert (file.name, file.mime, file.conversation_id) == ("square.png", "image/png", tree.id)
    assert len(file.sha) == 64


def test_share_read_by_a_stranger() -> None:
    tree = V2.conversation("JTEFM6y").read(reply(ERA, "i05-share-v2"))
    assert [message.text for message in tree.messages][1:] == [
        "Share me [[tokens:4]]",
        "Hello, world.",
    ]


def test_settings_and_what_is_new_in_them() -> None:
    settings = V2.settings().read(reply(ERA, "a14-settings-default"))
    assert settings.active_model == "omni"
    assert settings.streaming_mode == "smooth"
    assert settings.haptics_enabled is True
    assert settings.billing_organization is None
    assert settings.extra == {}
    value = {"json": {"customPrompts": {}, "moonPhase": "full"}}
    assert V2.settings().read(good(value)).extra == {"moonPhase": "full"}


@pytest.mark.parametrize("name", ["a14-settings-default", "2507-i03-settings-after"])
def test_settings_come_back_as_they_were(name: str) -> None:
    wire = json.loads(reply(ERA, name).body)["json"]
    settings = V2.settings().read(reply(ERA, name))
    body = V2.save_settings(replace(settings, direct_paste=True)).request.json
    ours_to_change = {
        key: value
        for key, value in wire.items()
        if value is not None and not key.endswith("At") and key != "assistants"
    }
    assert body == {**ours_to_change, "directPaste": True}


def test_settings_keys_with_dots_and_undefined_values() -> None:
    value = {
        "json": {"customPrompts": {"a.b/c": "x"}, "billingOrganization": None},
        "meta": {"values": {"billingOrganization": ["undefined"]}, "v": 1},
    }
    settings = V2.settings().read(good(value))
    assert settings == Settings(custom_prompts={"a.b/c": "x"})


def test_models() -> None:
    models = V2.models().read(reply(ERA, "a05-models-v2"))
    assert [model.id for model in models] == ["omni", "mock/plain", "mock/vision", "mock/tools"]
    router, plain, vision, tools = models
    assert router.is_router
    assert router.name == "Omni"
    assert plain.supports_reasoning
    assert vision.multimodal
    assert tools.supports_tools


def test_models_of_2025() -> None:
    models = V2.models().read(reply(ERA, "2507-z1-v2-models"))
    assert models[0].system_prompt == "You are the default preprompt."
    assert [model.id for model in models if model.supports_tools] == ["mock/tools"]
    assert "mock/think" in [model.id for model in models if model.supports_reasoning]


def test_models_that_are_not_offered() -> None:
    value = {"json": [{"id": "a"}, {"id": "b", "unlisted": True}]}
    assert [model.id for model in V2.models().read(good(value))] == ["a"]


def test_user_without_a_name_is_called_by_the_address() -> None:
    """A server may take sign-ins of another provider, which need not know names."""
    value = {"id": "x", "username": None, "email": "ann@example.org"}
    read = V2.user().read(good({"json": value, "meta": {"values": {"username": ["undefined"]}}}))
    assert read == User("x", "ann@example.org", "ann@example.org")


def test_user() -> None:
    assert V2.user().read(reply(ERA, "p22-user-v2")) == User(
        "6b02a4233ec2c5eee11ba404", "bob", "bob@example.org"
    )
    assert V2.user().read(reply(ERA, "a12-user-v2-anonymous")) is None


def test_whether_there_is_a_sign_in() -> None:
    assert V2.login_required().read(reply(ERA, "a09-feature-flags")) is False
    assert V2.login_required().read(reply(ERA, "p02-flags")) is True
    assert V2.login_required().read(good({"json": {"loginRequired": True}})) is True
    with pytest.raises(ProtocolError, match="loginEnabled"):
        V2.login_required().read(good({"json": {}}))


@pytest.mark.parametrize("name", ["j01-settings-post-v1", "j03-settings-post-v2"])
def test_empty_reply_is_good_news(name: str) -> None:
    assert V2.save_settings(Settings()).read(reply(ERA, name)) is None  # type: ignore[func-returns-value]


def test_all_removed() -> None:
    assert V2.remove_all_conversations()[0].read(reply(ERA, "h23-delete-all-v2")) == 33
    assert V2.manners.counts_removed


def test_share() -> None:
    assert V2.share("x").read(reply(ERA, "i01-share")) == "/r/JTEFM6y"
    assert V2.share("x").read(good({"url": "https://x.example/r/abcdefg"})).startswith("https")
    with pytest.raises(ProtocolError, match="shareId"):
        V2.share("x").read(good({}))


def test_import_share() -> None:
    imported = V2.import_share("JTEFM6y")
    assert imported.read(reply(ERA, "i06-import-share")) == "6b02a405554756adfb4f3370"
    assert imported.read(good({"conversationId": "a" * 24})) == "a" * 24


def test_renamed() -> None:
    call = V2.rename_conversation("x", "y")
    read(call, reply(ERA, "h03-rename-v2"))
    read(call, reply(ERA, "2507-h21b-rename-v2-same"))  # the title it had already is no failure
    with pytest.raises(ConversationNotExistError):
        read(call, reply(ERA, "2507-h25-rename-v2-unknown"))
    with pytest.raises(ConversationNotExistError):
        read(call, reply(ERA, "h12-rename-unknown-v2"))


def test_tool_servers() -> None:
    [server] = read(V2.tool_servers(), reply(ERA, "a13-mcp-servers"))
    assert (server["name"], server["url"]) == ("Mock", "http://127.0.0.1:8933/mcp")
    assert read(V2.tool_servers(), reply(ERA, "g22-unknown-route")) == ()
    with pytest.raises(Unavailable):
        read(V2.tool_servers(), Reply(503, {}, b""))


def test_tool_server_health() -> None:
    call = V2.tool_server_health("https://x.example/mcp")
    assert [tool["name"] for tool in read(call, reply(ERA, "a28-mcp-health"))["tools"]][:2] == [
        "echo",
        "add",
    ]
    ill = {"ready": False, "error": "no", "authRequired": True}
    assert read(call, good(ill, 503)) == ill
    with pytest.raises(Unavailable):
        read(call, Reply(503, {}, b"gateway"))
    with pytest.raises(ProtocolError):
        read(call, good([]))


def test_downloaded_bytes() -> None:
    assert V2.download("x", "y").read(reply(ERA, "e07-output-text")).startswith(b"Some text")


def test_transcription() -> None:
    assert V2.transcribe(b"", "audio/wav").read(good({"text": "Hello"})) == "Hello"


def test_elicitation_answered() -> None:
    call = V2.answer_elicitation("x", "y", "accept")
    call.read(reply(ERA, "x11-elicitation-answer-accept"))
