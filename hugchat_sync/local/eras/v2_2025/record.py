"""What stays of a run: the stored message and the log.

Source: chat-ui c100c162, measured 2026-08 (c29, l02, l03, v02, w03, w05, w10, w12 to w14).
"""

from __future__ import annotations

import time
from typing import Any, Mapping

from hugchat_sync.local.eras.v2_2025.updates import blanked
from hugchat_sync.local.identifiers import now
from hugchat_sync.local.jsontext import join_halves, replace_halves
from hugchat_sync.local.store import Store
from hugchat_sync.local.tables.conversations import Conversation, StoredMessage
from hugchat_sync.local.tables.generations import Generation

_FLUSH_SECONDS = 0.2
_SAVE_SECONDS = 3.0


class Record:
    """Writes one run down, for those who come later.

    It keeps the conversation as it was when the run began and writes it back whole: two runs at
    a time, or a rename during a run, undo each other as they do on the real server.
    """

    def __init__(self, store: Store, conversation: Conversation, message: StoredMessage) -> None:
        self._store = store
        self._conversation = conversation
        self._message = message
        self._generation = str(message["generationId"])
        self._logged = store.generations.begin(
            Generation(
                self._generation, conversation.id, message["id"], conversation.owner, "running"
            )
        )
        self._seq = 0
        self._pending: list[str] = []
        self._pending_since = 0.0
        self._tokens: list[str] = []
        self._updates: list[dict[str, Any]] = []
        self._final: str | None = None
        self._saved_at = time.monotonic()

    @property
    def text(self) -> str:
        """The joined tokens so far."""
        return join_halves("".join(self._tokens))

    def token(self, token: str) -> None:
        """Note a token; the log joins those of about 200 ms."""
        self._tokens.append(token)
        self._updates.append(blanked(token))
        if not self._pending:
            self._pending_since = time.monotonic()
        self._pending.append(token)

    def update(self, update: Mapping[str, Any]) -> None:
        """Note an update that is no token."""
        self._updates.append(dict(update))
        self._flush()
        self._append(update)

    def title(self, shown: str, stored: str) -> None:
        """Note a title: the conversation has it at once (w41)."""
        self.update({"type": "title", "title": shown})
        self._conversation.title = stored
        self._store.conversations.change(self._conversation.id, title=stored)

    def final(self, text: str, interrupted: bool, with_tools: bool) -> None:
        """Note the end of the text; after tools the stored text is put together."""
        self._final = _merged(self.text, text) if with_tools and not interrupted else text
        self._message["interrupted"] = interrupted

    def route(self, update: Mapping[str, Any]) -> None:
        """Note who answered; what is empty does not overwrite."""
        known = self._message.get("routerMetadata", {"route": "", "model": ""})
        new = {key: update[key] for key in ("route", "model", "provider") if update.get(key)}
        self._message["routerMetadata"] = {**known, **new}

    def tick(self) -> None:
        """Do what is due: the log after 200 ms, the stored text after 3 s."""
        moment = time.monotonic()
        if self._pending and moment - self._pending_since >= _FLUSH_SECONDS:
            self._flush()
        if moment - self._saved_at >= _SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Store the message and everything else as this run knows it."""
        self._flush()
        moment = now()
        message = self._message
        message["content"] = self.text if self._final is None else self._final
        message["updatedAt"] = moment
        message["updates"] = list(self._updates)
        if self._logged:
            message["materializedSeq"] = self._seq
        for other in self._conversation.messages:
            other.setdefault("updates", [])
        self._conversation.updated_at = moment
        self._store.conversations.save(self._conversation)
        self._saved_at = time.monotonic()

    def end(self, how: str) -> None:
        """Close the log."""
        if self._logged:
            self._flush()
            self._store.generations.end(self._generation, how)

    def abandon(self) -> None:
        """Mark the message as interrupted and leave its text alone."""
        self.end("interrupted")
        stored = self._store.conversations.get(self._conversation.id)
        message = stored and stored.message(self._message["id"])
        if stored is not None and message:
            message["interrupted"] = True
            self._store.conversations.save(stored)

    def _flush(self) -> None:
        if self._pending:
            token = replace_halves("".join(self._pending))
            self._pending.clear()
            self._append({"type": "stream", "token": token})

    def _append(self, update: Mapping[str, Any]) -> None:
        if self._logged:
            self._seq += 1
            self._store.generations.append(self._generation, self._seq, update)


def _merged(streamed: str, final: str) -> str:
    """Return the stored text of an answer with tools.

    Source: chat-ui c100c162 (read there).
    """
    if streamed.rstrip().endswith(final):
        return streamed.rstrip()
    if final.startswith(streamed):
        return final
    return streamed + ("" if streamed.endswith("\n\n") else "\n\n") + final
