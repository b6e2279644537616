"""The tree of messages: ancestors on every message, children in the order of their creation.

Source: chat-ui c100c162, measured 2026-08 (c29, d01 to d15).
"""

from __future__ import annotations

from typing import Any, Sequence

from hugchat_sync.local.identifiers import new_uuid
from hugchat_sync.local.tables.conversations import Conversation, StoredMessage


def new_root(preprompt: str, moment: str) -> StoredMessage:
    """Return the system message every conversation begins with."""
    return {
        "id": new_uuid(),
        "from": "system",
        "content": preprompt,
        "createdAt": moment,
        "updatedAt": moment,
        "children": [],
        "ancestors": [],
    }


def add_child(
    conversation: Conversation,
    parent: StoredMessage | None,
    sender: str,
    content: str,
    moment: str,
    **more: Any,
) -> StoredMessage:
    """Return a new message at the end of the array, hung under its parent."""
    ancestors = [] if parent is None else [*parent["ancestors"], parent["id"]]
    message: StoredMessage = {
        "from": sender,
        "content": content,
        **more,
        "createdAt": moment,
        "updatedAt": moment,
        "ancestors": ancestors,
        "id": new_uuid(),
        "children": [],
    }
    if parent is not None:
        parent["children"].append(message["id"])
    conversation.messages.append(message)
    return message


def without_message(messages: Sequence[StoredMessage], message_id: str) -> list[StoredMessage]:
    """Return the messages less one and all that descend from it."""
    kept = [
        message
        for message in messages
        if message["id"] != message_id and message_id not in message["ancestors"]
    ]
    for message in kept:
        message["children"] = [child for child in message["children"] if child != message_id]
    return kept
