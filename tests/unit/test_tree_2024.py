from __future__ import annotations

import json
from typing import Any

import exchanges
import pytest
from exchanges import reply
from sampling import each

from hugchat_sync.calls import Call, Reply
from hugchat_sync.dialects import Page, Prompt, Stored
from hugchat_sync.dialects.tree_2024 import Facts, Tree2024
from hugchat_sync.errors import (
    AuthError,
    BadRequest,
    ConversationLimit,
    ConversationNotExistError,
    FeatureUnavailable,
    HugChatError,
    ModelNotFound,
    NotFound,
    ProtocolError,
    RateLimited,
    TooLarge,
    Unavailable,
)
from hugchat_sync.records import ConversationTree, Settings

TREES = {
    "2404": Tree2024(Facts("json", "none")),
    "2412": Tree2024(Facts("multipart", "array", keep_alives=True)),
}
TREE = TREES["2412"]
HIDDEN = Tree2024(Facts(hidden=True))
PICTURE = reply("tree-2024", "2412-e03-output").body


def read(call: Call[Any], name: str) -> Any:
    """Return what *call* makes of a recorded reply."""
    return exchanges.read("tree-2024", call, name)


@each(
    "request_",
    [
        TREE.chat(Prompt("a" * 24, "hi", "m", "g", parent_id="p")).request,
        TREES["2404"].chat(Prompt("a" * 24, "hi", "m", "g", parent_id="p")).request,
        TREE.create_conversation("m", "").request,
        TREE.stop("a" * 24).request,
        TREE.share("a" * 24).request,
        TREE.save_settings(Settings()).request,
        TREE.remove_all_conversations()[0].request,
    ],
)
def test_every_post_names_where_it_comes_from(request_: Any) -> None:
    assert request_.method == "POST"
    assert request_.headers["Accept"] == "application/json"
    assert request_.headers["Origin"] == "{origin}"
    assert request_.headers["Referer"] == "{base}/"


# conversations -------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["2404", "2412"])
def test_conversations(server: str) -> None:
    tree = TREES[server]
    created = tree.create_conversation("mock/plain", "prompt")
    assert created.request.json == {"model": "mock/plain", "preprompt": "prompt"}
    made = read(created, f"{server}-b01-create-no-cookie")
    assert made == ConversationTree(made.id, "New Chat", "mock/plain")
    assert len(made.id) == 24
    assert read(tree.rename_conversation("a" * 24, "x"), f"{server}-h01-rename") is None
    assert read(tree.remove_conversation("a" * 24), f"{server}-h30-delete") is None
    assert read(tree.remove_all_conversations()[0], f"{server}-h34-delete-all-action") is None
    assert "/chat/r/" in read(tree.share("a" * 24), f"{server}-h10-share")
    imported = tree.create_from_share("P4lMWDX", "mock/plain")
    assert imported.request.json == {"model": "mock/plain", "fromShare": "P4lMWDX"}
    assert len(read(imported, f"{server}-h16-create-from-share").id) == 24
    assert read(tree.stop("a" * 24), f"{server}-g03-stop-stop") is None


def test_a_share_of_june_2025_is_an_id() -> None:
    assert TREE.share("a").read(Reply(200, {}, b'{"shareId":"abc1234"}')) == "/r/abc1234"


def test_lists_come_in_pages() -> None:
    listed = read(TREE.list_conversations(), "2404-c01-plain-list")
    assert listed.conversations[0].title == "\U0001f4ac Hello there, my"
    assert (listed.conversations[0].model, listed.more) == ("mock/plain", False)
    second = read(TREE.list_conversations(1), "2412-p02-list-v1-p1")
    assert (len(second.conversations), second.more) == (1, False)
    assert read(TREE.list_conversations(9), "2412-p03-list-v1-p9") == Page((), False)
    assert TREE.list_conversations(9).request.params == {"p": "9"}
    full = [{"id": str(number), "title": "t"} for number in range(300)]
    assert TREE.list_conversations().read(Reply(200, {}, json.dumps(full).encode())).more
    of_assistant = read(TREE.list_conversations(), "2412-m10-conversations-v1")
    assert len(of_assistant.conversations) == 2


def test_a_server_that_hides_its_api_shows_its_pages() -> None:
    listed = read(HIDDEN.list_conversations(), "2404-b02-home-data-after")
    assert len(listed.conversations) == 1
    assert HIDDEN.list_conversations(1).read(
        reply("tree-2024", "2404-b02-home-data-after")
    ) == Page((), False)
    assert read(HIDDEN.models(), "2412-o04-home-data")[0].id == "mock/plain"
    assert read(HIDDEN.user(), "2412-o04-home-data") is None
    assert read(HIDDEN.user(), "2412-n27-home-data-signed-in").username == "alice"


@pytest.mark.parametrize("server", ["2404", "2412"])
def test_a_tree_with_branches(server: str) -> None:
    tree = read(TREE.conversation("a" * 24), f"{server}-d08-tree-data")
    known = {message.id: message for message in tree.messages}
    root = known[tree.root_id]
    assert (root.role, root.parent_id, len(root.children)) == ("system", None, 2)
    assert (len(tree.messages), tree.system_prompt) == (9, "You are the default preprompt.")
    path = tree.path()
    assert [message.role for message in path] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
    ]
    assert path[-1].text == "Hello, world"
    assert path[-1].interrupted is False
    assert all(
        known[child].parent_id == item.id for item in tree.messages for child in item.children
    )


def test_a_fresh_conversation_has_only_its_root() -> None:
    tree = read(TREE.conversation("a" * 24), "2404-b03-conversation-data")
    assert [message.id for message in tree.messages] == [tree.root_id]
    shared = read(TREE.conversation("P4lMWDX"), "2412-h14-share-as-conversation-data")
    assert len(shared.messages) > 1


def stored(prompt: Prompt, name: str) -> Stored | None:
    found: Stored | None = TREE.stored("a" * 24, prompt).read(reply("tree-2024", name))
    return found


def test_what_became_of_a_message() -> None:
    tree = read(TREE.conversation("a" * 24), "2412-d08-tree-data")
    root, question, answer, again, _, _, _, follow, last = tree.messages
    new = Prompt("a" * 24, follow.text, "m", "g", parent_id=answer.id)
    assert stored(new, "2412-d08-tree-data") == Stored(follow.id, last.id, last.text, state="done")
    other = Prompt("a" * 24, "never sent", "m", "g", parent_id=answer.id)
    assert stored(other, "2412-d08-tree-data") is None
    retry = Prompt("a" * 24, "", "m", "g", parent_id=answer.id, action="retry")
    found = stored(retry, "2412-d08-tree-data")
    assert found is not None
    assert found.question_id == question.id
    edit = Prompt("a" * 24, tree.messages[4].text, "m", "g", parent_id=question.id, action="edit")
    edited = stored(edit, "2412-d08-tree-data")
    assert edited is not None
    assert edited.question_id == tree.messages[4].id


# account -------------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["2404", "2412"])
def test_settings_are_read_from_pages_and_written_as_json(server: str) -> None:
    before = read(TREE.settings(), f"{server}-i01-settings-default")
    assert (before.active_model, before.search_enabled) == ("mock/plain", True)
    after = read(TREE.settings(), f"{server}-i03-settings-after")
    assert after.custom_prompts["mock/plain"] == "PROMPT FROM SETTINGS"
    assert after.share_conversations_with_model_authors is False
    call = TREE.save_settings(after)
    assert call.request.json["customPrompts"] == dict(after.custom_prompts)
    assert "searchEnabled" not in call.request.json
    assert read(call, f"{server}-i02-settings-set") is None


def test_models_and_users() -> None:
    models = read(TREE.models(), "2412-a07-models-v1")
    assert models[0].id == "mock/plain"
    assert [model.id for model in models if model.supports_tools] == ["mock/tools"]
    assert "mock/hidden" not in [model.id for model in models]
    assert read(TREE.user(), "2404-n05-user") is None
    assert read(TREE.user(), "2412-n26-user").email == "alice@example.org"
    assert read(TREE.login_required(), "2404-b02-home-data-after") is False
    assert read(TREE.login_required(), "2404-n27-home-data-signed-in") is True
    assert TREE.download("a", "b").read(reply("tree-2024", "2412-e03-output")) == PICTURE


# refusals ------------------------------------------------------------------------------------


CREATE, SHARE = TREE.create_conversation("m", ""), TREE.share("a")


@each("server", ["2404", "2412"])
@each(
    ("call", "name", "kind"),
    [
        (CREATE, "b08-create-invalid-model", ModelNotFound),
        (CREATE, "b19-create-unknown-share", ConversationNotExistError),
        (CREATE, "o03-create-before-modal", HugChatError),
        (CREATE, "o13-create-5", ConversationLimit),
        (SHARE, "c03-id-missing", Unavailable),
        (SHARE, "c05-id-unknown", Unavailable),
        (SHARE, "d05-retry-unknown", NotFound),
        (SHARE, "d11-continue-inner", BadRequest),
        (SHARE, "f10-conversation-unknown", ConversationNotExistError),
        (SHARE, "h31-delete-again", ConversationNotExistError),
        (SHARE, "o08-too-long", BadRequest),
        (SHARE, "o11-rate-limited", RateLimited),
    ],
)
def test_refusals(server: str, call: Call[Any], name: str, kind: type[HugChatError]) -> None:
    error = call.request.error(reply("tree-2024", f"{server}-{name}"))
    assert isinstance(error, kind)
    assert "the server answered" in str(error)


def test_more_refusals() -> None:
    refuse = SHARE.request.error
    assert isinstance(refuse(reply("tree-2024", "2412-e04-output-unknown")), NotFound)
    assert isinstance(refuse(reply("tree-2024", "2412-n07-create-anonymous")), AuthError)
    assert isinstance(refuse(reply("tree-2024", "2412-n08-create-anonymous-json")), AuthError)
    assert isinstance(refuse(reply("tree-2024", "2412-o17-too-many-messages")), ConversationLimit)
    assert isinstance(refuse(reply("tree-2024", "2412-e09-too-big")), TooLarge)
    assert isinstance(refuse(reply("tree-2024", "2404-o01-api-hidden")), FeatureUnavailable)


@pytest.mark.parametrize(
    "name",
    [
        "2404-b27-conversation-page-unknown",
        "2404-b29-conversation-data-foreign",
        "2412-h32-deleted-data",
    ],
)
def test_a_conversation_that_is_not_there_has_status_200(name: str) -> None:
    with pytest.raises(ConversationNotExistError):
        TREE.conversation("a").read(reply("tree-2024", name))


@pytest.mark.parametrize("name", ["2404-d16-delete-message-v1", "2412-d16-delete-message-v1"])
def test_a_message_cannot_be_deleted_yet_whatever_the_status(name: str) -> None:
    with pytest.raises(FeatureUnavailable, match="remove message"):
        read(TREE.remove_message("a" * 24, "b" * 36), name)


def test_a_message_can_be_deleted_since_2025() -> None:
    call = TREE.remove_message("a", "b")
    assert call.request.path == "/api/conversation/a/message/b"
    assert call.read(Reply(200, {}, b"")) is None
    with pytest.raises(NotFound):
        call.read(Reply(404, {"content-type": "application/json"}, b'{"message":"x"}'))


PAGE = Reply(200, {"content-type": "text/html"}, b"<!doctype html>\n<title>ChatUI</title>")
READERS: dict[str, Call[Any]] = {
    "list": TREE.list_conversations(),
    "create": TREE.create_conversation("m", ""),
    "conversation": TREE.conversation("a"),
    "settings": TREE.settings(),
    "models": TREE.models(),
    "user": TREE.user(),
    "share": TREE.share("a"),
    "login": TREE.login_required(),
    "stored": TREE.stored("a", Prompt("a", "b", "c", "d", parent_id="e")),
    "rename": TREE.rename_conversation("a", "b"),
    "save": TREE.save_settings(Settings()),
    "remove all": TREE.remove_all_conversations()[0],
}


@each("name", READERS)
def test_a_page_with_status_200_is_no_reply(name: str) -> None:
    with pytest.raises((ProtocolError, FeatureUnavailable)):
        READERS[name].read(PAGE)


@each("name", ["list", "create", "conversation", "settings", "share", "login"])
@each("body", [b"", b"{}", b"5", b"[5]", b"[{}]", b'{"nodes":[]}', b"\xff"])
def test_a_reply_of_another_shape_is_a_protocol_error(name: str, body: bytes) -> None:
    with pytest.raises(ProtocolError):
        READERS[name].read(Reply(200, {}, body))


def test_a_conversation_from_before_trees_is_told_by_its_missing_root() -> None:
    table: list[Any] = [{"messages": 1, "title": 2}, [], "t"]
    page = {"type": "data", "nodes": [None, {"type": "data", "data": table}]}
    with pytest.raises(ProtocolError) as caught:
        TREE.conversation("a").read(Reply(200, {}, json.dumps(page).encode()))
    assert caught.value.field == "rootMessageId"
