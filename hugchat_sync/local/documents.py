"""Answers out of documents: what fits best, quoted with its sources. It invents nothing."""

from __future__ import annotations

import logging
import pkgutil
import re
import sqlite3
import threading
import weakref
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path
from typing import Iterator, Sequence, Tuple
from urllib.parse import quote

from .responder import Final, Pause, Step, Text, ToolCall, ToolProgress, ToolResult, Turn

SEARCH_SERVER = "Web Search (documents)"
SEARCH_TOOL = "web_search"

_log = logging.getLogger(__name__)

#: The pages of the guide. A list, because a zipped package has no folder to look into.
_GUIDE = """
getting-started cookies signing-in streaming web-apps futures many-prompts cron system-prompts
models web-search-tools-files errors proxies conversations terminal local-server server-eras
coming-from-hugchat
"""
_ENDINGS = (".rst", ".md", ".txt")
_BEST = 3
_SECOND_FITS = 0.65  # a second passage is quoted if it fits nearly as well
_LONGEST_QUOTE = 2000
_UNKNOWN_NAMED = 5
_STEM = 5  # letters that words of one stem share
_HEADING = re.compile(r"^#{1,6}[ \t]+(.*)$", re.M)
_UNDERLINED = re.compile(r"^(?=.*\S)(.+)\n([=\-~^\"'`#*+])\2{2,}[ \t]*$", re.M)
_FENCED = re.compile(r"^( *(?:```|~~~).*?^ *(?:```|~~~) *$)", re.M | re.S)
_KEPT = re.compile(r"\s*([-*+|>]|\d+\.)\s|\s{4}|\s*:\w+")  # lists, tables, code: lines matter
_PIECE = re.compile(r"\s*\S+|\s+")
_NO_FULL_TEXT = "This Python's SQLite has no full-text search (FTS5): nothing can be looked up."
_COMMON = """
a about all an and any are as at be but by can could did do does for from get give good had has
have he hello her hi his how i if in into is it its just let like may me my no not of ok okay on
one or our please run say she should so some tell than thank thanks that the their them then there
these they this to up use using want was we were what when where which who why will with without
would you your
"""
#: words that mean the same to whoever asks
_ALIKE = (
    "attach upload send",
    "break lose drop",
    "cancel stop abort interrupt",
    "choose select pick change switch",
    "continue resume",
    "clear delete remove erase",
    "image picture photo",
    "install pip setup",
    "login sign signin authenticate",
    "parallel concurrent several",
    "users people visitor",
    "429 ratelimited throttle limit",
)
_TWO_WORDS = (("log in", "login"), ("log out", "logout"), ("sign out", "logout"))


@dataclass(frozen=True)
class Passage:
    """A piece of a document under one heading; ``name`` is the file's path below the folder."""

    name: str
    title: str
    heading: str
    text: str


_Found = Tuple[Passage, float]  # and how well it fits


class Documents:
    """A responder that quotes documents.

    :param folder: ``.rst``, ``.md`` and ``.txt`` files; this project's own guide when ``None``.
    :param delay: seconds between the words of an answer.
    :param links: name sources by their address here, since this server stays.
    :raises NotADirectoryError: no such folder.
    """

    def __init__(
        self, folder: str | Path | None = None, delay: float = 0.0, links: bool = False
    ) -> None:
        self._texts = _read_guide() if folder is None else _read_folder(Path(folder))
        self._delay = delay
        self._links = links
        self._passages = [one for name, text in self._texts.items() for one in _split(name, text)]
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        weakref.finalize(self, self._connection.close)  # Python 3.13 warns of one left open
        self._works = True
        try:
            self._connection.execute(
                "CREATE VIRTUAL TABLE passages USING fts5"
                " (title, heading, body, tokenize = 'porter unicode61')"
            )
        except sqlite3.OperationalError:  # built without it
            self._works = False
            return
        self._connection.executemany(
            "INSERT INTO passages (rowid, title, heading, body) VALUES (?, ?, ?, ?)",
            [(row, p.title, p.heading, p.text) for row, p in enumerate(self._passages)],
        )

    def document(self, name: str) -> str | None:
        """Return the text of a document."""
        return self._texts.get(name)

    def answer(self, turn: Turn) -> Iterator[Step]:
        """Search, report the search as a tool if it may be used, and quote."""
        found, unknown = self._find(_find_words(turn.prompt))
        if SEARCH_SERVER in turn.tools:
            yield from _show_search(turn, [passage for passage, _ in found])
        for piece in _PIECE.findall(self._write(turn, found, unknown)):
            if self._delay:
                yield Pause(self._delay)
            yield Text(piece)
        yield Final()

    def _find(self, terms: Sequence[str]) -> tuple[list[_Found], list[str]]:
        """Return the passages that fit best and how well they do, and the words found nowhere.

        Headings weigh most. A passage with more of the words wins over one that has a word more
        often, and a heading of these words only over one that says more.
        """
        fits: dict[int, list[float]] = {}
        asked: set[str] = set()
        unknown = []
        query = "SELECT rowid, -bm25(passages, 2.0, 8.0, 1.0) FROM passages WHERE passages MATCH ?"
        for term in terms if self._works else ():
            alike = next((group.split() for group in _ALIKE if term in group.split()), [term])
            asked.update(word[:_STEM] for word in alike)
            with self._lock:
                wanted = " OR ".join(f'"{word}"' for word in alike)
                rows = self._connection.execute(query, (wanted,)).fetchall()
            for row, fit in rows:
                fits.setdefault(row, []).append(fit)
            if not rows:
                unknown.append(term)
        scores = []
        for row, found in fits.items():
            words = {word[:_STEM] for word in _find_words(self._passages[row].heading)}
            share = len(words & asked) / max(1, len(words))
            scores.append((sum(found) * len(found) * (1 + share), -row))
        ranked = sorted(scores, reverse=True)[:_BEST]
        return [(self._passages[-row], score) for score, row in ranked], unknown

    def _write(self, turn: Turn, found: Sequence[_Found], unknown: Sequence[str]) -> str:
        if not self._works:
            return _NO_FULL_TEXT
        parts = []  # what was sent besides shows that it arrived
        if turn.system_prompt:
            parts.append(f"(system prompt: {turn.system_prompt})")
        if turn.attachments:
            sizes = (f"{one.name} ({len(one.content)} bytes)" for one in turn.attachments)
            parts.append(f"(files: {', '.join(sizes)})")
        if not found:
            of_each = groupby(self._passages, lambda passage: passage.name)
            topics = [next(passages).heading for _, passages in of_each]
            intro = "Nothing found in the documents about this. They begin with:"
            if not unknown:  # there was no word to look for
                intro = "Hello! Answers come out of documents here. Three things to ask about:"
                topics = topics[:3]
            return "\n\n".join([*parts, intro, "\n".join(f"- {topic}" for topic in topics)])
        if unknown:
            parts.append(f"Nothing found about: {', '.join(unknown[:_UNKNOWN_NAMED])}.")
        for passage, fit in found[:2]:
            if fit >= found[0][1] * _SECOND_FITS:
                parts.append(f"### {passage.heading}\n\n{_write_markdown(passage.text)}")
        lines = []
        for passage, _ in found:
            where = _address_of(turn, passage) if self._links else passage.name
            lines.append(f"- {passage.title}: {passage.heading} ({where})")
        return "\n\n".join([*parts, "Sources:\n\n" + "\n".join(lines)])


def _find_words(text: str) -> list[str]:
    """Return the words of a question that say what it is about.

    What is piped in behind a blank line is context, not question.

    >>> _find_words("How do I set a system prompt?")
    ['set', 'system', 'prompt']
    """
    question = re.split(r"\n\s*\n", text.strip())[0].lower()
    for two, one in _TWO_WORDS:
        question = re.sub(two.replace(" ", r"(?:ged|ging)?[ -]"), one, question)
    found = dict.fromkeys(re.findall(r"\w+", question))
    return [word for word in found if word not in _COMMON.split()]


def _read_guide() -> dict[str, str]:
    """Return the texts of this project's own pages by their name."""
    names = [f"{name}.md" for name in _GUIDE.split()]
    found = ((name, pkgutil.get_data("hugchat_sync.local", f"documents/{name}")) for name in names)
    return {name: (text or b"").decode("utf-8") for name, text in found}


def _read_folder(folder: Path) -> dict[str, str]:
    """Return the texts of a folder by their name, those of folders inside, too.

    A link that leads out of the folder is passed over: what is beside it was not meant to be read.

    :raises NotADirectoryError: there is no such folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"no folder of documents: {folder}")
    texts = {}
    inside = folder.resolve()
    for path in sorted(folder.rglob("*")):
        try:
            place = path.resolve()
            if path.suffix not in _ENDINGS or not place.is_file():
                continue
            if inside not in place.parents:
                _log.warning("passed over, since it leads out of the folder: %s", path)
                continue
            text = place.read_text(encoding="utf-8", errors="replace")
        except (OSError, RuntimeError) as error:  # not for us to read; links in a circle
            _log.warning("cannot be read: %s: %s", path, error)
            continue
        # SQLite takes no name that is not Unicode.
        texts[path.relative_to(folder).as_posix().encode("utf-8", "replace").decode()] = text
    return texts


def _split(name: str, text: str) -> Iterator[Passage]:
    """Yield the passages of a document: the text below each of its headings."""
    sections = [["", ""]]
    for number, piece in enumerate(_FENCED.split("\n".join(text.splitlines()))):
        if number % 2:  # code has no headings
            sections[-1][1] += piece
            continue
        first, *headed = _HEADING.split(_UNDERLINED.sub(r"# \1", piece))
        sections[-1][1] += first
        sections += [[heading.strip(), body] for heading, body in zip(headed[::2], headed[1::2])]
    title = ""
    for heading, body in sections:
        title = title or heading
        if body.strip():
            yield Passage(name, title or name, heading or name, body.strip())


def _write_markdown(text: str) -> str:
    """Return a passage as Markdown: paragraphs on one line, code in fences."""
    parts: list[str] = []
    for number, piece in enumerate(_FENCED.split(text)):
        blocks = re.split(r"\n\s*\n", piece.strip("\n"))
        parts += [piece] if number % 2 else [_unwrap(block) for block in blocks if block]
    sizes = accumulate(len(part) for part in parts)
    kept = [part for part, size in zip(parts, sizes) if size <= _LONGEST_QUOTE]
    if len(kept) < len(parts):
        kept = [*(kept or [parts[0][:_LONGEST_QUOTE]]), "…"]
    return "\n\n".join(kept)


def _unwrap(block: str) -> str:
    """Return a paragraph on one line; where lines matter, as it is."""
    lines = block.splitlines()
    return block if any(map(_KEPT.match, lines)) else " ".join(line.strip() for line in lines)


def _address_of(turn: Turn, passage: Passage) -> str:
    return f"{turn.base_url}/documents/{quote(passage.name)}"


def _show_search(turn: Turn, found: Sequence[Passage]) -> Iterator[Step]:
    call = ToolCall(SEARCH_TOOL, {"query": turn.prompt})
    yield call
    yield ToolProgress(call.uuid, 1, 1, f"{len(found)} passages")
    results = [
        {"title": one.title, "url": _address_of(turn, one), "text": one.text[:300]} for one in found
    ]
    quoted = [f"Title: {one['title']}\nURL: {one['url']}\nText: {one['text']}" for one in results]
    text = "\n\n".join(quoted) or "No results found."
    yield ToolResult(call.uuid, text, {"results": results})
