"""What of a replayed run is still missing: a function of what was seen and what is replayed."""

from __future__ import annotations

import codecs
from typing import Iterable, Iterator

from ..dialects.fields import split_thinking
from ..events import Event, FinalAnswer, Reasoning, Token

_LOST = "\ufffd".encode("utf-16-le")  # what a log has in place of half a character


class Gap:
    """What a reader still lacks of a run that is replayed from its beginning.

    The log of a run merges tokens, so pieces cannot be matched one by one; lengths in UTF-16
    units, which the server counts in, can. A character whose halves fell into two merged pieces is
    lost in the log (twice U+FFFD stand there): from there on all is held back until the whole text
    says what it was.

    :param seen: the events that the reader has had.
    """

    def __init__(self, seen: Iterable[Event]) -> None:
        self._had = {Token: 0, Reasoning: 0}  # units that the reader has
        self._others: list[Event] = []
        for event in seen:
            if isinstance(event, (Token, Reasoning)):
                self._had[type(event)] += units(event.text)
            else:
                self._others.append(event)
        self._to_skip = dict(self._had)
        self._held: list[Event] = []
        self._held_from: dict[type[Event], int] = {}

    @property
    def holds(self) -> bool:
        """Whether something is held back."""
        return bool(self._held)

    def missing(self, event: Event) -> tuple[Event, ...]:
        """Return what of a replayed event the reader lacks, and what need not wait any longer."""
        if isinstance(event, (Token, Reasoning)):
            kind = type(event)
            text, self._to_skip[kind] = behind(event.text, self._to_skip[kind])
            if not text:
                return ()
            event = kind(text)
            if "\ufffd" in text and not self._held:
                self._held_from = dict(self._had)
            elif not self._held:
                self._had[kind] += units(text)
                return (event,)
        elif self._was_seen(event):
            return ()
        elif not self._held:
            return (event,)
        self._held.append(event)
        if isinstance(event, FinalAnswer):
            return self._let_go_mended(*split_thinking(event.text))
        return ()

    def _was_seen(self, event: Event) -> bool:
        if isinstance(event, FinalAnswer):  # there is one, whose text was merged when it came
            return any(isinstance(other, FinalAnswer) for other in self._others)
        if event not in self._others:
            return False
        self._others.remove(event)
        return True

    def let_go(self) -> tuple[Event, ...]:
        """Return what is held back, as it is: nothing can mend it."""
        held, self._held = self._held, []
        return tuple(held)

    def _let_go_mended(self, text: str, reasoning: str) -> tuple[Event, ...]:
        """Return what is held back, if the whole *text* and *reasoning* mend all of it."""
        mended: dict[type[Event], Iterator[str]] = {}
        for kind, whole in ((Token, text), (Reasoning, reasoning)):
            pieces = [event.text for event in self._held if type(event) is kind]
            found = mend(pieces, self._held_from[kind], whole)
            if found is None:
                return ()
            mended[kind] = iter(found)
        held = [_with_text(event, mended) for event in self.let_go()]
        for event in held:
            if isinstance(event, (Token, Reasoning)):
                self._had[type(event)] += units(event.text)
        return tuple(event for event in held if event not in (Token(""), Reasoning("")))


def missing(seen: Iterable[Event], replayed: Iterable[Event]) -> Iterator[Event]:
    """Yield the events of *replayed* that are not among *seen*."""
    gap = Gap(seen)
    for event in replayed:
        yield from gap.missing(event)
    yield from gap.let_go()


def _with_text(event: Event, texts: dict[type[Event], Iterator[str]]) -> Event:
    if isinstance(event, (Token, Reasoning)):
        return type(event)(next(texts[type(event)]))
    return event


def mend(pieces: list[str], start: int, whole: str) -> list[str] | None:
    """Return *pieces* with what the log lost, ``None`` if *whole* does not tell all of it.

    :param start: the place of the first piece in the run's text, in UTF-16 units.
    :param whole: the run's text, or (after tools, or a try that was thrown away) the end of it,
        without blanks at its end.
    """
    broken = [_coded(piece) for piece in pieces]
    text = b"".join(broken)
    # thinking keeps the blanks at its end, which would be taken for what was lost
    mended = _mended(text, 2 * start, _coded(whole.rstrip()))
    if mended is None:
        return None
    decode = codecs.getincrementaldecoder("utf-16-le")("replace").decode
    ends = [0]
    for piece in broken:
        ends.append(ends[-1] + len(piece))
    return [decode(mended[begin:end], end == len(text)) for begin, end in zip(ends, ends[1:])]


def _mended(text: bytes, start: int, whole: bytes) -> bytes | None:
    core = _coded(text.decode("utf-16-le", "replace").rstrip())
    blanks = text[len(core) :]
    if _find(core, 0) < 0:
        return text
    overlap = min(len(core), len(whole))
    head, tail = core[: len(core) - overlap], whole[len(whole) - overlap :]
    if _find(head, 0) < 0 and _fits(core[len(head) :], tail):
        return head + tail + blanks
    from_start = whole[start : start + len(core)]  # the run was stopped and its text cut back
    known = core[: len(from_start)]
    if _find(core, len(known)) < 0 and _fits(known, from_start):
        return from_start + text[len(known) :]
    return None


def _fits(broken: bytes, whole: bytes) -> bool:
    """Return whether the two are equal but for what was lost in *broken*."""
    at = 0
    while True:
        lost = _find(broken, at)
        end = len(broken) if lost < 0 else lost
        if broken[at:end] != whole[at:end]:
            return False
        if lost < 0:
            return True
        at = lost + 2


def _find(coded: bytes, at: int) -> int:
    """Return where the next lost unit stands, or -1."""
    found = coded.find(_LOST, at)
    while found % 2 and found >= 0:
        found = coded.find(_LOST, found + 1)
    return found


def behind(text: str, skip: int) -> tuple[str, int]:
    """Return what of *text* lies behind its first *skip* UTF-16 units, and what is left to skip."""
    if not skip:
        return text, 0
    coded = _coded(text)
    rest = coded[2 * skip :].decode("utf-16-le", "replace")
    return rest, max(0, skip - len(coded) // 2)


def units(text: str) -> int:
    """Return the length of *text* in UTF-16 units."""
    return len(text) if text.isascii() else len(_coded(text)) // 2


def _coded(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")
