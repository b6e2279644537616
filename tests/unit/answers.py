"""Plays a recorded answer through a dialect, in whatever pieces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Iterable

from exchanges import content, exchange

from hugchat_sync.answer import Answer, conclude, fold
from hugchat_sync.dialects import Dialect, Prompt, dialect_named
from hugchat_sync.errors import HugChatError
from hugchat_sync.events import Event, FinalAnswer, Token

CONVERSATION = "6b02a3ec554756adfb4f3181"
_SHOWN = 40


def prompt(**fields: Any) -> Prompt:
    """Return a prompt; what a test does not care about is filled in."""
    known = {
        "conversation_id": CONVERSATION,
        "text": "Hello",
        "message_id": "11111111-1111-4111-8111-111111111111",
        "generation_id": "22222222-2222-4222-8222-222222222222",
        "parent_id": "33333333-3333-4333-8333-333333333333",
    }
    return Prompt(**{**known, **fields})


@dataclass
class Played:
    """What came out of an answer."""

    events: list[Event] = field(default_factory=list)
    answer: Answer = field(default_factory=Answer)
    error: HugChatError | None = None

    @property
    def tokens(self) -> int:
        """How many pieces of text came."""
        return sum(isinstance(event, Token) for event in self.events)

    @property
    def ending(self) -> str:
        """How it ended, in a word."""
        if self.error is not None:
            return type(self.error).__name__
        if self.answer.finished:
            return "finished"
        answered = any(isinstance(event, FinalAnswer) for event in self.events)
        return "answered" if answered else "cut"

    def row(self, name: str) -> tuple[Any, ...]:
        """Return the row of a table of answers."""
        text = self.answer.text
        shown = text if len(text) <= _SHOWN else f"{text[:24]}… ({len(text)})"
        tools = "+".join(call.name for call in self.answer.tool_calls)
        sources = len(self.answer.sources)
        return (name, self.tokens, shown, sources, tools, self.answer.title or "", self.ending)


def played(dialect: str | Dialect, chunks: Iterable[bytes], **fields: Any) -> Played:
    """Return what an answer in these pieces comes to."""
    dialect = dialect_named(dialect) if isinstance(dialect, str) else dialect
    found = Played()
    try:
        for event in dialect.chat(prompt(**fields)).read(chunks):
            fold(found.answer, event)
            found.events.append(event)
    except HugChatError as error:
        found.error = error
    conclude(found.answer)
    return found


def body_of(folder: str, name: str) -> bytes:
    """Return the body of a recorded reply."""
    return content(exchange(folder, name)["response"]["body"])
