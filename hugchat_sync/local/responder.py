"""Where answers come from: the protocol between the eras and a source of answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator, Protocol, Sequence

from hugchat_sync.local.steps import Step


@dataclass(frozen=True)
class Said:
    """One earlier message; ``role`` is ``user`` or ``assistant``."""

    role: str
    text: str


@dataclass(frozen=True)
class Attachment:
    """A file that came with the prompt."""

    name: str
    mime: str
    content: bytes


@dataclass(frozen=True)
class Turn:
    """All that a responder may know about the answer it is asked for.

    :param history: the earlier messages of the visible branch, oldest first.
    :param tools: names of the tool servers that may be used.
    :param web_search: the switch of the eras that have one.
    :param base_url: under which address the server is reached, to make links.
    :param era: the name of the era that asks.
    """

    prompt: str
    history: Sequence[Said]
    system_prompt: str
    model: str
    era: str
    base_url: str
    tools: Sequence[str] = ()
    web_search: bool = False
    attachments: Sequence[Attachment] = ()


@dataclass(frozen=True)
class Title:
    """A title for a new conversation, and after how many seconds it is there."""

    text: str
    seconds: float = 0.0


class Responder(Protocol):
    """A source of answers. One instance serves many threads at once."""

    def answer(self, turn: Turn) -> Iterator[Step]:
        """Yield the steps of one answer. Waiting is a step too, so that a stop can end it."""
        ...

    def title(self, turn: Turn) -> Title | None:
        """Return a title for the conversation, or ``None`` to leave the default."""
        ...
