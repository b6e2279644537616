"""Lists, create, read, rename, share and delete.

Source: chat-ui c100c162, measured 2026-08 (b01 to b17, d08 to d15, g26 to g41, h01 to h27, i01 to
i09).
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from uuid import uuid4

from flask import Response, g, request

from .app import (
    ApiError,
    is_object_id,
    json_body,
    json_reply,
    new_object_id,
    now,
    own_conversation,
    route,
    site,
)
from .storage import Conversation, StoredMessage
from .wire import compact, plain_title, superjson, write_conversation, write_list

_ALL = "/api/v2/conversations"
_ONE = f"{_ALL}/<conversation_id>"
_PAGE_SIZE = 30
_LONGEST_TITLE = 100
_FOREIGN = (
    "You don't have access to this conversation. If someone gave you this link, ask them to use"
    " the 'share' feature instead."
)
_TOO_MANY = "You have reached the maximum number of conversations. Delete some to continue."


def add_child(
    conversation: Conversation, parent: StoredMessage | None, sender: str, content: str, **more: Any
) -> StoredMessage:
    """Return a new message at the end of the array, hung under its parent (c29, d01 to d07)."""
    moment = now()
    message: StoredMessage = {
        "from": sender,
        "content": content,
        **more,
        "createdAt": moment,
        "updatedAt": moment,
        "ancestors": [] if parent is None else [*parent["ancestors"], parent["id"]],
        "id": str(uuid4()),
        "children": [],
    }
    if parent is not None:
        parent["children"].append(message["id"])
    conversation.messages.append(message)
    return message


@route("POST", "/conversation")
def _create() -> Response:
    """Make a conversation and tell all of it, so that no second request is needed."""
    body = json_body()
    model, preprompt = site().model(body.get("model")), body.get("preprompt", "")
    if model is None or not isinstance(preprompt, str):
        raise ApiError(400, "Invalid request")
    limit = site().limits.get("conversations")
    if limit is not None and len(site().storage.conversations(g.owner)) > limit:
        raise ApiError(429, _TOO_MANY)
    moment = now()
    made = Conversation(new_object_id(), g.owner, "New Chat", model.id, preprompt, moment, moment)
    add_child(made, None, "system", preprompt)
    site().storage.add(made)
    shown = compact(superjson(write_conversation(made)))
    return json_reply({"conversationId": made.id, "conversation": shown})


@route("GET", _ALL)
def _list() -> Response:
    """Return a page of the list and whether there is more."""
    page = request.args.get("p", 0, type=int)
    if not 0 <= page < 1 << 32:
        raise ApiError(500)
    found = site().storage.conversations(g.owner, page * _PAGE_SIZE, _PAGE_SIZE + 1)
    return json_reply(write_list(found[:_PAGE_SIZE], len(found) > _PAGE_SIZE))


@route("GET", _ONE)
def _read(conversation_id: str) -> Response:
    """Return a conversation or a share."""
    if len(conversation_id) == 7:
        shared = _read_share(conversation_id)
        return json_reply(superjson(write_conversation(shared, shared=True)))
    if not is_object_id(conversation_id):
        raise ApiError(400, "Invalid conversation ID format")
    found = site().storage.conversation(conversation_id)
    if found is None:
        raise ApiError(404, "Conversation not found.")
    if found.owner != g.owner:
        raise ApiError(403, _FOREIGN)
    return json_reply(superjson(write_conversation(found)))


@route("PATCH", _ONE)
def _change(conversation_id: str) -> Response:
    """Change the title."""
    body = json_body()
    found = own_conversation(conversation_id, 400, "Invalid conversation ID")
    title = body.get("title", found.title)
    if not isinstance(title, str) or not 1 <= len(title) <= _LONGEST_TITLE:
        raise ApiError(400, "Title must be a string between 1 and 100 characters")
    site().storage.change(found.id, title=plain_title(title))
    return json_reply(superjson({"success": True}))


@route("DELETE", _ONE)
def _delete(conversation_id: str) -> Response:
    found = own_conversation(conversation_id, 400, "Invalid conversation ID")
    site().storage.remove(found.id)
    return json_reply(superjson({"success": True}))


@route("DELETE", _ALL)
def _delete_all() -> Response:
    """Delete everything of this session and tell how many there were."""
    doomed = [one.id for one in site().storage.conversations(g.owner)]
    site().storage.remove(*doomed)
    return json_reply(superjson(len(doomed)))


@route("DELETE", f"{_ONE}/message/<message_id>")
def _cut(conversation_id: str, message_id: str) -> Response:
    """Delete a message and what follows it."""
    found = own_conversation(conversation_id, 400, "Invalid conversation ID")
    if found.message(message_id) is None:
        raise ApiError(404, "Message not found")
    found.messages = [
        one
        for one in found.messages
        if message_id != one["id"] and message_id not in one["ancestors"]
    ]
    for one in found.messages:
        one["children"] = [child for child in one["children"] if child != message_id]
    found.updated_at = now()
    site().storage.save(found)
    return json_reply(superjson({"success": True}))


@route("POST", "/conversation/<conversation_id>/share")
def _share(conversation_id: str) -> Response:
    """Freeze the conversation under seven letters; unchanged content keeps them."""
    found = own_conversation(conversation_id)
    frozen = {**vars(found), "owner": "", "extra": {}}
    content = json.dumps({**frozen, "updated_at": ""}).encode()
    share_id = base64.urlsafe_b64encode(hashlib.sha256(content).digest())[:7].decode()
    if site().storage.get("share", share_id) is None:
        site().storage.put("share", share_id, {**frozen, "id": share_id})
        site().storage.copy_files(found.id, share_id)
    return json_reply({"shareId": share_id})


@route("POST", f"{_ALL}/import-share")
def _take_in() -> Response:
    """Copy a share into this session; once."""
    share_id = json_body().get("shareId")
    if not share_id or not isinstance(share_id, str):
        raise ApiError(400, "shareId is required")
    storage = site().storage
    mine = storage.conversations(g.owner)
    copy = next((one for one in mine if one.extra.get("imported") == share_id), None)
    if copy is None:
        copy = _read_share(share_id)
        copy.id, copy.owner, copy.updated_at = new_object_id(), g.owner, now()
        copy.extra = {"imported": share_id}
        storage.add(copy)
        storage.copy_files(share_id, copy.id)
    return json_reply(superjson({"conversationId": copy.id}))


def _read_share(share_id: str) -> Conversation:
    body = site().storage.get("share", share_id)
    if body is None:
        raise ApiError(404, "Conversation not found")
    return Conversation(**body)
