from __future__ import annotations

import json
from typing import Any

import pytest
from answers import prompt
from exchanges import reply
from sampling import each

from hugchat_sync.calls import Reply
from hugchat_sync.dialects import load_dialect
from hugchat_sync.errors import (
    AuthError,
    BadRequest,
    ConversationNotExistError,
    FeatureUnavailable,
    HugChatError,
    ModelGone,
    NotFound,
    ProtocolError,
    RateLimited,
    TooLarge,
    Unavailable,
)

ERA = "lines-2023"
LINES = load_dialect(ERA)
LLAMA, FALCON = "meta-llama/Llama-2-70b-chat-hf", "tiiuae/falcon-180B-chat"


def good(value: Any, status: int = 200) -> Reply:
    return Reply(status, {"content-type": "application/json"}, json.dumps(value).encode())


def test_page_data_that_is_none() -> None:
    with pytest.raises(AuthError, match="sign in"):
        LINES.user().read(good({"type": "redirect", "location": "https://id.example/?x=secret"}))
    with pytest.raises(ProtocolError, match="conversations"):
        LINES.user().read(good({"type": "data", "nodes": [None, None]}))
    with pytest.raises(ProtocolError, match="messages"):
        LINES.conversation("x").read(good({"type": "data", "nodes": []}))
    with pytest.raises(ProtocolError, match="an HTML page"):
        LINES.user().read(Reply(200, {}, b"<!doctype html>"))


def test_what_this_era_lacks() -> None:
    with pytest.raises(FeatureUnavailable, match="lines-2023") as raised:
        LINES.reattach("x", "y")
    assert raised.value.feature == "reattach"
    for call in (
        LINES.tool_servers,
        lambda: LINES.download("x", "y"),
        lambda: LINES.transcribe(b"", ""),
    ):
        with pytest.raises(FeatureUnavailable):
            call()


@each(
    ("name", "kind", "said"),
    [
        ("la14-probe-chat-api-models", NotFound, "an HTML page"),
        ("lb04-create-bad-model-json", Unavailable, "Internal Error"),
        ("lb12-create-text-plain-no-referer-json", AuthError, "need to have a referer"),
        ("lc28-unknown-conversation", ConversationNotExistError, "Conversation not found"),
        ("lc36-foreign-conversation", ConversationNotExistError, "Conversation not found"),
        ("lc41-large-body", TooLarge, "Invalid request body"),
        ("lh25-vote-unknown", NotFound, "Message not found"),
        ("li20-bad-model", Unavailable, "Internal Error"),
        ("lk03-create-anonymous", AuthError, "You have to be logged in."),
        ("lk09-settings-anonymous", AuthError, "You have to be logged in."),
        ("ll04-second-guest-message", AuthError, "Exceeded number of messages before login"),
        ("lm02-create-before-accepting", BadRequest, "update_settings"),
        ("lm18-rate-limit", RateLimited, "You are sending too many messages."),
        ("ln01-model-gone", ModelGone, "Model not available anymore"),
    ],
)
def test_recorded_error(name: str, kind: type[HugChatError], said: str) -> None:
    error = LINES.chat(prompt()).request.error(reply(ERA, name))
    assert type(error) is kind
    assert said in str(error)


@pytest.mark.parametrize(
    ("call", "value", "field"),
    [
        (LINES.create_conversation("m", ""), {}, "conversationId"),
        (LINES.share("x"), {}, "shareId"),
    ],
)
def test_missing_key_is_named(call: Any, value: Any, field: str) -> None:
    with pytest.raises(ProtocolError) as raised:
        call.read(good(value))
    assert raised.value.field == field
