"""The wiki's way of reading an answer: ask again and again, while a reader thread fills it."""

from __future__ import annotations

import threading
from typing import Any, Callable

from ..events import Token, WebSearch, WebSearchError, WebSearchSources, WebSearchStep
from .answer import Answer


class Polling:
    """The accessors of the old package; the first one asked starts the reader.

    Attributes never raise; methods raise the failure of the answer once there is one.
    """

    conversation_id: str
    web_search_enabled: bool
    _answer: Answer
    _spelling: threading.RLock  # two pollers must not take an event twice
    _is_taking = False  # below a signal handler that asks, in its own thread
    _taken = 0  # events that are in the two lists below
    _characters: list[str]
    _steps: list[dict[str, Any]]
    _steps_read = 0
    is_over: property  # whether the text is settled, or never will be
    _start: Callable[[], None]  # starts the reader thread, unless it runs
    _raise_failure: Callable[[], None]  # raises why the answer failed, if it did

    def _take_events(self) -> None:
        """Add what has come since the last time to the lists that were handed out."""
        self._start()
        with self._spelling:
            if self._is_taking:
                return
            self._is_taking = True
            try:
                for event in self._answer.events[self._taken :]:
                    if isinstance(event, Token):
                        self._characters.extend(event.text)
                    elif isinstance(event, WebSearch):
                        self._steps.append(_step_of(event))
                    self._taken += 1
            finally:
                self._is_taking = False

    # attributes ------------------------------------------------------------------------------

    @property
    def done(self) -> bool:
        """Whether the answer is finished or failed; never blocks."""
        self._start()
        return bool(self.is_over)

    @property
    def stream_text(self) -> list[str]:
        """The text so far as one growing list of single characters."""
        self._take_events()
        return self._characters

    @property
    def final_text(self) -> str | None:
        """The whole text, ``None`` until it is there."""
        self._start()
        return None if self._answer.final is None else self._answer.final.text

    @property
    def web_search_steps(self) -> list[dict[str, Any]]:
        """What the web search did so far, as one growing list of the dicts of 2023."""
        self._take_events()
        return self._steps

    @property
    def web_search_done(self) -> bool:
        """Whether there is nothing more to expect of the web search."""
        self._start()
        if not self.web_search_enabled or self.is_over:
            return True
        return any(isinstance(event, Token) for event in self._answer.events)

    # methods ---------------------------------------------------------------------------------

    def isDone(self) -> bool:
        """Return whether the answer is finished or failed; never blocks."""
        return self.done

    def getText(self) -> list[str]:
        """Return the text so far: one growing list of single characters."""
        text = self.stream_text
        self._raise_failure()
        return text

    def getFinalText(self) -> str | None:
        """Return the whole text, ``None`` until it is there."""
        text = self.final_text
        self._raise_failure()
        return text

    def getWebSearchSteps(self) -> list[dict[str, Any]]:
        """Return what the web search did so far.

        :returns: dicts ``{"type": "webSearch", "messageType": "update" | "error" | "sources",
            "message": str, "args"?: list, "sources"?: list}``, as a server of 2023 sent them.
        """
        steps = self.web_search_steps
        self._raise_failure()
        return steps

    def getWebSearchStep(self) -> dict[str, Any] | None:
        """Return the next step of the web search that was not read yet, or ``None``."""
        steps = self.getWebSearchSteps()
        with self._spelling:
            step = steps[self._steps_read] if self._steps_read < len(steps) else None
            self._steps_read += step is not None
            return step

    def getConversation(self) -> str:
        """Return the id of the conversation."""
        return self.conversation_id


def _step_of(event: WebSearch) -> dict[str, Any]:
    """Return *event* as the old package handed it out.

    Source: the update lines of chat-ui, 2023-10 (measured).
    """
    step: dict[str, Any] = {"type": "webSearch", "messageType": "update", "message": ""}
    if isinstance(event, WebSearchSources):
        found = [
            {"title": source.title, "link": source.link, "hostname": source.hostname}
            for source in event.sources
        ]
        step.update(messageType="sources", message="sources", sources=found)
    elif isinstance(event, (WebSearchStep, WebSearchError)):
        kind = "error" if isinstance(event, WebSearchError) else "update"
        step.update(messageType=kind, message=event.message)
        if event.args:
            step["args"] = list(event.args)
    return step
