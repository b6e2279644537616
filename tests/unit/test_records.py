"""Records: values, with the methods of dataclasses-json."""

from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, fields

import pytest
from sampling import each

from hugchat_sync import records
from hugchat_sync.errors import RateLimited, UsageError
from hugchat_sync.records import (
    ChatFile,
    Check,
    Conversation,
    ConversationTree,
    HistoryEntry,
    Model,
    RequestData,
    Result,
    Settings,
    Source,
    TreeMessage,
    User,
)

FIELDS = {
    "Conversation": ["id", "title", "updated_at", "model"],
    "HistoryEntry": ["conversation_id", "is_user", "text", "text_id", "files"],
    "ConversationTree": ["id", "title", "model", "system_prompt", "root_id", "messages"],
    "TreeMessage": [
        "id",
        "role",
        "text",
        "reasoning",
        "files",
        "parent_id",
        "children",
        "created_at",
        "interrupted",
    ],
    "Model": [
        "id",
        "name",
        "description",
        "multimodal",
        "supports_tools",
        "supports_reasoning",
        "is_router",
        "system_prompt",
    ],
    "User": ["id", "username", "email"],
    "Check": ["user", "missing", "era", "features"],
    "Source": ["title", "link", "hostname"],
    "ChatFile": ["name", "sha", "mime", "conversation_id"],
    "Result": [
        "index",
        "id",
        "prompt",
        "text",
        "error",
        "seconds",
        "conversation_id",
        "asked",
    ],
}

FILE = ChatFile("a.png", "9f", "image/png", "6" * 24)
TREE = ConversationTree(
    "6" * 24,
    "Tree",
    "model",
    "be nice",
    "root",
    (
        TreeMessage("root", "system", "", children=("q",)),
        TreeMessage("q", "user", "hi", parent_id="root", children=("a", "b"), files=(FILE,)),
        TreeMessage("a", "assistant", "old", parent_id="q"),
        TreeMessage("b", "assistant", "new", "hmm", parent_id="q", interrupted=False),
    ),
)
VALUES = [
    Conversation("6" * 24, "Title", "2026-01-01T00:00:00.000Z", "m"),
    HistoryEntry("6" * 24, True, "hi", "id", (FILE,)),
    TREE,
    Model("m", "M", multimodal=True),
    User("u", "name", "a@example.org"),
    Check(User("u", "name"), ("token",), "v2-2025", ("files", "stop")),
    Check(None, (), "lines-2023", ()),
    Settings("m", {"m": "be nice"}, custom_prompts_enabled={"m": True}, extra={"new": [1]}),
    Source("t", "https://a.example/", "a.example"),
    FILE,
    Result(0, None, "hi", "hello", None, 0.5),
    RequestData("hi", id="i", is_retry=True, parameters={"top_k": 5}),
]


@each(("name", "expected"), FIELDS.items())
def test_record_has_the_fields_of_the_contract(name, expected):
    assert [field.name for field in fields(getattr(records, name))] == expected


@each("record", VALUES)
def test_record_comes_back_from_its_json(record):
    assert type(record).from_json(record.to_json()) == record


@each("record", VALUES)
def test_keys_of_a_record_are_snake_case_and_those_of_its_fields(record):
    assert list(record.to_dict()) == [field.name for field in fields(record)]


@each("record", VALUES)
def test_record_pickles(record):
    assert pickle.loads(pickle.dumps(record)) == record


@each("record", VALUES[:-1])
def test_record_is_frozen(record):
    with pytest.raises(FrozenInstanceError):
        setattr(record, fields(record)[0].name, "other")


def test_missing_keys_take_the_defaults():
    assert Conversation.from_dict({"id": "i", "title": "t"}) == Conversation("i", "t")


@pytest.mark.filterwarnings("ignore:The 'default' argument to fields")
def test_schema_is_that_of_marshmallow():
    assert Source.schema().dump(Source("t", "l")) == {"title": "t", "link": "l", "hostname": ""}


def test_error_of_a_result_is_a_sentence_in_json():
    result = Result(3, None, "hi", None, RateLimited("too many"), 0.1)

    assert json.loads(result.to_json())["error"] == "RateLimited: too many"


def test_error_of_a_result_read_from_json_stays_its_sentence():
    text = Result(3, None, "hi", None, RateLimited("too many"), 0.1).to_json()

    assert str(Result.from_json(text).error) == "RateLimited: too many"


def test_path_of_the_newest_message_is_the_visible_branch():
    assert [message.id for message in TREE.path()] == ["root", "q", "b"]


def test_path_of_another_leaf():
    assert [message.id for message in TREE.path("a")] == ["root", "q", "a"]


def test_path_of_an_unknown_leaf_is_refused():
    with pytest.raises(UsageError, match="nowhere"):
        TREE.path("nowhere")


def test_path_of_an_empty_conversation_is_empty():
    assert ConversationTree("i", "t", "m").path() == []


def test_cycle_does_not_hang_the_path():
    one = TreeMessage("a", "user", "x", parent_id="b")
    two = TreeMessage("b", "user", "y", parent_id="a")

    assert len(ConversationTree("i", "t", "m", messages=(one, two)).path()) <= 3


@each(
    ("settings", "prompt"),
    [
        (Settings(custom_prompts={"m": "p"}), "p"),
        (Settings(custom_prompts={"m": "p"}, custom_prompts_enabled={"m": False}), ""),
        (Settings(custom_prompts={"m": "p"}, custom_prompts_enabled={}), "p"),
        (Settings(custom_prompts={"x": "p"}), ""),
        (Settings(), ""),
    ],
)
def test_stored_prompt_of_a_model(settings, prompt):
    assert settings.stored_prompt("m") == prompt


def test_given_fields_of_request_data():
    data = RequestData(inputs="hi", is_retry=False)

    assert data.given() == {"inputs": "hi", "is_retry": False}
