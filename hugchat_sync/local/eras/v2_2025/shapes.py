"""Stored conversations in the shapes of today's routes.

Source: chat-ui c100c162, measured 2026-08 (b01, c29, d08, h01).
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from hugchat_sync.local.eras.v2_2025.superjson import Date, Undefined
from hugchat_sync.local.tables.conversations import Conversation, StoredMessage

_V1_MESSAGE_KEYS = ("content", "from", "id", "createdAt", "updatedAt", "files", "updates")


def conversation_v2(
    conversation: Conversation, shown_id: str = "", shared: bool = False
) -> dict[str, Any]:
    """Return what ``GET /api/v2/conversations/{id}`` tells.

    :param shown_id: the share id, when a share is read.
    """
    root = conversation.messages[0]["id"] if conversation.messages else Undefined()
    return {
        "messages": [_dated(message) for message in conversation.messages],
        "title": conversation.title,
        "model": conversation.model,
        "preprompt": conversation.preprompt,
        "rootMessageId": root,
        "id": shown_id or conversation.id,
        "updatedAt": Date(conversation.updated_at),
        "modelId": conversation.model,
        "shared": shared,
        "deployedSpaces": Undefined(),
    }


def conversation_v1(conversation: Conversation) -> dict[str, Any]:
    """Return what ``GET /api/conversation/{id}`` tells: no tree, no model settings."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "updatedAt": conversation.updated_at,
        "modelId": conversation.model,
        "messages": [
            {key: message[key] for key in _V1_MESSAGE_KEYS if key in message}
            for message in conversation.messages
        ],
    }


def list_item(conversation: Conversation) -> dict[str, Any]:
    """Return one line of the lists."""
    return {
        "_id": conversation.id,
        "id": conversation.id,
        "title": conversation.title,
        "updatedAt": conversation.updated_at,
        "model": conversation.model,
        "modelId": conversation.model,
    }


def _dated(message: StoredMessage) -> StoredMessage:
    dates: StoredMessage = {
        key: Date(message[key]) for key in ("createdAt", "updatedAt") if key in message
    }
    return {**message, **dates}


def path_to(messages: Sequence[StoredMessage], message: StoredMessage) -> list[StoredMessage]:
    """Return the branch that ends with the message, the root first."""
    by_id: Mapping[str, StoredMessage] = {entry["id"]: entry for entry in messages}
    return [by_id[ancestor] for ancestor in message.get("ancestors", ())] + [message]
