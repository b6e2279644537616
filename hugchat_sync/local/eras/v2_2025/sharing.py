"""Shares: frozen copies with seven-letter ids, and conversations made of them.

Source: chat-ui c100c162, measured 2026-08 (e14 to e17, i01 to i18).
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Blueprint, Response

from hugchat_sync.local.eras.v2_2025.bodies import json_body
from hugchat_sync.local.eras.v2_2025.identity import identity
from hugchat_sync.local.eras.v2_2025.superjson import superjson
from hugchat_sync.local.identifiers import is_object_id, new_share_id, now
from hugchat_sync.local.replies import ApiError, empty_reply, json_reply, page_reply
from hugchat_sync.local.routing import add_routes
from hugchat_sync.local.site import Site
from hugchat_sync.local.tables.conversations import Conversation

_NOT_FOUND = "Conversation not found"


def share_conversation(site: Site, share_id: object) -> Conversation:
    """Return what was shared under that id.

    :raises ApiError: 404.
    """
    body = site.store.shares.get(share_id) if isinstance(share_id, str) else None
    if body is None:
        raise ApiError(404, _NOT_FOUND)
    return Conversation(id=str(share_id), owner="", extra={}, **body)


def copy_of_share(site: Site, share_id: object, owner: str) -> Conversation:
    """Return a new conversation with the content, model and prompt of a share.

    :raises ApiError: 404.
    """
    copy = share_conversation(site, share_id)
    copy.id, copy.owner, copy.updated_at = site.ids.new(), owner, now()
    copy.extra = {"fromShare": share_id}
    return copy


class Sharing:
    """The routes of shares."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._store = site.store

    def add_to(self, routes: Blueprint) -> None:
        """Register the routes."""
        add_routes(routes, [("POST", "/conversation/<conversation_id>/share", self.share)])
        add_routes(routes, [("POST", "/api/v2/conversations/import-share", self.take_in)])
        add_routes(routes, [("GET", "/r/<share_id>", self.page)])

    def share(self, conversation_id: str) -> Response:
        """Freeze the conversation; unchanged content keeps its id."""
        if not is_object_id(conversation_id):
            raise ApiError(500)
        found = self._store.conversations.get(conversation_id)
        if found is None or found.owner != identity().owner:
            raise ApiError(404, _NOT_FOUND)
        body: dict[str, Any] = {
            "title": found.title,
            "model": found.model,
            "preprompt": found.preprompt,
            "created_at": found.created_at,
            "updated_at": found.updated_at,
            "messages": found.messages,
        }
        content = json.dumps([found.title, found.model, found.preprompt, found.messages])
        digest = hashlib.sha256(content.encode("ascii")).hexdigest()
        share_id = self._store.shares.find(found.id, digest)
        if share_id is None:
            share_id = new_share_id()
            self._store.shares.put(share_id, found.id, digest, {**body, "updated_at": now()})
            self._store.files.copy(found.id, share_id)
        return json_reply({"shareId": share_id})

    def take_in(self) -> Response:
        """Copy a share into this session; once."""
        share_id = json_body().get("shareId")
        if not share_id or not isinstance(share_id, str):
            raise ApiError(400, "shareId is required")
        owner = identity().owner
        conversation_id = self._store.shares.imported(owner, share_id)
        if conversation_id is None:
            copy = copy_of_share(self._site, share_id, owner)
            self._store.conversations.add(copy)
            self._store.files.copy(share_id, copy.id)
            self._store.shares.note_import(owner, share_id, copy.id)
            conversation_id = copy.id
        return json_reply(superjson({"conversationId": conversation_id}))

    def page(self, share_id: str) -> Response:
        """Show a page for a share that exists and lead home otherwise."""
        if self._store.shares.get(share_id) is None:
            return empty_reply(302, {"Location": f"{self._site.base_path}/"})
        return page_reply("Shared conversation", "Read it through the API.")
