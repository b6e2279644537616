"""Where a new message hangs in the tree.

Source: chat-ui c100c162, measured 2026-08 (c03 to c05, d01 to d07).
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from hugchat_sync.local.eras.v2_2025.tree import add_child
from hugchat_sync.local.identifiers import now
from hugchat_sync.local.replies import ApiError
from hugchat_sync.local.tables.conversations import Conversation, StoredMessage


def placed(
    conversation: Conversation, asked: Mapping[str, Any], files: Sequence[Mapping[str, str]]
) -> StoredMessage:
    """Add the messages of a request to the conversation and return the answer to be written.

    :raises ApiError: 404 or 500, before anything is stored.
    """
    target = conversation.message(asked.get("id") or "")
    if asked.get("is_retry"):
        return _retried(conversation, target, asked, files)
    if target is None or asked.get("inputs") is None:
        raise ApiError(500)
    return _exchange(conversation, target, asked["inputs"], files)


def _retried(
    conversation: Conversation,
    target: StoredMessage | None,
    asked: Mapping[str, Any],
    files: Sequence[Mapping[str, str]],
) -> StoredMessage:
    if target is None:
        raise ApiError(404, "Message not found")
    parents = target["ancestors"]
    parent = conversation.message(parents[-1]) if parents else None
    if target["from"] == "assistant":
        return add_child(conversation, parent, "assistant", "", now())
    if target["from"] == "user" and asked.get("inputs") is not None:
        kept = files or target.get("files", [])
        return _exchange(conversation, parent, asked["inputs"], kept)
    raise ApiError(500, "Failed to create message")


def _exchange(
    conversation: Conversation,
    parent: StoredMessage | None,
    text: str,
    files: Sequence[Mapping[str, str]],
) -> StoredMessage:
    moment = now()
    user = add_child(conversation, parent, "user", text, moment, files=list(files))
    return add_child(conversation, user, "assistant", "", moment)
