"""The answer between 2024-02 and 2025-06: an error line that need not be the end, and more."""

from __future__ import annotations

from typing import Any, Iterable, Iterator

from ...errors import HugChatError, TransportError
from ...events import Event, ToolError
from ..fields import text_of
from ..updates import Updates

_NO_TITLES = ("New Chat", "💬")  # what stands there when no title could be made
_TAGS = ("<think>", "</think>")


class TreeUpdates(Updates):
    """The lines of one answer; an error is held until it is clear what it ended."""

    def __init__(self) -> None:
        super().__init__()
        self._error: HugChatError | None = None
        self._thought = False

    def read(self, chunks: Iterable[bytes]) -> Iterator[list[Event]]:
        """Return the events of a body; errors come after everything that arrived.

        :raises GenerationError: the server says that the run failed (or a subclass of it).
        :raises ProtocolError: a line is no update.

        Source: POST /conversation/{id}, chat-ui 2024-04 … 2024-12 (measured).
        """
        return super().read(self._until_lost(chunks))

    def _until_lost(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            yield from chunks
        except TransportError:
            if self._error is None:
                raise  # else the server's reason is the better one

    def failed(self, error: HugChatError) -> Iterator[Event]:
        """Hold the error of an error line; the answer may go on."""
        yield from self.flush()
        self._error = self._error or error

    def on_final(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the final answer, unless it is only what a failed run left behind.

        Source: chat-ui 2024-04 sends one after every error, and no key ``interrupted``; 2024-06 …
        2024-12 send one only when the error was about the call of a tool (measured).
        """
        if self._error is not None:
            if "interrupted" not in value:
                yield from self.flush()
                return
            yield ToolError("", str(self._error))
            self._error = None
        yield from super().on_final(value)

    def require_good(self) -> None:
        """Raise the error that was held."""
        if self._error is not None:
            raise self._error

    def on_title(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the new title, unless the server could make none."""
        if text_of(value, "title").strip() not in _NO_TITLES:
            yield from super().on_title(value)

    def on_reasoning(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield a piece of thinking without the tags around it.

        Source: chat-ui 2024-12 (measured): the first tag is thinking, the last one is text.
        """
        self._thought = True
        if text_of(value, "token").strip() not in _TAGS:
            yield from super().on_reasoning(value)

    def on_stream(self, value: dict[str, Any]) -> Iterable[Event]:
        """Return the events of a piece of text; the tag that ends the thinking is none."""
        thought, self._thought = self._thought, False
        if thought and text_of(value, "token").replace("\0", "").strip() == _TAGS[1]:
            return ()
        return super().on_stream(value)
