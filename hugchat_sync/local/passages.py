"""Documents cut into passages, and a full-text search over them."""

from __future__ import annotations

import logging
import math
import re
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Protocol, Sequence

_log = logging.getLogger(__name__)
_ENDINGS = (".rst", ".md", ".txt")
_HEADING_MD = re.compile(r"#{1,6}\s+(.*)")
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+])\1{2,}\s*$")
_WORD = re.compile(r"\w+")
_COMMON = """
a about an and any are as at be but by can could did do does for from get give had has
have he hello her hi his how i if in into is it its just let like may me my no not of on
one or our please say she should so some tell than that the their them then there these
they this to up use using want was we were what when where which who why will with without
would you your
"""


@dataclass(frozen=True)
class Passage:
    """A piece of a document under one heading.

    :param name: the file's path below the folder, with slashes.
    :param title: the title of the document.
    :param heading: the heading the text stands under.
    """

    name: str
    title: str
    heading: str
    text: str


def words(text: str) -> list[str]:
    """Return the words of a question that say what it is about.

    >>> words("How do I set a system prompt?")
    ['set', 'system', 'prompt']
    """
    found = [word.lower() for word in _WORD.findall(text)]
    return [word for word in dict.fromkeys(found) if word not in _COMMON.split()]


def read_folder(folder: Path) -> dict[str, str]:
    """Return the texts of a folder by their name, those of folders inside, too.

    A link that leads out of the folder is passed over: what is beside it was not meant to be read.
    """
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


def cut(name: str, text: str) -> Iterator[Passage]:
    """Yield the passages of a document: the text below each of its headings."""
    title = ""
    heading = ""
    body: list[str] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        found = _heading(lines, number)
        if found is None:
            if not _is_underline(lines, number):
                body.append(line)
            continue
        yield from _passage(name, title, heading, body)
        title = title or found
        heading = found
        body = []
    yield from _passage(name, title, heading, body)


def _passage(name: str, title: str, heading: str, body: Sequence[str]) -> Iterator[Passage]:
    text = "\n".join(body).strip()
    if text:
        yield Passage(name, title or name, heading or title or name, text)


def _is_underline(lines: Sequence[str], number: int) -> bool:
    line = lines[number]
    if not _UNDERLINE.match(line) or number == 0:
        return False
    above = lines[number - 1].strip()
    return bool(above) and len(line.rstrip()) >= len(above)


def _heading(lines: Sequence[str], number: int) -> str | None:
    markdown = _HEADING_MD.match(lines[number])
    if markdown:
        return markdown.group(1).strip()
    if number + 1 < len(lines) and lines[number].strip() and _is_underline(lines, number + 1):
        return lines[number].strip()
    return None


class Search(Protocol):
    """Finds passages."""

    def find(self, terms: Sequence[str], limit: int) -> list[Passage]:
        """Return the passages that fit the words best, the best first."""
        ...

    def known(self, term: str) -> bool:
        """Return whether the word occurs anywhere."""
        ...

    def close(self) -> None:
        """Let go of what the search holds."""
        ...


class FullText:
    """A search with SQLite's FTS5.

    :raises sqlite3.OperationalError: this SQLite was built without it.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._lock = threading.Lock()
        self._passages = list(passages)
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        try:
            self._create()
        except sqlite3.OperationalError:
            self._connection.close()
            raise

    def _create(self) -> None:
        self._connection.execute(
            "CREATE VIRTUAL TABLE passages USING fts5"
            " (title, heading, body, tokenize = 'porter unicode61')"
        )
        self._connection.executemany(
            "INSERT INTO passages (rowid, title, heading, body) VALUES (?, ?, ?, ?)",
            [(row, p.title, p.heading, p.text) for row, p in enumerate(self._passages)],
        )

    def find(self, terms: Sequence[str], limit: int) -> list[Passage]:
        """Return the passages that fit the words best, the best first."""
        if not terms:
            return []
        wanted = " OR ".join(f'"{term}"' for term in terms)
        with self._lock:
            rows = self._connection.execute(
                "SELECT rowid FROM passages WHERE passages MATCH ?"
                " ORDER BY bm25(passages, 4.0, 8.0, 1.0) LIMIT ?",
                (wanted, limit),
            ).fetchall()
        return [self._passages[row] for (row,) in rows]

    def known(self, term: str) -> bool:
        """Return whether the word occurs anywhere."""
        return bool(self.find([term], 1))

    def close(self) -> None:
        """Close the database in memory."""
        with self._lock:
            self._connection.close()


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


class PlainSearch:
    """A search that needs nothing: it counts words, rare ones more."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = list(passages)
        self._stems = [_weights(passage) for passage in passages]

    def find(self, terms: Sequence[str], limit: int) -> list[Passage]:
        """Return the passages that fit the words best, the best first."""
        stems = [_stem(term) for term in terms]
        rarity = {
            stem: math.log(1 + len(self._stems) / (1 + sum(stem in each for each in self._stems)))
            for stem in stems
        }
        scores = [
            (sum(each.get(stem, 0.0) * rarity[stem] for stem in stems), -position)
            for position, each in enumerate(self._stems)
        ]
        best = sorted((score for score in scores if score[0] > 0), reverse=True)[:limit]
        return [self._passages[-position] for _, position in best]

    def known(self, term: str) -> bool:
        """Return whether the word occurs anywhere."""
        stem = _stem(term)
        return any(stem in each for each in self._stems)

    def close(self) -> None:
        """Do nothing: this search holds nothing but memory."""


def _weights(passage: Passage) -> dict[str, float]:
    weights: dict[str, float] = {}
    for text, worth in ((passage.title, 4.0), (passage.heading, 8.0), (passage.text, 1.0)):
        for word in _WORD.findall(text.lower()):
            weights[_stem(word)] = weights.get(_stem(word), 0.0) + worth
    return weights


def search_over(passages: Sequence[Passage]) -> Search:
    """Return the best search this Python's SQLite allows."""
    try:
        return FullText(passages)
    except sqlite3.OperationalError:
        return PlainSearch(passages)
