"""Completes an answer after a lost connection: from the run's log, else from the conversation."""

from __future__ import annotations

import codecs
import struct
import time
from itertools import chain, takewhile
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

GOES_ON = "an earlier answer in this conversation goes on"
_LOOKS = 4  # where nothing says whether the server is still at it
_MOMENTS = 5  # looks, the first pause 0.05 seconds, in which a server notices that we left
_MOST_TRIES = 30  # more of them make a pause no longer
#: What a log has in place of each half of a character whose halves fell into two of its pieces.
#: Source: GET of the log of a run, chat-ui 2026-08 (measured).
_LOST = "\ufffd"
_TEXTS: tuple[type[Token | Reasoning], ...] = (Token, Reasoning)


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
        gap = Gap(self._record.events)
        held: list[Event] = []  # from the first half of a character on that the log has lost
        if "reattach" in self._dialect.features:
            try:
                for event in self.replay():
                    missing = gap.find_missing(event)
                    if missing is None:
                        continue
                    if held or (isinstance(missing, _TEXTS) and _LOST in missing.text):
                        held.append(missing)
                        filled = fill_in(held)
                        yield from filled
                        held = [] if filled else held
                    else:
                        yield missing
            except (GenerationError, TimedOut) as error:
                self.is_over = isinstance(error, GenerationError)
                if self.is_over or getattr(error, "phase", "") != "idle":
                    yield from held
                    raise
                trouble = trouble or error
            except (TransportError, ServerError, ProtocolError, AuthError) as error:
                trouble = trouble or error
        if not self._open.closed and (held or not self._record.is_complete):
            yield from self._read_stored(held, trouble)

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

    def _read_stored(self, held: list[Event], trouble: HugChatError | None) -> Iterator[Event]:
        """Yield what the stored conversation has beyond what has come.

        :param held: the end of the log, in whose text characters are lost.
        :raises IncompleteAnswer: it has no whole answer either.
        """
        stored = self._await_stored()
        if stored is not None and not self._open.closed:
            before = list(takewhile(lambda one: not isinstance(one, FinalAnswer), held))
            ends = held[len(before) :]  # the final answer of the log, and what is behind it
            told = [one for one in before if not isinstance(one, _TEXTS)]
            yield from told
            gap = Gap([*self._record.events, *ends[1:]])
            found = filter(None, map(gap.find_missing, stored.events))
            for event in found:
                if isinstance(event, FinalAnswer):
                    break
                yield event
            if stored.state == "interrupted":
                # a run that somebody stopped has a final answer in its log; one that died has none,
                # and what was stored of it last may be less than what came
                came, kept = self._record.streamed.rstrip(), stored.text.rstrip()
                is_less = came != kept and came.startswith(kept) and not self._was_stopped
                is_whole = bool(ends) or not (is_less or self.log_end == "interrupted")
            else:
                is_whole = stored.state == "done"
            for event in self._complete_text(stored, is_whole):
                told.append(event)
                yield event
            # some servers end a run when its reader leaves, so our own timeout cut what is stored
            left = isinstance(trouble, TimedOut) and not self._dialect.manners.survives_disconnect
            if is_whole and not left:
                yield StoredAnswer(stored.text, self._was_stopped or stored.state == "interrupted")
                yield from chain(found, ends[1:])
                return
            held = list(filter(None, map(Gap(told).find_missing, held)))
        yield from held
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
            raise TimedOut(GOES_ON, phase="total")

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
    units, which the server counts in, can.

    :param seen: the events that the reader has had.
    """

    def __init__(self, seen: Iterable[Event]) -> None:
        self._to_skip = {Token: 0, Reasoning: 0}  # units that the reader has
        self._others: list[Event] = []
        for event in seen:
            if isinstance(event, _TEXTS):
                self._to_skip[type(event)] += count_units(event.text)
            else:
                self._others.append(event)

    def find_missing(self, event: Event) -> Event | None:
        """Return what of a replayed event the reader lacks, if anything."""
        if isinstance(event, _TEXTS):
            kind = type(event)
            text, self._to_skip[kind] = skip_units(event.text, self._to_skip[kind])
            return kind(text) if text else None
        if isinstance(event, FinalAnswer):  # there is one, whose text was merged when it came
            return None if any(isinstance(one, FinalAnswer) for one in self._others) else event
        if event in self._others:
            self._others.remove(event)
            return None
        return event


def fill_in(held: list[Event]) -> list[Event]:
    """Return the end of a log with the characters that are lost in its text.

    Its final answer tells them: the whole text, or (after tools, or a try that was thrown away)
    the end of it.

    :returns: nothing while it does not tell all of them.
    """
    final = held[-1]
    if not isinstance(final, FinalAnswer):
        return []
    rest = {}  # kind → the units of its text, filled in
    for kind, whole in zip(_TEXTS, split_thinking(final.text)):
        broken = _to_units("".join(event.text for event in held if isinstance(event, kind)))
        core = _to_units(_from_units(broken).rstrip())
        # thinking keeps the blanks at its end, which would be taken for what was lost
        end = _to_units(whole.rstrip())[-len(core) :]
        head = core[: len(core) - len(end)]
        fits = all(unit in (_LOST, told) for unit, told in zip(core[len(head) :], end))
        if _LOST in core and (_LOST in head or not fits):
            return []
        rest[kind] = broken if _LOST not in core else head + end + broken[len(core) :]
    decoders = {kind: codecs.getincrementaldecoder("utf-16-le")("replace") for kind in _TEXTS}
    filled: list[Event] = []
    for event in held:
        if isinstance(event, _TEXTS):
            kind, length = type(event), count_units(event.text)
            part, rest[kind] = rest[kind][:length], rest[kind][length:]
            event = kind(decoders[kind].decode(_encode(part), not rest[kind]))
        if event not in (Token(""), Reasoning("")):
            filled.append(event)
    return filled


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
