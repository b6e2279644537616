"""The web search of today: a tool server, whose calls are told as web-search events instead.

What a search tool returns, every tool spells in its own way; the sources are looked for in it.
"""

from __future__ import annotations

import re
from typing import Any, Iterable, Iterator

from ...errors import ProtocolError
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
from ..fields import dicts_of, text_of
from ..records import LastRound, Prompt
from ..updates import Updates, source
from ..wire import read_json

# patterns are compiled at the first search
_SEARCHES = r"(?i)search|web|fetch|brows|crawl"
_QUESTIONS = ("query", "q", "search_query", "searchQuery", "search", "question", "objective")
_PAGES = ("url", "urls", "link")
_SEARCHING, _BROWSING = "Searching the web", "Browsing webpage"

_ADDRESS = r"https?://[^\s<>\"']+"
_MARKDOWN = r"\[([^\]\n]{1,300})\]\(\s*<?(https?://[^\s<>)]+)"
_TITLE_LINE = r"(?i)^\W{0,4}title\W{0,4}[:=]\W{0,3}(.{1,300}?)\W{0,2}$"
_URL_LINE = r"(?i)^\W{0,4}(?:url|link|source|href|id)\W{0,4}[:=]\s*\W{0,3}(https?://[^\s<>\"'`)]+)"
_LINKS = ("url", "link", "href", "uri", "sourceUrl", "source_url")
_TITLES = ("title", "name", "headline")
_DEEPEST = 12  # levels of a result that are looked into; none is that deep by itself
_LONGEST = 2_000_000  # characters of a result that are looked through


class SearchUpdates(Updates):
    """Update lines of a run in which one tool server is the web search.

    A line does not say whose tool is called: where other servers are offered too, the names of
    the tool and of its arguments decide.

    :param prompt: the message, which names the search.
    """

    def __init__(self, prompt: Prompt) -> None:
        super().__init__()
        offered = {*prompt.tool_servers, *(server["name"] for server in prompt.own_servers)}
        self._alone = offered <= {prompt.search_server}
        self._steps: dict[str, WebSearchStep] = {}  # of the calls that are the search, by uuid
        self._found: dict[str, Source] = {}  # by address

    def on_tool(self, value: dict[str, Any]) -> Iterable[Event]:
        """Yield the events of a tool, or what they mean where it is the search."""
        for event in super().on_tool(value):
            if isinstance(event, ToolCall) and (self._alone or _is_search(event)):
                self._steps[event.uuid] = step = _step(event)
                yield step
            elif isinstance(event, (ToolProgress, ToolResult, ToolError)) and (
                event.uuid in self._steps
            ):
                yield from self._go_on_searching(event, self._steps[event.uuid])
            else:
                yield event

    def on_final(self, value: dict[str, Any]) -> Iterator[Event]:
        """Yield the final answer; behind calls it may be the last round of the text only."""
        for event in super().on_final(value):
            if self._steps and type(event) is FinalAnswer:
                event = LastRound(event.text, event.interrupted)
            yield event

    def _go_on_searching(self, event: Event, step: WebSearchStep) -> Iterator[Event]:
        if isinstance(event, ToolProgress):
            yield WebSearchStep(event.message or step.message, step.args)
        elif isinstance(event, ToolError):
            yield WebSearchError(event.message, step.args)
        elif isinstance(event, ToolResult):
            before = len(self._found)
            for found in find_sources(event.outputs):
                self._found.setdefault(found.link, found)
            if len(self._found) > before:
                yield WebSearchSources(tuple(self._found.values()))


def _is_search(call: ToolCall) -> bool:
    words = (call.name, *call.parameters)
    return any(re.search(_SEARCHES, word) or word in _QUESTIONS for word in words)


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


# the sources in what a tool returns --------------------------------------------------------------


def find_sources(outputs: Iterable[Any]) -> tuple[Source, ...]:
    """Return the sources in the outputs of a tool, each address once, in their order."""
    found: dict[str, Source] = {}
    for output in outputs:
        for item in _find_in_output(output):
            found.setdefault(item.link, item)
    return tuple(found.values())


def _find_in_output(output: Any) -> list[Source]:
    """Return what the most telling part of an output holds: data, else its text, else links."""
    if not isinstance(output, dict):
        return []
    found = list(_find_in_value(output.get("structured")))
    content = dicts_of(output, "content")
    for text in (text_of(output, "text"), *(text_of(item, "text") for item in content)):
        found = found or list(_find_in_text(text[:_LONGEST]))
    return [*found, *_find_in_value(content)]  # resources, and links to them


def _find_in_value(value: Any, depth: int = 0) -> Iterator[Source]:
    """Yield the sources in data: of each object the first address, and those inside it."""
    if isinstance(value, dict):
        links = [text_of(value, name) for name in _LINKS]
        titles = [text_of(value, name) for name in _TITLES]
        for link in [link for link in links if re.match(_ADDRESS, link)][:1]:
            yield source(link, next(filter(None, titles), ""))
        value = list(value.values())
    for item in value if isinstance(value, list) and depth <= _DEEPEST else ():
        yield from _find_in_value(item, depth + 1)


def _find_in_text(text: str) -> Iterator[Source]:
    """Yield the sources in a text: JSON, blocks of "Title:" and "URL:", or Markdown links."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = read_json(text.encode("utf-8"))
        except ProtocolError:
            value = None  # it only looked like JSON
        if value is not None:
            yield from _find_in_value(value)
            return
    title, is_in_blocks = "", False
    for line in re.split("[\r\n]+", text):  # U+2028 and its like are ordinary characters
        found = re.match(_URL_LINE, line)
        named = re.match(_TITLE_LINE, line)
        if found:
            yield source(found.group(1), title)
            title, is_in_blocks = "", True
        elif named:
            title = named.group(1).strip()
    if not is_in_blocks:
        for title, link in re.findall(_MARKDOWN, text):
            yield source(link, title.strip())
