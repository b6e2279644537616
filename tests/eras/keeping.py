"""What both old servers keep: sessions, conversations, settings, shares, and their limits."""

from __future__ import annotations

import itertools
import threading
import time
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from .devalue import Date
from .listening import FORMS, Asked, Refused, SmallServer, Told, as_json, error
from .playing import Play, Turn

_numbers = itertools.count(0x6B0000000000000000000000 + int(time.time()))


def new_id() -> str:
    """Return the id of a new conversation or search."""
    return f"{next(_numbers):024x}"


def now() -> Date:
    """Return this moment."""
    return Date(time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()))


@dataclass
class Conversation:
    """A stored conversation."""

    id: str
    owner: str
    title: str
    model: str
    preprompt: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    updated: Date = field(default_factory=now)


class KeepingServer(SmallServer):
    """A server with sessions and a model that says what was prepared.

    :param plays: the answers, one after the other; the last one again and again.
    :param messages_per_minute: how many messages may come before 429.
    """

    models: tuple[dict[str, Any], ...] = ()
    csrf_header = "referer"
    failure = "Internal Error"  # what an unexpected error says

    def __init__(self, *plays: Play, messages_per_minute: int | None = None) -> None:
        super().__init__()
        self.plays = list(plays) or [Play()]
        self.turns: list[Turn] = []
        self.conversations: dict[str, Conversation] = {}
        self.shares: dict[str, Conversation] = {}
        self.settings: dict[str, dict[str, Any]] = {}
        self._limit = messages_per_minute
        self._lock = threading.Lock()

    # who asks --------------------------------------------------------------------------------

    def session(self, asked: Asked) -> str:
        """Return the session; a made-up one is as good as any, a newcomer gets one."""
        for cookie in asked.headers.get("cookie", "").split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == "hf-chat" and value:
                return value
        return asked.fresh

    def guard(self, asked: Asked) -> None:
        """Refuse forms that come from elsewhere."""
        if asked.method != "POST" or asked.kind not in FORMS:
            return
        given = asked.headers.get(self.csrf_header)
        if given is None:
            article = "an" if self.csrf_header == "origin" else "a"
            text = f"Non-JSON form requests need to have {article} {self.csrf_header}"
            raise Refused(Told(403, text.encode(), "text/plain"))
        if not f"{given}/".startswith(f"{self.origin}/"):
            raise Refused(Told(403, b"Invalid referer for POST request", "text/plain"))

    def hand_out_cookie(self, asked: Asked, told: Told, attributes: str) -> None:
        """Set the session cookie."""
        value = self.session(asked)
        told.headers["Set-Cookie"] = f"hf-chat={value}; Path=/; HttpOnly; {attributes}"

    # conversations ---------------------------------------------------------------------------

    def mine(self, asked: Asked, conversation_id: str) -> Conversation:
        """Return a conversation of whoever asks."""
        if len(conversation_id) != 24:
            raise Refused(self.failed())
        found = self.conversations.get(conversation_id)
        if found is None or found.owner != self.session(asked):
            raise Refused(error(404, "Conversation not found"))
        return found

    def own(self, asked: Asked) -> list[Conversation]:
        """Return the conversations of whoever asks, the newest first."""
        session = self.session(asked)
        return [one for one in reversed(self.conversations.values()) if one.owner == session]

    def failed(self) -> Told:
        """Return what an unexpected error looks like."""
        return error(500, self.failure)

    def body_of(self, asked: Asked) -> dict[str, Any]:
        """Return the JSON body, which must be an object."""
        try:
            value = asked.json()
        except ValueError:
            raise Refused(self.failed()) from None
        if not isinstance(value, dict):
            raise Refused(self.failed())
        return value

    def rename(self, asked: Asked, conversation_id: str) -> Told:
        """Give a conversation another title."""
        title = self.body_of(asked).get("title")
        if not isinstance(title, str) or not 1 <= len(title.strip()) <= 100:
            return self.failed()
        self.mine(asked, conversation_id).title = title.strip()
        return Told()

    def remove(self, asked: Asked, conversation_id: str) -> Told:
        """Delete a conversation."""
        del self.conversations[self.mine(asked, conversation_id).id]
        return Told()

    def remove_all(self, asked: Asked) -> Told:
        """Delete all conversations; an action of a form."""
        if asked.kind not in FORMS:
            return as_json({"type": "error", "error": {"message": self.failure}}, 500)
        for one in self.own(asked):
            del self.conversations[one.id]
        return self.form_done("/chat/")

    def form_done(self, location: str) -> Told:
        """Return how the action of a form says that it went well."""
        return as_json({"type": "redirect", "status": 303, "location": location})

    def share(self, asked: Asked, conversation_id: str) -> Told:
        """Publish a conversation as it is."""
        original = self.mine(asked, conversation_id)
        same = [
            share_id
            for share_id, shared in self.shares.items()
            if shared.id == original.id and shared.messages == original.messages
        ]
        share_id = same[0] if same else uuid4().hex[:7]
        self.shares.setdefault(share_id, deepcopy(original))
        return as_json({"url": f"{self.url}/r/{share_id}"})

    # the model -------------------------------------------------------------------------------

    def count_message(self) -> None:
        """Refuse a message too many."""
        with self._lock:
            if self._limit is None:
                return
            self._limit -= 1
            if self._limit < 0:
                text = "You are sending too many messages. Try again later."
                raise Refused(error(429, text))

    def next_play(self) -> Play:
        """Return what the model says next, without using it up."""
        return self.plays[min(len(self.turns), len(self.plays) - 1)]

    def wait_for(self, hold: threading.Event, asked: Asked, stopped: threading.Event) -> bool:
        """Wait as long as the model is silent; return whether it goes on."""
        while not hold.wait(0.01):
            if stopped.is_set() or asked.gone or self.closing.is_set():
                return False
        return True
