"""August 2025 to January 2026: ``api/v2`` beside the trees, errors as plain text, no log yet."""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from uuid import uuid4

from .keeping import Conversation, new_id
from .listening import Asked, Refused, Told, as_json, as_page
from .playing import Play
from .tree import TreeServer

_ID = "([^/?]+)"
_API = "/api/v2"
_FOREIGN = "You don't have access to this conversation."


class V2Server(TreeServer):
    """chat-ui of August 2025 (2507), October 2025 (2510) and January 2026 (2601).

    Source: as recorded (2507, 2510, 0.9.6).
    """

    routes: tuple[tuple[str, str, str], ...] = (
        ("GET", f"{_API}/feature-flags", "flags"),
        ("GET", f"{_API}/models", "list_models"),
        ("GET", f"{_API}/user", "user"),
        ("GET", f"{_API}/user/settings", "show_settings"),
        ("POST", f"{_API}/user/settings", "save_settings"),
        ("GET", f"{_API}/conversations", "list_conversations"),
        ("DELETE", f"{_API}/conversations", "remove_all"),
        ("POST", f"{_API}/conversations/import-share", "import_share"),
        ("GET", f"{_API}/conversations/{_ID}", "show"),
        ("PATCH", f"{_API}/conversations/{_ID}", "rename"),
        ("DELETE", f"{_API}/conversations/{_ID}", "remove"),
        ("DELETE", f"{_API}/conversations/{_ID}/message/{_ID}", "remove_message"),
        ("POST", "/conversation", "create"),
        ("POST", f"/conversation/{_ID}", "message"),
        ("POST", f"/conversation/{_ID}/stop-generating", "stop"),
        ("POST", f"/conversation/{_ID}/share", "share"),
        ("GET", f"/conversation/{_ID}/output/{_ID}", "output"),
    )

    def __init__(
        self, *plays: Play, version: str = "2510", messages_per_minute: int | None = None
    ) -> None:
        plain = type(self).routes
        super().__init__(*plays, version=version, messages_per_minute=messages_per_minute)
        self.routes = plain

    def unknown_path(self, asked: Asked) -> Told:
        """Return a page; below ``api/v2`` a text, which is that of a missing conversation."""
        if asked.path.startswith(f"{_API}/conversations/"):
            return _text(500, "Conversation not found.")
        return _text(404, "NOT_FOUND") if asked.path.startswith(_API) else as_page(404)

    def told(self, asked: Asked) -> Told:
        """Return the reply to a request; what goes wrong below ``api/v2`` is a text with 500."""
        told = super().told(asked)
        if asked.path.startswith(_API) and told.status == 404 and told.kind == "application/json":
            return _text(500, "Conversation not found.")
        return told

    # reading ---------------------------------------------------------------------------------

    def flags(self, asked: Asked) -> Told:
        """Tell what this server can do; the names came and went."""
        found = {"enableAssistants": False, "loginEnabled": False, "isAdmin": False}
        if self.version < "2511":
            found.update(loginRequired=False, guestMode=False)
        if self.version < "2510":
            found.update(searchEnabled=True)
        if self.version >= "2512":
            found.update(transcriptionEnabled=False)
        return _superjson(found)

    def list_models(self, asked: Asked) -> Told:
        """Tell the models, those too that are not to be offered."""
        return _superjson(list(self.models))

    def user(self, asked: Asked) -> Told:
        """Tell that nobody is signed in."""
        return _superjson(None)

    def show_settings(self, asked: Asked) -> Told:
        """Tell the settings."""
        return _superjson(self._settings_of(asked))

    def list_conversations(self, asked: Asked) -> Told:
        """Tell a page of the conversations."""
        first = 30 * int(asked.query.get("p", ["0"])[0])
        own = self.own(asked)
        listed = [
            {
                "_id": one.id,
                "id": one.id,
                "title": one.title,
                "updatedAt": one.updated,
                "model": one.model,
                "modelId": one.model,
            }
            for one in own[first : first + 30]
        ]
        more: dict[str, Any] = {"nConversations": len(own)}
        if self.version >= "2511":
            more = {"hasMore": len(own) > first + 30}
        return _superjson({"conversations": listed, **more})

    def show(self, asked: Asked, conversation_id: str) -> Told:
        """Tell a conversation with all its branches."""
        found = self.conversations.get(conversation_id)
        if found is None:
            return _text(500, "Conversation not found.")
        if found.owner != self.session(asked):
            return _text(500, _FOREIGN)
        return _superjson({**self._page_of(found, False), "id": found.id, "modelId": found.model})

    # writing ---------------------------------------------------------------------------------

    def remove_all(self, asked: Asked) -> Told:
        """Delete all conversations, and tell how many there were."""
        own = self.own(asked)
        for one in own:
            del self.conversations[one.id]
        return _superjson(len(own))

    def share(self, asked: Asked, conversation_id: str) -> Told:
        """Publish a conversation as it is, and tell the id only."""
        told = super().share(asked, conversation_id)
        assert isinstance(told.body, bytes)
        share_id = told.body.decode().rstrip('"}').rpartition("/")[2]
        return as_json({"shareId": share_id})

    def import_share(self, asked: Asked) -> Told:
        """Copy a shared conversation, since January 2026; whoever asks again gets the same copy.

        Without a cookie the copy is that of a session that nobody was ever told.
        """
        if self.version < "2601":
            raise Refused(self.unknown_path(asked))
        share_id = str(self.body_of(asked).get("shareId", ""))
        shared = self.shares.get(share_id)
        if shared is None:
            return _text(500, "Conversation not found")
        owner = self.session(asked) if "hf-chat" in asked.headers.get("cookie", "") else "nobody"
        for one in self.conversations.values():
            if one.owner == owner and one.more.get("fromShare") == share_id:
                return _superjson({"conversationId": one.id})
        copy: Conversation = deepcopy(shared)
        copy.id, copy.owner, copy.more = new_id(), owner, {"fromShare": share_id}
        self.conversations[copy.id] = copy
        return _superjson({"conversationId": copy.id})

    def failed(self) -> Told:
        """Return what an unexpected error looks like."""
        return as_json({"message": "An error occurred", "errorId": str(uuid4())}, 500)


def _superjson(value: Any) -> Told:
    return as_json({"json": value})


def _text(status: int, said: str) -> Told:
    return Told(status, said.encode(), "text/plain;charset=UTF-8")
