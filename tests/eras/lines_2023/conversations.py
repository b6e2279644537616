"""Create, rename, share, vote and delete.

Source: chat-ui a3b58941c, measured (lb01 to lb41, lh01 to lh36).
"""

from __future__ import annotations

import hashlib
import json
from typing import Callable

from flask import Response, request

from hugchat_sync.local.app import Site
from hugchat_sync.local.storage import Conversation, is_object_id, new_object_id, now

from .identity import identity
from .page_data import model_parameters
from .replies import ApiError, empty_reply, json_body, json_reply

_NOT_FOUND = "Conversation not found"
_LONGEST_TITLE = 100
_NOTE = "What the model would be asked if this message were retried now"


def own_conversation(site: Site, conversation_id: str) -> Conversation:
    """Return a conversation of this session.

    :raises ApiError: 500 for a malformed id, 404 for one that is not ours.
    """
    if not is_object_id(conversation_id):
        raise ApiError(500)
    found = site.storage.conversation(conversation_id)
    if found is None or found.owner != identity().owner:
        raise ApiError(404, _NOT_FOUND)
    return found


class ConversationRoutes:
    """The routes around one conversation."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._storage = site.storage

    def routes(self) -> list[tuple[str, str, Callable[..., Response]]]:
        """Return the routes."""
        one = "/conversation/<conversation_id>"
        return [
            ("POST", "/conversation", self.create),
            ("PATCH", one, self.rename),
            ("DELETE", one, self.delete),
            ("POST", one + "/share", self.share),
            ("POST", one + "/message/<message_id>/vote", self.vote),
            ("GET", one + "/message/<message_id>/prompt", self.prompt),
        ]

    def create(self) -> Response:
        """Make a conversation called ``Untitled`` and its number."""
        body = json_body()
        preprompt = body.get("preprompt", "")
        if self._site.model(body.get("model")) is None:
            raise ApiError(500)
        if not isinstance(preprompt, str):
            raise ApiError(500)
        moment = now()
        conversation = Conversation(
            id=new_object_id(),
            owner=identity().owner,
            title=f"Untitled {len(self._storage.conversations(identity().owner)) + 1}",
            model=body["model"],
            preprompt=preprompt,
            created_at=moment,
            updated_at=moment,
            # A prompt equal to the model's own is stored as none.
            extra={"prompted": preprompt != ""},
        )
        if body.get("fromShare"):
            self._fill(conversation, body["fromShare"])
        self._storage.add(conversation)
        return json_reply({"conversationId": conversation.id})

    def _fill(self, conversation: Conversation, share_id: object) -> None:
        """Copy a share: its model wins over the one that was asked for."""
        body = self._storage.get("share", share_id) if isinstance(share_id, str) else None
        if body is None:
            raise ApiError(404, _NOT_FOUND)
        conversation.title = body["title"]
        conversation.model = body["model"]
        conversation.preprompt = body["preprompt"]
        conversation.messages = body["messages"]
        conversation.extra = body["extra"]

    def rename(self, conversation_id: str) -> Response:
        """Set the title, trimmed."""
        title = json_body().get("title")
        if not isinstance(title, str) or not 1 <= len(title.strip()) <= _LONGEST_TITLE:
            raise ApiError(500)
        found = own_conversation(self._site, conversation_id)
        self._storage.change(found.id, title=title.strip())
        return empty_reply()

    def delete(self, conversation_id: str) -> Response:
        """Delete a conversation; its shares stay."""
        self._storage.remove(own_conversation(self._site, conversation_id).id)
        return empty_reply()

    def share(self, conversation_id: str) -> Response:
        """Freeze a copy; the same messages keep their address."""
        found = own_conversation(self._site, conversation_id)
        frozen = {
            "title": found.title,
            "model": found.model,
            "preprompt": found.preprompt,
            "created_at": found.created_at,
            "messages": found.messages,
            "extra": found.extra,
        }
        known = json.dumps([found.id, found.messages]).encode()
        share_id = hashlib.sha256(known).hexdigest()[:7]
        if self._storage.get("share", share_id) is None:
            self._storage.put("share", share_id, frozen)
        origin = request.host_url.rstrip("/")
        return json_reply({"url": f"{origin}{self._site.base_path}/r/{share_id}"})

    def vote(self, conversation_id: str, message_id: str) -> Response:
        """Note what the user thinks of a message."""
        score = json_body().get("score")
        if score not in (-1, 0, 1):
            raise ApiError(500)
        found = own_conversation(self._site, conversation_id)
        message = found.message(message_id)
        if message is None:
            raise ApiError(404, "Message not found")
        message.pop("score", None)
        if score:
            message["score"] = score
        self._storage.save(found)
        return empty_reply()

    def prompt(self, conversation_id: str, message_id: str) -> Response:
        """Return what the model would be asked; its system prompt is always empty (lh26)."""
        found = own_conversation(self._site, conversation_id)
        if found.message(message_id) is None:
            raise ApiError(404, "Message not found")
        parts = []
        for message in found.messages:
            parts.append(f"[{message['from'].upper()}] {message['content']}\n")
            if message["id"] == message_id:
                break
        told = {
            "note": _NOTE,
            "prompt": "".join(parts),
            "model": found.model,
            "parameters": {**model_parameters(), "return_full_text": False},
        }
        body = json.dumps(told, indent=2, ensure_ascii=True).encode("ascii")
        return Response(iter((body,)), 200, content_type="application/json")
