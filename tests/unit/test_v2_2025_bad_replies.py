"""Good statuses, but not the replies that were hoped for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sampling import each

from hugchat_sync.calls import Reply
from hugchat_sync.dialects import load_dialect
from hugchat_sync.errors import (
    AuthError,
    HugChatError,
    ProtocolError,
)
from hugchat_sync.records import Settings

ERA = "v2-2025"
V2 = load_dialect(ERA)


def good(value: Any, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


SIGN_IN = {"type": "redirect", "status": 302, "location": "https://id.example/a?state=secret"}

#: a call, and a reply that lacks what the field names
LACKS: list[tuple[Any, Any, str]] = [
    (V2.list_conversations(), {"json": {}}, "conversations"),
    (V2.list_conversations(), {"conversations": []}, "json"),
    (V2.list_conversations(), {"json": {"conversations": [{"id": "a"}]}}, "title"),
    (V2.list_conversations(), {"json": {"conversations": [7]}}, "_id"),
    (V2.create_conversation("m", ""), {}, "conversationId"),
    (V2.conversation("x"), {"json": {"title": "x"}}, "messages"),
    (V2.conversation("x"), {"json": {"messages": []}}, "title"),
    (V2.conversation("x"), {"json": {"messages": [{"id": "x"}]}}, "from"),
    (V2.conversation("x"), {"json": {"messages": [{"from": "user"}]}}, "id"),
    (V2.conversation("x"), {"json": None}, "messages"),
    (V2.settings(), {"json": []}, "customPrompts"),
    (V2.models(), {"json": {}}, "models"),
    (V2.models(), {"json": [{}]}, "id"),
    (V2.user(), {"json": {"id": "x"}}, "username"),
    (V2.import_share("x"), {"json": {}}, "conversationId"),
    (V2.transcribe(b"", "audio/wav"), {}, "text"),
    (V2.tool_servers(), [{}], "name"),
    (V2.answer_elicitation("x", "y", "z"), {}, "ok"),
]


@each(("call", "value", "field"), LACKS)
def test_missing_key_is_named(call: Any, value: Any, field: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        call.read(good(value))
    assert raised.value.field == field


@each(
    "call",
    [
        V2.list_conversations(),
        V2.create_conversation("m", ""),
        V2.save_settings(Settings()),
        V2.remove_conversation("x"),
        V2.stop("x"),
    ],
)
def test_page_or_sign_in_with_a_good_status(call: Any) -> None:
    page = Reply(200, {"content-type": "text/html"}, b"<!doctype html><title>Chat</title>")
    with pytest.raises(ProtocolError, match="an HTML page"):
        call.read(page)
    with pytest.raises(AuthError, match="sign in") as raised:
        call.read(good(SIGN_IN))
    assert "secret" not in str(raised.value)
    assert isinstance(raised.value, HugChatError)
