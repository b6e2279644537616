"""Sources in what a search tool returns, which every tool spells in its own way."""

from __future__ import annotations

import re
from typing import Any, Iterable, Iterator

from ...errors import ProtocolError
from ...records import Source
from ..fields import dicts_of, text_of
from ..text import whole
from ..updates import source
from ..wire import read_json

_ADDRESS = re.compile(r"https?://[^\s<>\"']+")
_MARKDOWN = re.compile(r"\[([^\]\n]{1,300})\]\(\s*<?(https?://[^\s<>)]+)")
_TITLE_LINE = re.compile(r"^\W{0,4}title\W{0,4}[:=]\W{0,3}(.{1,300}?)\W{0,2}$", re.IGNORECASE)
_URL_LINE = re.compile(
    r"^\W{0,4}(?:url|link|source|href|id)\W{0,4}[:=]\s*\W{0,3}(https?://[^\s<>\"'`)]+)",
    re.IGNORECASE,
)
_LINKS = ("url", "link", "href", "uri", "sourceUrl", "source_url")
_TITLES = ("title", "name", "headline")
_DEEPEST = 12  # levels of a result that are looked into; none is that deep by itself
_LONGEST = 2_000_000  # characters of a result that are looked through


def sources_in(outputs: Iterable[Any]) -> tuple[Source, ...]:
    """Return the sources in the outputs of a tool, each address once, in their order."""
    found: dict[str, Source] = {}
    for output in outputs:
        for item in _in_output(output):
            found.setdefault(item.link, item)
    return tuple(found.values())


def _in_output(output: Any) -> list[Source]:
    """Return what the most telling part of an output holds: data, else its text, else links."""
    if not isinstance(output, dict):
        return []
    found = list(_in_value(output.get("structured"), 0))
    content = dicts_of(output, "content")
    for text in (text_of(output, "text"), *(text_of(item, "text") for item in content)):
        found = found or list(_in_text(text[:_LONGEST]))
    for item in content:  # resources, and links to them
        inner = item.get("resource")
        found.extend(_in_object(inner if isinstance(inner, dict) else item))
    return found


def _in_value(value: Any, depth: int) -> Iterator[Source]:
    if depth > _DEEPEST:
        return
    if isinstance(value, dict):
        yield from _in_object(value)
        for item in value.values():
            yield from _in_value(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _in_value(item, depth + 1)


def _in_object(value: dict[str, Any]) -> Iterator[Source]:
    for name in _LINKS:
        link = value.get(name)
        if isinstance(link, str) and _ADDRESS.match(link):
            titles = [text_of(value, title) for title in _TITLES]
            yield source(whole(link), next((title for title in titles if title), ""))
            return


def _in_text(text: str) -> Iterator[Source]:
    """Yield the sources in a text: JSON, blocks of "Title:" and "URL:", or Markdown links."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = read_json(text.encode("utf-8"))
        except ProtocolError:
            value = None  # it only looked like JSON
        if value is not None:
            yield from _in_value(value, 0)
            return
    blocks = list(_blocks(text))
    if blocks:
        yield from blocks
        return
    for title, link in _MARKDOWN.findall(text):
        yield source(link, title.strip())


def _blocks(text: str) -> Iterator[Source]:
    title = ""
    for line in text.splitlines():
        found = _URL_LINE.match(line)
        if found:
            yield source(found.group(1), title)
            title = ""
            continue
        named = _TITLE_LINE.match(line)
        title = named.group(1).strip() if named else title
