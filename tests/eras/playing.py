"""What the model behind a small server says, and what it was asked."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Mapping


@dataclass(frozen=True)
class Play:
    """One answer.

    :param sources: what a search finds: (title, link) each.
    :param search_error: why the search fails.
    :param lines: whole updates (or events) of the wire in front of the first token.
    :param final: the final text when it differs from the joined tokens.
    :param error: the model fails after the tokens, with these words.
    :param hold: nothing comes after the first token until this is set.
    :param title: of a new conversation, and ``late`` the seconds until it is there.
    """

    tokens: tuple[str, ...] = ("Hello", ",", " world", ".")
    sources: tuple[tuple[str, str], ...] = ()
    search_error: str = ""
    lines: tuple[Mapping[str, Any], ...] = ()
    final: str | None = None
    error: str = ""
    hold: threading.Event | None = None
    title: str = ""
    late: float = 0.0

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.tokens) if self.final is None else self.final


@dataclass(frozen=True)
class Turn:
    """What the model was given."""

    prompt: str
    system_prompt: str
    history: tuple[str, ...] = ()
    found: tuple[str, ...] = ()  # links that a search brought
    body: Mapping[str, Any] = field(default_factory=dict)
