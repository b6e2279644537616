"""The web search of the oldest era: a reply of its own, growing objects with nothing between."""

from __future__ import annotations

from codecs import getincrementaldecoder
from json import JSONDecoder
from typing import Any, Iterable, Iterator

from ...errors import ProtocolError
from ...events import Event, Unknown, WebSearchError
from ..fields import need
from ..updates import read_search_line

_LONGEST = 16 * 1024 * 1024  # characters of one object; a search of that size is a mistake

_raw_decode = JSONDecoder(strict=False).raw_decode


def read_search(chunks: Iterable[bytes]) -> Iterator[list[Event]]:
    """Yield what a search tells, each piece of news once; at last ``Unknown({"search_id": id})``.

    A reply that ends without an id ends with a :class:`WebSearchError`: the question can still be
    asked, without what the search found.

    :raises ProtocolError: the body is something else.

    Source: GET /conversation/{id}/web-search, chat-ui 0.6.0, 2023-09 (measured).
    """
    shown = 0
    for value in _joined_objects(chunks):
        messages = need(value, "messages", list)
        for message in messages[shown:]:  # each object repeats what the earlier ones said
            kind = need(message, "type", str)
            if kind == "result":
                yield [Unknown({"search_id": need(message, "id", str)})]
                return  # the server never ends this reply
            if kind in ("update", "error", "sources"):
                yield [*read_search_line({**message, "messageType": kind})]
            else:
                yield [Unknown(message)]
        shown = max(shown, len(messages))
    yield [WebSearchError("The web search ended before its result came")]


def _joined_objects(chunks: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the JSON objects of a body that has them one behind the other.

    :raises ProtocolError: between two of them is something else, or one is too long.
    """
    decode = getincrementaldecoder("utf-8")("replace").decode
    pieces: list[str] = []
    size = 0
    for chunk in chunks:
        piece = decode(chunk)
        pieces.append(piece)
        size += len(piece)
        if size > _LONGEST:
            raise ProtocolError(f"a step of the web search is longer than {_LONGEST} characters")
        if "}" not in piece:
            continue  # nothing can be complete yet
        found, rest = _complete("".join(pieces))
        yield from found
        pieces, size = [rest], len(rest)
    _complete("".join(pieces))


def _complete(text: str) -> tuple[list[dict[str, Any]], str]:
    """Return the objects that *text* begins with, and the unfinished one behind them.

    :raises ProtocolError: there is something else.
    """
    found: list[dict[str, Any]] = []
    text = text.lstrip()
    while text:
        if not text.startswith("{"):
            raise ProtocolError("the web search is not made of JSON objects", line=text[:200])
        try:
            value, end = _raw_decode(text)
        except ValueError:
            break
        found.append(value)
        text = text[end:].lstrip()
    return found, text
