"""What of a replayed run is still missing: a function of what was seen and what is replayed."""

from __future__ import annotations

from typing import Iterable, Iterator

from .events import Event, Reasoning, Token


def missing(seen: Iterable[Event], replayed: Iterable[Event]) -> Iterator[Event]:
    """Yield the events of *replayed* that are not among *seen*; text is compared by its length.

    The log of a run merges tokens and mends halves of characters in its own way, so neither
    pieces nor characters can be matched one by one; UTF-16 units, which the server counts in, can.
    """
    said = thought = 0
    known: list[Event] = []
    for event in seen:
        if isinstance(event, Token):
            said += units(event.text)
        elif isinstance(event, Reasoning):
            thought += units(event.text)
        else:
            known.append(event)
    for event in replayed:
        if isinstance(event, Token):
            text, said = behind(event.text, said)
            if text:
                yield Token(text)
        elif isinstance(event, Reasoning):
            text, thought = behind(event.text, thought)
            if text:
                yield Reasoning(text)
        elif event in known:
            known.remove(event)
        else:
            yield event


def behind(text: str, skip: int) -> tuple[str, int]:
    """Return what of *text* lies behind its first *skip* UTF-16 units, and what is left to skip."""
    if not skip:
        return text, 0
    coded = text.encode("utf-16-le", "surrogatepass")
    rest = coded[2 * skip :].decode("utf-16-le", "replace")
    return rest, max(0, skip - len(coded) // 2)


def units(text: str) -> int:
    """Return the length of *text* in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
