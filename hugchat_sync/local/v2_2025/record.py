"""What stays of a run: the stored message and the log.

Source: chat-ui c100c162, measured 2026-08 (c29, l02, l03, v02, w03, w05, w10, w12 to w14).
"""

from __future__ import annotations

import time
from typing import Any, Mapping

from ..app import now
from ..storage import Conversation, Storage, StoredMessage, StoredRun
from .wire import join_halves, replace_halves, utf16_length

_FLUSH_SECONDS = 0.2
_SAVE_SECONDS = 3.0


class Record:
    """Writes one run down, for those who come later.

    It keeps the conversation as it was when the run began and writes it back whole: two runs at
    a time, or a rename during a run, undo each other as they do on the real server.
    """

    def __init__(self, storage: Storage, conversation: Conversation, answer: StoredMessage) -> None:
        self._storage = storage
        self._conversation = conversation
        self._answer = answer
        self._run_id = str(answer["generationId"])
        self._logged = False
        self._seq = 0
        self._pending: list[str] = []
        self._pending_since = self._saved_at = time.monotonic()
        self._tokens: list[str] = []
        self._updates: list[dict[str, Any]] = []
        self._final: str | None = None

    def begin(self) -> None:
        """Begin the log, unless a run before this one had the same id."""
        run = StoredRun(self._run_id, self._conversation.id, self._answer["id"])
        self._logged = self._storage.begin(run)

    @property
    def text(self) -> str:
        """The joined tokens so far."""
        return join_halves("".join(self._tokens))

    def token(self, token: str) -> None:
        """Note a token: the message keeps its length, the log joins those of about 200 ms."""
        self._tokens.append(token)
        self._updates.append({"type": "stream", "token": "", "len": utf16_length(token)})
        if not self._pending:
            self._pending_since = time.monotonic()
        self._pending.append(token)

    def update(self, update: Mapping[str, Any]) -> None:
        """Note an update that is no token; a route fills in what the message tells of it."""
        self._updates.append(dict(update))
        self._flush()
        self._append(update)
        if update["type"] == "routerMetadata":
            known = self._answer.get("routerMetadata", {"route": "", "model": ""})
            new = {key: value for key, value in update.items() if key != "type" and value}
            self._answer["routerMetadata"] = {**known, **new}

    def title(self, title: str) -> None:
        """Let the conversation have a title at once (w41)."""
        self._conversation.title = title
        self._storage.change(self._conversation.id, title=title)

    def final(self, text: str, interrupted: bool, with_tools: bool) -> None:
        """Note the end of the text; after tools it is put together with what was streamed.

        Source: chat-ui c100c162 (read there).
        """
        streamed = self.text
        self._answer["interrupted"], self._final = interrupted, text
        if with_tools and not interrupted:
            if streamed.rstrip().endswith(text):
                self._final = streamed.rstrip()
            elif not text.startswith(streamed):
                self._final = streamed + ("" if streamed.endswith("\n\n") else "\n\n") + text

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
        answer, moment = self._answer, now()
        answer["content"] = self.text if self._final is None else self._final
        answer["updatedAt"] = self._conversation.updated_at = moment
        answer["updates"] = list(self._updates)
        if self._logged:
            answer["materializedSeq"] = self._seq
        for other in self._conversation.messages:
            other.setdefault("updates", [])
        self._storage.save(self._conversation)
        self._saved_at = time.monotonic()

    def end(self, how: str) -> None:
        """Store everything and close the log."""
        self.save()
        if self._logged:
            self._storage.end(self._run_id, how)

    def _flush(self) -> None:
        if self._pending:
            token = replace_halves("".join(self._pending))
            self._pending.clear()
            self._append({"type": "stream", "token": token})

    def _append(self, update: Mapping[str, Any]) -> None:
        if self._logged:
            self._seq += 1
            self._storage.append(self._run_id, self._seq, update)
