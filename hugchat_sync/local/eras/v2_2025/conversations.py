"""Lists, create, read, rename and delete.

Source: chat-ui c100c162, measured 2026-08 (b01 to b17, d08 to d15, g17 to g41, h01 to h27).
"""

from __future__ import annotations

from typing import Mapping

from flask import Blueprint, Response, request

from hugchat_sync.local.eras.v2_2025.bodies import json_body
from hugchat_sync.local.eras.v2_2025.identity import identity
from hugchat_sync.local.eras.v2_2025.renaming import model_or_none, v1_changes, v2_changes
from hugchat_sync.local.eras.v2_2025.shapes import conversation_v1, conversation_v2, list_item
from hugchat_sync.local.eras.v2_2025.sharing import copy_of_share, share_conversation
from hugchat_sync.local.eras.v2_2025.superjson import Date, ObjectId, superjson
from hugchat_sync.local.eras.v2_2025.tree import new_root, without_message
from hugchat_sync.local.identifiers import is_object_id, now
from hugchat_sync.local.jsontext import compact
from hugchat_sync.local.replies import (
    ApiError,
    empty_reply,
    json_reply,
    page_reply,
    text_reply,
    wants_page,
)
from hugchat_sync.local.routing import add_routes
from hugchat_sync.local.site import Site
from hugchat_sync.local.tables.conversations import Conversation

_PAGE_SIZE = 30
_NOT_FOUND = "Conversation not found"
_FOREIGN = (
    "You don't have access to this conversation. If someone gave you this link, ask them to use"
    " the 'share' feature instead."
)


class ConversationRoutes:
    """The routes around one conversation and the lists of them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._store = site.store

    def add_to(self, routes: Blueprint) -> None:
        """Register the routes."""
        one, listed = "/conversation/<conversation_id>", "/api/v2/conversations"
        add_routes(
            routes,
            (
                ("POST", "/conversation", self.create),
                ("GET", "/conversation", self.go_home),
                ("GET", one, self.page),
                ("PUT", one, self.refuse),
                ("PATCH", one, self.rename_v1),
                ("DELETE", one, self.delete_v1),
                ("GET", "/api/conversations", self.list_v1),
                ("DELETE", "/api/conversations", self.delete_all_v1),
                ("GET", listed, self.list_v2),
                ("DELETE", listed, self.delete_all_v2),
                ("GET", "/api/conversation/<conversation_id>", self.read_v1),
                ("GET", listed + "/<conversation_id>", self.read_v2),
                ("PATCH", listed + "/<conversation_id>", self.rename_v2),
                ("DELETE", listed + "/<conversation_id>", self.delete_v2),
                (
                    "DELETE",
                    "/api/conversation/<conversation_id>/message/<message_id>",
                    self.delete_message_v1,
                ),
                (
                    "DELETE",
                    listed + "/<conversation_id>/message/<message_id>",
                    self.delete_message_v2,
                ),
            ),
        )

    def create(self) -> Response:
        """Make a conversation and tell all of it, so that no second request is needed."""
        body = json_body()
        model = model_or_none(self._site, body.get("model"))
        if model is None or not isinstance(body.get("preprompt", ""), str):
            raise ApiError(400, "Invalid request")
        limit = self._site.limits.get("conversations")
        if limit is not None and self._store.conversations.count(identity().owner) > limit:
            raise ApiError(
                429,
                "You have reached the maximum number of conversations. Delete some to continue.",
            )
        if body.get("fromShare"):
            conversation = copy_of_share(self._site, body["fromShare"], identity().owner)
        else:
            conversation = self._fresh(model, body.get("preprompt", ""))
        self._store.conversations.add(conversation)
        told = compact(superjson(conversation_v2(conversation)))
        return json_reply({"conversationId": conversation.id, "conversation": told})

    def _fresh(self, model: str, preprompt: str) -> Conversation:
        moment = now()
        return Conversation(
            id=self._site.ids.new(),
            owner=identity().owner,
            title="New Chat",
            model=model,
            preprompt=preprompt,
            created_at=moment,
            updated_at=moment,
            messages=[new_root(preprompt, moment)],
        )

    def go_home(self) -> Response:
        """Answer a GET of the collection as the real one does."""
        return empty_reply(302, {"Location": f"{self._site.base_path}/"})

    def page(self, conversation_id: str) -> Response:
        """Show a page to browsers and refuse everybody else."""
        if wants_page(without_accept=False):
            return page_reply("Conversation", "This server has no web page of its own.")
        return self.refuse(conversation_id)

    def refuse(self, conversation_id: str) -> Response:
        """Refuse a method; the page does not count among the allowed ones (g17, g20)."""
        reply = text_reply(f"{request.method} method not allowed", 405)
        reply.headers["Allow"] = "POST, PATCH, DELETE"
        return reply

    def list_v1(self) -> Response:
        """Return a page of the list as a bare array."""
        text = request.args.get("p", "0")
        if not text.lstrip("-").isdigit():
            raise ApiError(500)
        return json_reply([list_item(entry) for entry in self._page_of_list(int(text))[0]])

    def list_v2(self) -> Response:
        """Return a page of the list and whether there is more."""
        text = request.args.get("p", "0")
        entries, more = self._page_of_list(int(text) if text.lstrip("-").isdigit() else 0)
        items = []
        equalities = {}
        for index, entry in enumerate(entries):
            item = list_item(entry)
            marked = {
                **item,
                "_id": ObjectId(item["_id"]),
                "id": ObjectId(item["id"]),
                "updatedAt": Date(item["updatedAt"]),
            }
            items.append(marked)
            equalities[f"conversations.{index}._id"] = [f"conversations.{index}.id"]
        return json_reply(superjson({"conversations": items, "hasMore": more}, equalities))

    def _page_of_list(self, page: int) -> tuple[list[Conversation], bool]:
        if page < 0:
            raise ApiError(500)
        found = self._store.conversations.of(identity().owner, page * _PAGE_SIZE, _PAGE_SIZE + 1)
        return found[:_PAGE_SIZE], len(found) > _PAGE_SIZE

    def read_v1(self, conversation_id: str) -> Response:
        """Return a conversation as plain JSON."""
        if not is_object_id(conversation_id):
            raise ApiError(500)
        found = self._store.conversations.get(conversation_id)
        if found is None or found.owner != identity().owner:
            return json_reply({"message": _NOT_FOUND}, 404)
        return json_reply(conversation_v1(found))

    def read_v2(self, conversation_id: str) -> Response:
        """Return a conversation or a share."""
        if len(conversation_id) == 7:
            shared = share_conversation(self._site, conversation_id)
            return json_reply(superjson(conversation_v2(shared, conversation_id, shared=True)))
        if not is_object_id(conversation_id):
            raise ApiError(400, "Invalid conversation ID format")
        found = self._store.conversations.get(conversation_id)
        if found is None:
            raise ApiError(404, f"{_NOT_FOUND}.")
        if found.owner != identity().owner:
            raise ApiError(403, _FOREIGN)
        return json_reply(superjson(conversation_v2(found)))

    def _own(self, conversation_id: str, malformed: ApiError) -> Conversation:
        if not is_object_id(conversation_id):
            raise malformed
        found = self._store.conversations.get(conversation_id)
        if found is None or found.owner != identity().owner:
            raise ApiError(404, _NOT_FOUND)
        return found

    def rename_v1(self, conversation_id: str) -> Response:
        """Change title or model; bad values are 500."""
        changes = v1_changes(self._site, json_body())
        found = self._own(conversation_id, ApiError(500))
        self._change(found, changes)
        return empty_reply()

    def rename_v2(self, conversation_id: str) -> Response:
        """Change title or model; bad values are 400."""
        body = json_body()
        found = self._own(conversation_id, ApiError(400, "Invalid conversation ID"))
        self._change(found, v2_changes(self._site, body))
        return json_reply(superjson({"success": True}))

    def _change(self, conversation: Conversation, changes: Mapping[str, str]) -> None:
        """Store the changes; with another model, earlier answers say who gave them (x03)."""
        self._store.conversations.change(conversation.id, **changes)
        answers = [one for one in conversation.messages if one["from"] == "assistant"]
        if answers and changes.get("model", conversation.model) != conversation.model:
            for answer in answers:
                answer.setdefault("routerMetadata", {"route": "", "model": conversation.model})
            conversation.title = changes.get("title", conversation.title)
            self._store.conversations.save(conversation)

    def delete_v1(self, conversation_id: str) -> Response:
        """Delete a conversation."""
        self._store.conversations.remove(self._own(conversation_id, ApiError(500)).id)
        return empty_reply()

    def delete_v2(self, conversation_id: str) -> Response:
        """Delete a conversation."""
        malformed = ApiError(400, "Invalid conversation ID")
        self._store.conversations.remove(self._own(conversation_id, malformed).id)
        return json_reply(superjson({"success": True}))

    def delete_all_v1(self) -> Response:
        """Delete everything of this session."""
        self._store.conversations.remove_all(identity().owner)
        return empty_reply()

    def delete_all_v2(self) -> Response:
        """Delete everything of this session and tell how many there were."""
        return json_reply(superjson(self._store.conversations.remove_all(identity().owner)))

    def delete_message_v1(self, conversation_id: str, message_id: str) -> Response:
        """Delete a message and what follows it; unknown ones are no error."""
        self._delete_message(self._own(conversation_id, ApiError(500)), message_id)
        return empty_reply()

    def delete_message_v2(self, conversation_id: str, message_id: str) -> Response:
        """Delete a message and what follows it."""
        found = self._own(conversation_id, ApiError(400, "Invalid conversation ID"))
        if not self._delete_message(found, message_id):
            raise ApiError(404, "Message not found")
        return json_reply(superjson({"success": True}))

    def _delete_message(self, conversation: Conversation, message_id: str) -> bool:
        if conversation.message(message_id) is None:
            return False
        conversation.messages = without_message(conversation.messages, message_id)
        conversation.updated_at = now()
        self._store.conversations.save(conversation)
        return True
