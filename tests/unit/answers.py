"""Plays a recorded answer through a dialect, in whatever pieces."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Callable, Iterable, Iterator

from exchanges import content, exchange

from hugchat_sync.chat.answer import Answer, conclude, fold
from hugchat_sync.chat.message import Message
from hugchat_sync.dialects import Dialect, Prompt, load_dialect
from hugchat_sync.errors import HugChatError
from hugchat_sync.events import Event, FinalAnswer, Reasoning, Token

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


class Given:
    """A source of events that does what a test says."""

    def __init__(
        self,
        events: Iterable[Event],
        stop: Callable[[], Any] = tuple,
        limit: Callable[[float], Any] = float,
        close: Callable[[], Any] = tuple,
    ) -> None:
        self._events, self.stop, self.limit, self.close = events, stop, limit, close

    def events(self) -> Iterator[list[Event]]:
        return ([event] for event in self._events)


def message_of(
    events: Iterable[Event],
    *,
    stop: Callable[[], Any] = tuple,
    limit: Callable[[float], Any] = float,
    close: Callable[[], Any] = tuple,
    **about: Any,
) -> Message:
    """Return the message that these events make."""
    return Message(Given(events, stop, limit, close), **about)


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
    dialect = load_dialect(dialect) if isinstance(dialect, str) else dialect
    found = Played()
    try:
        for event in chain.from_iterable(dialect.chat(prompt(**fields)).read(chunks)):
            fold(found.answer, event)
            found.events.append(event)
    except HugChatError as error:
        found.error = error
    conclude(found.answer)
    return found


def cuts_of(body: bytes) -> list[int]:
    """Return offsets around the end of each line, and in its middle."""
    found, start = {0}, 0
    for end in [at for at, byte in enumerate(body) if byte == ord("\n")]:
        found.update((end, end + 1, end + 2, (start + end) // 2))
        start = end + 1
    return sorted(offset for offset in found if offset < len(body))


def told_in(body: bytes) -> str:
    """Return the text and thinking of the pieces in whole lines, read without any of our code."""
    pieces = []
    for line in body.split(b"\n"):
        text = line[6:] if line.startswith(b"data: ") else line
        whole = text.startswith(b"{") and text.endswith(b"}")  # also without its newline
        value = json.loads(text) if whole else {}
        if value.get("type") == "stream":
            pieces.append(value["token"].replace("\0", ""))
        elif value.get("type") == "finalAnswer":
            break  # what a stopped run still says is not due
    joined = "".join(pieces).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return re.sub(r"</?think>|\s", "", joined)


def comes_to(events: Iterable[Event], body: bytes) -> bool:
    """Return whether *events* tell all that *body* does, but for what may be half a tag."""
    told, wanted = "", told_in(body)
    for event in events:
        if isinstance(event, (Token, Reasoning)):
            told += re.sub(r"\s", "", event.text)
    return told.startswith(wanted[: max(0, len(wanted) - len("</think>") + 1)])


def body_of(folder: str, name: str) -> bytes:
    """Return the body of a recorded reply."""
    return content(exchange(folder, name)["response"]["body"])
