"""Lists, create, read, rename, share and delete.

Source: chat-ui c100c162, measured 2026-08 (b01 to b17, d08 to d15, g26 to g41, h01 to h27, i01 to
i18).
"""

from __future__ import annotations

import hashlib
import json
import string
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from flask import Response, request

from ..app import ApiError, Site, compact, is_object_id, json_reply, new_object_id, now
from ..storage import Conversation, StoredMessage
from .account import json_body
from .identity import identity
from .wire import plain_title, superjson, told_conversation, told_list

_PAGE_SIZE = 30
_LONGEST_TITLE = 100
_NOT_FOUND = "Conversation not found"
_FOREIGN = (
    "You don't have access to this conversation. If someone gave you this link, ask them to use"
    " the 'share' feature instead."
)
_TOO_MANY = "You have reached the maximum number of conversations. Delete some to continue."
_LETTERS = string.ascii_letters + string.digits


def own_conversation(site: Site, conversation_id: str, malformed: ApiError) -> Conversation:
    """Return a conversation of this session.

    :param malformed: raised for what is no id.
    :raises ApiError: 404.
    """
    if not is_object_id(conversation_id):
        raise malformed
    found = site.storage.conversation(conversation_id)
    if found is None or found.owner != identity().owner:
        raise ApiError(404, _NOT_FOUND)
    return found


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


class Conversations:
    """The routes around one conversation and the list of them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._storage = site.storage

    def create(self) -> Response:
        """Make a conversation and tell all of it, so that no second request is needed."""
        body, owner = json_body(), identity().owner
        model, preprompt = self._site.model(body.get("model")), body.get("preprompt", "")
        if model is None or not isinstance(preprompt, str):
            raise ApiError(400, "Invalid request")
        limit = self._site.limits.get("conversations")
        if limit is not None and len(self._storage.conversations(owner)) > limit:
            raise ApiError(429, _TOO_MANY)
        if body.get("fromShare"):
            made = self._copy(body["fromShare"])
        else:
            moment = now()
            made = Conversation(
                new_object_id(), owner, "New Chat", model.id, preprompt, moment, moment
            )
            add_child(made, None, "system", preprompt)
        self._storage.add(made)
        told = compact(superjson(told_conversation(made)))
        return json_reply({"conversationId": made.id, "conversation": told})

    def list_page(self) -> Response:
        """Return a page of the list and whether there is more."""
        page = request.args.get("p", 0, type=int)
        if not 0 <= page < 1 << 32:
            raise ApiError(500)
        start, owner = page * _PAGE_SIZE, identity().owner
        found = self._storage.conversations(owner, start, _PAGE_SIZE + 1)
        return json_reply(told_list(found[:_PAGE_SIZE], len(found) > _PAGE_SIZE))

    def read(self, conversation_id: str) -> Response:
        """Return a conversation or a share."""
        if len(conversation_id) == 7:
            shared = self._shared(conversation_id)
            return json_reply(superjson(told_conversation(shared, conversation_id, shared=True)))
        if not is_object_id(conversation_id):
            raise ApiError(400, "Invalid conversation ID format")
        found = self._storage.conversation(conversation_id)
        if found is None:
            raise ApiError(404, f"{_NOT_FOUND}.")
        if found.owner != identity().owner:
            raise ApiError(403, _FOREIGN)
        return json_reply(superjson(told_conversation(found)))

    def _own(self, conversation_id: str) -> Conversation:
        malformed = ApiError(400, "Invalid conversation ID")
        return own_conversation(self._site, conversation_id, malformed)

    def change(self, conversation_id: str) -> Response:
        """Change title or model; with another model, earlier answers say who gave them (x03)."""
        body = json_body()
        found = self._own(conversation_id)
        title, model = body.get("title", found.title), body.get("model", found.model)
        if not isinstance(title, str) or not 1 <= len(title) <= _LONGEST_TITLE:
            raise ApiError(400, "Title must be a string between 1 and 100 characters")
        if "model" in body and self._site.model(model) is None:
            raise ApiError(400, "Invalid model ID")
        title = plain_title(title) if "title" in body else title
        self._storage.change(found.id, title=title, model=model)
        answers = [one for one in found.messages if one["from"] == "assistant"]
        if answers and model != found.model:
            for answer in answers:
                answer.setdefault("routerMetadata", {"route": "", "model": found.model})
            found.title = title
            self._storage.save(found)
        return json_reply(superjson({"success": True}))

    def delete(self, conversation_id: str) -> Response:
        """Delete a conversation."""
        self._storage.remove(self._own(conversation_id).id)
        return json_reply(superjson({"success": True}))

    def delete_all(self) -> Response:
        """Delete everything of this session and tell how many there were."""
        doomed = [one.id for one in self._storage.conversations(identity().owner)]
        self._storage.remove(*doomed)
        return json_reply(superjson(len(doomed)))

    def cut(self, conversation_id: str, message_id: str) -> Response:
        """Delete a message and what follows it."""
        found = self._own(conversation_id)
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
        self._storage.save(found)
        return json_reply(superjson({"success": True}))

    def share(self, conversation_id: str) -> Response:
        """Freeze the conversation under seven letters; unchanged content keeps them."""
        found = own_conversation(self._site, conversation_id, ApiError(500))
        frozen = asdict(found)
        for name in ("id", "owner", "extra"):
            del frozen[name]
        moment = frozen.pop("updated_at")
        number = int(hashlib.sha256(json.dumps([found.id, frozen]).encode()).hexdigest(), 16)
        share_id = "".join(_LETTERS[number // 62**place % 62] for place in range(7))
        if self._storage.share(share_id) is None:
            self._storage.put_share(share_id, {**frozen, "updated_at": moment})
            self._storage.copy_files(found.id, share_id)
        return json_reply({"shareId": share_id})

    def take_in(self) -> Response:
        """Copy a share into this session; once."""
        share_id, owner = json_body().get("shareId"), identity().owner
        if not share_id or not isinstance(share_id, str):
            raise ApiError(400, "shareId is required")
        known = self._storage.conversations(owner)
        found = [one.id for one in known if one.extra.get("imported") == share_id]
        if not found:
            copy = self._copy(share_id)
            copy.extra["imported"] = share_id
            self._storage.add(copy)
            self._storage.copy_files(share_id, copy.id)
            found = [copy.id]
        return json_reply(superjson({"conversationId": found[0]}))

    def _shared(self, share_id: object) -> Conversation:
        body = self._storage.share(share_id) if isinstance(share_id, str) else None
        if body is None:
            raise ApiError(404, _NOT_FOUND)
        return Conversation(id=str(share_id), owner="", **body)

    def _copy(self, share_id: object) -> Conversation:
        """Return a new conversation with the content, model and prompt of a share."""
        copy = self._shared(share_id)
        copy.id, copy.owner, copy.updated_at = new_object_id(), identity().owner, now()
        copy.extra = {"fromShare": share_id}
        return copy
