"""The answer of the oldest era: events of the model server, passed on as they are."""

from __future__ import annotations

from typing import Any, Iterable, Iterator

from ...calls import Reply
from ...errors import HugChatError, IncompleteAnswer, ProtocolError
from ...events import Event, FinalAnswer, Unknown
from ..errors import generation_error, read_error
from ..fields import need, text_of
from ..text import whole
from ..updates import Updates
from ..wire import read_json, sse_frames

#: What the server itself takes off the end, whatever the model.
_ALWAYS_STOPS = ("<|endoftext|>", "</s>")


class ModelEvents(Updates):
    """The model server's events on their way to ours; an object reads one answer.

    :param stops: the stop sequences that were asked for; they are no part of the text.
    """

    trims_start = True

    def __init__(self, stops: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._stops = stops
        self._said: list[str] = []

    def read(self, chunks: Iterable[bytes]) -> Iterator[list[Event]]:
        """Yield the pieces of an answer, and the whole text at its last event.

        :raises GenerationError: the model server sent an error, or stopped sending.
        :raises ProtocolError: an event is not in a shape we know.

        Source: POST /conversation/{id}, chat-ui 0.6.0, 2023-09 (measured).
        """
        for frames in sse_frames(chunks):
            events: list[Event] = []
            try:
                for _, data, _ in frames:
                    for event in self.line(_object(data)):
                        events.append(event)
            except HugChatError:
                if events:
                    yield events
                raise
            if events:
                yield events
        last = list(self.flush())
        if last:
            yield last
        if not self._answered:
            raise IncompleteAnswer(
                "the model server stopped before its last event: nothing of this is stored, and"
                " the same message can be sent again; .partial has what came"
            )

    def line(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield what one event means."""
        if "error" in value:
            yield from self.failed(_model_error(value))
        token, text = value.get("token"), value.get("generated_text")
        if not isinstance(token, dict) and not isinstance(text, str):
            yield Unknown(value)
            return
        special = ""
        if isinstance(token, dict):
            piece = need(token, "text", str)
            if token.get("special"):
                special = piece
            else:
                self._said.append(piece)
                yield from self.on_stream({"token": piece})
        if isinstance(text, str):
            yield from self.flush()
            self._answered = True
            yield FinalAnswer(self._stored(whole(text), special), False)

    def _stored(self, text: str, special: str) -> str:
        """Return *text* as the server stores it: without what stopped the model."""
        text, said = text.strip(), whole("".join(self._said)).strip()
        if said and special and text.startswith(said):
            text = said  # what stopped the model never came as a piece
        for stop in (*self._stops, *_ALWAYS_STOPS, special):
            if stop and text.endswith(stop):
                text = text[: -len(stop)].rstrip()
        return text


def _object(data: str) -> dict[str, Any]:
    value = read_json(data.encode("utf-8", "surrogatepass"))
    if not isinstance(value, dict):
        raise ProtocolError("an event of the answer is not a JSON object", line=data[:200])
    return value


def _model_error(value: Any) -> HugChatError:
    busy = text_of(value, "error_type") == "overloaded"
    return generation_error(text_of(value, "error"), 429 if busy else None)


def message_error(reply: Reply) -> HugChatError:
    """Return the error of a message that was not answered; most are the model server's own.

    Source: POST /conversation/{id}, chat-ui 0.6.0, 2023-09 (measured).
    """
    try:
        value = read_json(reply.body)
    except ProtocolError:
        return read_error(reply)
    if text_of(value, "error_type") and (reply.status == 500 or reply.status == 429):
        return _model_error(value)
    return read_error(reply)
