"""Completes an answer after a lost connection: from the run's log, else from the conversation."""

from __future__ import annotations

import codecs
import struct
import time
from itertools import chain
from typing import Callable, Iterable, Iterator, Protocol, TypeVar

from ..calls import StreamCall
from ..dialects import Dialect, Prompt, Stored
from ..dialects.fields import split_thinking
from ..errors import (
    AuthError,
    ConnectionFailed,
    GenerationError,
    HugChatError,
    IncompleteAnswer,
    NotFound,
    ProtocolError,
    ServerError,
    TimedOut,
    TransportError,
)
from ..events import Event, FinalAnswer, Reasoning, Token
from ..transport.http import Transport
from ..transport.retry import Patience, Tries
from ..transport.stream import Stream
from .answer import Answer, StoredAnswer, fold

E = TypeVar("E")

_LOOKS = 4  # where nothing says whether the server is still at it
_MOMENTS = 5  # looks, the first pause 0.05 seconds, in which a server notices that we left
_MOST_TRIES = 30  # more of them make a pause no longer
_LOST = "\ufffd"  # what a log has in place of half a character


class Connections(Protocol):
    """Opens the replies of a run, one after the other; it may be closed from any thread."""

    patience: Patience
    closed: bool

    def open(  # noqa: D102
        self, call: StreamCall[E], events_seen: Callable[[], int], tries: Tries | None = None
    ) -> Stream: ...


class Recovery:
    """Reads what is missing of one answer after a lost connection.

    :param record: the answer as far as it has come; nothing of it where there is none.
    :param was_stopped: by us, so what the server keeps is no whole answer.
    """

    def __init__(
        self,
        transport: Transport,
        dialect: Dialect,
        prompt: Prompt,
        connections: Connections,
        record: Answer | None = None,
        *,
        was_stopped: bool = False,
    ) -> None:
        self.is_over = False  # the server is known to be done with the run
        self.log_end = ""  # how the log says that the run ended
        self._transport = transport
        self._dialect = dialect
        self._prompt = prompt
        self._open = connections
        self._record = Answer() if record is None else record
        self._was_stopped = was_stopped
        self._steps = 0  # of the log

    def events(self, trouble: HugChatError | None) -> Iterator[Event]:
        """Yield what is missing after a lost connection.

        :param trouble: what cut the answer short, if it is known.
        """
        gap = Gap(tuple(self._record.events))
        if "reattach" in self._dialect.features:
            try:
                for event in self.replay():
                    yield from gap.missing(event)
            except (GenerationError, TimedOut) as error:
                self.is_over = isinstance(error, GenerationError)
                if self.is_over or getattr(error, "phase", "") != "idle":
                    yield from gap.let_go()
                    raise
                trouble = trouble or error
            except (TransportError, ServerError, ProtocolError, AuthError) as error:
                trouble = trouble or error
        if not self._open.closed and (gap.holds or not self._record.is_complete):
            yield from self._read_stored(gap, trouble)

    # the log ---------------------------------------------------------------------------------

    def replay(self) -> Iterator[Event]:
        """Yield the events of the run's log, from its beginning to its end.

        It takes as many requests without a step forward as a message may take, whatever befalls
        them; a log that just ends is read on without such a limit.

        :raises HugChatError: the log cannot be had, or its run failed, or a clock ran out.
        """
        reader = self._dialect.log_reader(self._prompt)
        position = 0
        tries, moved = Tries(), time.monotonic()
        while not self._open.closed:
            call = self._dialect.reattach(
                self._prompt.conversation_id, self._prompt.generation_id, position, reader
            )
            try:
                with self._open.open(call, lambda: self._steps, tries) as pieces:
                    for logged in chain.from_iterable(call.read(pieces)):
                        if logged.position > position:
                            position, tries.made, moved = logged.position, 0, time.monotonic()
                        self._steps += 1
                        yield from logged.events
                        if logged.end:  # where it is gone, another process may still work on it
                            self.log_end, self.is_over = logged.end, logged.end != "gone"
                            return
            except (ConnectionFailed, TimedOut, ProtocolError) as error:
                other_clock = isinstance(error, TimedOut) and error.phase != "idle"
                spent = tries.made >= self._open.patience.retry.tries
                if other_clock or self._open.closed or spent:
                    raise
            if time.monotonic() - moved >= self._open.patience.timeout.progress:
                raise TimedOut("nothing more came of this answer", phase="progress")
            if tries.made:  # the server ends a log that is long under way without a word
                self._transport.pause(min(tries.made, _MOST_TRIES), self._open.patience)

    # what is stored --------------------------------------------------------------------------

    def _read_stored(self, gap: Gap, trouble: HugChatError | None) -> Iterator[Event]:
        """Yield what the stored conversation has beyond what has come.

        :raises IncompleteAnswer: it has no whole answer either.
        """
        stored = self._await_stored()
        if stored is not None and not self._open.closed:
            kept = iter(stored.events)
            others = Gap(tuple(self._record.events))
            for event in kept:
                if isinstance(event, FinalAnswer):
                    break
                yield from others.missing(event)
            if stored.state == "interrupted":
                # a run that somebody stopped has a final answer in its log; one that died has none
                is_whole = self.log_end != "interrupted"
            else:
                is_whole = stored.state == "done"
            yield from self._complete_text(stored, is_whole)
            # some servers end a run when its reader leaves, so our own timeout cut what is stored
            left = isinstance(trouble, TimedOut) and not self._dialect.manners.survives_disconnect
            if is_whole and not left:
                yield StoredAnswer(stored.text, self._was_stopped or stored.state == "interrupted")
                for event in kept:
                    yield from others.missing(event)
                return
        yield from gap.let_go()
        if self._record.is_complete or self._open.closed:
            return
        if stored is not None and stored.error is not None:
            raise stored.error from trouble
        if isinstance(trouble, (ProtocolError, TimedOut)):
            raise trouble  # nonsense came, or a clock of ours ran out; nothing else knows better
        raise IncompleteAnswer(
            "the connection was lost and the server keeps no whole answer; .partial has what "
            "came, Client.history() what the server keeps"
        ) from trouble

    def _complete_text(self, stored: Stored, is_whole: bool) -> Iterator[Event]:
        """Yield what is missing of the text and the thinking, where they go on from what came."""
        reasoning, sent, text = self._record.reasoning, self._record.streamed, stored.text
        if stored.reasoning.startswith(reasoning) and stored.reasoning != reasoning:
            yield Reasoning(stored.reasoning[len(reasoning) :])
        if not is_whole:
            text = text.rstrip(_LOST)  # half a character: the other half never came
        if text.startswith(sent) and text != sent:
            yield Token(text[len(sent) :])

    def _await_stored(self) -> Stored | None:
        """Return what the server keeps of this run, once the server no longer works on it."""
        manners, stored = self._dialect.manners, None
        before, moved = None, time.monotonic()
        for number in self._transport.looks(self._open.patience):
            try:
                stored = self._look()
            except NotFound:
                return None
            if stored is not None and stored.state in ("done", "interrupted", "failed"):
                self.is_over = True
                break
            if stored != before:
                before, moved = stored, time.monotonic()
            # a server that ends what nobody reads may not have noticed yet that we are gone
            tells = stored is not None or manners.stores_at_end
            is_last = number >= _LOOKS and not (manners.survives_disconnect and tells)
            silent = time.monotonic() - moved >= self._open.patience.timeout.progress
            if is_last or silent or self._open.closed:
                break
        return stored

    def _look(self) -> Stored | None:
        call = self._dialect.stored(self._prompt.conversation_id, self._prompt)
        return self._transport.send(call, self._open.patience)

    # ending ----------------------------------------------------------------------------------

    def await_end(self, was_left: bool = False) -> None:
        """Return when the server is done with the run, or was silent for too long.

        :param was_left: text had come when the connection was closed, which is to be stored: the
            server writes the whole conversation then, over whatever a hasty next message put there.
        :raises TimedOut: the time of the call is spent, or a clock of the log ran out.
        """
        if not self._dialect.manners.survives_disconnect:
            if was_left:
                for _ in self._transport.looks(self._open.patience, _MOMENTS, first=0.05):
                    stored = self._look()
                    if stored is not None and stored.text:
                        return
            return
        has_log = "reattach" in self._dialect.features
        if has_log and self.read_log() is not False:
            return
        self._await_stored()
        if not self.is_over and time.monotonic() >= self._open.patience.deadline:
            raise TimedOut("an earlier answer in this conversation goes on", phase="total")

    def read_log(self) -> bool | None:
        """Read the log of a run that nobody reads here, and return whether it tells of its end.

        :returns: ``None`` where nothing but signs of life came for too long.
        :raises TimedOut: the run goes on at the end of the call's time; ``partial`` is its text.
        """
        try:
            for event in self.replay():
                fold(self._record, event)
        except GenerationError:
            return True  # that it ended is what counts
        except TimedOut as error:
            if error.phase == "total":
                error.partial = self._record.text
                raise
            return None if error.phase == "progress" else False
        except (TransportError, ServerError, ProtocolError, AuthError):
            return False  # what is stored tells
        return self.is_over


class Gap:
    """Finds what a reader lacks in the events of a run that is replayed from its beginning.

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
                self._had[type(event)] += count_units(event.text)
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
            text, self._to_skip[kind] = skip_units(event.text, self._to_skip[kind])
            if not text:
                return ()
            event = kind(text)
            if _LOST in text and not self._held:
                self._held_from = dict(self._had)
            elif not self._held:
                self._had[kind] += count_units(text)
                return (event,)
        elif self._was_seen(event):
            return ()
        elif not self._held:
            return (event,)
        self._held.append(event)
        if isinstance(event, FinalAnswer):
            return self._mend(*split_thinking(event.text))
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

    def _mend(self, text: str, reasoning: str) -> tuple[Event, ...]:
        """Return what is held back, if the whole *text* and *reasoning* mend all of it."""
        mended: dict[type[Event], Iterator[str]] = {}
        for kind, whole in ((Token, text), (Reasoning, reasoning)):
            pieces = [event.text for event in self._held if type(event) is kind]
            found = mend(pieces, self._held_from[kind], whole)
            if found is None:
                return ()
            mended[kind] = iter(found)
        events: list[Event] = []
        for event in self.let_go():
            if isinstance(event, (Token, Reasoning)):
                event = type(event)(next(mended[type(event)]))
                self._had[type(event)] += count_units(event.text)
            if event not in (Token(""), Reasoning("")):
                events.append(event)
        return tuple(events)


def mend(pieces: list[str], start: int, whole: str) -> list[str] | None:
    """Return *pieces* with what the log lost, ``None`` if *whole* does not tell all of it.

    :param start: the place of the first piece in the run's text, in UTF-16 units.
    :param whole: the run's text, or (after tools, or a try that was thrown away) the end of it,
        without blanks at its end.
    """
    lengths = [count_units(piece) for piece in pieces]
    # thinking keeps the blanks at its end, which would be taken for what was lost
    mended = _fill_in("".join(map(_to_units, pieces)), start, _to_units(whole.rstrip()))
    if mended is None:
        return None
    decode = codecs.getincrementaldecoder("utf-16-le")("replace").decode
    found = []
    for number, length in enumerate(lengths, 1):
        part, mended = mended[:length], mended[length:]
        found.append(decode(_encode(part), number == len(lengths)))
    return found


def _fill_in(broken: str, start: int, whole: str) -> str | None:
    """Return the units of a *broken* text with what was lost in it, taken from the *whole*."""
    core = _to_units(_from_units(broken).rstrip())
    if _LOST not in core:
        return broken
    overlap = min(len(core), len(whole))
    head, tail = core[: len(core) - overlap], whole[len(whole) - overlap :]
    if _LOST not in head and _fits(core[len(head) :], tail):
        return head + tail + broken[len(core) :]
    from_start = whole[start : start + len(core)]  # the run was stopped and its text cut back
    behind_it = core[len(from_start) :]
    if _LOST not in behind_it and _fits(core[: len(from_start)], from_start):
        return from_start + broken[len(from_start) :]
    return None


def _fits(broken: str, whole: str) -> bool:
    """Return whether the two are equal but for what was lost in *broken*."""
    return all(unit in (_LOST, other) for unit, other in zip(broken, whole))


def skip_units(text: str, skip: int) -> tuple[str, int]:
    """Return what of *text* lies behind its first *skip* UTF-16 units, and what is left to skip."""
    if not skip:
        return text, 0
    units = _to_units(text)
    return _from_units(units[skip:]), max(0, skip - len(units))


def count_units(text: str) -> int:
    """Return the length of *text* in UTF-16 units."""
    return len(text) if text.isascii() else len(_to_units(text))


def _to_units(text: str) -> str:
    """Return *text* with a character for each of its UTF-16 units: halves stand by themselves."""
    if text.isascii():
        return text
    return "".join(chr(unit) for (unit,) in struct.iter_unpack("<H", _encode(text)))


def _from_units(units: str) -> str:
    return _encode(units).decode("utf-16-le", "replace")


def _encode(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")
