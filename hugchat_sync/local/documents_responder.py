"""Answers out of documents: what fits best, quoted, with its sources."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, Sequence
from urllib.parse import quote, urlsplit

from hugchat_sync.local.passages import Passage, cut, read_folder, search_over, words
from hugchat_sync.local.responder import Title, Turn
from hugchat_sync.local.steps import (
    Final,
    Pause,
    SearchFailure,
    SearchSource,
    SearchStep,
    Step,
    Text,
    ToolCall,
    ToolProgress,
    ToolResult,
)
from hugchat_sync.local.tool_servers import search_server_name, search_tool_name

_BEST = 3
_LONGEST_QUOTE = 900
_LONGEST_TITLE = 40
_PIECE = re.compile(r"\s*\S+|\s+")


def own_documents() -> Path:
    """Return the folder with this project's own documentation."""
    return Path(__file__).with_name("documents")


class Documents:
    """A responder that quotes documents. It invents nothing.

    :param folder: ``.rst``, ``.md`` and ``.txt`` files; this project's own when ``None``.
    :param delay: seconds between the words of an answer.
    :raises NotADirectoryError: no such folder.
    """

    def __init__(self, folder: str | Path | None = None, delay: float = 0.0) -> None:
        place = own_documents() if folder is None else Path(folder)
        if not place.is_dir():
            raise NotADirectoryError(f"no folder of documents: {place}")
        self._texts = read_folder(place)
        self._delay = delay
        passages = [one for name, text in self._texts.items() for one in cut(name, text)]
        self._search = search_over(passages)
        self._topics = list(dict.fromkeys(passage.title for passage in passages))

    def close(self) -> None:
        """Let go of the search; no answers can be given afterwards."""
        self._search.close()

    def document(self, name: str) -> str | None:
        """Return the text of a document."""
        return self._texts.get(name)

    def title(self, turn: Turn) -> Title | None:
        """Return the beginning of the prompt."""
        text = " ".join(turn.prompt.split())
        return Title(text if len(text) <= _LONGEST_TITLE else text[: _LONGEST_TITLE - 1] + "…")

    def answer(self, turn: Turn) -> Iterator[Step]:
        """Search, report the search if it was asked for, and quote."""
        terms = words(turn.prompt)
        found = self._search.find(terms, _BEST)
        if turn.web_search:
            yield from _told_as_search(turn, found)
        if search_server_name() in turn.tools:
            yield from _told_as_tool(turn, found)
        text = self._text(turn, terms, found)
        if turn.era == "lines-2023":
            # The models of that time began every answer with a blank.
            text = f" {text}"
        for piece in _PIECE.findall(text):
            if self._delay:
                yield Pause(self._delay)
            yield Text(piece)
        yield Final()

    def _text(self, turn: Turn, terms: Sequence[str], found: Sequence[Passage]) -> str:
        parts = []
        if turn.system_prompt:
            parts.append(f"(system prompt: {turn.system_prompt})")
        if turn.attachments:
            names = ", ".join(
                f"{file.name} ({len(file.content)} bytes)" for file in turn.attachments
            )
            parts.append(f"(files: {names})")
        unknown = [term for term in terms if not self._search.known(term)]
        if not found:
            topics = "\n".join(f"- {topic}" for topic in self._topics)
            parts.append(f"Nothing found in the documents about this. They are:\n{topics}")
            return "\n\n".join(parts)
        if unknown:
            parts.append(f"Nothing found about: {', '.join(unknown)}.")
        parts.extend(_quoted(passage) for passage in found[:2])
        lines = [
            f"{number}. [{passage.title}: {passage.heading}]({_link(turn, passage)})"
            for number, passage in enumerate(found, 1)
        ]
        parts.append("Sources:\n" + "\n".join(lines))
        return "\n\n".join(parts)


def _link(turn: Turn, passage: Passage) -> str:
    return f"{turn.base_url}/documents/{quote(passage.name)}"


def _quoted(passage: Passage) -> str:
    text = passage.text
    if len(text) > _LONGEST_QUOTE:
        text = text[:_LONGEST_QUOTE].rsplit("\n", 1)[0] + "\n…"
    lines = "\n".join(f"> {line}".rstrip() for line in text.splitlines())
    return f"**{passage.heading}** ({passage.title})\n\n{lines}"


def _told_as_search(turn: Turn, found: Sequence[Passage]) -> Iterator[Step]:
    yield SearchStep("Searching the documents", (" ".join(words(turn.prompt)),))
    if not found:
        yield SearchFailure("No results found for this search query")
        return
    yield SearchStep("Browsing results")
    for passage in found:
        yield SearchStep("Browsing webpage", (_link(turn, passage),))
    yield SearchStep("Extracting relevant information")
    for passage in found:
        link = _link(turn, passage)
        yield SearchSource(passage.title, link, urlsplit(link).hostname or "")


def _told_as_tool(turn: Turn, found: Sequence[Passage]) -> Iterator[Step]:
    call = ToolCall(search_tool_name(), {"query": turn.prompt})
    yield call
    yield ToolProgress(call.uuid, 1, 1, f"{len(found)} passages")
    results = [
        {"title": passage.title, "url": _link(turn, passage), "text": passage.text[:300]}
        for passage in found
    ]
    text = "\n\n".join(
        f"Title: {result['title']}\nURL: {result['url']}\nText: {result['text']}"
        for result in results
    )
    yield ToolResult(call.uuid, text or "No results found.", {"results": results})
