"""2024: message trees, JSON lines labelled as server-sent events, an API beside the pages."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from hashlib import sha256
from typing import Iterator
from uuid import uuid4

from .keeping import Conversation, new_id, now
from .listening import Asked, Refused, Told, as_json, as_page, error
from .playing import Play, Turn
from .tree_body import TreeBody
from .tree_lines import TreeRun
from .tree_pages import TreePages

_ID = "([^/?]+)"


class TreeServer(TreePages):
    """chat-ui of April 2024 (2404), June (2406), August (2408), December (2412), June 2025 (2506).

    Source: as recorded (2404, 2406, 2408, 2412, 0.9.5); the last one deletes under ``/api``.

    :param hidden: the ``/api`` paths answer nobody (until February 2025).
    """

    routes: tuple[tuple[str, str, str], ...] = (
        ("GET", "/__data.json", "home"),
        ("GET", "/models/__data.json", "home"),
        ("GET", f"/conversation/{_ID}/__data.json", "page"),
        ("GET", "/api/models", "list_models"),
        ("GET", "/api/conversations", "list_conversations"),
        ("GET", "/api/user", "user"),
        ("POST", "/conversation", "create"),
        ("POST", f"/conversation/{_ID}", "message"),
        ("PATCH", f"/conversation/{_ID}", "rename"),
        ("DELETE", f"/conversation/{_ID}", "remove"),
        ("POST", f"/conversation/{_ID}/stop-generating", "stop"),
        ("POST", f"/conversation/{_ID}/share", "share"),
        ("GET", f"/conversation/{_ID}/output/{_ID}", "output"),
        ("POST", "/conversations", "remove_all"),
        ("POST", "/settings", "save_settings"),
    )

    def __init__(
        self,
        *plays: Play,
        version: str = "2412",
        keys: str = "",
        hidden: bool = False,
        messages_per_minute: int | None = None,
    ) -> None:
        super().__init__(*plays, messages_per_minute=messages_per_minute)
        self.version = version
        self._hidden = hidden
        self.body = TreeBody(version)
        self.files: dict[str, tuple[str, bytes]] = {}
        self.csrf_header = "referer" if version == "2404" else "origin"
        self.failure = "Internal Error" if version == "2404" else "An error occurred"
        #: the version that the page data looks like
        self.keys = keys or version
        self._stops: dict[str, threading.Event] = {}
        tools = {} if version in ("2404", "2406") else {"tools": True}
        more = {"hasInferenceAPI": False} if version >= "2412" else {}
        self.models = tuple(
            {
                "id": name,
                "name": name,
                "displayName": name.split("/")[1].title(),
                "description": "A model.",
                "preprompt": "You are the default preprompt.",
                "multimodal": True,
                "unlisted": name == "mock/hidden",
                **tools,
                **more,
            }
            for name in ("mock/plain", "mock/hidden", "mock/other")
        )
        if version >= "2506":
            self.routes = (
                *(route for route in self.routes if route[2] != "remove_all"),
                ("DELETE", f"/api/conversation/{_ID}/message/{_ID}", "remove_message"),
                ("DELETE", "/api/conversations", "remove_all"),
            )

    def guard(self, asked: Asked) -> None:
        """Refuse forms from elsewhere, and a hidden API."""
        super().guard(asked)
        if self._hidden and asked.path.startswith("/api/"):
            raise Refused(Told(403, b"API is disabled", "text/plain"))

    def remove_all(self, asked: Asked) -> Told:
        """Delete all conversations, by a form or (since February 2025) by the API."""
        if asked.method == "POST":
            return super().remove_all(asked)
        for one in self.own(asked):
            del self.conversations[one.id]
        return Told()

    def after(self, asked: Asked, told: Told) -> None:
        """Hand out the cookie with the replies to a POST."""
        if asked.method == "POST":
            secure = "Secure; SameSite=None" if self.version == "2404" else "SameSite=Lax"
            self.hand_out_cookie(asked, told, secure)

    def unknown_path(self, asked: Asked) -> Told:
        """Return a page; around the turn of 2025 those had no status but 200."""
        return as_page(200 if self.version in ("2412", "2506") else 404)

    def failed(self) -> Told:
        """Return what an unexpected error looks like."""
        told = {"message": self.failure}
        if self.version != "2404":
            told["errorId"] = str(uuid4())
        return as_json(told, 500)

    # writing ---------------------------------------------------------------------------------

    def create(self, asked: Asked) -> Told:
        """Start a conversation, whose root is its system message."""
        body = self.body_of(asked)
        shared = self.shares.get(body.get("fromShare", ""))
        if "fromShare" in body and shared is None:
            return error(404, "Conversation not found")
        known = {model["id"]: model for model in self.models if not model["unlisted"]}
        if body.get("model") not in known:
            return error(400, "Invalid request")
        prompt = body.get("preprompt", known[body["model"]]["preprompt"])
        root = {
            "id": str(uuid4()),
            "from": "system",
            "content": prompt,
            "createdAt": now(),
            "updatedAt": now(),
            "children": [],
            "ancestors": [],
        }
        made = Conversation(
            new_id(), self.session(asked), "New Chat", body["model"], prompt, [root]
        )
        if shared is not None:
            made = replace(shared, id=made.id, owner=made.owner)
        self.conversations[made.id] = made
        return as_json({"conversationId": made.id})

    def save_settings(self, asked: Asked) -> Told:
        """Replace the settings; what the body lacks goes back to its default."""
        body = self.body_of(asked)
        if not isinstance(body.get("customPrompts", {}), dict):
            return self.failed()
        known = self._default_settings()
        self.settings[self.session(asked)] = {key: body[key] for key in body if key in known}
        return Told()

    def remove_message(self, asked: Asked, conversation_id: str, message_id: str) -> Told:
        """Delete a message and all that follows it."""
        found = self.mine(asked, conversation_id)
        if message_id not in [one["id"] for one in found.messages]:
            return error(404, "Message not found")
        found.messages = [
            {**one, "children": [child for child in one["children"] if child != message_id]}
            for one in found.messages
            if one["id"] != message_id and message_id not in one["ancestors"]
        ]
        return Told()

    def stop(self, asked: Asked, conversation_id: str) -> Told:
        """Stop the run, which between May 2024 and May 2025 had no effect whatever."""
        self.mine(asked, conversation_id)
        works = self.version == "2404" or self.version >= "2506"
        if works and conversation_id in self._stops:
            self._stops[conversation_id].set()
        return Told()

    # answering -------------------------------------------------------------------------------

    def message(self, asked: Asked, conversation_id: str) -> Told:
        """Take a message, and answer with lines under the label of server-sent events."""
        found = self.mine(asked, conversation_id)
        self.count_message()
        sent = self.body.read(asked)
        if sent is None:
            return self.failed()
        data, files = sent
        hashes = []
        for name, mime, content in files:
            sha = sha256(content).hexdigest()
            self.files[sha] = (mime, content)
            stored = {"type": "hash", "value": sha, "name": name, "mime": mime}
            hashes.append(sha if self.version == "2404" else stored)
        run = TreeRun(self, found, data, hashes, self.next_play())
        if not run.placed:
            return self.failed()
        self.turns.append(
            Turn(data.get("inputs", ""), found.preprompt, run.history, run.links, data)
        )
        stopped = self._stops[found.id] = threading.Event()
        kind = "text/event-stream" if self.version < "2506" else "application/jsonl"
        return Told(200, self._lines(run, asked, stopped), kind)

    def _lines(self, run: TreeRun, asked: Asked, stopped: threading.Event) -> Iterator[bytes]:
        for line in run.lines(asked, stopped):
            yield json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            if line["type"] == "finalAnswer" and self.version < "2506":
                yield b" " * 4096
