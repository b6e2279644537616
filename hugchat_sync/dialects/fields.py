"""The fields of a reply, and the text in them: whole characters, and the thinking inside."""

from __future__ import annotations

from typing import Any, TypeVar

from ..errors import ProtocolError

T = TypeVar("T")
V = TypeVar("V")

OPEN, CLOSE = "<think>", "</think>"  # around the thinking in a text


def need(value: Any, name: str, kind: type[T]) -> T:
    """Return the field *name* of *value*.

    :raises ProtocolError: *value* is no object, or the field is missing or of another type.
    """
    found = value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, kind):
        raise ProtocolError(f"the reply has no {name!r} as we know it", field=name)
    return found


def text_of(value: Any, name: str) -> str:
    """Return a text field, ``""`` when there is none; it can always be encoded."""
    found = value.get(name) if isinstance(value, dict) else None
    return make_encodable(found) if isinstance(found, str) else ""


def field_of(value: Any, name: str, kind: type[T], default: V) -> T | V:
    """Return a field of one type, or *default*."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, kind) else default


def dicts_of(value: Any, name: str) -> list[dict[str, Any]]:
    """Return the objects in a list field; ``[]`` when there is no such list."""
    return [item for item in field_of(value, name, list, []) if isinstance(item, dict)]


def texts_of(value: Any, name: str) -> tuple[str, ...]:
    """Return the texts in a list field; ``()`` when there is no such list."""
    return tuple(item for item in field_of(value, name, list, []) if isinstance(item, str))


# text as it comes in pieces -------------------------------------------------------------------


class SurrogateJoiner:
    """Joins characters whose two UTF-16 halves came in two pieces of text.

    JSON may carry them apart as two escapes; in Python such halves do not join
    by themselves and cannot be encoded.
    """

    def __init__(self) -> None:
        self.waiting = ""  # a first half that waits for its second

    def join(self, text: str) -> str:
        """Return *text* with its halves joined; a first half at the end waits for the next call."""
        if not self.waiting and is_encodable(text):
            return text
        text, self.waiting = self.waiting + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self.waiting = text[:-1], text[-1]
        return make_encodable(text)

    def flush(self) -> str:
        """Return what still waits at the end: ``"\ufffd"`` for a lone half, else ``""``."""
        held, self.waiting = self.waiting, ""
        return "\ufffd" if held else ""


def is_encodable(text: str) -> bool:
    """Return whether *text* holds no half of a character."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def make_encodable(text: str) -> str:
    """Return *text* with halves joined and lone ones replaced by U+FFFD: it can be encoded."""
    if is_encodable(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class ThinkSplitter:
    """Parts the text from the ``<think>`` blocks inside it, piece by piece.

    Only what may be the beginning of a tag is held back. White space between a block at the very
    beginning and the first word belongs to neither.
    """

    def __init__(self) -> None:
        self.plain = False  # a piece without "<" is nothing but text now
        self._thinking = False
        self._held = ""
        self._trim = False  # a block came before any text: drop the blanks behind it
        self._started = False

    def feed(self, piece: str) -> list[tuple[bool, str]]:
        """Return ``(is_thinking, text)`` for what *piece* completes, in order, no empty texts."""
        text, self._held = self._held + piece, ""
        parts: list[tuple[bool, str]] = []
        while text:
            tag = CLOSE if self._thinking else OPEN
            before, found, text = text.partition(tag)
            if not found:
                before, self._held = _cut_tag_start(before, tag)
            self._put(parts, before)
            if found:
                self._thinking = not self._thinking
                self._trim = self._trim or not self._started
        # the first text must have passed here: whether there was any decides about later blanks
        self.plain = self._started and not (self._thinking or self._held or self._trim)
        return parts

    def flush(self) -> list[tuple[bool, str]]:
        """Return what was held back, once the text is over."""
        parts: list[tuple[bool, str]] = []
        held, self._held = self._held, ""
        self._put(parts, held)
        return parts

    def _put(self, parts: list[tuple[bool, str]], text: str) -> None:
        if not self._thinking and self._trim:
            text = text.lstrip()
        if not text:
            return
        if not self._thinking:
            self._trim = False
            self._started = True
        parts.append((self._thinking, text))


def _cut_tag_start(text: str, tag: str) -> tuple[str, str]:
    """Return *text* in two: what is surely no tag, and the beginning of *tag* at its end."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return text[:-length], text[-length:]
    return text, ""


def split_thinking(text: str) -> tuple[str, str]:
    """Return ``(text, reasoning)`` of a whole answer; an unclosed block reaches to the end."""
    if OPEN not in text:
        return text, ""
    splitter = ThinkSplitter()
    parts = splitter.feed(text) + splitter.flush()
    text_outside = "".join(part for thinking, part in parts if not thinking)
    thought = "".join(part for thinking, part in parts if thinking)
    return text_outside, thought
