"""A conversation, and a message of its history."""

from __future__ import annotations

from typing import Any

from ...values import Value
from .model import Model


class MessageNode(Value, frozen=False):
    """A message; ``role`` is "user" or "assistant", times are in Unix seconds."""

    id: str
    role: str
    content: str
    ancestors: list[str]
    children: list[str]
    created_at: float | None
    updated_at: float | None

    def __str__(self) -> str:
        return self.content


class Conversation(str):
    """A conversation. It is its id, because the oldest scripts got no more than that.

    Where they are not known yet, ``title``, ``model``, ``system_prompt`` are ``None`` and
    ``history`` is empty: ``get_conversation_info`` fills them in.
    """

    id: str
    title: Any  # hides a method of str
    model: Model | None
    system_prompt: str | None
    history: list[MessageNode]

    def __new__(
        cls,
        id: str = "",
        title: str | None = None,
        model: Model | None = None,
        system_prompt: str | None = None,
        history: list[MessageNode] | None = None,
    ) -> Conversation:
        """Return the conversation with an id."""
        made = str.__new__(cls, id or "")
        made.id, made.title = str(made), title
        made.model, made.system_prompt = model, system_prompt
        made.history = list(history or ())
        return made
