"""Questions of tools that wait for the user.

Source: chat-ui c100c162, measured 2026-08 (x10 to x13).
"""

from __future__ import annotations

import threading
from typing import Any, Mapping

from hugchat_sync.local.replies import ApiError
from hugchat_sync.local.steps import Question


class _Open:
    def __init__(self, conversation_id: str, question: Question) -> None:
        self.conversation_id = conversation_id
        self.question = question
        self.answered = threading.Event()
        self.over = False


class Questions:
    """The questions of all runs, by their id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, _Open] = {}

    def ask(self, elicitation_id: str, conversation_id: str, question: Question) -> threading.Event:
        """Put a question; the event is set when it is answered."""
        entry = _Open(conversation_id, question)
        with self._lock:
            self._open[elicitation_id] = entry
        return entry.answered

    def withdraw(self, elicitation_id: str) -> None:
        """End a question that nobody answered."""
        with self._lock:
            self._open[elicitation_id].over = True

    def answer(self, conversation_id: str, body: Mapping[str, Any]) -> None:
        """Take an answer.

        :raises ApiError: 400 malformed or not what was asked, 404 unknown, 409 too late.
        """
        elicitation_id = body.get("elicitationId")
        action = body.get("action")
        if not isinstance(elicitation_id, str) or action not in ("accept", "decline", "cancel"):
            raise ApiError(400, "Invalid elicitation response")
        with self._lock:
            entry = self._open.get(elicitation_id)
            if entry is None or entry.conversation_id != conversation_id:
                raise ApiError(404, "Unknown elicitation.")
            if entry.answered.is_set():
                raise ApiError(409, "Already answered.")
            if entry.over:
                raise ApiError(409, "This request has expired.")
            if action == "accept":
                entry.question.content = _checked(entry.question, body.get("content") or {})
            entry.question.action = action
            entry.answered.set()


def _checked(question: Question, content: object) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ApiError(400, "Invalid elicitation response")
    for entry in question.fields:
        name = entry["name"]
        if entry.get("required") and name not in content:
            raise ApiError(400, f'"{name}" is required.')
        allowed = [option["value"] for option in entry.get("options", ())]
        if allowed and name in content and content[name] not in allowed:
            raise ApiError(400, f'"{name}" is not one of the options.')
    return content
