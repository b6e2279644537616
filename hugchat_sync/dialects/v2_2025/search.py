"""The web search of today: a tool server, whose calls are told as web-search events instead."""

from __future__ import annotations

import re
from typing import Any, Iterable, Iterator

from ...events import (
    Event,
    FinalAnswer,
    ToolCall,
    ToolError,
    ToolProgress,
    ToolResult,
    WebSearchError,
    WebSearchSources,
    WebSearchStep,
)
from ...records import Source
from ..base import Prompt
from ..records import LastRound
from ..updates import Updates
from .results import sources_in

_SEARCHES = re.compile(r"search|web|fetch|brows|crawl", re.IGNORECASE)
_QUESTIONS = ("query", "q", "search_query", "searchQuery", "search", "question", "objective")
_PAGES = ("url", "urls", "link")
_SEARCHING, _BROWSING = "Searching the web", "Browsing webpage"


class SearchUpdates(Updates):
    """Update lines of a run in which one tool server is the web search.

    A line does not say whose tool is called: where other servers are offered too, the names of
    the tool and of its arguments decide.

    :param alone: no other tool server is offered.
    """

    def __init__(self, alone: bool) -> None:
        super().__init__()
        self._alone = alone
        self._steps: dict[str, WebSearchStep] = {}  # of the calls that are the search, by uuid
        self._found: dict[str, Source] = {}  # by address

    def on_tool(self, value: dict[str, Any]) -> Iterable[Event]:
        """Yield the events of a tool, or what they mean where it is the search."""
        for event in super().on_tool(value):
            yield from self._as_search(event)

    def on_final(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the final answer; behind calls it may be the last round of the text only."""
        for event in super().on_final(value):
            if self._steps and type(event) is FinalAnswer:
                event = LastRound(event.text, event.interrupted)
            yield event

    def _as_search(self, event: Event) -> Iterator[Event]:
        if isinstance(event, ToolCall) and (self._alone or _is_search(event)):
            self._steps[event.uuid] = step = _step(event)
            yield step
            return
        if isinstance(event, (ToolProgress, ToolResult, ToolError)):
            step_before = self._steps.get(event.uuid)
            if step_before is not None:
                yield from self._goes_on(event, step_before)
                return
        yield event

    def _goes_on(self, event: Event, step: WebSearchStep) -> Iterator[Event]:
        if isinstance(event, ToolProgress):
            yield WebSearchStep(event.message or step.message, step.args)
        elif isinstance(event, ToolError):
            yield WebSearchError(event.message, step.args)
        elif isinstance(event, ToolResult):
            known = len(self._found)
            for found in sources_in(event.outputs):
                self._found.setdefault(found.link, found)
            if len(self._found) > known:
                yield WebSearchSources(tuple(self._found.values()))


def search_updates(prompt: Prompt) -> SearchUpdates:
    """Return what reads the lines of the answer to a message that names a search."""
    others = {*prompt.tool_servers, *(server["name"] for server in prompt.own_servers)}
    return SearchUpdates(alone=not others - {prompt.search_server})


def _is_search(call: ToolCall) -> bool:
    words = (call.name, *call.parameters)
    return any(_SEARCHES.search(word) or word in _QUESTIONS for word in words)


def _step(call: ToolCall) -> WebSearchStep:
    """Return the step that a call is: a search for words, or a look at a page."""
    for names, message in ((_QUESTIONS, _SEARCHING), (_PAGES, _BROWSING)):
        for name in names:
            asked = call.parameters.get(name)
            asked = asked[0] if isinstance(asked, list) and asked else asked
            if isinstance(asked, str) and asked:
                return WebSearchStep(message, (asked,))
    texts = [value for value in call.parameters.values() if isinstance(value, str) and value]
    return WebSearchStep(_SEARCHING, tuple(texts[:1]))
