"""The web search of servers where it is a request of its own, before the message."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Callable, Iterator

from ..calls import StreamCall
from ..dialects.base import Dialect, Prompt
from ..errors import ConnectionFailed, ProtocolError, TimedOut, TransportError, Unavailable
from ..events import Event, Unknown, WebSearchError
from ..transport.http import Transport
from ..transport.retry import Patience
from ..transport.stream import Stream


class PriorSearch:
    """The search of one message; ``events`` are what it told, to be shown before the answer."""

    def __init__(self, transport: Transport, dialect: Dialect, patience: Patience) -> None:
        self.events: list[Event] = []
        self._transport = transport
        self._dialect = dialect
        self._patience = patience
        self._stream: Stream | None = None
        self._closed = False

    def before(self, prompt: Prompt, pace: Callable[[], None]) -> Prompt:
        """Return *prompt* with what its search found; a search that fails costs only its results.

        :param pace: is called before the search, which the server counts like a message.
        :raises HugChatError: the server refuses the conversation, or who asks.
        """
        if not prompt.web_search or prompt.search_id is not None:
            return prompt
        call = self._dialect.search(prompt.conversation_id, prompt.text)
        if call is None:
            return prompt
        pace()
        try:
            found = self._performed(call)
        except (TransportError, Unavailable, ProtocolError) as error:
            if self._closed or (isinstance(error, TimedOut) and error.phase == "total"):
                raise
            self.events.append(WebSearchError("The web search broke off", (str(error),)))
            found = None
        if self._closed:
            raise ConnectionFailed("the web search was closed; the message was not sent")
        return replace(prompt, search_id=found)

    def _performed(self, call: StreamCall[Event]) -> str | None:
        self._stream = stream = self._transport.open(call, self._patience)
        stream.watch(lambda: len(self.events))
        if self._closed:  # meanwhile
            stream.close()
        with closing(stream):
            return self._read(stream.read(call))

    def _read(self, news: Iterator[Event]) -> str | None:
        """Keep what the search tells, and return the id under which the server knows it."""
        for event in news:
            if isinstance(event, Unknown) and set(event.raw) == {"search_id"}:
                return str(event.raw["search_id"])
            self.events.append(event)
        return None

    def close(self) -> None:
        """End the search, from any thread."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()
