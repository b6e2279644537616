"""What a server of 2024 tells: the data of its pages, and the API beside them."""

from __future__ import annotations

from typing import Any

from .devalue import UNDEFINED, page_data
from .keeping import Conversation, KeepingServer
from .listening import Asked, Told, as_json, error

#: version → the keys of the page data that came with it
_LAYOUT_KEYS = {
    "2406": {"tools"},
    "2408": {"tools"},
    "2412": {"tools", "communityToolCount", "nConversations", "enableCommunityTools"},
    "2506": {"tools", "communityToolCount", "nConversations", "enableCommunityTools"},
}
_TOOLS = ("websearch", "fetch_url", "query_calculator")


class TreePages(KeepingServer):
    """The reading half of a server.

    ``keys`` is the version that the page data looks like.
    """

    version: str
    keys: str
    files: dict[str, tuple[str, bytes]]

    # reading ---------------------------------------------------------------------------------

    def home(self, asked: Asked) -> Told:
        """Tell what every page has; the page itself has nothing."""
        if asked.query.get("x-sveltekit-invalidated") in (["_1"], ["01"]):
            return self._data({"type": "skip"}, None)
        return self._data(self._layout(asked), None)

    def _data(self, *nodes: Any) -> Told:
        text = page_data(*nodes)
        if self.version < "2412":
            return Told(200, text.encode(), "application/json")
        chunk = '{"type":"chunk","id":1,"data":[[]]}\n'
        return Told(200, iter([text.encode(), chunk.encode()]), "text/sveltekit-data")

    def _layout(self, asked: Asked) -> dict[str, Any]:
        keys = _LAYOUT_KEYS.get(self.keys, set())
        found: dict[str, Any] = {
            "conversations": [
                {"id": one.id, "title": one.title, "model": one.model, "updatedAt": one.updated}
                for one in self.own(asked)
            ],
            "settings": self._settings_of(asked),
            "models": list(self.models),
            "oldModels": [],
            "assistants": [],
            "user": UNDEFINED,
            "assistant": None,
            "enableAssistants": True,
            "enableAssistantsRAG": True,
            "loginRequired": False,
            "loginEnabled": False,
            "guestMode": False,
        }
        if "tools" in keys:
            found["tools"] = [{"name": name, "displayName": name} for name in _TOOLS]
        found.update({key: 0 for key in keys - {"tools"}})
        return found

    def _settings_of(self, asked: Asked) -> dict[str, Any]:
        return {**self._default_settings(), **self.settings.get(self.session(asked), {})}

    def _default_settings(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "searchEnabled": True,
            "ethicsModalAccepted": False,
            "ethicsModalAcceptedAt": None,
            "activeModel": self.models[0]["id"],
            "hideEmojiOnSidebar": False,
            "shareConversationsWithModelAuthors": True,
            "customPrompts": {},
            "assistants": [],
        }
        if self.keys >= "2406":
            found["tools"] = [] if self.keys >= "2412" else {}
        if self.keys >= "2408":
            found["disableStream"] = False
        if self.keys >= "2412":
            found["directPaste"] = False
        return found

    def page(self, asked: Asked, conversation_id: str) -> Told:
        """Tell a conversation; what is wrong with it comes with status 200."""
        partly = asked.query.get("x-sveltekit-invalidated") in (["_1"], ["01"])
        first = {"type": "skip"} if partly else self._layout(asked)
        found = self.conversations.get(conversation_id)
        if found is not None and found.owner == self.session(asked):
            return self._data(first, self._page_of(found, False))
        if conversation_id in self.shares:
            return self._data(first, self._page_of(self.shares[conversation_id], True))
        status, text = 404, "Conversation not found."
        if found is not None:
            status, text = 403, "You don't have access to this conversation."
        return self._data(first, {"type": "error", "error": {"message": text}, "status": status})

    def _page_of(self, found: Conversation, shared: bool) -> dict[str, Any]:
        return {
            "messages": found.messages,
            "title": found.title,
            "model": found.model,
            "preprompt": found.preprompt,
            "rootMessageId": found.messages[0]["id"],
            "assistant": None,
            "shared": shared,
        }

    def list_models(self, asked: Asked) -> Told:
        """Tell the models that are offered."""
        return as_json([model for model in self.models if not model["unlisted"]])

    def list_conversations(self, asked: Asked) -> Told:
        """Tell a page of the conversations."""
        size = 300 if self.version < "2506" else 30
        first = size * int(asked.query.get("p", ["0"])[0])
        return as_json(
            [
                {"id": one.id, "title": one.title, "updatedAt": one.updated, "modelId": one.model}
                for one in self.own(asked)[first : first + size]
            ]
        )

    def user(self, asked: Asked) -> Told:
        """Tell that nobody is signed in."""
        return error(401, "Must be signed in")

    def output(self, asked: Asked, conversation_id: str, sha: str) -> Told:
        """Tell the content of a file."""
        self.mine(asked, conversation_id)
        if sha not in self.files:
            return error(404, "File not found")
        mime, content = self.files[sha]
        return Told(200, content, mime)
